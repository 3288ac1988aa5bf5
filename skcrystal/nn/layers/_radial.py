"""Functions of distance alone, evaluated on a grid and interpolated."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from .._batch import group

# Points a standard deviation of the basis. Four-point interpolation of a Gaussian is
# then off by less than 5e-7 of its height, no more than single precision itself.
_POINTS_PER_WIDTH = 20
# A basis may be wide, but functions of it need not be.
_LARGEST_WIDTH = 0.2  # Å
# With fewer distances for each point, a grid costs more than it saves.
_DISTANCES_PER_POINT = 2


@dataclass
class RadialGrid:
    """Grid on which functions of distance are evaluated, with interpolation weights.

    Filters and maps of bonds are smooth functions of distance. A batch has thousands of
    distances, but a grid of several hundred points resolves a Gaussian basis, and
    values in between come from the cubic polynomial through the four nearest points.

    Attributes
    ----------
    points : Tensor of shape (P,)
        Distances in Å at which to evaluate.
    index, weight : Tensor of shape (D, 4), or None
        The points about each distance and their weights, which add up to one. None if
        the points are the distances themselves.
    """

    points: Tensor
    index: Tensor | None = None
    weight: Tensor | None = None

    def interpolate(self, values: Tensor) -> Tensor:
        """Values at the points (P, F) to values at the distances (D, F)."""
        if self.weight is None:
            return values
        # In single precision, also where autocast has halved the values
        dtype = torch.promote_types(values.dtype, self.weight.dtype)
        return _Interpolate.apply(values.to(dtype), self)

    @cached_property
    def by_point(self) -> tuple[Tensor, Tensor, Tensor]:
        """Distances and weights sorted by points, and the start of each point."""
        assert self.index is not None  # called where there is a grid
        assert self.weight is not None
        order, start = group(self.index.view(-1), len(self.points))
        weight = self.weight.view(-1).index_select(0, order)
        return order.div_(4, rounding_mode="floor"), weight, start


def radial_grid(distances: Tensor, width: float) -> RadialGrid:
    """Grid for distances in a basis of functions no narrower than `width`.

    Parameters
    ----------
    distances : Tensor of shape (D,)
        In Å.
    width : float
        Standard deviation in Å of the narrowest Gaussian.

    Returns
    -------
    RadialGrid
        The distances themselves where a grid saves no time: if there are few, and on a
        GPU, where the maps cost little.
    """
    if distances.device.type != "cpu" or len(distances) == 0:
        return RadialGrid(distances)
    spacing = min(width, _LARGEST_WIDTH) / _POINTS_PER_WIDTH
    place = distances.double().numpy() / spacing
    # Points are multiples of the spacing, and so independent of the batch.
    first = int(place.min()) - 1
    n_points = int(place.max()) + 3 - first
    if len(distances) < _DISTANCES_PER_POINT * n_points:
        return RadialGrid(distances)
    left = place.astype(np.int32)
    t = (place - left).astype(np.float32)
    # Lagrange polynomials through the points -1, 0, 1, 2
    a, b, c = t + 1, t - 1, t - 2
    weight = np.stack([t * b * c / -6, a * b * c / 2, a * t * c / -2, a * t * b / 6], 1)
    index = (left - (first + 1))[:, None] + np.arange(4, dtype=np.int32)
    points = (first + np.arange(n_points)) * spacing
    return RadialGrid(
        torch.from_numpy(points.astype(np.float32)),
        torch.from_numpy(index.astype(np.int32)),
        torch.from_numpy(weight),
    )


class _Interpolate(Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, grid: RadialGrid) -> Tensor:
        assert grid.index is not None  # called where there is a grid
        assert grid.weight is not None
        ctx.grid = grid
        weight = grid.weight.to(values.dtype)
        return F.embedding_bag(
            grid.index, values, mode="sum", per_sample_weights=weight
        )

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        row, weight, start = ctx.grid.by_point
        return F.embedding_bag(
            row,
            grad.contiguous(),
            start[:-1],
            mode="sum",
            per_sample_weights=weight.to(grad.dtype),
        ), None
