"""One target of a fitted model, for libraries that know no more than one."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Tags

from ..estimators._pipelines import target_names_of
from ..estimators.targets._targets import column_of, default_names
from ..utils._bases import BaseEstimator, RegressorMixin


class TargetView(RegressorMixin, BaseEstimator):
    """A fitted model seen as a regressor of one of its targets, or of its doubt in it.

    Conformal intervals by MAPIE [1]_ want an estimator of shape (n,), and may scale
    intervals by a second one that predicts how wrong the first will be.

    Parameters
    ----------
    estimator : fitted estimator
        Stays as it is; `fit` of the view has no effect.
    target : str or int, default=0
        Name or number of the target.
    quantity : {"mean", "std"}, default="mean"
        Mean and std of `predict`, both in the target's unit.

    References
    ----------
    .. [1] https://mapie.readthedocs.io

    Examples
    --------
    Intervals that hold 90 % of labels, as wide as the model is unsure:

    >>> from mapie.conformity_scores import ResidualNormalisedScore
    >>> from mapie.regression import SplitConformalRegressor
    >>> from skcrystal import CGCNNRegressor
    >>> from skcrystal.datasets import load_pbe_prototypes
    >>> from skcrystal.uncertainty import TargetView
    >>> X, y = load_pbe_prototypes(return_X_y=True)
    >>> model = CGCNNRegressor(dropout=0.1, max_epochs=5, random_state=0)
    >>> model = model.fit(X[:500], y[:500])
    >>> intervals = SplitConformalRegressor(
    ...     TargetView(model, 0),
    ...     confidence_level=0.9,
    ...     conformity_score=ResidualNormalisedScore(
    ...         TargetView(model, 0, "std"), prefit=True
    ...     ),
    ...     prefit=True,
    ... ).conformalize(X[500:700], y[500:700, 0])
    >>> mean, bounds = intervals.predict_interval(X[700:703])
    >>> mean.shape, bounds.shape
    ((3,), (3, 2, 1))
    """

    def __init__(
        self, estimator: Any, target: str | int = 0, quantity: str = "mean"
    ) -> None:
        self.estimator = estimator
        self.target = target
        self.quantity = quantity

    def fit(self, X: Any, y: Any = None) -> Self:
        """Return self: the model is fitted.

        Parameters
        ----------
        X, y : ignored
            Ignored; for other libraries.

        Returns
        -------
        TargetView
            Itself.
        """
        return self

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Mean or standard deviation of the target.

        Parameters
        ----------
        X : sequence of m crystals
            As the model takes them.

        Returns
        -------
        ndarray of shape (m,)
            In the target's unit.

        Raises
        ------
        ValueError
            If the model has no such target, or `quantity` is none of the two.
        """
        if self.quantity not in ("mean", "std"):
            raise ValueError(
                f'quantity is {self.quantity!r}; it must be "mean" or "std".'
            )
        if self.quantity == "std":
            values = self.estimator.predict(X, return_std=True)[1]
        else:
            values = self.estimator.predict(X)
        values = np.asarray(values).reshape(len(values), -1)
        return values[:, self._column(values.shape[1])]

    def _column(self, n_targets: int) -> int:
        names = target_names_of(self.estimator) or default_names(n_targets)
        return column_of(self.target, names, "target")

    def __sklearn_clone__(self) -> TargetView:
        # A clone of the model would not be fitted.
        return self

    @property
    def fitted_(self) -> bool:
        """True: MAPIE looks for such an attribute."""
        return True

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        return tags
