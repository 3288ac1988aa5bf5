"""R^2 of regressors where labels may be missing."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import r2_score

from ._site_targets import SiteValues, check_site_targets
from ._targets import check_targets, check_weights


def masked_r2(
    predicted: NDArray | SiteValues, y: Any, names: list[str], sample_weight: Any = None
) -> float:
    """Coefficient of determination over the labels that are there.

    Parameters
    ----------
    predicted : ndarray of shape (m,) or (m, T), or SiteValues
    y : array-like of shape (m,) or (m, T), or labels of sites
        NaN entries are left out, and so are targets with fewer than two.
    names : list of str
        The T targets that the model was fitted on.
    sample_weight : array-like of shape (m,), optional

    Returns
    -------
    float
        Mean over targets.

    Raises
    ------
    ValueError
        If `y` does not fit, or has too few labels.
    """
    weights = check_weights(sample_weight, len(predicted))
    if isinstance(predicted, SiteValues):
        n_sites = np.array([len(values) for values in predicted])
        targets = check_site_targets(y, n_sites, allow_empty=True)
        predicted = np.concatenate(predicted)
    else:
        targets = check_targets(y, len(predicted), allow_empty=True)
    weights = targets.spread(weights)
    check_n_targets(targets.values.shape[1], names)
    predicted = predicted.reshape(targets.values.shape)
    known = ~np.isnan(targets.values) & (weights[:, None] > 0)
    scores = [
        r2_score(truth[here], guess[here], sample_weight=weights[here])
        for truth, guess, here in zip(
            targets.values.T, predicted.T, known.T, strict=True
        )
        if here.sum() > 1
    ]
    if not scores:
        raise ValueError("no target has two labels, and R^2 needs two.")
    return float(np.mean(scores))


def check_n_targets(found: int, names: list[str], otherwise: str = "") -> None:
    """Check that labels are those of the targets a model was fitted on.

    Parameters
    ----------
    found : int
    names : list of str
    otherwise : str, default=""
        Alternative, for the end of the message.

    Raises
    ------
    ValueError
        If they are more or fewer.
    """
    if found != len(names):
        raise ValueError(
            f"y has {found} targets, but the model was fitted on {len(names)} "
            f"({', '.join(names)}){otherwise}."
        )
