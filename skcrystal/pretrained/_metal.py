"""How probably a crystal is a metal, of a predicted band gap and its uncertainty."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

#: PBE band gap in eV below which a crystal is a metal, up to rounding.
METAL_BELOW = 0.025

_TARGET = "band_gap"
_FEATURES = ("log(gap + 0.01 eV)", "std", "log(std)")
_LEAST_STD = 1e-4  # eV
# Features are of the order of one, and labels many: hardly any shrinkage is needed.
_C = 100.0


def fit_metal_probability(
    mean: ArrayLike, std: ArrayLike, is_metal: ArrayLike
) -> dict[str, Any]:
    """Fit the probability of a metal as a logistic function of a predicted gap.

    A normal distribution of the gap does not give it: half of all gaps are zero.

    Parameters
    ----------
    mean, std : array-like of shape (n,)
        Predicted gaps and their standard deviations in eV, of crystals that the model
        was not trained on.
    is_metal : array-like of shape (n,), bool
        Whether their gap is below `METAL_BELOW`.

    Returns
    -------
    dict
        Coefficients, for `metal_probability`; fit for JSON.

    Raises
    ------
    ValueError
        If lengths differ, a number is not finite, or all crystals are of one kind.
    """
    is_metal = np.asarray(is_metal, dtype=bool)
    features = _features(mean, std)
    if is_metal.shape != features.shape[:1]:
        raise ValueError(
            f"is_metal has shape {is_metal.shape}, but there are {len(features)} gaps; "
            "one entry a gap is needed."
        )
    if is_metal.all() or not is_metal.any():
        raise ValueError(
            f"all {len(is_metal)} crystals are of one kind; give metals and others."
        )
    fitted = LogisticRegression(C=_C, max_iter=1000).fit(features, is_metal)
    return {
        "target": _TARGET,
        "below": METAL_BELOW,
        "features": list(_FEATURES),
        "coefficients": fitted.coef_[0].tolist(),
        "intercept": float(fitted.intercept_[0]),
        "n_crystals": len(is_metal),
        "n_metals": int(is_metal.sum()),
    }


def metal_probability(
    coefficients: dict[str, Any], mean: ArrayLike, std: ArrayLike
) -> NDArray[np.float64]:
    """Probability that PBE gives crystals a gap below `METAL_BELOW`.

    Parameters
    ----------
    coefficients : dict
        From `fit_metal_probability`.
    mean, std : array-like of shape (m,)
        Predicted gaps and their standard deviations in eV.

    Returns
    -------
    ndarray of shape (m,)

    Raises
    ------
    ValueError
        If the coefficients are of other features, or a number is not finite.
    """
    if tuple(coefficients.get("features", ())) != _FEATURES:
        raise ValueError(
            f"coefficients are of {coefficients.get('features')}, not of "
            f"{list(_FEATURES)}; fit them again with this version."
        )
    weights = np.array(coefficients["coefficients"], dtype=np.float64)
    return expit(_features(mean, std) @ weights + coefficients["intercept"])


def _features(mean: ArrayLike, std: ArrayLike) -> NDArray[np.float64]:
    mean, std = np.asarray(mean, np.float64), np.asarray(std, np.float64)
    if mean.ndim != 1 or mean.shape != std.shape:
        raise ValueError(
            f"mean has shape {mean.shape} and std {std.shape}; both must be (n,)."
        )
    bad = np.flatnonzero(~(np.isfinite(mean) & np.isfinite(std)))
    if len(bad):
        i = bad[0]
        raise ValueError(f"gap {i} is {mean[i]} ± {std[i]} eV, which is not finite.")
    std = np.maximum(std, _LEAST_STD)
    return np.stack([np.log(np.maximum(mean, 0) + 0.01), std, np.log(std)], axis=1)
