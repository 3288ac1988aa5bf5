"""Probabilities of Gaussians by their logarithms, which tell far tails apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfcx
from scipy.stats import norm


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
