"""What a strategy may ask of a learner: predictions, scales, features, names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.pipeline import Pipeline

from ..estimators._prefix import separate

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
        return np.hstack([embed(learner, X) for learner in model.learner_list])
    if hasattr(model, "query_strategy"):
        return embed(model.estimator, X)
    if isinstance(model, Pipeline):
        prefix, final = separate(model)
        return embed(final, X if prefix is None else prefix.transform(X))
    if not hasattr(model, "embed"):
        raise TypeError(
            f"{type(model).__name__} has no embed(X), which diversity in embedding "
            "space needs; take a graph network or an EnsembleRegressor of them, or a "
            "strategy that asks for no features."
        )
    return model.embed(X)


def known_labels(learner: Any) -> NDArray[np.float64] | None:
    """Labels (n, T) that a learner or committee was taught; None if there are none."""
    members = getattr(learner, "learner_list", [learner])
    y = getattr(members[0], "y_training", None)
    if y is None:
        return None
    y = np.asarray(y, dtype=np.float64)
    return y.reshape(len(y), -1)


def target_names(learner: Any, n_targets: int) -> list[str]:
    """Names of the targets, by the columns of the labels or by the estimator."""
    members = getattr(learner, "learner_list", [learner])
    y = getattr(members[0], "y_training", None)
    if hasattr(y, "columns"):
        return [str(column) for column in y.columns]
    estimator = getattr(members[0], "estimator", members[0])
    if isinstance(estimator, Pipeline):
        estimator = estimator.steps[-1][1]
    names = getattr(estimator, "target_names_", None)
    return list(names) if names else [f"target_{t}" for t in range(n_targets)]


def believe(learner: Any, X: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
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


def scales(learner: Any, mean: NDArray[np.float64]) -> NDArray[np.float64]:
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


def check_weights(
    weights: Weights | None, names: Sequence[str], *, signed: bool = False
) -> NDArray[np.float64]:
    """Weight of each of T targets.

    Parameters
    ----------
    weights : array-like of shape (T,), mapping, or None
        A mapping goes from names or numbers of targets to weights; those left out
        weigh zero. None weighs all alike.
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


def column_of(key: str | int, names: Sequence[str], argument: str) -> int:
    """Column of the target called `key`, or numbered so.

    Raises
    ------
    ValueError
        If there is none.
    """
    if isinstance(key, str) and key in names:
        return list(names).index(key)
    if isinstance(key, int | np.integer) and -len(names) <= key < len(names):
        return int(key) % len(names)
    raise ValueError(
        f"{argument} names the target {key!r}, but there are only {', '.join(names)} "
        f"(0 to {len(names) - 1})."
    )
