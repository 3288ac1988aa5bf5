"""Scores over the labels that are there."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error
from sklearn.pipeline import Pipeline

_METRICS: dict[str, Callable[[NDArray, NDArray], float]] = {
    "r2": r2_score,
    "neg_mean_absolute_error": lambda y, p: -mean_absolute_error(y, p),
    "neg_root_mean_squared_error": lambda y, p: -root_mean_squared_error(y, p),
}


class MaskedScorer:
    """A score of regressors for searches, where labels may be missing.

    scikit-learn's scorers refuse labels that are NaN, and a search then takes the score
    for NaN. This one leaves missing labels out, target by target, and can look at one
    target of several. Give it as `scoring`.

    Parameters
    ----------
    metric : str or callable, default="neg_mean_absolute_error"
        "neg_mean_absolute_error", "neg_root_mean_squared_error" or "r2"; or a function
        of labels and predictions of one target, each of shape (k,), that gives a float,
        the greater the better.
    target : str, int or None, default=None
        The target to look at, by name or number of the column. Names are those of the
        DataFrame that holds the labels. None takes the mean over targets, of those that
        have labels. Errors in different units then count as if they had one; choose a
        target, or "r2".

    See Also
    --------
    skcrystal.GNNRegressor.score : R^2 with missing labels, the default in searches.

    Notes
    -----
    Of targets of atoms, with labels in an array for each crystal, take the model's own
    ``score``.

    Examples
    --------
    >>> from skcrystal.model_selection import MaskedScorer
    >>> MaskedScorer("r2", target="band_gap")
    MaskedScorer('r2', target='band_gap')
    """

    def __init__(
        self,
        metric: str | Callable[[NDArray, NDArray], float] = "neg_mean_absolute_error",
        *,
        target: str | int | None = None,
    ) -> None:
        if not callable(metric) and metric not in _METRICS:
            raise ValueError(
                f"metric must be a function, or one of {', '.join(_METRICS)}; it is "
                f"{metric!r}."
            )
        if target is not None and not isinstance(target, str | Integral):
            raise ValueError(
                f"target must be the name or the number of a column; it is {target!r}."
            )
        self.metric = metric
        self.target = target

    def __call__(self, estimator: Any, X: Any, y: ArrayLike) -> float:
        """Score a fitted regressor.

        Parameters
        ----------
        estimator : fitted regressor, or pipeline that ends in one
        X : input of its predict, m rows
        y : array-like of shape (m,) or (m, n_targets)
            Labels; NaN, or masked, where there is none.

        Returns
        -------
        float

        Raises
        ------
        ValueError
            If the target is unknown, or no label is left to score by.
        """
        names = _names(estimator, y)
        known = _columns(y)
        predicted = np.asarray(estimator.predict(X), dtype=np.float64)
        predicted = predicted.reshape(len(predicted), -1)
        if predicted.shape != known.shape:
            raise ValueError(
                f"y has shape {known.shape}, but predictions have {predicted.shape}; "
                "labels and predictions must be of the same targets."
            )
        chosen = [*range(known.shape[1])]
        if self.target is not None:
            chosen = [_find(self.target, names, known.shape[1])]
        metric = self.metric if callable(self.metric) else _METRICS[self.metric]
        least = 2 if self.metric == "r2" else 1
        scores = []
        for t in chosen:
            here = ~np.isnan(known[:, t])
            if here.sum() >= least:
                scores.append(float(metric(known[here, t], predicted[here, t])))
        if not scores:
            of = "any target" if self.target is None else f"target {self.target!r}"
            raise ValueError(
                f"the {len(known)} rows to score have fewer labels of {of} than the "
                f"{least} needed; take larger test parts."
            )
        return float(np.mean(scores))

    def __repr__(self) -> str:
        metric = getattr(self.metric, "__name__", repr(self.metric))
        target = "" if self.target is None else f", target={self.target!r}"
        return f"MaskedScorer({metric}{target})"


def _columns(y: ArrayLike) -> NDArray[np.float64]:
    """Labels of shape (m, n_targets), NaN where there is none."""
    try:
        if np.ma.isMaskedArray(y):
            values = np.ma.filled(y.astype(np.float64), np.nan)
        else:
            values = np.asarray(y, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"y must be numeric, of shape (m,) or (m, n_targets): {error}. For labels "
            "of atoms take the model's own score: scoring=None."
        ) from error
    return values.reshape(len(values), -1)


def _names(estimator: Any, y: Any) -> list[str]:
    """Names of targets: those of the labels, else those the model was fitted on."""
    if hasattr(y, "columns"):
        return [str(name) for name in y.columns]
    if getattr(y, "name", None) is not None:
        return [str(y.name)]
    model = estimator[-1] if isinstance(estimator, Pipeline) else estimator
    return list(getattr(model, "target_names_", []))


def _find(target: str | int, names: list[str], n_targets: int) -> int:
    if isinstance(target, str):
        if target not in names:
            raise ValueError(
                f"target={target!r}, but the targets are "
                f"{', '.join(names) or 'without names'}; give the labels in a "
                "DataFrame to name them, or the number of the column."
            )
        return names.index(target)
    if not -n_targets <= target < n_targets:
        raise ValueError(f"target={target}, but y has {n_targets} columns.")
    return target
