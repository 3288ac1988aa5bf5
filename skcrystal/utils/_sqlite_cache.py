"""Records by key in one SQLite file, which several processes share."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from hashlib import blake2b
from pathlib import Path

_CHUNK = 500  # SQLite takes up to 999 variables a statement in its oldest builds


class SQLiteCache:
    """Records of bytes by key, in a table of an SQLite file.

    Looking a record up takes less than opening a file of its own. SQLite is safe for
    several processes, and for one that is killed while it writes. A record that a crash
    of the machine or a bad disk has damaged is as good as absent: each has a digest.

    Parameters
    ----------
    path : Path
        Made if it does not exist, with its folder.
    table : str
        A name for each form of records; the file may have several.
    parameter : str
        Name of the user's parameter that gives the folder, for messages.
    """

    def __init__(self, path: Path, table: str, *, parameter: str) -> None:
        self.path = path
        self._table = table
        self._parameter = parameter

    def get(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """Records that are there and whole, by key."""
        found: dict[bytes, bytes] = {}
        with self._connection() as connection:
            for i in range(0, len(keys), _CHUNK):
                some = keys[i : i + _CHUNK]
                marks = ",".join("?" * len(some))
                rows = connection.execute(
                    f"SELECT key, digest, record FROM {self._table} "
                    f"WHERE key IN ({marks})",
                    some,
                )
                for key, digest_, record in rows:
                    if digest_ == digest(record):
                        found[key] = record
        return found

    def put(self, records: Mapping[bytes, bytes]) -> None:
        """Write records in place of those of the same keys."""
        rows = [(key, digest(record), record) for key, record in records.items()]
        with self._connection() as connection:
            connection.executemany(
                f"INSERT OR REPLACE INTO {self._table} VALUES (?, ?, ?)", rows
            )

    def find_damage(self) -> str | None:
        """Damage of the file as a whole, as SQLite describes it; None without any."""
        try:
            with self._connection() as connection:
                (answer,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        except sqlite3.DatabaseError as error:
            answer = str(error)
        return None if answer == "ok" else answer

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.path, timeout=60)) as connection:
                # A crash of the machine may damage records, which digests detect.
                connection.execute("PRAGMA synchronous = OFF")
                connection.execute(
                    f"CREATE TABLE IF NOT EXISTS {self._table} "
                    "(key BLOB PRIMARY KEY, digest BLOB, record BLOB) WITHOUT ROWID"
                )
                with connection:
                    yield connection
        except (sqlite3.OperationalError, OSError) as error:
            raise OSError(
                f"the cache {self.path} cannot be written or read ({error}); another "
                "process may hold it for long, or the folder is read-only: try again, "
                f"or set `{self._parameter}` to another folder."
            ) from error


def digest(data: bytes) -> bytes:
    """Digest of 16 bytes."""
    return blake2b(data, digest_size=16).digest()
