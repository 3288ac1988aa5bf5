"""Padding of edges to equal numbers for all atoms."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .._batch import GraphBatch


@dataclass(frozen=True)
class Padding:
    """Places of rows if each run is padded to the longest.

    A sum over the rows of each run of products of two features is then a product of
    matrices for each run.

    Attributes
    ----------
    n_runs, length : int
        Number of runs R, and rows K of the longest.
    place : Tensor of shape (E,), int64, or None
        Row of each of the E rows among the R K; None if all runs have K rows.
    """

    n_runs: int
    length: int
    place: Tensor | None

    @classmethod
    def of(cls, pointer: Tensor, run: Tensor) -> Padding:
        """Padding of runs that start at `pointer` (R + 1,), by the `run` of each row.

        `run` (E,) must not fall.
        """
        lengths = pointer.diff()
        # Reading these two numbers waits for a GPU, once for each batch.
        least, most = torch.stack(torch.aminmax(lengths)).tolist()
        if least == most:
            return cls(len(lengths), most, None)
        first = pointer[:-1].index_select(0, run)
        within = torch.arange(len(run), device=run.device) - first
        return cls(len(lengths), most, run.long() * most + within)

    def spread(self, rows: Tensor) -> Tensor:
        """Rows (E, ...) to padded rows of each run, (R, K, ...); padding is zero.

        Gradients pass.
        """
        shape = (self.n_runs, self.length, *rows.shape[1:])
        if self.place is None:
            return rows.reshape(shape)
        filled = rows.new_zeros(self.n_runs * self.length, *rows.shape[1:])
        return filled.index_copy_(0, self.place, rows).view(shape)

    def collect(self, filled: Tensor) -> Tensor:
        """Padded rows of each run (R, K, ...) to rows (E, ...)."""
        rows = filled.flatten(0, 1)
        return rows if self.place is None else rows.index_select(0, self.place)


def pad_edges(batch: GraphBatch) -> GraphBatch:
    """Pad the edges of all atoms to the largest number.

    Padding edges lead to the first atom of the batch and have weight zero, so that sums
    over neighbours are unchanged. They have no vectors.

    Parameters
    ----------
    batch : GraphBatch

    Returns
    -------
    GraphBatch
        With `edge_weight`; edge k of atom a is row ``a * K + k``.
    """
    padding = Padding.of(batch.edge_ptr, batch.target)
    weight = batch.edge_weight
    if weight is None:
        weight = torch.ones_like(batch.target, dtype=batch.distances.dtype)
    n, k = padding.n_runs, padding.length
    number = torch.arange(n + 1, dtype=torch.int32, device=weight.device)
    return replace(
        batch,
        edge_ptr=number * k,
        target=number[:-1].repeat_interleave(k),
        neighbor=padding.spread(batch.neighbor).view(-1),
        distance_class=padding.spread(batch.distance_class).view(-1),
        edge_weight=padding.spread(weight).view(-1),
        vector=None,
    )
