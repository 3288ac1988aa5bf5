"""Callbacks that record errors of the validation set, in the units of users."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from skorch.callbacks import Callback

from ._scaler import TargetScaler


class RecordTargetErrors(Callback):
    """Record the mean absolute error of each target on the validation set.

    Outputs begin with a column a target; variances after them are not read.

    Parameters
    ----------
    names : sequence of str
        One a target; columns are called ``valid_mae_<name>``.
    scaler : TargetScaler
        Brings outputs and labels to the unit of the target.
    """

    def __init__(self, names: Sequence[str], scaler: TargetScaler) -> None:
        self.names = names
        self.scaler = scaler

    def on_epoch_begin(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        self._batches = []

    def on_batch_end(self, net, batch=None, training=None, y_pred=None, **kwargs):
        if not training:
            label, weight = (torch.cat(parts) for parts in _labels(batch))
            predicted = y_pred[:, : label.shape[1]]
            self._batches.append(torch.stack([predicted, label, weight]))

    def on_epoch_end(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        if dataset_valid is None:
            return
        whole = torch.cat(self._batches, dim=1).cpu().numpy().astype(np.float64)
        del self._batches  # they may lie on a device
        predicted, label, weight = whole
        # A target may have no label there, and a network be far off for a while.
        with np.errstate(invalid="ignore", over="ignore"):
            error = self.scaler.inverse(predicted) - self.scaler.inverse(label)
            errors = (np.abs(error) * weight).sum(0) / weight.sum(0)
        for name, error in zip(self.names, errors, strict=True):
            net.history.record(f"valid_mae_{name}", float(error))


class RecordAccuracy(Callback):
    """Record the share of the validation set, by weight, that is classified rightly."""

    def on_epoch_begin(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        self._right, self._all = [], []

    def on_batch_end(self, net, batch=None, training=None, y_pred=None, **kwargs):
        if not training:
            label, weight = (torch.cat(parts)[:, 0] for parts in _labels(batch))
            self._right.append((weight * (y_pred.argmax(dim=1) == label)).sum())
            self._all.append(weight.sum())

    def on_epoch_end(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        if dataset_valid is None:
            return
        share = torch.stack(self._right).sum() / torch.stack(self._all).sum()
        del self._right, self._all  # they may lie on a device
        net.history.record("valid_accuracy", float(share))


def _labels(batch):
    """Labels of all micro-batches, and their weights."""
    return zip(*(part.labels for part in batch), strict=True)
