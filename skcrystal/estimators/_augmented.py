"""A model that learns from perturbed copies of its crystals, too."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone, is_classifier
from sklearn.frozen import FrozenEstimator
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from ..graphs import CrystalGraphs
from ..graphs._augmentation import MAX_DISPLACEMENT, MAX_STRAIN, augment_crystals
from ..graphs._compositions import holds_data
from ..graphs._structures import check_sequence
from ..utils._bases import BaseEstimator, MetaEstimatorMixin
from ..utils._random import MAX_SEED, seed_estimator
from ..utils._rows import take
from ..utils._validation import Interval, validate_params_of
from ._pipelines import (
    can_embed,
    check_weighable,
    embed,
    fit_preprocessing,
    models_to_fit,
    refuse_sites,
    rejoin,
    separate,
    supports_std,
)
from ._predictive import CrystalRegressorMixin, PredictiveMoments, predictive_of
from .saving._save import Saving
from .targets._targets import check_targets, check_weights


class AugmentedRegressor(
    MetaEstimatorMixin, CrystalRegressorMixin, Saving, BaseEstimator
):
    """Train on crystals and on perturbed copies of them, with the same labels.

    Copies are made once, before training. They have no symmetry, so that none of their
    atoms are merged: an epoch costs ``1 + n_copies`` times one of the crystals alone,
    and more for symmetric ones. `docs/periodic-graphs.md` has measured gains.

    Crystals come before their copies, which have their formulas: a validation split by
    formulas, such as that of ``early_stopping``, holds crystals with all copies.

    Parameters
    ----------
    estimator : estimator
        A regressor or a pipeline that ends in one, which reads crystals.
    n_copies : int, default=4
        Copies of each crystal, next to itself.
    displacement : float, default=0.02
        Standard deviation in Å of each Cartesian component of each atom's
        displacement, at most 0.5.
    strain : float, default=0.01
        Standard deviation of each of the six components of strain, at most 0.1.
    supercell : int, default=1
        Largest multiple of the cell that is drawn; 1 leaves cells as they are. By
        themselves supercells are of no use to a network.
    random_state : int, RandomState or None, default=None
        Decides the copies, and models where `estimator` leaves it open.

    Attributes
    ----------
    estimator_ : estimator
        The fitted model, of the form of `estimator`.
    target_names_ : list of str
        From the columns of `y`.

    See Also
    --------
    skcrystal.graphs.augment_crystals : How copies are made.

    Notes
    -----
    Wrap ensembles, which then share the copies:
    ``AugmentedRegressor(EnsembleRegressor(...))``. Calibrate augmented models, on
    crystals as they are: ``CalibratedRegressor(AugmentedRegressor(...))``.

    Examples
    --------
    >>> from skcrystal import AugmentedRegressor, CGCNNRegressor
    >>> from skcrystal.datasets import load_pbe_prototypes
    >>> X, y = load_pbe_prototypes(return_X_y=True)
    >>> model = AugmentedRegressor(CGCNNRegressor(max_epochs=2), random_state=0)
    >>> model.fit(X[:64], y[:64]).predict(X[:3]).shape
    (3, 2)
    """

    _saved_state: ClassVar[tuple[str, ...]] = ("estimator_", "target_names_")

    _parameter_constraints: ClassVar[dict[str, list]] = {
        "estimator": [BaseEstimator],
        "n_copies": [Interval(Integral, 1, None, closed="left")],
        "displacement": [Interval(Real, 0, MAX_DISPLACEMENT, closed="both")],
        "strain": [Interval(Real, 0, MAX_STRAIN, closed="both")],
        "supercell": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator: BaseEstimator,
        *,
        n_copies: int = 4,
        displacement: float = 0.02,
        strain: float = 0.01,
        supercell: int = 1,
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.n_copies = n_copies
        self.displacement = displacement
        self.strain = strain
        self.supercell = supercell
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train a clone of the model on crystals and copies.

        Parameters
        ----------
        X : sequence of n pymatgen Structure, IStructure or ASE Atoms
            Not graphs, which hold no positions.
        y : array-like of shape (n,) or (n, n_targets)
            Labels; NaN where one was not measured.
        sample_weight : array-like of shape (n,), optional
            A copy has the weight of its crystal. Networks read only ratios of
            weights, so that crystals count among each other as they would alone.

        Returns
        -------
        self : AugmentedRegressor

        Raises
        ------
        TypeError
            If `X` holds graphs, or an entry is not a crystal.
        ValueError
            If a parameter is out of range, or crystals, labels or weights are unfit.
        """
        validate_params_of(self)
        _check_crystals(X)
        self._check_estimator()
        targets = check_targets(y, len(X))
        random = check_random_state(self.random_state)
        copies = augment_crystals(
            X,
            self.n_copies,
            displacement=self.displacement,
            strain=self.strain,
            supercell=self.supercell,
            random_state=int(random.randint(MAX_SEED)),
        )
        rows = np.tile(np.arange(len(X)), 1 + self.n_copies)
        labels = take(y, rows)
        steps, final, graphs = fit_preprocessing(self.estimator, [*X, *copies], labels)
        fit_params = {}
        if sample_weight is not None:
            check_weighable(final)
            fit_params["sample_weight"] = check_weights(sample_weight, len(X))[rows]
        model = seed_estimator(clone(final), random, only_unset=True)
        model = model.fit(graphs, labels, **fit_params)
        self.target_names_ = targets.names
        self.estimator_ = rejoin(self.estimator, steps, model)
        return self

    def _predictive(
        self, X: Any, return_std: bool, return_components: bool
    ) -> PredictiveMoments:
        check_is_fitted(self, "estimator_")
        return predictive_of(self.estimator_, X, return_std, return_components)

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
        check_is_fitted(self, "estimator_")
        return embed(self.estimator_, X)

    def _supports_std(self) -> bool:
        return supports_std(self.estimator_)

    def _check_estimator(self) -> None:
        """Refuse models that copies would not change, or would mislead."""
        if is_classifier(self.estimator):
            raise ValueError(
                f"estimator is a {type(self.estimator).__name__}, which predicts "
                "classes; pass a regressor, or fit it on crystals and "
                "skcrystal.graphs.augment_crystals(...) together."
            )
        if isinstance(separate(self.estimator)[1], FrozenEstimator):
            raise ValueError(
                "estimator is frozen, so that copies would not be learned from; pass "
                "it without FrozenEstimator."
            )
        refuse_sites(self.estimator, type(self).__name__)
        models = list(models_to_fit(self.estimator))
        if any(getattr(model, "_calibrates", False) for model in models):
            raise ValueError(
                "estimator is a CalibratedRegressor, which would measure its factors "
                "on perturbed crystals too; calibrate the augmented model instead: "
                "CalibratedRegressor(AugmentedRegressor(...))."
            )
        sums = any(getattr(model, "pooling", None) == "sum" for model in models)
        if self.supercell > 1 and sums:
            raise ValueError(
                f"supercell={self.supercell} leaves labels as they are, but those of a "
                'model with pooling="sum" grow with the cell; set supercell=1.'
            )


def _check_crystals(X: Any) -> None:
    if isinstance(X, CrystalGraphs) or holds_data(X):
        raise TypeError(
            "X holds graphs, which have no positions left to perturb; pass crystals, "
            "and make graphs within: "
            "AugmentedRegressor(make_pipeline(CrystalGraphTransformer(), model))."
        )
    check_sequence(X)
