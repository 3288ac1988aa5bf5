"""Sums over pairs of consecutive edges and the angle between them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from .._batch import GraphBatch
from ._aggregate import gather_distances, scatter_sum
from ._angles import Directions, evaluate_moments
from ._padding import Padding
from ._spherical import solid_harmonics

# Two images of an atom are further apart, and rounding errors of the two vectors of an
# edge are smaller, in Å.
_SAME_PLACE = 1e-3


@dataclass(frozen=True)
class Angles:
    """Spherical harmonics of the edges that meet in an atom.

    Attributes
    ----------
    into : list of Directions
        For each degree, edges by the atom that they lead to.
    out : Directions
        All degrees; edges by the atom that they come from.
    edge, reverse : Tensor of shape (P,), int64
        Edges, and their reverse edges.
    """

    into: list[Directions]
    out: Directions
    edge: Tensor
    reverse: Tensor

    @classmethod
    def of(cls, batch: GraphBatch, l_max: int) -> Angles:
        """Angles between the edges of a batch with vectors, up to degree `l_max`."""
        assert batch.vector is not None  # models of such networks need vectors
        harmonics = solid_harmonics(batch.vector, l_max)
        into = Padding.of(batch.edge_ptr, batch.target)
        order, start = batch.by_neighbor
        out = Padding.of(start, batch.neighbor.index_select(0, order))
        place = torch.empty_like(order, dtype=torch.int64)
        place[order.long()] = (
            torch.arange(len(order), device=order.device)
            if out.place is None
            else out.place
        )
        out = replace(out, place=place)
        of_degree = harmonics.split(
            [2 * degree + 1 for degree in range(l_max + 1)], dim=1
        )
        return cls(
            [Directions(into.spread(values), into) for values in of_degree],
            Directions(out.spread(harmonics), out),
            *reverse_edges(batch),
        )


def reverse_edges(batch: GraphBatch) -> tuple[Tensor, Tensor]:
    """Find edges that join the same two atoms, images included, the other way.

    Returns
    -------
    edge, reverse : Tensor of shape (P,), int64
        Numbers of edges. An edge is missing if its reverse is.
    """
    assert batch.vector is not None  # as in `Angles.of`
    target, neighbor = batch.target.long(), batch.neighbor.long()
    n = len(batch.atomic_numbers)
    ends, order = torch.sort(target * n + neighbor)
    wanted = neighbor * n + target
    first = torch.searchsorted(ends, wanted)
    count = torch.searchsorted(ends, wanted, right=True) - first
    edge = torch.repeat_interleave(count)
    before = count.cumsum(0) - count
    within = torch.arange(len(edge), device=edge.device) - before[edge]
    # Of all images of the two atoms, the one at the opposite vector
    other = order[first[edge] + within]
    sum_ = batch.vector[edge] + batch.vector[other]
    same = sum_.abs().amax(dim=1) < _SAME_PLACE
    return edge[same], other[same]


def triplet_sum(
    message: Tensor, kernel: Tensor, angles: Angles, batch: GraphBatch
) -> Tensor:
    """Sum over the triplets k -> j -> i that end in each edge j -> i.

    ``out_ji = sum_k m_kj * sum_l f_l(d_kj) P_l(cos(angle between ji and kj))``, over
    all edges into j except the reverse of the edge itself: k may be an image of i. No
    array has a row for each triplet: moments ``sum_k m_kj f_l(d_kj) Y_lm(r_kj)`` are
    summed once for each atom and evaluated along each edge that leaves it, which by the
    addition theorem is the same. The term of the reverse edge, whose polynomials are
    ``(-1)^l``, is subtracted.

    Parameters
    ----------
    message : Tensor of shape (E, C)
        Times edge weights.
    kernel : Tensor of shape (L, D, C)
        Coefficients f of Legendre polynomials at each distance.
    angles : Angles
        Up to degree L - 1. No gradient is given to them.
    batch : GraphBatch

    Returns
    -------
    Tensor of shape (E, C)
    """
    total = evaluate_moments(_Moments.apply(message, kernel, angles, batch), angles.out)
    backwards = kernel[::2].sum(0) - kernel[1::2].sum(0)
    back = message * gather_distances(backwards, batch)
    return total.index_add(
        0, angles.edge, back.index_select(0, angles.reverse), alpha=-1
    )


# As PyTorch operations this would store products of messages and kernels for each
# degree.


class _Moments(Function):
    @staticmethod
    def forward(
        ctx: Any, message: Tensor, kernel: Tensor, angles: Angles, batch: GraphBatch
    ) -> Tensor:
        ctx.save_for_backward(message, kernel)
        ctx.angles, ctx.batch = angles, batch
        moments = [
            into.gather(of_length.index_select(0, batch.distance_class).mul_(message))
            for into, of_length in zip(angles.into, kernel, strict=True)
        ]
        return torch.cat(moments, dim=1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        message, kernel = ctx.saved_tensors
        grad_message, grad_kernel = torch.zeros_like(message), torch.empty_like(kernel)
        widths = [into.harmonics.shape[2] for into in ctx.angles.into]
        for degree, part in enumerate(grad.split(widths, dim=1)):
            of_edge = ctx.angles.into[degree].evaluate(part)
            grad_kernel[degree] = scatter_sum("distance", of_edge * message, ctx.batch)
            of_length = kernel[degree].index_select(0, ctx.batch.distance_class)
            grad_message.addcmul_(of_edge, of_length)
        return grad_message, grad_kernel, None, None
