"""Query strategies on cases with known answers."""

from functools import partial
from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.integrate import quad
from scipy.spatial.distance import cdist
from scipy.stats import norm

from skcrystal import ActiveLearner, CrystalGraphs, EnsembleRegressor
from skcrystal.active import (
    diverse_max_std,
    expected_improvement,
    k_center,
    largest_cluster,
    max_std,
    random_sampling,
    target_window,
    upper_confidence_bound,
)
from skcrystal.active.strategies._acquisition import log_between, log_improvement

BELIEFS = {
    "max_std": max_std,
    "diverse_max_std": diverse_max_std,
    "k_center": k_center,
    "largest_cluster": largest_cluster,
    "expected_improvement": partial(expected_improvement, weights=[1, -1]),
    "upper_confidence_bound": partial(upper_confidence_bound, weights=[1, -1]),
    "target_window": partial(target_window, windows=[(0, 1), (-1, np.inf)]),
    "random_sampling": partial(random_sampling, random_state=0),
}


class Believer:
    """Believes what it is told of crystals, which are rows of its tables."""

    def __init__(self, mean, std=None, points=None, known=None, y=None):
        self.mean = np.asarray(mean, float)
        self.std = np.zeros_like(self.mean) if std is None else np.asarray(std, float)
        self.points = None if points is None else np.asarray(points, float)
        self.X_training, self.y_training = known, y

    def predict(self, X, return_std=False):
        return (self.mean[X], self.std[X]) if return_std else self.mean[X]

    def embed(self, X):
        return self.points[np.asarray(X)]


def spread(points, known=None, std=None):
    """A believer that knows where crystals are."""
    points = np.asarray(points, float)
    std = np.ones(len(points)) if std is None else std
    return Believer(np.zeros(len(points)), std, points, known)


def two_targets(seed, n=30):
    """Random beliefs of a pool of n, and six known labels, of two targets."""
    random = np.random.RandomState(seed)
    return {
        "mean": random.normal(size=(n, 2)),
        "std": random.uniform(0.1, 2, size=(n, 2)),
        "points": random.normal(size=(n, 3)),
        "known": np.arange(3),
        "y": random.normal(size=(6, 2)),
    }


# max_std


def test_largest_std_first():
    std = [0.3, 0.1, 0.9, 0.5]
    rows, scores = max_std(Believer(np.zeros(4), std), np.arange(4), 3)
    assert rows.tolist() == [2, 3, 0]
    assert_allclose(scores, [0.9, 0.5, 0.3])


def test_std_is_measured_by_the_spread_of_known_labels():
    y = np.array([[0.0, 0], [2, 200], [np.nan, 100]])  # of scales 1 and 81.65
    scale = np.array([1, np.std([0, 200, 100])])
    std = np.array([[0.5, 10.0], [0.1, 90.0], [0.6, 0.0]])
    learner = Believer(np.zeros((3, 2)), std, y=y)
    rows, scores = max_std(learner, np.arange(3), 3)
    expected = (std / scale).mean(axis=1)
    assert rows.tolist() == np.argsort(-expected).tolist()
    assert_allclose(scores, np.sort(expected)[::-1])
    weighted = (std / scale) @ [0.25, 0.75]
    assert_allclose(max_std(learner, np.arange(3), 1, weights=[1, 3])[1], weighted[1])
    assert max_std(learner, np.arange(3), weights={0: 1})[0] == 2
    assert max_std(learner, np.arange(3), weights={"target_1": 5})[0] == 1


def test_without_labels_predictions_give_the_scale():
    mean = np.array([[0.0, 0], [2, 2000]])
    std = np.array([[0.5, 0], [0, 400]])  # 0.5 and 0.4 of the spread of predictions
    assert max_std(Believer(mean, std), np.arange(2))[0] == 0
    # So for a target of which no label is known
    y = np.array([[0.0, np.nan], [2, np.nan]])
    assert max_std(Believer(mean, std, y=y), np.arange(2))[0] == 0


@pytest.mark.parametrize("y", [[[0.1, 0], [0.1, 2], [0.1, 4]], [[0.1, 3]]])
def test_labels_that_do_not_vary_are_no_scale(y):
    """Rounding gives three equal labels a spread of 1e-17."""
    std = np.array([[1e-3, 0.0], [0, 1.0]])
    learner = Believer(np.zeros((2, 2)), std, y=np.array(y))
    assert max_std(learner, np.arange(2))[0] == 1


@pytest.mark.parametrize("strategy", BELIEFS.values(), ids=BELIEFS)
@settings(deadline=None, max_examples=15)
@given(
    seed=st.integers(0, 1000),
    exponents=st.tuples(st.floats(-5, 5), st.floats(-5, 5)),
    offsets=st.tuples(st.floats(-3, 3), st.floats(-3, 3)),
)
def test_units_of_targets_do_not_matter(strategy, seed, exponents, offsets):
    """Neither does where they have their zero."""
    case = two_targets(seed)
    factor, shift = 10.0 ** np.array(exponents), np.array(offsets)
    other = {
        **case,
        "mean": (case["mean"] + shift) * factor,
        "std": case["std"] * factor,
        "y": (case["y"] + shift) * factor,
    }
    changed = strategy
    if strategy is BELIEFS["target_window"]:
        windows = (np.array([[0, 1], [-1, np.inf]]) + shift[:, None]) * factor[:, None]
        changed = partial(target_window, windows=windows)
    rows, scores = strategy(Believer(**case), np.arange(30), n_instances=7)
    rows_too, scores_too = changed(Believer(**other), np.arange(30), n_instances=7)
    assert_array_equal(rows_too, rows)
    if strategy is BELIEFS["upper_confidence_bound"]:  # a bound has that zero too
        scores, scores_too = scores - scores[0], scores_too - scores_too[0]
    assert_allclose(scores_too, scores, rtol=1e-6, atol=1e-9)


# What all have in common


@pytest.mark.parametrize("strategy", BELIEFS.values(), ids=BELIEFS)
def test_picks_are_rows_and_repeat(strategy):
    learner = Believer(**two_targets(1))
    pool = np.arange(30)
    for n in (1, 2, 3, 30):
        rows, scores = strategy(learner, pool, n_instances=n)
        assert rows.shape == scores.shape == (n,)
        assert rows.dtype == np.int64
        assert len(set(rows)) == n
        assert set(rows) <= set(pool)
        again = strategy(learner, pool, n_instances=n)
        assert_array_equal(rows, again[0])
        assert_array_equal(scores, again[1])
    # More picks begin with those of fewer.
    assert_array_equal(strategy(learner, pool, 5)[0], rows[:5])


@pytest.mark.parametrize("strategy", BELIEFS.values(), ids=BELIEFS)
@pytest.mark.parametrize("n", [0, -1, 31, 1.5, "2"])
def test_how_many_can_be_picked(strategy, n):
    with pytest.raises(ValueError, match="the pool has 30 crystals; ask for"):
        strategy(Believer(**two_targets(1)), np.arange(30), n_instances=n)


@pytest.mark.parametrize("name", ["max_std", "expected_improvement", "target_window"])
def test_ties_go_to_the_first(name):
    case = two_targets(0)
    case["mean"][:], case["std"][:] = 0.5, 1.0
    rows, _ = BELIEFS[name](Believer(**case), np.arange(30), n_instances=4)
    assert rows.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("broken", ["mean", "std"])
def test_beliefs_without_order_are_refused(broken):
    case = two_targets(0)
    case[broken][4, 1] = np.nan
    with pytest.raises(ValueError, match=rf"{broken} of pool\[4\], target 1, is nan"):
        max_std(Believer(**case), np.arange(30))


@pytest.mark.parametrize("strategy", BELIEFS.values(), ids=BELIEFS)
def test_with_a_network(strategy, model, small, small_graphs):
    learner = ActiveLearner(model, strategy, small_graphs[:15], small[1][:15])
    labels = learner.y_training.copy()
    rows, crystals = learner.query(small_graphs[15:], n_instances=6)
    assert len(set(rows)) == 6
    assert_array_equal(crystals.n_sites, small_graphs[15:][rows].n_sites)
    assert_array_equal(learner.y_training, labels)


@pytest.mark.filterwarnings("ignore:X holds elements")
def test_with_a_fitted_regressor_alone(model, small, small_graphs):
    model.fit(small_graphs[:15], small[1][:15])
    pool = small_graphs[15:]
    names = list(BELIEFS)
    names.remove("expected_improvement")  # which asks for the best label known
    for name in names:
        rows, _ = BELIEFS[name](model, pool, n_instances=3)
        assert len(set(rows)) == 3
    with pytest.raises(ValueError, match="no value to improve on; give `best`"):
        expected_improvement(model, pool, weights=[1, 0])
    assert len(expected_improvement(model, pool, weights=[1, 0], best=0.0)[0]) == 1


# Weights


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1], "1 entries for 2 targets"),
        ([0, 0], "not all 0"),
        ([1, np.nan], "finite numbers"),
        ([1, -1], "none may be negative"),
        ({"band_gap": 1}, "'band_gap', but there are only target_0, target_1"),
        ({2: 1}, r"\(0 to 1\)"),
    ],
)
def test_weights_that_do_not_fit(weights, message):
    for strategy in (max_std, diverse_max_std):
        with pytest.raises(ValueError, match=message):
            strategy(Believer(**two_targets(0)), np.arange(30), weights=weights)


@pytest.mark.parametrize("strategy", [expected_improvement, upper_confidence_bound])
def test_an_objective_of_several_targets_must_be_said(strategy):
    case = two_targets(0)
    case["y"] = pd.DataFrame(case["y"], columns=["energy", "gap"])
    with pytest.raises(ValueError, match=r"\(energy, gap\); say .*\{'gap': 1.0\}"):
        strategy(Believer(**case), np.arange(30))
    assert len(strategy(Believer(**case), np.arange(30), weights={"gap": -1})[0]) == 1


# Expected improvement and upper confidence bound


@pytest.mark.parametrize("xi", [0.0, 0.3])
def test_expected_improvement_is_the_integral(xi):
    mean, std = np.array([0.0, 1.0, 2.0, -1.0]), np.array([1.0, 0.3, 0.5, 3.0])
    y = np.array([0.5, 1.5, np.nan, -1.0])
    scale, best = np.nanstd(y), 1.5

    def integral(m, s):
        def gain(t):
            return max(t - best - xi * scale, 0) * norm.pdf(t, m, s)

        return quad(gain, best, m + 12 * s, points=[best + xi * scale])[0] / scale

    expected = [integral(m, s) for m, s in zip(mean, std, strict=True)]
    learner = Believer(mean, std, y=y)
    rows, scores = expected_improvement(learner, np.arange(4), 4, xi=xi)
    assert_allclose(scores, np.sort(expected)[::-1], rtol=1e-6)
    assert_array_equal(rows, np.argsort(expected)[::-1])


def test_expected_improvement_of_a_weighted_sum():
    """By sampling: two targets, one to lower, in units of their spread."""
    case = two_targets(5, n=4)
    case["y"][0, 1] = np.nan  # not in the running for the best
    weights = np.array([1.0, -2.0]) / np.nanstd(case["y"], axis=0)
    best = np.nanmax(case["y"] @ weights)
    draws = np.random.RandomState(0).normal(size=(200_000, 1, 2))
    values = (case["mean"] + case["std"] * draws) @ weights
    expected = np.maximum(values - best, 0).mean(axis=0)
    rows, scores = expected_improvement(
        Believer(**case), np.arange(4), 4, weights=[1, -2]
    )
    assert_allclose(scores, expected[rows], rtol=0.02, atol=0.01)


def test_what_is_certain_improves_by_what_it_is_better():
    learner = Believer([0.0, 3.0, 2.0], y=np.array([-1.0, 1.0]))
    rows, scores = expected_improvement(learner, np.arange(3), 3)
    assert rows.tolist() == [1, 2, 0]
    assert_allclose(scores, [2, 1, 0])


def test_hopeless_crystals_are_still_told_apart():
    """Improvements smaller than the smallest number keep their order."""
    mean = np.linspace(-9, -5, 20)[::-1]
    order = np.random.RandomState(0).permutation(20)
    learner = Believer(mean[order], np.full(20, 0.05), y=np.array([-1.0, 1.0]))
    rows, scores = expected_improvement(learner, np.arange(20), 20)
    assert_array_equal(order[rows], np.arange(20))
    assert scores.max() == 0.0


def test_logarithm_of_the_improvement():
    z = np.linspace(-8, 8, 200)
    with_cancelling = norm.pdf(z) + z * norm.cdf(z)
    assert_allclose(np.exp(log_improvement(3 * z, 3.0)), 3 * with_cancelling, rtol=1e-9)
    far = -np.geomspace(20, 1e6, 60)
    series = 1 - 3 / far**2 + 15 / far**4 - 105 / far**6
    expected = norm.logpdf(far) + np.log(series / far**2)
    assert_allclose(log_improvement(far, np.ones(60)), expected, rtol=1e-7)
    assert np.isneginf(log_improvement(np.array([-1.0]), np.array([0.0])))
    assert np.isneginf(log_improvement(np.array([-1.0]), np.array([1e-300])))


def test_the_best_needs_all_weighted_labels():
    y = np.array([[1.0, np.nan], [np.nan, 1.0]])
    learner = Believer(np.zeros((3, 2)), np.ones((3, 2)), y=y)
    with pytest.raises(ValueError, match="weigh fewer targets"):
        expected_improvement(learner, np.arange(3), weights=[1, 1])
    assert len(expected_improvement(learner, np.arange(3), weights=[1, 0])[0]) == 1


def test_upper_confidence_bound():
    mean, std = np.array([0.0, 1.0, 2.0]), np.array([2.0, 1.2, 0.1])
    y = np.array([-2.0, 2.0])  # of spread 2
    learner = Believer(mean, std, y=y)
    for beta, expected in [(0, [2, 1, 0]), (1, [1, 2, 0]), (5, [0, 1, 2])]:
        rows, scores = upper_confidence_bound(learner, np.arange(3), 3, beta=beta)
        assert rows.tolist() == expected
        assert_allclose(scores, ((mean + beta * std) / 2)[rows])
    rows, scores = upper_confidence_bound(learner, np.arange(3), weights=[-1])
    assert rows == [0]
    assert_allclose(scores, [(-0.0 + 2 * 2.0) / 2])
    with pytest.raises(ValueError, match="beta is -1"):
        upper_confidence_bound(learner, np.arange(3), beta=-1)


# Windows


def test_probability_of_several_windows():
    case = two_targets(2)
    windows = {"target_1": (-0.5, 0.7), 0: (0.1, np.inf)}
    rows, scores = target_window(Believer(**case), np.arange(30), 30, windows=windows)
    m, s = case["mean"], case["std"]
    expected = norm.sf(0.1, m[:, 0], s[:, 0]) * (
        norm.cdf(0.7, m[:, 1], s[:, 1]) - norm.cdf(-0.5, m[:, 1], s[:, 1])
    )
    assert_allclose(scores, expected[rows], rtol=1e-10)
    assert (np.diff(scores) <= 0).all()


@pytest.mark.parametrize("side", [-1, 1])
def test_far_outside_the_window_nearer_is_still_better(side):
    """Where probabilities themselves are zero."""
    distance = np.random.RandomState(0).permutation(np.linspace(50, 500, 40))
    learner = Believer(side * distance, np.ones(40))
    rows, scores = target_window(learner, np.arange(40), 40, windows=[(-1, 1)])
    assert_array_equal(rows, np.argsort(distance))
    assert scores.max() < 1e-300


@pytest.mark.parametrize("z", [-30.0, -6.0, 0.0, 6.0, 30.0])
def test_logarithm_of_the_probability(z):
    """Of a narrow window, which is density times width, and of half lines."""
    mean, std = np.array([-2 * z]), np.array([2.0])
    narrow = log_between(-1e-4, 1e-4, mean, std)
    assert_allclose(narrow, norm.logpdf(0, mean, std) + np.log(2e-4), rtol=1e-5)
    assert_allclose(log_between(0, np.inf, mean, std), norm.logsf(0, mean, std))
    assert_allclose(log_between(-np.inf, 0, mean, std), norm.logcdf(0, mean, std))
    assert_allclose(log_between(-np.inf, np.inf, mean, std), 0, atol=1e-12)


def test_certain_crystals_lie_in_the_window_or_not():
    learner = Believer([0.0, 1.0, 1.5, 2.0, 2.5])
    rows, scores = target_window(learner, np.arange(5), 5, windows=[(1, 2)])
    assert rows.tolist() == [1, 2, 3, 0, 4]
    assert scores.tolist() == [1, 1, 1, 0, 0]
    learner.std[:] = 1e-300
    rows, scores = target_window(learner, np.arange(5), 5, windows=[(0.9, 2.1)])
    assert rows.tolist() == [1, 2, 3, 0, 4]


@pytest.mark.parametrize(
    ("windows", "message"),
    [
        ([(0, 1)], "1 entries for 2 targets"),
        ({}, "windows is empty"),
        ({0: (1, 0)}, r"window of 0 is \(1, 0\); its first number"),
        ({0: (np.nan, 1)}, "its first number"),
        ({"gap": (0, 1)}, "names the target 'gap'"),
    ],
)
def test_windows_that_do_not_fit(windows, message):
    with pytest.raises(ValueError, match=message):
        target_window(Believer(**two_targets(0)), np.arange(30), windows=windows)


# Distances


def test_k_center_goes_to_the_far_corners():
    points = [[0, 0], [1, 0], [10, 0], [0, 6], [10, 6], [5, 3]]
    learner = spread(points, known=np.array([0]))
    rows, scores = k_center(learner, np.arange(6), 4)
    assert rows.tolist() == [4, 2, 3, 5]
    assert_allclose(scores, [np.sqrt(136), 6, 6, np.sqrt(34)])


def test_k_center_begins_at_the_center():
    rows, _ = k_center(spread([[0.0], [4.0], [5.0], [9.5]]), np.arange(4), 3)
    assert rows.tolist() == [2, 0, 3]


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 10_000),
    k=st.integers(1, 4),
    n_known=st.integers(0, 2),
)
def test_k_center_is_at_most_twice_as_far_as_the_best(seed, k, n_known):
    points = np.random.RandomState(seed).normal(size=(9, 2))
    known = np.arange(n_known)
    learner = spread(points, known=known if n_known else None)
    picked, _ = k_center(learner, np.arange(9), k)
    distance = cdist(points, points)

    def radius(centers):
        return distance[:, [*known, *centers]].min(axis=1).max()

    best = min(radius(centers) for centers in combinations(range(9), k))
    assert radius(picked) <= 2 * best + 1e-9


def test_largest_cluster_prefers_many_to_one_outlier():
    group = np.column_stack([np.linspace(4, 6, 20), np.zeros(20)])
    points = np.vstack([[0, 0], group, [-3, 0], [-12, 0]])
    learner = spread(points, known=np.array([0, 21]))
    assert k_center(learner, np.arange(23))[0] == 22
    rows, scores = largest_cluster(learner, np.arange(23), 2)
    assert rows.tolist() == [20, 22]
    assert_allclose(scores, [6, 9])


def test_diverse_picks_trade_uncertainty_for_distance():
    points = [[0.0], [1.0], [2.0], [8.0]]
    learner = spread(points, known=np.array([0]), std=[9, 8, 5, 1])
    rows, scores = diverse_max_std(learner, np.arange(4), 3)
    assert rows.tolist() == [2, 1, 3]  # 5 * 2 over 8 * 1 and 1 * 8; then 8 * 1, 1 * 6
    assert_allclose(scores, [10, 8, 6])
    assert diverse_max_std(learner, np.arange(4), diversity=0)[0] == 0
    assert diverse_max_std(learner, np.arange(4), diversity=10)[0] == 3
    for diversity in (-1, np.inf, np.nan):
        with pytest.raises(ValueError, match=r"diversity is .*; 0 or more"):
            diverse_max_std(learner, np.arange(4), diversity=diversity)


def test_without_diversity_it_is_max_std():
    learner = Believer(**two_targets(3))
    for n in (1, 30):
        plain = max_std(learner, np.arange(30), n, weights=[1, 2])
        same = diverse_max_std(learner, np.arange(30), n, weights=[1, 2], diversity=0)
        assert_array_equal(plain[0], same[0])
        assert_array_equal(plain[1], same[1])


def test_nothing_known_the_least_sure_is_first():
    learner = spread([[0.0], [1.0], [2.0]], std=[1, 3, 2])
    assert diverse_max_std(learner, np.arange(3))[0] == 1


@pytest.mark.parametrize("n_members", [None, 2])
def test_no_batch_of_near_duplicates(model, small, small_graphs, n_members):
    """Five copies of each crystal: the largest uncertainties are copies."""
    copies = CrystalGraphs.concatenate([small_graphs[10:18]] * 5)
    if n_members:
        model = EnsembleRegressor(model, n_members, random_state=0)
    learner = ActiveLearner(model, max_std, small_graphs[:10], small[1][:10])
    alike, _ = learner.query(copies, n_instances=5)
    assert len(set(alike % 8)) < 5
    for strategy in (diverse_max_std, k_center, largest_cluster):
        learner.query_strategy = strategy
        rows, _ = learner.query(copies, n_instances=8)
        assert len(set(rows % 8)) == 8
        # When nothing else is left, they are taken rather than refused.
        rows, _, scores = learner.query(copies, n_instances=40, return_metrics=True)
        assert len(set(rows)) == 40
        assert_allclose(scores[8:], 0, atol=1e-6)


def test_crystals_known_already_are_not_picked(model, small, small_graphs):
    learner = ActiveLearner(model, diverse_max_std, small_graphs[:20], small[1][:20])
    for strategy in (diverse_max_std, k_center, largest_cluster):
        learner.query_strategy = strategy
        rows, _ = learner.query(small_graphs, n_instances=10)
        assert rows.min() >= 20


@pytest.mark.parametrize("strategy", [k_center, diverse_max_std, largest_cluster])
def test_models_without_features(strategy):
    class Table:
        def predict(self, X, return_std=False):
            return np.zeros(len(X)), np.ones(len(X))

    with pytest.raises(TypeError, match=r"Table has no embed\(X\)"):
        strategy(Table(), np.arange(3))


# Chance


def test_random_sampling_asks_no_model_and_favours_none():
    counts = np.zeros(10)
    for seed in range(300):
        rows, scores = random_sampling(None, np.arange(10), 3, random_state=seed)
        counts[rows] += 1
        assert_array_equal(scores, 1)
    assert counts.min() > 55  # of 90 expected
    one, two = (random_sampling(None, np.arange(10), 5)[0] for _ in range(2))
    assert len(set(one)) == len(set(two)) == 5


# Beyond a single learner


def test_a_fitted_ensemble_knows_its_targets_by_name(model, small, small_graphs):
    y = pd.DataFrame(small[1], columns=["energy", "gap"])
    ensemble = EnsembleRegressor(model, 2, random_state=0).fit(
        small_graphs[:30], y[:30]
    )
    rows, _ = max_std(ensemble, small_graphs[:30], 2, weights={"gap": 1.0})
    std = ensemble.predict(small_graphs[:30], return_std=True)[1]
    assert rows[0] == std[:, 1].argmax()


def test_the_crystal_to_beat_is_given_in_units_of_the_targets():
    case = two_targets(3)
    known = Believer(**case)
    weights = [0.5, -2.0]
    scale = case["y"].std(axis=0)
    best = (case["y"] / scale) @ weights
    by_default = expected_improvement(known, np.arange(30), 5, weights=weights)
    given = expected_improvement(
        known, np.arange(30), 5, weights=weights, best=case["y"][best.argmax()]
    )
    assert_array_equal(by_default[0], given[0])
    assert_allclose(by_default[1], given[1])
    with pytest.raises(ValueError, match="best has 3 labels for 2 targets"):
        expected_improvement(known, np.arange(30), weights=weights, best=np.ones(3))


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_a_little_diversity_is_almost_none(scale):
    case = two_targets(5)
    case["std"] *= scale
    believer = Believer(**{**case, "y": None})
    plain, _ = max_std(believer, np.arange(30), 6)
    rows, scores = diverse_max_std(believer, np.arange(30), 6, diversity=1e-9)
    assert_array_equal(rows, plain)
    assert np.isfinite(scores).all()


def test_a_committee_knows_what_any_of_its_members_knows():
    points = np.arange(10.0)[:, None]

    committee = SimpleNamespace(
        learner_list=[
            Believer(np.zeros(10), points=points, known=np.array([known]))
            for known in (0, 9)
        ]
    )
    rows, gaps = k_center(committee, np.arange(10), n_instances=1)
    assert rows[0] in (4, 5)
    assert_allclose(gaps, 4)
