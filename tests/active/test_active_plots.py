"""Plots of campaigns: curves, axes and units."""

import sys

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from numpy.testing import assert_allclose, assert_array_equal

from skcrystal.active import (
    plot_disagreement,
    plot_learning_curves,
    plot_parity,
    plot_queried,
)

ENERGY = "formation_energy"


@pytest.fixture(autouse=True)
def no_windows():
    plt.switch_backend("Agg")
    yield
    plt.close("all")


@pytest.fixture
def results():
    """Two architectures, three strategies, two seeds; one trains once, at 40 labels."""
    rows = []
    for architecture, level in [("CGCNN", 0.4), ("SchNet", 0.3)]:
        for strategy, sizes in [
            ("random", [20, 30, 40]),
            ("max_std", [20, 30, 40]),
            ("fixed", [40]),
        ]:
            for seed in (0, 1):
                for cycle, n in enumerate(sizes):
                    mae = level / (cycle + 1) + 0.1 * seed * (strategy == "max_std")
                    rows.append(
                        {
                            "architecture": architecture,
                            "strategy": strategy,
                            "seed": seed,
                            "cycle": cycle,
                            "n_labelled": n,
                            f"mae_{ENERGY}": mae,
                            f"rmse_{ENERGY}": 2 * mae,
                            f"r2_{ENERGY}": 1 - mae,
                            f"mean_std_{ENERGY}": (
                                3 * mae if strategy == "max_std" else np.nan
                            ),
                        }
                    )
    return pd.DataFrame(rows)


@pytest.fixture
def pool():
    """Labels of two targets, some missing, and queries of three cycles."""
    rng = np.random.default_rng(0)
    labels = pd.DataFrame({ENERGY: rng.normal(size=500), "band_gap": rng.random(500)})
    labels.loc[:99, "band_gap"] = np.nan
    rows = rng.permutation(500)[:120]
    queries = pd.DataFrame(
        {"cycle": np.repeat([0, 1, 2], 40), "row": rows, "id": rows.astype(str)}
    )
    return labels, queries


def line(axis, label):
    (found,) = [one for one in axis.lines if one.get_label() == label]
    return found.get_data()


def band(axis, number, x):
    """Lower and upper edge of a band at places on x."""
    edges = axis.collections[number].get_paths()[0].vertices
    at = [edges[np.isclose(edges[:, 0], place), 1] for place in x]
    return [found.min() for found in at], [found.max() for found in at]


def legend(axis):
    return [text.get_text() for text in axis.get_legend().get_texts()]


def stairs(axis):
    return {
        patch.get_label(): patch.get_data()
        for patch in axis.patches
        if hasattr(patch, "get_data")
    }


# Learning curves


def test_curves_are_means_over_seeds_with_their_standard_deviation(results):
    axes = plot_learning_curves(results, ENERGY, unit="eV/atom")
    assert isinstance(axes, np.ndarray)
    assert [axis.get_title() for axis in axes] == ["CGCNN", "SchNet"]
    assert axes[0].get_xlabel() == "labelled crystals"
    assert axes[0].get_ylabel() == f"MAE of {ENERGY} (eV/atom)"
    assert axes[1].get_ylabel() == ""
    assert axes[0].get_ylim() == axes[1].get_ylim()
    for axis, level in zip(axes, (0.4, 0.3), strict=True):
        alone = np.array([level, level / 2, level / 3])
        assert_allclose(line(axis, "random"), [[20, 30, 40], alone])
        assert_allclose(line(axis, "max_std"), [[20, 30, 40], alone + 0.05])
        low, high = band(axis, 1, [20, 30, 40])
        spread = 0.1 / np.sqrt(2)  # of two numbers 0.1 apart
        assert_allclose(low, alone + 0.05 - spread)
        assert_allclose(high, alone + 0.05 + spread)
        assert legend(axis) == ["random", "max_std", "fixed"]
        assert axis.get_legend().get_title().get_text() == "mean ± std of 2 seeds"


def test_a_strategy_that_trains_once_is_a_marker_and_a_level(results):
    fixed = results["strategy"] == "fixed"
    results.loc[fixed, f"mae_{ENERGY}"] = [0.2, 0.4, 0.5, 0.5]
    axis = plot_learning_curves(results, ENERGY)[0]
    (bars,) = axis.containers
    assert bars.get_label() == "fixed"
    marker, _, (bar,) = bars
    assert_allclose(marker.get_data(), [[40], [0.3]])
    half = 0.2 / np.sqrt(2)
    assert_allclose(bar.get_segments()[0], [[40, 0.3 - half], [40, 0.3 + half]])
    (level,) = [one for one in axis.lines if list(one.get_xdata()) == [0, 1]]
    assert_allclose(level.get_ydata(), 0.3)
    assert level.get_linestyle() == "--"


def test_one_seed_has_no_band(results, tmp_path):
    axis = plot_learning_curves(results[results["seed"] == 0], ENERGY)[0]
    axis.figure.savefig(tmp_path / "picture.png", dpi=20)
    assert axis.get_legend().get_title().get_text() == ""
    assert not axis.containers[0].has_yerr
    assert np.isfinite(axis.get_ylim()).all()
    some = results[(results["seed"] == 0) | (results["strategy"] == "random")]
    axis = plot_learning_curves(some, ENERGY)[0]
    assert axis.get_legend().get_title().get_text() == "mean ± std of 1–2 seeds"


def test_history_of_a_campaign_is_one_line(results):
    history = results.query("architecture == 'CGCNN' and strategy == 'random'")
    history = history[history["seed"] == 0].drop(
        columns=["architecture", "strategy", "seed"]
    )
    (axis,) = plot_learning_curves(history, ENERGY, metric="r2", unit="eV/atom")
    (drawn,) = axis.lines
    assert_allclose(drawn.get_data(), [[20, 30, 40], [0.6, 0.8, 1 - 0.4 / 3]])
    assert axis.get_ylabel() == f"R² of {ENERGY}"  # a number without unit
    assert axis.get_legend() is None
    assert axis.get_title() == ""


def test_seeds_that_lost_labels_are_met_at_their_mean(results):
    late = (results["seed"] == 1) & (results["cycle"] == 2)
    results.loc[late, "n_labelled"] = 38
    axis = plot_learning_curves(results, ENERGY, metric="rmse")[0]
    assert_allclose(line(axis, "random"), [[20, 30, 39], [0.8, 0.4, 0.8 / 3]])


def test_disagreement_leaves_out_what_has_no_std(results):
    results.loc[results["architecture"] == "SchNet", f"mean_std_{ENERGY}"] = np.nan
    (axis,) = plot_disagreement(results, ENERGY, unit="eV/atom")
    assert axis.get_title() == "CGCNN"
    assert axis.get_ylabel() == f"mean std of {ENERGY} (eV/atom)"
    assert legend(axis) == ["max_std"]
    mean = 3 * (np.array([0.4, 0.2, 0.4 / 3]) + 0.05)
    assert_allclose(line(axis, "max_std"), [[20, 30, 40], mean])
    low, high = band(axis, 0, [20, 30, 40])
    assert_allclose(np.subtract(high, low), 2 * 0.3 / np.sqrt(2))
    colours = [
        next(one.get_color() for one in axes[0].lines if one.get_label() == "max_std")
        for axes in ([axis], plot_learning_curves(results, ENERGY))
    ]
    assert colours[0] == colours[1]


@pytest.mark.parametrize("plot", [plot_learning_curves, plot_disagreement])
def test_curves_on_axes_that_are_given(plot, results):
    grid = plt.figure().subplots(2, 2)
    axes = plot(results, ENERGY, ax=grid[1])
    assert list(axes) == list(grid[1])
    assert axes[1].get_ylabel() == axes[0].get_ylabel() != ""
    assert not grid[0, 0].has_data()
    assert len(plt.get_fignums()) == 1
    with pytest.raises(
        ValueError, match="ax holds 4 axes, but results has 2 architectures; give one"
    ):
        plot(results, ENERGY, ax=grid)


def test_results_that_do_not_fit_are_refused(results):
    with pytest.raises(ValueError, match=r"metric is 'mse'; .* \['mae', 'rmse', 'r2'"):
        plot_learning_curves(results, ENERGY, metric="mse")
    with pytest.raises(ValueError, match=r"no column 'mae_gap'; .*\['mae_formation"):
        plot_learning_curves(results, "gap")
    with pytest.raises(TypeError, match="results is a list; give the DataFrame"):
        plot_disagreement([1], ENERGY)
    results[f"mean_std_{ENERGY}"] = np.nan
    with pytest.raises(ValueError, match="holds only NaN; use a model with standard"):
        plot_disagreement(results, ENERGY)
    assert not plt.get_fignums()


# Queried crystals


def test_densities_have_the_same_bins_and_integrate_to_one(pool):
    labels, queries = pool
    axes = plot_queried(labels, queries, unit=["eV/atom", "eV"])
    assert [axis.get_xlabel() for axis in axes] == [
        f"{ENERGY} (eV/atom)",
        "band_gap (eV)",
    ]
    assert axes[0].get_ylabel() == "density per eV/atom"
    assert legend(axes[0]) == ["pool (500)", "queried (80)", "initial (40)"]
    rows, cycles = queries["row"].to_numpy(), queries["cycle"].to_numpy()
    gaps = labels["band_gap"].to_numpy()
    for axis, name in zip(axes, labels, strict=True):
        values = labels[name].to_numpy()
        groups = [values, values[rows[cycles > 0]], values[rows[cycles == 0]]]
        drawn = stairs(axis)
        assert len(drawn) == 3
        for of_one, (label, data) in zip(groups, drawn.items(), strict=True):
            known = of_one[~np.isnan(of_one)]
            assert label.endswith(f"({len(known)})")
            assert_array_equal(data.edges, drawn[next(iter(drawn))].edges)
            assert_allclose(np.sum(data.values * np.diff(data.edges)), 1)
            count, _ = np.histogram(known, data.edges)
            assert_allclose(data.values * np.diff(data.edges) * len(known), count)
    assert legend(axes[1])[0] == f"pool ({np.sum(~np.isnan(gaps))})"


def test_queries_may_be_rows_and_labels_an_array(pool):
    labels, queries = pool
    rows = queries["row"].to_numpy()
    (axis,) = plot_queried(labels[ENERGY].to_numpy(), rows)
    assert legend(axis) == ["pool (500)", "queried (120)"]
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("target_0", "density")
    (axis,) = plot_queried(labels[ENERGY], list(rows), unit="eV/atom")
    assert axis.get_xlabel() == f"{ENERGY} (eV/atom)"
    (axis,) = plot_queried(labels, queries, "band_gap")
    assert axis.get_xlabel() == "band_gap"
    axes = plot_queried(labels.to_numpy(), queries, ["a", "b"])
    assert [axis.get_xlabel() for axis in axes] == ["a", "b"]
    first = queries[queries["cycle"] == 0]
    assert legend(plot_queried(labels, first)[0]) == ["pool (500)", "initial (40)"]
    grid = plt.figure().subplots(1, 2)
    assert list(plot_queried(labels, queries, ax=grid)) == list(grid)
    (axis,) = plot_queried([2.0, 2.0], [1])  # no spread to draw is no error
    assert legend(axis) == ["pool (2)", "queried (1)"]


def test_queries_that_do_not_fit_are_refused(pool):
    labels, queries = pool
    for wrong, message in [
        ([0, 500], "queries has row 500, but labels_pool has 500 rows"),
        ([-1], "queries has row -1"),
        ([0.5], r"rows of shape \(1,\) and type float64; integers"),
        (np.ones(500, dtype=bool), r"rows of shape \(500,\) and type bool"),
        ([], r"queries has rows of shape \(0,\)"),
        (queries[["id"]], r"queries has columns \['id'\]; a column 'row' is needed"),
    ]:
        with pytest.raises(ValueError, match=message):
            plot_queried(labels, wrong)
    gone = labels.assign(band_gap=np.nan)
    with pytest.raises(ValueError, match="labels_pool has no label of band_gap for"):
        plot_queried(gone, queries)
    assert not plt.get_fignums()


def test_pools_that_do_not_fit_are_refused(pool):
    labels, queries = pool
    for wrong, options, message in [
        (labels, {"target": "gap"}, "target is 'gap', but labels_pool has no"),
        (labels.to_numpy(), {"target": "gap"}, r"target has 1 names \(gap\), but"),
        (labels, {"unit": "eV"}, r"unit has 1 entries \(eV\), but 2 targets"),
        (np.zeros((2, 2, 2)), {}, r"labels_pool has shape \(2, 2, 2\)"),
        (labels.assign(band_gap=np.inf), {}, r"labels_pool\[0\] of band_gap is inf"),
        (labels.assign(band_gap="x"), {}, "labels_pool must be numeric"),
    ]:
        with pytest.raises(ValueError, match=message):
            plot_queried(wrong, queries, **options)
    with pytest.raises(ValueError, match="ax holds 1 axes, but labels_pool has 2 tar"):
        plot_queried(labels, queries, ax=plt.figure().subplots())


# Parity


def test_parity_draws_known_labels_and_their_errors():
    y = np.array([[0.0, 1.0], [1.0, np.nan], [2.0, 2.0], [3.0, 5.0]])
    mean = y + np.array([[0.1, 0.5], [-0.1, 0.0], [0.1, -0.5], [-0.1, 0.5]])
    mean[1, 1] = 7
    names, units = ["energy", "gap"], ["eV/atom", "eV"]
    axes = plot_parity(y, mean, target_names=names, units=units)
    assert [axis.get_title() for axis in axes] == names
    for t, (axis, unit) in enumerate(zip(axes, units, strict=True)):
        known = ~np.isnan(y[:, t])
        points = axis.collections[0].get_offsets()
        assert_allclose(points, np.column_stack([y[known, t], mean[known, t]]))
        assert axis.get_xlabel() == f"true ({unit})"
        assert axis.get_ylabel() == f"predicted ({unit})"
        assert axis.get_aspect() == 1
        assert axis.get_xlim() == axis.get_ylim()
        assert_array_equal(*axis.lines[0].get_data())
        assert not axis.containers
    # 1 - 4 * 0.01 / 5, and 1 - 3 * 0.25 / (78 / 9)
    assert axes[0].texts[0].get_text() == "MAE 0.1 eV/atom\nR² 0.992"
    assert axes[1].texts[0].get_text() == "MAE 0.5 eV\nR² 0.913"


def test_parity_draws_standard_deviations_as_bars():
    y, mean = pd.Series([1.0, np.nan, 3.0], name="gap"), [1.5, 2.0, 3.0]
    (axis,) = plot_parity(y, mean, [0.2, 9.0, 0.4])
    assert axis.get_title() == "gap"
    (bars,) = axis.containers
    segments = bars[2][0].get_segments()
    assert_allclose(segments, [[[1, 1.3], [1, 1.7]], [[3, 2.6], [3, 3.4]]])
    assert legend(axis) == ["± std"]


def test_parity_of_equal_labels_has_no_r2(tmp_path):
    for y in ([1.0], [2.0, 2.0]):
        (axis,) = plot_parity(y, y)
        axis.figure.savefig(tmp_path / "picture.png", dpi=20)
        assert axis.texts[0].get_text() == "MAE 0"


def test_parity_refuses_what_does_not_fit():
    y = np.array([[1.0, np.nan], [2.0, np.nan]])
    with pytest.raises(ValueError, match="y has no label for target_1"):
        plot_parity(y, np.zeros((2, 2)))
    with pytest.raises(ValueError, match=r"mean has shape \(2,\), but y has \(2, 2\)"):
        plot_parity(y, [0.0, 0.0])
    with pytest.raises(ValueError, match=r"std\[1\] of target_0 is -1"):
        plot_parity(y[:, 0], [0.0, 0.0], [0.0, -1.0])
    with pytest.raises(ValueError, match="ax holds 2 axes, but y has 1 target; give"):
        plot_parity(y[:, 0], [0.0, 0.0], ax=plt.figure().subplots(1, 2))


def test_missing_matplotlib_is_named_with_the_way_out(results, pool, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for plot, given in [
        (plot_learning_curves, (results, ENERGY)),
        (plot_disagreement, (results, ENERGY)),
        (plot_queried, pool),
        (plot_parity, ([1.0], [1.0])),
    ]:
        with pytest.raises(ImportError, match=r'pip install "skcrystal\[plot\]"'):
            plot(*given)
