"""Errors of a model on a fixed test set, target by target."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from ...estimators._pipelines import supports_std
from ...estimators.targets._targets import check_targets
from ...utils._warnings import unseen_elements_expected


def errors_of(
    estimator: BaseEstimator,
    X: Any,
    y: Any,
    names: list[str],
    scoring: Mapping[str, Callable] | None = None,
) -> dict[str, float]:
    """Measure errors and standard deviations.

    Parameters
    ----------
    estimator : fitted estimator
    X : m crystals or graphs
    y : array-like of shape (m,) or (m, T)
        NaN entries are left out.
    names : list of T str
    scoring : mapping, optional
        Further functions of estimator, `X` and `y`.

    Returns
    -------
    dict
        ``mae_``, ``rmse_``, ``r2_`` and ``mean_std_`` of each target: NaN where there
        are too few labels, or the model gives no standard deviations.
    """
    values = check_targets(y, len(X), allow_empty=True).values
    with unseen_elements_expected():
        mean = np.asarray(estimator.predict(X)).reshape(values.shape)
        std = None
        if supports_std(estimator):
            std = np.asarray(estimator.predict(X, return_std=True)[1])
    metrics = {}
    for t, name in enumerate(names):
        known = ~np.isnan(values[:, t])
        truth, guess = values[known, t], mean[known, t]
        some, enough = len(truth) > 0, len(truth) > 1
        metrics[f"mae_{name}"] = mean_absolute_error(truth, guess) if some else np.nan
        metrics[f"rmse_{name}"] = (
            root_mean_squared_error(truth, guess) if some else np.nan
        )
        metrics[f"r2_{name}"] = r2_score(truth, guess) if enough else np.nan
        metrics[f"mean_std_{name}"] = (
            np.nan if std is None else std.reshape(values.shape)[:, t].mean()
        )
    with unseen_elements_expected():
        for name, scorer in (scoring or {}).items():
            metrics[name] = scorer(estimator, X, y)
    return {name: float(value) for name, value in metrics.items()}
