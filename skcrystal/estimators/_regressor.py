"""What makes a graph network estimator a regressor."""

from __future__ import annotations

from dataclasses import replace
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted
from skorch.callbacks import Callback

from ..graphs import CrystalGraphs
from ..nn import LOSSES, MaskedLoss
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
from .targets._output_transforms import LINKS, check_not_negative, read_links
from .targets._scaler import TargetScaler
from .targets._scoring import check_n_targets
from .targets._site_targets import check_site_targets
from .targets._targets import Targets, check_targets
from .targets._task_weights import RecordTaskWeights, read_task_weights
from .targets._training_set import Labelled
from .training._callbacks import TargetErrors
from .training._subgraphs import Cutting

# A crystal of so many atoms is taken for a piece of matter, not for a cell.
_MANY_ATOMS = 100


class GNNRegressor(CrystalRegressorMixin, GNNEstimator):
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
        """What has targets, by the last fit: "crystal" or "atom"."""
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
        network = self.net_.module_
        if sampled:
            outputs = sample(network, graphs, self.n_mc_samples, self._mc_seed)
        else:
            outputs = run(network, graphs)[:, None]
        means, stds = self._decode(outputs.astype(np.float64), graphs.n_sites)
        ptr = graphs.site_ptr if self.pooling_ == "none" else None
        return PredictiveMoments.mix(
            [
                PredictiveMoments(mean, aleatoric=std, site_ptr=ptr)
                for mean, std in zip(means, stds, strict=True)
            ]
        )

    def _decode(
        self, outputs: NDArray[np.float64], n_sites: NDArray
    ) -> tuple[NDArray, NDArray | list[None]]:
        """Bring outputs (R, S, K) of S networks to the units and the shape of `y`.

        Returns
        -------
        means : ndarray of shape (S, R) or (S, R, T)
        stds : ndarray of the shape of `means`, or S times None
            By the slope at the mean, if outputs have variances after the T means.
        """
        scaler, outputs = self._scaler, outputs.swapaxes(0, 1)
        n_targets = len(scaler.scale)
        decoded = [scaler.inverse(outputs[..., :n_targets])]
        if outputs.shape[-1] > n_targets:
            slope = scaler.slope(decoded[0])
            decoded.append(np.sqrt(outputs[..., n_targets:]) * slope)
        if self.pooling_ == "sum":
            decoded = [values * n_sites[:, None] for values in decoded]
        if self._is_1d:
            decoded = [values[..., 0] for values in decoded]
        means, *stds = decoded
        return means, stds[0] if stds else [None] * len(means)

    def _check_kind_parameters(self) -> None:
        if self.target_level == "atom":
            if self.pooling == "sum":
                raise ValueError(
                    'pooling="sum" adds up shares of atoms to the target of a crystal, '
                    'but with target_level="atom" atoms have targets of their own; '
                    "leave `pooling` at its default."
                )
            return
        if self.atoms_per_part is not None:
            raise ValueError(
                f"atoms_per_part={self.atoms_per_part} is for targets of atoms, but "
                'target_level="crystal"; leave it at None.'
            )

    def _read_labels(self, y: Any, graphs: CrystalGraphs, watched: bool) -> Targets:
        if self.target_level == "atom":
            targets = check_site_targets(y, graphs.n_sites, allow_empty=watched)
        else:
            targets = check_targets(y, len(graphs), allow_empty=watched)
        check_not_negative(targets, read_links(self.output_transform, targets.names))
        return targets

    def _weigh_labels(
        self, targets: Targets, weights: NDArray, watched: bool
    ) -> NDArray:
        # Kept for the loss, which is made where targets are not known any more.
        self._balance = read_task_weights(self.task_weights, targets.names, self.loss)
        known = ~np.isnan(targets.values)
        return known * weights[:, None] * self._balance.fixed

    def _check_goes_on(self, targets: Targets) -> None:
        check_n_targets(
            targets.values.shape[1],
            self.target_names_,
            '; give labels of those, or set warm_start="trunk" for a new head',
        )
        self._check_same_architecture(targets)
        gaussian = self._is_gaussian
        if gaussian != (self.loss == "gaussian_nll"):
            kind, keep = ("with", "") if gaussian else ("without", "another loss than ")
            raise ValueError(
                f"warm_start=True goes on with a network {kind} variances, which "
                f'loss={self.loss!r} cannot train; keep {keep}loss="gaussian_nll", or '
                "set warm_start=False to start anew."
            )
        self.target_names_, self._is_1d = targets.names, targets.is_1d
        self._balance = replace(self._balance, start=self.task_weights_)

    def _learn_scale(
        self, targets: Targets, label_weights: NDArray, n_sites: NDArray
    ) -> None:
        self.target_names_, self._is_1d = targets.names, targets.is_1d
        self.pooling_ = "none" if self.target_level == "atom" else self.pooling
        self._is_gaussian: bool = self.loss == "gaussian_nll"
        links = read_links(self.output_transform, targets.names)
        values = self._per_atom(targets.values, n_sites)
        self._scaler = TargetScaler.fit(values, label_weights, links)

    def _scale_labels(self, targets: Targets, n_sites: NDArray) -> NDArray:
        return self._scaler.transform(self._per_atom(targets.values, n_sites))

    def _per_atom(self, values: NDArray, n_sites: NDArray) -> NDArray:
        """Targets as the network gives them: a mean over atoms if pooled by sum."""
        return values / n_sites[:, None] if self.pooling_ == "sum" else values

    def _architecture_for(self, targets: Targets) -> dict[str, Any]:
        links = read_links(self.output_transform, targets.names)
        return {**self._get_architecture(), "output_transform": links}

    def _cuttings(
        self, graphs: CrystalGraphs, hops: int | None, device: torch.device
    ) -> tuple[Cutting | None, Cutting | None]:
        if self.target_level == "crystal":
            return None, None
        needed = Cutting.if_needed(graphs, hops, device)
        wanted = needed
        if self.atoms_per_part is not None:
            if hops is None:
                raise ValueError(
                    f"atoms_per_part={self.atoms_per_part} cuts crystals in parts, and "
                    "a published CGCNN says other things of parts than of the whole; "
                    "set it to None."
                )
            wanted = Cutting(graphs, self.atoms_per_part, hops)
        if self.data_parallel and (wanted or needed):
            raise ValueError(
                "data_parallel=True shares whole crystals among processes, but these "
                "are to be cut in parts (atoms_per_part="
                f"{self.atoms_per_part}, {graphs.n_edges.max()} edges in the largest); "
                "set data_parallel=False."
            )
        return wanted, needed

    def _norm(self, data: Labelled) -> str:
        # Atoms of one large crystal have much in common; those of many small ones
        # differ, and a step on few of them has no mean worth the name.
        if self.norm is None and self.pooling_ == "none":
            return "batch" if data.graphs.n_atoms.mean() >= _MANY_ATOMS else "layer"
        return super()._norm(data)

    def _outputs(self) -> dict[str, Any]:
        return {
            "n_targets": len(self._scaler.center),
            "dropout": self.dropout,
            "dropout_conv": self.dropout_conv,
            "pooling": self.pooling_,
            "gaussian": self._is_gaussian,
            "softplus_start": self._scaler.softplus_start,
        }

    def _criterion(self) -> MaskedLoss:
        return MaskedLoss(self.loss, self._balance.make(self.loss))

    def _error_callback(self) -> Callback:
        return TargetErrors(self.target_names_, self._scaler)

    def _training_callbacks(self) -> list[Callback]:
        return [RecordTaskWeights(self.target_names_)] if self._balance.kind else []

    def _finish(self) -> None:
        balance = self.__dict__.pop("_balance")
        weights = balance.fixed
        if balance.kind:
            weights = self.net_.criterion_.balance.weights.cpu().numpy()
            weights = weights.astype(np.float64)
        self.task_weights_ = weights / weights.mean()

    @property
    def _loss_is_positive(self) -> bool:
        return self.loss != "gaussian_nll"
