"""Standard deviations scaled to the errors of a calibration set."""

from __future__ import annotations

from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from ..estimators._pipelines import (
    can_embed,
    check_weighable,
    embed,
    fit_preprocessing,
    read_targets,
    rejoin,
    target_names_of,
)
from ..estimators._predictive import (
    NO_STD,
    CrystalRegressorMixin,
    PredictiveMoments,
    check_one_std,
    predictive_of,
)
from ..estimators._regressor import GNNRegressor
from ..estimators.saving._save import Saving
from ..estimators.targets._scoring import check_n_targets
from ..estimators.targets._site_targets import by_crystal, rows_of
from ..estimators.targets._targets import Targets, check_weights
from ..estimators.training._validation_split import hold_back
from ..utils._bases import BaseEstimator, MetaEstimatorMixin
from ..utils._random import seed_estimator
from ..utils._rows import take
from ..utils._validation import Interval, StrOptions, validate_params_of

_CENTRAL = 2 * norm.cdf(1) - 1  # 0.6827, the coverage of one standard deviation
_FEWEST = 10  # labels of a target, below which a factor is too uncertain


class CalibratedRegressor(
    MetaEstimatorMixin, Saving, CrystalRegressorMixin, BaseEstimator
):
    """Scale a regressor's standard deviations, target by target.

    Standard deviations of dropout, an ensemble or a Gaussian loss are too small or too
    large. The factor [1]_ is measured on a calibration set of formulas that the model
    has not seen.

    Parameters
    ----------
    estimator : estimator
        A regressor or a pipeline that ends in one, whose ``predict`` takes
        ``return_std``. Inside ``sklearn.frozen.FrozenEstimator`` it is taken as fitted,
        and all of `fit`'s crystals calibrate it.
    method : {"quantile", "nll"}, default="quantile"
        ``"quantile"`` makes one standard deviation cover 68.27 % of errors, for any
        distribution, with the correction for few labels of conformal prediction.
        ``"nll"`` gives the factor of largest likelihood: the root mean square error in
        standard deviations, which a few large errors decide.
    calibration_fraction : float, default=0.2
        Fraction of the crystals in the calibration set, whole formulas at a time. The
        factor is that of one trained network, and does not carry over to another: the
        calibration set is not trained on in the end. (Steps before the network, if
        they learn, learn from all crystals.)
    random_state : int, RandomState or None, default=None
        Decides the calibration set, and models where `estimator` leaves it open.

    Attributes
    ----------
    estimator_ : estimator
        The fitted model; a pipeline, first steps first, if there is one anywhere in
        `estimator`.
    scale_ : ndarray of shape (n_targets,)
        The factors.
    n_calibration_ : ndarray of shape (n_targets,)
        Labels that each was measured on.
    target_names_ : list of str
        From the columns of `y`.

    References
    ----------
    .. [1] D. Levi, L. Gispan, N. Giladi, E. Fetaya, Sensors 22, 5540 (2022),
       arXiv:1905.11659.

    Examples
    --------
    >>> from skcrystal import CalibratedRegressor, CGCNNRegressor
    >>> from skcrystal.datasets import load_pbe_prototypes
    >>> X, y = load_pbe_prototypes(return_X_y=True)
    >>> model = CGCNNRegressor(dropout=0.1, max_epochs=5, random_state=0)
    >>> calibrated = CalibratedRegressor(model, random_state=0).fit(X[:200], y[:200])
    >>> mean, std = calibrated.predict(X[200:203], return_std=True)
    >>> calibrated.scale_.shape
    (2,)
    """

    _parameter_constraints: ClassVar[dict[str, list]] = {
        "estimator": [BaseEstimator],
        "method": [StrOptions({"quantile", "nll"})],
        "calibration_fraction": [Interval(Real, 0, 1, closed="neither")],
        "random_state": ["random_state"],
    }
    _passes_graphs_on: ClassVar[bool] = True
    _calibrates: ClassVar[bool] = True
    _saved_state: ClassVar[tuple[str, ...]] = (
        "estimator_",
        "scale_",
        "n_calibration_",
        "target_names_",
    )

    def __init__(
        self,
        estimator: BaseEstimator,
        *,
        method: str = "quantile",
        calibration_fraction: float = 0.2,
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.method = method
        self.calibration_fraction = calibration_fraction
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train the model, and measure the factors.

        Parameters
        ----------
        X : CrystalGraphs, or sequence of n crystals
        y : array-like of shape (n,) or (n, n_targets)
            Labels; NaN where one was not measured. Those of sites are as a model of
            ``target_level="atom"`` takes them; the calibration set has whole crystals
            then.
        sample_weight : array-like of shape (n,), optional
            For the model. Errors count equally, but those of weight zero not at all.

        Returns
        -------
        self : CalibratedRegressor

        Raises
        ------
        ValueError
            If a parameter is out of range, the model gives no standard deviations, or
            a target has fewer than ten labels in the calibration set.
        """
        validate_params_of(self)
        if isinstance(self.estimator, FrozenEstimator):
            steps, final, graphs = None, self.estimator, X
        else:
            steps, final, graphs = fit_preprocessing(self.estimator, X, y)
            _check_will_spread(final)
        targets = read_targets(final, y, graphs)
        if targets.ptr is not None:
            y = by_crystal(targets)
        weights = check_weights(sample_weight, len(graphs))
        given = None if sample_weight is None else weights
        random = check_random_state(self.random_state)

        # By the crystals, which steps may have turned to numbers.
        whole = "formulas" if targets.ptr is None else "crystals"
        train, held = self._split(X, whole, random)
        model = _fit(final, graphs, y, given, train, random) if len(train) else final
        _check_same_targets(model, targets)
        mean, std = model.predict(take(graphs, held), return_std=True)
        crystals = targets.spread(np.arange(len(targets)))[targets.rows(held)]
        ratios = _ratios(targets[held].values, rows_of(mean), rows_of(std), crystals)
        ratios[weights[crystals] == 0] = np.nan
        self.n_calibration_ = (~np.isnan(ratios)).sum(axis=0)
        self.scale_ = np.array(
            [
                self._scale(column[~np.isnan(column)], name)
                for column, name in zip(ratios.T, targets.names, strict=True)
            ]
        )
        self.target_names_ = targets.names
        self.estimator_ = rejoin(self.estimator, steps, model)
        return self

    def _predictive(
        self, X: Any, return_std: bool, return_components: bool
    ) -> PredictiveMoments:
        check_is_fitted(self, "scale_")
        check_one_std(return_std, return_components)
        moments = predictive_of(self.estimator_, X, return_std, return_components)
        return moments.scale_std(self.scale_)

    @available_if(can_embed)
    def embed(self, X: Any) -> NDArray[np.float32]:
        """Features of crystals in the model.

        Parameters
        ----------
        X : sequence of m crystals
            As for `predict`.

        Returns
        -------
        ndarray of shape (m, D)
            As `GNNRegressor.embed` gives them.
        """
        check_is_fitted(self, "scale_")
        return embed(self.estimator_, X)

    # Steps of fit

    def _split(
        self, X: Any, whole: str, random: np.random.RandomState
    ) -> tuple[NDArray, NDArray]:
        """Rows to train on, none if the model is fitted, and rows to measure on."""
        rows = np.arange(len(X))
        if isinstance(self.estimator, FrozenEstimator):
            return rows[:0], rows
        return hold_back(
            X,
            self.calibration_fraction,
            random,
            otherwise="give others, or a fitted model in FrozenEstimator",
            whole=whole,
        )

    def _scale(self, ratios: NDArray[np.float64], name: str) -> float:
        """Factor of one target from its k errors in standard deviations."""
        k = len(ratios)
        if k < _FEWEST:
            raise ValueError(
                f"{name} has {k} labels to calibrate on, but {_FEWEST} are needed; "
                "give more crystals (or raise `calibration_fraction`, if the model is "
                "not fitted yet)."
            )
        if self.method == "nll":
            return float(np.sqrt(np.mean(ratios**2)))
        rank = min(int(np.ceil((k + 1) * _CENTRAL)), k)
        return float(np.sort(ratios)[rank - 1])


def _check_will_spread(model: BaseEstimator) -> None:
    """Refuse a network that gives no standard deviations, before it is trained."""
    if isinstance(model, GNNRegressor) and not (
        model.dropout or model.dropout_conv or model.loss == "gaussian_nll"
    ):
        raise ValueError(NO_STD)


def _fit(
    final: Any,
    graphs: Any,
    y: Any,
    weights: NDArray | None,
    rows: NDArray,
    random: np.random.RandomState,
) -> Any:
    model = seed_estimator(clone(final), random, only_unset=True)
    fit_params = {}
    if weights is not None:
        check_weighable(model)
        fit_params["sample_weight"] = weights[rows]
    return model.fit(take(graphs, rows), take(y, rows), **fit_params)


def _check_same_targets(model: BaseEstimator, targets: Targets) -> None:
    """Check labels against the targets a model was fitted on, as far as known."""
    names = target_names_of(model)
    if names is None:
        return
    check_n_targets(targets.values.shape[1], names)
    if set(targets.names) == set(names) and targets.names != names:
        raise ValueError(
            f"y has the columns {', '.join(targets.names)}, but the model was fitted "
            f"on {', '.join(names)}; put them in that order."
        )


def _ratios(values: NDArray, mean: NDArray, std: NDArray, rows: NDArray) -> NDArray:
    """Errors in standard deviations, (k, T); NaN where a label is missing."""
    mean, std = mean.reshape(values.shape), std.reshape(values.shape)
    if not (np.isfinite(mean).all() and np.isfinite(std).all()):
        i, t = np.argwhere(~(np.isfinite(mean) & np.isfinite(std)))[0]
        raise ValueError(
            f"the model predicts {mean[i, t]} ± {std[i, t]} for crystal {rows[i]}, "
            f"target {t}; it cannot be calibrated."
        )
    zero = (std <= 0) & ~np.isnan(values)
    if zero.any():
        i, t = np.argwhere(zero)[0]
        raise ValueError(
            f"the standard deviation of crystal {rows[i]}, target {t}, is "
            f"{std[i, t]}, which no factor can calibrate; give the model more dropout, "
            "or an ensemble more members."
        )
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.abs(values - mean) / std
