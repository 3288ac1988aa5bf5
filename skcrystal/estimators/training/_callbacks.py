"""Callbacks of training: norms, averages of weights, learning rates, divergence."""

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

from ...nn.layers._norm import measure_norms


class MeasureNorms(Callback):
    """Measure the statistics of batch norms over the training set.

    They are measured before validation and at the end of training, after all callbacks
    that change weights then.

    Parameters
    ----------
    loader : callable
        Makes an iterator over the batches of a dataset.
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
        for i, batch in enumerate(self.loader(self._dataset)):
            if i >= self._N_BATCHES and n_labels >= self._N_LABELS:
                return
            for part in batch:
                yield part.graphs
                n_labels += len(part.labels[0])


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
    average: validation, early stopping and other callbacks use it there, and so it
    stays when training ends. It belongs before all callbacks that read weights.

    A young average decays faster, by n / (n + 9) after n steps, so that it averages
    over about a ninth of them and forgets the initial weights. Buffers are not
    averaged.

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
        # Parameters stay the objects of the optimiser; their values are swapped.
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
