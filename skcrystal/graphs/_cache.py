"""Graphs that were built once, on disk."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from ..utils._files import write_atomically
from ..utils._sqlite_cache import SQLiteCache, digest
from ._columns import COLUMNS, Columns, State, flatten, unflatten
from ._settings import GraphSettings
from ._structures import CrystalArrays

# Part of every key: raise it when a change makes other graphs of the same crystal.
_VERSION = 2


class GraphCache:
    """Single graphs by fingerprint, in one SQLite file.

    Parameters
    ----------
    folder : str or Path
        Made if it is not there; the file in it is ``skcrystal-graphs.sqlite``.
    settings : GraphSettings
        Graphs made with other settings have other keys.
    """

    def __init__(self, folder: str | Path, settings: GraphSettings) -> None:
        path = Path(folder) / "skcrystal-graphs.sqlite"
        self._records = SQLiteCache(path, "graphs", "graph", parameter="memory")
        self._salt = f"{_VERSION} {settings!r}".encode()

    def key(self, crystal: CrystalArrays) -> bytes:
        return digest(self._salt + crystal.fingerprint())

    def get(self, keys: Sequence[bytes]) -> dict[bytes, Columns]:
        """Return the graphs that are there, by key."""
        with self._readable():
            found = self._records.get(keys)
        return {key: _decode(record) for key, record in found.items()}

    def put(self, graphs: dict[bytes, Columns]) -> None:
        """Write graphs."""
        with self._readable():
            self._records.put({k: _encode(columns) for k, columns in graphs.items()})

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise OSError(
                f"the graph cache {self._records.path} cannot be used ({error}); "
                "delete it, or set `memory` to another folder."
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
