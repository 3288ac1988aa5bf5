"""Surrogate of a strategy: predictions, scales and embeddings of a learner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...estimators._pipelines import (
    embed as embed_crystals,
    separate,
    target_names_of,
)
from ...estimators.targets._targets import column_of, default_names
from ...utils._rows import stack

Weights = ArrayLike | Mapping[str | int, float]


def embed(model: Any, X: Any) -> NDArray[np.float32]:
    """Features in which a model sees crystals.

    Parameters
    ----------
    model : learner, committee, pipeline or fitted estimator
    X : sequence of m crystals or graphs

    Returns
    -------
    ndarray of shape (m, D)

    Raises
    ------
    TypeError
        If no part of the model can embed crystals.
    """
    if hasattr(model, "learner_list"):  # modAL's committees
        parts = [embed(learner, X) for learner in model.learner_list]
        # Distances are then root-mean-square ones over members
        return np.hstack(parts) / np.float32(np.sqrt(len(parts)))
    if hasattr(model, "query_strategy"):
        return embed(model.estimator, X)
    final = separate(model)[1]
    if not hasattr(final, "embed"):
        raise TypeError(
            f"{type(final).__name__} has no embed(X), which diversity in embedding "
            "space needs; take a graph network or an EnsembleRegressor of them, or a "
            "strategy that needs no features."
        )
    return embed_crystals(model, X)


def known_labels(learner: Any) -> NDArray[np.float64] | None:
    """Labels (n, T) that a learner or committee was trained on; None without any."""
    known = [
        np.asarray(member.y_training, dtype=np.float64)
        for member in getattr(learner, "learner_list", [learner])
        if getattr(member, "y_training", None) is not None
    ]
    return np.concatenate([y.reshape(len(y), -1) for y in known]) if known else None


def labelled_embeddings(learner: Any) -> NDArray[np.float32] | None:
    """Features (n, D) of the crystals that a learner or committee was trained on."""
    known = [
        member.X_training
        for member in getattr(learner, "learner_list", [learner])
        if getattr(member, "X_training", None) is not None
    ]
    return embed(learner, stack(known, "X")) if known else None


def target_names(learner: Any, n_targets: int) -> list[str]:
    """Names of the targets, by the columns of the labels or by the estimator."""
    members = getattr(learner, "learner_list", [learner])
    columns = getattr(getattr(members[0], "y_training", None), "columns", None)
    if columns is not None:
        return [str(column) for column in columns]
    model = members[0]
    if hasattr(model, "query_strategy"):
        model = model.estimator
    return target_names_of(model) or default_names(n_targets)


def predict_mean_std(
    learner: Any, X: Any
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation of each target, (m, T) each.

    Raises
    ------
    ValueError
        If a value is not finite: no order can be made of it.
    """
    mean, std = learner.predict(X, return_std=True)
    mean, std = (np.asarray(a, float).reshape(len(mean), -1) for a in (mean, std))
    for name, values in (("mean", mean), ("std", std)):
        if not np.isfinite(values).all():
            i, t = np.argwhere(~np.isfinite(values))[0]
            raise ValueError(
                f"the predicted {name} of pool[{i}], target {t}, is {values[i, t]}; "
                "crystals cannot be ranked by it."
            )
    return mean, std


def target_scales(learner: Any, mean: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unit in which each of T targets is measured against the others.

    The standard deviation of the labels the learner knows; without any, that of its
    predictions. One for a target that does not vary.
    """
    y = known_labels(learner)
    if y is None or y.shape[1] != mean.shape[1]:
        y = mean
    scale = np.ones(mean.shape[1])
    for t, column in enumerate(y.T):
        known = column[~np.isnan(column)]
        known = known if len(known) else mean[:, t]
        spread = np.std(known)
        # Equal labels differ from their mean by rounding
        if spread > 1e-12 * abs(np.mean(known)):
            scale[t] = spread
    return scale


def target_weights(
    weights: Weights | None, names: Sequence[str], *, signed: bool = False
) -> NDArray[np.float64]:
    """Weight of each of T targets.

    Parameters
    ----------
    weights : array-like of shape (T,), mapping, or None
        A mapping goes from names or numbers of targets to weights; those left out
        weigh zero. None gives all the same weight.
    names : sequence of T str
    signed : bool, default=False
        Whether weights may be negative.

    Returns
    -------
    ndarray of shape (T,)

    Raises
    ------
    ValueError
        If a weight is unfit, all are zero, or a target is unknown.
    """
    n = len(names)
    if weights is None:
        return np.ones(n)
    if isinstance(weights, Mapping):
        values = np.zeros(n)
        for key, weight in weights.items():
            values[column_of(key, names, "weights")] = weight
    else:
        values = np.asarray(weights, dtype=np.float64).reshape(-1)
    if len(values) != n:
        raise ValueError(
            f"weights has {len(values)} entries for {n} targets ({', '.join(names)}); "
            "one each is needed."
        )
    if not np.isfinite(values).all() or not values.any():
        raise ValueError(f"weights is {values}; finite numbers, not all 0, are needed.")
    if not signed and (values < 0).any():
        raise ValueError(f"weights is {values}; none may be negative here.")
    return values
