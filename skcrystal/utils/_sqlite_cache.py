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
    table, column : str
        Names of the table, and of the column with records. A table of other columns,
        of an earlier version, is begun anew.
    parameter : str
        Name of the user's parameter that gives the folder, for messages.
    """

    def __init__(self, path: Path, table: str, column: str, *, parameter: str) -> None:
        self.path = path
        self._table = table
        self._columns = ["key", "digest", column]
        self._parameter = parameter

    def get(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """Records that are there and whole, by key."""
        found: dict[bytes, bytes] = {}
        with self._connection() as connection:
            for i in range(0, len(keys), _CHUNK):
                some = keys[i : i + _CHUNK]
                marks = ",".join("?" * len(some))
                rows = connection.execute(
                    f"SELECT {', '.join(self._columns)} FROM {self._table} "
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
                self._make_table(connection)
                with connection:
                    yield connection
        except (sqlite3.OperationalError, OSError) as error:
            raise OSError(
                f"the cache {self.path} cannot be written or read ({error}); another "
                "process may hold it for long, or the folder is read-only: try again, "
                f"or set `{self._parameter}` to another folder."
            ) from error

    def _make_table(self, connection: sqlite3.Connection) -> None:
        if self._found_columns(connection) == self._columns:
            return
        # Locked, as other processes may be doing the same.
        connection.execute("BEGIN IMMEDIATE")
        if self._found_columns(connection) != self._columns:
            key, *others = self._columns
            blobs = ", ".join(f"{name} BLOB" for name in others)
            connection.execute(f"DROP TABLE IF EXISTS {self._table}")
            connection.execute(
                f"CREATE TABLE {self._table} ({key} BLOB PRIMARY KEY, {blobs}) "
                "WITHOUT ROWID"
            )
        connection.commit()

    def _found_columns(self, connection: sqlite3.Connection) -> list[str]:
        rows = connection.execute(f"PRAGMA table_info({self._table})").fetchall()
        return [row[1] for row in rows]


def digest(data: bytes) -> bytes:
    """Digest of 16 bytes."""
    return blake2b(data, digest_size=16).digest()
