"""The one fit path of all graph network estimators."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted
from skorch.callbacks import Callback

from ..graphs import CrystalGraphs, GraphSettings
from ..nn import CrystalNetwork, GraphStore, TaskNetworks
from ..utils._random import GENERATORS_LOCK
from ..utils._validation import validate_params_of
from ..utils._warnings import warn_of_unseen_elements
from ._graph_inputs import as_graphs, check_described
from ._inference import embed
from ._parameters import SharedParameters
from ._warm_start import Start, find_start, graphs_before
from .saving._save import Saving
from .targets._targets import Targets, check_weights
from .targets._training_set import Labelled
from .training._devices import Processes, pick_processes
from .training._loader import GraphDataset
from .training._net import GraphNet, history_frame, make_net, release
from .training._subgraphs import Cutting, PartsDataset
from .training._validation_split import check_given, split_rows


class GNNEstimator(Saving, SharedParameters, ABC):
    """Base of all graph network estimators: how they are trained.

    An architecture adds its parameters and gives `_make_network`; it says by
    ``_needs_vectors = True`` that its network reads displacement vectors, and by
    ``_reads_merged = False`` that it says other things of graphs whose equal atoms are
    merged.
    Regressors and classifiers say what labels are, and what a network has to give for
    them.
    """

    _saved_state: ClassVar[tuple[str, ...]] = (
        "target_names_",
        "graph_settings_",
        "cutoff_",
        "elements_",
        "_architecture",
        "_mc_seed",
        "n_iter_",
        "history_",
        "_training_set",
    )

    # What an architecture gives

    _needs_vectors: ClassVar[bool] = False  # whether it reads displacement vectors
    _reads_merged: ClassVar[bool] = True  # whether equal atoms may be merged

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

    def _check_kind_parameters(self) -> None:
        """Check parameters of regressors, or of classifiers, against each other."""

    @abstractmethod
    def _read_labels(self, y: Any, graphs: CrystalGraphs, watched: bool) -> Targets:
        """Check labels and make numbers of them.

        Those that are `watched` by early stopping come after those to be trained on.
        """

    @abstractmethod
    def _weigh_labels(
        self, targets: Targets, weights: NDArray, watched: bool
    ) -> NDArray:
        """Weights of labels (R, T) from those of rows (R,); zero where missing."""

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
        """Labels (R, T) as the loss reads them, of crystals of (n,) sites."""

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

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
    ) -> Self:
        """Train on crystals with labels.

        Parameters
        ----------
        X : CrystalGraphs, or sequence of n crystals or PyG Data
            Crystals are turned into graphs by a default `CrystalGraphTransformer`, or
            as those of `pretrained` were.
        y : array-like of shape (n,) or (n, n_targets)
            Labels. For regressors, NaN where one was not measured; a DataFrame's
            columns name the targets. For classifiers, (n,): a class each. With
            ``target_level="atom"``, a sequence of n arrays (n_sites,) or (n_sites,
            n_targets), in the order of each crystal's sites, or all of them in one.
        sample_weight : array-like of shape (n,), optional
            A weight of 2 counts as the crystal given twice in the loss; in the means of
            ``norm="batch"`` all count once.
        X_val : CrystalGraphs, or sequence of m crystals or PyG Data, optional
            What `early_stopping` watches, in place of a part held back of `X`.
        y_val : array-like of shape (m,) or (m, n_targets), optional
            Labels of `X_val`, as in `y`.

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
        self._check_kind_parameters()
        processes = pick_processes(self.device, self.data_parallel)
        random = processes.agree(check_random_state(self.random_state))
        start = find_start(self, random)
        data = self._read(X, y, sample_weight, start)
        if X_val is not None or y_val is not None:
            check_given(X_val, y_val, self.early_stopping)
            try:
                watched = self._read(X_val, y_val, None, start, data.graphs)
                data = data.followed_by(watched)
            except ValueError as error:
                message = f"of X_val and y_val, which early stopping watches: {error}"
                raise ValueError(message) from error
        fraction = self.validation_fraction if self.early_stopping else None
        kept, held = split_rows(data, fraction, random)
        goes_on = start is not None and start.goes_on
        if goes_on:
            self._check_goes_on(data.targets)
        else:
            n_sites = data.graphs.n_sites[kept]
            self._learn_scale(data.targets[kept], data.weights_of(kept), n_sites)
            norm = self._norm(data) if start is None else start.network.norm
            self._architecture = self._architecture_for(data.targets) | {"norm": norm}
        # Set last again: training that fails leaves no fitted model.
        self.__dict__.pop("net_", None)
        elements = data.elements(kept)
        if start is None:
            self.graph_settings_ = data.graphs.settings
            self.cutoff_ = _reach(data.graphs)
            self.elements_ = elements
        else:
            self.graph_settings_, self.cutoff_ = start.settings, start.cutoff
            self.elements_ = np.union1d(start.elements, elements)
        self.net_ = self._train(start, data, kept, held, random, processes)
        self._mc_seed = int(random.randint(2**31 - 1))
        self.history_ = history_frame(self.net_)
        self.n_iter_ = len(self.history_)
        self._training_set = self._describe(data.targets[kept])
        self._finish()
        return self

    def embed(self, X: Any) -> NDArray[np.float32]:
        """Pooled features of crystals: their place in the space that was learned.

        Parameters
        ----------
        X : CrystalGraphs, or sequence of m crystals or PyG Data

        Returns
        -------
        ndarray of shape (m, hidden_dim)
            The mean over atom features; not scaled. With a trunk for each target,
            (m, n_targets * hidden_dim).

        Raises
        ------
        NotFittedError
            If the model was not fitted.
        """
        check_is_fitted(self, "net_")
        return embed(self.net_.module_, self._graphs_for_prediction(X))

    @property
    def fitted_(self) -> bool:
        """True; absent before `fit`. MAPIE and others look for such an attribute."""
        if "net_" not in vars(self):
            raise AttributeError(f"this {type(self).__name__} is not fitted yet.")
        return True

    def _graphs_for_prediction(self, X: Any) -> CrystalGraphs:
        """Graphs of crystals, made as those of `fit`; warns of unseen elements."""
        graphs = as_graphs(
            X,
            settings=self.graph_settings_,
            vectors=self._needs_vectors,
            merged=self._reads_merged,
            build=self.graph_settings_ is not None,
        )
        check_described(graphs, self.net_.module_)
        unseen = np.setdiff1d(graphs.atomic_numbers, self.elements_)
        if len(unseen):
            warn_of_unseen_elements(unseen)
        return graphs

    # Steps of fit

    def _read(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        start: Start | None,
        trained_on: CrystalGraphs | None = None,
    ) -> Labelled:
        """Check crystals and labels: to train on, or to watch beside those."""
        before = trained_on if start is None else start
        settings = None if before is None else before.settings
        watched = trained_on is not None
        graphs = as_graphs(
            X,
            settings=settings,
            # Graphs to be watched lie in one container with those to be trained on.
            vectors=self._needs_vectors
            or (trained_on is not None and trained_on.vector is not None),
            merged=self._reads_merged,
            build=before is None or settings is not None,
        )
        if start is not None:
            check_described(graphs, start.network)
        targets = self._read_labels(y, graphs, watched)
        weights = check_weights(sample_weight, len(graphs))
        weights = self._weigh_labels(targets, targets.spread(weights), watched)
        return Labelled(graphs, targets, weights)

    def _train(
        self,
        start: Start | None,
        data: Labelled,
        kept: NDArray,
        held: NDArray | None,
        random: np.random.RandomState,
        processes: Processes,
    ) -> GraphNet:
        # manual_seed reaches every device; the caller's generators stay as they are.
        # Threads share them, so only one may train at a time.
        with GENERATORS_LOCK, torch.random.fork_rng(range(torch.cuda.device_count())):
            torch.manual_seed(int(random.randint(2**31 - 1)))
            network = self._build_network() if start is None else start.network
            if start is not None and not start.goes_on:
                network.set_outputs(**self._outputs())
            network.train_trunk(self.freeze != "trunk")
            if processes.share[1] > 1:  # each drops other features
                torch.manual_seed(torch.initial_seed() + processes.share[0])
            train, valid = self._datasets(data, kept, held, network, processes.device)
            net = make_net(self, network, train, valid, random, processes)
            net.fit(train)
        processes.leave(net)
        release(net)
        return net

    def _datasets(
        self,
        data: Labelled,
        kept: NDArray,
        held: NDArray | None,
        network: CrystalNetwork | TaskNetworks,
        device: torch.device,
    ) -> tuple[GraphDataset, GraphDataset | None]:
        """What training and validation loop over."""
        # One store for both, which on the CPU holds no copy of the graphs.
        sites = data.targets.ptr is not None
        store = GraphStore.of(data.graphs, device, sites=sites)
        scaled = self._scale_labels(data.targets, data.graphs.n_sites)

        def dataset(crystals: NDArray, cutting: Cutting | None) -> GraphDataset:
            weights = data.weights_of(crystals)
            labels = scaled[data.targets.rows(crystals)]
            # Weights are one in the mean over the whole set, see MaskedLoss.
            weights = weights / weights.mean()
            ptr = data.targets[crystals].ptr
            if cutting is None:
                return GraphDataset(store, crystals, labels, weights, ptr)
            assert ptr is not None  # only where atoms have labels crystals are cut
            return PartsDataset(store, crystals, labels, weights, ptr, cutting)

        of_train, of_valid = self._cuttings(data.graphs, network.hops, device)
        train = dataset(kept, of_train)
        return train, None if held is None else dataset(held, of_valid)

    def _cuttings(
        self, graphs: CrystalGraphs, hops: int | None, device: torch.device
    ) -> tuple[Cutting | None, Cutting | None]:
        """How crystals are cut in parts in training and validation; None is not."""
        return None, None

    def _build_network(self) -> CrystalNetwork | TaskNetworks:
        return self._make_network(
            cutoff=self.cutoff_,
            hidden_dim=self.hidden_dim,
            norm=self._architecture.get("norm", "layer"),  # earlier versions had none
            **self._outputs(),
        )

    def _norm(self, data: Labelled) -> str:
        """Which norms a new network has."""
        return "layer" if self.norm is None else self.norm

    def _architecture_for(self, targets: Targets) -> dict[str, Any]:
        """Parameters that make the network what it is, as they are for these targets.

        Two ways to say the same are the same here.
        """
        return self._get_architecture()

    def _check_same_architecture(self, targets: Targets) -> None:
        """Check the parameters against those of the network that is trained on."""
        # A model that was saved by an earlier version may lack a parameter.
        trained = type(self)()._get_architecture() | {"norm": "layer"}
        trained |= self._architecture
        for name, value in self._architecture_for(targets).items():
            if name == "norm" and value is None:
                continue
            if value != trained[name]:
                raise ValueError(
                    f"warm_start=True goes on with a network of {name}="
                    f"{trained[name]!r}, which cannot become {value!r}; set "
                    "warm_start=False to start anew."
                )

    def _graphs_before(self) -> tuple[GraphSettings | None, bool]:
        """Graph settings of the last fit or of `pretrained`, and if they are known."""
        return graphs_before(self)

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
