"""Scores to picks."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfcx
from scipy.stats import norm

Picked = tuple[NDArray[np.int64], NDArray[np.float64]]


def check_n_instances(n_instances: int, X_pool: Any) -> int:
    """Check the number of crystals to pick from a pool.

    Raises
    ------
    ValueError
        If fewer than one, or more than there are.
    """
    if not isinstance(n_instances, Integral) or not 1 <= n_instances <= len(X_pool):
        raise ValueError(
            f"n_instances is {n_instances!r}, but the pool has {len(X_pool)} crystals; "
            "ask for an integer from 1 to that."
        )
    return int(n_instances)


def top(scores: NDArray[np.float64], n: int) -> Picked:
    # Stable, so that ties go to the first of the pool, and results can be repeated
    indices = np.argsort(-scores, kind="stable")[:n]
    return indices, scores[indices]


def top_by_log(scores: NDArray[np.float64], n: int) -> Picked:
    # The logarithm still ranks crystals whose score is all but zero
    indices, scores = top(scores, n)
    return indices, np.exp(scores)


# Gaussian probabilities by their logarithms, which do not underflow in the tails.


def log_between(
    low: float, high: float, mean: NDArray, std: NDArray
) -> NDArray[np.float64]:
    """Logarithm of the probability that a Gaussian lies between two numbers."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        below, above = (low - mean) / std, (high - mean) / std
        # In the tail where differences do not cancel
        flip = below > 0
        a, b = np.where(flip, -above, below), np.where(flip, -below, above)
        of_b = norm.logcdf(b)
        result = of_b + np.log1p(-np.exp(norm.logcdf(a) - of_b))
    result = np.where(np.isneginf(of_b), -np.inf, result)
    certain = np.where((low <= mean) & (mean <= high), 0.0, -np.inf)
    return np.where(std > 0, result, certain)


def log_improvement(gain: NDArray, std: NDArray) -> NDArray[np.float64]:
    """Logarithm of the expected positive part of a Gaussian of mean `gain`.

    References
    ----------
    .. [1] S. Ament et al., NeurIPS 2023, arXiv:2310.20708.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        z = gain / std
        near = np.log(z * norm.cdf(z) + norm.pdf(z))
        # Of the bracket, 1 - |z| cdf / pdf, only 1 / z**2 is left far out
        bracket = 1 + z * np.sqrt(np.pi / 2) * erfcx(-z / np.sqrt(2))
        bracket = np.where(z < -1e3, z**-2.0, bracket)
        far = norm.logpdf(z) + np.log(bracket)
        result = np.log(std) + np.where(z > -1, near, far)
        certain = np.log(np.maximum(gain, 0))
    return np.where(std > 0, result, certain)
