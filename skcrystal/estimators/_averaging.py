"""The average of a network's weights over the steps of its training."""

from __future__ import annotations

import torch
from skorch.callbacks import Callback
from torch.optim.swa_utils import get_ema_multi_avg_fn


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
