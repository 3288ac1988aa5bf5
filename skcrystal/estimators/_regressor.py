"""Base of graph network regressors."""

from __future__ import annotations

from numbers import Integral
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from ..graphs import CrystalGraphs
from ..nn._loss import LOSSES
from ..utils._validation import Interval, StrOptions
from ._base import GNNEstimator
from ._inference import run, sample
from ._parameters import SharedParameters
from ._predictive import (
    CrystalRegressorMixin,
    PredictiveMoments,
    check_supports_std,
    has_dropout,
)
from .targets._output_transforms import LINKS
from .targets._regression_task import RegressionTask
from .targets._targets import Targets
from .targets._task_weights import TaskWeights
from .training._subgraphs import Partition


class GNNRegressor(CrystalRegressorMixin, GNNEstimator):
    """Base of all graph network regressors.

    Parameters
    ----------
    target_level : {"crystal", "atom"}, default="crystal"
        Level of targets: crystals, or each of their sites. In the latter case, `y` and
        predictions are an array for each crystal, with a row for each site in the
        order of the structure; NaN where a site has no label. With `early_stopping`,
        whole crystals are held back.
    atoms_per_part : int or None, default=None
        With ``target_level="atom"``, train on crystals of more atoms in compact parts
        of about as many, other ones in each epoch. `batch_size` counts parts then, and
        `max_atoms` their atoms. Each part comes with the atoms around it from which
        messages reach it, within `n_layers` edges or one more: this bounds memory, but
        small parts make an epoch longer. None cuts none that fit (two million edges on
        a CPU). Predictions are the same for parts and the whole.
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
        negative log likelihood of a Gaussian, whose variance, the scatter of labels,
        the network then predicts with the mean for each crystal. In training it is
        weighted by the root of the variance, so that means are learned as well as with
        other losses. An overfitted network underestimates the scatter of other labels:
        set `dropout` and `dropout_conv` too. Targets are standardised robustly: by the
        median, and half the distance from the 16th to the 84th percentile, one standard
        deviation if the distribution is normal. Labels a thousand times that off count
        as no further.
    task_weights : {"uncertainty", "dwa"}, array-like, dict or None, default=None
        Weights of the standardised errors of targets:

        - None: equal;
        - (n_targets,) numbers, or a dict from all names or column numbers to them,
          of any sum;
        - "uncertainty": by the inverse of a scatter of labels that is learned for each
          target with the network (Kendall, Gal and Cipolla, arXiv:1705.07115);
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

    _saved_state: ClassVar[tuple[str, ...]] = (
        *GNNEstimator._saved_state,
        "_scaler",
        "_is_1d",
        "pooling_",
        "_is_gaussian",
        "task_weights_",
    )

    target_level: str = "crystal"
    atoms_per_part: int | None = None
    pooling: str = "mean"
    output_transform: str | dict | list | None = None
    loss: str = "mae"
    task_weights: Any = None

    @property
    def target_level_(self) -> str:
        """Level of targets of the last fit: "crystal" or "atom"."""
        return "atom" if self.pooling_ == "none" else "crystal"

    def _predictive(
        self, X: Any, return_std: bool, return_components: bool
    ) -> PredictiveMoments:
        check_is_fitted(self, "net_")
        network = self.net_.module_
        check_supports_std(network, return_std, return_components)
        sampled = (return_std or return_components) and has_dropout(network)
        return self._moments(self._graphs_for_prediction(X), sampled)

    def _supports_std(self) -> bool:
        network = self.net_.module_
        return has_dropout(network) or network.gaussian

    def _moments(self, graphs: CrystalGraphs, sampled: bool) -> PredictiveMoments:
        """Moments of Monte Carlo samples, or of the network without dropout."""
        network, task = self.net_.module_, self._task
        if sampled:
            outputs = sample(network, graphs, self.n_mc_samples, self._mc_seed)
        else:
            outputs = run(network, graphs)[:, None]
        of_networks = outputs.astype(np.float64).swapaxes(0, 1)  # (S, R, K)
        means, stds = task.decode_moments(of_networks, graphs.n_sites[:, None])
        ptr = graphs.site_ptr if self.pooling_ == "none" else None
        return PredictiveMoments.mix(
            [
                PredictiveMoments(mean, aleatoric=std, site_ptr=ptr)
                for mean, std in zip(means, stds, strict=True)
            ]
        )

    def _check_task_parameters(self) -> None:
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

    def _make_task(
        self, y: Any, n_sites: NDArray, sample_weight: NDArray, resumes: bool
    ) -> tuple[RegressionTask, Targets]:
        task, targets = RegressionTask.read(
            y,
            n_sites,
            pooling="none" if self.target_level == "atom" else self.pooling,
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
    ) -> tuple[Partition | None, Partition | None]:
        needed = Partition.if_needed(graphs, hops, device)
        wanted = needed
        if self.atoms_per_part is not None:
            if hops is None:
                raise ValueError(
                    f"atoms_per_part={self.atoms_per_part} cuts crystals into "
                    "subgraphs, but outputs of a published CGCNN for these differ from "
                    "those for the whole; set it to None."
                )
            wanted = Partition(graphs, self.atoms_per_part, hops)
        if self.data_parallel and (wanted or needed):
            raise ValueError(
                "data_parallel=True shares whole crystals among processes, but these "
                "are to be cut into subgraphs (atoms_per_part="
                f"{self.atoms_per_part}, {graphs.n_edges.max()} edges in the largest); "
                "set data_parallel=False."
            )
        return wanted, needed
