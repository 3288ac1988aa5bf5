"""The skorch net: how it is made, what is kept of it."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch
from skorch import NeuralNet
from skorch.callbacks import EarlyStopping, GradientNormClipping, LRScheduler
from skorch.helper import predefined_split
from torch import Tensor
from torch.optim.lr_scheduler import OneCycleLR

from ..nn import CrystalNetwork, GraphBatch, MaskedLoss
from ._callbacks import StopOnDivergence, TargetErrors
from ._data import GraphDataset, GraphLoader

if TYPE_CHECKING:
    from ._base import GNNRegressor


class GraphNet(NeuralNet):
    """skorch's training loop over graph batches that are on the device already."""

    def infer(self, x: GraphBatch, **fit_params) -> Tensor:
        return self.module_(x)

    def get_loss(self, y_pred, y_true, X=None, training=False) -> Tensor:
        return self.criterion_(y_pred, y_true)


def make_net(
    model: GNNRegressor,
    network: CrystalNetwork,
    train: GraphDataset,
    valid: GraphDataset | None,
    random: np.random.RandomState,
    device: torch.device,
) -> GraphNet:
    """Make the net that trains `network` as the parameters of `model` say."""
    callbacks: list = [StopOnDivergence()]
    if model.gradient_clip is not None:
        callbacks.append(GradientNormClipping(model.gradient_clip))
    if model.lr_schedule == "one_cycle":
        steps = model.max_epochs * len(GraphLoader(train, model.batch_size))
        callbacks.append(
            LRScheduler(
                OneCycleLR, step_every="batch", max_lr=model.lr, total_steps=steps
            )
        )
    if valid is not None:
        callbacks.append(TargetErrors(model.target_names_, model._scaler.scale))
        callbacks.append(EarlyStopping(patience=model.n_iter_no_change, load_best=True))
    # Users' callbacks keep state; the parameter must stay as it was given.
    callbacks += copy.deepcopy(list(model.callbacks or []))
    return GraphNet(
        network,
        criterion=MaskedLoss,
        criterion__kind=model.loss,
        optimizer=torch.optim.AdamW,
        optimizer__weight_decay=model.weight_decay,
        optimizer__fused=True,
        lr=model.lr,
        max_epochs=model.max_epochs,
        batch_size=model.batch_size,
        iterator_train=GraphLoader,
        iterator_train__random=random,
        iterator_valid=GraphLoader,
        train_split=None if valid is None else predefined_split(valid),
        callbacks=callbacks,
        device=device,
        verbose=int(model.verbose),
    )


def release(net: GraphNet) -> None:
    """Let go of what only training needs.

    The split holds the validation set, the iterator the caller's generator, the
    optimiser and some callbacks the weights again: none belongs into a pickle.
    """
    net.train_split = None
    net.iterator_train__random = None
    net.optimizer_.state.clear()
    net.module = type(net.module_)  # else the weights are pickled twice
    net.module_.eval()
    for _, callback in net.callbacks_:
        for name in ("best_model_weights_", "lr_scheduler_", "_error", "_count"):
            if hasattr(callback, name):
                setattr(callback, name, None)


def pick_device(device: str | torch.device) -> torch.device:
    """Turn the parameter into a device that is there."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        picked = torch.device(device)
    except RuntimeError as error:
        raise ValueError(
            f'device={device!r} is no device that torch knows; use "auto", "cpu" or '
            '"cuda".'
        ) from error
    if picked.type == "cuda" and (picked.index or 0) >= torch.cuda.device_count():
        raise ValueError(
            f"device={device!r} was asked for, but torch finds no such device here; "
            'use device="auto" or "cpu".'
        )
    return picked


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
