"""The one fit path of all regressors."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.exceptions import NotFittedError
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from ..graphs import CrystalGraphs
from ..nn import CrystalNetwork
from ..utils._validation import validate_params_of
from ._data import GraphDataset, store_of
from ._holdout import split_rows
from ._inputs import as_graphs
from ._links import check_not_negative, read_links
from ._net import GraphNet, history_frame, make_net, release
from ._parameters import SharedParameters
from ._predictions import Predictions
from ._processes import Processes, pick_processes
from ._scaling import TargetScaler
from ._score import CrystalRegressorMixin, check_n_targets
from ._targets import Targets, check_targets, check_weights

_GENERATORS = threading.Lock()


class GNNRegressor(Predictions, CrystalRegressorMixin, SharedParameters, ABC):
    """Base of all graph network regressors.

    A subclass adds its parameters and gives `_make_network`; it says with
    ``_needs_vectors`` whether its network reads displacement vectors. All training
    happens here, all prediction in `Predictions`.
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
        links = read_links(self.output_transform, targets.names)
        check_not_negative(targets, links)
        weights = check_weights(sample_weight, len(graphs))
        random = processes.agree(check_random_state(self.random_state))

        label_weights = ~np.isnan(targets.values) * weights[:, None]
        fraction = self.validation_fraction if self.early_stopping else None
        kept, held = split_rows(graphs, targets.names, label_weights, fraction, random)
        # As read: two ways to say the same make the same network.
        architecture = {**self._get_architecture(), "output_transform": links}
        if previous is not None:
            self._check_goes_on(targets, architecture)
        # Taken off first and set last: training that fails leaves no fitted model.
        old_net = self.__dict__.pop("net_", None)
        n_sites = graphs.n_sites
        elements = _elements(graphs, kept[label_weights[kept].any(axis=1)])
        if previous is None:
            self.pooling_ = self.pooling
            self._scaler = TargetScaler.fit(
                self._per_atom(targets.values, n_sites)[kept],
                label_weights[kept],
                links,
            )
            self._architecture = architecture
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

    def _check_goes_on(self, targets: Targets, architecture: dict[str, Any]) -> None:
        """Check that the network of the last fit can be trained on."""
        check_n_targets(targets.values.shape[1], self.target_names_)
        for name, value in architecture.items():
            if value != self._architecture[name]:
                raise ValueError(
                    f"warm_start=True goes on with a network of {name}="
                    f"{self._architecture[name]!r}, which cannot become {value!r}; set "
                    "warm_start=False to start anew."
                )
        gaussian = self.net_.module_.gaussian
        if gaussian != (self.loss == "gaussian_nll"):
            kind, keep = ("with", "") if gaussian else ("without", "another loss than ")
            raise ValueError(
                f"warm_start=True goes on with a network {kind} variances, which "
                f'loss={self.loss!r} cannot train; keep {keep}loss="gaussian_nll", or '
                "set warm_start=False to start anew."
            )

    def _per_atom(self, values: NDArray, n_sites: NDArray) -> NDArray:
        """Targets as the network gives them: a mean over atoms if pooled by sum."""
        return values / n_sites[:, None] if self.pooling_ == "sum" else values

    def _build_network(self) -> CrystalNetwork:
        return self._make_network(
            cutoff=self.cutoff_,
            hidden_dim=self.hidden_dim,
            n_targets=len(self._scaler.center),
            dropout=self.dropout,
            dropout_conv=self.dropout_conv,
            pooling=self.pooling_,
            gaussian=self.loss == "gaussian_nll",
            softplus_start=self._scaler.softplus_start,
        )


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
