"""Interface of learning tasks: from labels to a loss, from outputs to predictions."""

from __future__ import annotations

from typing import Any, Protocol, Self

from numpy.typing import NDArray
from skorch.callbacks import Callback
from torch import nn

from ._targets import Targets


class Task(Protocol):
    """Meaning of labels and of the outputs of a network that is trained on them.

    Made once in each fit, and again of the attributes of a fitted model. Immutable:
    methods that learn from labels or from training return another task.
    """

    @property
    def names(self) -> list[str]:
        """Names of the targets."""

    @property
    def pooling(self) -> str:
        """Pooling of atoms by the network; "none" for targets of atoms."""

    @property
    def architecture(self) -> dict[str, Any]:
        """Parameters that become part of the architecture, in their one spelling."""

    @property
    def outputs(self) -> dict[str, Any]:
        """Parameters of the outputs of a network."""

    @property
    def loss_is_positive(self) -> bool:
        """Whether the loss cannot be negative."""

    def read_validation(self, y: Any, n_sites: NDArray) -> Targets:
        """Check labels of a validation set, of crystals of (n,) sites."""

    def weigh(self, targets: Targets, sample_weight: NDArray) -> NDArray:
        """Weights of labels (R, T), zero where missing, from those of crystals (n,)."""

    def fit(self, targets: Targets, label_weights: NDArray, n_sites: NDArray) -> Self:
        """Task with the scale of training labels, which have weights (R, T)."""

    def scale(self, targets: Targets, n_sites: NDArray) -> NDArray:
        """Labels (R, T) as the loss reads them, of crystals of (n,) sites."""

    def criterion(self) -> nn.Module:
        """Loss of outputs (R, K) for pairs of scaled labels and weights (R, T)."""

    def callbacks(self, validates: bool) -> list[Callback]:
        """Callbacks that record progress, with or without a validation set."""

    def trained(self, criterion: nn.Module) -> Self:
        """Task with the weights that training has found."""

    def summary(self, targets: Targets) -> dict[str, Any]:
        """Counts and ranges of training labels, for a model's card."""
