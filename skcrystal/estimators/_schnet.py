"""SchNet as an estimator."""

from __future__ import annotations

from numbers import Integral
from typing import Any, ClassVar

import torch

from ..nn import CrystalNetwork, SchNet
from ..utils._validation import Interval
from ._base import GNNRegressor
from ._docs import document_shared


@document_shared(lr="3e-3")
class SchNetRegressor(GNNRegressor):
    """SchNet: continuous-filter convolutions.

    A small network turns each distance into a filter, by which the features of a
    neighbour are multiplied [1]_. Filters fall to zero at the cutoff, so predictions
    change smoothly as atoms move.

    Parameters
    ----------
    hidden_dim : int, default=64
        Width of the atom features.
    n_layers : int, default=3
        Number of interaction blocks.
    n_basis : int, default=50
        Number of Gaussians in which distances are expanded.
    %(parameters)s

    Attributes
    ----------
    %(attributes)s

    See Also
    --------
    CGCNNRegressor : Messages that also depend on the receiving atom.

    References
    ----------
    .. [1] K. T. Schütt, H. E. Sauceda, P.-J. Kindermans, A. Tkatchenko, K.-R. Müller,
       "SchNet - A deep learning architecture for molecules and materials", J. Chem.
       Phys. 148, 241722 (2018).

    Examples
    --------
    >>> from skcrystal import SchNetRegressor
    >>> from skcrystal.datasets import load_pbe_prototypes
    >>> X, y = load_pbe_prototypes(return_X_y=True)
    >>> model = SchNetRegressor(max_epochs=2, random_state=0).fit(X[:64], y[:64])
    >>> model.predict(X[:3]).shape
    (3, 2)
    """

    _parameter_constraints: ClassVar[dict[str, list]] = {
        **GNNRegressor._parameter_constraints,
        "n_basis": [Interval(Integral, 2, None, closed="left")],
    }

    def __init__(
        self,
        *,
        hidden_dim: int = 64,
        n_layers: int = 3,
        n_basis: int = 50,
        dropout: float = 0.0,
        pooling: str = "mean",
        loss: str = "mae",
        max_epochs: int = 100,
        batch_size: int = 64,
        lr: float = 3e-3,
        lr_schedule: str = "one_cycle",
        weight_decay: float = 0.01,
        gradient_clip: float | None = 1.0,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 20,
        warm_start: bool = False,
        device: str | torch.device = "auto",
        callbacks: list | None = None,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        super().__init__(
            hidden_dim=hidden_dim,
            n_layers=n_layers,
            dropout=dropout,
            pooling=pooling,
            loss=loss,
            max_epochs=max_epochs,
            batch_size=batch_size,
            lr=lr,
            lr_schedule=lr_schedule,
            weight_decay=weight_decay,
            gradient_clip=gradient_clip,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            warm_start=warm_start,
            device=device,
            callbacks=callbacks,
            random_state=random_state,
            verbose=verbose,
        )
        self.n_basis = n_basis

    def _make_network(self, *, cutoff: float, **shared: Any) -> CrystalNetwork:
        return SchNet(
            cutoff=cutoff, n_layers=self.n_layers, n_basis=self.n_basis, **shared
        )
