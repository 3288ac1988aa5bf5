"""What makes a graph network estimator a regressor."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast, overload

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from ..graphs import CrystalGraphs
from ..nn import LOSSES
from ..utils._validation import Interval, StrOptions
from ._base import GNNEstimator
from ._inference import Running
from ._parameters import SharedParameters
from ._predictive import Moments, check_spread, drops
from .targets._output_transforms import LINKS
from .targets._regression_task import RegressionTask
from .targets._scaler import TargetScaler
from .targets._scoring import CrystalRegressorMixin
from .targets._site_targets import SiteValues
from .targets._targets import Targets
from .targets._task_weights import TaskWeights
from .training._subgraphs import Cutting


class Predictions(Running):
    """What a fitted regressor says of crystals; mixed into it."""

    if TYPE_CHECKING:  # what `fit` leaves
        pooling_: str
        _scaler: TargetScaler
        _is_1d: bool

    @overload
    def predict(
        self,
        X: Any,
        return_std: Literal[False] = False,
        return_components: Literal[False] = False,
    ) -> NDArray[np.float64]: ...

    @overload
    def predict(
        self,
        X: Any,
        return_std: Literal[True],
        return_components: Literal[False] = False,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]: ...

    @overload
    def predict(
        self,
        X: Any,
        return_std: Literal[False] = False,
        *,
        return_components: Literal[True],
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]: ...

    @overload
    def predict(
        self, X: Any, return_std: bool = False, return_components: bool = False
    ) -> NDArray[np.float64] | tuple[NDArray[np.float64], ...]: ...

    def predict(
        self, X: Any, return_std: bool = False, return_components: bool = False
    ) -> NDArray[np.float64] | tuple[NDArray[np.float64], ...]:
        """Predict the targets of crystals.

        An element that training has not seen is described by its place and properties
        in the periodic table alone, with a warning.

        Standard deviations have two parts, of which a model has those it was fitted
        for. The epistemic part says what the model does not know: by Monte Carlo
        dropout [1]_, the spread of `n_mc_samples` networks thinned by `dropout` and
        `dropout_conv`. The same ones are drawn at each call, and for every crystal. The
        aleatoric part says how far labels scatter where the model cannot tell crystals
        apart: what a network learns with ``loss="gaussian_nll"``. Their squares add up
        [2]_.

        Parameters
        ----------
        X : CrystalGraphs, or sequence of m crystals or PyG Data
            Crystals are turned into graphs as in `fit`.
        return_std : bool, default=False
            Whether to also give standard deviations. Needs dropout, whose part is all
            there is with any other loss, or ``loss="gaussian_nll"``, whose part is all
            there is without dropout; or both.
        return_components : bool, default=False
            Whether to also give both parts by themselves. Needs dropout and
            ``loss="gaussian_nll"``.

        Returns
        -------
        mean : ndarray of shape (m,) or (m, n_targets)
            In the units and the shape of the `y` of `fit`. With standard deviations by
            dropout, the mean over the thinned networks. With ``target_level="atom"``,
            a list of m arrays (n_sites,) or (n_sites, n_targets), in the order of each
            crystal's sites; all below likewise.
        std : ndarray of the shape of `mean`
            In the units of `y`; only if `return_std` is True.
        epistemic, aleatoric : ndarray of the shape of `mean`
            In the units of `y`; only if `return_components` is True.

        Raises
        ------
        NotFittedError
            If the model was not fitted.
        ValueError
            If graphs were made otherwise than those of `fit`, or crystals are given
            but it is not known how the graphs of `fit` were made; or if standard
            deviations are asked of a model that was not fitted for them.

        References
        ----------
        .. [1] Y. Gal, Z. Ghahramani, ICML 2016, arXiv:1506.02142.
        .. [2] A. Kendall, Y. Gal, NeurIPS 2017, arXiv:1703.04977.
        """
        check_is_fitted(self, "net_")
        check_spread(self.net_.module_, return_std, return_components)
        graphs = self._check_predict(X)
        sampled = (return_std or return_components) and drops(self.net_.module_)
        found = self._moments(graphs, sampled)
        parts = [found.mean]
        if return_components:
            parts += found.components
        elif return_std:
            parts.append(found.std)
        parts = [self._of_crystals(part, graphs) for part in parts]
        return tuple(parts) if len(parts) > 1 else parts[0]

    def _predict_gaussian(
        self, X: Any
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Means and aleatoric standard deviations, without dropout.

        Parameters
        ----------
        X : CrystalGraphs, or sequence of m crystals or PyG Data

        Returns
        -------
        mean, aleatoric : ndarray of shape (m,) or (m, n_targets)
            In the units and the shape of the `y` of `fit`.

        Raises
        ------
        ValueError
            If the model was not fitted with ``loss="gaussian_nll"``.
        """
        graphs = self._check_predict(X)
        if not self.net_.module_.gaussian:
            raise ValueError(
                "an aleatoric standard deviation needs a model that was fitted with "
                f'loss="gaussian_nll", which this {type(self).__name__} was not.'
            )
        found = self._moments(graphs, sampled=False)
        # Without dropout, there is no other spread.
        mean, aleatoric = found.mean, found.std
        return self._of_crystals(mean, graphs), self._of_crystals(aleatoric, graphs)

    # Steps of predict

    def _moments(self, graphs: CrystalGraphs, sampled: bool) -> Moments:
        """Predictions in units, as `_of_crystals` takes them.

        By the network as it is, or by thinned ones.
        """
        if sampled:
            outputs = self._sample(graphs)
        else:
            outputs = self._run(graphs, lambda network, b: network(b))[:, None]
        return Moments.of(outputs, self._scaler)

    def _of_crystals(self, values: NDArray, graphs: CrystalGraphs) -> NDArray:
        """Give what the network says the meaning and the shape of `y`.

        Types speak of targets of crystals; those of atoms come as `SiteValues`.
        """
        if self.pooling_ == "sum":
            values = values * graphs.n_sites[:, None]
        values = values[:, 0] if self._is_1d else values
        if self.pooling_ == "none":
            return cast("NDArray", SiteValues.of(values, graphs.site_ptr))
        return values


class GNNRegressor(Predictions, CrystalRegressorMixin, GNNEstimator):
    """Base of all graph network regressors.

    Parameters
    ----------
    target_level : {"crystal", "atom"}, default="crystal"
        What has targets: crystals, or each of their sites. In the latter case, `y` and
        predictions are an array for each crystal, with a row for each site in the
        order of the structure; NaN where a site has no label. With `early_stopping`,
        whole crystals are held back.
    atoms_per_part : int or None, default=None
        With ``target_level="atom"``, train on crystals of more atoms in compact parts
        of about as many, other ones in each epoch. `batch_size` counts parts then, and
        `max_atoms` their atoms. Each part comes with all that a network hears of around
        it, `n_layers` edges far or one more: it bounds memory, but small parts make an
        epoch longer. None cuts none that fit (two million edges on a CPU). Predictions
        are the same for parts and the whole.
    pooling : {"mean", "sum"}, default="mean"
        Mean over atoms for intensive targets (eV/atom, a band gap); sum of atomic
        shares for extensive ones (eV, Å^3), exact for any supercell. Not for targets of
        atoms.
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
    task_weights : {"uncertainty", "dwa"}, array-like, dict or None, default=None
        How much the standardised errors of the targets count against each other:

        - None: alike;
        - (n_targets,) numbers, or a dict from all names or column numbers to them:
          as they say, whatever their sum;
        - "uncertainty": by the inverse of a scatter of labels that is learned for each
          target beside the network (Kendall, Gal and Cipolla, arXiv:1705.07115);
        - "dwa": dynamic weight average, more for targets whose error falls more slowly
          from epoch to epoch (Liu, Johns and Davison, arXiv:1803.10704).

        The last two are not for ``loss="gaussian_nll"``, which learns how far labels
        scatter for each crystal.

        The part held back for `early_stopping` is judged with none but fixed weights.

    Attributes
    ----------
    pooling_ : {"mean", "sum", "none"}
        The last for targets of atoms.
    task_weights_ : ndarray of shape (n_targets,)
        The weights at the end of training, of mean one.
    """

    _parameter_constraints: ClassVar[dict[str, list]] = {
        "target_level": [StrOptions({"crystal", "atom"})],
        "atoms_per_part": [Interval(Integral, 1, None, closed="left"), None],
        "pooling": [StrOptions({"mean", "sum"})],
        "output_transform": [StrOptions(set(LINKS)), dict, list, tuple, None],
        "loss": [StrOptions(set(LOSSES))],
        "task_weights": [StrOptions({"uncertainty", "dwa"}), dict, "array-like", None],
    }
    _training_parameters: ClassVar[frozenset[str]] = (
        SharedParameters._training_parameters
        | {"loss", "task_weights", "atoms_per_part"}
    )

    target_level: str = "crystal"
    atoms_per_part: int | None = None
    pooling: str = "mean"
    output_transform: str | dict | list | None = None
    loss: str = "mae"
    task_weights: Any = None

    @property
    def target_level_(self) -> str:
        """What has targets, by the last fit: "crystal" or "atom"."""
        return "atom" if self.pooling_ == "none" else "crystal"

    def _make_task(
        self, y: Any, graphs: CrystalGraphs, sample_weight: NDArray, resumes: bool
    ) -> tuple[RegressionTask, Targets]:
        of_atoms = self.target_level == "atom"
        if of_atoms and self.pooling == "sum":
            raise ValueError(
                'pooling="sum" adds up shares of atoms to the target of a crystal, but '
                'with target_level="atom" atoms have targets of their own; leave '
                "`pooling` at its default."
            )
        if self.atoms_per_part is not None and not of_atoms:
            raise ValueError(
                f"atoms_per_part={self.atoms_per_part} is for targets of atoms, but "
                'target_level="crystal"; leave it at None.'
            )
        task, targets = RegressionTask.read(
            y,
            graphs.n_sites,
            pooling="none" if of_atoms else self.pooling,
            output_transform=self.output_transform,
            loss=self.loss,
            task_weights=self.task_weights,
        )
        return (task.resume(self._task) if resumes else task), targets

    @property
    def _task(self) -> RegressionTask:
        return RegressionTask(
            self.target_names_,
            self._is_1d,
            self.pooling_,
            self._is_gaussian,
            self._scaler.links,
            TaskWeights(self.task_weights_),
            scaler=self._scaler,
        )

    @_task.setter
    def _task(self, task: RegressionTask) -> None:
        assert task.scaler is not None  # fitted
        self.target_names_, self._is_1d = task.names, task.is_1d
        self.pooling_, self._is_gaussian = task.pooling, task.gaussian
        self._scaler, self.task_weights_ = task.scaler, task.weights.fixed

    def _partitions(
        self, graphs: CrystalGraphs, hops: int | None, device: torch.device
    ) -> tuple[Cutting | None, Cutting | None]:
        if self.target_level == "crystal":
            return None, None
        needed = Cutting.if_needed(graphs, hops, device)
        wanted = needed
        if self.atoms_per_part is not None:
            if hops is None:
                raise ValueError(
                    f"atoms_per_part={self.atoms_per_part} cuts crystals into "
                    "subgraphs, but outputs of a published CGCNN for these differ from "
                    "those for the whole; set it to None."
                )
            wanted = Cutting(graphs, self.atoms_per_part, hops)
        if self.data_parallel and (wanted or needed):
            raise ValueError(
                "data_parallel=True shares whole crystals among processes, but these "
                "are to be cut into subgraphs (atoms_per_part="
                f"{self.atoms_per_part}, {graphs.n_edges.max()} edges in the largest); "
                "set data_parallel=False."
            )
        return wanted, needed
