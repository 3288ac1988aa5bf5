"""Edges as pairs of sites and a lattice vector: checked, compared, measured."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pymatgen.core import Structure

from ..graphs._ragged import ragged_arange, to_pointer
from ._topology import Surroundings


def vectors_along(
    structure: Structure, edges: NDArray[np.int64], images: NDArray[np.int64] | None
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Where edges (E, 2) lead: vectors (E, 3) in Å, and images (E, 3).

    Raises
    ------
    ValueError
        If an edge names a site that is not there.
    """
    if len(edges) and not 0 <= edges.min() <= edges.max() < len(structure):
        raise ValueError(
            f"edges name sites {edges.min()} to {edges.max()}; there are 0 to "
            f"{len(structure) - 1}."
        )
    if images is None:
        images = _nearest_images(structure, edges)
    first, second = structure.frac_coords[edges.T]
    return structure.lattice.get_cartesian_coords(second + images - first), images


def _nearest_images(structure: Structure, edges: NDArray) -> NDArray[np.int64]:
    """The copy of its second site that is nearest to the first, edge by edge, (E, 3).

    Of copies that are equally near, any.
    """
    lattice, fractional = structure.lattice, structure.frac_coords
    first, second = edges.T
    apart = lattice.get_cartesian_coords(fractional[second] - fractional[first])
    # Only in a reduced cell are the nearest copies among those one cell further.
    reduced = lattice.get_lll_reduced_lattice()
    rounded = np.rint(reduced.get_fractional_coords(apart))
    further = np.stack(np.meshgrid(*[[-1, 0, 1]] * 3, indexing="ij"), axis=-1)
    shifts = further.reshape(1, 27, 3) - rounded[:, None]  # (E, 27, 3)
    squared = ((apart[:, None] + shifts @ reduced.matrix) ** 2).sum(axis=-1)
    best = shifts[np.arange(len(shifts)), squared.argmin(axis=1)]
    images = lattice.get_fractional_coords(best @ reduced.matrix)
    return np.rint(images).astype(np.int64)


def within(
    radius: float,
    center: NDArray[np.float64],
    around: Surroundings,
    edges: NDArray[np.int64],
    vectors: NDArray[np.float64],
) -> NDArray[np.bool_]:
    """Whether a copy of an edge has both ends within `radius` of the centre, (E,)."""
    from_center = around.positions - center
    radius += 1e-9  # rounding
    near = np.linalg.norm(from_center, axis=1) <= radius
    from_center, sites = from_center[near], around.sites[near]  # in order of sites
    copies = np.bincount(sites, minlength=edges.max(initial=-1) + 1)
    n_starts = copies[edges[:, 0]]
    start = ragged_arange(to_pointer(copies)[edges[:, 0]], n_starts)
    edge = np.repeat(np.arange(len(edges)), n_starts)
    ends = from_center[start] + vectors[edge]
    inside = np.zeros(len(edges), dtype=bool)
    inside[edge[np.linalg.norm(ends, axis=1) <= radius]] = True
    return inside


def undirected(
    edges: NDArray[np.int64], images: NDArray[np.int64] | None
) -> NDArray[np.int64]:
    """Rows that are equal for both directions of an edge, and of its copies."""
    if images is None:
        return np.sort(edges, axis=1)
    rows = np.column_stack([edges, images])
    # Of an edge between two copies of one site, by the first step that is not zero
    steps = images != 0
    step = images[np.arange(len(images)), steps.argmax(axis=1)]
    turn = (edges[:, 0] > edges[:, 1]) | ((edges[:, 0] == edges[:, 1]) & (step < 0))
    rows[turn] = np.column_stack([edges[turn, ::-1], -images[turn]])
    return rows


def kinds_of(rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Group equal rows: the first row of each kind, and the kind of each row.

    As ``np.unique(axis=0)``, which sorts rows some ten times more slowly than numbers.
    """
    if not len(rows):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    low = rows.min(axis=0)
    code = np.ravel_multi_index((rows - low).T, rows.max(axis=0) - low + 1)
    _, first, kind = np.unique(code, return_index=True, return_inverse=True)
    return first, kind


def check_edges(
    edges: ArrayLike, images: ArrayLike | None
) -> tuple[NDArray[np.int64], NDArray[np.int64] | None]:
    """Pairs of sites (E, 2) and images (E, 3) as integers, or a ValueError."""
    edges = _integers("edges", edges, 2)
    if images is not None:
        images = _integers("images", images, 3)
        if len(images) != len(edges):
            raise ValueError(f"There are {len(edges)} edges but {len(images)} images.")
    return edges, images


def _integers(name: str, values: Any, n_columns: int) -> NDArray[np.int64]:
    values = np.asarray(values)
    if values.size == 0:
        values = np.zeros((0, n_columns), dtype=np.int64)
    if (
        values.ndim != 2
        or values.shape[1] != n_columns
        or values.dtype.kind not in "iu"
    ):
        raise ValueError(
            f"{name} has shape {values.shape} and type {values.dtype}; it takes "
            f"integers of shape (E, {n_columns})."
        )
    return values.astype(np.int64)


def check_important(important: ArrayLike, n_edges: int) -> NDArray[np.bool_]:
    """A mask (E,), of a mask or of rows, or a ValueError."""
    important = np.asarray(important)
    if important.dtype == bool:
        if important.shape != (n_edges,):
            raise ValueError(
                f"important is a mask of shape {important.shape} for {n_edges} edges."
            )
        return important
    mask = np.zeros(n_edges, dtype=bool)
    if important.size:
        if important.ndim != 1 or important.dtype.kind not in "iu":
            raise ValueError(
                f"important has shape {important.shape} and type {important.dtype}; it "
                "takes a mask, or rows of edges."
            )
        if not 0 <= important.min() <= important.max() < n_edges:
            raise ValueError(
                f"important names rows {important.min()} to {important.max()} of "
                f"{n_edges} edges."
            )
        mask[important] = True
    return mask
