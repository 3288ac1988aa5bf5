"""Standard deviations scaled to the errors of crystals held back."""

from __future__ import annotations

from numbers import Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm
from sklearn.base import BaseEstimator, MetaEstimatorMixin, RegressorMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GroupShuffleSplit
from sklearn.utils import _safe_indexing, check_random_state
from sklearn.utils.validation import check_is_fitted, has_fit_parameter

from ..estimators._holdout import formula_groups
from ..estimators._prefix import fit_prefix, rejoin, separate, transform
from ..estimators._score import masked_r2
from ..estimators._targets import check_targets, check_weights
from ..graphs import CrystalGraphs
from ..utils._random import seed_estimator
from ..utils._validation import Interval, StrOptions, validate_params_of

_CENTRAL = 2 * norm.cdf(1) - 1  # 0.6827, what one standard deviation covers
_FEWEST = 10  # labels of a target, below which a factor says little


class CalibratedRegressor(MetaEstimatorMixin, RegressorMixin, BaseEstimator):
    """Scale a regressor's standard deviations, target by target.

    Whatever gives standard deviations, by dropout, an ensemble or a Gaussian loss,
    gives them too small or too large by some factor [1]_. It is measured on crystals
    the model has not seen, of formulas it has not seen.

    Parameters
    ----------
    estimator : estimator
        A regressor or a pipeline that ends in one, whose ``predict`` takes
        ``return_std``. Inside ``sklearn.frozen.FrozenEstimator`` it is taken as fitted,
        and all of `fit`'s crystals calibrate it.
    method : {"quantile", "nll"}, default="quantile"
        ``"quantile"`` makes one standard deviation cover 68.27 % of errors, whatever
        their distribution, with the correction for few labels of conformal prediction.
        ``"nll"`` gives the factor of largest likelihood: the root mean square error in
        standard deviations, which a few large errors decide.
    calibration_fraction : float, default=0.2
        The part of the formulas that is held back to calibrate on. The factor is that
        of one trained network, and does not carry over to another: the crystals held
        back are not trained on in the end.
    random_state : int, RandomState or None, default=None
        Decides what is held back, and models where `estimator` leaves it open.

    Attributes
    ----------
    estimator_ : estimator
        The fitted model, of the form of `estimator`.
    scale_ : ndarray of shape (n_targets,)
        The factors.
    n_calibration_ : ndarray of shape (n_targets,)
        Labels that each was measured on.
    target_names_ : list of str
        From the columns of `y`.

    References
    ----------
    .. [1] V. Kuleshov, N. Fenner, S. Ermon, ICML 2018, arXiv:1807.00263.

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

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> CalibratedRegressor:
        """Train the model, and measure the factors.

        Parameters
        ----------
        X : CrystalGraphs, or sequence of n crystals
        y : array-like of shape (n,) or (n, n_targets)
            Labels; NaN where one was not measured.
        sample_weight : array-like of shape (n,), optional
            For the model. Errors count alike, but those of weight zero not at all.

        Returns
        -------
        self : CalibratedRegressor

        Raises
        ------
        ValueError
            If a parameter is out of range, the model gives no standard deviations, or
            a target has fewer than ten labels held back.
        """
        validate_params_of(self)
        if isinstance(self.estimator, FrozenEstimator):
            prefix, final, graphs = None, self.estimator, X
        else:
            prefix, final, graphs = fit_prefix(self.estimator, X, y)
        targets = check_targets(y, len(graphs))
        weights = check_weights(sample_weight, len(graphs))
        given = None if sample_weight is None else weights
        random = check_random_state(self.random_state)

        train, held = self._split(graphs, random)
        model = _fit(final, graphs, y, given, train, random) if len(train) else final
        mean, std = model.predict(_rows_of(graphs, held), return_std=True)
        ratios = _ratios(targets.values[held], mean, std, held)
        ratios[weights[held] == 0] = np.nan
        self.n_calibration_ = (~np.isnan(ratios)).sum(axis=0)
        self.scale_ = np.array(
            [
                self._scale(column[~np.isnan(column)], name)
                for column, name in zip(ratios.T, targets.names, strict=True)
            ]
        )
        self.target_names_ = targets.names
        self.estimator_ = rejoin(self.estimator, prefix, model)
        return self

    def predict(
        self, X: Any, return_std: bool = False
    ) -> NDArray[np.float64] | tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Predict as the model does, with scaled standard deviations.

        Parameters
        ----------
        X : CrystalGraphs, or sequence of m crystals
        return_std : bool, default=False
            Whether to also give standard deviations.

        Returns
        -------
        mean : ndarray of shape (m,) or (m, n_targets)
        std : ndarray of the shape of `mean`
            In the units of `y`; only if `return_std` is True.

        Raises
        ------
        NotFittedError
            If the model was not fitted.
        """
        check_is_fitted(self, "scale_")
        if not return_std:
            return self.estimator_.predict(X)
        mean, std = self.estimator_.predict(X, return_std=True)
        return mean, std * (self.scale_[0] if std.ndim == 1 else self.scale_)

    def embed(self, X: Any) -> NDArray[np.float32]:
        """Features of crystals in the model, of shape (m, D)."""
        check_is_fitted(self, "scale_")
        prefix, final = separate(self.estimator_)
        return final.embed(transform(prefix, final, X))

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Coefficient of determination R^2 of the means, averaged over targets.

        Parameters
        ----------
        X : CrystalGraphs, or sequence of m crystals
        y : array-like of shape (m,) or (m, n_targets)
            Labels; NaN entries are left out, and so are targets with fewer than two.
        sample_weight : array-like of shape (m,), optional

        Returns
        -------
        float
        """
        return masked_r2(self.predict(X), y, self.target_names_, sample_weight)

    # Steps of fit

    def _split(
        self, graphs: Any, random: np.random.RandomState
    ) -> tuple[NDArray, NDArray]:
        """Rows to train on, none if the model is fitted, and rows to measure on."""
        rows = np.arange(len(graphs))
        if isinstance(self.estimator, FrozenEstimator):
            return rows[:0], rows
        groups = formula_groups(graphs)
        if len(np.unique(groups)) < 2:
            raise ValueError(
                f"all {len(graphs)} crystals share one formula, so that none can be "
                "held back to calibrate on; give others, or a fitted model in "
                "sklearn.frozen.FrozenEstimator."
            )
        splitter = GroupShuffleSplit(
            n_splits=1, test_size=self.calibration_fraction, random_state=random
        )
        return next(splitter.split(rows, groups=groups))

    def _scale(self, ratios: NDArray[np.float64], name: str) -> float:
        """Factor of one target from its k errors in standard deviations."""
        k = len(ratios)
        if k < _FEWEST:
            raise ValueError(
                f"{name} has {k} labels to calibrate on, but {_FEWEST} are needed; "
                "give more crystals, or raise `calibration_fraction`."
            )
        if self.method == "nll":
            return float(np.sqrt(np.mean(ratios**2)))
        level = min(np.ceil((k + 1) * _CENTRAL) / k, 1.0)
        return float(np.quantile(ratios, level, method="inverted_cdf"))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.target_tags.multi_output = True
        return tags


def _fit(
    final: BaseEstimator,
    graphs: Any,
    y: Any,
    weights: NDArray | None,
    rows: NDArray,
    random: np.random.RandomState,
) -> BaseEstimator:
    model = seed_estimator(clone(final), random, only_unset=True)
    fit_params = {}
    if weights is not None:
        if not has_fit_parameter(model, "sample_weight"):
            raise ValueError(
                f"sample_weight was given, but {type(model).__name__} takes none."
            )
        fit_params["sample_weight"] = weights[rows]
    return model.fit(_rows_of(graphs, rows), _rows_of(y, rows), **fit_params)


def _ratios(values: NDArray, mean: NDArray, std: NDArray, rows: NDArray) -> NDArray:
    """Errors in standard deviations, (k, T); NaN where a label is missing."""
    mean, std = mean.reshape(values.shape), std.reshape(values.shape)
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


def _rows_of(X: Any, rows: NDArray[np.int64]) -> Any:
    return X[rows] if isinstance(X, CrystalGraphs) else _safe_indexing(X, rows)
