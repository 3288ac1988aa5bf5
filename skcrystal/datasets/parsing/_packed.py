"""Crystals as bytes, for workers' results and for the cache."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pymatgen.core import Composition, Element, IStructure, Lattice, Structure

_ARRAYS, _JSON = b"a", b"j"  # first byte: which form follows
_MIN_VOLUME = 1e-3  # Å^3; no graph is made of less
_HEADER = 1 + 3 + 72  # form, periodic directions, lattice


def pack_arrays(
    lattice: ArrayLike,
    atomic_numbers: ArrayLike,
    frac_coords: ArrayLike,
    pbc: ArrayLike = (True, True, True),
) -> bytes:
    """Pack an ordered crystal of neutral elements.

    Parameters
    ----------
    lattice : array of shape (3, 3)
        Rows are lattice vectors in Å.
    atomic_numbers : array of shape (N,)
    frac_coords : array of shape (N, 3)
    pbc : array of shape (3,)
        Periodic directions.

    Raises
    ------
    ValueError
        If there are no sites, numbers are not finite or the cell is flat.
    """
    lattice = np.asarray(lattice, np.float64)
    frac_coords = np.asarray(frac_coords, np.float64)
    _check(lattice, frac_coords)
    return b"".join(
        (
            _ARRAYS,
            np.asarray(pbc, np.uint8).tobytes(),
            lattice.tobytes(),
            np.asarray(atomic_numbers, np.uint8).tobytes(),
            frac_coords.tobytes(),
        )
    )


def pack(structure: IStructure) -> bytes:
    """Pack lattice, species and places; labels and properties of sites are left out.

    Raises
    ------
    ValueError
        If there are no sites, numbers are not finite or the cell is flat.
    """
    numbers = _plain_numbers(structure)
    coords = np.array([site.frac_coords for site in structure.sites]).reshape(-1, 3)
    lattice = structure.lattice
    if numbers is not None:
        return pack_arrays(lattice.matrix, numbers, coords, lattice.pbc)
    _check(lattice.matrix, coords)
    bare = Structure(
        structure.lattice,
        [site.species for site in structure.sites],
        coords,
    )
    return _JSON + json.dumps(bare.as_dict()).encode()


def unpack(packed: bytes) -> Structure:
    """Make the crystal again.

    Raises
    ------
    ValueError
        If the bytes are not those of `pack`.
    """
    if packed[:1] == _JSON:
        return Structure.from_dict(json.loads(packed[1:]))
    n_sites, rest = divmod(len(packed) - _HEADER, 25)
    if packed[:1] != _ARRAYS or rest or n_sites < 1:
        raise ValueError("these bytes are not a packed crystal")
    pbc = np.frombuffer(packed, np.uint8, 3, 1).astype(bool).tolist()
    lattice = np.frombuffer(packed, np.float64, 9, 4).reshape(3, 3)
    numbers = np.frombuffer(packed, np.uint8, n_sites, _HEADER)
    coords = np.frombuffer(packed, np.float64, 3 * n_sites, _HEADER + n_sites)
    species = _species()
    return Structure(
        Lattice(lattice, pbc=tuple(pbc)),
        [species[z] for z in numbers.tolist()],
        coords.reshape(-1, 3),
    )


def has_volume(lattice: NDArray[np.float64]) -> bool:
    """Whether three vectors span a cell."""
    return bool(abs(np.linalg.det(lattice)) >= _MIN_VOLUME)


def _check(lattice: NDArray[np.float64], frac_coords: NDArray[np.float64]) -> None:
    if len(frac_coords) == 0:
        raise ValueError("it has no sites")
    if not (np.isfinite(lattice).all() and np.isfinite(frac_coords).all()):
        raise ValueError("the cell or the places hold numbers that are not finite")
    if not has_volume(lattice):
        volume = abs(np.linalg.det(lattice))
        raise ValueError(f"the cell is flat: it has a volume of {volume:.3g} Å^3")


def _plain_numbers(structure: IStructure) -> NDArray[Any] | None:
    """Atomic numbers, if they say all about the species of the sites."""
    elements = _elements()
    numbers = []
    for site in structure.sites:
        species = site.species
        if len(species) != 1:
            return None
        ((element, occupancy),) = species.items()
        # Neither an ion nor an isotope, which has the number of its element
        if (
            occupancy != 1
            or not isinstance(element, Element)
            or elements[element.Z] is not element
        ):
            return None
        numbers.append(element.Z)
    return np.array(numbers)


@cache
def atomic_numbers() -> dict[str, int]:
    """Atomic numbers by symbol, without isotopes."""
    return {element.symbol: element.Z for element in _elements() if element}


@cache
def _elements() -> list[Element | None]:
    return [None, *(Element.from_Z(z) for z in range(1, 119))]


@cache
def _species() -> list[Composition | None]:
    # Given elements, pymatgen makes a composition for each site: half of the time, and
    # of the memory, that a Structure takes.
    return [element and Composition({element: 1}) for element in _elements()]
