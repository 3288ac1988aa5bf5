"""The parameters that all architectures share: signature and documentation."""

import inspect
from textwrap import dedent
from typing import TypeVar

T = TypeVar("T", bound=type)

_PARAMETERS = """\
    dropout : float, default=0.0
        Probability of dropping a feature in the head.
    pooling : {"mean", "sum"}, default="mean"
        Mean over atoms for intensive targets (eV/atom, a band gap); sum of atomic
        shares for extensive ones (eV, Å^3), exact for any supercell.
    loss : {"mae", "mse", "huber"}, default="mae"
        Mean absolute, mean squared or Huber error of the standardised targets.
    max_epochs : int, default=100
        Passes over the training set; at most, with `early_stopping`.
    batch_size : int, default=64
        Crystals a step.
    lr : float, default=%(lr)s
        Learning rate of AdamW; its peak, with a one-cycle schedule.
    lr_schedule : {"one_cycle", "constant"}, default="one_cycle"
        Rise and anneal the learning rate over `max_epochs`, or leave it.
    weight_decay : float, default=0.01
        Of AdamW.
    gradient_clip : float or None, default=1.0
        Largest norm of a gradient; None does not clip.
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
        One row an epoch: ``train_loss`` and ``valid_loss`` on standardised targets,
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
