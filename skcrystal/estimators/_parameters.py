"""The parameters that all architectures share: storage, signature, documentation."""

from __future__ import annotations

import inspect
from numbers import Integral, Real
from textwrap import dedent
from typing import Any, ClassVar, TypeVar

import torch
from sklearn.base import BaseEstimator

from ..nn import LOSSES
from ..utils._validation import Interval, StrOptions
from ._links import LINKS

T = TypeVar("T", bound=type)

_PARAMETERS = """\
    dropout : float, default=0.0
        Probability of dropping a feature in the head.
    dropout_conv : float, default=0.0
        Probability of dropping a feature in each layer of message passing, for all
        atoms of a crystal alike. ``predict(return_std=True)`` then takes
        `n_mc_samples` times as long as a plain prediction.
    n_mc_samples : int, default=20
        Thinned networks that ``predict(return_std=True)`` draws, with either dropout.
    pooling : {"mean", "sum"}, default="mean"
        Mean over atoms for intensive targets (eV/atom, a band gap); sum of atomic
        shares for extensive ones (eV, Å^3), exact for any supercell.
    output_transform : {"softplus", "log"}, dict, list or None, default=None
        For targets that are never negative, whose labels then must not be: a dict from
        names or column numbers to one of both, a list with an entry (or None) a target,
        or one for all targets. Of an output o it makes a prediction, per atom if pooled
        by sum, as the link of a generalised linear model does:

        - None: ``center + scale * o``, of either sign;
        - "softplus": ``scale * log(1 + exp(2 x)) / 2`` with ``x = o + center / scale``.
          Far above zero that is None's; below, it fades to zero instead (a band gap);
        - "log": ``log(1 + y / s)`` is predicted and judged in place of y, as
          "softplus" does (an elastic modulus). Above s, the 16th percentile of positive
          labels, it is ratios that count, below it differences. Aleatoric standard
          deviations are brought to the unit of y to first order.
    loss : {"mae", "mse", "huber", "gaussian_nll"}, default="mae"
        Mean absolute, mean squared or Huber error of the standardised targets; or the
        negative log likelihood of a Gaussian, whose variance the network then gives
        beside the mean: how far labels scatter, crystal by crystal. In training it is
        weighted by the root of the variance, so that means are learned as well as with
        other losses. A network that knows its training labels by heart expects others
        to scatter as little: set `dropout` and `dropout_conv` too. Targets are
        standardised by what a few wrong labels hardly move: the median, and half the
        distance from the 16th to the 84th percentile, one standard deviation if the
        distribution is normal. Labels a thousand times that off count as no further.
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
        Decay a step, such as 0.99, of an exponential moving average of the weights. It
        is validated and kept in place of the last weights, which training goes on
        from. It looks back over about ``1 / (1 - ema_decay)`` steps, and at most over
        a ninth of those made. None takes no average.
    early_stopping : bool, default=False
        Hold back a part of the training set, whole formulas at a time; stop when its
        loss has not improved for `n_iter_no_change` epochs and restore the best
        weights.
    validation_fraction : float, default=0.1
        The part held back.
    n_iter_no_change : int, default=20
        Epochs to wait for an improvement.
    warm_start : bool, default=False
        Let `fit` go on from the last state, with its scaling of targets.
    device : str or torch.device, default="auto"
        Where to compute; "auto" takes a CUDA device if there is one.
    data_parallel : bool, default=False
        Share each step among the processes that ``accelerate launch`` or ``torchrun``
        has started. All call `fit` with the same data, and end with the same model.
        Needs `accelerate`.
    callbacks : list or None, default=None
        skorch callbacks, copied before use.
    random_state : int, RandomState or None, default=None
        Decides initial weights, order of batches, dropout and the part held back.
    verbose : int, default=0
        Whether to print a line an epoch.
"""

_ATTRIBUTES = """\
    net_ : skorch.NeuralNet
        The trained net; ``net_.module_`` is the network.
    history_ : DataFrame
        One row an epoch: ``train_loss`` and ``valid_loss`` on standardised targets (the
        likelihood without weights in the latter),
        ``valid_mae_<target>`` in the target's unit, ``lr``, ``seconds``.
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


class SharedParameters(BaseEstimator):
    """What every architecture can be told: stored, with the values each may take."""

    _parameter_constraints: ClassVar[dict[str, list]] = {
        "hidden_dim": [Interval(Integral, 1, None, closed="left")],
        "n_layers": [Interval(Integral, 1, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "dropout_conv": [Interval(Real, 0, 1, closed="left")],
        "n_mc_samples": [Interval(Integral, 2, None, closed="left")],
        "pooling": [StrOptions({"mean", "sum"})],
        "output_transform": [StrOptions(set(LINKS)), dict, list, tuple, None],
        "loss": [StrOptions(set(LOSSES))],
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
        "warm_start": ["boolean"],
        "device": [str, torch.device],
        "data_parallel": ["boolean"],
        "callbacks": [list, tuple, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    # These only say how to train; the rest, a subclass's own too, make the network.
    _training_parameters: ClassVar[frozenset[str]] = frozenset(
        {
            "n_mc_samples",
            "loss",
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
            "device",
            "data_parallel",
            "callbacks",
            "random_state",
            "verbose",
        }
    )

    def __init__(
        self,
        *,
        hidden_dim: int = 64,
        n_layers: int = 3,
        dropout: float = 0.0,
        dropout_conv: float = 0.0,
        n_mc_samples: int = 20,
        pooling: str = "mean",
        output_transform: str | dict | list | None = None,
        loss: str = "mae",
        max_epochs: int = 100,
        batch_size: int = 64,
        max_atoms: int | None = None,
        lr: float = 3e-3,
        lr_schedule: str = "one_cycle",
        weight_decay: float = 0.01,
        gradient_clip: float | None = 1.0,
        ema_decay: float | None = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 20,
        warm_start: bool = False,
        device: str | torch.device = "auto",
        data_parallel: bool = False,
        callbacks: list | None = None,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.hidden_dim = hidden_dim
        self.n_layers = n_layers
        self.dropout = dropout
        self.dropout_conv = dropout_conv
        self.n_mc_samples = n_mc_samples
        self.pooling = pooling
        self.output_transform = output_transform
        self.loss = loss
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.max_atoms = max_atoms
        self.lr = lr
        self.lr_schedule = lr_schedule
        self.weight_decay = weight_decay
        self.gradient_clip = gradient_clip
        self.ema_decay = ema_decay
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.warm_start = warm_start
        self.device = device
        self.data_parallel = data_parallel
        self.callbacks = callbacks
        self.random_state = random_state
        self.verbose = verbose

    def _get_architecture(self) -> dict[str, Any]:
        """Parameters that make the network what it is."""
        return {
            name: value
            for name, value in self.get_params(deep=False).items()
            if name not in self._training_parameters
        }


def share_parameters(cls: T) -> T:
    """Complete a class whose ``__init__`` takes ``**shared`` for its base class.

    scikit-learn, editors and ``help`` read parameters from the signature of
    ``__init__``; it gets those of the base class, with the defaults that the class sets
    itself, and its own after ``n_layers``. A name that neither knows is refused by the
    base class. In the docstring, ``%(parameters)s`` and ``%(attributes)s`` are filled.

    Parameters
    ----------
    cls : type
        Subclass of a class with keyword-only parameters.

    Returns
    -------
    type
        The same class.
    """
    own = dict(inspect.signature(cls.__init__).parameters)
    of_base = inspect.signature(cls.__mro__[1].__init__).parameters
    merged = {}
    for name, parameter in of_base.items():
        merged[name] = own.pop(name, parameter)
        if name == "n_layers":
            merged.update(
                (n, p) for n, p in own.items() if n not in of_base and n != "shared"
            )
    cls.__init__.__signature__ = inspect.Signature(list(merged.values()))
    if cls.__doc__:  # python -OO strips docstrings
        cls.__doc__ = inspect.cleandoc(cls.__doc__) % {
            "parameters": dedent(_PARAMETERS % {"lr": merged["lr"].default}).rstrip(),
            "attributes": dedent(_ATTRIBUTES).rstrip(),
        }
    return cls
