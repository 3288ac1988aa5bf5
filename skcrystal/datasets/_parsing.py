"""Crystals out of text and dictionaries."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from os import PathLike
from typing import Any, NamedTuple

from pymatgen.core import Structure


class Parsed(NamedTuple):
    """What became of each source."""

    structures: list[Structure | None]  # None where parsing failed
    failed: dict[int, str]  # why, by position


def parse_structures(
    sources: Sequence[Any],
    *,
    names: Sequence[Hashable] | None = None,
    errors: str = "raise",
    n_jobs: int | None = None,
    verbose: bool = False,
    cache: str | PathLike | None = None,
) -> Parsed:
    """Parse crystals of any known form, in parallel."""
    raise NotImplementedError
