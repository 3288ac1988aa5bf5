"""Crystals that were parsed once, on disk."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import pymatgen.core

from ...utils._sqlite_cache import SQLiteCache, digest
from ...utils._warnings import stacklevel_of_caller
from ._text import Text

# Part of every key: raise it when a change makes another crystal of the same text.
_VERSION = 2


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
        path = Path(folder) / "skcrystal-structures.sqlite"
        self.records = SQLiteCache(path, "crystals", "crystal", parameter="cache")
        # Another pymatgen may read a text in another way
        self._salt = f"{_VERSION} {pymatgen.core.__version__} ".encode()

    def key(self, text: str) -> bytes:
        return digest(self._salt + text.encode("utf-8", "surrogatepass"))

    def get(self, keys: Sequence[bytes]) -> dict[bytes, Text]:
        """Return cached crystals by key."""
        return {key: _decode(data) for key, data in self.records.get(keys).items()}

    def put(self, parsed: dict[bytes, Text]) -> None:
        """Write crystals."""
        self.records.put({key: _encode(text) for key, text in parsed.items()})


def discard_if_damaged(cache: ParseCache) -> None:
    """Delete a file that SQLite cannot read; its crystals are parsed again."""
    if damage := cache.records.find_damage():
        warnings.warn(
            f"the cache of crystals {cache.records.path} is damaged ({damage}); it is "
            "begun anew.",
            stacklevel=stacklevel_of_caller(),
        )
        cache.records.path.unlink(missing_ok=True)


def _encode(text: Text) -> bytes:
    """Remarks as a line of JSON, then the packed crystal."""
    packed, remarks = text
    return json.dumps(remarks).encode() + b"\n" + packed


def _decode(data: bytes) -> Text:
    remarks, _, packed = data.partition(b"\n")
    return Text(packed, json.loads(remarks))
