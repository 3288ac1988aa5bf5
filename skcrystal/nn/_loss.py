"""Losses over labels that may be missing."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ._balance import TaskBalance

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
