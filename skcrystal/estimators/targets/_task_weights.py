"""The parameter `task_weights`: fixed weights of targets, or how to find them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skorch.callbacks import Callback

from ...nn._loss import (
    POINTWISE_LOSSES,
    DynamicWeightAverage,
    TaskWeighting,
    UncertaintyWeighting,
)
from ._targets import column_of


@dataclass(frozen=True)
class TaskWeights:
    """Weights of T targets: fixed ones, or a way to find them in training.

    Attributes
    ----------
    fixed : ndarray of shape (T,)
        Of mean one.
    kind : {"uncertainty", "dwa"} or None
    start : ndarray of shape (T,), or None
        Weights to start from in training, of mean one; by default one each.
    """

    fixed: NDArray[np.float64]
    kind: str | None = None
    start: NDArray[np.float64] | None = None

    def make(self, loss: str) -> TaskWeighting | None:
        """Make the module that finds the weights in training with a pointwise loss."""
        start = np.ones(len(self.fixed)) if self.start is None else self.start
        if self.kind == "uncertainty":
            return UncertaintyWeighting(start, POINTWISE_LOSSES[loss].power)
        return DynamicWeightAverage(start) if self.kind == "dwa" else None


def read_task_weights(
    task_weights: Any, names: Sequence[str], loss: str
) -> TaskWeights:
    """Read the parameter for the T targets that there are.

    Raises
    ------
    ValueError
        If weights are not one positive number a target, or are to be found with
        ``loss="gaussian_nll"``, which learns variances already.
    """
    ones = np.ones(len(names))
    if task_weights is None:
        return TaskWeights(ones)
    if isinstance(task_weights, str):
        if loss == "gaussian_nll":
            raise ValueError(
                f"task_weights={task_weights!r} weighs targets by how far their labels "
                'scatter, or how fast errors fall; loss="gaussian_nll" learns the '
                "scatter already, for each crystal. Set task_weights=None or to "
                "numbers, or choose another loss."
            )
        return TaskWeights(ones, task_weights)
    if isinstance(task_weights, Mapping):
        weights = np.full(len(names), np.nan)
        for key, weight in task_weights.items():
            t = column_of(key, names, "task_weights")
            if not np.isnan(weights[t]):
                raise ValueError(
                    f"task_weights names the target {names[t]} twice; leave one out."
                )
            weights[t] = weight
        unnamed = np.flatnonzero(np.isnan(weights))
        if len(unnamed):
            raise ValueError(
                f"task_weights has no entry for {names[unnamed[0]]}; give one for each "
                f"of {', '.join(names)}."
            )
    else:
        weights = np.asarray(task_weights, dtype=np.float64)
    if weights.shape != ones.shape:
        raise ValueError(
            f"task_weights has shape {weights.shape}, but there are {len(names)} "
            f"targets ({', '.join(names)}); one number each is needed."
        )
    bad = np.flatnonzero(~(np.isfinite(weights) & (weights > 0)))
    if len(bad):
        raise ValueError(
            f"task_weights of {names[bad[0]]} is {weights[bad[0]]}; it must be a "
            "positive number. To leave a target out, take its column from y."
        )
    return TaskWeights(weights / weights.mean())


class RecordTaskWeights(Callback):
    """Record the weights that training finds, and update them after each epoch.

    Parameters
    ----------
    names : list of str
        One a target; columns are called ``task_weight_<name>``.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names

    def on_epoch_end(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        # Several processes wrap a loss with trained parameters.
        weighting = getattr(net.criterion_, "module", net.criterion_).weighting
        for name, weight in zip(self.names, weighting.weights, strict=True):
            net.history.record(f"task_weight_{name}", float(weight))
        weighting.end_epoch(net.add_up)
