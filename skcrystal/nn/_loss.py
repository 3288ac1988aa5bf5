"""Losses over labels that may be missing."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn
from torch.nn import functional as F


class PointwiseLoss(NamedTuple):
    """Error of each label by itself.

    Attributes
    ----------
    error : callable
        Takes predictions and labels, both (B, T), and ``reduction="none"``; returns
        errors (B, T).
    power : float
        Of the distance of a label, to which its error is proportional near zero.
    """

    error: Callable[..., Tensor]
    power: float


# A new loss is one more entry.
POINTWISE_LOSSES = {
    "mae": PointwiseLoss(F.l1_loss, power=1),
    "mse": PointwiseLoss(F.mse_loss, power=2),
    "huber": PointwiseLoss(F.smooth_l1_loss, power=2),
}
LOSSES = frozenset({*POINTWISE_LOSSES, "gaussian_nll"})

_BETA = 0.5  # best for means and variances in [1]_ of `gaussian_nll`, and here


def gaussian_nll(predicted: Tensor, label: Tensor, beta: float = 0.0) -> Tensor:
    """Negative log likelihood of labels up to a constant, times a weight.

    The gradient of a mean is its error over the variance. Labels that a network does
    not fit yet have large variances, and so small gradients. The weight,
    ``variance ** beta`` without gradient, compensates for this [1]_: 0 is the plain
    likelihood, 1 gives means the gradient of squared errors.

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
    # F.gaussian_nll_loss checks for negative variances, which synchronises a GPU.
    loss = 0.5 * (variance.log() + (label - mean) ** 2 / variance)
    return loss * variance.detach() ** beta if beta else loss


class MaskedLoss(nn.Module):
    """Weighted mean of an error over the known labels.

    Parameters
    ----------
    kind : {"mae", "mse", "huber", "gaussian_nll"}
        Huber's has its corner at an error of one. The last is for networks with
        ``gaussian=True``; weighted for training, plain in evaluation.
    weighting : TaskWeighting, optional
        Weighs the targets against each other, in training alone.
    """

    def __init__(self, kind: str, weighting: TaskWeighting | None = None) -> None:
        super().__init__()
        self.kind = kind
        self.weighting = weighting

    def forward(self, predicted: Tensor, truth: tuple[Tensor, Tensor]) -> Tensor:
        """Outputs (B, K), and labels and weights (B, T) as a pair, to a scalar.

        Weights are zero where a label is missing, and have the mean one over the
        training set. The sum is divided by the number of entries, not by the sum of
        weights of the batch, which would give labels more weight in batches that have
        few of them.
        """
        label, weight = truth
        if self.kind == "gaussian_nll":
            # Plain in evaluation: weights that depend on variances hide progress.
            error = gaussian_nll(predicted, label, _BETA if self.training else 0.0)
        else:
            pointwise = POINTWISE_LOSSES[self.kind]
            error = pointwise.error(predicted, label, reduction="none")
        if self.weighting is not None and self.training:
            error = self.weighting(error, weight)
        return torch.mean(error * weight)


class ClassLoss(nn.Module):
    """Weighted mean of the cross entropy of classes."""

    def forward(self, predicted: Tensor, truth: tuple[Tensor, Tensor]) -> Tensor:
        """Logits (B, K), and numbers of classes and weights (B, 1) as a pair."""
        label, weight = truth
        error = F.cross_entropy(predicted, label[:, 0].long(), reduction="none")
        return torch.mean(error * weight[:, 0])


# How much each of several targets counts while they are learned together.


# Learning rates that a log scatter moves in a step in which weights of the network move
# by one. At one, it is still far from its optimum when training on a small set ends: on
# 160 crystals, task weights were a third of the inverse errors after 120 steps.
_PACE = 10.0

_TEMPERATURE = 2.0  # as published


def _sum_of_one(values: Tensor) -> Tensor:
    return values


class TaskWeighting(nn.Module):
    """Weights of the errors of T targets, which change during training.

    Attributes
    ----------
    weights : Tensor of shape (T,)
        Factors of the errors at present.
    """

    def forward(self, error: Tensor, weight: Tensor) -> Tensor:
        """Weigh errors (B, T).

        Weights of labels (B, T) are zero where one is missing; they are not applied.
        """
        raise NotImplementedError(f"{type(self).__name__} has no forward()")

    def end_epoch(self, add_up: Callable[[Tensor], Tensor] = _sum_of_one) -> None:
        """Update weights after a pass over the training set.

        Parameters
        ----------
        add_up : callable
            Sums a tensor over all processes that share the training set.
        """


class UncertaintyWeighting(TaskWeighting):
    """Weights that are learned: the inverse of how far labels scatter [1]_.

    A label has the density ``exp(-error / s) / s^(1 / p)``, up to a constant: a Laplace
    distribution for errors of power p = 1, a normal one for those of power 2. The
    scatter s of each target maximises the likelihood, together with the network.

    Parameters
    ----------
    start : array-like of shape (T,)
        Weights to start from.
    power : float
        The p of the errors, see ``PointwiseLoss``.

    References
    ----------
    .. [1] A. Kendall, Y. Gal, R. Cipolla, "Multi-Task Learning Using Uncertainty to
       Weigh Losses for Scene Geometry and Semantics", CVPR 2018, arXiv:1705.07115.
    """

    def __init__(self, start: ArrayLike, power: float) -> None:
        super().__init__()
        log_scatter = -torch.log(torch.as_tensor(start, dtype=torch.float32))
        self.slow = nn.Parameter(log_scatter / _PACE)
        self.power = power

    @property
    def log_scatter(self) -> Tensor:
        """Logarithm of the scatter of labels, of shape (T,)."""
        # With a factor, this gradient would dominate the norm that is clipped.
        return self.slow + (_PACE - 1) * self.slow.detach()

    @property
    def weights(self) -> Tensor:
        return torch.exp(-self.log_scatter.detach())

    def forward(self, error: Tensor, weight: Tensor) -> Tensor:
        log_scatter = self.log_scatter
        return torch.exp(-log_scatter) * error + log_scatter / self.power


class DynamicWeightAverage(TaskWeighting):
    """Dynamic weight average: larger for targets whose error falls more slowly [1]_.

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

    def end_epoch(self, add_up: Callable[[Tensor], Tensor] = _sum_of_one) -> None:
        errors = add_up(self.errors.clone())
        if self.last_errors.all():
            rates = errors / self.last_errors
            share = torch.softmax(rates / _TEMPERATURE, dim=0)
            self.weights.copy_(share * len(share))
        self.last_errors.copy_(errors)
        self.errors.zero_()
