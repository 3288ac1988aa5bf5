"""Ensembles: mean and spread of several models of one kind."""

from __future__ import annotations

from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, has_fit_parameter

from ..utils._bases import BaseEstimator, MetaEstimatorMixin
from ..utils._random import seed_estimator
from ..utils._rows import take
from ..utils._validation import Interval, validate_params_of
from ..utils._warnings import unseen_elements_reported_once
from ._pipelines import (
    can_embed,
    check_weighable,
    fit_preprocessing,
    is_graph_network,
    preprocess,
    read_targets,
    rejoin,
    separate,
)
from ._predictive import (
    CrystalRegressorMixin,
    PredictiveMoments,
    check_one_std,
    predictive_of,
)
from .saving._save import Saving
from .targets._site_targets import by_crystal
from .targets._targets import Targets, check_weights

_DRAWS = 100  # bootstrap draws until every target has a label


class EnsembleRegressor(
    MetaEstimatorMixin, Saving, CrystalRegressorMixin, BaseEstimator
):
    """Deep ensemble: models that differ in their random numbers alone [1]_.

    Its prediction is their mean, its standard deviation their spread. Preprocessing
    steps of a pipeline run once, and all members share their graphs.

    Parameters
    ----------
    estimator : estimator
        A regressor or a pipeline that ends in one, with a `random_state` (or set
        `bootstrap`: members are equal otherwise).
    n_estimators : int, default=5
        Number of members.
    n_jobs : int or None, default=None
        Members trained at the same time, by joblib and so by any of its backends. The
        result does not depend on it, but for rounding where workers have fewer torch
        threads; ``torch.set_num_threads(1)`` before makes it exact.
    bootstrap : bool, default=False
        Whether each member sees crystals drawn with replacement, instead of all.
        Initial weights and order of batches already make members differ.
    random_state : int, RandomState or None, default=None
        Decides the members' own `random_state`, and the crystals drawn.
    verbose : int, default=0
        joblib's: how much to report on members done.

    Attributes
    ----------
    estimators_ : list of estimators
        The fitted members, each of the form of `estimator`. Pipelines share their
        first steps.
    target_names_ : list of str
        From the columns of `y`.

    References
    ----------
    .. [1] B. Lakshminarayanan, A. Pritzel, C. Blundell, NeurIPS 2017,
       arXiv:1612.01474.

    Examples
    --------
    >>> from skcrystal import CGCNNRegressor, EnsembleRegressor
    >>> from skcrystal.datasets import load_pbe_prototypes
    >>> X, y = load_pbe_prototypes(return_X_y=True)
    >>> model = EnsembleRegressor(CGCNNRegressor(max_epochs=2), random_state=0)
    >>> mean, std = model.fit(X[:64], y[:64]).predict(X[:3], return_std=True)
    >>> mean.shape, std.shape
    ((3, 2), (3, 2))
    """

    _passes_graphs_on: ClassVar[bool] = True
    _averages_members: ClassVar[bool] = True
    _saved_state: ClassVar[tuple[str, ...]] = ("estimators_", "target_names_")

    _parameter_constraints: ClassVar[dict[str, list]] = {
        "estimator": [BaseEstimator],
        "n_estimators": [Interval(Integral, 2, None, closed="left")],
        "n_jobs": [Integral, None],
        "bootstrap": ["boolean"],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        estimator: BaseEstimator,
        n_estimators: int = 5,
        *,
        n_jobs: int | None = None,
        bootstrap: bool = False,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.estimator = estimator
        self.n_estimators = n_estimators
        self.n_jobs = n_jobs
        self.bootstrap = bootstrap
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train all members.

        Parameters
        ----------
        X : CrystalGraphs, or sequence of n crystals
        y : array-like of shape (n,) or (n, n_targets)
            Labels; NaN where one was not measured. Those of sites are as members of
            ``target_level="atom"`` take them.
        sample_weight : array-like of shape (n,), optional

        Returns
        -------
        self : EnsembleRegressor

        Raises
        ------
        ValueError
            If a parameter is out of range, or crystals, labels or weights are unfit.
        """
        validate_params_of(self)
        steps, final, graphs = fit_preprocessing(self.estimator, X, y)
        _check_member(final, self.bootstrap)
        targets = read_targets(final, y, graphs)
        if self.bootstrap and targets.ptr is not None:  # rows are drawn of crystals
            y = by_crystal(targets)
        weights = None
        if sample_weight is not None:
            weights = check_weights(sample_weight, len(graphs))
            check_weighable(final)
        random = check_random_state(self.random_state)
        members, samples = [], []
        for _ in range(self.n_estimators):
            members.append(seed_estimator(clone(final), random))
            samples.append(
                _draw(_known(targets), weights, random) if self.bootstrap else None
            )
        members = Parallel(n_jobs=self.n_jobs, verbose=self.verbose)(
            delayed(_fit_member)(member, graphs, y, weights, sample)
            for member, sample in zip(members, samples, strict=True)
        )
        self.target_names_ = targets.names
        self.estimators_ = [rejoin(self.estimator, steps, m) for m in members]
        return self

    def _predictive(
        self, X: Any, return_std: bool, return_components: bool
    ) -> PredictiveMoments:
        check_is_fitted(self, "estimators_")
        check_one_std(return_std, return_components)
        final, graphs = self._transform(X)
        if return_components and not _is_gaussian(final):
            raise ValueError(
                "return_components=True needs members that predict noise; set "
                'loss="gaussian_nll" in `estimator`.'
            )
        with unseen_elements_reported_once():
            members = [
                _predict_member(separate(member)[1], graphs)
                for member in self.estimators_
            ]
        return PredictiveMoments.mix(members)

    @available_if(can_embed)
    def embed(self, X: Any) -> NDArray[np.float32]:
        """Features of crystals in all members, side by side.

        Parameters
        ----------
        X : CrystalGraphs, or sequence of m crystals

        Returns
        -------
        ndarray of shape (m, n_estimators * hidden_dim)
            Distances are root-mean-square ones over members.

        Raises
        ------
        NotFittedError
            If the ensemble was not fitted.
        """
        check_is_fitted(self, "estimators_")
        _, graphs = self._transform(X)
        with unseen_elements_reported_once():
            parts = [separate(member)[1].embed(graphs) for member in self.estimators_]
        return np.divide(np.hstack(parts), np.float32(np.sqrt(len(parts))))

    def _transform(self, X: Any) -> tuple[BaseEstimator, Any]:
        steps, final = separate(self.estimators_[0])
        return final, preprocess(steps, final, X)


def _is_gaussian(final: Any) -> bool:
    return is_graph_network(final) and final.net_.module_.gaussian


def _predict_member(final: Any, graphs: Any) -> PredictiveMoments:
    """Mean and any aleatoric std of a member, without dropout."""
    if _is_gaussian(final):
        return final._moments(final._graphs_for_prediction(graphs), sampled=False)
    return predictive_of(final, graphs, return_std=False, return_components=False)


def _known(targets: Targets) -> NDArray[np.bool_]:
    """Of which targets each crystal has a label, (n, T)."""
    known = ~np.isnan(targets.values)
    return np.stack([targets.any_of(column) for column in known.T], axis=1)


def _check_member(final: BaseEstimator, bootstrap: bool) -> None:
    """Check that members will differ, and that the ensemble has their spread."""
    if isinstance(final, FrozenEstimator):
        raise ValueError(
            "estimator is frozen, so that all members would be one model; pass it "
            "without FrozenEstimator."
        )
    names = final.get_params(deep=True)
    if not bootstrap and not any(name.endswith("random_state") for name in names):
        raise ValueError(
            f"{type(final).__name__} has no random_state, so that all members would be "
            "equal; set bootstrap=True."
        )
    if getattr(final, "_calibrates", False):
        raise ValueError(
            "estimator is a CalibratedRegressor, whose scaled standard deviations an "
            "ensemble would drop; calibrate the ensemble instead: "
            "CalibratedRegressor(EnsembleRegressor(...))."
        )


def _draw(
    known: NDArray[np.bool_], weights: NDArray | None, random: np.random.RandomState
) -> NDArray[np.int64]:
    """Count how often each of n crystals is drawn, with a label for every target."""
    n = len(known)
    counts_anyway = known if weights is None else known & (weights[:, None] > 0)
    for _ in range(_DRAWS):
        counts = np.bincount(random.randint(n, size=n), minlength=n)
        if counts_anyway[counts > 0].any(axis=0).all():
            return counts
    raise ValueError(
        f"bootstrap=True drew {_DRAWS} times and found no sample with a label for "
        "every target; set bootstrap=False, or leave the rarest target out."
    )


def _fit_member(
    member: Any,
    graphs: Any,
    y: Any,
    weights: NDArray | None,
    counts: NDArray | None,
) -> Any:
    if counts is None:
        if weights is None:
            return member.fit(graphs, y)
        return member.fit(graphs, y, sample_weight=weights)
    if has_fit_parameter(member, "sample_weight"):
        # A crystal drawn twice counts twice, but passes through the network once.
        rows = np.flatnonzero(counts)
        weights = counts if weights is None else counts * weights
        rows = rows[weights[rows] > 0]
        return member.fit(
            take(graphs, rows), take(y, rows), sample_weight=weights[rows]
        )
    rows = np.repeat(np.arange(len(counts)), counts)
    return member.fit(take(graphs, rows), take(y, rows))
