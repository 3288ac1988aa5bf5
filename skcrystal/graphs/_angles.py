"""Refinement of colours by the angles between bonds."""

from itertools import combinations_with_replacement
from math import factorial, prod

import numpy as np
from numpy.typing import NDArray

from ._ragged import ragged_arange
from ._refinement import (
    Colours,
    NeighborLists,
    crystal_keys,
    distance_factors,
    mix,
    refine,
)

_DEGREE = 4  # of the polynomials of cosines that are compared
# Monomials x^a y^b z^c as the axes to multiply, in the order of a dictionary: each
# comes after the one that it extends by its last axis, and none shorter between.
_MONOMIALS = sorted(
    axes
    for degree in range(1, _DEGREE + 1)
    for axes in combinations_with_replacement(range(3), degree)
)
# By how much numbers of equal atoms come to differ, in 1/Å, where every atom is
# displaced at random: mostly once to six times the displacement, at most 25 times. At
# the default tolerance this is 5e-4. Of 500 Materials Project crystals, equal atoms
# differ by less than 1e-4, and others, but for two, by more than 1e-3.
_SLOPE = 5.0


def refine_by_angles(
    colours: Colours, around: NeighborLists, tolerance: float
) -> Colours:
    """Refine colours until atoms of one colour have equal distances and angles.

    Then sums over pairs of an atom's bonds, ``sum_jk w(j) w(k) P_l(cos theta_jk)``
    with the Legendre polynomials of l up to 4 and any function w of the neighbour's
    colour and distance, agree among atoms of one colour, and so do
    functions of such sums at every layer.

    Parameters
    ----------
    colours : ndarray of shape (N,), uint64
        As `refine` gives them.
    around : NeighborLists
        With directions.
    tolerance : float
        Displacement of atoms, in Å, that does not split colours.

    Returns
    -------
    ndarray of shape (N,), uint64
    """
    atoms = np.arange(len(colours))
    while True:
        finer = _part(colours, around, atoms, tolerance)
        changed = np.bincount(around.crystal, weights=finer != colours) > 0
        if not changed.any():
            return colours
        colours = refine(finer, around)
        # Elsewhere the angles are unchanged.
        atoms = np.flatnonzero(changed[around.crystal])


def _part(
    colours: Colours, around: NeighborLists, atoms: NDArray, tolerance: float
) -> Colours:
    """Give atoms, out of some of them, other colours where their angles differ."""
    atoms = atoms[np.diff(around.edge_ptr)[atoms] > 0]
    key = crystal_keys(colours[atoms], around.crystal[atoms])
    order = np.argsort(key)
    atoms, key = atoms[order], key[order]
    _, count = _runs(key)
    # An atom alone in its colour needs no comparison.
    shared = np.repeat(count > 1, count)
    atoms, key = atoms[shared], key[shared]
    if len(atoms) == 0:
        return colours
    values = _invariants(colours, around, atoms)
    limit = _SLOPE * tolerance
    first, count = _runs(key)
    lowest = np.minimum.reduceat(values, first, axis=1)
    highest = np.maximum.reduceat(values, first, axis=1)
    wide = np.repeat((highest - lowest > limit).any(axis=0), count)
    if not wide.any():  # as in nearly all crystals
        return colours
    atoms = atoms[wide]
    number = _number_groups(key[wide], values[:, wide], limit)
    finer = colours.copy()
    finer[atoms] += mix(number) * (number > 0)
    return finer


def _number_groups(
    key: Colours, values: NDArray[np.float64], limit: float
) -> NDArray[np.uint64]:
    """Number the groups, between which values leave a gap, of each key; keys ascend.

    Values on a grid would fail: noise would split equal atoms on its lines.
    """
    first, count = _runs(key)
    group = np.repeat(np.arange(len(first)), count)
    for value in values:
        order = np.lexsort((value, group))
        new = (np.diff(group[order]) > 0) | (np.diff(value[order]) > limit)
        group[order] = np.append(0, np.cumsum(new))
    lowest = np.repeat(np.minimum.reduceat(group, first), count)
    return (group - lowest).astype(np.uint64)


def _runs(key: NDArray) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First row and length of each run of equal numbers."""
    first = np.flatnonzero(np.append(True, key[1:] != key[:-1])[: len(key)])
    return first, np.diff(first, append=len(key))


def _invariants(
    colours: Colours, around: NeighborLists, atoms: NDArray
) -> NDArray[np.float64]:
    """Invariants of each atom that determine the angles between its bonds.

    They are ``sum_jk q_j q_k cos(theta_jk)^p`` over pairs of bonds, divided by the
    number of bonds, for p of 1 to 4, where q is a random number for each colour and
    distance. A quadratic form in q that is zero at a random point is zero everywhere,
    with probability one; so atoms of equal numbers agree for any other q, as well.
    They are the same after rotations and reflections.

    The sum over pairs is one over bonds: a power of ``cos theta_jk``, the product of
    two directions, is a sum over monomials of their components, so that squares of
    moments ``sum_j q_j x_j^a y_j^b z_j^c`` of a + b + c = p add up to it.

    Returns
    -------
    ndarray of shape (4, number of atoms)
    """
    degree = np.diff(around.edge_ptr)[atoms]
    edges = ragged_arange(around.edge_ptr[atoms], degree)
    starts = np.cumsum(degree) - degree
    classes = around.distance_class[edges]
    q = _signed(
        colours.take(around.neighbor[edges]) * distance_factors(classes).take(classes)
    )
    assert around.direction is not None  # `refine_by_angles` is called with them
    direction = np.ascontiguousarray(around.direction[edges].T)
    invariants = np.zeros((_DEGREE, len(atoms)))
    products = np.empty((_DEGREE + 1, len(q)))  # the last one of each degree
    products[0] = q
    for axes in _MONOMIALS:
        n = len(axes)
        np.multiply(products[n - 1], direction[axes[-1]], out=products[n])
        orders = factorial(n) / prod(factorial(axes.count(axis)) for axis in range(3))
        moment = np.add.reduceat(products[n], starts)
        invariants[n - 1] += orders * moment**2
    return invariants / degree


def _signed(hashes: Colours) -> NDArray[np.float64]:
    """Numbers of random sign and magnitude, 1 to 2: none too small to be noticed."""
    bits = mix(hashes) & np.uint64(0x800FFFFFFFFFFFFF)
    return (bits | np.uint64(0x3FF0000000000000)).view(np.float64)
