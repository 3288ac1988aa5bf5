"""Regression: labels to a loss, outputs of a network to predictions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from skorch.callbacks import Callback
from torch import Tensor, nn

from ...nn import MaskedLoss
from ._error_callbacks import RecordTargetErrors
from ._output_transforms import Link, check_not_negative, read_links
from ._scaler import TargetScaler
from ._scoring import check_n_targets
from ._site_targets import check_site_targets
from ._targets import Targets, check_same_targets, check_targets
from ._task_weights import RecordTaskWeights, TaskWeights, read_task_weights

Values = TypeVar("Values", NDArray[np.float64], Tensor)


@dataclass(frozen=True)
class RegressionTask:
    """Meaning of T targets; see ``Task``.

    Attributes
    ----------
    names : list of T str
    is_1d : bool
        Whether labels, and so predictions, have no axis for targets.
    pooling : {"mean", "sum", "none"}
        "sum" for targets that are summed over atoms, "none" for targets of atoms.
    gaussian : bool
        Whether the network gives a variance with each target.
    links : tuple of T links
    weights : TaskWeights
    loss : str or None
        None for the task of a fitted model, which needs no loss.
    scaler : TargetScaler or None
        None before `fit`.
    """

    names: list[str]
    is_1d: bool
    pooling: str
    gaussian: bool
    links: tuple[Link, ...]
    weights: TaskWeights
    loss: str | None = None
    scaler: TargetScaler | None = None

    @classmethod
    def read(
        cls,
        y: Any,
        n_sites: NDArray,
        *,
        pooling: str,
        output_transform: Any,
        loss: str,
        task_weights: Any,
    ) -> tuple[Self, Targets]:
        """Read training labels, and the task that they and parameters make.

        Parameters
        ----------
        y : labels of n crystals, or of their sites
        n_sites : ndarray of shape (n,)
        pooling : {"mean", "sum", "none"}
        output_transform, loss, task_weights
            Parameters of regressors.

        Returns
        -------
        task : RegressionTask
        targets : Targets

        Raises
        ------
        ValueError
            If labels are unfit, or parameters do not fit them.
        """
        targets = _read_labels(y, n_sites, pooling, allow_empty=False)
        links = read_links(output_transform, targets.names)
        check_not_negative(targets, links)
        task = cls(
            targets.names,
            targets.is_1d,
            pooling,
            loss == "gaussian_nll",
            links,
            read_task_weights(task_weights, targets.names, loss),
            loss,
        )
        return task, targets

    def read_validation(self, y: Any, n_sites: NDArray) -> Targets:
        targets = _read_labels(y, n_sites, self.pooling, allow_empty=True)
        check_same_targets(self.names, targets.names)
        check_not_negative(targets, self.links)
        return targets

    def resume(self, fitted: RegressionTask) -> Self:
        """Task with the scale and the weights that an earlier fit has learned.

        Raises
        ------
        ValueError
            If the network of that fit cannot be trained on for this task.
        """
        check_n_targets(
            len(self.names),
            fitted.names,
            '; give labels of those, or set warm_start="trunk" for a new head',
        )
        if fitted.gaussian != self.gaussian:
            kind, keep = (
                ("with", "") if fitted.gaussian else ("without", "another loss than ")
            )
            raise ValueError(
                f"warm_start=True goes on with a network {kind} variances, which "
                f'loss={self.loss!r} cannot train; keep {keep}loss="gaussian_nll", or '
                "set warm_start=False to start anew."
            )
        weights = replace(self.weights, start=fitted.weights.fixed)
        return replace(self, scaler=fitted.scaler, weights=weights)

    def weigh(self, targets: Targets, sample_weight: NDArray) -> NDArray:
        known = ~np.isnan(targets.values)
        return known * targets.spread(sample_weight)[:, None] * self.weights.fixed

    def fit(self, targets: Targets, label_weights: NDArray, n_sites: NDArray) -> Self:
        values = self._per_atom(targets.values, n_sites)
        return replace(self, scaler=TargetScaler.fit(values, label_weights, self.links))

    def scale(self, targets: Targets, n_sites: NDArray) -> NDArray:
        return self._scaler.transform(self._per_atom(targets.values, n_sites))

    def _per_atom(self, values: NDArray, n_sites: NDArray) -> NDArray:
        """Targets as the network gives them: a mean over atoms if pooled by sum."""
        return values / n_sites[:, None] if self.pooling == "sum" else values

    def decode(self, outputs: Values, n_sites: Any) -> Values:
        """Predictions (R, T) in units from outputs (R, K), both arrays or both tensors.

        Parameters
        ----------
        outputs : ndarray or Tensor of shape (R, K)
            Columns of variances after those of the targets are not read.
        n_sites : int, or ndarray or Tensor of shape (R, 1)
            Sites of each crystal; only read if targets are summed over atoms.

        Returns
        -------
        ndarray or Tensor of shape (R, T)
        """
        values = self._scaler.inverse(outputs[..., : len(self.names)])
        return values * n_sites if self.pooling == "sum" else values

    def decode_moments(
        self, outputs: NDArray[np.float64], n_sites: NDArray
    ) -> tuple[NDArray, NDArray | list[None]]:
        """Means and aleatoric stds in units from outputs (S, R, K) of S networks.

        Parameters
        ----------
        outputs : ndarray of shape (S, R, K)
        n_sites : ndarray of shape (R, 1)
            As in `decode`.

        Returns
        -------
        means : ndarray of shape (S, R) or (S, R, T)
            In the shape of labels.
        stds : ndarray of the shape of `means`, or S times None
            By the slope at the mean, if networks give variances.
        """
        n_targets = len(self.names)
        decoded = [self._scaler.inverse(outputs[..., :n_targets])]
        if self.gaussian:
            slope = self._scaler.slope(decoded[0])
            decoded.append(np.sqrt(outputs[..., n_targets:]) * slope)
        if self.pooling == "sum":
            decoded = [values * n_sites for values in decoded]
        if self.is_1d:
            decoded = [values[..., 0] for values in decoded]
        means, *stds = decoded
        return means, stds[0] if stds else [None] * len(means)

    @property
    def _scaler(self) -> TargetScaler:
        assert self.scaler is not None  # of a task that is fitted
        return self.scaler

    @property
    def architecture(self) -> dict[str, Any]:
        return {"output_transform": self.links}

    @property
    def outputs(self) -> dict[str, Any]:
        return {
            "n_targets": len(self._scaler.center),
            "pooling": self.pooling,
            "gaussian": self.gaussian,
            "softplus_start": self._scaler.softplus_start,
        }

    @property
    def loss_is_positive(self) -> bool:
        return not self.gaussian

    def criterion(self) -> MaskedLoss:
        assert self.loss is not None  # of a task that is trained
        return MaskedLoss(self.loss, self.weights.make(self.loss))

    def callbacks(self, validates: bool) -> list[Callback]:
        found: list[Callback] = []
        if self.weights.kind:
            found.append(RecordTaskWeights(self.names))
        if validates:
            found.append(RecordTargetErrors(self.names, self._scaler))
        return found

    def trained(self, criterion: nn.Module) -> Self:
        assert isinstance(criterion, MaskedLoss)
        found = self.weights.fixed
        if criterion.weighting is not None:
            weights = criterion.weighting.weights
            assert isinstance(weights, Tensor)  # modules have attributes of any kind
            found = weights.cpu().numpy().astype(np.float64)
        return replace(self, weights=TaskWeights(found / found.mean()))

    def summary(self, targets: Targets) -> dict[str, Any]:
        return targets.summary()


def _read_labels(
    y: Any, n_sites: NDArray, pooling: str, *, allow_empty: bool
) -> Targets:
    if pooling == "none":
        return check_site_targets(y, n_sites, allow_empty=allow_empty)
    return check_targets(y, len(n_sites), allow_empty=allow_empty)
