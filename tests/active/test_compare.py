"""Comparison of strategies, and the labels that they save."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from numpy.testing import assert_allclose
from sklearn.pipeline import make_pipeline

from skcrystal import (
    AngularCoGNRegressor,
    CGCNNRegressor,
    CrystalGraphTransformer,
    EnsembleRegressor,
    SymGNNRegressor,
)
from skcrystal.active import (
    ActiveLearningCampaign,
    SimulatedOracle,
    average_seeds,
    compare_strategies,
    labels_saved,
    max_std,
    random_sampling,
)

KEYS = ["architecture", "strategy", "seed", "cycle"]
SIZES = {"n_initial": 8, "batch_size": 6, "n_cycles": 2}


def without_seconds(frame):
    return frame[[c for c in frame if not c.startswith("seconds")]]


@pytest.fixture
def models(model):
    model.set_params(random_state=None)
    other = CGCNNRegressor(hidden_dim=8, n_layers=1, max_epochs=1, dropout=0.1)
    return {"GCN": model, "CGCNN": other}


@pytest.fixture
def data(small, small_graphs):
    y = pd.DataFrame(small[1], columns=["energy", "gap"])
    return small_graphs[:28], y[:28], small_graphs[28:], y[28:]


def test_one_row_a_cycle_of_each_campaign(models, data):
    strategies = {"random": random_sampling, "std": max_std}
    results = compare_strategies(models, strategies, *data, **SIZES, seeds=2)
    assert len(results) == 2 * 2 * 2 * 3
    assert not results.duplicated(KEYS).any()
    assert list(results)[:4] == KEYS
    assert set(results["n_labelled"]) == {8, 14, 20}
    assert {"mae_energy", "rmse_gap", "r2_gap", "mean_std_energy"} <= set(results)
    # Of one seed, all strategies begin alike; other seeds do not.
    start = results[results["cycle"] == 0].pivot(
        index=["architecture", "seed"], columns="strategy", values="mae_gap"
    )
    assert (start["random"] == start["std"]).all()
    assert start["std"].nunique() == 4
    # Deviations over seeds are a line of pandas.
    spread = results.groupby(["architecture", "strategy", "cycle"])["mae_gap"].std()
    assert (spread > 0).all()


def test_it_is_what_a_campaign_by_itself_gives(models, data):
    pool, y_pool, test, y_test = data
    results = compare_strategies(
        models, {"std": max_std}, *data, **SIZES, seeds=[5]
    ).query("architecture == 'CGCNN'")
    campaign = ActiveLearningCampaign(
        models["CGCNN"], max_std, SimulatedOracle(y_pool), **SIZES, random_state=5
    ).run(pool, test, y_test)
    pd.testing.assert_frame_equal(
        without_seconds(results).drop(columns=KEYS[:3]).reset_index(drop=True),
        without_seconds(campaign.history_),
    )


def test_several_processes_give_the_same(models, data):
    strategies = {"random": random_sampling, "std": max_std}
    one, two = (
        compare_strategies(
            {"GCN": models["GCN"]}, strategies, *data, **SIZES, seeds=2, n_jobs=n_jobs
        )
        for n_jobs in (1, 2)
    )
    pd.testing.assert_frame_equal(without_seconds(one), without_seconds(two))


def test_arms_without_queries_and_with_ensembles(models, data):
    def ensemble(estimator):
        return EnsembleRegressor(estimator, 2)

    arms = {"std": (max_std, ensemble), "all": None, "all, ensemble": (None, ensemble)}
    results = compare_strategies(
        {"GCN": models["GCN"]}, arms, *data, **SIZES, seeds=1
    ).set_index("strategy")
    assert results.loc["std", "n_labelled"].tolist() == [8, 14, 20]
    for fixed in ("all", "all, ensemble"):
        assert results.loc[fixed, "n_labelled"] == 20
    assert results["mean_std_gap"].gt(0).all()
    # More than there is: all of it
    sizes = {**SIZES, "n_cycles": 9}
    results = compare_strategies(
        {"GCN": models["GCN"]}, {"all": None, "std": max_std}, *data, **sizes, seeds=1
    )
    assert results.groupby("strategy")["n_labelled"].max().tolist() == [28, 28]


def test_graphs_are_built_once_for_all(models, small, monkeypatch):
    calls = []
    build = CrystalGraphTransformer.transform

    def count(self, X):
        calls.append(len(X))
        return build(self, X)

    monkeypatch.setattr(CrystalGraphTransformer, "transform", count)
    structures, y, _ = small
    split = structures[:28], y[:28], structures[28:], y[28:]
    arms = {"random": random_sampling, "std": max_std}
    sizes = {"n_initial": 8, "batch_size": 6, "n_cycles": 1, "seeds": 2}
    piped = {
        name: make_pipeline(CrystalGraphTransformer(), m) for name, m in models.items()
    }
    results = {}
    for name, estimators in {"plain": models, "piped": piped}.items():
        results[name] = compare_strategies(estimators, arms, *split, **sizes)
        assert sorted(calls) == [12, 28], name
        calls.clear()
    pd.testing.assert_frame_equal(*map(without_seconds, results.values()))
    piped["GCN"].set_params(crystalgraphtransformer__cutoff=6.0)
    wider = compare_strategies(piped, arms, *split, **sizes)
    assert sorted(calls) == [12, 12, 28, 28]
    errors = wider.groupby("architecture")["mae_target_0"].mean()
    before = results["piped"].groupby("architecture")["mae_target_0"].mean()
    assert errors["CGCNN"] == before["CGCNN"]
    assert errors["GCN"] != before["GCN"]


def test_each_architecture_gets_the_graphs_that_it_reads(small):
    size = {"hidden_dim": 8, "n_layers": 1, "max_epochs": 1}
    # Both read vectors, the second none of graphs whose equal atoms are merged.
    models = {"merged": AngularCoGNRegressor(**size), "all": SymGNNRegressor(**size)}
    structures, y, _ = small
    split = structures[:14], y[:14], structures[14:20], y[14:20]
    results = compare_strategies(models, {"once": None}, *split, n_initial=8, seeds=1)
    assert results["architecture"].tolist() == ["merged", "all"]


def test_a_stopped_comparison_goes_on(models, data, tmp_path):
    asked = []

    def strategy(learner, X_pool, n_instances=1):
        if len(asked) == 3:
            raise KeyboardInterrupt
        asked.append(len(X_pool))
        return max_std(learner, X_pool, n_instances)

    options = {**SIZES, "seeds": 2, "directory": tmp_path / "of three"}
    model = {"GCN": models["GCN"]}
    with pytest.raises(KeyboardInterrupt):
        compare_strategies(model, {"mine": strategy}, *data, **options)
    n_asked = len(asked)
    asked.append("on")
    resumed = compare_strategies(model, {"mine": strategy}, *data, **options)
    assert n_asked == 3
    assert asked[3:] == ["on", 14]  # the one query that was missing
    options["directory"] = None
    direct = compare_strategies(model, {"mine": max_std}, *data, **options)
    pd.testing.assert_frame_equal(without_seconds(resumed), without_seconds(direct))
    assert len(list((tmp_path / "of three").glob("*/campaign.jsonl"))) == 2


def test_names_that_would_share_a_folder(models, data, tmp_path):
    arms = {"std/1": max_std, "std 1": max_std}
    with pytest.raises(ValueError, match=r"would share the folder .*rename one"):
        compare_strategies(models, arms, *data, **SIZES, directory=tmp_path)


# Labels saved


def results_of(curves, seeds=1, noise=0.0):
    """Learning curves as `compare_strategies` gives them."""
    random = np.random.RandomState(0)
    rows = []
    for strategy, errors in curves.items():
        for seed in range(seeds):
            lift = noise * random.normal()
            rows += [
                ("net", strategy, seed, cycle, 100 * (cycle + 1), error + lift)
                for cycle, error in enumerate(errors)
            ]
    return pd.DataFrame(rows, columns=[*KEYS, "n_labelled", "mae_gap"])


@pytest.mark.parametrize(
    ("errors", "n_baseline", "n_strategy", "saved"),
    [
        ([4, 2, 1, 0.5], 400, 300, 1 / 4),
        ([4, 2, 0.5, 0.5], 400, 200 + 200 / 3, 1 / 3),  # between two cycles
        ([1, 0.9, 0.8, 0.7], 400, 100, 3 / 4),  # from the start
        ([4, 3, 2, 1], 400, 400, 0),
        ([5, 4, 3, 2], 400, np.nan, -1 / 4),  # random is there with 300
        ([4, 0.9, 3, 1.2], 400, np.nan, -1 / 20),  # one lucky cycle saves nothing
        ([9, 9, 9, 9], 400, np.nan, -3 / 4),  # random is better from its start on
        ([1.5, 1.5, 1.5, 1.5], 400, np.nan, -1 / 8),  # soon good, but never there
    ],
)
def test_labels_saved_of_known_curves(errors, n_baseline, n_strategy, saved):
    results = results_of({"mine": errors, "random": [4, 3, 2, 1]})
    table = labels_saved(results, "gap", n_bootstrap=3)
    assert len(table) == 1
    row = table.iloc[0]
    assert (row["architecture"], row["strategy"]) == ("net", "mine")
    assert_allclose(row["error"], 1)
    assert_allclose(row["n_baseline"], n_baseline)
    assert_allclose(row["n_strategy"], n_strategy)
    assert_allclose(row["saved"], saved, atol=1e-12)
    assert row["n_seeds"] == 1
    assert np.isnan(row["low"])
    assert np.isnan(row["high"])


def test_a_plateau_of_random_is_no_merit_of_others():
    """Its last labels brought nothing; that is not counted against it."""
    flat = [4, 2, 1, 1]
    table = labels_saved(
        results_of({"random": flat, "mine": flat}), "gap", n_bootstrap=9
    )
    assert_allclose(table["saved"], 0)
    for curve, saved in [([4, 1, 1, 1], 1 / 3), ([4, 3, 2, 1], -1 / 4)]:
        results = results_of({"random": flat, "mine": curve})
        table = labels_saved(results, "gap", n_bootstrap=9)
        assert_allclose(table["saved"], saved)


curves = st.lists(st.floats(0.1, 10), min_size=5, max_size=5)


@settings(deadline=None, max_examples=50)
@given(one=curves, two=curves)
def test_exchanging_roles_changes_the_sign(one, two):
    results = results_of({"one": one, "two": two})
    a = labels_saved(results, "gap", baseline="one", n_bootstrap=1).iloc[0]
    b = labels_saved(results, "gap", baseline="two", n_bootstrap=1).iloc[0]
    assert -1 < a["saved"] < 1
    # Both are compared at the error of the one that ends worse.
    never = np.isnan(a["n_strategy"]) or np.isnan(b["n_strategy"])
    if never and (np.diff([one, two]) < 0).all():  # on a plateau, labels go for nothing
        assert_allclose(a["saved"], -b["saved"], atol=1e-9)


def test_uncertainty_over_seeds():
    curves = {"random": [4.0, 3, 2, 1], "mine": [3.0, 2, 1, 0.5]}
    widths = []
    for noise in (0.0, 0.05, 0.3):
        results = results_of(curves, seeds=6, noise=noise)
        row = labels_saved(results, "gap", n_bootstrap=100).iloc[0]
        assert row["low"] <= row["saved"] <= row["high"]
        assert row["n_seeds"] == 6
        widths.append(row["high"] - row["low"])
        again = labels_saved(results, "gap", n_bootstrap=100).iloc[0]
        assert (again["low"], again["high"]) == (row["low"], row["high"])
    assert widths[0] == 0
    assert 0 < widths[1] < widths[2]


def test_failed_crystals_shift_the_counts():
    """Where labels are missing, campaigns of one kind differ in their counts."""
    results = results_of({"random": [4.0, 3, 2, 1], "mine": [4.0, 2, 1, 0.5]}, seeds=2)
    results.loc[results["seed"] == 1, "n_labelled"] -= 2
    row = labels_saved(results, "gap", n_bootstrap=9).iloc[0]
    assert_allclose(row["n_baseline"], 399)
    assert_allclose(row["saved"], 1 - 299 / 399)
    # A cycle of which every crystal failed leaves the count as it was.
    results.loc[results["cycle"] == 2, "n_labelled"] = 200
    labels_saved(results, "gap", n_bootstrap=9)


def test_campaigns_that_were_stopped_early_are_left_out():
    results = results_of({"random": [4.0, 3, 2, 1], "mine": [4.0, 2, 1, 0.5]}, seeds=3)
    results = results[(results["seed"] < 2) | (results["cycle"] < 2)]
    row = labels_saved(results, "gap", n_bootstrap=9).iloc[0]
    assert row["n_seeds"] == 2
    assert_allclose(row["saved"], 1 / 4)


def test_a_seed_that_went_on_is_cut():
    results = results_of({"random": [4.0, 3, 2, 1], "mine": [4.0, 2, 1, 0.5]}, seeds=3)
    further = results[(results["seed"] == 0) & (results["cycle"] == 3)]
    further = further.assign(cycle=4, n_labelled=500, mae_gap=0.1)
    row = labels_saved(pd.concat([results, further]), "gap", n_bootstrap=9).iloc[0]
    assert row["n_seeds"] == 3
    assert_allclose(row["saved"], 1 / 4)


def test_what_cannot_be_compared_is_named():
    results = results_of({"random": [4.0, 3], "mine": [4.0, 2]})
    with pytest.raises(ValueError, match="not an error"):
        labels_saved(results, "gap", metric="r2")
    other = results.assign(architecture="other")
    other = other[other["strategy"] == "mine"]
    with pytest.raises(ValueError, match="no 'random' for other"):
        labels_saved(pd.concat([results, other]), "gap")
    apart = results.assign(seed=(results["strategy"] == "mine").astype(int))
    with pytest.raises(ValueError, match="'mine': no seed and cycle in common"):
        labels_saved(apart, "gap")


def test_seeds_are_averaged():
    results = results_of({"random": [4.0, 3.0]}, seeds=3, noise=0.5)
    table = average_seeds(results)
    assert table["n_seeds"].tolist() == [3, 3]
    by_hand = results[results["cycle"] == 1]["mae_gap"]
    assert_allclose(table["mae_gap"].iloc[1], by_hand.mean())
    assert_allclose(table["mae_gap_std"].iloc[1], by_hand.std())


def test_arms_of_one_point_have_no_curve(models, data):
    arms = {"random": random_sampling, "std": max_std, "all": None}
    results = compare_strategies(models, arms, *data, **SIZES, seeds=2)
    table = labels_saved(results, "energy", n_bootstrap=20)
    assert table["strategy"].tolist() == ["std", "std"]
    assert set(table["architecture"]) == {"GCN", "CGCNN"}
    assert table["saved"].between(-1, 1).all()


@pytest.mark.parametrize("metric", ["mae", "rmse"])
def test_errors_by_another_metric(metric):
    results = results_of({"random": [4.0, 3, 2, 1], "mine": [4.0, 2, 1, 0.5]})
    results = results.rename(columns={"mae_gap": f"{metric}_gap"})
    row = labels_saved(results, "gap", metric=metric, n_bootstrap=9).iloc[0]
    assert_allclose(row["saved"], 1 / 4)


def test_what_is_not_there():
    results = results_of({"random": [2.0, 1]})
    with pytest.raises(ValueError, match=r"no column 'mae_energy'; it has .*'mae_gap'"):
        labels_saved(results, "energy")
    with pytest.raises(ValueError, match=r"no strategy 'chance'; it has \['random'\]"):
        labels_saved(results, "gap", baseline="chance")
