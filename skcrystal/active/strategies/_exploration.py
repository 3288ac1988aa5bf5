"""Query strategies that make the model better.

All have modAL's signature, ``strategy(learner, X_pool, n_instances=1, ...)``, and
return indices, best first, and their scores. They have no state and no side effects.
Options are given at the query, ``learner.query(pool, n_instances=5, weights=[1, 0])``,
or beforehand by ``functools.partial``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from ._acquisition import Picked, check_n_instances, top
from ._batch_selection import gaps, pick_from_largest_cluster, pick_greedily
from ._surrogate import (
    Weights,
    embed,
    labelled_embeddings,
    predict_mean_std,
    target_names,
    target_scales,
    target_weights,
)


def random_sampling(
    learner: Any, X_pool: Any, n_instances: int = 1, *, random_state: Any = None
) -> Picked:
    """Pick at random: the yardstick of all others.

    Parameters
    ----------
    learner : ActiveLearner
        Not used.
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
    """Pick the crystals of the largest predictive std.

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
    return top(_uncertainty(learner, X_pool, weights), n)


def diverse_max_std(
    learner: Any,
    X_pool: Any,
    n_instances: int = 1,
    *,
    weights: Weights | None = None,
    diversity: float = 1.0,
) -> Picked:
    """Pick crystals of large predictive std that differ from each other.

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
        Uncertainty times distance to the power of `diversity`.

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
        return top(uncertainty, n)
    points = embed(learner, X_pool)
    gap = gaps(points, labelled_embeddings(learner))
    return pick_greedily(points, gap, n, worth=uncertainty, power=diversity)


def k_center(learner: Any, X_pool: Any, n_instances: int = 1) -> Picked:
    """Pick crystals unlike any known one: cover the pool, regardless of predictions.

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
    return pick_greedily(points, gaps(points, labelled_embeddings(learner)), n)


def largest_cluster(learner: Any, X_pool: Any, n_instances: int = 1) -> Picked:
    """Pick from where most of the pool is far from anything known.

    Largest cluster maximum distance [1]_, in the model's embedding: each crystal of the
    pool belongs to the nearest one known or picked; the next is the farthest of the
    cluster with the largest sum of squared distances. It covers the pool as `k_center`
    does, but by its density: a lone outlier is not a large cluster.

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
    return pick_from_largest_cluster(
        embed(learner, X_pool), labelled_embeddings(learner), n
    )


def _uncertainty(learner: Any, X: Any, weights: Weights | None) -> NDArray[np.float64]:
    mean, std = predict_mean_std(learner, X)
    weight = target_weights(weights, target_names(learner, mean.shape[1]))
    return (std / target_scales(learner, mean)) @ (weight / weight.sum())
