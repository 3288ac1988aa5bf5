"""GCN as an estimator."""

from __future__ import annotations

from typing import Any, ClassVar

import torch

from ..nn import GCN, CrystalNetwork
from ..utils._validation import StrOptions
from ._base import GNNRegressor
from ._docs import document_shared


@document_shared(lr="3e-3")
class GCNRegressor(GNNRegressor):
    """Graph convolutional network: the plain baseline.

    Each layer takes the mean over an atom and its neighbours, then a linear map and
    ReLU [1]_. It is the fastest and the least accurate: distances enter through one
    number an edge at most.

    Parameters
    ----------
    hidden_dim : int, default=64
        Width of the atom features.
    n_layers : int, default=3
        Number of convolutions.
    edge_weight : {"distance", "uniform"}, default="distance"
        Weigh neighbours by a cosine that falls from one to zero at the cutoff, or all
        alike as in the original, which then sees no distances.
    %(parameters)s

    Attributes
    ----------
    %(attributes)s

    See Also
    --------
    SchNetRegressor : Still fast, and sees distances.

    References
    ----------
    .. [1] T. N. Kipf, M. Welling, "Semi-Supervised Classification with Graph
       Convolutional Networks", ICLR 2017, arXiv:1609.02907.

    Examples
    --------
    >>> from skcrystal import GCNRegressor
    >>> from skcrystal.datasets import load_pbe_prototypes
    >>> X, y = load_pbe_prototypes(return_X_y=True)
    >>> model = GCNRegressor(max_epochs=2, random_state=0).fit(X[:64], y[:64])
    >>> model.predict(X[:3]).shape
    (3, 2)
    """

    _parameter_constraints: ClassVar[dict[str, list]] = {
        **GNNRegressor._parameter_constraints,
        "edge_weight": [StrOptions({"distance", "uniform"})],
    }

    def __init__(
        self,
        *,
        hidden_dim: int = 64,
        n_layers: int = 3,
        edge_weight: str = "distance",
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
        self.edge_weight = edge_weight

    def _make_network(self, *, cutoff: float, **shared: Any) -> CrystalNetwork:
        return GCN(
            cutoff=cutoff,
            n_layers=self.n_layers,
            edge_weight=self.edge_weight,
            **shared,
        )
