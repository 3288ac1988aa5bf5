"""Metrics and curves of predictive standard deviations, against known answers."""

import re
from functools import partial

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import integrate, stats

from skcrystal.uncertainty._curves import calibration_curve, sparsification_curve
from skcrystal.uncertainty._metrics import METRICS, uncertainty_metrics

IN_UNITS = ["mae", "rmse", "crps", "mean_std"]


def gaussian_sample(m, seed=0):
    """Labels that are drawn from the very Gaussians that are predicted."""
    rng = np.random.default_rng(seed)
    mean, std = rng.normal(size=m), rng.uniform(0.5, 2, size=m)
    return mean + std * rng.standard_normal(m), mean, std


def metrics_of(y, mean, std):
    return uncertainty_metrics(y, mean, std).loc["target_0"]


def test_calibrated_sample():
    found = metrics_of(*gaussian_sample(40_000))
    assert_allclose(found["coverage_68"], 0.6827, atol=0.01)
    assert_allclose(found["coverage_95"], 0.95, atol=0.005)
    assert found["miscalibration_area"] < 0.006
    assert_allclose(found["mae"], 1.25 * np.sqrt(2 / np.pi), rtol=0.02)
    assert_allclose(found["rmse"], np.sqrt(1.75), rtol=0.02)  # mean of std squared
    assert_allclose(found["mean_std"], 1.25, rtol=0.01)


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_coverage_and_area_of_a_wrong_width(factor):
    y, mean, std = gaussian_sample(40_000)
    found = metrics_of(y, mean, factor * std)
    half_normal = stats.halfnorm
    assert_allclose(found["coverage_68"], half_normal.cdf(factor), atol=0.01)
    assert_allclose(found["coverage_95"], half_normal.cdf(1.96 * factor), atol=0.01)
    area, _ = integrate.quad(
        lambda p: abs(half_normal.cdf(factor * half_normal.ppf(p)) - p), 0, 1
    )
    assert_allclose(found["miscalibration_area"], area, atol=0.006)
    expected, observed = calibration_curve(y, mean, factor * std)
    assert_allclose(
        observed, half_normal.cdf(factor * half_normal.ppf(expected)), atol=0.012
    )


def test_area_is_that_between_fine_staircase_and_diagonal():
    y, mean, std = gaussian_sample(23)
    needed = np.sort(stats.halfnorm.cdf(np.abs(y - mean) / std))
    p = (np.arange(200_000) + 0.5) / 200_000
    observed = np.searchsorted(needed, p, side="right") / 23
    area = metrics_of(y, mean, std)["miscalibration_area"]
    assert_allclose(area, np.mean(np.abs(observed - p)), atol=1e-6)
    assert metrics_of(y, mean, 1e9 * std)["miscalibration_area"] == pytest.approx(0.5)
    assert metrics_of(y, mean, 1e-9 * std)["miscalibration_area"] == pytest.approx(0.5)


def test_scores_agree_with_scipy_and_with_integration():
    y, mean, std = gaussian_sample(9)
    found = metrics_of(y, mean, std)
    assert_allclose(found["nll"], -stats.norm.logpdf(y, mean, std).mean(), rtol=1e-12)
    scores = [
        integrate.quad(lambda x, m=m, s=s: stats.norm.cdf(x, m, s) ** 2, -20, label)[0]
        + integrate.quad(lambda x, m=m, s=s: stats.norm.sf(x, m, s) ** 2, label, 20)[0]
        for label, m, s in zip(y, mean, std, strict=True)
    ]
    assert_allclose(found["crps"], np.mean(scores), rtol=1e-6)


def test_ordering_by_the_error_is_ideal():
    y, mean, _ = gaussian_sample(500)
    error = np.abs(y - mean)
    found = metrics_of(y, mean, error)
    assert found["sparsification_error"] == 0
    assert found["spearman"] == pytest.approx(1)
    worst = metrics_of(y, mean, 10 - error)
    assert worst["spearman"] == pytest.approx(-1)
    assert worst["sparsification_error"] > 1


@pytest.mark.parametrize(
    ("distribution", "expected"),
    [(stats.norm, 0.5697), (stats.expon, np.pi**2 / 6 - 1), (stats.bernoulli(1), 0)],
    ids=["normal", "exponential", "constant"],
)
def test_random_order_gives_what_the_documentation_says(distribution, expected):
    y = distribution.rvs(size=30_000, random_state=0).astype(float)
    zero, rng = np.zeros_like(y), np.random.default_rng(1)
    shuffled = rng.permutation(np.abs(y)) + rng.random(y.size)
    random = metrics_of(y, zero, shuffled)["sparsification_error"]
    constant = metrics_of(y, zero, zero + 0.3)["sparsification_error"]
    assert_allclose([random, constant], expected, atol=0.02)
    _, mae, oracle = sparsification_curve(y, zero, zero + 0.3)
    assert_allclose(mae, mae[0])
    assert_allclose(constant, 1 - oracle.mean() / oracle[0], atol=1e-9)


def test_sparsification_curve_by_hand():
    y, mean = np.array([4.0, 1.0, 3.0, 2.0]), np.zeros(4)
    removed, mae, oracle = sparsification_curve(y, mean, [0.1, 0.4, 0.3, 0.2])
    assert_array_equal(removed, [0, 0.25, 0.5, 0.75])
    assert_allclose(mae, [2.5, 3, 3, 4])
    assert_allclose(oracle, [2.5, 2, 1.5, 1])
    found = metrics_of(y, mean, [0.1, 0.4, 0.3, 0.2])
    assert_allclose(found["sparsification_error"], (0 + 1 + 1.5 + 3) / 4 / 2.5)


def test_equal_std_are_removed_in_mean_order():
    y, mean, std = [4.0, 1.0, 3.0, 2.0], np.zeros(4), np.array([0.2, 0.1, 0.2, 0.2])
    _, mae, _ = sparsification_curve(y, mean, std)
    assert_allclose(mae, [2.5, 7 / 3, 2, 1])


def test_curve_and_coverages_agree():
    y, mean, std = gaussian_sample(200)
    expected, observed = calibration_curve(y, mean, std)
    assert_array_equal(expected, np.linspace(0, 1, 101).round(2))
    assert observed[0] == 0
    assert observed[-1] == 1
    assert (np.diff(observed) >= 0).all()
    assert observed[95] == pytest.approx(metrics_of(y, mean, std)["coverage_95"])


def test_targets_are_measured_alone_and_missing_labels_left_out():
    a, b = gaussian_sample(60, seed=1), gaussian_sample(60, seed=2)
    y, mean, std = (np.column_stack(pair) for pair in zip(a, b, strict=True))
    y[[3, 7], 0] = np.nan
    y[10:30, 1] = np.nan
    found = uncertainty_metrics(pd.DataFrame(y, columns=["energy", "gap"]), mean, std)
    assert list(found.index) == ["energy", "gap"]
    assert list(found.columns) == METRICS
    for t, name in enumerate(found.index):
        known = ~np.isnan(y[:, t])
        alone = uncertainty_metrics(
            pd.Series(y[known, t], name=name), mean[known, t], std[known, t]
        )
        pd.testing.assert_frame_equal(alone, found.loc[[name]])
        for curve in (calibration_curve, sparsification_curve):
            everywhere = curve(y[:, [t]], mean[:, [t]], std[:, [t]])
            kept = curve(y[known, t], mean[known, t], std[known, t])
            for one, other in zip(everywhere, kept, strict=True):
                assert_array_equal(one, other)


def test_names():
    y = np.ones((3, 2))
    assert list(uncertainty_metrics(y, y, y).index) == ["target_0", "target_1"]
    named = pd.DataFrame(y, columns=["a", "b"])
    assert list(
        uncertainty_metrics(named, y, y, target_names=["gap", "bulk modulus"]).index
    ) == ["gap", "bulk modulus"]
    series = pd.Series(y[:, 0], name="gap")
    assert list(uncertainty_metrics(series, y[:, 0], y[:, 0]).index) == ["gap"]


def test_few_labels():
    y = np.array([[np.nan, 1.0, 1.0], [np.nan, np.nan, 3.0]])
    mean, std = np.full((2, 3), 1.5), np.array([[1, 1, 1], [1, 1, 2.0]])
    found = uncertainty_metrics(y, mean, std)
    assert found.loc["target_0"].isna().all()
    one = found.loc["target_1"]
    assert list(one.index[one.isna()]) == ["spearman", "sparsification_error"]
    assert one["mae"] == 0.5
    assert one["coverage_68"] == 1
    assert found.loc["target_2"].notna().all()


def test_constant_std_and_constant_error_have_no_rank_correlation():
    y, mean, std = gaussian_sample(20)
    assert np.isnan(metrics_of(y, mean, np.ones(20))["spearman"])
    found = metrics_of(np.zeros(20), np.ones(20), std)
    assert np.isnan(found["spearman"])
    assert found["sparsification_error"] == 0


def test_certain_predictions():
    hit, miss = (1.0, 1.0, 0.0), (1.0, 3.0, 0.0)
    doubted = (1.0, 2.0, 1.0)
    for rows, nll, coverage in [
        ([hit, doubted], -np.inf, 1.0),
        ([miss, doubted], np.inf, 0.5),
        ([hit, miss], np.inf, 0.5),
    ]:
        found = metrics_of(*np.transpose(rows))
        assert found["nll"] == nll
        assert found["coverage_68"] == found["coverage_95"] == coverage
    assert_allclose(metrics_of(*np.transpose([miss, hit]))["crps"], 1)
    exact = metrics_of(*np.transpose([hit, hit]))
    assert exact["mae"] == exact["crps"] == exact["sparsification_error"] == 0


# Numbers of half precision: no product of theirs is too small for a float.
half = partial(st.floats, width=16, allow_subnormal=False)


@settings(max_examples=30, deadline=None)
@given(
    rows=st.lists(
        st.tuples(half(-9, 9), half(-9, 9), half(0.015625, 9)),
        min_size=2,
        max_size=12,
    ),
    power=st.integers(-12, 12),
)
def test_a_change_of_unit_and_of_order(rows, power):
    # A power of two: rounding cannot move an error over the edge of an interval.
    y, mean, std = np.transpose(rows)
    c = 2.0**power
    plain, scaled = metrics_of(y, mean, std), metrics_of(c * y, c * mean, c * std)
    turned = metrics_of(y[::-1], mean[::-1], std[::-1])
    assert_allclose(turned, plain, atol=1e-9)
    plain[IN_UNITS] *= c
    plain["nll"] += np.log(c)
    assert_allclose(scaled, plain, rtol=1e-9, atol=1e-9)
    assert scaled["crps"] > 0
    assert 0 <= scaled["miscalibration_area"] <= 0.5 + 1e-12


BAD = [
    ({"mean": np.ones(2)}, "mean has shape (2,), but y has (3,)"),
    ({"std": np.ones((3, 1))}, "std has shape (3, 1), but y has (3,)"),
    ({"std": None}, "std has shape ()"),
    ({"std": [1, -0.5, 1]}, "std[1] of target_0 is -0.5; it must be finite and not"),
    ({"std": [1, 1, np.inf]}, "std[2] of target_0 is inf"),
    ({"std": [np.nan, 1, 1]}, "std[0] of target_0 is nan"),
    ({"mean": [1, np.nan, 1]}, "mean[1] of target_0 is nan; it must be finite."),
    ({"y": [1, 2, -np.inf]}, "y[2] of target_0 is -inf"),
    ({"y": []}, "y has shape (0,)"),
    ({"y": None}, "y has shape ()"),
    ({"y": np.ones((3, 1, 1))}, "y has shape (3, 1, 1)"),
]


@pytest.mark.parametrize(("change", "message"), BAD, ids=[m for _, m in BAD])
@pytest.mark.parametrize(
    "function", [uncertainty_metrics, calibration_curve, sparsification_curve]
)
def test_bad_arrays_are_refused(function, change, message):
    arrays = {"y": np.ones(3), "mean": np.ones(3), "std": np.ones(3)} | change
    with pytest.raises(ValueError, match=re.escape(message)):
        function(**arrays)


def test_bad_std_is_found_in_its_target():
    y = np.ones((4, 2))
    std = y.copy()
    std[2, 1] = -1
    with pytest.raises(ValueError, match=re.escape("std[2] of gap is -1.0")):
        uncertainty_metrics(y, y, std, target_names=["energy", "gap"])


def test_names_that_do_not_fit_are_refused():
    y = np.ones((4, 2))
    with pytest.raises(ValueError, match=r"target_names has 1 entries \(gap\), but y"):
        uncertainty_metrics(y, y, y, target_names=["gap"])


@pytest.mark.parametrize("curve", [calibration_curve, sparsification_curve])
def test_curves_are_of_one_target_with_labels(curve):
    y = np.ones((4, 2))
    with pytest.raises(ValueError, match="_curve takes one target, but y has 2"):
        curve(y, y, y)
    with pytest.raises(ValueError, match="y has no label for target_0"):
        curve(np.full(4, np.nan), np.ones(4), np.ones(4))
