"""The one fit and predict path of all regressors."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.exceptions import NotFittedError
from sklearn.metrics import r2_score
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from ..graphs import CrystalGraphs
from ..nn import CrystalNetwork, GraphBatch
from ..utils._validation import Interval, StrOptions, validate_params_of
from ._data import GraphDataset, prediction_batches, store_of
from ._holdout import hold_back
from ._inputs import as_graphs
from ._net import history_frame, make_net, pick_device, release
from ._targets import Targets, TargetScaler, check_targets, check_weights


class GNNRegressor(RegressorMixin, BaseEstimator):
    """Base of all graph network regressors.

    A subclass adds its parameters and gives `_make_network`; it says with
    ``_needs_vectors`` whether its network reads displacement vectors. Everything else
    happens here.
    """

    _needs_vectors: ClassVar[bool] = False

    _parameter_constraints: ClassVar[dict[str, list]] = {
        "hidden_dim": [Interval(Integral, 1, None, closed="left")],
        "n_layers": [Interval(Integral, 1, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "pooling": [StrOptions({"mean", "sum"})],
        "loss": [StrOptions({"mae", "mse", "huber"})],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "lr": [Interval(Real, 0, None, closed="neither")],
        "lr_schedule": [StrOptions({"one_cycle", "constant"})],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "gradient_clip": [Interval(Real, 0, None, closed="neither"), None],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "warm_start": ["boolean"],
        "device": [str, torch.device],
        "callbacks": [list, tuple, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    @abstractmethod
    def __init__(
        self,
        *,
        hidden_dim: int,
        n_layers: int,
        dropout: float,
        pooling: str,
        loss: str,
        max_epochs: int,
        batch_size: int,
        lr: float,
        lr_schedule: str,
        weight_decay: float,
        gradient_clip: float | None,
        early_stopping: bool,
        validation_fraction: float,
        n_iter_no_change: int,
        warm_start: bool,
        device: str | torch.device,
        callbacks: list | None,
        random_state: Any,
        verbose: int,
    ) -> None:
        self.hidden_dim = hidden_dim
        self.n_layers = n_layers
        self.dropout = dropout
        self.pooling = pooling
        self.loss = loss
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.lr = lr
        self.lr_schedule = lr_schedule
        self.weight_decay = weight_decay
        self.gradient_clip = gradient_clip
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.warm_start = warm_start
        self.device = device
        self.callbacks = callbacks
        self.random_state = random_state
        self.verbose = verbose

    @abstractmethod
    def _make_network(self, *, cutoff: float, **shared: Any) -> CrystalNetwork:
        """Build the network.

        Parameters
        ----------
        cutoff : float
            Reach of distance bases in Å.
        **shared
            What every ``CrystalNetwork`` takes, to be handed on.
        """

    # Public methods

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> GNNRegressor:
        """Train on crystals with labels.

        Parameters
        ----------
        X : CrystalGraphs, or sequence of n crystals or PyG Data
            Crystals are turned into graphs by a default `CrystalGraphTransformer`.
        y : array-like of shape (n,) or (n, n_targets)
            Labels; NaN where one was not measured. A DataFrame's columns name the
            targets.
        sample_weight : array-like of shape (n,), optional
            A weight of 2 counts as the crystal given twice.

        Returns
        -------
        self : GNNRegressor

        Raises
        ------
        TypeError
            If an entry of `X` is neither crystal nor graph.
        ValueError
            If a parameter is out of range, or a crystal, label or weight is unfit;
            the message names its index. All is checked before any training.
        FloatingPointError
            If the loss stops being a number.
        """
        validate_params_of(self)
        self._check_shape_parameters()
        device = pick_device(self.device)
        previous = self._previous()
        settings = previous.graph_settings_ if previous else None
        graphs = as_graphs(X, settings=settings, vectors=self._needs_vectors)
        targets = check_targets(y, len(graphs))
        weights = check_weights(sample_weight, len(graphs))
        random = check_random_state(self.random_state)

        kept, held = np.arange(len(graphs)), None
        if self.early_stopping:
            kept, held = hold_back(graphs, self.validation_fraction, random)
            if np.isnan(targets.values[kept]).all(axis=0).any():
                raise ValueError(
                    "early_stopping=True held back every label of a target; lower "
                    "`validation_fraction`, or set early_stopping=False."
                )
        if previous is not None:
            self._check_same_targets(targets)
        else:
            self._learn_scale(graphs[kept], targets, weights[kept], kept)
            self.graph_settings_ = graphs.settings
            self.cutoff_ = _reach(graphs)
        self.target_names_ = targets.names
        elements = np.unique(graphs[kept].atomic_numbers).astype(np.int64)
        if previous is not None:
            elements = np.union1d(previous.elements_, elements)
        self.elements_ = elements

        train = self._dataset(graphs, targets, weights, kept, device)
        valid = (
            None
            if held is None
            else self._dataset(graphs, targets, weights, held, device)
        )
        cuda = [torch.cuda.current_device()] if device.type == "cuda" else []
        with torch.random.fork_rng(
            devices=cuda
        ):  # the caller's generator stays as it is
            torch.manual_seed(int(random.randint(2**31 - 1)))
            network = self.net_.module_ if previous else self._build_network()
            self.net_ = make_net(self, network, train, valid, random, device)
            self.net_.fit(train)
        release(self.net_)
        self.history_ = history_frame(self.net_)
        self.n_iter_ = len(self.history_)
        return self

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Predict the targets of crystals.

        An element that training has not seen is described by its place and properties
        in the periodic table alone, with a warning.

        Parameters
        ----------
        X : CrystalGraphs, or sequence of m crystals or PyG Data
            Crystals are turned into graphs as in `fit`.

        Returns
        -------
        ndarray of shape (m,) or (m, n_targets)
            In the units and the shape of the `y` of `fit`.

        Raises
        ------
        NotFittedError
            If the model was not fitted.
        ValueError
            If graphs were made otherwise than those of `fit`.
        """
        graphs = self._check_predict(X)
        scaled = self._run(graphs, lambda network, batch: network(batch))
        predicted = self._scaler.inverse(scaled.astype(np.float64))
        if self.pooling_ == "sum":
            predicted *= graphs.n_atoms[:, None]
        return predicted[:, 0] if self._is_1d else predicted

    def embed(self, X: Any) -> NDArray[np.float32]:
        """Pooled features of crystals: what the head sees.

        Parameters
        ----------
        X : CrystalGraphs, or sequence of m crystals or PyG Data

        Returns
        -------
        ndarray of shape (m, hidden_dim)
            The mean over atom features; not scaled.

        Raises
        ------
        NotFittedError
            If the model was not fitted.
        """
        graphs = self._check_predict(X)
        return self._run(graphs, lambda network, batch: network.embed(batch))

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Coefficient of determination R^2, averaged over targets.

        Parameters
        ----------
        X : CrystalGraphs, or sequence of m crystals or PyG Data
        y : array-like of shape (m,) or (m, n_targets)
            Labels; NaN entries are left out.
        sample_weight : array-like of shape (m,), optional

        Returns
        -------
        float
            1 is perfect, 0 as good as the mean of `y`.

        Raises
        ------
        ValueError
            If `y` does not fit `X` or the number of targets.
        """
        predicted = self.predict(X)
        targets = check_targets(y, len(predicted))
        weights = check_weights(sample_weight, len(predicted))
        self._check_same_targets(targets)
        predicted = predicted.reshape(targets.values.shape)
        scores = []
        for truth, guess in zip(targets.values.T, predicted.T, strict=True):
            known = ~np.isnan(truth)
            scores.append(
                r2_score(truth[known], guess[known], sample_weight=weights[known])
            )
        return float(np.mean(scores))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.target_tags.multi_output = True
        tags.target_tags.single_output = True
        return tags

    # Steps of fit

    def _check_shape_parameters(self) -> None:
        """Check parameters against each other; most architectures have nothing to."""

    def _previous(self) -> GNNRegressor | None:
        """Return the model itself if training goes on from its last state."""
        if not self.warm_start:
            return None
        try:
            check_is_fitted(self, "net_")
        except NotFittedError:
            return None
        return self

    def _check_same_targets(self, targets: Targets) -> None:
        found, expected = targets.values.shape[1], len(self._scaler.mean)
        if found != expected:
            raise ValueError(
                f"y has {found} targets, but the model was fitted on {expected} "
                f"({', '.join(self.target_names_)})."
            )

    def _learn_scale(
        self, graphs: CrystalGraphs, targets: Targets, weights: NDArray, rows: NDArray
    ) -> None:
        self.pooling_ = self.pooling
        self._is_1d = targets.is_1d
        values = self._per_atom(targets.values[rows], graphs)
        self._scaler = TargetScaler.fit(values, ~np.isnan(values) * weights[:, None])

    def _per_atom(self, values: NDArray, graphs: CrystalGraphs) -> NDArray:
        """Targets as the network gives them: a mean over atoms if pooled by sum."""
        return values / graphs.n_atoms[:, None] if self.pooling_ == "sum" else values

    def _dataset(
        self,
        graphs: CrystalGraphs,
        targets: Targets,
        weights: NDArray,
        rows: NDArray,
        device: torch.device,
    ) -> GraphDataset:
        part = graphs if len(rows) == len(graphs) else graphs[rows]
        values = self._per_atom(targets.values[rows], part)
        label_weights = ~np.isnan(values) * weights[rows, None]
        if not label_weights.any():
            raise ValueError(
                "no label with a positive sample_weight is left for "
                "training or validation; lower `validation_fraction` or check y."
            )
        label_weights = label_weights / label_weights.mean()
        return GraphDataset(
            store_of(part, device), self._scaler.transform(values), label_weights
        )

    def _build_network(self) -> CrystalNetwork:
        return self._make_network(
            cutoff=self.cutoff_,
            hidden_dim=self.hidden_dim,
            n_targets=len(self._scaler.mean),
            dropout=self.dropout,
            pooling=self.pooling_,
        )

    # Steps of predict

    def _check_predict(self, X: Any) -> CrystalGraphs:
        check_is_fitted(self, "net_")
        graphs = as_graphs(
            X, settings=self.graph_settings_, vectors=self._needs_vectors
        )
        unseen = np.setdiff1d(graphs.atomic_numbers, self.elements_)
        if len(unseen):
            from pymatgen.core import Element

            symbols = ", ".join(Element.from_Z(int(z)).symbol for z in unseen)
            warnings.warn(
                f"X holds elements that the model was not trained on: {symbols}. Only "
                "their place and properties in the periodic table speak for them; "
                "treat these predictions with care.",
                UserWarning,
                stacklevel=3,
            )
        return graphs

    def _run(
        self,
        graphs: CrystalGraphs,
        function: Callable[[CrystalNetwork, GraphBatch], Tensor],
    ) -> NDArray[np.float32]:
        network = self.net_.module_.eval()
        store = store_of(graphs, self.net_.device)
        with torch.inference_mode():
            parts = [
                function(network, store.gather(rows)).cpu()
                for rows in prediction_batches(graphs)
            ]
        return torch.cat(parts).numpy()


def _reach(graphs: CrystalGraphs) -> float:
    """Reach of the graphs in Å: their cutoff, or else their longest edge."""
    if graphs.settings is not None:
        return graphs.settings.cutoff
    return float(graphs.distances.max())
