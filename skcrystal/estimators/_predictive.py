"""Predictive means and standard deviations: the `predict` of all regressors."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Tags

from ..nn._any_network import AnyNetwork
from ..utils._bases import RegressorMixin
from .targets._scoring import masked_r2
from .targets._site_targets import SiteValues, rows_of, site_pointer


@dataclass(frozen=True)
class PredictiveMoments:
    """Predictive means of R crystals or sites, with the parts of their std.

    Attributes
    ----------
    mean : ndarray of shape (R,) or (R, T)
        In the units of the labels.
    epistemic : ndarray of the shape of `mean`, or None
        Spread of networks that all fit the training set; more labels would narrow it.
        A standard deviation of unknown parts counts as epistemic.
    aleatoric : ndarray of the shape of `mean`, or None
        Scatter of labels that the network predicts.
    site_ptr : ndarray of shape (m + 1,), or None
        With targets of sites: crystal i owns rows ``site_ptr[i]:site_ptr[i + 1]``.
    """

    mean: NDArray[np.float64]
    epistemic: NDArray[np.float64] | None = None
    aleatoric: NDArray[np.float64] | None = None
    site_ptr: NDArray[np.int64] | None = None

    @classmethod
    def mix(cls, members: Sequence[PredictiveMoments]) -> PredictiveMoments:
        """Moments of an equal mixture of networks: an ensemble, or samples of dropout.

        By the law of total variance, the variance is that of the means (epistemic)
        plus the mean of the variances (aleatoric).
        """
        first = members[0]
        means = np.stack([member.mean for member in members])
        noise = [m.aleatoric for m in members if m.aleatoric is not None]
        return cls(
            means.mean(axis=0),
            means.std(axis=0, ddof=1) if len(members) > 1 else None,
            np.sqrt(np.mean(np.square(noise), axis=0)) if noise else None,
            first.site_ptr,
        )

    @classmethod
    def from_predictions(
        cls, mean: NDArray | SiteValues, *parts: NDArray | SiteValues
    ) -> PredictiveMoments:
        """Moments of the return values of ``predict``, without or with either std."""
        epistemic, aleatoric = (*map(rows_of, parts), None, None)[:2]
        return cls(rows_of(mean), epistemic, aleatoric, site_pointer(mean))

    def scale_std(self, factor: NDArray[np.float64]) -> PredictiveMoments:
        """Multiply standard deviations by the factors (T,) of the targets."""
        if self.mean.ndim == 1:
            factor = factor[0]
        return replace(
            self,
            epistemic=None if self.epistemic is None else self.epistemic * factor,
            aleatoric=None if self.aleatoric is None else self.aleatoric * factor,
        )

    @property
    def std(self) -> NDArray[np.float64]:
        """Standard deviation of a label: the root of the sum of both variances."""
        if self.aleatoric is None:
            assert self.epistemic is not None  # see `check_supports_std`
            return self.epistemic
        if self.epistemic is None:
            return self.aleatoric
        return np.hypot(self.epistemic, self.aleatoric)

    def parts(
        self, return_std: bool, return_components: bool
    ) -> list[NDArray[np.float64]]:
        """Return values of ``predict``; those of sites as `SiteValues`."""
        values = [self.mean]
        if return_components:
            assert self.epistemic is not None  # see `check_supports_std`
            assert self.aleatoric is not None
            values += [self.epistemic, self.aleatoric]
        elif return_std:
            values.append(self.std)
        if self.site_ptr is None:
            return values
        split: list[Any] = [SiteValues.of(rows, self.site_ptr) for rows in values]
        return split


def predictive_of(
    model: Any, X: Any, return_std: bool, return_components: bool
) -> PredictiveMoments:
    """Predictive moments of any fitted regressor, by its `predict`."""
    wanted = {"return_std": return_std, "return_components": return_components}
    # Regressors of other packages may lack the parameters; only those used are given.
    values = model.predict(X, **{name: True for name, use in wanted.items() if use})
    return PredictiveMoments.from_predictions(
        *(values if isinstance(values, tuple) else (values,))
    )


class CrystalRegressorMixin(RegressorMixin):
    """Regressor of one or several targets, of crystals instead of a table.

    A class gives `_predictive`; `predict` and `score` come from here.
    """

    target_names_: list[str]

    @abstractmethod
    def _predictive(
        self, X: Any, return_std: bool, return_components: bool
    ) -> PredictiveMoments:
        """Predict means, and the standard deviations that `predict` is to return."""

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

        A network describes an element that is not in its training set by its place and
        properties in the periodic table alone, with a warning.

        Standard deviations have two parts; their squares add up [2]_. The epistemic
        part is the spread of networks that fit the training set equally well: of the
        members of an ensemble, or, by Monte Carlo dropout [1]_, of `n_mc_samples` masks
        of `dropout` and `dropout_conv`, which are the same at each call and for every
        crystal. The aleatoric part is the scatter of labels that a network predicts
        which was fitted with ``loss="gaussian_nll"``. Members of an ensemble predict
        without dropout.

        Parameters
        ----------
        X : CrystalGraphs, or sequence of m crystals or PyG Data
            Crystals are turned into graphs as in `fit`.
        return_std : bool, default=False
            Whether to also return standard deviations. A network needs dropout or
            ``loss="gaussian_nll"`` and returns the parts that it was fitted for; an
            ensemble needs neither. `CalibratedRegressor` multiplies both parts by its
            factors.
        return_components : bool, default=False
            Whether to return both parts in place of their sum. Needs
            ``loss="gaussian_nll"``, and dropout or an ensemble.

        Returns
        -------
        mean : ndarray of shape (m,) or (m, n_targets)
            In the units and the shape of the `y` of `fit`. The mean over members of an
            ensemble; of a network, with standard deviations by dropout, over its masks.
            With ``target_level="atom"``, a list of m arrays (n_sites,) or (n_sites,
            n_targets), in the order of each crystal's sites; all below likewise.
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
            but it is not known how the graphs of `fit` were made; or if the model was
            not fitted for the standard deviations.

        References
        ----------
        .. [1] Y. Gal, Z. Ghahramani, ICML 2016, arXiv:1506.02142.
        .. [2] A. Kendall, Y. Gal, NeurIPS 2017, arXiv:1703.04977.
        """
        moments = self._predictive(X, return_std, return_components)
        mean, *others = moments.parts(return_std, return_components)
        return (mean, *others) if others else mean

    def _supports_std(self) -> bool:
        """Whether `predict` gives standard deviations; see `supports_std`."""
        return True

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Coefficient of determination R^2, averaged over targets.

        Parameters
        ----------
        X : CrystalGraphs, or sequence of m crystals or PyG Data
        y : array-like of shape (m,) or (m, n_targets)
            Labels; NaN entries are left out, and so are targets with fewer than two.
            Targets of atoms are as in `fit`, and all atoms are judged together.
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
        return masked_r2(self.predict(X), y, self.target_names_, sample_weight)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.target_tags.multi_output = True
        tags.target_tags.single_output = True
        return tags


NO_STD = (
    "return_std=True needs a model that was fitted with dropout or with "
    'loss="gaussian_nll"; fit one with, for example, dropout=0.1, dropout_conv=0.1 or '
    'loss="gaussian_nll", or an EnsembleRegressor, which needs none of these.'
)


def has_dropout(network: AnyNetwork) -> bool:
    """Whether a network has dropout in its head or its layers."""
    return bool(network.dropout or network.dropout_conv)


def check_one_std(return_std: bool, return_components: bool) -> None:
    """Check that at most one of the parameters is True.

    Raises
    ------
    ValueError
        If both are.
    """
    if return_std and return_components:
        raise ValueError(
            "return_std=True and return_components=True were both given; give one: "
            "the first returns (mean, std), the second (mean, epistemic, aleatoric)."
        )


def check_supports_std(
    network: AnyNetwork, return_std: bool, return_components: bool
) -> None:
    """Check that a network can give the standard deviations that are to be returned.

    Raises
    ------
    ValueError
        If it cannot, or if both parameters are True.
    """
    check_one_std(return_std, return_components)
    if return_std and not (has_dropout(network) or network.gaussian):
        raise ValueError(NO_STD)
    if return_components and not (has_dropout(network) and network.gaussian):
        missing = []
        if not network.gaussian:
            missing.append('loss="gaussian_nll"')
        if not has_dropout(network):
            missing.append("dropout (such as dropout=0.1 or dropout_conv=0.1)")
        raise ValueError(
            'return_components=True needs a model that was fitted with loss="gaussian_'
            'nll" and with dropout; this one was fitted without '
            f"{' and without '.join(missing)}. Set it and fit again."
        )
