"""skorch nets on batches of graphs, made and released after training."""

from __future__ import annotations

import copy
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback, EarlyStopping, GradientNormClipping
from skorch.helper import predefined_split
from skorch.hf import AccelerateMixin
from torch import Tensor

from ...nn import GraphBatch, TaskNetworks
from ...nn._any_network import AnyNetwork
from ._callbacks import AverageWeights, MeasureNorms, StopOnDivergence, make_scheduler
from ._devices import AcceleratedGroup, WorkerGroup
from ._loader import GraphDataset, GraphLoader, MicroBatch

if TYPE_CHECKING:
    from .._parameters import SharedParameters
    from ..targets._task import Task


class GraphNet(NeuralNet):
    """skorch's training loop over batches of graphs that are on the device already.

    A batch is a list of micro-batches. Each passes forward and backward by itself, and
    gradients accumulate, so that a step may hold more crystals than memory holds at
    once.
    """

    _share = 1.0  # of the micro-batch that passes, in the loss of its batch

    def train_step_single(self, batch, **fit_params):
        """Accumulate the gradients of all micro-batches."""
        return self._add_up_steps(super().train_step_single, batch, fit_params)

    def validation_step(self, batch, **fit_params):
        """Add up the losses of all micro-batches."""
        return self._add_up_steps(super().validation_step, batch, fit_params)

    def _add_up_steps(self, step, batch, fit_params):
        steps = []
        for part in batch:
            self._share = part.share
            steps.append(step((part.graphs, part.labels), **fit_params))
        return _join(steps)

    def infer(self, x: GraphBatch, **fit_params) -> Tensor:
        return self.module_(x)

    def get_loss(self, y_pred, y_true, X=None, training=False) -> Tensor:
        """Share of a micro-batch in the loss of its batch."""
        loss = self.criterion_(y_pred, y_true)
        # Several processes wrap a network that they share.
        network = getattr(self.module_, "module", self.module_)
        if training and isinstance(network, TaskNetworks):
            loss = loss + network.penalty()
        return loss if self._share == 1 else loss * self._share

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        """Run as skorch does, but read the losses from the device once, at the end.

        Reading each loss by itself would make every step wait for the device. Callbacks
        find a tensor without dimensions until then.
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
        """Losses of whole batches, from those of the part of this process."""
        return losses

    def to_single_process(self, device: torch.device) -> GraphNet:
        """Return the net for use by this process alone."""
        return self


class ParallelGraphNet(AccelerateMixin, GraphNet):
    """A net in one of several processes, over which gradients are averaged."""

    _criteria: list[str]  # skorch's list of losses

    def train_step_single(self, batch, **fit_params):
        (part,) = batch
        self._share = part.share
        return super().train_step_single((part.graphs, part.labels), **fit_params)

    def add_up(self, values: Tensor) -> Tensor:
        return self.accelerator.reduce(values, reduction="sum")

    def collect(self, losses: Tensor) -> Tensor:
        return self.accelerator.reduce(losses, reduction="mean")

    def _initialize_accelerator(self):
        criteria = self._criteria
        if not any(True for _ in self.criterion_.parameters()):
            # Torch refuses to wrap a loss without trained parameters.
            self._criteria = []
            self.criterion_.to(self.accelerator.device)
        try:
            return super()._initialize_accelerator()
        finally:
            self._criteria = criteria

    def to_single_process(self, device: torch.device) -> GraphNet:
        """Return a net with the trained network, and without the accelerator."""
        self._unwrap_accelerator()
        net = GraphNet.__new__(GraphNet)
        of_accelerator = ("accelerator", "unwrap_after_train")
        state = {k: v for k, v in vars(self).items() if k not in of_accelerator}
        del state["_wrapped_with_accelerator"]
        net.__dict__.update(state, device=device)
        net.module_.to(device)
        net.criterion_.to(device)
        net.optimizer_ = net.optimizer_.optimizer
        return net


def _n_labels(batch: list[MicroBatch]) -> int:
    """Rows of labels of a batch: one a crystal, or one a site."""
    return sum(len(part.labels[0]) for part in batch)


def _join(steps: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    if len(steps) == 1:
        return steps[0]
    return {
        "loss": torch.stack([step["loss"].detach() for step in steps]).sum(),
        "y_pred": torch.cat([step["y_pred"] for step in steps]),
    }


def make_net(
    model: SharedParameters,
    task: Task,
    network: AnyNetwork,
    train: GraphDataset,
    valid: GraphDataset | None,
    random: np.random.RandomState,
    workers: WorkerGroup,
) -> GraphNet:
    """Make the net that trains `network` for `task` by the parameters of `model`."""
    seed = int(random.randint(2**31 - 1))
    kind, where = _kind_of_net(workers)
    return kind(
        network,
        # skorch takes any other `print` than Python's, such as Ray's, for a wish.
        callbacks__print_log__sink=(
            print if model.verbose and workers.is_main else _say_nothing
        ),
        criterion=task.criterion(),
        optimizer=torch.optim.AdamW,
        optimizer__weight_decay=model.weight_decay,
        optimizer__fused=True,
        lr=model.lr,
        max_epochs=model.max_epochs,
        batch_size=model.batch_size,
        iterator_train=GraphLoader,
        iterator_train__max_atoms=model.max_atoms,
        iterator_train__seed=seed,
        iterator_train__rank=workers.rank,
        iterator_train__world_size=workers.world_size,
        iterator_valid=GraphLoader,
        iterator_valid__max_atoms=model.max_atoms,
        train_split=None if valid is None else predefined_split(valid),
        callbacks=_callbacks(model, task, train, valid is not None, seed),
        verbose=int(model.verbose),
        **where,
    )


def _kind_of_net(workers: WorkerGroup) -> tuple[type[GraphNet], dict[str, Any]]:
    """Class of the net, and the parameters that place it."""
    if not isinstance(workers, AcceleratedGroup):
        return GraphNet, {"device": workers.device}
    return ParallelGraphNet, {
        "accelerator": workers.accelerator,
        "device": None,  # the accelerator places tensors
        # Early stopping restores weights at the end, under the wrapped names.
        "unwrap_after_train": False,
    }


def _callbacks(
    model: SharedParameters,
    task: Task,
    train: GraphDataset,
    validates: bool,
    seed: int,
) -> list[Callback]:
    loader = partial(GraphLoader, batch_size=model.batch_size, seed=seed)
    callbacks: list[Callback] = [StopOnDivergence()]
    if model.ema_decay is not None:
        callbacks.append(AverageWeights(model.ema_decay))
    callbacks.append(MeasureNorms(loader))
    if model.gradient_clip is not None:
        callbacks.append(GradientNormClipping(model.gradient_clip))
    if model.lr_schedule != "constant":
        n_steps = loader(train, max_atoms=model.max_atoms).n_steps(model.max_epochs)
        callbacks.append(make_scheduler(model.lr_schedule, model.lr, n_steps))
    callbacks += task.callbacks(validates)
    if validates:
        callbacks.append(
            EarlyStopping(
                patience=model.n_iter_no_change,
                load_best=True,
                # For a loss of either sign, relative improvement is meaningless.
                threshold_mode="rel" if task.loss_is_positive else "abs",
            )
        )
    # Users' callbacks keep state; the parameter must stay as it was given.
    return callbacks + copy.deepcopy(list(model.callbacks or []))


def _say_nothing(text: str) -> None:
    pass


def release(net: GraphNet) -> GraphNet:
    """Drop references that only training needs, so that no pickle holds them.

    The split holds the validation set, the optimiser and some callbacks copies of the
    weights.
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
    return net


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
    """Table of losses (scaled), errors (in units), rate and seconds of each epoch."""
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
