"""modAL's learner and committee on crystals: containers, labels, strategies, errors."""

import pickle
from functools import partial

import numpy as np
import pandas as pd
import pytest
from modAL.disagreement import max_std_sampling
from modAL.models import ActiveLearner as ModalLearner
from modAL.uncertainty import entropy_sampling, margin_sampling, uncertainty_sampling
from numpy.testing import assert_allclose, assert_array_equal
from pymatgen.core import Lattice, Structure
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.pipeline import make_pipeline

from skcrystal import (
    ActiveLearner,
    CGCNNClassifier,
    CGCNNRegressor,
    CrystalGraphs,
    CrystalGraphTransformer,
    EnsembleRegressor,
)
from skcrystal.active import CommitteeRegressor, k_center, max_std, random_sampling

# Predictions for few known crystals say so; queries must not (tested below).
pytestmark = pytest.mark.filterwarnings("ignore:X holds elements")


def as_objects(crystals):
    array = np.empty(len(crystals), dtype=object)
    array[:] = crystals
    return array


def as_series(crystals):
    return pd.Series(list(crystals), index=range(100, 100 + len(crystals)))


CONTAINERS = {
    "list": list,
    "tuple": tuple,
    "object array": as_objects,
    "Series": as_series,
    "CrystalGraphs": lambda crystals: CrystalGraphTransformer().transform(crystals),
}
LONELY = Structure(Lattice.cubic(40), ["Na"], [[0, 0, 0]])


class Recorder(RegressorMixin, BaseEstimator):
    """Notes what it is fitted on."""

    def fit(self, X, y, sample_weight=None):
        if getattr(self, "is_broken_", False):
            raise RuntimeError("out of memory")
        self.seen_ = X, y, sample_weight
        return self

    def predict(self, X, return_std=False):
        return (np.zeros(len(X)), np.ones(len(X))) if return_std else np.zeros(len(X))


def first_rows(learner, X_pool, n_instances=1):
    return np.arange(n_instances)


# Containers of crystals and labels


@pytest.mark.parametrize("form", CONTAINERS.values(), ids=CONTAINERS)
def test_every_container_of_crystals(model, small, form):
    structures, y, _ = small
    known, pool = form(structures[:12]), form(structures[12:30])
    learner = ActiveLearner(
        estimator=model, query_strategy=max_std, X_training=known, y_training=y[:12]
    )
    rows, crystals = learner.query(pool, n_instances=3)
    assert rows.shape == (3,)
    kept = list if form is tuple else type(pool)
    assert isinstance(crystals, kept)
    if not isinstance(pool, CrystalGraphs):
        assert all(
            crystal is structures[12 + row]
            for crystal, row in zip(crystals, rows, strict=True)
        )
    assert learner.teach(crystals, y[12:30][rows]) is None
    assert len(learner.X_training) == 15
    taught = np.r_[0:12, 12 + rows]
    direct = clone(model).fit([structures[i] for i in taught], y[taught])
    assert_array_equal(learner.predict(pool), direct.predict(structures[12:30]))


@pytest.mark.parametrize("first", ["list", "object array", "Series"])
@pytest.mark.parametrize("second", ["list", "tuple", "object array", "Series"])
def test_containers_may_be_mixed(small, first, second):
    structures, y, _ = small
    learner = ActiveLearner(
        Recorder(), first_rows, CONTAINERS[first](structures[:4]), y[:4]
    )
    learner.teach(CONTAINERS[second](structures[4:7]), y[4:7])
    X, labels, _ = learner.estimator.seen_
    assert type(X) is type(CONTAINERS[first](structures[:1]))
    assert all(a is b for a, b in zip(X, structures[:7], strict=True))
    assert_array_equal(labels, y[:7])


@pytest.mark.parametrize("graphs_first", [True, False])
def test_graphs_and_structures_do_not_mix(model, small, small_graphs, graphs_first):
    structures, y, _ = small
    X, more = small_graphs[:8], structures[8:10]
    if not graphs_first:
        X, more = structures[:8], small_graphs[8:10]
    learner = ActiveLearner(model, max_std, X, y[:8])
    with pytest.raises(ValueError, match=r"transform the\s+crystals first"):
        learner.teach(more, y[8:10])
    assert len(learner.X_training) == len(learner.y_training) == 8


def test_a_learner_may_begin_with_nothing(model, small, small_graphs):
    learner = ActiveLearner(model)
    learner.teach(small_graphs[:10], small[1][:10])
    assert len(learner.X_training) == 10
    assert learner.query(small_graphs, n_instances=2)[0].shape == (2,)


LABELS = {
    "array": np.asarray,
    "list": lambda y: y.tolist(),
    "frame": lambda y: pd.DataFrame(y, columns=["energy", "gap"][: y.shape[1]]),
}


@pytest.mark.parametrize("first", LABELS)
@pytest.mark.parametrize("second", LABELS)
def test_labels_of_several_targets_and_nan(model, small, small_graphs, first, second):
    y = small[1][:14].copy()
    y[::2, 1] = np.nan
    y[11] = np.nan  # nothing known of one crystal
    learner = ActiveLearner(model, max_std, small_graphs[:9], LABELS[first](y[:9]))
    learner.teach(small_graphs[9:14], LABELS[second](y[9:]))
    assert_array_equal(np.asarray(learner.y_training), y)
    assert_array_equal(
        learner.predict(small_graphs),
        clone(model).fit(small_graphs[:14], y).predict(small_graphs),
    )


@pytest.mark.parametrize(
    "more",
    [
        pd.Series([3.0, 4.0], name="other", index=[8, 9]),
        pd.DataFrame({"gap": [3.0, 4.0]}),
        np.array([3.0, 4.0]),
        np.array([[3.0], [4.0]]),
        [3, 4],
    ],
    ids=["series", "frame", "array", "column", "list"],
)
def test_a_series_of_labels_stays_one(more, small_graphs):
    y = pd.Series([1.0, 2.0], name="gap", index=[5, 5])
    learner = ActiveLearner(Recorder(), first_rows, small_graphs[:2], y)
    learner.teach(small_graphs[2:4], more)
    assert learner.y_training.name == "gap"
    assert learner.y_training.tolist() == [1.0, 2.0, 3.0, 4.0]
    assert learner.y_training.dtype == np.float64


def test_targets_keep_the_names_of_a_frame(model, small, small_graphs):
    y = pd.DataFrame(small[1], columns=["energy", "gap"])
    learner = ActiveLearner(model, max_std, small_graphs[:10], y[:10])
    learner.teach(small_graphs[10:15], y.to_numpy()[10:15])
    assert list(learner.y_training.columns) == ["energy", "gap"]
    by_name = learner.query(small_graphs[15:], n_instances=25, weights={"gap": 1})[0]
    _, std = learner.predict(small_graphs[15:], return_std=True)
    assert_array_equal(by_name, np.argsort(-std[:, 1], kind="stable"))


# What a strategy returns, and how it is called


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("scored", ["bare", "list", "scored", "unscored", "negative"])
def test_indices_with_or_without_scores(small, n, scored):
    structures, y, _ = small
    rows = np.array([7, 2, 5])[:n]
    scores = np.array([0.3, 0.2, 0.1])[:n]
    answer = {
        "bare": rows,
        "list": rows.tolist(),
        "scored": (rows, scores),
        "unscored": (rows, None),
        "negative": rows - 10,
    }[scored]

    def strategy(learner, X_pool, n_instances=1):
        assert n_instances == n
        return answer

    learner = ActiveLearner(Recorder(), strategy, structures[:3], y[:3])
    pool = structures[3:13]
    found, crystals = learner.query(pool, n_instances=n)
    assert_array_equal(found, rows)
    assert all(c is pool[row] for c, row in zip(crystals, rows, strict=True))
    found, crystals, metrics = learner.query(pool, n, return_metrics=True)
    assert_array_equal(found, rows)
    if scored == "scored":
        assert_array_equal(metrics, scores)
    else:
        assert metrics is None


@pytest.mark.parametrize("row", [4, np.int64(4), np.array(4), (4, 0.5)])
def test_a_single_row_may_be_a_number(small, row):
    structures, y, _ = small
    learner = ActiveLearner(Recorder(), lambda *_: row, structures[:3], y[:3])
    rows, crystals = learner.query(structures[3:])
    assert rows.tolist() == [4]
    assert crystals[0] is structures[7]
    if isinstance(row, tuple):
        assert learner.query(structures[3:], return_metrics=True)[2].tolist() == [0.5]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (np.array([0.0, 1.0]), "rows of the pool are expected"),
        (np.array([[0, 1]]), "rows of the pool are expected"),
        (None, "rows of the pool are expected"),
        (np.array([0, 5]), "row 5 of a pool of 5"),
        (np.array([-6]), "rows of the pool are expected"),
        (np.array([1, 2, -4]), "holds a crystal twice"),
        (([0], [1.0], "more"), "tuple of 3"),
    ],
    ids=["floats", "2-D", "none", "beyond", "before", "twice", "tuple"],
)
def test_what_is_no_row_is_refused(small, answer, message):
    structures, y, _ = small
    learner = ActiveLearner(Recorder(), lambda *_: answer, structures[:3], y[:3])
    with pytest.raises(ValueError, match=message):
        learner.query(structures[3:8])


def test_a_strategy_that_raises_is_called_once(small):
    calls = []

    def strategy(learner, X_pool, n_instances=1):
        calls.append(n_instances)
        raise ZeroDivisionError("mine")

    learner = ActiveLearner(Recorder(), strategy, small[0][:3], small[1][:3])
    with pytest.raises(ZeroDivisionError, match="mine"):
        learner.query(small[0][3:], n_instances=2)
    assert calls == [2]


def test_options_reach_the_strategy(small):
    def strategy(learner, X_pool, n_instances=1, *, flag, random_state=None):
        assert (n_instances, flag) == (2, "on")
        assert random_state is learner._random
        return [0, 1]

    learner = ActiveLearner(Recorder(), strategy, small[0][:3], small[1][:3])
    learner.query(small[0][3:], n_instances=2, flag="on")


def test_random_state_of_learner_and_strategy(small):
    structures, y, _ = small

    def picks(strategy=random_sampling, random_state=0):
        learner = ActiveLearner(
            Recorder(), strategy, structures[:3], y[:3], random_state=random_state
        )
        return [learner.query(structures, n_instances=5)[0].tolist() for _ in range(2)]

    assert picks() == picks()
    assert picks() != picks(random_state=1)
    assert len({tuple(p) for p in picks()}) == 2  # each query draws anew
    # What was set beforehand counts more.
    bound = partial(random_sampling, random_state=3)
    assert picks(bound, random_state=0) == picks(bound, random_state=1)


def test_random_state_at_the_query(small):
    learner = ActiveLearner(Recorder(), random_sampling, small[0][:3], small[1][:3])
    one, two = (
        learner.query(small[0], n_instances=5, random_state=4)[0] for _ in range(2)
    )
    assert_array_equal(one, two)


# modAL's own strategies


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("form", CONTAINERS.values(), ids=CONTAINERS)
def test_strategy_of_modal(model, small, form, n):
    structures, y, _ = small
    learner = ActiveLearner(model, max_std_sampling, form(structures[:12]), y[:12, 0])
    pool = form(structures[12:])
    rows, crystals = learner.query(pool, n_instances=n)
    _, std = model.predict(pool, return_std=True)
    assert set(rows) == set(np.argsort(-std)[:n])
    learner.teach(crystals, y[12:, 0][rows])
    assert len(learner.X_training) == 12 + n


def test_it_is_a_learner_of_modal(model):
    assert isinstance(ActiveLearner(model), ModalLearner)


# Training


def test_ready_graphs_are_never_built_again(model, small, small_graphs, monkeypatch):
    def build(self, X):
        pytest.fail("a graph was built")

    monkeypatch.setattr(CrystalGraphTransformer, "transform", build)
    ensemble = EnsembleRegressor(model, 2, random_state=0)
    for estimator, strategy in [(model, max_std), (ensemble, k_center)]:
        learner = ActiveLearner(estimator, strategy, small_graphs[:10], small[1][:10])
        rows, crystals = learner.query(small_graphs[10:], n_instances=4)
        learner.teach(crystals, small[1][10:][rows])
        learner.predict(small_graphs)
        learner.score(small_graphs, small[1])


def test_a_pipeline_takes_structures(model, small):
    structures, y, _ = small
    pipeline = make_pipeline(CrystalGraphTransformer(cutoff=6.0), model)
    learner = ActiveLearner(pipeline, k_center, structures[:10], y[:10])
    rows, crystals = learner.query(structures[10:], n_instances=3)
    learner.teach(crystals, y[10:][rows])
    assert learner.predict(structures).shape == (40, 2)


def test_arguments_of_fit(model, small, small_graphs):
    weight = np.linspace(0.1, 2, 10)
    learner = ActiveLearner(
        model, max_std, small_graphs[:10], small[1][:10], sample_weight=weight
    )
    direct = clone(model).fit(small_graphs[:10], small[1][:10], sample_weight=weight)
    assert_array_equal(learner.predict(small_graphs), direct.predict(small_graphs))
    weight = np.linspace(1, 3, 12)
    learner.teach(small_graphs[10:12], small[1][10:12], sample_weight=weight)
    direct = clone(model).fit(small_graphs[:12], small[1][:12], sample_weight=weight)
    assert_array_equal(learner.predict(small_graphs), direct.predict(small_graphs))


def test_only_new_trains_on_new_crystals_and_keeps_all(small):
    structures, y, _ = small
    learner = ActiveLearner(Recorder(), first_rows, structures[:4], y[:4])
    learner.teach(structures[4:6], y[4:6], only_new=True)
    X, labels, _ = learner.estimator.seen_
    assert len(X) == len(labels) == 2
    assert len(learner.X_training) == len(learner.y_training) == 6
    learner.teach(structures[6:7], y[6:7])
    assert len(learner.estimator.seen_[0]) == 7


@pytest.mark.parametrize("form", CONTAINERS.values(), ids=CONTAINERS)
def test_bootstrap_keeps_crystals_with_their_labels(small, form):
    structures, y, _ = small
    y = pd.DataFrame({"row": np.arange(len(structures)), "n": y[:, 0]})
    learner = ActiveLearner(
        Recorder(),
        first_rows,
        form(structures[:20]),
        y[:20],
        bootstrap_init=True,
        random_state=0,
    )
    X, labels, _ = learner.estimator.seen_
    assert len(X) == 20
    rows = labels["row"].tolist()
    assert 1 < len(set(rows)) < 20
    if isinstance(X, CrystalGraphs):
        assert_array_equal(X.n_sites, [len(structures[row]) for row in rows])
    else:
        assert all(a is structures[row] for a, row in zip(X, rows, strict=True))
    assert learner.X_training is not X  # what is known stays whole
    assert len(set(learner.y_training["row"])) == 20
    learner.teach(form(structures[20:25]), y[20:25], bootstrap=True)
    assert len(learner.estimator.seen_[0]) == 25
    learner.teach(form(structures[25:30]), y[25:30], bootstrap=True, only_new=True)
    assert set(learner.estimator.seen_[1]["row"]) <= set(range(25, 30))


def test_bootstrap_repeats_by_random_state(small):
    def drawn(seed):
        learner = ActiveLearner(
            Recorder(),
            first_rows,
            small[0],
            list(range(40)),
            bootstrap_init=True,
            random_state=seed,
        )
        return learner.estimator.seen_[1]

    assert drawn(0) == drawn(0) != drawn(1)


def test_fit_forgets(model, small, small_graphs):
    learner = ActiveLearner(model, max_std, small_graphs[:10], small[1][:10])
    assert learner.fit(small_graphs[10:18], small[1][10:18]) is learner
    assert len(learner.X_training) == len(learner.y_training) == 8


# What does not work changes nothing


def bad_lessons(structures, y):
    frame = pd.DataFrame(y[:2], columns=["gap", "energy"])
    return {
        "too few labels": (structures[:2], y[:1], "2 crystals, but y has 1 rows"),
        "no labels": (structures[:2], None, "y is None"),
        "infinite": (structures[:2], [[1, 2], [1, np.inf]], "is inf; correct it"),
        "one target": (structures[:2], y[:2, 0], r"give \(n, 2\)"),
        "other names": (structures[:2], frame, r"has the columns .*have"),
        "no crystals": (["NaCl"], y[:1], "X"),
        "unfit crystal": ([LONELY], y[:1], "no neighbour"),
    }


@pytest.mark.parametrize("case", bad_lessons(range(9), np.zeros((9, 2))))
def test_a_failed_lesson_leaves_the_learner_as_it_was(model, small, case):
    structures, y, _ = small
    labels = pd.DataFrame(y[:10], columns=["energy", "gap"])
    learner = ActiveLearner(model, max_std, structures[:10], labels)
    before = learner.predict(structures)
    X, y_bad, message = bad_lessons(structures[10:], y[10:])[case]
    with pytest.raises((TypeError, ValueError), match=message):
        learner.teach(X, y_bad)
    assert len(learner.X_training) == len(learner.y_training) == 10
    assert_array_equal(learner.predict(structures), before)
    learner.teach(structures[10:12], y[10:12])  # and the next one is learned
    assert len(learner.X_training) == 12


def test_failed_training_adds_and_forgets_nothing(small):
    structures, y, _ = small
    learner = ActiveLearner(Recorder(), first_rows, structures[:4], y[:4])
    learner.estimator.is_broken_ = True
    for lesson in (learner.teach, learner.fit):
        with pytest.raises(RuntimeError, match="out of memory"):
            lesson(structures[4:6], y[4:6])
        assert len(learner.X_training) == len(learner.y_training) == 4


def test_failed_training_of_a_committee(small):
    structures, y, _ = small
    committee = CommitteeRegressor(
        [ActiveLearner(Recorder(), first_rows, structures[:n], y[:n]) for n in (4, 3)]
    )
    committee.learner_list[1].estimator.is_broken_ = True
    with pytest.raises(RuntimeError, match="out of memory"):
        committee.teach(structures[4:6], y[4:6])
    assert [len(learner.X_training) for learner in committee] == [4, 3]
    assert [len(learner.y_training) for learner in committee] == [4, 3]


def test_labels_are_asked_for_at_once(model, small):
    with pytest.raises(ValueError, match="y is None"):
        ActiveLearner(model, max_std, small[0][:3])


# Features, looks, committees


def test_features_are_embeddings(model, small, small_graphs):
    structures, y, _ = small
    learner = ActiveLearner(model, max_std, small_graphs[:10], y[:10])
    expected = model.embed(small_graphs)
    assert_array_equal(learner.transform_without_estimating(small_graphs), expected)
    for pipeline in (
        make_pipeline(CrystalGraphTransformer(), clone(model)),
        make_pipeline(clone(model)),
    ):
        learner = ActiveLearner(pipeline, max_std, structures[:10], y[:10])
        assert_array_equal(learner.transform_without_estimating(structures), expected)


def test_a_strategy_on_transformed_crystals(model, small, small_graphs):
    def farthest(learner, X_pool, n_instances=1):
        assert learner.on_transformed
        points = learner.transform_without_estimating(X_pool)
        return np.argsort(-np.linalg.norm(points, axis=1))[:n_instances]

    learner = ActiveLearner(
        model, farthest, small_graphs[:10], small[1][:10], on_transformed=True
    )
    norms = np.linalg.norm(model.embed(small_graphs[10:]), axis=1)
    assert learner.query(small_graphs[10:])[0] == norms.argmax()


def test_looks_and_pickles(model, small, small_graphs):
    learner = ActiveLearner(model, max_std, small_graphs[:10], small[1][:10])
    assert "GCNRegressor" in repr(learner)
    copy = pickle.loads(pickle.dumps(learner))
    assert_array_equal(
        copy.query(small_graphs[10:], n_instances=5)[0],
        learner.query(small_graphs[10:], n_instances=5)[0],
    )


@pytest.mark.filterwarnings("error:X holds elements")
def test_elements_not_seen_are_no_news_at_a_query(model, small, small_graphs):
    """A pool is there to be explored; a prediction shall warn all the same."""
    learner = ActiveLearner(model, max_std, small_graphs[:3], small[1][:3])
    learner.query(small_graphs[3:], n_instances=2)
    with pytest.warns(UserWarning, match="not trained on"):
        learner.predict(small_graphs[3:])


@pytest.fixture
def committee(model, small, small_graphs):
    models = [model, clone(model).set_params(random_state=1)]
    models.append(CGCNNRegressor(hidden_dim=8, n_layers=2, max_epochs=2))
    models[-1].set_params(random_state=2)
    return CommitteeRegressor(
        [ActiveLearner(m, max_std, small_graphs[:20], small[1][:20]) for m in models]
    )


def test_a_committee_is_unsure_where_members_differ(committee, small_graphs):
    votes = np.stack([learner.predict(small_graphs) for learner in committee])
    mean, std = committee.predict(small_graphs, return_std=True)
    assert_allclose(mean, votes.mean(axis=0))
    assert_allclose(std, votes.std(axis=0, ddof=1))
    assert_array_equal(committee.predict(small_graphs), mean)
    features = committee.transform_without_estimating(small_graphs)
    assert features.shape == (40, 24)


def test_a_committee_asks_and_learns(committee, small, small_graphs):
    for strategy in (max_std, k_center, random_sampling):
        committee.query_strategy = strategy
        n_known = len(committee.learner_list[0].X_training)
        rows, crystals = committee.query(small_graphs[20:], n_instances=3)
        committee.teach(crystals, small[1][20:][rows])
        assert [len(m.X_training) for m in committee] == [n_known + 3] * 3
    assert "CommitteeRegressor" in repr(committee)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_strategy_of_modal_with_a_committee(model, small, n):
    structures, y, _ = small
    committee = CommitteeRegressor(
        [
            ActiveLearner(
                clone(model).set_params(random_state=seed),
                max_std,
                structures[:20],
                y[:20, 0],
            )
            for seed in (0, 1)
        ],
        query_strategy=max_std_sampling,
    )
    rows, crystals = committee.query(structures[20:], n_instances=n)
    assert len(rows) == len(crystals) == n


class TestClassifier:
    """Classes are taught, and asked for where the model is not sure of them."""

    @pytest.fixture
    def classifier(self):
        return CGCNNClassifier(hidden_dim=8, n_layers=2, max_epochs=2, random_state=0)

    @pytest.fixture
    def opens(self, small):
        return np.where(small[1][:, 1] > 0.025, "insulator", "metal")

    @pytest.mark.parametrize("container", CONTAINERS)
    def test_modals_strategies_ask_where_classes_are_even(
        self, classifier, small, opens, container
    ):
        X = CONTAINERS[container](small[0])
        learner = ActiveLearner(
            classifier, uncertainty_sampling, X_training=X[:20], y_training=opens[:20]
        )
        sure = np.abs(learner.predict_proba(X[20:])[:, 0] - 0.5)
        rows, crystals = learner.query(X[20:], n_instances=3)
        assert set(rows) == set(np.argsort(sure)[:3])
        learner.teach(crystals, opens[20:][rows])
        assert_array_equal(learner.y_training, np.r_[opens[:20], opens[20:][rows]])
        assert 0 <= learner.score(X, opens) <= 1

    @pytest.mark.parametrize("strategy", [entropy_sampling, margin_sampling, k_center])
    def test_other_strategies(self, classifier, small_graphs, opens, strategy):
        learner = ActiveLearner(
            make_pipeline(classifier),
            strategy,
            X_training=small_graphs[:20],
            y_training=opens[:20],
        )
        assert len(learner.query(small_graphs[20:], n_instances=3)[0]) == 3

    def test_a_lesson_may_hold_one_class_and_none_that_is_missing(
        self, classifier, small_graphs, opens
    ):
        learner = ActiveLearner(
            classifier, X_training=small_graphs[:20], y_training=opens[:20].tolist()
        )
        learner.teach(small_graphs[20:22], ["metal", "metal"])
        with pytest.raises(ValueError, match=r"y\[1\] is nan"):
            learner.teach(small_graphs[22:24], ["metal", np.nan])
        assert len(learner.X_training) == len(learner.y_training) == 22
