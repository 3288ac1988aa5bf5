"""Losses over labels that may be missing."""

from __future__ import annotations

from collections.abc import Callable

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn
from torch.nn import functional as F

_POINTWISE = {
    "mae": F.l1_loss,
    "mse": F.mse_loss,
    "huber": F.smooth_l1_loss,
}
LOSSES = frozenset({*_POINTWISE, "gaussian_nll"})

_BETA = 0.5  # the best of both kinds of error in [1]_ of `gaussian_nll`, and here


def gaussian_nll(predicted: Tensor, label: Tensor, beta: float = 0.0) -> Tensor:
    """Negative log likelihood of labels up to a constant, times a weight.

    By its gradient a label pulls at its mean with the inverse of its variance. Where a
    network is not good yet it takes the variance to be large, and so does not become
    better. The weight, ``variance ** beta`` taken for a constant, makes up for this
    [1]_: with 0 there is none, with 1 means are learned as with squared errors.

    Parameters
    ----------
    predicted : Tensor of shape (B, 2 T)
        Means, then variances.
    label : Tensor of shape (B, T)
    beta : float, default=0.0

    Returns
    -------
    Tensor of shape (B, T)

    References
    ----------
    .. [1] M. Seitzer, A. Tavakoli, D. Antic, G. Martius, "On the Pitfalls of
       Heteroscedastic Uncertainty Estimation with Probabilistic Neural Networks", ICLR
       2022, arXiv:2203.09168.
    """
    mean, variance = predicted.chunk(2, dim=1)
    # torch's own looks for negative variances, for which every step waits on a GPU.
    loss = 0.5 * (variance.log() + (label - mean) ** 2 / variance)
    return loss * variance.detach() ** beta if beta else loss


class MaskedLoss(nn.Module):
    """Weighted mean of an error over the labels that are there.

    Parameters
    ----------
    kind : {"mae", "mse", "huber", "gaussian_nll"}
        Huber's has its corner at an error of one. The last is for networks with
        ``gaussian=True``; weighted for training, plain in evaluation.
    balance : TaskBalance, optional
        What weighs targets against each other, in training alone.
    """

    def __init__(self, kind: str, balance: TaskBalance | None = None) -> None:
        super().__init__()
        self.kind = kind
        self.balance = balance

    def forward(self, predicted: Tensor, truth: tuple[Tensor, Tensor]) -> Tensor:
        """Outputs (B, K), and labels and weights (B, T) as a pair, to a scalar.

        Weights are zero where a label is missing, and one in the mean over the
        training set; dividing by the batch's own sum instead would give the labels of
        a batch that holds few of them more than their share.
        """
        label, weight = truth
        if self.kind == "gaussian_nll":
            # Large variances would make a weighted loss small: no measure of progress.
            error = gaussian_nll(predicted, label, _BETA if self.training else 0.0)
        else:
            error = _POINTWISE[self.kind](predicted, label, reduction="none")
        if self.balance is not None and self.training:
            error = self.balance(error, weight)
        return torch.mean(error * weight)


class ClassLoss(nn.Module):
    """Weighted mean of the cross entropy of classes."""

    def forward(self, predicted: Tensor, truth: tuple[Tensor, Tensor]) -> Tensor:
        """Logits (B, K), and numbers of classes and weights (B, 1) as a pair."""
        label, weight = truth
        error = F.cross_entropy(predicted, label[:, 0].long(), reduction="none")
        return torch.mean(error * weight[:, 0])


# How much each of several targets counts while they are learned together.


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
