"""Rings of important edges compared with rings of other edges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import RandomState
from numpy.typing import ArrayLike, NDArray
from pymatgen.core import Structure
from sklearn.utils import check_random_state

from ._edges import (
    check_edges,
    check_important,
    kinds_of,
    undirected,
    vectors_along,
    within,
)
from ._permutation import permutation_test
from ._topology import HomologyCycle, cycles_among, surroundings

_CONTROLS = ("random", "length")
# How many edges next in length a control is drawn from
_N_NEAREST = 10


def cycle_participation(
    cycles: Sequence[HomologyCycle],
    edges: ArrayLike,
    *,
    images: ArrayLike | None = None,
) -> NDArray[np.int64]:
    """Count the cycles that pass through each edge.

    Parameters
    ----------
    cycles : list of HomologyCycle
    edges : array-like of shape (E, 2)
        Pairs of sites, in either order.
    images : array-like of shape (E, 3), optional
        The copy of the second site that an edge leads to, in lattice vectors from the
        cell of the first. By default any.

    Returns
    -------
    ndarray of shape (E,)
        Number of cycles. Periodic copies of an edge count for it too.

    Raises
    ------
    ValueError
        If shapes do not fit.

    See Also
    --------
    compare_cycles : The counts of important edges and of others.
    """
    edges, images = check_edges(edges, images)
    if not cycles or not len(edges):
        return np.zeros(len(edges), dtype=np.int64)
    sizes = [len(cycle) for cycle in cycles]
    sites = np.concatenate([cycle.sites for cycle in cycles])
    places = np.concatenate([cycle.images for cycle in cycles])
    # Rings lie one behind the other; the last atom of each goes on to its first.
    following = np.arange(1, len(sites) + 1)
    ends = np.cumsum(sizes)
    following[ends - 1] = ends - sizes
    there = undirected(
        np.column_stack([sites, sites[following]]),
        None if images is None else places[following] - places,
    )
    first, kind = kinds_of(np.vstack([undirected(edges, images), there]))
    queried, passed = kind[: len(edges)], kind[len(edges) :]
    # A ring that passes through two copies of an edge is one ring.
    ring = np.repeat(np.arange(len(cycles)), sizes)
    passed = np.unique(ring * len(first) + passed) % len(first)
    return np.bincount(passed, minlength=len(first))[queried]


@dataclass(frozen=True)
class CycleComparison:
    """Result of `compare_cycles`.

    Attributes
    ----------
    counts : ndarray of shape (E,)
        Number of cycles that pass through each edge.
    important, others : ndarray of shape (n,)
        Rows of the edges that were compared.
    difference : float
        Mean count of `important` less that of `others`.
    p_value : float
        Of `permutation_test`.
    n_cycles : int
        Cycles in all.
    """

    counts: NDArray[np.int64]
    important: NDArray[np.int64]
    others: NDArray[np.int64]
    difference: float
    p_value: float
    n_cycles: int

    @property
    def important_counts(self) -> NDArray[np.int64]:
        return self.counts[self.important]

    @property
    def other_counts(self) -> NDArray[np.int64]:
        return self.counts[self.others]


def compare_cycles(
    structure: Structure,
    center: int,
    edges: ArrayLike,
    important: ArrayLike,
    radius: float,
    *,
    images: ArrayLike | None = None,
    control: str = "random",
    buffer: float = 4.0,
    min_persistence: float = 1e-6,
    n_resamples: int = 9999,
    random_state: int | RandomState | None = None,
) -> CycleComparison:
    """Compare important edges around an atom with others, by cycles through them.

    Parameters
    ----------
    structure : Structure
        Of N sites.
    center : int
        The site whose prediction was explained.
    edges : array-like of shape (E, 2)
        Pairs of sites: the edges that the explanation weighed. If both directions of
        an edge are there they are one edge, important if either is.
    important : array-like
        Which of them the explanation calls important: a mask of shape (E,), or rows.
    radius : float
        Edges between atoms up to so far from the centre, in Å, are compared.
    images : array-like of shape (E, 3), optional
        The copy of the second site that an edge leads to, in lattice vectors from the
        cell of the first. By default the nearest.
    control : {"random", "length"}, default="random"
        Controls of important edges: as many of the others at random, as
        published [1]_; or for each an edge at random among the ten others next in
        length. Only edges as short as a bond are in many cycles, so that anything that
        prefers short edges stands out from random ones, without any model.
    buffer : float, default=4.0
        Atoms so much further out, in Å, are in the complex too, so that edges compared
        are in the rings that the material has, and not in those of a surface.
    min_persistence : float, default=1e-6
        Classes that live no longer than this, in Å, are left out.
    n_resamples : int, default=9999
        Random splits of `permutation_test`.
    random_state : int, RandomState or None, default=None
        Source of the edges compared with, and of the splits.

    Returns
    -------
    CycleComparison

    Raises
    ------
    ValueError
        If the atom or edge does not exist, a parameter is out of range, or fewer than
        two important edges, or fewer others than important ones, are within `radius`.
    ImportError
        If GUDHI is not installed.

    See Also
    --------
    homology_cycles : The cycles.
    permutation_test : Of several centres together; join their ``important_counts``,
        and their ``other_counts``.
    explain : Weighs edges; take ``edge_index[::-1].T`` for `edges`, and ``edge_image``
        for `images`.

    Notes
    -----
    With ``control="length"`` an edge and the one it is compared with are exchanged as a
    pair. Importances and counts of neighbouring edges are not independent, and neither
    are centres that share atoms: p-values are then too small.

    References
    ----------
    .. [1] H. Li et al., "Predicting and interpreting energy barriers of metallic
       glasses with graph neural networks", ICML 2024, arXiv:2401.08627.
    """
    if control not in _CONTROLS:
        raise ValueError(f"control={control!r} is none of {', '.join(_CONTROLS)}.")
    if not 0 <= buffer < np.inf:
        raise ValueError(f"buffer={buffer!r} has to be zero or more, in Å.")
    random = check_random_state(random_state)
    edges, images = check_edges(edges, images)
    is_important = check_important(important, len(edges))
    vectors, images = vectors_along(structure, edges, images)
    lengths = np.linalg.norm(vectors, axis=1)
    if (lengths == 0).any():
        i = int(np.flatnonzero(lengths == 0)[0])
        raise ValueError(
            f"edges[{i}] joins site {edges[i, 0]} to itself; such edges are in no ring."
        )

    around = surroundings(structure, center, radius + buffer)
    inside = within(radius, structure[center].coords, around, edges, vectors)
    # One row an undirected edge
    first, kind = kinds_of(undirected(edges, images))
    stands_out = np.zeros(len(first), dtype=bool)
    np.logical_or.at(stands_out, kind, is_important)
    chosen, pool = (first[inside[first] & which] for which in (stands_out, ~stands_out))
    if len(chosen) < 2 or len(pool) < len(chosen):
        raise ValueError(
            f"{len(chosen)} important edges and {len(pool)} others are within "
            f"radius={radius} of site {center}; there have to be two or more, and as "
            "many others."
        )
    if control == "random":
        others = random.choice(pool, len(chosen), replace=False)
    else:
        chosen, others = _match_lengths(chosen, pool, lengths, random)

    cycles = cycles_among(around, min_persistence=min_persistence)
    counts = cycle_participation(cycles, edges, images=images)
    found = permutation_test(
        counts[chosen],
        counts[others],
        paired=control == "length",
        n_resamples=n_resamples,
        random_state=random,
    )
    return CycleComparison(counts, chosen, others, *found, n_cycles=len(cycles))


def _match_lengths(
    chosen: NDArray, pool: NDArray, lengths: NDArray, random: RandomState
) -> tuple[NDArray, NDArray]:
    """A partner of nearly its length for each chosen edge, none of them twice."""
    chosen = random.permutation(chosen)  # the last ones have less to choose from
    pool = pool[np.argsort(lengths[pool])]
    partners = []
    for edge in chosen:
        apart = np.abs(lengths[pool] - lengths[edge])
        nearest = np.argsort(apart, kind="stable")[:_N_NEAREST]
        picked = random.choice(nearest)
        partners.append(pool[picked])
        pool = np.delete(pool, picked)
    return chosen, np.array(partners)
