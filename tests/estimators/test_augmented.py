"""Augmented models: they learn from copies, and are scikit-learn's otherwise."""

import numpy as np
import pandas as pd
import pytest
from models import QUICK
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import BayesianRidge, LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skcrystal import (
    AugmentedRegressor,
    CalibratedRegressor,
    CGCNNRegressor,
    CrystalGraphTransformer,
    EnsembleRegressor,
    GCNRegressor,
)
from skcrystal.estimators.training._validation_split import hold_back
from skcrystal.graphs import augment_crystals
from skcrystal.graphs._compositions import reduced_formulas

NETWORK = CGCNNRegressor(**QUICK)
NOISE = {"n_copies": 2, "displacement": 0.05, "strain": 0.02}

pytestmark = pytest.mark.filterwarnings("ignore:X holds elements")


@pytest.fixture(scope="module")
def fitted(small):
    model = AugmentedRegressor(NETWORK, **NOISE, random_state=0)
    return model.fit(small[0], small[1])


def recording(base):
    """A regressor that keeps what its class was last fitted on."""

    class Recording(base):
        def fit(self, X, y, sample_weight=None):
            type(self).seen = X, y, sample_weight
            return super().fit(X, y, sample_weight)

    return Recording


def test_it_learns_from_crystals_then_copies_with_their_labels(small):
    kind = recording(GCNRegressor)
    AugmentedRegressor(kind(**QUICK), **NOISE, random_state=0).fit(small[0], small[1])
    graphs, y, weight = kind.seen
    assert len(graphs) == 3 * 40
    assert graphs[:40] == CrystalGraphTransformer().transform(small[0])
    assert (graphs.n_atoms[40:] >= np.tile(graphs.n_atoms[:40], 2)).all()
    assert_array_equal(graphs.n_sites, np.tile(graphs.n_sites[:40], 3))
    assert_array_equal(y, np.tile(small[1], (3, 1)))
    assert weight is None


def test_it_is_the_model_fitted_on_crystals_and_copies(small):
    """Without noise there is nothing else to it: each crystal counts three times."""
    silent = AugmentedRegressor(
        NETWORK, n_copies=2, displacement=0, strain=0, random_state=5
    ).fit(small[0], small[1])
    plain = clone(NETWORK).fit(small[0] * 3, np.tile(small[1], (3, 1)))
    assert_allclose(silent.predict(small[0]), plain.predict(small[0]), atol=1e-6)


def test_copies_change_what_is_learned(fitted, small):
    silent = clone(fitted).set_params(displacement=0, strain=0).fit(*small[:2])
    assert np.abs(silent.predict(small[0]) - fitted.predict(small[0])).max() > 1e-4


def test_the_seed_fixes_the_result(fitted, small):
    again = clone(fitted).fit(small[0], small[1])
    assert_array_equal(again.predict(small[0]), fitted.predict(small[0]))
    other = clone(fitted).set_params(random_state=1).fit(small[0], small[1])
    assert not np.allclose(other.predict(small[0]), fitted.predict(small[0]))


def test_the_seed_of_the_model_is_set_only_where_it_is_open(small):
    seeds = [
        AugmentedRegressor(
            clone(NETWORK).set_params(random_state=seed), **NOISE, random_state=0
        )
        .fit(small[0], small[1])
        .estimator_.random_state
        for seed in (None, None, 7)
    ]
    assert seeds[0] == seeds[1]
    assert seeds[0] is not None
    assert seeds[2] == 7


def test_the_given_estimator_is_left_alone(fitted):
    assert not hasattr(fitted.estimator, "net_")
    assert fitted.get_params()["estimator__max_epochs"] == 2


def test_pipelines_stay_pipelines(small):
    pipeline = make_pipeline(CrystalGraphTransformer(cutoff=6.0), NETWORK)
    model = AugmentedRegressor(pipeline, **NOISE, random_state=0)
    model.fit(small[0], small[1], sample_weight=np.ones(40))
    assert isinstance(model.estimator_, Pipeline)
    assert list(model.estimator_.named_steps) == list(pipeline.named_steps)
    assert model.estimator_[-1].cutoff_ == 6.0
    assert model.predict(small[0][:3]).shape == (3, 2)
    assert model.embed(small[0][:3]).shape == (3, 8)


def test_names_of_targets_are_those_of_the_columns(small):
    y = pd.DataFrame(small[1], columns=["energy", "gap"], index=range(5, 45))
    model = AugmentedRegressor(NETWORK, **NOISE, random_state=0).fit(small[0], y)
    assert model.target_names_ == model.estimator_.target_names_ == ["energy", "gap"]
    assert model.predict(small[0]).shape == (40, 2)
    one = clone(model).fit(pd.Series(small[0]), y["gap"])
    assert one.predict(pd.Series(small[0])).shape == (40,)
    assert np.isfinite(one.score(small[0], y["gap"]))


def test_copies_weigh_what_their_crystals_do(small):
    kind = recording(GCNRegressor)
    weight = np.linspace(0, 2, 40)
    model = AugmentedRegressor(kind(**QUICK), **NOISE, random_state=0)
    model.fit(small[0], small[1], sample_weight=weight)
    assert_array_equal(kind.seen[2], np.tile(weight, 3))


def test_missing_labels_are_missing_in_copies(small):
    y = small[1].copy()
    y[::3, 1] = np.nan
    model = AugmentedRegressor(NETWORK, **NOISE, random_state=0).fit(small[0], y)
    assert np.isfinite(model.predict(small[0])).all()


def test_spreads_are_passed_through(small):
    network = clone(NETWORK).set_params(dropout=0.2, loss="gaussian_nll")
    model = AugmentedRegressor(network, **NOISE, random_state=0).fit(*small[:2])
    inner = model.estimator_
    for asked in ("return_std", "return_components"):
        for mine, other in zip(
            model.predict(small[0], **{asked: True}),
            inner.predict(small[0], **{asked: True}),
            strict=True,
        ):
            assert_array_equal(mine, other)


def test_regressors_that_know_no_spread_will_do(small):
    def volumes(X):
        return np.array([[s.volume / len(s)] for s in X])

    features = make_pipeline(FunctionTransformer(volumes), BayesianRidge())
    model = AugmentedRegressor(features, **NOISE, random_state=0)
    model.fit(small[0], small[1][:, 0])
    assert model.predict(small[0][:3]).shape == (3,)
    assert not hasattr(model, "embed")


@pytest.mark.parametrize("supercell", [1, 3])
def test_no_formula_is_on_both_sides_of_what_is_held_back(small, supercell):
    copies = augment_crystals(
        small[0], 2, displacement=0.05, supercell=supercell, random_state=0
    )
    everything = [*small[0], *copies]
    groups = reduced_formulas(everything)[0]
    assert_array_equal(groups, np.tile(groups[:40], 3))
    kept, held = hold_back(everything, 0.2, np.random.RandomState(0))
    assert not set(kept % 40) & set(held % 40)
    assert len(held) == 3 * len(set(held % 40))


def test_early_stopping_works_within(small):
    network = clone(NETWORK).set_params(early_stopping=True, validation_fraction=0.2)
    model = AugmentedRegressor(network, **NOISE, random_state=0).fit(*small[:2])
    assert model.estimator_.history_["valid_loss"].notna().all()


def test_ensembles_within_and_without(small):
    inner = AugmentedRegressor(
        EnsembleRegressor(NETWORK, 2), **NOISE, random_state=0
    ).fit(small[0], small[1])
    mean, std = inner.predict(small[0], return_std=True)
    assert mean.shape == std.shape == (40, 2)
    assert inner.embed(small[0]).shape == (40, 16)
    outer = EnsembleRegressor(
        AugmentedRegressor(NETWORK, **NOISE), 2, random_state=0
    ).fit(small[0], small[1])
    members = outer.estimators_
    assert members[0].random_state != members[1].random_state  # copies differ, too
    assert (outer.predict(small[0], return_std=True)[1] > 0).all()


def test_the_augmented_model_can_be_calibrated(small):
    network = clone(NETWORK).set_params(dropout=0.2)
    model = CalibratedRegressor(
        AugmentedRegressor(network, **NOISE), calibration_fraction=0.5, random_state=0
    ).fit(small[0], small[1])
    assert (model.n_calibration_ <= 20).all()  # crystals, not copies
    with pytest.raises(ValueError, match=r"CalibratedRegressor\(AugmentedRegressor"):
        AugmentedRegressor(CalibratedRegressor(network)).fit(small[0], small[1])


def test_search_and_cross_validation(small):
    model = AugmentedRegressor(GCNRegressor(**QUICK), n_copies=1, random_state=0)
    search = GridSearchCV(
        model, {"displacement": [0.0, 0.05], "estimator__hidden_dim": [4]}, cv=2
    ).fit(small[0], small[1])
    assert search.best_estimator_.estimator_.hidden_dim == 4
    assert np.isfinite(cross_val_score(model, small[0], small[1], cv=2)).all()


def test_graphs_are_refused_for_training_alone(fitted, small, small_graphs):
    for graphs in (small_graphs, list(small_graphs)):
        with pytest.raises(TypeError, match="graphs, which have no positions left"):
            clone(fitted).fit(graphs, small[1])
    expected = fitted.predict(small[0])
    assert_allclose(fitted.predict(small_graphs), expected, atol=1e-6)


def test_unfitted_says_so(small):
    with pytest.raises(NotFittedError):
        AugmentedRegressor(NETWORK).predict(small[0])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_copies": 0}, "n_copies"),
        ({"displacement": 0.6}, "displacement"),
        ({"strain": -0.01}, "strain"),
        ({"supercell": 0}, "supercell"),
        ({"estimator": "CGCNN"}, "estimator"),
        ({"estimator": LogisticRegression()}, "predicts classes; pass a regressor"),
        (
            {"estimator": CGCNNRegressor(pooling="sum"), "supercell": 2},
            'pooling="sum" grow with the cell; set supercell=1',
        ),
    ],
)
def test_bad_parameters_are_named(parameters, message, small):
    model = AugmentedRegressor(NETWORK).set_params(**parameters)
    with pytest.raises(ValueError, match=message):
        model.fit(small[0], small[1])


def test_bad_rows_are_named(small):
    model = AugmentedRegressor(NETWORK, random_state=0)
    with pytest.raises(TypeError, match=r"X\[2\] is a float"):
        model.fit([*small[0][:2], 3.5, *small[0][3:]], small[1])
    with pytest.raises(ValueError, match="40 crystals, but y has 39 rows"):
        model.fit(small[0], small[1][:39])
    with pytest.raises(ValueError, match=r"sample_weight has shape \(39,\)"):
        model.fit(small[0], small[1], sample_weight=np.ones(39))


def test_a_frozen_model_is_refused(fitted, small):
    frozen = FrozenEstimator(fitted.estimator_)
    for model in (frozen, make_pipeline(CrystalGraphTransformer(), frozen)):
        with pytest.raises(ValueError, match="is frozen"):
            AugmentedRegressor(model).fit(*small[:2])
