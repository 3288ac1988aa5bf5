"""Scaled standard deviations and conformal intervals, judged on unseen formulas."""

import numpy as np
import pandas as pd
import pytest
from mapie.conformity_scores import ResidualNormalisedScore
from mapie.regression import SplitConformalRegressor
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import binom
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import BayesianRidge
from sklearn.model_selection import GroupShuffleSplit
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skcrystal import (
    CalibratedRegressor,
    CGCNNRegressor,
    CrystalGraphs,
    CrystalGraphTransformer,
    EnsembleRegressor,
    GCNRegressor,
)
from skcrystal.graphs._compositions import reduced_formulas
from skcrystal.uncertainty import TargetView, uncertainty_metrics

pytestmark = pytest.mark.filterwarnings("ignore:X holds elements")

MODEL = GCNRegressor(
    hidden_dim=16, n_layers=2, max_epochs=10, dropout=0.2, random_state=0
)


@pytest.fixture(scope="module")
def crystals(prototypes):
    """Graphs and labels of 800 crystals to learn from and 297 of other formulas."""
    graphs = CrystalGraphTransformer().transform(prototypes.data)
    split = GroupShuffleSplit(n_splits=1, test_size=0.27, random_state=1)
    train, test = next(split.split(prototypes.target, groups=prototypes.groups))
    y = prototypes.target
    return graphs[train], y[train], graphs[test], y[test]


class Gaussian(RegressorMixin, BaseEstimator):
    """Says zero with a standard deviation of one, whatever it is asked."""

    def __init__(self, n_targets=2):
        self.n_targets = n_targets

    def fit(self, X, y):
        self.n_fit_ = len(X)
        return self

    def predict(self, X, return_std=False):
        zero = np.zeros((len(X), self.n_targets))
        return (zero, zero + 1) if return_std else zero


def test_known_scale_is_found(prototypes):
    """Errors of 3 and 0.2 standard deviations give factors of 3 and 0.2."""
    random = np.random.RandomState(0)
    y = random.normal(size=(1097, 2)) * [3.0, 0.2]
    for method in ("quantile", "nll"):
        model = CalibratedRegressor(
            FrozenEstimator(Gaussian().fit([0], None)), method=method
        ).fit(prototypes.data, y)
        assert_allclose(model.scale_, [3.0, 0.2], rtol=0.08)
        _, std = model.predict(prototypes.data[:5], return_std=True)
        assert_allclose(std, np.tile(model.scale_, (5, 1)))


def test_quantile_withstands_outliers(prototypes):
    y = np.random.RandomState(0).normal(size=(1097, 2))
    y[:20] *= 1e3
    frozen = FrozenEstimator(Gaussian().fit([0], None))
    robust = CalibratedRegressor(frozen).fit(prototypes.data, y).scale_
    likely = CalibratedRegressor(frozen, method="nll").fit(prototypes.data, y).scale_
    assert (robust < 1.2).all()
    assert (likely > 10).all()


def test_quantile_is_conformal_on_few_labels(prototypes):
    """One standard deviation covers 68 % or more on average, as the theory says."""
    random, covered = np.random.RandomState(0), []
    frozen = FrozenEstimator(Gaussian(1).fit([0], None))
    for _ in range(300):
        y = random.normal(size=12)
        scale = CalibratedRegressor(frozen).fit(prototypes.data[:12], y).scale_[0]
        covered.append((np.abs(random.normal(size=200)) <= scale).mean())
    # ceil(13 * 0.6827) / 13 = 9 / 13 exactly
    assert_allclose(np.mean(covered), 9 / 13, atol=0.02)


def test_coverage_on_unseen_formulas(crystals):
    X, y, X_test, y_test = crystals
    model = CalibratedRegressor(MODEL, random_state=0).fit(X, y)
    mean, std = model.predict(X_test, return_std=True)
    coverage = uncertainty_metrics(y_test, mean, std)["coverage_68"]
    # Two standard errors of 297 labels to test on and half as many to calibrate on
    assert coverage.between(0.68 - 0.1, 0.68 + 0.1).all(), coverage
    assert_allclose(model.n_calibration_, 0.2 * len(X), rtol=0.25)


def test_what_is_held_back_is_not_trained_on(crystals):
    X, y, *_ = crystals
    seen = []

    class Recording(GCNRegressor):
        def fit(self, X, y, sample_weight=None):
            seen.append(X)
            return super().fit(X, y, sample_weight)

        def predict(self, X, return_std=False):
            seen.append(X)
            return super().predict(X, return_std)

    model = Recording(**MODEL.get_params())
    CalibratedRegressor(model, random_state=0).fit(X, y)
    trained, held = seen
    assert len(trained) + len(held) == len(X)
    formulas = reduced_formulas(CrystalGraphs.concatenate([trained, held]))[0]
    assert not set(formulas[: len(trained)]) & set(formulas[len(trained) :])


def test_scales_do_not_touch_means(crystals):
    X, y, X_test, _ = crystals
    model = CalibratedRegressor(MODEL, random_state=0).fit(X, y)
    assert_array_equal(model.predict(X_test), model.estimator_.predict(X_test))
    mean, std = model.predict(X_test, return_std=True)
    raw_mean, raw_std = model.estimator_.predict(X_test, return_std=True)
    assert_array_equal(mean, raw_mean)
    assert_allclose(std, raw_std * model.scale_)
    with pytest.raises(ValueError, match='fitted without loss="gaussian_nll"'):
        model.predict(X_test, return_components=True)
    assert model.score(X_test, crystals[3]) == model.estimator_.score(
        X_test, crystals[3]
    )
    assert_array_equal(model.embed(X_test), model.estimator_.embed(X_test))


def test_both_components_are_scaled(crystals):
    X, y, X_test, _ = crystals
    network = clone(MODEL).set_params(loss="gaussian_nll", max_epochs=2)
    model = CalibratedRegressor(network, random_state=0).fit(X, y)
    mean, std = model.predict(X_test, return_std=True)
    again, *parts = model.predict(X_test, return_components=True)
    assert_array_equal(again, mean)
    assert_allclose(np.hypot(*parts), std)
    raw = model.estimator_.predict(X_test, return_components=True)[1:]
    assert_allclose(parts, [part * model.scale_ for part in raw])
    with pytest.raises(ValueError, match="both given; give one"):
        model.predict(X_test, return_std=True, return_components=True)


def test_units_do_not_matter(crystals):
    X, y, *_ = crystals
    one = CalibratedRegressor(MODEL, random_state=0).fit(X, y)
    other = CalibratedRegressor(MODEL, random_state=0).fit(X, y * 1000)
    assert_allclose(one.scale_, other.scale_, rtol=1e-3)


def test_pipelines_and_ensembles_build_graphs_once(prototypes, monkeypatch):
    calls = []
    transform = CrystalGraphTransformer.transform

    def counted(self, X):
        calls.append(len(X))
        return transform(self, X)

    monkeypatch.setattr(CrystalGraphTransformer, "transform", counted)
    X, y = prototypes.data[:150], prototypes.target[:150]
    member = make_pipeline(CrystalGraphTransformer(), MODEL)
    ensemble = EnsembleRegressor(member, 2, random_state=0)
    model = CalibratedRegressor(ensemble, random_state=0).fit(X, y)
    assert calls == [150]
    assert isinstance(model.estimator_, Pipeline)
    mean, std = model.predict(X[:4], return_std=True)
    assert mean.shape == std.shape == (4, 2)
    assert calls == [150, 4]
    assert model.embed(X[:4]).shape == (4, 32)


def test_frozen_model_keeps_its_training(crystals):
    X, y, X_test, y_test = crystals
    fitted = clone(MODEL).fit(X, y)
    half = len(X_test) // 2
    model = CalibratedRegressor(FrozenEstimator(fitted))
    model.fit(X_test[:half], y_test[:half])
    assert_array_equal(model.predict(X_test), fitted.predict(X_test))
    assert (model.n_calibration_ == half).all()


def test_missing_labels_and_zero_weights_do_not_calibrate(crystals):
    X, y, *_ = crystals
    y = y.copy()
    y[::2, 1] = np.nan
    fitted = FrozenEstimator(clone(MODEL).fit(X, y))
    weight = np.ones(len(X))
    weight[:100] = 0
    model = CalibratedRegressor(fitted).fit(X, y, sample_weight=weight)
    assert model.n_calibration_.tolist() == [
        len(X) - 100,
        np.isfinite(y[100:, 1]).sum(),
    ]


def test_same_seed_same_factors(crystals):
    X, y, *_ = crystals
    model = clone(MODEL).set_params(random_state=None)
    scales = [
        CalibratedRegressor(model, random_state=seed).fit(X, y).scale_
        for seed in (0, 0, 1)
    ]
    assert_array_equal(scales[0], scales[1])
    assert not np.allclose(scales[0], scales[2])


def test_errors_say_what_to_do(crystals, small):
    X, y, *_ = crystals
    with pytest.raises(ValueError, match="dropout"):
        CalibratedRegressor(clone(MODEL).set_params(dropout=0)).fit(X, y)
    with pytest.raises(ValueError, match=r"target_0 has 8 labels"):
        CalibratedRegressor(MODEL, random_state=0).fit(small[0], small[1])
    with pytest.raises(ValueError, match=r"all 30 crystals share one; .* Frozen"):
        CalibratedRegressor(MODEL).fit([small[0][0]] * 30, np.arange(30.0))
    with pytest.raises(ValueError, match="method"):
        CalibratedRegressor(MODEL, method="platt").fit(X, y)
    with pytest.raises(NotFittedError):
        CalibratedRegressor(MODEL).predict(X)


def test_no_doubt_cannot_be_scaled(prototypes):
    class Certain(Gaussian):
        def predict(self, X, return_std=False):
            zero = np.zeros((len(X), 2))
            return (zero, zero) if return_std else zero

    with pytest.raises(ValueError, match=r"crystal 0, target 0, is 0.0"):
        CalibratedRegressor(FrozenEstimator(Certain().fit([0], None))).fit(
            prototypes.data, prototypes.target
        )


def test_pipelines_without_graphs(prototypes):
    X, y = prototypes.data[:200], prototypes.target[:200, 0]
    model = CalibratedRegressor(
        make_pipeline(
            FunctionTransformer(lambda X: np.array([[x.density] for x in X])),
            BayesianRidge(),
        ),
        random_state=0,
    ).fit(X, y)
    assert model.predict(X[:3], return_std=True)[1].shape == (3,)
    assert not hasattr(model, "embed")


def test_labels_of_another_model_are_refused(crystals):
    X, y, *_ = crystals
    named = pd.DataFrame(y[:300], columns=["energy", "gap"])
    fitted = FrozenEstimator(clone(MODEL).fit(X[:300], named))
    with pytest.raises(ValueError, match="y has 1 targets, but the model"):
        CalibratedRegressor(fitted).fit(X[300:], y[300:, 0])
    swapped = pd.DataFrame(y[300:], columns=["gap", "energy"])
    with pytest.raises(ValueError, match="put them in that order"):
        CalibratedRegressor(fitted).fit(X[300:], swapped)


def test_frozen_pipelines_embed(prototypes):
    X, y = prototypes.data[:100], prototypes.target[:100]
    fitted = make_pipeline(CrystalGraphTransformer(), clone(MODEL)).fit(X[:60], y[:60])
    model = CalibratedRegressor(FrozenEstimator(fitted)).fit(X[60:], y[60:])
    expected = fitted[-1].embed(fitted[:-1].transform(X[:4]))
    assert_array_equal(model.embed(X[:4]), expected)


def test_a_view_stays_fitted_when_it_is_cloned(crystals):
    X, y, X_test, _ = crystals
    view = TargetView(clone(MODEL).fit(X, y), np.int64(1))
    assert_array_equal(clone(view).predict(X_test), view.predict(X_test))


# Conformal intervals


@pytest.fixture(scope="module")
def conformal(crystals):
    X, y, X_test, y_test = crystals
    model = CGCNNRegressor(
        hidden_dim=16, n_layers=2, max_epochs=15, dropout=0.1, random_state=0
    )
    return model.fit(X[:500], y[:500]), X[500:], y[500:], X_test, y_test


@pytest.mark.learning
@pytest.mark.parametrize("target", [0, 1], ids=["formation energy", "band gap"])
@pytest.mark.parametrize("adaptive", [False, True], ids=["constant", "adaptive"])
def test_conformal_intervals_cover_real_labels(conformal, target, adaptive):
    model, X, y, X_test, y_test = conformal
    score = "absolute"
    if adaptive:
        score = ResidualNormalisedScore(TargetView(model, target, "std"), prefit=True)
    intervals = SplitConformalRegressor(
        TargetView(model, target),
        confidence_level=0.9,
        conformity_score=score,
        prefit=True,
    ).conformalize(X, y[:, target])
    mean, bounds = intervals.predict_interval(X_test)
    assert_allclose(mean, model.predict(X_test)[:, target], rtol=1e-6)
    low, high = bounds[:, 0, 0], bounds[:, 1, 0]
    inside = ((low <= y_test[:, target]) & (y_test[:, target] <= high)).mean()
    # The 0.1 % tails of binomial counts, widened for the labels that calibrate
    n = len(y_test)
    few, many = binom.ppf([1e-3, 1 - 1e-3], n, 0.9) / n
    assert few - 0.04 <= inside <= many + 0.04
    widths = high - low
    assert (np.ptp(widths) > 0.01) == adaptive


def test_conformal_works_on_structures(conformal, prototypes):
    model = conformal[0]
    X, y = prototypes.data[:60], prototypes.target[:60, 0]
    intervals = SplitConformalRegressor(
        TargetView(model, 0), confidence_level=0.8, prefit=True
    ).conformalize(X, y)
    mean, bounds = intervals.predict_interval(X[:7])
    assert bounds.shape == (7, 2, 1)
    assert (bounds[:, 0, 0] < mean).all()


@pytest.mark.learning
def test_conformal_trains_the_model_itself(crystals):
    """A regressor of one target needs no view."""
    X, y, X_test, y_test = crystals
    intervals = SplitConformalRegressor(
        clone(MODEL), confidence_level=0.9, prefit=False
    )
    intervals.fit(X[:500], y[:500, 0]).conformalize(X[500:], y[500:, 0])
    _, bounds = intervals.predict_interval(X_test)
    inside = (bounds[:, 0, 0] <= y_test[:, 0]) & (y_test[:, 0] <= bounds[:, 1, 0])
    assert inside.mean() > 0.8


def test_view_names_its_targets(conformal):
    model, X, *_ = conformal
    both = model.predict(X)
    assert_array_equal(TargetView(model, "target_1").predict(X), both[:, 1])
    assert_array_equal(
        TargetView(model, 1, "std").predict(X),
        model.predict(X, return_std=True)[1][:, 1],
    )
    with pytest.raises(ValueError, match="'gap', but there are only target_0"):
        TargetView(model, "gap").predict(X)
    with pytest.raises(ValueError, match="quantity"):
        TargetView(model, 0, "variance").predict(X)


def test_a_model_without_deviations_is_refused_before_training(small, small_graphs):
    class Watched(GCNRegressor):
        def fit(self, *args, **kwargs):
            raise AssertionError("trained")

    model = make_pipeline(CrystalGraphTransformer(), Watched(max_epochs=1))
    for estimator in (model, model[-1]):
        with pytest.raises(ValueError, match="return_std=True needs"):
            CalibratedRegressor(estimator).fit(small[0], small[1])
    with pytest.raises(AssertionError, match="trained"):
        CalibratedRegressor(Watched(dropout=0.1)).fit(small_graphs, small[1])
