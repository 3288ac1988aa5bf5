"""Ensembles: members that differ, graphs that are shared, a spread with a meaning."""

import warnings

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from models import QUICK
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import BayesianRidge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skcrystal import (
    CalibratedRegressor,
    CGCNNRegressor,
    CrystalGraphTransformer,
    EnsembleRegressor,
    GCNClassifier,
    GCNRegressor,
)
from skcrystal.active import k_center
from skcrystal.graphs import CrystalGraphs
from skcrystal.utils._warnings import UnseenElementsWarning

MEMBER = GCNRegressor(**QUICK)

# Elements that half of forty crystals lack are no matter here.
pytestmark = pytest.mark.filterwarnings("ignore:X holds elements")


@pytest.fixture(scope="module")
def ensemble(small, small_graphs):
    return EnsembleRegressor(MEMBER, 4, random_state=0).fit(small_graphs, small[1])


def test_mean_and_spread_are_those_of_the_members(kind, small, graphs):
    model = EnsembleRegressor(kind, 3, random_state=0).fit(graphs, small[1])
    mean, std = model.predict(graphs, return_std=True)
    members = np.stack([m.predict(graphs) for m in model.estimators_])
    assert len(members) == 3
    assert_allclose(mean, members.mean(axis=0))
    assert_allclose(std, members.std(axis=0, ddof=1))
    assert_array_equal(model.predict(graphs), mean)
    assert (std > 0).all()


def test_one_target_stays_one_dimensional(small, small_graphs):
    y = pd.Series(small[1][:, 0], name="formation_energy")
    model = EnsembleRegressor(MEMBER, 2, random_state=0).fit(small_graphs, y)
    mean, std = model.predict(small_graphs, return_std=True)
    assert mean.shape == std.shape == (40,)
    assert model.target_names_ == ["formation_energy"]


@pytest.mark.slow
def test_same_seed_same_ensemble_however_many_jobs(ensemble, small, small_graphs):
    again = EnsembleRegressor(MEMBER, 4, random_state=0, n_jobs=2)
    again.fit(small_graphs, small[1])
    assert_allclose(
        again.predict(small_graphs), ensemble.predict(small_graphs), rtol=1e-6
    )
    other = EnsembleRegressor(MEMBER, 4, random_state=1).fit(small_graphs, small[1])
    assert not np.allclose(other.predict(small_graphs), ensemble.predict(small_graphs))


def test_threads_give_the_same_ensemble(ensemble, small, small_graphs):
    with parallel_config("threading", n_jobs=2):
        again = EnsembleRegressor(MEMBER, 4, random_state=0)
        again.fit(small_graphs, small[1])
    assert_allclose(
        again.predict(small_graphs), ensemble.predict(small_graphs), rtol=1e-6
    )


def test_the_given_estimator_is_left_alone(small, small_graphs):
    member = clone(MEMBER)
    EnsembleRegressor(member, 2, random_state=3).fit(small_graphs, small[1])
    assert member.random_state == 0
    assert not hasattr(member, "net_")


def count_transforms(monkeypatch):
    calls = []
    original = CrystalGraphTransformer.transform

    def counted(self, X):
        calls.append(len(X))
        return original(self, X)

    monkeypatch.setattr(CrystalGraphTransformer, "transform", counted)
    return calls


@pytest.mark.parametrize("kind", ["pipeline", "bare"])
def test_graphs_are_built_once_for_all_members(kind, small, monkeypatch):
    calls = count_transforms(monkeypatch)
    member = MEMBER
    if kind == "pipeline":
        member = make_pipeline(CrystalGraphTransformer(cutoff=4.5), MEMBER)
    model = EnsembleRegressor(member, 3, random_state=0).fit(small[0], small[1])
    assert calls == [40]
    model.predict(small[0][:5], return_std=True)
    assert calls == [40, 5]
    model.embed(small[0][:5])
    assert calls == [40, 5, 5]


def test_members_of_a_pipeline_are_pipelines(small, small_graphs):
    pipeline = make_pipeline(CrystalGraphTransformer(), MEMBER)
    model = EnsembleRegressor(pipeline, 2, random_state=0).fit(small[0], small[1])
    for member in model.estimators_:
        assert isinstance(member, Pipeline)
        assert list(member.named_steps) == list(pipeline.named_steps)
        assert member.predict(small[0][:3]).shape == (3, 2)
    bare = EnsembleRegressor(MEMBER, 2, random_state=0).fit(small_graphs, small[1])
    assert_allclose(model.predict(small[0]), bare.predict(small[0]))


def test_other_regressors_can_be_members(small):
    logarithm = TransformedTargetRegressor(
        MEMBER, func=np.sinh, inverse_func=np.arcsinh, check_inverse=False
    )
    y = small[1][:, 0]
    model = EnsembleRegressor(logarithm, 2, random_state=0).fit(small[0], y)
    assert model.predict(small[0][:4]).shape == (4,)
    seeds = {m.regressor.random_state for m in model.estimators_}
    assert len(seeds) == 2


def test_a_predict_of_members_own_is_used(small, small_graphs):
    class Positive(GCNRegressor):
        def predict(self, X, return_std=False, return_components=False):
            return np.abs(super().predict(X))

    y = small[1][:, 0]
    model = EnsembleRegressor(Positive(**QUICK), 2, random_state=0)
    found = model.fit(small_graphs, y).predict(small_graphs)
    members = [member.predict(small_graphs) for member in model.estimators_]
    assert_allclose(found, np.mean(members, axis=0))
    assert (found >= 0).all()


def test_members_may_be_classifiers(small, small_graphs):
    y = (small[1][:, 0] > np.median(small[1][:, 0])).astype(int)
    model = EnsembleRegressor(GCNClassifier(**QUICK), 2, random_state=0)
    found = model.fit(small_graphs, y).predict(small_graphs)
    assert set(found) <= {0.0, 0.5, 1.0}


def test_bootstrap_is_what_weights_say(small, small_graphs):
    """A member trained on crystals drawn twice equals one with weights of two."""
    seen = []

    class Recording(GCNRegressor):
        def fit(self, X, y, sample_weight=None):
            seen.append((len(X), np.asarray(sample_weight)))
            return super().fit(X, y, sample_weight)

    model = EnsembleRegressor(Recording(**QUICK), 3, bootstrap=True, random_state=0)
    model.fit(small_graphs, small[1])
    for n, weight in seen:
        assert n < 40  # about 37 % are never drawn
        assert len(weight) == n
        assert weight.sum() == 40
        assert weight.max() > 1
    assert len({n for n, _ in seen}) > 1 or len({w.tobytes() for _, w in seen}) == 3


def test_bootstrap_without_weights_repeats_rows(small):
    class Plain(GCNRegressor):
        def fit(self, X, y):
            self.n_seen_ = len(X)
            return super().fit(X, y)

    model = EnsembleRegressor(Plain(**QUICK), 2, bootstrap=True, random_state=0)
    model.fit(small[0], small[1])
    assert [member.n_seen_ for member in model.estimators_] == [40, 40]


def test_bootstrap_keeps_a_label_of_every_target(small_graphs, small):
    y = small[1].copy()
    y[2:, 1] = np.nan  # two labels: a draw misses both with probability 1/7
    model = EnsembleRegressor(MEMBER, 12, bootstrap=True, random_state=0)
    model.fit(small_graphs, y)
    assert np.isfinite(model.predict(small_graphs)).all()


def test_weights_reach_the_members(small, small_graphs):
    weight = np.zeros(40)
    weight[:20] = 1
    weighted = EnsembleRegressor(MEMBER, 2, random_state=0)
    weighted.fit(small_graphs, small[1], sample_weight=weight)
    plain = EnsembleRegressor(MEMBER, 2, random_state=0).fit(small_graphs, small[1])
    assert not np.allclose(weighted.predict(small_graphs), plain.predict(small_graphs))


def test_components_add_up(small, small_graphs):
    member = clone(MEMBER).set_params(loss="gaussian_nll")
    model = EnsembleRegressor(member, 3, random_state=0).fit(small_graphs, small[1])
    mean, std = model.predict(small_graphs, return_std=True)
    mean_too, epistemic, aleatoric = model.predict(small_graphs, return_components=True)
    assert_array_equal(mean, mean_too)
    assert_allclose(std**2, epistemic**2 + aleatoric**2)
    means = np.stack([m.predict(small_graphs) for m in model.estimators_])
    assert_allclose(epistemic, means.std(axis=0, ddof=1))
    noise = [m.predict(small_graphs, return_std=True)[1] for m in model.estimators_]
    assert_allclose(aleatoric, np.sqrt(np.mean(np.square(noise), axis=0)))


def test_components_need_a_gaussian_loss(ensemble, small_graphs):
    with pytest.raises(ValueError, match="gaussian_nll"):
        ensemble.predict(small_graphs, return_components=True)


def test_embedding_joins_members(ensemble, small_graphs):
    features = ensemble.embed(small_graphs)
    members = [m.embed(small_graphs) for m in ensemble.estimators_]
    assert features.shape == (40, 4 * 8)
    squared = np.mean([((m[0] - m[1]) ** 2).sum() for m in members])
    assert_allclose(((features[0] - features[1]) ** 2).sum(), squared, rtol=1e-5)


def test_unseen_elements_are_told_once(small, small_graphs):
    has = np.array([any(s.symbol == "O" for s in c.species) for c in small[0]])
    assert 0 < has.sum() < 40
    model = EnsembleRegressor(MEMBER, 3, random_state=0)
    model.fit(small_graphs[~has], small[1][~has])
    for ask in (model.predict, model.embed):
        with pytest.warns(UnseenElementsWarning, match=r"\bO\b") as told:
            ask(small_graphs)
        assert len(told) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # as filters of the caller say
        model.predict(small_graphs[~has])
        with pytest.raises(UnseenElementsWarning):
            model.predict(small_graphs)


def test_score_leaves_missing_labels_out(ensemble, small, small_graphs):
    y = small[1].copy()
    full = ensemble.score(small_graphs, y)
    y[3, 0] = np.nan
    assert np.isfinite(ensemble.score(small_graphs, y))
    assert ensemble.score(small_graphs, y) != full


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_estimators": 1}, "n_estimators"),
        ({"bootstrap": "no"}, "bootstrap"),
        ({"estimator": "CGCNN"}, "estimator"),
    ],
)
def test_bad_parameters_are_named(parameters, message, small, small_graphs):
    model = EnsembleRegressor(MEMBER).set_params(**parameters)
    with pytest.raises(ValueError, match=message):
        model.fit(small_graphs, small[1])


def test_unfitted_says_so(small_graphs):
    with pytest.raises(NotFittedError):
        EnsembleRegressor(MEMBER).predict(small_graphs)


def test_search_reaches_into_members(small, small_graphs):
    search = GridSearchCV(
        EnsembleRegressor(CGCNNRegressor(**QUICK), 2, random_state=0),
        {"estimator__hidden_dim": [4, 8]},
        cv=2,
    ).fit(small_graphs, small[1])
    best = search.best_params_["estimator__hidden_dim"]
    assert search.best_estimator_.estimators_[0].hidden_dim == best


def test_graphs_of_members_in_other_processes_are_mapped(small_graphs):
    """joblib hands large arrays to its workers as files, not as copies."""
    from joblib import Parallel, delayed

    many = CrystalGraphs.concatenate([small_graphs] * 1000)
    kinds = Parallel(n_jobs=2)(delayed(_kind_of_columns)(many) for _ in range(2))
    assert all("memmap" in kind for kind in kinds)


def _kind_of_columns(graphs):
    base = graphs.neighbor
    kinds = set()
    while base is not None:
        kinds.add(type(base).__name__)
        base = getattr(base, "base", None)
    return kinds


def test_members_that_would_be_alike_or_lose_their_spread_are_refused(small):
    fitted = clone(MEMBER).fit(small[0], small[1])
    with pytest.raises(ValueError, match="frozen"):
        EnsembleRegressor(FrozenEstimator(fitted)).fit(small[0], small[1])
    with pytest.raises(ValueError, match="all members would be equal; set bootstrap"):
        EnsembleRegressor(BayesianRidge()).fit(np.eye(9), np.arange(9.0))
    with pytest.raises(ValueError, match="calibrate the ensemble instead"):
        EnsembleRegressor(CalibratedRegressor(MEMBER)).fit(small[0], small[1])


@pytest.mark.parametrize("bootstrap", [False, True])
def test_weights_are_not_dropped_in_silence(bootstrap, small):
    class Plain(GCNRegressor):
        def fit(self, X, y):
            return super().fit(X, y)

    model = EnsembleRegressor(Plain(**QUICK), 2, bootstrap=bootstrap)
    with pytest.raises(ValueError, match="Plain takes none"):
        model.fit(small[0], small[1], sample_weight=np.ones(40))


def test_an_earlier_fit_of_the_estimator_decides_nothing(small):
    fitted = clone(MEMBER).fit(
        CrystalGraphTransformer(cutoff=7.0).transform(small[0]), small[1]
    )
    model = EnsembleRegressor(fitted, 2, random_state=0).fit(small[0], small[1])
    assert model.estimators_[0].cutoff_ == 5.0


def test_features_are_there_only_if_members_have_them(small):
    features = make_pipeline(
        FunctionTransformer(lambda X: np.array([[len(x)] for x in X])), BayesianRidge()
    )
    model = EnsembleRegressor(features, 2, bootstrap=True, random_state=0)
    model.fit(small[0], small[1][:, 0])
    assert model.predict(small[0][:3], return_std=True)[1].shape == (3,)
    assert not hasattr(model, "embed")
    assert hasattr(EnsembleRegressor(make_pipeline(MEMBER)), "embed")
    with pytest.raises(TypeError, match="no embed"):
        k_center(model, small[0], n_instances=2)
