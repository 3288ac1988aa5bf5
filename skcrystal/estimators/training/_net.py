"""The skorch net: how it is made, what is kept of it."""

from __future__ import annotations

import copy
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch
from skorch import NeuralNet
from skorch.callbacks import EarlyStopping, GradientNormClipping
from skorch.helper import predefined_split
from torch import Tensor

from ...nn import CrystalNetwork, GraphBatch, TaskNetworks
from ._callbacks import AverageWeights, MeasureNorms, StopOnDivergence, make_scheduler
from ._devices import Processes
from ._loader import GraphDataset, GraphLoader, Labels

if TYPE_CHECKING:
    from .._base import GNNEstimator


class GraphNet(NeuralNet):
    """skorch's training loop over graph batches that are on the device already.

    A batch is a list of graphs and one of labels and weights: pieces whose losses add
    up to its own. Each passes forth and back by itself, so that a step may hold more
    crystals than memory could at once.
    """

    def train_step_single(self, batch, **fit_params):
        """Add up the gradients of all pieces."""
        step = super().train_step_single
        self._n_labels = _n_labels(batch)
        return _join([step(piece, **fit_params) for piece in zip(*batch, strict=True)])

    def validation_step(self, batch, **fit_params):
        """Add up the losses of all pieces."""
        step = super().validation_step
        return _join([step(piece, **fit_params) for piece in zip(*batch, strict=True)])

    def infer(self, x: GraphBatch, **fit_params) -> Tensor:
        return self.module_(x)

    def get_loss(self, y_pred, y_true, X=None, training=False) -> Tensor:
        """Error of a piece; in training, with its share of what weights cost."""
        loss = self.criterion_(y_pred, y_true)
        # Several processes wrap a network that they share.
        network = getattr(self.module_, "module", self.module_)
        if training and isinstance(network, TaskNetworks):
            loss = loss + network.penalty() * (len(y_pred) / self._n_labels)
        return loss

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        """Run as skorch does, but ask the device for the losses once, at the end.

        To read each loss as it comes would make every step wait for the device.
        Callbacks find it as a tensor of no dimension until then.
        """
        if iterator is None:
            return
        key, losses = f"{prefix}_loss", []
        for batch in iterator:
            self.notify("on_batch_begin", batch=batch, training=training)
            step = step_fn(batch, **fit_params)
            losses.append(step["loss"].detach())
            self.history.record_batch(key, losses[-1])
            self.history.record_batch(f"{prefix}_batch_size", _n_labels(batch))
            self.notify("on_batch_end", batch=batch, training=training, **step)
        # The rows of this part of the epoch; validation comes after training.
        rows = self.history[-1]["batches"][-len(losses) :]
        values = self.collect(torch.stack(losses)).tolist()
        for row, loss in zip(rows, values, strict=True):
            row[key] = loss
        self.history.record(f"{prefix}_batch_count", len(losses))

    def add_up(self, values: Tensor) -> Tensor:
        """Sum over all processes that share the steps."""
        return values

    def collect(self, losses: Tensor) -> Tensor:
        """Losses of batches of which this process had a share."""
        return losses


def _n_labels(batch: tuple[list[GraphBatch], list[Labels]]) -> int:
    """Rows of labels of a batch: one a crystal, or one a site."""
    return sum(len(label) for label, _ in batch[1])


def _join(steps: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    if len(steps) == 1:
        return steps[0]
    return {
        "loss": torch.stack([step["loss"].detach() for step in steps]).sum(),
        "y_pred": torch.cat([step["y_pred"] for step in steps]),
    }


def make_net(
    model: GNNEstimator,
    network: CrystalNetwork | TaskNetworks,
    train: GraphDataset,
    valid: GraphDataset | None,
    random: np.random.RandomState,
    processes: Processes,
) -> GraphNet:
    """Make the net that trains `network` as the parameters of `model` say."""
    seed = int(random.randint(2**31 - 1))
    callbacks: list = [StopOnDivergence()]
    if model.ema_decay is not None:
        callbacks.append(AverageWeights(model.ema_decay))
    loader = partial(GraphLoader, batch_size=model.batch_size, seed=seed)
    callbacks.append(MeasureNorms(loader))
    if model.gradient_clip is not None:
        callbacks.append(GradientNormClipping(model.gradient_clip))
    if model.lr_schedule != "constant":
        steps = GraphLoader(train, model.batch_size, model.max_atoms, seed)
        n_steps = steps.n_steps(model.max_epochs)
        callbacks.append(make_scheduler(model.lr_schedule, model.lr, n_steps))
    callbacks += model._training_callbacks()
    if valid is not None:
        callbacks.append(model._error_callback())
        callbacks.append(
            EarlyStopping(
                patience=model.n_iter_no_change,
                load_best=True,
                # A likelihood may be of either sign, which shares of it cannot be.
                threshold_mode="rel" if model._loss_is_positive else "abs",
            )
        )
    # Users' callbacks keep state; the parameter must stay as it was given.
    callbacks += copy.deepcopy(list(model.callbacks or []))
    return processes.make_net(
        network,
        # skorch takes any other `print` than Python's, such as Ray's, for a wish.
        callbacks__print_log__sink=(
            print if model.verbose and processes.speaks else _say_nothing
        ),
        criterion=model._criterion(),
        optimizer=torch.optim.AdamW,
        optimizer__weight_decay=model.weight_decay,
        optimizer__fused=True,
        lr=model.lr,
        max_epochs=model.max_epochs,
        batch_size=model.batch_size,
        iterator_train=GraphLoader,
        iterator_train__max_atoms=model.max_atoms,
        iterator_train__seed=seed,
        iterator_train__share=processes.share,
        iterator_valid=GraphLoader,
        iterator_valid__max_atoms=model.max_atoms,
        train_split=None if valid is None else predefined_split(valid),
        callbacks=callbacks,
        verbose=int(model.verbose),
    )


def _say_nothing(text: str) -> None:
    pass


def release(net: GraphNet) -> None:
    """Let go of what only training needs.

    The split holds the validation set, the optimiser and some callbacks the weights
    again: none belongs into a pickle.
    """
    net.train_split = None
    net.optimizer_.state.clear()
    net.module = type(net.module_)  # else the weights are pickled twice
    net.criterion = type(net.criterion_)
    net.module_.eval()
    for _, callback in net.callbacks_:
        for name in ("best_model_weights_", "lr_scheduler_"):
            if hasattr(callback, name):
                setattr(callback, name, None)


def prediction_net(network: torch.nn.Module, device: torch.device) -> GraphNet:
    """Make a net of a network trained elsewhere, as `release` leaves one."""
    net = GraphNet(
        network,
        device=device,
        criterion=torch.nn.L1Loss,
        optimizer=torch.optim.AdamW,
        train_split=None,
        callbacks="disable",
        verbose=0,
    ).initialize()
    net.module = type(net.module_)
    net.module_.eval()
    return net


def history_frame(net: GraphNet) -> pd.DataFrame:
    """One row an epoch: losses (scaled), errors (in units), rate and seconds."""
    rows = []
    for epoch in net.history:
        row = {
            key: value
            for key, value in epoch.items()
            if key != "batches" and np.isscalar(value) and not key.endswith("_best")
        }
        row["lr"] = next(
            (b["event_lr"] for b in reversed(epoch["batches"]) if "event_lr" in b),
            net.lr,
        )
        row["seconds"] = row.pop("dur", np.nan)
        for key in [k for k in row if k.endswith("_batch_count")]:
            del row[key]
        rows.append(row)
    return pd.DataFrame(rows)
