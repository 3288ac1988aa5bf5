"""Journal of a campaign: records line by line on disk, safe against a kill."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, TextIO

import pandas as pd

from ...utils._files import write_atomically

VERSION = 1


class Journal:
    """Records of a campaign, in memory and in a file if there is a folder.

    Each record is one line of JSON, written through to the disk before `append`
    returns. A line that a crash cut short is not yet written, and is removed.

    Parameters
    ----------
    folder : str or Path, optional
        Made if needed. By default no file is written.

    Attributes
    ----------
    records : list of dict
        In the order of writing, those of earlier runs included.

    Raises
    ------
    ValueError
        If the file is damaged, or of another version.
    RuntimeError
        If another process is writing it.
    """

    NAME = "campaign.jsonl"

    def __init__(self, folder: str | Path | None = None) -> None:
        self.records: list[dict[str, Any]] = []
        self._file: TextIO | None = None
        if folder is None:
            return
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / self.NAME
        self._file = open(path, "a+", encoding="utf-8", newline="\n")
        try:
            _lock(self._file, path)
            self._read(self._file, path)
        except BaseException:
            self._file.close()
            raise

    def append(self, **record: Any) -> None:
        """Write a record; it is on disk when this returns."""
        if self._file is not None:
            self._file.write(json.dumps(record) + "\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        self.records.append(record)

    def write_table(self, frame: pd.DataFrame, name: str) -> None:
        """Write a table next to the journal, atomically."""
        if self._file is None:
            return
        with (
            write_atomically(self.folder / name) as part,
            open(part, "w", encoding="utf-8", newline="") as file,
        ):
            frame.to_csv(file, index=False)
            file.flush()
            os.fsync(file.fileno())

    def close(self) -> None:
        """Let go of the file, and of its lock."""
        if self._file is not None:
            self._file.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *exception: Any) -> None:
        self.close()

    def _read(self, file: TextIO, path: Path) -> None:
        data = path.read_bytes()
        whole, _, torn = data.rpartition(b"\n")
        if torn:
            file.truncate(len(data) - len(torn))
        for number, line in enumerate(whole.split(b"\n") if whole else [], 1):
            try:
                self.records.append(json.loads(line))
            except ValueError as error:
                raise ValueError(
                    f"{path} is damaged in line {number}; repair it, or start the "
                    "campaign in another directory."
                ) from error
        if self.records and self.records[0].get("version") != VERSION:
            raise ValueError(
                f"{path} is of version {self.records[0].get('version')}, but this "
                f"release reads version {VERSION}; go on with the release that wrote "
                "it, or start in another directory."
            )


def _lock(file: TextIO, path: Path) -> None:
    """Refuse a second writer; the system lets go of the lock when a process dies."""
    try:
        import fcntl
    except ImportError:  # Windows, where a second writer is not detected
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError) as error:
        raise RuntimeError(
            f"{path} is in use by another process; wait for it, or give another "
            "directory."
        ) from error
    except OSError:  # a file system without locks, as some clusters have
        return
