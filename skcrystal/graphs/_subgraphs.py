"""Partition of large graphs, and subgraphs with the neighbourhood of a part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ._container import CrystalGraphs


@dataclass(frozen=True)
class Subgraph:
    """Some atoms of one crystal with their neighbourhood: N atoms and E edges.

    Attributes
    ----------
    sites : ndarray of shape (R,)
        The queried sites, numbered within the crystal, ascending.
    query_rows : ndarray of shape (R,), int32
        The atom of each, numbered within the subgraph.
    atoms, edges, distances : ndarray of shape (N,), (E,) and (D,)
        Rows of the container, ascending. Edges are so sorted by target.
    degree : ndarray of shape (N,)
        Edges that point to each atom.
    neighbor, distance_class : ndarray of shape (E,), int32
        Numbered within the subgraph.
    """

    sites: NDArray[np.int64]
    query_rows: NDArray[np.int32]
    atoms: NDArray[np.int64]
    edges: NDArray[np.int64]
    distances: NDArray[np.int64]
    degree: NDArray[np.int64]
    neighbor: NDArray[np.int32]
    distance_class: NDArray[np.int32]


def cut_crystal(
    graphs: CrystalGraphs, i: int, n_parts: int, random: np.random.RandomState
) -> list[NDArray[np.int64]]:
    """Partition the atoms of a crystal into compact parts of about equal size.

    Parameters
    ----------
    graphs : CrystalGraphs
    i : int
        Which of its crystals.
    n_parts : int
    random : RandomState

    Returns
    -------
    list of `n_parts` ndarray
        Atoms of each part, numbered within the crystal, ascending.
    """
    if n_parts == 1:
        return [np.arange(graphs.n_atoms[i])]
    target, neighbor, n_atoms = _ends(graphs, i)
    part = partition(target, neighbor, n_atoms, n_parts, random)
    order = np.argsort(part, kind="stable")
    return np.split(order, np.cumsum(np.bincount(part, minlength=n_parts))[:-1])


def extract_subgraph(
    graphs: CrystalGraphs, i: int, core: NDArray, hops: int
) -> Subgraph:
    """Extract some atoms of a crystal with the neighbourhood that reaches them.

    Parameters
    ----------
    graphs : CrystalGraphs
    i : int
        Which of its crystals.
    core : ndarray
        Atoms whose sites are queried, numbered within the crystal.
    hops : int
        Reach of message passing in edges.

    Returns
    -------
    Subgraph
    """
    target, neighbor, n_atoms = _ends(graphs, i)
    atoms, edges = receptive_field(core, target, neighbor, n_atoms, hops)
    renumbered = np.full(n_atoms, -1, dtype=np.int32)
    renumbered[atoms] = np.arange(len(atoms), dtype=np.int32)
    if graphs.site_atom is None:
        sites = np.sort(core)
        query_rows = renumbered[sites]
    else:
        of_sites = graphs.site_atom[slice(*graphs.site_ptr[i : i + 2])]
        wanted = np.zeros(n_atoms, dtype=bool)
        wanted[core] = True
        sites = np.flatnonzero(wanted[of_sites])
        query_rows = renumbered[of_sites[sites]]
    first_atom, first_edge = graphs.atom_ptr[i], graphs.edge_ptr[graphs.atom_ptr[i]]
    first_distance, end = graphs.distance_ptr[i : i + 2]
    classes = graphs.distance_class[first_edge + edges]
    used = np.zeros(end - first_distance, dtype=bool)
    used[classes] = True
    return Subgraph(
        sites=sites,
        query_rows=query_rows,
        atoms=first_atom + atoms,
        edges=first_edge + edges,
        distances=first_distance + np.flatnonzero(used),
        degree=np.bincount(renumbered[target[edges]], minlength=len(atoms)),
        neighbor=renumbered[neighbor[edges]],
        distance_class=(np.cumsum(used, dtype=np.int32) - 1)[classes],
    )


def _ends(graphs: CrystalGraphs, i: int) -> tuple[NDArray, NDArray, int]:
    """Target and neighbour of each edge of a crystal, and its number of atoms."""
    pointer = graphs.edge_ptr[graphs.atom_ptr[i] : graphs.atom_ptr[i + 1] + 1]
    n_atoms = len(pointer) - 1
    target = np.repeat(np.arange(n_atoms), np.diff(pointer))
    return target, graphs.neighbor[pointer[0] : pointer[-1]], n_atoms


def n_parts(n_atoms: NDArray, size: int) -> NDArray[np.int64]:
    """Parts that graphs of (n,) atoms are cut into, of about `size` atoms each."""
    return np.maximum(1, np.rint(np.asarray(n_atoms) / size)).astype(np.int64)


def partition(
    target: NDArray,
    neighbor: NDArray,
    n_atoms: int,
    n_parts: int,
    random: np.random.RandomState,
) -> NDArray[np.int64]:
    """Part of each atom, where parts are compact: neighbours are mostly in one.

    Parts grow step by step from atoms drawn at random; an atom between two takes one of
    them by chance. Atoms that no part reaches are assigned by chance, too.

    Parameters
    ----------
    target, neighbor : ndarray of shape (E,)
        Ends of the edges; which is which does not matter.
    n_atoms : int
        N.
    n_parts : int
        At most N.
    random : RandomState

    Returns
    -------
    ndarray of shape (N,)
        From 0 to ``n_parts - 1``; each occurs.
    """
    part = np.full(n_atoms, -1)
    part[random.permutation(n_atoms)[:n_parts]] = np.arange(n_parts)
    # Edges lead both ways here: nearest neighbours need not be mutual.
    start = np.concatenate([target, neighbor])
    end = np.concatenate([neighbor, target])
    while True:
        border = np.flatnonzero((part[end] < 0) & (part[start] >= 0))
        if len(border) == 0:
            break
        # Of several that are written to one place, the last stays.
        random.shuffle(border)
        part[end[border]] = part[start[border]]
    lost = np.flatnonzero(part < 0)
    part[lost] = random.randint(n_parts, size=len(lost))
    return part


def receptive_field(
    core: NDArray, target: NDArray, neighbor: NDArray, n_atoms: int, hops: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Find the receptive field of some atoms.

    Parameters
    ----------
    core : ndarray of shape (C,)
        The atoms.
    target, neighbor : ndarray of shape (E,)
        Edges point from neighbour to target.
    n_atoms : int
        N.
    hops : int
        Reach of message passing in edges.

    Returns
    -------
    atoms : ndarray, ascending
        The outermost ones send their initial features: no edge points to them.
    edges : ndarray, ascending
    """
    inside = np.zeros(n_atoms, dtype=bool)
    inside[core] = True
    edges = np.zeros(0, dtype=np.int64)
    for _ in range(hops):
        edges = np.flatnonzero(inside[target])
        inside[neighbor[edges]] = True
    return np.flatnonzero(inside), edges
