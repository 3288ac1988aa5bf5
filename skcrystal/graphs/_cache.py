"""Graphs that were built once, on disk."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from ..utils._files import write_atomically
from ._columns import COLUMNS, Columns, State, flatten, unflatten
from ._settings import GraphSettings
from ._structures import CrystalArrays

# Part of every key: raise it when a change makes other graphs of the same crystal.
_VERSION = 2
_ROWS = 500  # SQLite takes up to 999 variables a statement in its oldest builds


class GraphCache:
    """Single graphs by fingerprint, in one SQLite file.

    Looking a graph up must cost less than building it, a tenth of a millisecond, so a
    file for each graph would be too slow. SQLite is safe for several processes, and
    for one that is killed while it writes.

    Parameters
    ----------
    folder : str or Path
        Made if it is not there; the file in it is ``skcrystal-graphs.sqlite``.
    settings : GraphSettings
        Graphs made with other settings have other keys.
    """

    def __init__(self, folder: str | Path, settings: GraphSettings) -> None:
        self.path = Path(folder) / "skcrystal-graphs.sqlite"
        self._salt = f"{_VERSION} {settings!r}".encode()

    def key(self, crystal: CrystalArrays) -> bytes:
        return blake2b(self._salt + crystal.fingerprint(), digest_size=16).digest()

    def get(self, keys: Sequence[bytes]) -> dict[bytes, Columns]:
        """Return the graphs that are there, by key."""
        found: dict[bytes, Columns] = {}
        with self._connection() as connection:
            for i in range(0, len(keys), _ROWS):
                some = keys[i : i + _ROWS]
                marks = ",".join("?" * len(some))
                rows = connection.execute(
                    f"SELECT key, graph FROM graphs WHERE key IN ({marks})", some
                )
                found.update((key, _decode(blob)) for key, blob in rows)
        return found

    def put(self, graphs: dict[bytes, Columns]) -> None:
        """Keep graphs; those already there are left alone."""
        with self._connection() as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO graphs VALUES (?, ?)",
                [(key, _encode(columns)) for key, columns in graphs.items()],
            )

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            connection = sqlite3.connect(self.path, timeout=60)
            try:
                connection.execute(
                    "CREATE TABLE IF NOT EXISTS graphs "
                    "(key BLOB PRIMARY KEY, graph BLOB) WITHOUT ROWID"
                )
                with connection:
                    yield connection
            finally:
                connection.close()
        except sqlite3.OperationalError as error:
            raise OSError(
                f"the graph cache {self.path} cannot be written or read ({error}); "
                "another process may hold it for long, or the folder is read-only: try "
                "again, or set `memory` to another folder."
            ) from error
        except sqlite3.DatabaseError as error:
            raise OSError(
                f"the graph cache {self.path} cannot be used ({error}); delete it, or "
                "set `memory` to another folder."
            ) from error


def _encode(columns: Columns) -> bytes:
    names = [name for name in COLUMNS if name in columns]
    arrays: list[NDArray] = [
        np.ascontiguousarray(columns[n], COLUMNS[n][0]) for n in names
    ]
    sizes = np.array(
        [len(columns[n]) if n in columns else -1 for n in COLUMNS], dtype=np.int64
    )
    return b"".join(array.tobytes() for array in (sizes, *arrays))


def _decode(blob: bytes) -> Columns:
    columns: Columns = {}
    start = 8 * len(COLUMNS)
    sizes = np.frombuffer(blob[:start], dtype=np.int64)
    for size, (name, (dtype, _, tail)) in zip(sizes, COLUMNS.items(), strict=True):
        if size < 0:
            continue
        shape = (int(size), *tail)
        count = int(np.prod(shape))
        columns[name] = np.frombuffer(blob, dtype, count, start).reshape(shape)
        start += columns[name].nbytes
    return columns


_FORMAT = "skcrystal-graphs-2"
_DTYPES = {
    "U8": np.uint8,
    "I16": np.int16,
    "I32": np.int32,
    "I64": np.int64,
    "F32": np.float32,
}


def write_state(path: Path, state: State) -> None:
    """Write graphs to `path`, complete or not at all."""
    settings = json.dumps(state.settings and asdict(state.settings))
    with write_atomically(path) as part:
        # A mapped column is a memmap over a read-only buffer, which save_file rejects.
        save_file(
            {
                name: np.ascontiguousarray(array)
                for name, array in flatten(state.columns, state.counts).items()
            },
            part,
            metadata={"format": _FORMAT, "settings": settings},
        )


def map_state(path: Path) -> State:
    """Map the graphs of `path`, whose columns stay on disk.

    Raises
    ------
    ValueError
        If the file is not one of ours, or is cut short.
    """
    try:
        # The library checks the header and the length of the file.
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
    except SafetensorError as error:
        raise ValueError(
            f"{path} is damaged or not a file of graphs ({error}); make it again with "
            "CrystalGraphs.save."
        ) from error
    if metadata.get("format") != _FORMAT:
        raise ValueError(
            f"{path} is in the format {metadata.get('format')!r}, not "
            f"{_FORMAT!r}; make it again with CrystalGraphs.save."
        )
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
    arrays: dict[str, NDArray] = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        start, end = entry["data_offsets"]
        dtype, shape = _DTYPES[entry["dtype"]], tuple(entry["shape"])
        if start == end:  # an empty file region cannot be mapped
            arrays[name] = np.empty(shape, dtype)
        else:
            arrays[name] = np.memmap(
                path, dtype, mode="r", offset=8 + size + start, shape=shape
            )
    settings = json.loads(metadata["settings"])
    return State(*unflatten(arrays), settings and GraphSettings(**settings))
