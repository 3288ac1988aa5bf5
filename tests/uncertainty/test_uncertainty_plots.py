"""Pictures of predictive standard deviations: what is drawn, where, in which unit."""

import sys

import numpy as np
import pytest
from matplotlib import pyplot as plt
from numpy.testing import assert_allclose, assert_array_equal

from skcrystal.uncertainty._curves import calibration_curve, sparsification_curve
from skcrystal.uncertainty._metrics import uncertainty_metrics
from skcrystal.uncertainty._plots import (
    plot_calibration,
    plot_error_against_std,
    plot_sparsification,
)

PLOTS = [plot_calibration, plot_error_against_std, plot_sparsification]
NAMES, UNITS = ["formation energy", "band gap"], ["eV/atom", "eV"]


@pytest.fixture(autouse=True)
def no_windows():
    plt.switch_backend("Agg")
    yield
    plt.close("all")


@pytest.fixture
def sample():
    """Labels, means and standard deviations of two targets, some labels missing."""
    rng = np.random.default_rng(0)
    std = np.column_stack([rng.lognormal(-3, 1, 120), rng.uniform(0.3, 0.9, 120)])
    mean = rng.normal(size=(120, 2))
    y = mean + 1.5 * std * rng.standard_normal((120, 2))
    y[:10, 0] = np.nan
    return y, mean, std


def line(axis, label):
    (found,) = [one for one in axis.lines if one.get_label().startswith(label)]
    return found.get_data()


def legend(axis):
    return [text.get_text() for text in axis.get_legend().get_texts()]


@pytest.mark.parametrize("plot", PLOTS)
def test_makes_a_figure_with_one_axis_a_target(plot, sample, tmp_path):
    axes = plot(*sample, target_names=NAMES)
    assert isinstance(axes, np.ndarray)
    assert axes.shape == (2,)
    assert [axis.get_title() for axis in axes] == NAMES
    assert list(axes[0].figure.axes) == list(axes)
    axes[0].figure.savefig(tmp_path / "picture.png", dpi=30)
    one = plot(*(array[:, 1] for array in sample))
    assert one.shape == (1,)
    assert one[0].get_title() == "target_0"


@pytest.mark.parametrize("plot", PLOTS)
def test_draws_on_the_axes_that_are_given(plot, sample):
    grid = plt.figure().subplots(2, 2)
    axes = plot(*sample, ax=grid[1])
    assert list(axes) == list(grid[1])
    assert not grid[0, 0].has_data()
    assert len(plt.get_fignums()) == 1
    only = plot(*(array[:, 0] for array in sample), ax=grid[0, 1])
    assert list(only) == [grid[0, 1]]
    assert grid[0, 1].has_data()
    with pytest.raises(ValueError, match="ax holds 4 axes, but y has 2 targets"):
        plot(*sample, ax=grid)


def test_calibration_draws_its_curve(sample):
    axes = plot_calibration(*sample)
    metrics = uncertainty_metrics(*sample)["miscalibration_area"]
    for t, axis in enumerate(axes):
        expected, observed = calibration_curve(*(array[:, t] for array in sample))
        assert_array_equal(line(axis, "model"), [expected, observed])
        assert_array_equal(line(axis, "calibrated"), [expected, expected])
        assert f"model: miscalibration area {metrics.iloc[t]:.3f}" in legend(axis)
        assert axis.get_xlim() == axis.get_ylim() == (0, 1)
    assert legend(axes[0])[0] == "95 % by chance, 110 labels"


def test_calibration_band_holds_calibrated_models():
    rng = np.random.default_rng(3)
    inside = []
    for _ in range(20):
        y = rng.standard_normal(150)
        axis = plot_calibration(y, np.zeros(150), np.ones(150))[0]
        band = axis.collections[0].get_paths()[0].vertices
        levels, observed = line(axis, "model")
        for level, value in zip(levels[10:95:10], observed[10:95:10], strict=True):
            edges = band[np.isclose(band[:, 0], level), 1]
            inside.append(edges.min() <= value <= edges.max())
        plt.close()
    assert 0.88 < np.mean(inside) <= 1


def test_sparsification_draws_its_curves(sample):
    axes = plot_sparsification(*sample, units=UNITS)
    metrics = uncertainty_metrics(*sample)
    for t, (axis, unit) in enumerate(zip(axes, UNITS, strict=True)):
        removed, mae, oracle = sparsification_curve(*(array[:, t] for array in sample))
        assert_array_equal(line(axis, "by std"), [removed, mae])
        assert_array_equal(line(axis, "by error"), [removed, oracle])
        assert_allclose(line(axis, "random")[1], metrics["mae"].iloc[t])
        assert axis.get_ylabel() == f"MAE of the rest ({unit})"
        assert axis.get_ylim()[1] > mae.max()
        area = metrics["sparsification_error"].iloc[t]
        assert f"by std: sparsification error {area:.2f}" in legend(axis)


def test_every_error_is_drawn(sample):
    y, mean, std = sample
    axes = plot_error_against_std(*sample, units=UNITS)
    for t, (axis, unit) in enumerate(zip(axes, UNITS, strict=True)):
        assert axis.get_xlabel() == f"predicted standard deviation ({unit})"
        assert axis.get_ylabel() == f"absolute error ({unit})"
        known = ~np.isnan(y[:, t])
        points = np.concatenate(
            [
                dots.get_offsets()
                for dots in axis.collections
                if dots.get_label() in ("predictions", "smaller errors")
            ]
        )
        order, drawn = np.argsort(std[known, t]), np.argsort(points[:, 0])
        error = np.abs(y - mean)[known, t][order]
        bottom = axis.get_ylim()[0]
        assert_allclose(points[drawn, 0], std[known, t][order])
        assert_allclose(points[drawn, 1], np.maximum(error, bottom))
        assert_array_equal(*line(axis, "error = std"))
        inside = 100 * uncertainty_metrics(*sample)["coverage_68"].iloc[t]
        assert legend(axis)[0] == f"68 % expected here, {inside:.0f} % found"
    assert [axis.get_xscale() for axis in axes] == ["log", "linear"]
    assert [axis.get_yscale() for axis in axes] == ["log", "linear"]
    assert "smaller errors" in legend(axes[0])
    assert "smaller errors" not in legend(axes[1])


def test_bins_hold_equally_many_and_keep_the_mean_square(sample):
    y, mean, std = (array[:, 1] for array in sample)
    axis = plot_error_against_std(y, mean, std, n_bins=4)[0]
    x, rmse = line(axis, "root mean square")
    order = np.argsort(std).reshape(4, 30)
    assert_allclose(x, np.sqrt((std[order] ** 2).mean(axis=1)))
    assert_allclose(rmse, np.sqrt(((y - mean)[order] ** 2).mean(axis=1)))


def test_equal_std_share_a_bin():
    error, std = np.array([3.0, 4.0, 1.0, 1.0]), np.array([2.0, 2.0, 2.0, 5.0])
    axis = plot_error_against_std(error, np.zeros(4), std)[0]
    assert_allclose(line(axis, "root mean square"), [[2, 5], [np.sqrt(26 / 3), 1]])
    axis = plot_error_against_std(error, np.zeros(4), np.full(4, 2.0))[0]
    assert_allclose(line(axis, "root mean square"), [[2], [np.sqrt(27 / 4)]])


@pytest.mark.parametrize("plot", PLOTS)
def test_degenerate_samples_are_drawn(plot, tmp_path):
    zero = np.zeros(5)
    for y, std in [(zero, zero), (zero + 1, zero), ([1.0], [0.1])]:
        axis = plot(y, np.zeros(len(y)), std)[0]
        axis.figure.savefig(tmp_path / "picture.png", dpi=20)
    certain = np.array([0, 0.01, 0.1, 1, 10])  # zero has no place on a logarithm
    axis = plot(zero + 1, zero, certain)[0]
    assert axis.get_xscale() == "linear"


@pytest.mark.parametrize("plot", PLOTS)
def test_a_target_without_labels_is_refused(plot, sample):
    y, mean, std = sample
    y[:, 1] = np.nan
    with pytest.raises(ValueError, match="y has no label for band gap"):
        plot(y, mean, std, target_names=NAMES)
    assert not plt.get_fignums()


@pytest.mark.parametrize("plot", PLOTS[1:])
def test_units_that_do_not_fit_are_refused(plot, sample):
    with pytest.raises(ValueError, match=r"units has 1 entries \(eV\), but y has 2"):
        plot(*sample, units=["eV"])


def test_no_bins_are_refused(sample):
    with pytest.raises(ValueError, match="n_bins is 0; at least one bin is needed"):
        plot_error_against_std(*sample, n_bins=0)


@pytest.mark.parametrize("plot", PLOTS)
def test_missing_matplotlib_is_named_with_the_way_out(plot, sample, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r'pip install "skcrystal\[plot\]"'):
        plot(*sample)
