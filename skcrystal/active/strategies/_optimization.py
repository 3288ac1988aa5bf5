"""Query strategies that find the crystal one is looking for.

Their signature is that of the strategies that make the model better.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...estimators.targets._targets import column_of
from ._acquisition import (
    Picked,
    check_n_instances,
    log_between,
    log_improvement,
    top,
    top_by_log,
)
from ._surrogate import (
    Weights,
    known_labels,
    predict_mean_std,
    target_names,
    target_scales,
    target_weights,
)


def expected_improvement(
    learner: Any,
    X_pool: Any,
    n_instances: int = 1,
    *,
    weights: Weights | None = None,
    xi: float = 0.0,
    best: ArrayLike | None = None,
) -> Picked:
    """Pick crystals of the largest expected improvement over the best known one.

    Parameters
    ----------
    learner : ActiveLearner
        Its predictions have standard deviations.
    X_pool : sequence of P crystals or graphs
    n_instances : int, default=1
        How many to pick.
    weights : array-like of shape (n_targets,) or mapping, optional
        The objective is the weighted sum of targets, each in units of the spread of
        its known labels: positive to raise a target, negative to lower it. A single
        target is raised by default.
    xi : float, default=0.0
        Improvement of the objective that does not count: larger explores more.
    best : array-like of shape (n_targets,) or float, optional
        Labels of the crystal to beat, in the units of the targets (a number if one is
        weighed); by default those of the best crystal known that has all of them.

    Returns
    -------
    indices : ndarray of shape (n_instances,)
        Largest first.
    scores : ndarray of shape (n_instances,)
        Expected improvement, in units of the spread of labels.

    Raises
    ------
    ValueError
        If the pool is too small, weights are missing or unfit, or no crystal with all
        labels is known and `best` is None.
    """
    n = check_n_instances(n_instances, X_pool)
    mean, std, to_objective = _objective(learner, X_pool, weights)
    if best is None:
        y = known_labels(learner)
        known = to_objective(y) if y is not None else np.array([])
        known = known[~np.isnan(known)]
        if not len(known):
            raise ValueError(
                "no crystal with all the weighted labels is known, so that there is "
                "no value to improve on; give `best`, or weigh fewer targets."
            )
    else:
        known = to_objective(np.atleast_2d(np.asarray(best, dtype=np.float64)))
    return top_by_log(log_improvement(mean - known.max() - xi, std), n)


def upper_confidence_bound(
    learner: Any,
    X_pool: Any,
    n_instances: int = 1,
    *,
    weights: Weights | None = None,
    beta: float = 2.0,
) -> Picked:
    """Pick crystals of the largest predicted mean plus a multiple of its std.

    Parameters
    ----------
    learner : ActiveLearner or fitted regressor
        Its predictions have standard deviations.
    X_pool : sequence of P crystals or graphs
    n_instances : int, default=1
        How many to pick.
    weights : array-like of shape (n_targets,) or mapping, optional
        As in `expected_improvement`; a negative weight gives the lower bound.
    beta : float, default=2.0
        Standard deviations to add: 0 exploits, large values explore.

    Returns
    -------
    indices : ndarray of shape (n_instances,)
        Largest first.
    scores : ndarray of shape (n_instances,)
        The bound, in units of the spread of labels.

    Raises
    ------
    ValueError
        If the pool is too small, weights are missing or unfit, or `beta` is negative.
    """
    n = check_n_instances(n_instances, X_pool)
    if not beta >= 0:
        raise ValueError(f"beta is {beta}; 0 or more is needed.")
    mean, std, _ = _objective(learner, X_pool, weights)
    return top(mean + beta * std, n)


def target_window(
    learner: Any,
    X_pool: Any,
    n_instances: int = 1,
    *,
    windows: Mapping[str | int, tuple[float, float]] | Sequence[tuple[float, float]],
) -> Picked:
    """Pick crystals that most probably lie in a window of properties.

    Parameters
    ----------
    learner : ActiveLearner or fitted regressor
        Its predictions have standard deviations.
    X_pool : sequence of P crystals or graphs
    n_instances : int, default=1
        How many to pick.
    windows : mapping or sequence
        Lowest and highest value of each target, in its unit, by name or number:
        ``{"band_gap": (1.1, 1.7), "formation_energy": (-np.inf, 0.0)}``. A sequence
        gives one for every target, in order. Probabilities are multiplied.

    Returns
    -------
    indices : ndarray of shape (n_instances,)
        Most probable first.
    scores : ndarray of shape (n_instances,)
        Probability that all targets lie in their windows.

    Raises
    ------
    ValueError
        If the pool is too small, a window is empty, or names no target.
    """
    n = check_n_instances(n_instances, X_pool)
    mean, std = predict_mean_std(learner, X_pool)
    names = target_names(learner, mean.shape[1])
    log_probability = np.zeros(len(mean))
    for t, low, high in _check_windows(windows, names):
        log_probability += log_between(low, high, mean[:, t], std[:, t])
    return top_by_log(log_probability, n)


def _objective(learner: Any, X: Any, weights: Weights | None) -> tuple:
    """Mean and std of a weighted sum, and the function that forms it of labels."""
    mean, std = predict_mean_std(learner, X)
    names = target_names(learner, mean.shape[1])
    if weights is None and len(names) > 1:
        raise ValueError(
            f"weights is None, but there are {len(names)} targets "
            f"({', '.join(names)}); say which to raise (positive) or lower (negative), "
            f"for example weights={{{names[-1]!r}: 1.0}}."
        )
    weight = target_weights(weights, names, signed=True) / target_scales(learner, mean)
    used = weight != 0

    def to_objective(values: NDArray) -> NDArray[np.float64]:
        if values.shape[1] not in (1, len(names)):
            raise ValueError(
                f"best has {values.shape[1]} labels for {len(names)} targets "
                f"({', '.join(names)}); one each is needed."
            )
        return (
            np.broadcast_to(values, (len(values), len(names)))[:, used] @ weight[used]
        )

    # Targets are taken as independent: predictions hold no covariances
    spread = np.sqrt((std[:, used] ** 2) @ (weight[used] ** 2))
    return to_objective(mean), spread, to_objective


def _check_windows(windows: Any, names: list[str]) -> list[tuple[int, float, float]]:
    if not isinstance(windows, Mapping):
        if len(windows) != len(names):
            raise ValueError(
                f"windows has {len(windows)} entries for {len(names)} targets "
                f"({', '.join(names)}); give one each, or a mapping from names."
            )
        windows = dict(enumerate(windows))
    if not windows:
        raise ValueError("windows is empty; at least one target needs one.")
    checked = []
    for key, (low, high) in windows.items():
        if not low < high:
            raise ValueError(
                f"the window of {key!r} is ({low}, {high}); its first number must be "
                "the lower."
            )
        checked.append((column_of(key, names, "windows"), float(low), float(high)))
    return checked
