"""Plain CIFs, several times faster than pymatgen's general way and equal to it.

Most CIFs that models learn from hold one ordered crystal: numbers for the cell,
symmetry operations spelled out, an element and three coordinates a site. Those are read
here, from the words that pymatgen's parser has already split and repaired. At the
least sign of anything else the general way is taken.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from math import gcd
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Element, Lattice
from pymatgen.core.operations import SymmOp
from pymatgen.io.cif import str2float

from ._packed import pack_arrays

# pymatgen takes sites this close (fractional) for one; distances near this are left to
# it.
_SAME, _APART = 0.5e-4, 2e-4
_MIN_THICKNESS = 0.01  # Å; flatter cells are pymatgen's to refuse
_OPERATIONS = "_symmetry_equiv_pos_as_xyz", "_space_group_symop_operation_xyz"
# Names of data that change sites, or pymatgen's remarks about them
_UNUSUAL = "_atom_type_oxidation_number", "_atom_site_attached_hydrogens"
_CELL = [f"_cell_length_{x}" for x in "abc"] + [
    f"_cell_angle_{x}" for x in ("alpha", "beta", "gamma")
]
_PLACES = [f"_atom_site_fract_{x}" for x in "xyz"]


def plain_cif(parser: Any) -> bytes | None:
    """Pack the crystal of a plain CIF; None, if it is not plain.

    Parameters
    ----------
    parser : CifParser
        Has read the text, and not made structures yet.

    Returns
    -------
    bytes or None
        Sites in the order of pymatgen's: by electronegativity, then as in the file.
    """
    blocks = list(parser.as_dict().values())
    if len(blocks) != 1 or parser.feature_flags["magcif"]:
        return None
    try:
        return _read(blocks[0])
    except (KeyError, TypeError, ValueError):
        # Something is missing, or not a number: pymatgen may read it, or explain the
        # error
        return None


def _read(data: dict[str, Any]) -> bytes | None:
    symbols = data["_atom_site_type_symbol"]
    plain = _plain_elements()
    if any(key in data for key in _UNUSUAL) or not all(s in plain for s in symbols):
        return None
    if any(_numbers(data.get("_atom_site_occupancy", [])) != 1):
        return None
    places = np.column_stack([_numbers(data[name]) for name in _PLACES])
    lattice = Lattice.from_parameters(*_numbers([data[name] for name in _CELL]))
    thickness = 1 / np.linalg.norm(lattice.inv_matrix, axis=0)
    if len(places) != len(symbols) or not thickness.min() > _MIN_THICKNESS:
        return None
    operations = _operations(data)
    if operations is None:
        return None
    # The order of sites of pymatgen's, which is stable
    order = sorted(range(len(symbols)), key=lambda i: plain[symbols[i]])
    found = _expand(places[order], operations)
    if found is None:
        return None
    coords, site = found
    numbers = np.array([plain[symbols[i]][2] for i in order])[site]
    if not _agrees(data.get("_chemical_formula_sum"), numbers):
        return None
    return pack_arrays(lattice.matrix, numbers, coords)


def _numbers(words: list[str]) -> NDArray[np.float64]:
    """Numbers out of words, of which some may have an uncertainty in brackets."""
    try:
        return np.array(words, dtype=np.float64)
    except ValueError:
        return np.array([str2float(word) for word in words])


def _operations(data: dict[str, Any]) -> NDArray[np.float64] | None:
    """Symmetry operations of shape (n, 3, 4): rotations, and translations last."""
    for name in _OPERATIONS:
        words = data.get(name)
        if isinstance(words, list) and words:
            return np.stack([_operation(word) for word in words])
    return None


@lru_cache(maxsize=10_000)
def _operation(word: str) -> NDArray[np.float64]:
    return SymmOp.from_xyz_str(word).affine_matrix[:3]


def _expand(
    places: NDArray[np.float64], operations: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.intp]] | None:
    """All sites of the cell, and which of the given ones each comes from.

    None, if sites of two that were given fall together, or nearly so.
    """
    moved = places @ operations[:, :, :3].transpose(0, 2, 1) + operations[:, None, :, 3]
    images = moved.transpose(1, 0, 2)  # (sites, operations, 3)
    images = images - np.floor(images)
    site = np.repeat(np.arange(len(places)), len(operations))
    if len(operations) > 1:
        firsts = []
        for group in images:
            first = _first_of_equal(group)
            if first is None:
                return None
            firsts.append(first)
        mask = np.concatenate(firsts)
        coords, site = images.reshape(-1, 3)[mask], site[mask]
    else:
        coords = images.reshape(-1, 3)
    distance = _distances(coords)
    np.fill_diagonal(distance, 1)
    return None if (distance < _APART).any() else (coords, site)


def _first_of_equal(images: NDArray[np.float64]) -> NDArray[np.bool_] | None:
    """Mask of the first of each place; None where equality is unclear."""
    distance = _distances(images)
    equal = distance < _SAME
    if (equal != (distance < _APART)).any():
        return None
    return equal.argmax(axis=1) == np.arange(len(images))


def _distances(coords: NDArray[np.float64]) -> NDArray[np.float64]:
    """Largest fractional difference of all pairs, to the nearest image."""
    largest = np.zeros((len(coords), len(coords)))
    for x in coords.T:
        apart = x[:, None] - x
        np.maximum(largest, np.abs(apart - np.round(apart)), out=largest)
    return largest


def _agrees(formula: Any, numbers: NDArray[np.intp]) -> bool:
    """Whether the sites are a multiple of the formula that the file states."""
    if not isinstance(formula, str):
        return False
    stated: dict[str, int] = {}
    words = re.findall(r"([A-Z][a-z]?)(\d*)\s*", formula)
    if "".join(symbol + n for symbol, n in words) != re.sub(r"\s", "", formula):
        return False
    for symbol, n in words:
        stated[symbol] = stated.get(symbol, 0) + int(n or 1)
    z, n_sites = np.unique(numbers, return_counts=True)
    elements = _plain_elements()
    if {elements[s][2] for s in stated if s in elements} != set(z.tolist()):
        return False
    counts = [stated[Element.from_Z(int(i)).symbol] for i in z]
    return len(counts) == len(stated) and _reduced(counts) == _reduced(n_sites.tolist())


def _reduced(counts: list[int]) -> list[int]:
    divisor = gcd(*counts)
    return [n // divisor for n in counts] if divisor else counts


@cache
def _plain_elements() -> dict[str, tuple[float, str, int]]:
    """Key of the sites' order and atomic number, by symbol.

    Without isotopes, and without elements that have no electronegativity to be sorted
    by: pymatgen warns of those.
    """
    elements = [Element.from_Z(z) for z in range(1, 104) if z not in (2, 10, 18)]
    return {e.symbol: (float(e.X), e.symbol, e.Z) for e in elements}
