"""Perturbed copies of crystals, for networks to learn from."""

from __future__ import annotations

from functools import cache
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Lattice, Structure
from sklearn.utils import check_random_state

from ._structures import CrystalArrays, check_sequence, iter_crystals

# Farther, atoms pass through each other and cells fold.
MAX_DISPLACEMENT = 0.5  # Å
MAX_STRAIN = 0.1


def augment_crystals(
    X: Any,
    n_copies: int = 1,
    *,
    displacement: float = 0.0,
    strain: float = 0.0,
    supercell: int = 1,
    random_state: Any = None,
) -> list[Structure]:
    """Make perturbed copies of crystals.

    A copy is a supercell first, if requested, whose atoms are then displaced, each by
    itself, and whose lattice is strained at last, atoms moving along.

    Copies are meant to keep the labels of their crystals, which of relaxed crystals is
    not quite true. At a minimum of energy displacements cost energy, to second order:
    thermal motion at 300 K, some 0.06 Å a component, costs 3/2 k_B T or 0.04 eV/atom,
    and 0.02 Å a ninth of that. Strain of 0.01 costs a few meV/atom, too, but moves gaps
    to first order, by some 0.1 eV. Copies make predictions smooth: similar crystals
    have similar labels, as noise on the input does for any network.

    Supercells by themselves are the same crystals. A network that pools by the mean
    gives them the same prediction and the same gradient, and so gains no information
    from them. (Graphs whose `max_neighbors` cuts through a shell are the
    exception: a larger cell may cut elsewhere.) They are of use with `displacement`,
    where atoms that were periodic images of each other then move apart. Labels that
    grow with the cell are to be multiplied by the caller.

    Parameters
    ----------
    X : sequence of n pymatgen Structure, IStructure or ASE Atoms
        Ordered crystals; they stay as they are.
    n_copies : int, default=1
        Copies of each.
    displacement : float, default=0.0
        Standard deviation in Å of each Cartesian component of each atom's
        displacement, at most 0.5. The mean over a cell is then taken off, for it would
        move the crystal as a whole: the atom of a one-atom cell stays in its place.
    strain : float, default=0.0
        Standard deviation of each of the six components of a symmetric strain, which
        has no dimension, at most 0.1. Lattice vectors and positions are multiplied by
        one plus the strain: volume and shape change, orientation does not.
    supercell : int, default=1
        Largest multiple of the cell. Each copy draws its multiple, from 1 on, and then
        one of all superlattices of that volume, with equal probability.
    random_state : int, RandomState or None, default=None
        Decides all that is drawn.

    Returns
    -------
    list of n * n_copies pymatgen Structure
        A copy of every crystal in the order of `X`, then the next copy of every
        crystal: the i-th crystal's are at i, i + n, i + 2 n and so on. They have
        elements and positions; oxidation states, spins and properties of sites are
        left behind. With the same seed, more copies begin with the fewer.

    Raises
    ------
    TypeError
        If an entry of `X` is not a crystal.
    ValueError
        If a parameter is out of range, a crystal is unfit, or supercells are requested
        of one that is not periodic in three directions. The message names its index.

    Examples
    --------
    >>> from pymatgen.core import Lattice, Structure
    >>> from skcrystal.graphs import augment_crystals
    >>> sites = [[0, 0, 0], [0.5, 0.5, 0.5]]
    >>> salt = Structure(Lattice.cubic(4.1), ["Cs", "Cl"], sites)
    >>> copies = augment_crystals([salt], 3, displacement=0.02, random_state=0)
    >>> [f"{copy.get_distance(0, 1):.2f} Å" for copy in copies]  # 3.55 in the ideal
    ['3.51 Å', '3.52 Å', '3.52 Å']
    """
    _check_parameter("n_copies", n_copies, Integral, 1, np.inf)
    _check_parameter("displacement", displacement, Real, 0, MAX_DISPLACEMENT)
    _check_parameter("strain", strain, Real, 0, MAX_STRAIN)
    _check_parameter("supercell", supercell, Integral, 1, np.inf)
    check_sequence(X)
    crystals = list(iter_crystals(X))
    if supercell > 1:
        _check_periodic(crystals)
    random = check_random_state(random_state)
    return [
        _perturb(crystal, displacement, strain, supercell, random)
        for _ in range(n_copies)
        for crystal in crystals
    ]


def _perturb(
    crystal: CrystalArrays,
    displacement: float,
    strain: float,
    supercell: int,
    random: np.random.RandomState,
) -> Structure:
    lattice, positions, numbers, pbc = crystal
    if supercell > 1:
        lattices = _superlattices(int(random.randint(1, supercell + 1)))
        matrix = lattices[random.randint(len(lattices))]
        shifts = _points_inside(matrix) @ lattice
        positions = (shifts[:, None] + positions).reshape(-1, 3)
        numbers, lattice = np.tile(numbers, len(shifts)), matrix @ lattice
    if displacement > 0:
        moves = random.normal(0, displacement, positions.shape)
        positions = positions + moves - moves.mean(axis=0)
    if strain > 0:
        stretch = np.eye(3) + _symmetric(random.normal(0, strain, 6))
        lattice, positions = lattice @ stretch, positions @ stretch
    return Structure(
        Lattice(lattice, pbc=(bool(pbc[0]), bool(pbc[1]), bool(pbc[2]))),
        numbers.tolist(),
        positions,
        coords_are_cartesian=True,
    )


def _symmetric(components: NDArray) -> NDArray:
    """Tensor of six components in Voigt's order: xx, yy, zz, yz, xz, xy."""
    return components[np.array([[0, 5, 4], [5, 1, 3], [4, 3, 2]])]


@cache
def _superlattices(multiple: int) -> NDArray[np.int64]:
    """Every superlattice of a volume, once: its Hermite normal form, (S, 3, 3)."""
    found = [
        [[a, d, e], [0, b, f], [0, 0, c]]
        for a in _divisors(multiple)
        for b in _divisors(multiple // a)
        for c in [multiple // (a * b)]
        for d in range(b)
        for e in range(c)
        for f in range(c)
    ]
    return np.array(found)


def _divisors(number: int) -> list[int]:
    return [d for d in range(1, number + 1) if number % d == 0]


def _points_inside(matrix: NDArray) -> NDArray[np.int64]:
    """Points of the lattice in a cell of the superlattice, one of each, (k, 3)."""
    return np.indices(tuple(np.diag(matrix))).reshape(3, -1).T


def _check_parameter(
    name: str, value: Any, kind: type, low: float, high: float
) -> None:
    is_number = isinstance(value, kind) and not isinstance(value, bool | np.bool_)
    if is_number and low <= value <= high and np.isfinite(value):
        return
    kind_name = "an integer" if kind is Integral else "a number"
    bounds = f"from {low} to {high}" if np.isfinite(high) else f"of {low} or more"
    raise ValueError(f"{name} must be {kind_name} {bounds}; it is {value!r}.")


def _check_periodic(crystals: list[CrystalArrays]) -> None:
    for i, crystal in enumerate(crystals):
        if not crystal.pbc.all():
            raise ValueError(
                f"X[{i}] is periodic along {crystal.pbc.sum()} of three directions, "
                "and has no supercell along the others; set supercell=1."
            )
