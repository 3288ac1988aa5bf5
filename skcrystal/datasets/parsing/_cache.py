"""Crystals that were parsed once, on disk."""

from __future__ import annotations

import json
import sqlite3
import warnings
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from hashlib import blake2b
from os import PathLike
from pathlib import Path

import pymatgen.core

from ._text import Text

# Part of every key: raise it when a change makes another crystal of the same text.
_VERSION = 2
_ROWS = 500  # SQLite takes up to 999 variables a statement in its oldest builds


class ParseCache:
    """Packed crystals by the digest of their text, in one SQLite file.

    Several processes may use it at once. Each crystal has a digest of its own, so that
    crystals damaged by a crash or a bad disk are parsed again.

    Parameters
    ----------
    folder : str or Path
        Made if it is not there; the file in it is ``skcrystal-structures.sqlite``.
    """

    def __init__(self, folder: str | PathLike) -> None:
        self.path = Path(folder) / "skcrystal-structures.sqlite"
        # Another pymatgen may read a text in another way
        self._salt = f"{_VERSION} {pymatgen.core.__version__} ".encode()

    def key(self, text: str) -> bytes:
        data = text.encode("utf-8", "surrogatepass")
        return _digest(self._salt + data)

    def get(self, keys: Sequence[bytes]) -> dict[bytes, Text]:
        """Return cached crystals by key."""
        found = {}
        with self._connection() as connection:
            for i in range(0, len(keys), _ROWS):
                some = keys[i : i + _ROWS]
                marks = ",".join("?" * len(some))
                rows = connection.execute(
                    "SELECT key, digest, crystal, remarks FROM crystals "
                    f"WHERE key IN ({marks})",
                    some,
                )
                for key, digest, packed, remarks in rows:
                    if digest == _digest(packed + remarks.encode()):
                        found[key] = Text(packed, json.loads(remarks))
        return found

    def put(self, parsed: dict[bytes, Text]) -> None:
        """Keep crystals."""
        rows = []
        for key, (packed, remarks) in parsed.items():
            text = json.dumps(remarks)
            rows.append((key, _digest(packed + text.encode()), packed, text))
        with self._connection() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO crystals VALUES (?, ?, ?, ?)", rows
            )

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.path, timeout=60)) as connection:
                # A crash may lose or damage rows, which the digests detect
                connection.execute("PRAGMA synchronous = OFF")
                connection.execute(
                    "CREATE TABLE IF NOT EXISTS crystals (key BLOB PRIMARY KEY, "
                    "digest BLOB, crystal BLOB, remarks TEXT) WITHOUT ROWID"
                )
                with connection:
                    yield connection
        except (sqlite3.OperationalError, OSError) as error:
            raise OSError(
                f"the cache of crystals {self.path} cannot be written or read "
                f"({error}); another process may hold it for long, or the folder is "
                "read-only: try again, or set `cache` to another folder."
            ) from error


def discard_if_damaged(cache: ParseCache) -> None:
    """Delete a file that SQLite cannot read; its crystals are parsed again."""
    try:
        with cache._connection() as connection:
            (answer,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.DatabaseError as error:
        answer = str(error)
    if answer != "ok":
        warnings.warn(
            f"the cache of crystals {cache.path} is damaged ({answer}); it is begun "
            "anew.",
            stacklevel=4,
        )
        cache.path.unlink(missing_ok=True)


def _digest(data: bytes) -> bytes:
    return blake2b(data, digest_size=16).digest()
