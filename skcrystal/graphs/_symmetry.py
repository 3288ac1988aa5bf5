"""Atoms that no invariant network can tell apart, merged."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._ragged import ragged_arange, to_pointer


class Quotient(NamedTuple):
    """Graphs of one atom a colour; n crystals one behind the other."""

    atom: NDArray[np.int64]  # (N',), the atom that stands for each colour
    atom_multiplicity: NDArray[np.int64]  # (N',), how many atoms it stands for
    n_atoms: NDArray[np.int64]  # (n,), colours of each crystal
    site_atom: NDArray[np.int64]  # (N,), colour of each atom, within its crystal
    degree: NDArray[np.int64]  # (N',), merged edges of each colour
    neighbor: NDArray[np.int64]  # (E',), colour at the other end, within its crystal
    distance_class: NDArray[np.int64]  # (E',)
    edge_multiplicity: NDArray[np.int64]  # (E',), how many edges were merged


def quotient(
    atomic_numbers: NDArray,
    n_atoms: NDArray,
    degree: NDArray,
    neighbor: NDArray,
    distance_class: NDArray,
) -> Quotient:
    """Merge atoms of equal surroundings, by colour refinement.

    Atoms start with their element as colour. In each round an atom's next colour is
    its own with the multiset of its neighbours' colours and distances, until no round
    parts any more atoms: the one-dimensional Weisfeiler-Leman test [1]_. Message
    passing on elements and distances computes the same for atoms of one colour at
    every layer [2]_, so one of each is enough, and likewise one edge of those that
    join an atom to one colour at one distance.

    Parameters
    ----------
    atomic_numbers : ndarray of shape (N,)
        Atoms of n crystals, one behind the other.
    n_atoms : ndarray of shape (n,)
        Atoms of each crystal.
    degree : ndarray of shape (N,)
        Edges that point to each atom.
    neighbor, distance_class : ndarray of shape (E,)
        Of each edge, sorted by target; numbered within the crystal.

    Returns
    -------
    Quotient

    References
    ----------
    .. [1] B. Weisfeiler, A. Leman, Nauchno-Tekhn. Inform. Ser. 2, 9, 12 (1968).
    .. [2] K. Xu, W. Hu, J. Leskovec, S. Jegelka, ICLR 2019, arXiv:1810.00826.
    """
    atom_ptr, edge_ptr = to_pointer(n_atoms), to_pointer(degree)
    crystal = np.repeat(np.arange(len(n_atoms)), n_atoms)
    n_edges = np.diff(edge_ptr[atom_ptr])
    colours = _refine(
        _mix(atomic_numbers.astype(np.uint64) + np.uint64(128) * crystal.view("u8")),
        neighbor + np.repeat(atom_ptr[:-1], n_edges),
        distance_class,
        edge_ptr,
    )
    # Colours in the order of their first atoms, which keeps crystals together.
    _, first, inverse = np.unique(colours, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    atom, colour = first[order], rank[inverse]
    colour_ptr = np.searchsorted(atom, atom_ptr)
    site_atom = colour - np.repeat(colour_ptr[:-1], n_atoms)

    n_kept = degree[atom]
    edges = ragged_arange(edge_ptr[atom], n_kept)
    owner = crystal[atom]
    first_atom = np.repeat(atom_ptr[owner], n_kept)
    at_other_end = site_atom.take(neighbor.take(edges) + first_atom)
    target, distance_class, neighbor, multiplicity = _merge_rows(
        np.repeat(np.arange(len(atom)), n_kept),
        distance_class.take(edges),
        at_other_end,
    )
    return Quotient(
        atom=atom,
        atom_multiplicity=np.bincount(colour),
        n_atoms=np.diff(colour_ptr),
        site_atom=site_atom,
        degree=np.bincount(target, minlength=len(atom)),
        neighbor=neighbor,
        distance_class=distance_class,
        edge_multiplicity=multiplicity,
    )


def _refine(
    colours: NDArray[np.uint64],
    neighbor: NDArray,
    distance_class: NDArray,
    edge_ptr: NDArray,
) -> NDArray[np.uint64]:
    """Refine colours, which are 64-bit hashes, until no round parts any more.

    The multiset of (colour, distance) is hashed as the sum of products of two random
    numbers, one for the colour and one for the distance: a sum needs no sorting. Two
    different multisets get one hash with a probability of about 2^-60.
    """
    if len(neighbor) == 0:
        return colours
    factor = _mix(np.arange(distance_class.max() + 1, dtype=np.uint64)) | np.uint64(1)
    factor = factor.take(distance_class)
    has_edges = np.diff(edge_ptr) > 0
    starts = edge_ptr[:-1][has_edges]
    n_colours = len(np.unique(colours))
    while True:
        messages = colours.take(neighbor)
        messages *= factor
        colours = colours * _M2
        colours[has_edges] += np.add.reduceat(messages, starts)
        colours = _mix(colours)
        before, n_colours = n_colours, len(np.unique(colours))
        if n_colours == before:
            return colours


def _merge_rows(
    target: NDArray, distance_class: NDArray, neighbor: NDArray
) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """Count equal rows, and sort them: by target, distance, neighbour."""
    if len(target) == 0:
        return target, distance_class, neighbor, target
    # One integer holds a row, if three numbers fit; a sort of integers is many times
    # faster than any of rows.
    bits = [int(part.max()).bit_length() for part in (target, distance_class, neighbor)]
    if sum(bits) > 63:
        rows = np.stack([target, distance_class, neighbor])
        (target, distance_class, neighbor), count = np.unique(
            rows, axis=1, return_counts=True
        )
        return target, distance_class, neighbor, count
    key = (target << (bits[1] + bits[2])) | neighbor
    key |= distance_class.astype(np.int64) << bits[2]
    key.sort()
    new = np.empty(len(key), dtype=bool)
    new[0] = True
    np.not_equal(key[1:], key[:-1], out=new[1:])
    start = np.flatnonzero(new)
    count = np.diff(np.append(start, len(key)))
    key = key[start]
    neighbor = key & ((1 << bits[2]) - 1)
    key >>= bits[2]
    return key >> bits[1], key & ((1 << bits[1]) - 1), neighbor, count


# Finalizer of splitmix64: every bit of the input moves every bit of the output.
_M1, _M2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_STEP = np.uint64(0x9E3779B97F4A7C15)


def _mix(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    x = x + _STEP
    x ^= x >> np.uint64(30)
    x *= _M1
    x ^= x >> np.uint64(27)
    x *= _M2
    x ^= x >> np.uint64(31)
    return x
