"""Classification: labels to a loss, outputs of a network to probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax
from skorch.callbacks import Callback
from torch import Tensor, nn

from ...nn import ClassLoss
from ._class_labels import (
    check_classes,
    listed,
    name_of,
    number_classes,
    weigh_classes,
)
from ._error_callbacks import RecordAccuracy
from ._targets import Targets

Values = TypeVar("Values", NDArray[np.float64], Tensor)


@dataclass(frozen=True)
class ClassificationTask:
    """Meaning of classes; see ``Task``.

    Labels are the numbers of classes, in one column.

    Attributes
    ----------
    names : list of str
        Name of the one target.
    classes : ndarray of shape (n_classes,)
        Sorted.
    factors : ndarray of shape (n_classes,), or None
        Factor of the weights of each class; None for the task of a fitted model.
    """

    names: list[str]
    classes: NDArray
    factors: NDArray | None = None

    pooling = "mean"
    loss_is_positive = True

    @classmethod
    def read(
        cls,
        y: Any,
        sample_weight: NDArray,
        *,
        class_weight: Any,
        known: NDArray | None = None,
    ) -> tuple[Self, Targets]:
        """Read training labels, and the task that they and parameters make.

        Parameters
        ----------
        y : labels of n crystals
        sample_weight : ndarray of shape (n,)
        class_weight
            Parameter of classifiers.
        known : ndarray of shape (n_classes,), optional
            Classes of the fit whose network is trained on.

        Returns
        -------
        task : ClassificationTask
        targets : Targets

        Raises
        ------
        ValueError
            If labels are unfit, or parameters do not fit them.
        """
        labels = check_classes(y, len(sample_weight))
        classes, numbers = number_classes(labels, known)
        factors = weigh_classes(class_weight, classes, numbers, sample_weight)
        task = cls([name_of(y)], classes, factors)
        return task, task._targets(numbers)

    def read_validation(self, y: Any, n_sites: NDArray) -> Targets:
        labels = check_classes(y, len(n_sites))
        return self._targets(number_classes(labels, self.classes)[1])

    def _targets(self, numbers: NDArray) -> Targets:
        return Targets(numbers[:, None].astype(np.float64), self.names, True)

    def weigh(self, targets: Targets, sample_weight: NDArray) -> NDArray:
        assert self.factors is not None  # of a task that is trained
        return (sample_weight * self.factors[_numbers(targets)])[:, None]

    def fit(self, targets: Targets, label_weights: NDArray, n_sites: NDArray) -> Self:
        """Check that all classes have crystals to train on."""
        numbers = _numbers(targets)[label_weights[:, 0] > 0]
        missing = np.setdiff1d(np.arange(len(self.classes)), numbers)
        if len(missing):
            raise ValueError(
                "no crystals are left to train the class "
                f"{listed(self.classes[missing[:1]])} on: all its crystals have "
                "sample_weight 0 or are in the validation set; check sample_weight, "
                "lower `validation_fraction`, or set early_stopping=False."
            )
        return self

    def scale(self, targets: Targets, n_sites: NDArray) -> NDArray:
        return targets.values

    def decode(self, outputs: Values, n_sites: Any) -> Values:
        """Probabilities (..., n_classes) of logits, both arrays or both tensors."""
        if isinstance(outputs, Tensor):
            return outputs.softmax(dim=-1)
        return softmax(outputs, axis=-1)

    @property
    def architecture(self) -> dict[str, Any]:
        return {}

    @property
    def outputs(self) -> dict[str, Any]:
        return {"n_targets": len(self.classes), "pooling": self.pooling}

    def criterion(self) -> ClassLoss:
        return ClassLoss()

    def callbacks(self, validates: bool) -> list[Callback]:
        return [RecordAccuracy()] if validates else []

    def trained(self, criterion: nn.Module) -> Self:
        return self

    def summary(self, targets: Targets) -> dict[str, Any]:
        counts = np.bincount(_numbers(targets))
        pairs = zip(self.classes.tolist(), counts.tolist(), strict=False)
        classes = {str(name): count for name, count in pairs}
        return {"n_crystals": len(targets), "classes": classes}


def _numbers(targets: Targets) -> NDArray[np.int64]:
    return targets.values[:, 0].astype(np.int64)
