"""Scaling of labels that a few wrong or far ones do not decide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from ._output_transforms import Link

# Percentiles between which a normal distribution has two standard deviations
_LOW, _HIGH = norm.cdf([-1, 1])

# Labels further off than this many scales are mistakes, and count as if they were this
# far off: no network comes near, and in the loss of a part held back, where one of 1e6
# would hide all progress with the others, it can still be seen.
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
        alike. In the unit of the target, or that per atom if targets are summed over
        atoms; of its logarithm for "log".
    size : ndarray of shape (T,)
        Below it "log" targets count nearly as they are: the 16th percentile of positive
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
        """What a network adds to its outputs before a softplus; None without any."""
        if not any(self.links):
            return None
        starts = (self.center / self.scale).tolist()
        return [
            start if link else None
            for start, link in zip(starts, self.links, strict=True)
        ]

    def transform(self, values: NDArray) -> NDArray:
        """Labels (..., T) to what outputs are compared with."""
        log = self._is_log
        if log.any():
            values = values.copy()
            values[..., log] = np.log1p(values[..., log] / self.size[log])
        scaled = np.clip((values - self.center) / self.scale, -_FARTHEST, _FARTHEST)
        return scaled + (self.center - self._shift) / self.scale

    def inverse(self, scaled: NDArray) -> NDArray:
        """Outputs (..., T) to predictions."""
        values = scaled * self.scale + self._shift
        log = self._is_log
        if log.any():
            values[..., log] = np.expm1(values[..., log]) * self.size[log]
        return values

    def slope(self, values: NDArray) -> NDArray:
        """How fast predictions (..., T) change with outputs, of the same shape."""
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


def _center_and_scale(label: NDArray, weight: NDArray) -> tuple[float, float]:
    center = weighted_quantile(label, weight, 0.5)
    low, high = (weighted_quantile(label, weight, level) for level in (_LOW, _HIGH))
    distance = np.abs(label - center)
    scale = max((high - low) / 2, _rest(distance, weight, center))
    # A constant target, up to rounding, is learned as its value.
    return center, scale if scale > 1e-12 * abs(center) else 1.0


def _rest(distance: NDArray, weight: NDArray, center: float) -> float:
    """Spread that percentiles do not see where most labels are alike.

    So are band gaps, zero for metals, or magnetic moments, next to zero for most
    crystals. Taken is the standard deviation that there would be if all labels apart
    lay at their median distance; zero if these are half of the labels or more. Apart is
    what lies further off than a tenth of what one label in ten exceeds.
    """
    alike = max(0.1 * weighted_quantile(distance, weight, 0.9), 1e-12 * abs(center))
    apart = distance > alike
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
    # Sums of weights that are no integers are equal up to rounding.
    levels = reached[-1] * (level + np.array([-1e-9, 1e-9]))
    low, high = values[np.searchsorted(reached, levels)]
    return float(low + (high - low) / 2)
