"""The one fit path of all graph network estimators."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from ..graphs import CrystalGraphs, GraphSettings
from ..nn import CrystalNetwork, GraphStore
from ..nn._any_network import AnyNetwork
from ..utils._random import GENERATORS_LOCK
from ..utils._validation import validate_params_of
from ..utils._warnings import warn_of_unseen_elements
from ._graph_inputs import as_graphs, check_described
from ._inference import embed
from ._parameters import SharedParameters
from ._warm_start import (
    InitialNetwork,
    check_same_architecture,
    find_initial_network,
    graphs_before,
)
from .saving._save import Saving
from .targets._targets import Targets, check_weights
from .targets._task import Task
from .targets._training_set import TrainingSet
from .training._devices import WorkerGroup, pick_workers
from .training._loader import GraphDataset
from .training._net import GraphNet, history_frame, make_net, release
from .training._subgraphs import Partition, SubgraphDataset
from .training._validation_split import check_given, split_validation

# Atoms of a crystal that is taken for a piece of matter, not for a cell.
_MANY_ATOMS = 100


class GNNEstimator(Saving, SharedParameters, ABC):
    """Base of all graph network estimators, with the training.

    An architecture adds its parameters and gives `_make_network`; it sets
    ``_needs_vectors = True`` if its network reads displacement vectors, and
    ``_reads_merged = False`` if outputs would change where equal atoms are merged.
    Regressors and classifiers give `_make_task`, which reads labels.
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

    # Given by an architecture

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
            Parameters of every ``CrystalNetwork``, to be passed on.
        """

    def _check_shape_parameters(self) -> None:
        """Check parameters against each other; by default there is no such check."""

    # Given by regressors and classifiers

    def _check_task_parameters(self) -> None:
        """Check parameters of the task against each other, before graphs are built."""

    @abstractmethod
    def _make_task(
        self, y: Any, n_sites: NDArray, sample_weight: NDArray, resumes: bool
    ) -> tuple[Task, Targets]:
        """Read labels by the parameters.

        Parameters
        ----------
        y : labels of n crystals
        n_sites : ndarray of shape (n,)
        sample_weight : ndarray of shape (n,)
        resumes : bool
            Whether the network of the last fit is trained on, head included.

        Returns
        -------
        task : Task
        targets : Targets
        """

    @property
    @abstractmethod
    def _task(self) -> Any:
        """Task of the last fit; made of attributes, and set as such."""

    @_task.setter
    @abstractmethod
    def _task(self, task: Any) -> None: ...

    def _partitions(
        self, graphs: CrystalGraphs, hops: int | None, device: torch.device
    ) -> tuple[Partition | None, Partition | None]:
        """Partitions of crystals with labelled atoms, in training and in validation.

        None where crystals pass through the network as a whole.
        """
        return None, None

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
            Validation set for `early_stopping`, in place of a part of `X`.
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
        self._check_task_parameters()
        workers = pick_workers(self.device, self.data_parallel)
        random = workers.broadcast(check_random_state(self.random_state))
        initial = find_initial_network(self, random)
        resumes = initial is not None and initial.resumes
        graphs = self._read_graphs(X, initial)
        n_sites = graphs.n_sites
        weights = check_weights(sample_weight, len(n_sites))
        task, targets = self._make_task(y, n_sites, weights, resumes)
        weights = task.weigh(targets, weights)
        data = TrainingSet(graphs, np.arange(len(n_sites)), n_sites, targets, weights)
        if X_val is not None or y_val is not None:
            check_given(X_val, y_val, self.early_stopping)
            data = self._add_validation_set(data, X_val, y_val, task, initial)
        fraction = self.validation_fraction if self.early_stopping else None
        train, valid = split_validation(data, fraction, random)
        elements, summary = train.elements(), task.summary(train.targets)
        architecture = self._get_architecture() | task.architecture
        if resumes:
            check_same_architecture(self, architecture)
            architecture = self._architecture
        else:
            task = task.fit(train.targets, train.weights, train.n_sites)
            architecture["norm"] = self._norm(task, data.graphs, initial)
        # Training that fails leaves no fitted model: it may have changed the network.
        self.__dict__.pop("net_", None)
        norm = architecture.get("norm", "layer")  # earlier versions had none
        net = self._train(task, initial, norm, train, valid, random, workers)
        if initial is None:
            self.graph_settings_, self.cutoff_ = graphs.settings, _reach(graphs)
            self.elements_ = elements
        else:
            self.graph_settings_, self.cutoff_ = initial.settings, initial.cutoff
            self.elements_ = np.union1d(initial.elements, elements)
        self._task = task.trained(net.criterion_)
        self._architecture: dict[str, Any] = architecture
        self._training_set = summary
        self._mc_seed = int(random.randint(2**31 - 1))
        self.history_ = history_frame(net)
        self.n_iter_ = len(self.history_)
        self.net_ = release(net)
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

    def _read_graphs(
        self,
        X: Any,
        initial: InitialNetwork | None,
        trained_on: CrystalGraphs | None = None,
    ) -> CrystalGraphs:
        """Make graphs of the training set, or of a validation set in the same store."""
        before = trained_on if initial is None else initial
        settings = None if before is None else before.settings
        graphs = as_graphs(
            X,
            settings=settings,
            # Both sets lie in one container.
            vectors=self._needs_vectors
            or (trained_on is not None and trained_on.vector is not None),
            merged=self._reads_merged,
            build=before is None or settings is not None,
        )
        if initial is not None:
            check_described(graphs, initial.network)
        return graphs

    def _add_validation_set(
        self,
        data: TrainingSet,
        X: Any,
        y: Any,
        task: Task,
        initial: InitialNetwork | None,
    ) -> TrainingSet:
        """Append a validation set that the user gives."""
        try:
            graphs = self._read_graphs(X, initial, data.graphs)
            n_sites = graphs.n_sites
            targets = task.read_validation(y, n_sites)
            weights = task.weigh(targets, np.ones(len(n_sites)))
            rows = np.arange(len(n_sites))
            return data.concatenate(
                TrainingSet(graphs, rows, n_sites, targets, weights)
            )
        except ValueError as error:
            message = f"in X_val and y_val, the validation set: {error}"
            raise ValueError(message) from error

    def _train(
        self,
        task: Task,
        initial: InitialNetwork | None,
        norm: str,
        train: TrainingSet,
        valid: TrainingSet | None,
        random: np.random.RandomState,
        workers: WorkerGroup,
    ) -> GraphNet:
        # manual_seed reaches every device; the caller's generators stay as they are.
        # Threads share them, so only one may train at a time.
        with GENERATORS_LOCK, torch.random.fork_rng(range(torch.cuda.device_count())):
            torch.manual_seed(int(random.randint(2**31 - 1)))
            if initial is None:
                network = self._build_network(task, _reach(train.graphs), norm)
            else:
                network = initial.network
                if not initial.resumes:
                    network.set_outputs(**self._outputs(task))
            network.train_trunk(self.freeze != "trunk")
            if workers.world_size > 1:  # each drops other features
                torch.manual_seed(torch.initial_seed() + workers.rank)
            sets = self._datasets(task, train, valid, network, workers.device)
            net = make_net(self, task, network, *sets, random, workers).fit(sets[0])
        return net.to_single_process(workers.device)

    def _datasets(
        self,
        task: Task,
        train: TrainingSet,
        valid: TrainingSet | None,
        network: AnyNetwork,
        device: torch.device,
    ) -> tuple[GraphDataset, GraphDataset | None]:
        """Training and validation set on the device, in one store of graphs.

        On the CPU, the store holds no copy of the graphs.
        """
        of_sites = train.targets.ptr is not None
        store = GraphStore.of(train.graphs, device, sites=of_sites)

        def dataset(data: TrainingSet, partition: Partition | None) -> GraphDataset:
            labels = task.scale(data.targets, data.n_sites)
            # Weights are one in the mean over the whole set, see MaskedLoss.
            weights = data.weights / data.weights.mean()
            ptr = data.targets.ptr
            if partition is None:
                return GraphDataset(store, data.crystals, labels, weights, ptr)
            assert ptr is not None  # only crystals with labelled atoms are cut
            return SubgraphDataset(
                store, data.crystals, labels, weights, ptr, partition
            )

        partitions: tuple[Partition | None, Partition | None] = (None, None)
        if of_sites:
            partitions = self._partitions(train.graphs, network.hops, device)
        return (
            dataset(train, partitions[0]),
            None if valid is None else dataset(valid, partitions[1]),
        )

    def _build_network(self, task: Task, cutoff: float, norm: str) -> AnyNetwork:
        """Build a network with new weights."""
        return self._make_network(
            cutoff=cutoff, hidden_dim=self.hidden_dim, norm=norm, **self._outputs(task)
        )

    def _outputs(self, task: Task) -> dict[str, Any]:
        """Parameters of ``set_outputs`` of a network."""
        dropout = {"dropout": self.dropout, "dropout_conv": self.dropout_conv}
        return task.outputs | dropout

    def _norm(
        self, task: Task, graphs: CrystalGraphs, initial: InitialNetwork | None
    ) -> str:
        """Kind of the norms of a network with a new head."""
        if initial is not None:
            return initial.network.norm
        if self.norm is not None:
            return self.norm
        # Atoms of one large crystal have much in common; those of many small ones
        # differ, and the mean over the few atoms of a step is too uncertain.
        large = task.pooling == "none" and graphs.n_atoms.mean() >= _MANY_ATOMS
        return "batch" if large else "layer"

    def _graphs_before(self) -> tuple[GraphSettings | None, bool]:
        """Graph settings of the last fit or of `pretrained`, and if they are known."""
        return graphs_before(self)

    def _trunk_kind(self) -> str:
        """Name of the class that an architecture's regressor and classifier share."""
        return next(
            c for c in type(self).__mro__ if "_make_network" in vars(c)
        ).__name__


def _reach(graphs: CrystalGraphs) -> float:
    """Reach of the graphs in Å: their cutoff, or else their longest edge."""
    if graphs.settings is not None:
        return graphs.settings.cutoff
    return float(graphs.distances.max())
