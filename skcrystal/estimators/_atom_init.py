"""Element vectors of the original CGCNN."""

from __future__ import annotations

import json
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Element

N_ELEMENTS = 118


def read_atom_init(
    atom_init: str | PathLike | Mapping, length: int
) -> NDArray[np.float32]:
    """Read a table of element vectors.

    Parameters
    ----------
    atom_init : str, Path or dict
        ``atom_init.json``, or what it holds: a dict of atomic numbers to lists of
        numbers.
    length : int
        Length F of the vectors.

    Returns
    -------
    ndarray of shape (119, F), float32
        By atomic number; NaN where there is no vector.

    Raises
    ------
    ValueError
        If there is no such file, or it holds something else, or nothing; or if a vector
        is not of that length. The message names the element.
    """
    named = "atom_init"
    if not isinstance(atom_init, Mapping):
        named = f"atom_init={str(atom_init)!r}"
        atom_init = _read_json(Path(atom_init), named)
    if not atom_init:
        raise ValueError(f"{named} holds no vector of any element.")
    table = np.full((N_ELEMENTS + 1, length), np.nan, np.float32)
    for key, numbers in atom_init.items():
        z = _atomic_number(key, named)
        vector = _vector(numbers)
        if vector.shape != (length,) or not np.isfinite(vector).all():
            raise ValueError(
                f"{named}: the vector of {Element.from_Z(z).symbol} ({key}) is "
                f"{str(numbers)[:60]}; the weights are for {length} finite numbers."
            )
        table[z] = vector
    return table


def _atomic_number(key: Any, named: str) -> int:
    try:
        z = int(key)
    except (TypeError, ValueError):
        z = 0
    if not 1 <= z <= N_ELEMENTS:
        raise ValueError(
            f"{named} has the key {key!r}; keys are atomic numbers, 1 to {N_ELEMENTS}."
        )
    return z


def _vector(numbers: Any) -> NDArray[np.float64]:
    try:
        return np.asarray(numbers, dtype=np.float64)
    except (TypeError, ValueError):
        return np.empty(0)


def _read_json(path: Path, named: str) -> Mapping:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"{named}: there is no such file.") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{named} is no JSON file ({error}).") from error
    if not isinstance(content, Mapping):
        raise ValueError(
            f"{named} holds a {type(content).__name__}; it should be a dict of atomic "
            "numbers to lists of numbers."
        )
    return content
