"""Query strategies: which crystals of a pool to compute next.

All have modAL's signature, ``strategy(learner, X_pool, n_instances=1, ...)``, and
return indices, best first, and their scores. They change nothing and keep nothing.
Options are given at the query, ``learner.query(pool, n_instances=5, weights=[1, 0])``,
or beforehand by ``functools.partial``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from ._beliefs import (
    Weights,
    believe,
    check_weights,
    column_of,
    embed,
    known_labels,
    scales,
    target_names,
)
from ._gaussian import log_between, log_improvement
from ._greedy import gaps, pick_from_largest_cluster, pick_greedily

Picked = tuple[NDArray[np.int64], NDArray[np.float64]]


def random_sampling(
    learner: Any, X_pool: Any, n_instances: int = 1, *, random_state: Any = None
) -> Picked:
    """Pick at random: the yardstick of all others.

    Parameters
    ----------
    learner : ActiveLearner
        Not asked.
    X_pool : sequence of P crystals or graphs
    n_instances : int, default=1
        How many to pick.
    random_state : int, RandomState or None, default=None
        A learner with a `random_state` of its own gives this at each query.

    Returns
    -------
    indices : ndarray of shape (n_instances,)
    scores : ndarray of shape (n_instances,)
        All one.

    Raises
    ------
    ValueError
        If the pool has fewer than `n_instances` crystals.
    """
    n = check_n_instances(n_instances, X_pool)
    indices = check_random_state(random_state).permutation(len(X_pool))[:n]
    return indices.astype(np.int64), np.ones(n)


def max_std(
    learner: Any, X_pool: Any, n_instances: int = 1, *, weights: Weights | None = None
) -> Picked:
    """Pick what the model is least sure of.

    Parameters
    ----------
    learner : ActiveLearner or fitted regressor
        Its predictions have standard deviations.
    X_pool : sequence of P crystals or graphs
    n_instances : int, default=1
        How many to pick.
    weights : array-like of shape (n_targets,) or mapping, optional
        Of targets, whose standard deviations are added up in units of the spread of
        the labels known so far. ``{"band_gap": 1}`` leaves out all others.

    Returns
    -------
    indices : ndarray of shape (n_instances,)
        Largest first.
    scores : ndarray of shape (n_instances,)
        Weighted mean of standardised standard deviations.

    Raises
    ------
    ValueError
        If the pool is too small, or weights are unfit.
    """
    n = check_n_instances(n_instances, X_pool)
    return _best(_uncertainty(learner, X_pool, weights), n)


def diverse_max_std(
    learner: Any,
    X_pool: Any,
    n_instances: int = 1,
    *,
    weights: Weights | None = None,
    diversity: float = 1.0,
) -> Picked:
    """Pick what the model is least sure of, but no two crystals of a kind.

    Crystals are picked one by one by uncertainty times distance: the distance, in the
    model's embedding, to the nearest crystal known or already picked. A batch of the
    largest uncertainties alone is often one crystal many times.

    Parameters
    ----------
    learner : ActiveLearner or fitted regressor
        Its predictions have standard deviations, and it embeds crystals.
    X_pool : sequence of P crystals or graphs
    n_instances : int, default=1
        How many to pick.
    weights : array-like of shape (n_targets,) or mapping, optional
        As in `max_std`.
    diversity : float, default=1.0
        Power of the distance: 0 is `max_std`, large values near `k_center`.

    Returns
    -------
    indices : ndarray of shape (n_instances,)
        In the order of picking.
    scores : ndarray of shape (n_instances,)
        Uncertainty to the power of 1 / `diversity`, times distance.

    Raises
    ------
    ValueError
        If the pool is too small, or weights or `diversity` are unfit.
    TypeError
        If the model cannot embed crystals.
    """
    n = check_n_instances(n_instances, X_pool)
    if not (np.isfinite(diversity) and diversity >= 0):
        raise ValueError(f"diversity is {diversity}; 0 or more is needed.")
    uncertainty = _uncertainty(learner, X_pool, weights)
    if diversity == 0:
        return _best(uncertainty, n)
    points = embed(learner, X_pool)
    # u * d**p orders as u**(1/p) * d does
    worth = uncertainty ** (1 / diversity)
    return pick_greedily(points, gaps(points, _known_points(learner)), n, worth)


def k_center(learner: Any, X_pool: Any, n_instances: int = 1) -> Picked:
    """Pick crystals unlike any known one: cover the pool, whatever the model says.

    Greedy solution of the k-center problem in the model's embedding [1]_.

    Parameters
    ----------
    learner : ActiveLearner or fitted regressor
        It embeds crystals.
    X_pool : sequence of P crystals or graphs
    n_instances : int, default=1
        How many to pick.

    Returns
    -------
    indices : ndarray of shape (n_instances,)
        In the order of picking.
    scores : ndarray of shape (n_instances,)
        Distance to the nearest crystal known or picked before.

    Raises
    ------
    ValueError
        If the pool is too small.
    TypeError
        If the model cannot embed crystals.

    References
    ----------
    .. [1] O. Sener, S. Savarese, ICLR 2018, arXiv:1708.00489.
    """
    n = check_n_instances(n_instances, X_pool)
    points = embed(learner, X_pool)
    return pick_greedily(points, gaps(points, _known_points(learner)), n)


def largest_cluster(learner: Any, X_pool: Any, n_instances: int = 1) -> Picked:
    """Pick from where most of the pool is far from anything known.

    Largest cluster maximum distance [1]_, in the model's embedding: each crystal of the
    pool belongs to the nearest one known or picked; the next is the farthest of the
    cluster with the largest sum of squared distances. It covers the pool as `k_center`
    does, but by its density: a lone outlier is no large cluster.

    Parameters
    ----------
    learner : ActiveLearner or fitted regressor
        It embeds crystals.
    X_pool : sequence of P crystals or graphs
    n_instances : int, default=1
        How many to pick.

    Returns
    -------
    indices : ndarray of shape (n_instances,)
        In the order of picking.
    scores : ndarray of shape (n_instances,)
        Distance to the center of its cluster.

    Raises
    ------
    ValueError
        If the pool is too small.
    TypeError
        If the model cannot embed crystals.

    References
    ----------
    .. [1] D. Holzmüller, V. Zaverkin, J. Kästner, I. Steinwart, J. Mach. Learn. Res.
       24, 164 (2023), arXiv:2203.09410.
    """
    n = check_n_instances(n_instances, X_pool)
    return pick_from_largest_cluster(embed(learner, X_pool), _known_points(learner), n)


def expected_improvement(
    learner: Any,
    X_pool: Any,
    n_instances: int = 1,
    *,
    weights: Weights | None = None,
    xi: float = 0.0,
    best: float | None = None,
) -> Picked:
    """Pick what is expected to beat the best crystal known by most.

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
        Improvement, in those units, that does not count: larger explores more.
    best : float, optional
        Objective to beat; by default the best of the crystals with all labels.

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
                "nothing to improve on; give `best`, or weigh fewer targets."
            )
        best = known.max()
    return _best_by_log(log_improvement(mean - best - xi, std), n)


def upper_confidence_bound(
    learner: Any,
    X_pool: Any,
    n_instances: int = 1,
    *,
    weights: Weights | None = None,
    beta: float = 2.0,
) -> Picked:
    """Pick what may well be the best: mean plus a multiple of its uncertainty.

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
    return _best(mean + beta * std, n)


def target_window(
    learner: Any,
    X_pool: Any,
    n_instances: int = 1,
    *,
    windows: Mapping[str | int, tuple[float, float]] | Sequence[tuple[float, float]],
) -> Picked:
    """Pick what most probably lies in a window of properties.

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
    mean, std = believe(learner, X_pool)
    names = target_names(learner, mean.shape[1])
    log_probability = np.zeros(len(mean))
    for t, low, high in _check_windows(windows, names):
        log_probability += log_between(low, high, mean[:, t], std[:, t])
    return _best_by_log(log_probability, n)


def check_n_instances(n_instances: int, X_pool: Any) -> int:
    """Check how many crystals are asked of a pool.

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


def _best(scores: NDArray[np.float64], n: int) -> Picked:
    # Stable, so that ties go to the first of the pool, and results can be repeated
    indices = np.argsort(-scores, kind="stable")[:n]
    return indices, scores[indices]


def _best_by_log(scores: NDArray[np.float64], n: int) -> Picked:
    # Crystals far off are told apart by the logarithm of a score that is all but zero
    indices, scores = _best(scores, n)
    return indices, np.exp(scores)


def _uncertainty(learner: Any, X: Any, weights: Weights | None) -> NDArray[np.float64]:
    mean, std = believe(learner, X)
    weight = check_weights(weights, target_names(learner, mean.shape[1]))
    return (std / scales(learner, mean)) @ (weight / weight.sum())


def _objective(learner: Any, X: Any, weights: Weights | None) -> tuple:
    """Mean and standard deviation of a weighted sum, and what forms it of labels."""
    mean, std = believe(learner, X)
    names = target_names(learner, mean.shape[1])
    if weights is None and len(names) > 1:
        raise ValueError(
            f"weights is None, but there are {len(names)} targets "
            f"({', '.join(names)}); say which to raise (positive) or lower (negative), "
            f"for example weights={{{names[-1]!r}: 1.0}}."
        )
    weight = check_weights(weights, names, signed=True) / scales(learner, mean)
    used = weight != 0

    def to_objective(values: NDArray) -> NDArray[np.float64]:
        return values[:, used] @ weight[used]

    # Targets are taken as independent, which their predictions say nothing against
    spread = np.sqrt((std[:, used] ** 2) @ (weight[used] ** 2))
    return to_objective(mean), spread, to_objective


def _known_points(learner: Any) -> NDArray | None:
    members = getattr(learner, "learner_list", [learner])
    known = getattr(members[0], "X_training", None)
    return None if known is None else embed(learner, known)


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
