"""JSON read piece by piece, so that memory is that of an item, not of the file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, TextIO

_PIECE = 1 << 22  # characters read at a time; crystals take a thousandth of it
_ENDS = tuple(" \t\r\n,:]}")  # characters that may follow a value
_BLANK = re.compile(r"[ \t\r\n]*")


class JsonStream:
    """A place in a JSON text, which moves on as values are read.

    Parameters
    ----------
    file : text file
        Opened for reading, at the start of a value.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._text, self._at = "", 0  # text read last, and how far it was used
        self._decode = json.JSONDecoder().raw_decode

    def value(self) -> Any:
        """Read a whole value.

        Raises
        ------
        ValueError
            If there is none, or the text ends within it.
        """
        self._next()
        while True:
            try:
                value, end = self._decode(self._text, self._at)
            except json.JSONDecodeError:
                if not self._read():
                    raise
            else:
                # Of "1.5" or "1e-5", "1" may be all that was read or decoded.
                if self._text[end : end + 1] in _ENDS or not self._read():
                    self._at = end
                    return value

    def items(self) -> Iterator[Any]:
        """Read the items of an array, one after another."""
        self._take("[")
        if self._next() == "]":
            self._take("]")
            return
        while True:
            yield self.value()
            if self._take(",]") == "]":
                return

    def members(self) -> Iterator[str]:
        """Read the keys of an object; whoever takes one then reads its value."""
        self._take("{")
        if self._next() == "}":
            self._take("}")
            return
        while True:
            key = self.value()
            self._take(":")
            yield key
            if self._take(",}") == "}":
                return

    def _take(self, expected: str) -> str:
        found = self._next()
        if not found or found not in expected:
            raise ValueError(f"JSON has {found or 'its end'!r} instead of {expected!r}")
        self._at += 1
        return found

    def _next(self) -> str:
        """First character that is not blank, or an empty string at the end."""
        while True:
            blank = _BLANK.match(self._text, self._at)
            self._at = blank.end() if blank else self._at
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._read():
                return ""

    def _read(self) -> bool:
        """Read on; twice as much each time, so that a long value costs no more."""
        rest = self._text[self._at :]
        piece = self._file.read(max(_PIECE, len(rest)))
        self._text, self._at = rest + piece, 0
        return bool(piece)
