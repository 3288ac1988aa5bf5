"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def write_atomically(path: Path) -> Iterator[Path]:
    """Give a temporary path that takes the place of `path` at the end of the block.

    A process that is killed, or a disk that is full, leaves the old file or none.

    Parameters
    ----------
    path : Path
        In a folder that exists.

    Yields
    ------
    Path
        File to write, in the same folder.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.part")
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
