"""How much each of several targets counts while they are learned together."""

from __future__ import annotations

from collections.abc import Callable

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

# A label of scatter b has the likelihood exp(-|error| / b) / b where errors count as
# they are, and exp(-error^2 / (2 b^2)) / b where they are squared: of log(b^2), that is
# a half as much beside an error half as heavy.
_SHARE_OF_LOG = {"mae": 1.0, "mse": 0.5, "huber": 0.5}

# So many learning rates a log scatter moves in a step that moves weights of the network
# by one. By one alone it is still on its way when small sets are learned: of 160
# crystals, it had weights at a third of the inverse errors after 120 steps.
_PACE = 10.0

_TEMPERATURE = 2.0  # as published


def _alone(values: Tensor) -> Tensor:
    return values


class TaskBalance(nn.Module):
    """Weighs the errors of T targets; of both kinds, weights change as training goes.

    Attributes
    ----------
    weights : Tensor of shape (T,)
        By which errors are multiplied at present.
    """

    def forward(self, error: Tensor, weight: Tensor) -> Tensor:
        """Errors (B, T), and weights of labels that are not to be used up, (B, T)."""
        raise NotImplementedError(f"{type(self).__name__} has no forward()")

    def end_epoch(self, add_up: Callable[[Tensor], Tensor] = _alone) -> None:
        """Take note that all labels have been seen once more.

        Parameters
        ----------
        add_up : callable
            Sums a tensor over all processes that have seen a share of them.
        """


class UncertaintyBalance(TaskBalance):
    """Weights that are learned: the inverse of how far labels scatter [1]_.

    Errors are taken for draws from a Laplace distribution (absolute errors) or a normal
    one (squared errors) of one width for each target, whose likelihood is maximised
    with the network's.

    Parameters
    ----------
    start : array-like of shape (T,)
        Weights to start from.
    kind : {"mae", "mse", "huber"}
        What errors are.

    References
    ----------
    .. [1] A. Kendall, Y. Gal, R. Cipolla, "Multi-Task Learning Using Uncertainty to
       Weigh Losses for Scene Geometry and Semantics", CVPR 2018, arXiv:1705.07115.
    """

    def __init__(self, start: ArrayLike, kind: str) -> None:
        super().__init__()
        log_scatter = -torch.log(torch.as_tensor(start, dtype=torch.float32))
        self.slow = nn.Parameter(log_scatter / _PACE)
        self.share = _SHARE_OF_LOG[kind]

    @property
    def log_scatter(self) -> Tensor:
        """Logarithm of the scatter of labels, of shape (T,)."""
        # The gradient is that of no factor, or it would decide what is clipped.
        return self.slow + (_PACE - 1) * self.slow.detach()

    @property
    def weights(self) -> Tensor:
        return torch.exp(-self.log_scatter.detach())

    def forward(self, error: Tensor, weight: Tensor) -> Tensor:
        log_scatter = self.log_scatter
        return torch.exp(-log_scatter) * error + self.share * log_scatter


class RateBalance(TaskBalance):
    """Dynamic weight average: more for targets whose error falls more slowly [1]_.

    Weights of an epoch are the softmax of the ratio of the last two epochs' errors,
    over a temperature of two, times the number of targets.

    Parameters
    ----------
    start : array-like of shape (T,)
        Weights to start from.

    References
    ----------
    .. [1] S. Liu, E. Johns, A. J. Davison, "End-to-End Multi-Task Learning with
       Attention", CVPR 2019, arXiv:1803.10704.
    """

    weights: Tensor
    errors: Tensor
    last_errors: Tensor

    def __init__(self, start: ArrayLike) -> None:
        super().__init__()
        weights = torch.as_tensor(start, dtype=torch.float32)
        self.register_buffer("weights", weights.clone())
        self.register_buffer("errors", torch.zeros_like(weights))  # of this epoch
        self.register_buffer("last_errors", torch.zeros_like(weights))

    def forward(self, error: Tensor, weight: Tensor) -> Tensor:
        # How many labels there are cancels in the ratio of two epochs.
        self.errors += (error * weight).detach().sum(dim=0)
        return self.weights * error

    def end_epoch(self, add_up: Callable[[Tensor], Tensor] = _alone) -> None:
        errors = add_up(self.errors.clone())
        if self.last_errors.all():
            rates = errors / self.last_errors
            share = torch.softmax(rates / _TEMPERATURE, dim=0)
            self.weights.copy_(share * len(share))
        self.last_errors.copy_(errors)
        self.errors.zero_()
