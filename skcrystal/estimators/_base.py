"""The one fit and predict path of all regressors."""

from __future__ import annotations

import threading
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import RegressorMixin
from sklearn.exceptions import NotFittedError
from sklearn.metrics import r2_score
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from ..graphs import CrystalGraphs
from ..nn import CrystalNetwork, GraphBatch
from ..utils._validation import validate_params_of
from ._data import GraphDataset, prediction_batches, store_of
from ._holdout import split_rows
from ._inputs import as_graphs
from ._net import GraphNet, history_frame, make_net, release
from ._parameters import SharedParameters
from ._processes import Processes, pick_processes
from ._targets import Targets, TargetScaler, check_targets, check_weights

_GENERATORS = threading.Lock()


class GNNRegressor(RegressorMixin, SharedParameters, ABC):
    """Base of all graph network regressors.

    A subclass adds its parameters and gives `_make_network`; it says with
    ``_needs_vectors`` whether its network reads displacement vectors. Everything else
    happens here.
    """

    _needs_vectors: ClassVar[bool] = False

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
        processes = pick_processes(self.device, self.data_parallel)
        previous = self._previous()
        settings = previous.graph_settings_ if previous else None
        graphs = as_graphs(
            X,
            settings=settings,
            vectors=self._needs_vectors,
            build=previous is None or settings is not None,
        )
        targets = check_targets(y, len(graphs))
        weights = check_weights(sample_weight, len(graphs))
        random = processes.agree(check_random_state(self.random_state))

        label_weights = ~np.isnan(targets.values) * weights[:, None]
        fraction = self.validation_fraction if self.early_stopping else None
        kept, held = split_rows(graphs, targets.names, label_weights, fraction, random)
        if previous is not None:
            self._check_goes_on(targets)
        # Taken off first and set last: training that fails leaves no fitted model.
        old_net = self.__dict__.pop("net_", None)
        n_sites = graphs.n_sites
        elements = _elements(graphs, kept[label_weights[kept].any(axis=1)])
        if previous is None:
            self.pooling_ = self.pooling
            self._scaler = TargetScaler.fit(
                self._per_atom(targets.values, n_sites)[kept], label_weights[kept]
            )
            self._architecture = self._get_architecture()
            self.graph_settings_ = graphs.settings
            self.cutoff_ = _reach(graphs)
            self.elements_ = elements
        else:
            self.elements_ = np.union1d(self.elements_, elements)
        self.target_names_, self._is_1d = targets.names, targets.is_1d

        # One store for both, which on the CPU holds no copy of the graphs.
        store = store_of(graphs, processes.device)
        scaled = self._scaler.transform(self._per_atom(targets.values, n_sites))
        train, valid = (
            None
            if rows is None
            # Weights are one in the mean over the whole set, see MaskedLoss.
            else GraphDataset(
                store,
                rows,
                scaled[rows],
                label_weights[rows] / label_weights[rows].mean(),
            )
            for rows in (kept, held)
        )
        network = old_net.module_ if previous else None
        self.net_ = self._train(network, train, valid, random, processes)
        self._mc_seed = int(random.randint(2**31 - 1))
        self.history_ = history_frame(self.net_)
        self.n_iter_ = len(self.history_)
        return self

    def predict(
        self, X: Any, return_std: bool = False
    ) -> NDArray[np.float64] | tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Predict the targets of crystals.

        An element that training has not seen is described by its place and properties
        in the periodic table alone, with a warning.

        Parameters
        ----------
        X : CrystalGraphs, or sequence of m crystals or PyG Data
            Crystals are turned into graphs as in `fit`.
        return_std : bool, default=False
            Whether to also give standard deviations, by Monte Carlo dropout [1]_: the
            spread of `n_mc_samples` networks thinned by `dropout`. The same ones are
            drawn at each call, and for every crystal.

        Returns
        -------
        mean : ndarray of shape (m,) or (m, n_targets)
            In the units and the shape of the `y` of `fit`. With `return_std`, the mean
            over the thinned networks.
        std : ndarray of the shape of `mean`
            In the units of `y`; only if `return_std` is True.

        Raises
        ------
        NotFittedError
            If the model was not fitted.
        ValueError
            If graphs were made otherwise than those of `fit`, or crystals are given
            but it is not known how the graphs of `fit` were made; or if standard
            deviations are asked of a model without dropout.

        References
        ----------
        .. [1] Y. Gal, Z. Ghahramani, ICML 2016, arXiv:1506.02142.
        """
        graphs = self._check_predict(X)
        if not return_std:
            scaled = self._run(graphs, lambda network, batch: network(batch))
            mean = self._scaler.inverse(scaled.astype(np.float64))
            return self._of_crystals(mean, graphs)
        head = self.net_.module_.head
        if head.dropout == 0:
            raise ValueError(
                "return_std=True needs a model with dropout; fit one with, for "
                "example, dropout=0.1."
            )
        masks = head.draw_masks(self.n_mc_samples, self._mc_seed)
        samples = self._run(graphs, lambda network, batch: network.sample(batch, masks))
        samples = samples.astype(np.float64)
        mean = self._scaler.inverse(samples.mean(axis=1))
        std = samples.std(axis=1, ddof=1) * self._scaler.scale
        return self._of_crystals(mean, graphs), self._of_crystals(std, graphs)

    def embed(self, X: Any) -> NDArray[np.float32]:
        """Pooled features of crystals: their place in what the network has learned.

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
            Labels; NaN entries are left out, and so are targets with fewer than two.
        sample_weight : array-like of shape (m,), optional

        Returns
        -------
        float
            1 is perfect, 0 as good as the mean of `y`.

        Raises
        ------
        ValueError
            If `y` does not fit `X` or the number of targets, or has too few labels.
        """
        predicted = self.predict(X)
        targets = check_targets(y, len(predicted), allow_empty=True)
        weights = check_weights(sample_weight, len(predicted))
        self._check_same_targets(targets)
        predicted = predicted.reshape(targets.values.shape)
        known = ~np.isnan(targets.values) & (weights[:, None] > 0)
        scores = [
            r2_score(truth[here], guess[here], sample_weight=weights[here])
            for truth, guess, here in zip(
                targets.values.T, predicted.T, known.T, strict=True
            )
            if here.sum() > 1
        ]
        if not scores:
            raise ValueError("no target has two labels, and R^2 needs two.")
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

    def _train(
        self,
        network: CrystalNetwork | None,
        train: GraphDataset,
        valid: GraphDataset | None,
        random: np.random.RandomState,
        processes: Processes,
    ) -> GraphNet:
        # manual_seed reaches every device; the caller's generators stay as they are.
        # Threads share them, so only one may train at a time.
        with _GENERATORS, torch.random.fork_rng(range(torch.cuda.device_count())):
            torch.manual_seed(int(random.randint(2**31 - 1)))
            if network is None:
                network = self._build_network()
            if processes.share[1] > 1:  # each drops other features
                torch.manual_seed(torch.initial_seed() + processes.share[0])
            net = make_net(self, network, train, valid, random, processes)
            net.fit(train)
        processes.leave(net)
        release(net)
        return net

    def _check_same_targets(self, targets: Targets) -> None:
        found, expected = targets.values.shape[1], len(self._scaler.mean)
        if found != expected:
            raise ValueError(
                f"y has {found} targets, but the model was fitted on {expected} "
                f"({', '.join(self.target_names_)})."
            )

    def _check_goes_on(self, targets: Targets) -> None:
        """Check that the network of the last fit can be trained on."""
        self._check_same_targets(targets)
        for name, value in self._get_architecture().items():
            if value != self._architecture[name]:
                raise ValueError(
                    f"warm_start=True goes on with a network of {name}="
                    f"{self._architecture[name]!r}, which cannot become {value!r}; set "
                    "warm_start=False to start anew."
                )

    def _per_atom(self, values: NDArray, n_sites: NDArray) -> NDArray:
        """Targets as the network gives them: a mean over atoms if pooled by sum."""
        return values / n_sites[:, None] if self.pooling_ == "sum" else values

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
            X,
            settings=self.graph_settings_,
            vectors=self._needs_vectors,
            build=self.graph_settings_ is not None,
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

    def _of_crystals(self, values: NDArray, graphs: CrystalGraphs) -> NDArray:
        """Give what the network says the meaning and the shape of `y`."""
        if self.pooling_ == "sum":
            values = values * graphs.n_sites[:, None]
        return values[:, 0] if self._is_1d else values

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
                for rows in prediction_batches(graphs, self.net_.device)
            ]
        return torch.cat(parts).numpy()


def _reach(graphs: CrystalGraphs) -> float:
    """Reach of the graphs in Å: their cutoff, or else their longest edge."""
    if graphs.settings is not None:
        return graphs.settings.cutoff
    return float(graphs.distances.max())


def _elements(graphs: CrystalGraphs, rows: NDArray) -> NDArray[np.int64]:
    picked = np.zeros(len(graphs), dtype=bool)
    picked[rows] = True
    atoms = np.repeat(picked, graphs.n_atoms)
    return np.unique(graphs.atomic_numbers[atoms]).astype(np.int64)
