"""Sums over the angles between bonds, at the cost of sums over bonds."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from ._batch import GraphBatch

L_MAX = 3


def spherical_harmonics(vector: Tensor, l_max: int) -> Tensor:
    """Real spherical harmonics of directions, scaled to add up to Legendre polynomials.

    ``sum_m Y_lm(a) Y_lm(b) = P_l(cos(angle between a and b))``, the addition theorem.

    Parameters
    ----------
    vector : Tensor of shape (E, 3)
        Of any length but zero.
    l_max : int
        Largest degree, at most 3.

    Returns
    -------
    Tensor of shape (E, (l_max + 1)^2)
        Degree by degree, 2 l + 1 columns each.
    """
    x, y, z = torch.nn.functional.normalize(vector, dim=1).unbind(1)
    columns = [torch.ones_like(x)]
    if l_max >= 1:
        columns += [x, y, z]
    if l_max >= 2:
        root = 3**0.5
        columns += [
            root * x * y,
            root * y * z,
            root * x * z,
            root / 2 * (x * x - y * y),
            (3 * z * z - 1) / 2,
        ]
    if l_max >= 3:
        a, b, c = (5 / 8) ** 0.5, 15**0.5, (3 / 8) ** 0.5
        columns += [
            a * y * (3 * x * x - y * y),
            b * x * y * z,
            c * y * (5 * z * z - 1),
            z * (5 * z * z - 3) / 2,
            c * x * (5 * z * z - 1),
            b / 2 * z * (x * x - y * y),
            a * x * (x * x - 3 * y * y),
        ]
    return torch.stack(columns, 1)


@dataclass(frozen=True)
class Directions:
    """Where the edges of each atom point.

    Atoms get as many rows as the one with most edges has, so that sums over the edges
    of an atom are products of matrices; rows without an edge are zero.

    Attributes
    ----------
    harmonics : Tensor of shape (N, K, M)
        Of each of the at most K edges of an atom, M functions.
    place : Tensor of shape (E,), int64, or None
        Row of each edge among the N K; None if all atoms have K edges.
    """

    harmonics: Tensor
    place: Tensor | None

    @classmethod
    def of(cls, batch: GraphBatch, l_max: int) -> Directions:
        """Directions of the edges of a batch with vectors, up to degree `l_max`."""
        degree = batch.edge_ptr.diff()
        # To look at these two numbers makes a GPU wait, once a batch.
        least, most = torch.stack(torch.aminmax(degree)).tolist()
        place = None
        if least < most:
            first = batch.edge_ptr[:-1].index_select(0, batch.target)
            order = torch.arange(len(first), device=first.device) - first
            place = batch.target.long() * most + order
        values = spherical_harmonics(batch.vector, l_max)
        return cls(_spread(values, place, len(degree), most), place)

    def gather(self, edges: Tensor) -> Tensor:
        """Sum edge rows (E, C) times each function over the edges of an atom.

        Returns
        -------
        Tensor of shape (N, M, C)
        """
        edges = edges.to(self.harmonics.dtype)  # autocast may have halved them
        rows = _spread(edges, self.place, *self.harmonics.shape[:2])
        return torch.bmm(self.harmonics.transpose(1, 2), rows)

    def look(self, moments: Tensor) -> Tensor:
        """What atoms have (N, M, C), in the direction of each edge: (E, C)."""
        moments = moments.to(self.harmonics.dtype)
        rows = torch.bmm(self.harmonics, moments).flatten(0, 1)
        return rows if self.place is None else rows.index_select(0, self.place)


def angle_sum(edges: Tensor, kernel: Tensor, directions: Directions) -> Tensor:
    """Sum over all pairs of edges of an atom, by the angle between them.

    ``out_ij = sum_k e_ik * f(cos(angle between ij and ik))``, with the function
    ``f = sum_l kernel_l P_l`` of each channel; k runs over j too. Nothing is written
    down for a pair: moments ``A_lm = sum_k e_ik Y_lm(r_ik)`` are added up once an atom
    and read out in the direction of each edge, which by the addition theorem is the
    same.

    Parameters
    ----------
    edges : Tensor of shape (E, C)
    kernel : Tensor of shape (l_max + 1, C)
        Coefficients of Legendre polynomials.
    directions : Directions
        Up to degree `l_max`. No gradient is given to them.

    Returns
    -------
    Tensor of shape (E, C)
    """
    moments = _Gather.apply(edges, directions)
    degrees = torch.arange(len(kernel), device=kernel.device)
    of_each = kernel.repeat_interleave(
        2 * degrees + 1, dim=0, output_size=directions.harmonics.shape[2]
    )
    return _Look.apply(moments * of_each, directions)


def _spread(rows: Tensor, place: Tensor | None, n_atoms: int, most: int) -> Tensor:
    """Edge rows (E, C) to those of each atom, (N, K, C)."""
    if place is not None:
        empty = rows.new_zeros(n_atoms * most, rows.shape[1])
        rows = empty.index_copy_(0, place, rows)
    return rows.reshape(n_atoms, most, rows.shape[1])


# Each is what the other's gradient needs; written out, no padded copy is kept.


class _Gather(Function):
    @staticmethod
    def forward(ctx, edges, directions):
        ctx.directions = directions
        return directions.gather(edges)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        return ctx.directions.look(grad), None


class _Look(Function):
    @staticmethod
    def forward(ctx, moments, directions):
        ctx.directions = directions
        return directions.look(moments)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        return ctx.directions.gather(grad), None
