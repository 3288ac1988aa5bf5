"""What happens beside the training loop."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import partial

import numpy as np
import torch
from skorch.callbacks import Callback, LRScheduler
from torch.optim.lr_scheduler import LambdaLR, OneCycleLR
from torch.optim.swa_utils import get_ema_multi_avg_fn
from torch.utils.data import Dataset

from ...nn import measure_norms
from ..targets._scaler import TargetScaler


class TargetErrors(Callback):
    """Record the mean absolute error of each target on the held-back part.

    Predictions begin with a column a target; variances after them are not read.

    Parameters
    ----------
    names : list of str
        One a target; columns are called ``valid_mae_<name>``.
    scaler : TargetScaler
        Gives outputs and labels the unit of the target.
    """

    def __init__(self, names: list[str], scaler: TargetScaler) -> None:
        self.names = names
        self.scaler = scaler

    def on_epoch_begin(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        self._pieces = []

    def on_batch_end(self, net, batch=None, training=None, y_pred=None, **kwargs):
        if training:
            return
        start = 0
        for label, weight in batch[1]:
            # A piece's weights are scaled by its part of the batch.
            weight = weight * (len(y_pred) / len(label))
            predicted = y_pred[start : start + len(label), : label.shape[1]]
            self._pieces.append(torch.stack([predicted, label, weight]))
            start += len(label)

    def on_epoch_end(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        if dataset_valid is None:
            return
        whole = torch.cat(self._pieces, dim=1).cpu().numpy().astype(np.float64)
        del self._pieces  # they may lie on a device
        predicted, label, weight = whole
        # A target may have no label there, and a network be far off for a while.
        with np.errstate(invalid="ignore", over="ignore"):
            error = self.scaler.inverse(predicted) - self.scaler.inverse(label)
            errors = (np.abs(error) * weight).sum(0) / weight.sum(0)
        for name, error in zip(self.names, errors, strict=True):
            net.history.record(f"valid_mae_{name}", float(error))


class ClassErrors(Callback):
    """Record how much of the held-back part is given its class, by weight."""

    def on_epoch_begin(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        self._right, self._all = [], []

    def on_batch_end(self, net, batch=None, training=None, y_pred=None, **kwargs):
        if training:
            return
        start = 0
        for label, weight in batch[1]:
            # A piece's weights are scaled by its part of the batch.
            weight = weight[:, 0] * (len(y_pred) / len(label))
            guess = y_pred[start : start + len(label)].argmax(dim=1)
            self._right.append((weight * (guess == label[:, 0])).sum())
            self._all.append(weight.sum())
            start += len(label)

    def on_epoch_end(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        if dataset_valid is None:
            return
        share = torch.stack(self._right).sum() / torch.stack(self._all).sum()
        del self._right, self._all  # they may lie on a device
        net.history.record("valid_accuracy", float(share))


class MeasureNorms(Callback):
    """Let norms over atoms measure the training set: before validation, or at the end.

    It belongs behind what changes weights then.

    Parameters
    ----------
    loader : callable
        Makes what iterates over a dataset in batches.
    """

    # Enough for means, of many crystals and of many atoms, and no whole epoch
    _N_BATCHES, _N_LABELS = 20, 10_000

    def __init__(self, loader: Callable[[Dataset], Iterable]) -> None:
        self.loader = loader

    def on_epoch_begin(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        self._dataset, self._is_done = dataset_train, False

    def on_batch_begin(self, net, batch=None, training=None, **kwargs):
        if not training and not self._is_done:
            self._measure(net)

    def on_train_end(self, net, X=None, y=None, **kwargs):
        if not self._is_done:
            self._measure(net)
        del self._dataset

    def _measure(self, net):
        measure_norms(net.module_, self._batches())
        self._is_done = True

    def _batches(self):
        n_labels = 0
        for i, (graphs, labels) in enumerate(self.loader(self._dataset)):
            if i >= self._N_BATCHES and n_labels >= self._N_LABELS:
                return
            yield from graphs
            n_labels += sum(len(label) for label, _ in labels)


class StopOnDivergence(Callback):
    """Raise when the loss is no longer a number, instead of training on."""

    def on_epoch_end(self, net, **kwargs):
        loss = net.history[-1, "train_loss"]
        if not np.isfinite(loss):
            raise FloatingPointError(
                f"training diverged: the loss is {loss} in epoch "
                f"{net.history[-1, 'epoch']}. Lower `lr` (now {net.lr}), or set "
                "`gradient_clip` (default 1.0)."
            )


# The average of a network's weights over the steps of its training.


class AverageWeights(Callback):
    """Judge and keep an exponential moving average of the weights; train the raw ones.

    From an epoch's last step until the next epoch begins, the network holds the
    average: validation, what stops early and other callbacks find it there, and so it
    stays when training ends. It belongs before all callbacks that read weights.

    A young average decays faster, by n / (n + 9) after n steps, so that it looks back
    over a ninth of them and forgets where they began. Buffers are no concern of it:
    they stay the network's own.

    Parameters
    ----------
    decay : float
        Weight of the average in its next value, at most.
    """

    def __init__(self, decay: float) -> None:
        self.decay = decay

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        self.n_steps_ = 0
        # The average; or, while that is in the network, the raw weights.
        self.others_: list[torch.Tensor] = []
        self.is_shown_ = False

    def on_epoch_begin(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        self._show(net, False)

    def on_batch_begin(self, net, batch=None, training=None, **kwargs):
        if not training:
            self._show(net, True)

    def on_batch_end(self, net, batch=None, training=None, **kwargs):
        if not training:
            return
        weights = [weight.detach() for weight in net.module_.parameters()]
        if not self.others_:  # after the first step: initial weights never count
            self.others_ = [weight.clone() for weight in weights]
        else:
            # AveragedModel would copy all buffers too, and take twice as long.
            decay = min(self.decay, self.n_steps_ / (self.n_steps_ + 9))
            get_ema_multi_avg_fn(decay)(self.others_, weights, self.n_steps_)
        self.n_steps_ += 1

    def on_epoch_end(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        self._show(net, True)

    def on_train_end(self, net, X=None, y=None, **kwargs):
        self._show(net, True)  # an interrupt may come at any step
        self.others_ = []

    def _show(self, net, averaged: bool) -> None:
        """Let the network hold the average, or the raw weights again."""
        if averaged == self.is_shown_ or not self.others_:
            return
        # Parameters stay the objects that the optimiser knows; what they hold does not.
        for i, weight in enumerate(net.module_.parameters()):
            weight.data, self.others_[i] = self.others_[i], weight.data
        self.is_shown_ = averaged


# How the learning rate goes over the steps of a training.


_WARM_UP = 20  # one in so many steps, in the cosine schedule


def make_scheduler(schedule: str, peak: float, n_steps: int) -> LRScheduler:
    """Make the callback that sets the learning rate of each step.

    Parameters
    ----------
    schedule : {"one_cycle", "cosine"}
    peak : float
        Largest learning rate, that of the optimiser.
    n_steps : int
        Steps of the whole training.
    """
    if schedule == "one_cycle":
        return LRScheduler(
            OneCycleLR, step_every="batch", max_lr=peak, total_steps=n_steps
        )
    return LRScheduler(
        LambdaLR, step_every="batch", lr_lambda=partial(warm_cosine, n_steps=n_steps)
    )


def warm_cosine(step: int, n_steps: int) -> float:
    """Share of the peak at a step: a linear rise, then half a cosine.

    No step is lost to a rate of zero: that is reached just before the first and after
    the last. A single one has the peak.

    Parameters
    ----------
    step : int
        From 0 to `n_steps`, which is one past the last.
    n_steps : int

    Returns
    -------
    float
    """
    n_warm = math.ceil(n_steps / _WARM_UP)
    done = step + 1
    if done <= n_warm:
        return done / n_warm
    return 0.5 * (1 + math.cos(math.pi * (done - n_warm) / (n_steps + 1 - n_warm)))
