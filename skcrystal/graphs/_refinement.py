"""Colours of atoms, refined until atoms of one colour have equal surroundings."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# A colour is a 64-bit hash of an atom's element, then of its neighbours', and so on. It
# does not depend on the other crystals of the call or on the numbering of sites.
Colours = NDArray[np.uint64]


class NeighborLists(NamedTuple):
    """Who neighbours whom: N atoms and E edges of n crystals, one behind the other."""

    crystal: NDArray[np.int64]  # (N,), the crystal of each atom
    edge_ptr: NDArray[np.int64]  # (N + 1,), atom a owns edges edge_ptr[a:a + 2]
    neighbor: NDArray[np.int64]  # (E,), numbered over all crystals
    distance_class: NDArray[np.int32]  # (E,)
    direction: NDArray[np.float64] | None = None  # (E, 3), from atom to neighbour


def refine(colours: Colours, around: NeighborLists) -> Colours:
    """Refine colours by distances, until no round parts atoms any more.

    The multiset of (colour, distance) of an atom's neighbours is hashed as the sum of
    products of two random numbers, one for the colour and one for the distance: a sum
    needs no sorting. Two different multisets get one hash with a probability of about
    2^-60.
    """
    if len(around.neighbor) == 0:
        return colours
    factor = distance_factors(around.distance_class).take(around.distance_class)
    has_edges = np.diff(around.edge_ptr) > 0
    starts = around.edge_ptr[:-1][has_edges]
    n_colours = _count(colours, around.crystal)
    while True:
        messages = colours.take(around.neighbor)
        messages *= factor
        finer = colours * _M2
        finer[has_edges] += np.add.reduceat(messages, starts)
        finer = mix(finer)
        before, n_colours = n_colours, _count(finer, around.crystal)
        # A finished crystal retains its colours while others are refined.
        split = n_colours > before
        if not split.any():
            return colours
        colours = np.where(split[around.crystal], finer, colours)


def distance_factors(distance_class: NDArray) -> Colours:
    """An odd random number for each class of distance."""
    n_classes = int(distance_class.max(initial=-1)) + 1
    return mix(np.arange(n_classes, dtype=np.uint64)) | np.uint64(1)


def crystal_keys(colours: Colours, crystal: NDArray) -> Colours:
    """Colours with the crystal's number as leading bits, so that no two share one."""
    bits = np.uint64(int(crystal[-1]).bit_length() + 1 if len(crystal) else 1)
    return (colours >> bits) | (crystal.astype(np.uint64) << (np.uint64(64) - bits))


def _count(colours: Colours, crystal: NDArray) -> NDArray[np.int64]:
    """How many colours each crystal has."""
    key = crystal_keys(colours, crystal)
    key.sort()
    new = np.empty(len(key), dtype=bool)
    new[:1] = True
    np.not_equal(key[1:], key[:-1], out=new[1:])
    # Sorted by key, rows stay within the crystals' own.
    return np.bincount(crystal[new])


# Finalizer of splitmix64: every bit of the input moves every bit of the output.
_M1, _M2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_STEP = np.uint64(0x9E3779B97F4A7C15)


def mix(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Hash integers, so that similar ones look random."""
    x = x + _STEP
    x ^= x >> np.uint64(30)
    x *= _M1
    x ^= x >> np.uint64(27)
    x *= _M2
    x ^= x >> np.uint64(31)
    return x
