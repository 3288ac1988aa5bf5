"""Losses over labels that may be missing."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_POINTWISE = {
    "mae": F.l1_loss,
    "mse": F.mse_loss,
    "huber": F.smooth_l1_loss,
}
LOSSES = frozenset(_POINTWISE)


class MaskedLoss(nn.Module):
    """Weighted mean of an error over the labels that are there.

    Parameters
    ----------
    kind : {"mae", "mse", "huber"}
        Huber's has its corner at one standard deviation.
    """

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def forward(self, predicted: Tensor, truth: tuple[Tensor, Tensor]) -> Tensor:
        """Predictions (B, T), and labels and weights (B, T) as a pair, to a scalar.

        Weights are zero where a label is missing, and one in the mean over the
        training set; dividing by the batch's own sum instead would give the labels of
        a batch that holds few of them more than their share.
        """
        label, weight = truth
        error = _POINTWISE[self.kind](predicted, label, reduction="none")
        return torch.mean(error * weight)
