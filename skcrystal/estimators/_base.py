"""The one fit path of all graph network estimators."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils import check_random_state
from skorch.callbacks import Callback

from ..graphs import CrystalGraphs
from ..nn import CrystalNetwork, TaskNetworks
from ..utils._validation import validate_params_of
from ._data import GraphDataset, store_of
from ._holdout import split_rows
from ._inputs import as_graphs, check_described
from ._net import GraphNet, history_frame, make_net, release
from ._parameters import SharedParameters
from ._processes import Processes, pick_processes
from ._running import Running
from ._saving import Saving
from ._start import Start, find_start
from ._targets import Targets, check_weights

# Callbacks may use other models while one is trained.
_GENERATORS = threading.RLock()


class GNNEstimator(Running, Saving, SharedParameters, ABC):
    """Base of all graph network estimators: how they are trained.

    An architecture adds its parameters and gives `_make_network`; it says with
    ``_needs_vectors`` whether its network reads displacement vectors. Regressors and
    classifiers say what labels are, and what a network has to give for them.
    """

    _needs_vectors: ClassVar[bool] = False

    # What an architecture gives

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

    def _check_shape_parameters(self) -> None:
        """Check parameters against each other; most architectures have nothing to."""

    # What a kind of estimator gives

    @abstractmethod
    def _read_labels(self, y: Any, n_crystals: int) -> Targets:
        """Check labels and make numbers of them."""

    @abstractmethod
    def _weigh_labels(self, targets: Targets, weights: NDArray) -> NDArray:
        """Weights of labels (n, T) from those of crystals (n,); zero where missing."""

    @abstractmethod
    def _check_goes_on(self, targets: Targets) -> None:
        """Check that the last fit's network can be trained on with these labels."""

    @abstractmethod
    def _learn_scale(
        self, targets: Targets, label_weights: NDArray, n_sites: NDArray
    ) -> None:
        """Learn from labels to be trained on what they are, and are scaled by."""

    @abstractmethod
    def _scale_labels(self, targets: Targets, n_sites: NDArray) -> NDArray:
        """Labels (n, T) as the loss reads them, of crystals of (n,) sites."""

    @abstractmethod
    def _outputs(self) -> dict[str, Any]:
        """Parameters of a network that say what it gives."""

    @abstractmethod
    def _criterion(self) -> torch.nn.Module:
        """The loss."""

    @abstractmethod
    def _error_callback(self) -> Callback:
        """What records errors on the part held back, in units."""

    def _training_callbacks(self) -> list[Callback]:
        """What else watches over training."""
        return []

    def _describe(self, targets: Targets) -> dict[str, Any]:
        """What a training set was, for whoever reads of the model later."""
        return targets.summary()

    def _finish(self) -> None:
        """Keep what training has found beside weights."""

    @property
    def _loss_is_positive(self) -> bool:
        """Whether shares of the loss mean anything."""
        return True

    # Public methods

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> GNNEstimator:
        """Train on crystals with labels.

        Parameters
        ----------
        X : CrystalGraphs, or sequence of n crystals or PyG Data
            Crystals are turned into graphs by a default `CrystalGraphTransformer`, or
            as those of `pretrained` were.
        y : array-like of shape (n,) or (n, n_targets)
            Labels. For regressors, NaN where one was not measured; a DataFrame's
            columns name the targets. For classifiers, (n,): a class each.
        sample_weight : array-like of shape (n,), optional
            A weight of 2 counts as the crystal given twice.

        Returns
        -------
        self : object

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
        random = processes.agree(check_random_state(self.random_state))
        start = find_start(self, random)
        settings = start.settings if start else None
        graphs = as_graphs(
            X,
            settings=settings,
            vectors=self._needs_vectors,
            build=start is None or settings is not None,
        )
        if start is not None:
            check_described(graphs, start.network)
        targets = self._read_labels(y, len(graphs))
        weights = check_weights(sample_weight, len(graphs))
        label_weights = self._weigh_labels(targets, weights)
        fraction = self.validation_fraction if self.early_stopping else None
        kept, held = split_rows(graphs, targets.names, label_weights, fraction, random)
        goes_on = start is not None and start.goes_on
        if goes_on:
            self._check_goes_on(targets)
        elements = _elements(graphs, kept[label_weights[kept].any(axis=1)])
        if not goes_on:
            n_sites = graphs.n_sites[kept]
            self._learn_scale(targets[kept], label_weights[kept], n_sites)
            self._architecture = self._architecture_for(targets)
        # Set last again: training that fails leaves no fitted model.
        self.__dict__.pop("net_", None)
        if start is None:
            self.graph_settings_ = graphs.settings
            self.cutoff_ = _reach(graphs)
            self.elements_ = elements
        else:
            self.graph_settings_, self.cutoff_ = start.settings, start.cutoff
            self.elements_ = np.union1d(start.elements, elements)

        # One store for both, which on the CPU holds no copy of the graphs.
        store = store_of(graphs, processes.device)
        scaled = self._scale_labels(targets, graphs.n_sites)
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
        self.net_ = self._train(start, train, valid, random, processes)
        self._mc_seed = int(random.randint(2**31 - 1))
        self.history_ = history_frame(self.net_)
        self.n_iter_ = len(self.history_)
        self._training_set = self._describe(targets[kept])
        self._finish()
        return self

    # Steps of fit

    def _train(
        self,
        start: Start | None,
        train: GraphDataset,
        valid: GraphDataset | None,
        random: np.random.RandomState,
        processes: Processes,
    ) -> GraphNet:
        # manual_seed reaches every device; the caller's generators stay as they are.
        # Threads share them, so only one may train at a time.
        with _GENERATORS, torch.random.fork_rng(range(torch.cuda.device_count())):
            torch.manual_seed(int(random.randint(2**31 - 1)))
            network = self._build_network() if start is None else start.network
            if start is not None and not start.goes_on:
                network.set_outputs(**self._outputs())
            network.train_trunk(self.freeze != "trunk")
            if processes.share[1] > 1:  # each drops other features
                torch.manual_seed(torch.initial_seed() + processes.share[0])
            net = make_net(self, network, train, valid, random, processes)
            net.fit(train)
        processes.leave(net)
        release(net)
        return net

    def _build_network(self) -> CrystalNetwork | TaskNetworks:
        return self._make_network(
            cutoff=self.cutoff_, hidden_dim=self.hidden_dim, **self._outputs()
        )

    def _architecture_for(self, targets: Targets) -> dict[str, Any]:
        """Parameters that make the network what it is, as they are for these targets.

        Two ways to say the same are the same here.
        """
        return self._get_architecture()

    def _check_same_architecture(self, targets: Targets) -> None:
        """Check the parameters against those of the network that is trained on."""
        # A model that was saved by an earlier version may lack a parameter.
        trained = {**type(self)()._get_architecture(), **self._architecture}
        for name, value in self._architecture_for(targets).items():
            if value != trained[name]:
                raise ValueError(
                    f"warm_start=True goes on with a network of {name}="
                    f"{trained[name]!r}, which cannot become {value!r}; set "
                    "warm_start=False to start anew."
                )

    def _trunk_kind(self) -> str:
        """Name of what makes the trunk, which regressors and others share."""
        return next(
            c for c in type(self).__mro__ if "_make_network" in vars(c)
        ).__name__


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
