"""Sums over the angles between bonds, at the cost of sums over bonds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from .._batch import GraphBatch
from ._padding import Padding

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
    """Spherical harmonics of the edges of each atom.

    Attributes
    ----------
    harmonics : Tensor of shape (N, K, M)
        M functions of each of the at most K edges of an atom.
    padding : Padding
        Places of the edges of each atom among the K.
    """

    harmonics: Tensor
    padding: Padding

    @classmethod
    def of(cls, batch: GraphBatch, l_max: int) -> Directions:
        """Directions of the edges of a batch with vectors, up to degree `l_max`."""
        assert batch.vector is not None  # models of such networks need vectors
        padding = Padding.of(batch.edge_ptr, batch.target)
        return cls(padding.spread(spherical_harmonics(batch.vector, l_max)), padding)

    def gather(self, edges: Tensor) -> Tensor:
        """Sums over the edges of an atom of features (E, C) times each function.

        Returns
        -------
        Tensor of shape (N, M, C)
        """
        edges = edges.to(self.harmonics.dtype)  # autocast may have halved them
        return torch.bmm(self.harmonics.transpose(1, 2), self.padding.spread(edges))

    def evaluate(self, moments: Tensor) -> Tensor:
        """Moments of atoms (N, M, C), evaluated along each edge: (E, C)."""
        moments = moments.to(self.harmonics.dtype)
        return self.padding.collect(torch.bmm(self.harmonics, moments))


def evaluate_moments(moments: Tensor, directions: Directions) -> Tensor:
    """Moments of atoms (N, M, C), evaluated along each edge: (E, C).

    Gradients pass to the moments.
    """
    return _Evaluate.apply(moments, directions)


def angle_sum(edges: Tensor, kernel: Tensor, directions: Directions) -> Tensor:
    """Sum over all pairs of edges of an atom, by the angle between them.

    ``out_ij = sum_k e_ik * f(cos(angle between ij and ik))``, with the function
    ``f = sum_l kernel_l P_l`` of each channel; k includes j. No array has a row for
    each pair: moments ``A_lm = sum_k e_ik Y_lm(r_ik)`` are summed once for each atom
    and evaluated along each edge, which by the addition theorem is the same.

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
    return evaluate_moments(moments * of_each, directions)


# Each is the other's gradient; as functions, they save no padded copy.


class _Gather(Function):
    @staticmethod
    def forward(ctx: Any, edges: Tensor, directions: Directions) -> Tensor:
        ctx.directions = directions
        return directions.gather(edges)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        return ctx.directions.evaluate(grad), None


class _Evaluate(Function):
    @staticmethod
    def forward(ctx: Any, moments: Tensor, directions: Directions) -> Tensor:
        ctx.directions = directions
        return directions.evaluate(moments)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        return ctx.directions.gather(grad), None
