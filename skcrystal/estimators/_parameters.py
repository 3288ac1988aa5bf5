"""The parameters that all architectures share."""

from __future__ import annotations

from numbers import Integral, Real
from os import PathLike
from typing import Any, ClassVar

import torch
from sklearn.frozen import FrozenEstimator

from ..nn.layers._norm import NORMS
from ..utils._bases import BaseEstimator
from ..utils._declared import Declaring
from ..utils._validation import Interval, StrOptions


class SharedParameters(Declaring, BaseEstimator):
    """Parameters of every architecture, with the values that each may take.

    Parameters
    ----------
    dropout : float, default=0.0
        Probability of dropping a feature in the head.
    dropout_conv : float, default=0.0
        Probability of dropping a feature in each layer of message passing, the same
        for all atoms of a crystal. ``predict(return_std=True)`` then takes
        `n_mc_samples` times as long as a plain prediction.
    norm : {"layer", "batch"} or None, default=None
        How features of atoms are normalised: each atom's by themselves, or each feature
        over the atoms that pass through the network at once (of 30,000 edges on a CPU,
        or one crystal) and in predictions by a mean over the training set. The latter
        brings out small differences between similar surroundings, such as those of a
        glass, and needs steps of many atoms, which all count the same for any
        `sample_weight`. None is "batch" for targets of atoms in crystals of 100
        atoms or more on average, else "layer"; with a network to start from, that
        network's.
    n_mc_samples : int, default=20
        Monte Carlo samples of ``predict(return_std=True)``, with either dropout.
    max_epochs : int, default=100
        Passes over the training set; at most, with `early_stopping`.
    batch_size : int, default=64
        Crystals a step.
    max_atoms : int or None, default=None
        Atoms a step at most (or one crystal), those of the graphs, in which equal ones
        are merged. Bounds memory where cells of very different size mix.
    lr : float, default=%(lr)s
        Learning rate of AdamW; its peak, with a schedule.
    lr_schedule : {"one_cycle", "cosine", "constant"}, default="one_cycle"
        How the learning rate goes over `max_epochs`: up and down again; up over the
        first twentieth of the steps, then to zero by half a cosine; or nowhere.
    weight_decay : float, default=0.01
        Of AdamW.
    gradient_clip : float or None, default=1.0
        Largest norm of a gradient; None does not clip.
    ema_decay : float or None, default=None
        Decay a step, such as 0.99, of an exponential moving average of the weights. The
        average is validated and is the fitted network; training goes on from the raw
        weights. It looks back over about ``1 / (1 - ema_decay)`` steps, and at most
        over a ninth of those made. None takes no average.
    early_stopping : bool, default=False
        Split a validation set off the training set, whole formulas at a time; stop when
        its loss has not improved for `n_iter_no_change` epochs and restore the best
        weights.
    validation_fraction : float, default=0.1
        Fraction of the training set taken as validation set.
    n_iter_no_change : int, default=20
        Epochs to wait for an improvement.
    warm_start : bool or "trunk", default=False
        Let `fit` go on from the last state, with its scaling of targets; or from the
        trunk of it, all that lies below the head, with a new head for the targets that
        `y` has now.
    pretrained : str, path, FrozenEstimator or None, default=None
        Start from the trunk of this model, with a new head: one that `save_pretrained`
        wrote, the name of one that comes with the package, or a fitted one inside
        ``sklearn.frozen.FrozenEstimator``. Its architecture must be the same; graphs
        are made as its were. Of an ensemble, `random_state` picks a member. Unlike the
        state of `warm_start`, it outlives ``clone``, and so works in cross-validation.
    freeze : {"trunk", None}, default=None
        Train the head alone, on the trunk of `pretrained` or of the last fit. Takes
        half the time; best with few labels of the property that the trunk was trained
        for, or of a related one.
    device : str or torch.device, default="auto"
        Where to compute; "auto" takes a CUDA device if there is one.
    data_parallel : bool, default=False
        Share each step among the processes that ``accelerate launch`` or ``torchrun``
        has started. All call `fit` with the same data, and end with the same model.
        Needs `accelerate`.
    callbacks : list or None, default=None
        skorch callbacks, copied before use.
    random_state : int, RandomState or None, default=None
        Decides initial weights, order of batches, dropout and the validation split.
    verbose : int, default=0
        Whether to print a line an epoch.

    Attributes
    ----------
    net_ : skorch.NeuralNet
        The trained net; ``net_.module_`` is the network.
    history_ : DataFrame
        One row an epoch: ``train_loss`` and ``valid_loss`` on standardised targets (the
        likelihood without weights in the latter),
        ``valid_mae_<target>`` in the target's unit (``valid_accuracy`` of classes),
        ``task_weight_<target>`` where `task_weights` moves them, ``lr``, ``seconds``.
    n_iter_ : int
        Number of epochs run.
    target_names_ : list of str
        From the columns of `y`.
    elements_ : ndarray of int
        Atomic numbers seen in training.
    cutoff_ : float
        Reach of the network in Å, that of the graphs.
    graph_settings_ : GraphSettings or None
        How the graphs of `fit` were made; crystals given to `predict` are treated so.
    """

    _parameter_constraints: ClassVar[dict[str, list]] = {
        "hidden_dim": [Interval(Integral, 1, None, closed="left")],
        "n_layers": [Interval(Integral, 1, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "dropout_conv": [Interval(Real, 0, 1, closed="left")],
        "norm": [StrOptions(set(NORMS)), None],
        "n_mc_samples": [Interval(Integral, 2, None, closed="left")],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "max_atoms": [Interval(Integral, 1, None, closed="left"), None],
        "lr": [Interval(Real, 0, None, closed="neither")],
        "lr_schedule": [StrOptions({"one_cycle", "cosine", "constant"})],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "gradient_clip": [Interval(Real, 0, None, closed="neither"), None],
        "ema_decay": [Interval(Real, 0, 1, closed="neither"), None],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "warm_start": ["boolean", StrOptions({"trunk"})],
        "pretrained": [str, PathLike, FrozenEstimator, None],
        "freeze": [StrOptions({"trunk"}), None],
        "device": [str, torch.device],
        "data_parallel": ["boolean"],
        "callbacks": [list, tuple, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    # Parameters of training; all others, those of subclasses too, define the network.
    _training_parameters: ClassVar[frozenset[str]] = frozenset(
        {
            "n_mc_samples",
            "max_epochs",
            "batch_size",
            "max_atoms",
            "lr",
            "lr_schedule",
            "weight_decay",
            "gradient_clip",
            "ema_decay",
            "early_stopping",
            "validation_fraction",
            "n_iter_no_change",
            "warm_start",
            "pretrained",
            "freeze",
            "device",
            "data_parallel",
            "callbacks",
            "random_state",
            "verbose",
        }
    )

    hidden_dim: int = 64
    n_layers: int = 3
    dropout: float = 0.0
    dropout_conv: float = 0.0
    norm: str | None = None
    n_mc_samples: int = 20
    max_epochs: int = 100
    batch_size: int = 64
    max_atoms: int | None = None
    lr: float = 3e-3
    lr_schedule: str = "one_cycle"
    weight_decay: float = 0.01
    gradient_clip: float | None = 1.0
    ema_decay: float | None = None
    early_stopping: bool = False
    validation_fraction: float = 0.1
    n_iter_no_change: int = 20
    warm_start: bool | str = False
    pretrained: Any = None
    freeze: str | None = None
    device: str | torch.device = "auto"
    data_parallel: bool = False
    callbacks: list | None = None
    random_state: Any = None
    verbose: int = 0

    def _get_architecture(self) -> dict[str, Any]:
        """Parameters that define the network."""
        return {
            name: value
            for name, value in self.get_params(deep=False).items()
            if name not in self._training_parameters
        }
