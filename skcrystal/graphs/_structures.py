"""Crystals of any supported type, as plain arrays."""

from collections.abc import Iterator, Mapping
from hashlib import blake2b
from os import PathLike
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import DummySpecies, IStructure

# Below this a cell is flat for any purpose: solid hydrogen has 20 Å^3 an atom.
_MIN_VOLUME = 1e-3


class CrystalArrays(NamedTuple):
    """Arrays of one crystal, as the neighbour search needs them."""

    lattice: NDArray[np.float64]  # (3, 3), rows are lattice vectors, Å
    positions: NDArray[np.float64]  # (N, 3), Cartesian, Å
    atomic_numbers: NDArray[np.uint8]  # (N,)
    pbc: NDArray[np.int64]  # (3,), 1 along periodic directions

    def fingerprint(self) -> bytes:
        """Digest of all the arrays: equal digests, equal graphs."""
        digest = blake2b(digest_size=16)
        for array in self:
            digest.update(array.tobytes())
        return digest.digest()


class PackedCrystals(NamedTuple):
    """Several crystals one behind the other: few arrays travel faster than many."""

    n_sites: NDArray[np.int64]  # (n,)
    lattice: NDArray[np.float64]  # (n, 3, 3)
    positions: NDArray[np.float64]  # (N, 3)
    atomic_numbers: NDArray[np.uint8]  # (N,)
    pbc: NDArray[np.int64]  # (n, 3)

    @classmethod
    def join(cls, crystals: list[CrystalArrays]) -> "PackedCrystals":
        lattice, positions, atomic_numbers, pbc = zip(*crystals, strict=True)
        return cls(
            np.array([len(z) for z in atomic_numbers]),
            np.stack(lattice),
            np.concatenate(positions),
            np.concatenate(atomic_numbers),
            np.stack(pbc),
        )

    def split(self) -> list[CrystalArrays]:
        stops = np.cumsum(self.n_sites)
        starts = (stops - self.n_sites).tolist()
        rows = zip(self.lattice, starts, stops.tolist(), self.pbc, strict=True)
        return [
            CrystalArrays(lattice, self.positions[a:b], self.atomic_numbers[a:b], pbc)
            for lattice, a, b, pbc in rows
        ]


def iter_crystals(X: Any) -> Iterator[CrystalArrays]:
    """Yield the arrays of each crystal of ``X``.

    Parameters
    ----------
    X : sequence of pymatgen Structure, IStructure or ASE Atoms
        List, tuple, 1-D object array or pandas Series of ordered crystals.
        Oxidation states and isotopes are reduced to the element.

    Yields
    ------
    CrystalArrays
        In the order of ``X``.

    Raises
    ------
    TypeError
        If an entry is not a crystal.
    ValueError
        If a site is disordered, a coordinate is not finite or a cell has no volume.
    """
    for i, crystal in enumerate(X):
        arrays = _as_arrays(crystal, i)
        if not arrays.pbc.all():
            arrays = arrays._replace(lattice=_complete(arrays.lattice, arrays.pbc))
        _check_arrays(arrays, i)
        yield arrays


def check_sequence(X: Any) -> None:
    """Refuse anything but a sequence of crystals, without conversion by numpy.

    Raises
    ------
    TypeError
        If `X` is one crystal or not a sequence.
    ValueError
        If `X` is empty or has more than one dimension.
    """
    if isinstance(X, IStructure) or _is_ase(X):
        raise TypeError(
            f"X is a single {type(X).__name__}; pass a list of crystals: [crystal]."
        )
    if isinstance(X, Mapping) and "data" in X:
        raise TypeError(
            f"X is a {type(X).__name__}; pass the crystals that it holds, its `data`."
        )
    if isinstance(X, str | bytes) or not (
        hasattr(X, "__len__") and hasattr(X, "__iter__")
    ):
        raise TypeError(
            f"X is a {type(X).__name__}, not a sequence of crystals; pass a list, "
            "a 1-D object array or a pandas Series of pymatgen Structures."
            f"{_hint_at_readers(X)}"
        )
    if getattr(X, "ndim", 1) != 1:
        raise ValueError(
            f"X has shape {X.shape}, but a 1-D sequence of crystals is expected. Of a "
            "DataFrame, pass the column with the crystals. "
            "np.array(structures) takes Structures apart into sites: pass the list, "
            "or fill an object array with `a = np.empty(n, object); a[:] = structures`."
        )
    if len(X) == 0:
        raise ValueError("X is empty: at least one crystal is needed.")


def _hint_at_readers(thing: Any) -> str:
    """Hint how to read a crystal from a file or a text."""
    if not isinstance(thing, str | bytes | PathLike | Mapping):
        return ""
    return (
        " skcrystal.datasets.parse_structures makes them of files, each given as "
        "pathlib.Path, and of CIF, POSCAR and dictionaries."
    )


def _is_ase(crystal: Any) -> bool:
    # ASE is optional, so its class is recognised without importing it.
    return any(
        c.__name__ == "Atoms" and c.__module__.partition(".")[0] == "ase"
        for c in type(crystal).__mro__
    )


def _as_arrays(crystal: Any, i: int) -> CrystalArrays:
    if isinstance(crystal, IStructure):
        lattice = np.ascontiguousarray(crystal.lattice.matrix, dtype=np.float64)
        # Not site.coords, which pymatgen would keep on every site from then on
        fractional = np.array([site.frac_coords for site in crystal.sites])
        return CrystalArrays(
            lattice,
            fractional.reshape(-1, 3) @ lattice,
            _atomic_numbers(crystal, i),
            np.array(crystal.lattice.pbc, dtype=np.int64),
        )
    if _is_ase(crystal):
        return CrystalArrays(
            np.ascontiguousarray(crystal.cell[:], dtype=np.float64),
            np.ascontiguousarray(crystal.positions, dtype=np.float64),
            _checked_numbers(crystal.numbers, i),
            np.array(crystal.pbc, dtype=np.int64),
        )
    hint = (
        "np.array() breaks Structures into sites; pass a list."
        if type(crystal).__name__ == "PeriodicSite"
        else f"Pass pymatgen Structures or ASE Atoms.{_hint_at_readers(crystal)}"
    )
    raise TypeError(f"X[{i}] is a {type(crystal).__name__}, not a crystal. {hint}")


def _atomic_numbers(structure: IStructure, i: int) -> NDArray[np.uint8]:
    numbers = []
    for s, site in enumerate(structure.sites):
        try:
            ((element, occupancy),) = site.species.items()
        except ValueError:  # none, or several
            occupancy = 0
        if occupancy != 1:
            raise ValueError(
                f"X[{i}]: site {s} is disordered "
                f"({site.species}). Order the crystal first, for example with "
                "pymatgen's OrderDisorderedStructureTransformation."
            )
        if isinstance(element, DummySpecies):
            raise ValueError(
                f"X[{i}]: site {s} holds the dummy species "
                f"{element}, which is not an element; replace or remove it."
            )
        numbers.append(element.Z)
    return np.array(numbers, dtype=np.uint8)


def _checked_numbers(numbers: NDArray[Any], i: int) -> NDArray[np.uint8]:
    # ASE's ghost atom "X" has number 0.
    bad = np.flatnonzero((numbers < 1) | (numbers > 118))
    if len(bad):
        raise ValueError(
            f"X[{i}]: site {bad[0]} has atomic number {numbers[bad[0]]}; "
            "elements are numbered 1 to 118."
        )
    return numbers.astype(np.uint8)


def _check_arrays(arrays: CrystalArrays, i: int) -> None:
    if len(arrays.atomic_numbers) == 0:
        raise ValueError(f"X[{i}] has no atoms; remove it.")
    for name, values in (
        ("lattice", arrays.lattice),
        ("coordinates", arrays.positions),
    ):
        # One bad value makes the sum bad, and a sum is the cheapest look at them all.
        if not np.isfinite(values.sum()):
            raise ValueError(
                f"X[{i}]: {name} hold values that are not finite: {values.tolist()}."
            )
    volume = abs(np.linalg.det(arrays.lattice))
    if volume < _MIN_VOLUME:
        raise ValueError(
            f"X[{i}]: the lattice {arrays.lattice.tolist()} has a volume of "
            f"{volume:.3g} Å^3; its periodic directions need independent vectors."
        )


def _complete(lattice: NDArray, pbc: NDArray) -> NDArray:
    """Give open directions unit vectors normal to the periodic ones.

    Vectors of open directions have no meaning, and are zero in ASE's molecules and
    slabs; but the neighbour search inverts the lattice.
    """
    periodic = lattice[pbc > 0]
    normal = np.linalg.svd(periodic)[2][len(periodic) :] if len(periodic) else np.eye(3)
    complete = lattice.copy()
    complete[pbc == 0] = normal
    return complete
