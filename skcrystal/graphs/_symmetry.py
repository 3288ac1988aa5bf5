"""Merging of atoms that no invariant network can distinguish."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._angles import refine_by_angles
from ._ragged import ragged_arange, to_pointer
from ._refinement import NeighborLists, crystal_keys, mix, refine


class Quotient(NamedTuple):
    """Graphs of one atom a colour; n crystals one behind the other."""

    atom: NDArray[np.int64]  # (N',), the atom that stands for each colour
    atom_multiplicity: NDArray[np.int64]  # (N',), how many atoms it stands for
    n_atoms: NDArray[np.int64]  # (n,), colours of each crystal
    site_atom: NDArray[np.int64]  # (N,), colour of each atom, within its crystal
    degree: NDArray[np.int64]  # (N',), edges of each colour
    neighbor: NDArray[np.int64]  # (E',), colour at the other end, within its crystal
    distance_class: NDArray[np.int64]  # (E',)
    edge: NDArray[np.int64] | None  # (E',), which it was; None where edges are merged
    edge_multiplicity: NDArray[np.int64] | None  # (E',), how many were merged


def quotient(
    atomic_numbers: NDArray,
    n_atoms: NDArray,
    degree: NDArray,
    neighbor: NDArray,
    distance_class: NDArray,
    *,
    direction: NDArray | None = None,
    tolerance: float = 0.0,
) -> Quotient:
    """Merge atoms of equal surroundings, by colour refinement.

    Atoms start with their element as colour. In each round an atom's next colour is
    its own with the multiset of its neighbours' colours and distances, until no round
    splits any more atoms: the one-dimensional Weisfeiler-Leman test [1]_. Message
    passing on elements and distances computes the same for atoms of one colour at
    every layer [2]_, so one of each is enough, and likewise one edge of those that
    join an atom to one colour at one distance.

    With directions, atoms of one colour also have equal angles between their bonds.
    Then the representative atom has all its edges: each has a direction of its own.

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
    direction : ndarray of shape (E, 3), optional
        Unit vector from atom to neighbour.
    tolerance : float, default=0.0
        How far atoms may lie, in Å, from where angles would be equal.

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
    around = NeighborLists(
        crystal=crystal,
        edge_ptr=edge_ptr,
        neighbor=neighbor + np.repeat(atom_ptr[:-1], n_edges),
        distance_class=distance_class,
        direction=direction,
    )
    colours = refine(mix(atomic_numbers.astype(np.uint64)), around)
    if direction is not None:
        colours = refine_by_angles(colours, around, tolerance)
    colours = crystal_keys(colours, crystal)
    # Colours in the order of their first atoms, so that crystals stay together.
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
    merged = Quotient(
        atom=atom,
        atom_multiplicity=np.bincount(colour),
        n_atoms=np.diff(colour_ptr),
        site_atom=site_atom,
        degree=n_kept,
        neighbor=at_other_end,
        distance_class=distance_class.take(edges),
        edge=edges,
        edge_multiplicity=None,
    )
    return _merge_edges(merged) if direction is None else merged


def _merge_edges(graphs: Quotient) -> Quotient:
    """Merge the edges that join an atom to one colour at one distance."""
    n = len(graphs.atom)
    target, distance_class, neighbor, multiplicity = _merge_rows(
        np.repeat(np.arange(n), graphs.degree), graphs.distance_class, graphs.neighbor
    )
    return graphs._replace(
        degree=np.bincount(target, minlength=n),
        neighbor=neighbor,
        distance_class=distance_class,
        edge=None,
        edge_multiplicity=multiplicity,
    )


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
