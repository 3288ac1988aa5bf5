"""Scaling of labels, robust against a few wrong or far ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import norm
from torch import Tensor

from ._output_transforms import Link

Values = TypeVar("Values", NDArray[np.float64], Tensor)

# Percentiles between which a normal distribution has two standard deviations
_LOW, _HIGH = norm.cdf([-1, 1])

# Labels further off than this many scales are mistakes, and are clipped to it: no
# network comes near, and in the loss of a validation set one of 1e6 would hide all
# progress with the others.
_FARTHEST = 1e3


@dataclass(frozen=True)
class TargetScaler:
    """Standardise each target over the labels that are there.

    Labels of "log" targets become ``log(1 + y / size)`` first. Those of targets with
    any link are divided by their scale but not shifted: the network gives them as a
    softplus, which is zero where they are.

    Attributes
    ----------
    center, scale : ndarray of shape (T,)
        Median, and half the distance from the 16th to the 84th percentile: the
        standard deviation, if the distribution is normal. More where most labels are
        nearly equal. In the unit of the target, or that per atom if targets are summed
        over atoms; of its logarithm for "log".
    size : ndarray of shape (T,)
        Below it "log" targets are nearly linear: the 16th percentile of positive
        labels. NaN for others.
    links : tuple of T links
    """

    center: NDArray[np.float64]
    scale: NDArray[np.float64]
    size: NDArray[np.float64]
    links: tuple[Link, ...]

    @classmethod
    def fit(
        cls, values: NDArray, weights: NDArray, links: Sequence[Link] | None = None
    ) -> TargetScaler:
        """Measure labels (n, T), which count by their weights (n, T)."""
        links = (None,) * values.shape[1] if links is None else tuple(links)
        found = []
        for column, weight, link in zip(values.T, weights.T, links, strict=True):
            label, weight = column[weight > 0], weight[weight > 0]
            edge = np.nan
            if link == "log":
                edge = _edge(label, weight)
                label = np.log1p(label / edge)
            found.append((*_center_and_scale(label, weight), edge))
        center, scale, size = np.array(found).T
        return cls(center, scale, size, links)

    @property
    def softplus_start(self) -> list[float | None] | None:
        """Numbers that a network adds to outputs before a softplus, if it has one."""
        if not any(self.links):
            return None
        starts = (self.center / self.scale).tolist()
        return [
            start if link else None
            for start, link in zip(starts, self.links, strict=True)
        ]

    def transform(self, values: NDArray) -> NDArray:
        """Labels (..., T) to the scale of outputs."""
        log = self._is_log
        if log.any():
            values = values.copy()
            values[..., log] = np.log1p(values[..., log] / self.size[log])
        scaled = np.clip((values - self.center) / self.scale, -_FARTHEST, _FARTHEST)
        return scaled + (self.center - self._shift) / self.scale

    def inverse(self, scaled: Values) -> Values:
        """Outputs (..., T), an array or a tensor, to predictions of the same kind."""
        scale, shift = _like(self.scale, scaled), _like(self._shift, scaled)
        values = scaled * scale + shift
        log = self._is_log
        if not log.any():
            return values
        xp: Any = torch if isinstance(scaled, Tensor) else np
        is_log = xp.asarray(log, device=scaled.device)
        # No gradient of a tensor passes through the NaN of other targets.
        size = _like(np.where(log, self.size, 1.0), scaled)
        return xp.where(is_log, xp.expm1(xp.where(is_log, values, 0.0)) * size, values)

    def slope(self, values: NDArray) -> NDArray:
        """Derivatives of predictions (..., T) by outputs, of the same shape."""
        log = self._is_log
        if not log.any():
            return np.broadcast_to(self.scale, values.shape)
        slope = np.tile(self.scale, (*values.shape[:-1], 1))
        slope[..., log] *= values[..., log] + self.size[log]
        return slope

    @property
    def _is_log(self) -> NDArray[np.bool_]:
        return ~np.isnan(self.size)

    @property
    def _shift(self) -> NDArray[np.float64]:
        return np.where([link is None for link in self.links], self.center, 0.0)


def _like(values: NDArray, other: NDArray | Tensor) -> Any:
    """Values as a tensor if `other` is one, of its kind and on its device."""
    if isinstance(other, Tensor):
        return torch.from_numpy(values).to(other)
    return values


def _center_and_scale(label: NDArray, weight: NDArray) -> tuple[float, float]:
    center = weighted_quantile(label, weight, 0.5)
    low, high = (weighted_quantile(label, weight, level) for level in (_LOW, _HIGH))
    distance = np.abs(label - center)
    scale = max((high - low) / 2, _rest(distance, weight, center))
    # A constant target, up to rounding, is learned as its value.
    return center, scale if scale > 1e-12 * abs(center) else 1.0


def _rest(distance: NDArray, weight: NDArray, center: float) -> float:
    """Spread of a minority of labels where most are nearly equal.

    So are band gaps, zero for metals, or magnetic moments, next to zero for most
    crystals; percentiles then see no spread. Returns the standard deviation that there
    would be if the minority all lay at their median distance; zero if they are half of
    the labels or more. A label is apart from most if its distance from the center is
    more than a tenth of the 90th percentile of distances.
    """
    near = max(0.1 * weighted_quantile(distance, weight, 0.9), 1e-12 * abs(center))
    apart = distance > near
    share = weight[apart].sum() / weight.sum()
    if not 0 < share < 0.5 - 1e-9:  # sums of weights are equal up to rounding
        return 0.0
    typical = weighted_quantile(distance[apart], weight[apart], 0.5)
    return float(np.sqrt(share)) * typical


def _edge(label: NDArray, weight: NDArray) -> float:
    """Lower edge of the bulk of positive labels; one if there are none."""
    positive = label > 0
    if not positive.any():
        return 1.0
    return weighted_quantile(label[positive], weight[positive], _LOW)


def weighted_quantile(values: NDArray, weights: NDArray, level: float) -> float:
    """Smallest of n values that weighs `level` of all together with those below it.

    Where some weigh just as much, it is the middle between the last of them and the
    next, as in the usual median. A value of weight two is one given twice.

    Parameters
    ----------
    values, weights : ndarray of shape (n,)
        Weights are positive.
    level : float
        In (0, 1).

    Returns
    -------
    float
    """
    order = np.argsort(values, kind="stable")
    values, reached = values[order], np.cumsum(weights[order])
    # Sums of weights that are not integers are equal up to rounding.
    levels = reached[-1] * (level + np.array([-1e-9, 1e-9]))
    low, high = values[np.searchsorted(reached, levels)]
    return float(low + (high - low) / 2)
