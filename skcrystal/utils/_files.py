"""Files that are complete or absent."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def write_atomically(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`, which replaces it if all goes well.

    Readers and other writers never see half a file; of several writers the last wins.
    After an error, `path` is as it was and the temporary file is deleted.

    Parameters
    ----------
    path : Path
        In a folder that exists.

    Yields
    ------
    Path
        Of a file to be written and closed within the context.
    """
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
