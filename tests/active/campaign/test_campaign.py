"""Campaigns: queries, records and metrics, and resumption after any stop."""

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import killing
import numpy as np
import pandas as pd
import pytest
from ase.calculators.emt import EMT
from hypothesis import given, settings, strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from pandas.testing import assert_frame_equal
from pymatgen.core import Lattice, Structure
from sklearn.base import clone
from sklearn.dummy import DummyRegressor
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error
from sklearn.pipeline import Pipeline, make_pipeline

from skcrystal import (
    ActiveLearner,
    ActiveLearningCampaign,
    CGCNNRegressor,
    CrystalGraphs,
    CrystalGraphTransformer,
    EnsembleRegressor,
    GCNRegressor,
)
from skcrystal.active import (
    CalculatorOracle,
    SimulatedOracle,
    k_center,
    max_std,
    random_sampling,
)
from skcrystal.active.campaign._fingerprint import describe, describe_function
from skcrystal.active.campaign._journal import Journal
from skcrystal.utils._warnings import UnseenElementsWarning

SIZES = {"n_initial": 8, "batch_size": 6, "n_cycles": 2}

# Oracles that fail are told of, which one test looks at.
pytestmark = pytest.mark.filterwarnings("ignore:cycle")


@pytest.fixture
def data(small, small_graphs):
    """Pool of 28 graphs and their labels, 12 for testing."""
    y = pd.DataFrame(small[1], columns=["energy", "gap"])
    return small_graphs[:28], y[:28], small_graphs[28:], y[28:]


def run(
    estimator,
    data,
    strategy=max_std,
    oracle=None,
    ids=None,
    retry_failures=False,
    **options,
):
    pool, y_pool, test, y_test = data
    oracle = SimulatedOracle(y_pool) if oracle is None else oracle
    options = {**SIZES, "random_state": 0, **options}
    campaign = ActiveLearningCampaign(estimator, strategy, oracle, **options)
    return campaign.run(pool, test, y_test, ids=ids, retry_failures=retry_failures)


def assert_same(one, two):
    """Two campaigns asked and found the same; only the clock may differ."""
    for name in ("queries_", "labels_", "failures_", "history_"):
        a, b = getattr(one, name), getattr(two, name)
        a, b = (f[[c for c in f if not c.startswith("seconds")]] for f in (a, b))
        pd.testing.assert_frame_equal(a, b)
    for a, b in zip(one.learner_.X_training, two.learner_.X_training, strict=True):
        assert_array_equal(a.z, b.z)
    pool = one.learner_.X_training
    assert_array_equal(one.learner_.predict(pool), two.learner_.predict(pool))


# What is asked, and what is found


def test_rows_and_columns_of_the_history(model, data):
    campaign = run(model, data)
    history = campaign.history_
    assert list(history) == [
        "cycle",
        "n_labelled",
        "n_failed",
        *(f"{m}_energy" for m in ("mae", "rmse", "r2", "mean_std")),
        *(f"{m}_gap" for m in ("mae", "rmse", "r2", "mean_std")),
        "seconds_query",
        "seconds_oracle",
        "seconds_fit",
        "seconds",
    ]
    assert history["cycle"].tolist() == [0, 1, 2]
    assert history["n_labelled"].tolist() == [8, 14, 20]
    assert (history["n_failed"] == 0).all()
    assert (history.filter(like="seconds") >= 0).all(axis=None)
    parts = history[["seconds_query", "seconds_oracle", "seconds_fit"]].sum(axis=1)
    assert (history["seconds"] >= parts).all()


@pytest.mark.filterwarnings("ignore:X holds elements")
def test_errors_are_those_of_the_last_model(model, data):
    *_, test, y_test = data
    y_test = y_test.copy()
    y_test.iloc[::3, 1] = np.nan
    campaign = run(model, (*data[:3], y_test))
    last = campaign.history_.iloc[-1]
    mean = campaign.estimator_.predict(test)
    _, std = campaign.estimator_.predict(test, return_std=True)
    for t, name in enumerate(y_test):
        known = y_test[name].notna().to_numpy()
        truth, guess = y_test[name][known], mean[known, t]
        assert_allclose(last[f"mae_{name}"], mean_absolute_error(truth, guess))
        assert_allclose(last[f"rmse_{name}"], root_mean_squared_error(truth, guess))
        assert_allclose(last[f"r2_{name}"], r2_score(truth, guess))
        assert_allclose(last[f"mean_std_{name}"], std[:, t].mean())


def test_queries_are_those_of_the_strategy(model, data):
    """Done by hand, cycle by cycle."""
    pool, y, _, _ = data
    campaign = run(model, data)
    queries = campaign.queries_
    assert queries["row"].is_unique
    assert queries["id"].tolist() == [str(row) for row in queries["row"]]
    assert queries.groupby("cycle").size().tolist() == [8, 6, 6]
    known = queries["row"][queries["cycle"] == 0].tolist()
    for cycle in (1, 2):
        free = np.setdiff1d(np.arange(28), known)
        learner = ActiveLearner(clone(model), max_std, pool[known], y.iloc[known])
        picked = free[learner.query(pool[free], n_instances=6)[0]]
        assert queries["row"][queries["cycle"] == cycle].tolist() == picked.tolist()
        known += picked.tolist()
    asked = campaign.labels_.notna().all(axis=1).to_numpy()
    assert_array_equal(np.flatnonzero(asked), np.sort(known))
    assert_array_equal(campaign.labels_[asked], y[asked])
    assert_array_equal(campaign.learner_.y_training, y.iloc[known])


def test_the_start_may_be_given(model, data):
    ids = [f"mp-{i}" for i in range(28)]
    campaign = run(model, data, n_initial=[5, 1, 9], n_cycles=0, ids=ids)
    assert campaign.queries_["row"].tolist() == [5, 1, 9]
    assert campaign.queries_["id"].tolist() == ["mp-5", "mp-1", "mp-9"]
    assert campaign.labels_.loc["mp-9", "gap"] == data[1]["gap"][9]


def test_chance_has_one_seed(model, data):
    model.set_params(random_state=None)
    one, two = (run(model, data, random_sampling, random_state=3) for _ in range(2))
    assert_same(one, two)
    other = run(model, data, random_sampling, random_state=4)
    assert one.queries_["row"].tolist() != other.queries_["row"].tolist()
    free = [run(model, data, random_state=None).queries_["row"] for _ in range(2)]
    assert free[0].tolist() != free[1].tolist()
    # Cycles draw anew, the networks too.
    assert one.history_["mae_gap"].nunique() == 3
    assert model.random_state is None
    assert run(model, data, random_state=np.int64(3), strategy=random_sampling)


FORMS = {
    "list": list,
    "tuple": tuple,
    "Series": lambda x: pd.Series(x, index=range(50, 50 + len(x))),
    "CrystalGraphs": lambda x: CrystalGraphTransformer().transform(x),
}


@pytest.mark.parametrize("name", [*FORMS, "list, piped", "Series, piped"])
def test_every_form_of_pool(model, small, data, name):
    name, _, piped = name.partition(", ")
    form = FORMS[name]
    if piped:
        model = make_pipeline(CrystalGraphTransformer(), model)
    structures = small[0]
    pool, test = form(structures[:28]), form(structures[28:])
    campaign = run(model, (pool, data[1], test, data[3]))
    assert isinstance(campaign.learner_.X_training, CrystalGraphs)
    network = model[-1] if piped else model
    assert_same(campaign, run(network, data))


def test_graphs_are_built_once(model, small, data, monkeypatch):
    calls = []
    build = CrystalGraphTransformer.transform

    def count(self, X):
        calls.append(len(X))
        return build(self, X)

    monkeypatch.setattr(CrystalGraphTransformer, "transform", count)
    pipeline = make_pipeline(CrystalGraphTransformer(), model)
    for estimator in (pipeline, model, EnsembleRegressor(pipeline, 2)):
        run(estimator, (small[0][:28], data[1], small[0][28:], data[3]), k_center)
        assert calls == [28, 12]
        calls.clear()


@pytest.mark.filterwarnings("ignore:X holds elements")
def test_the_last_model_takes_structures(model, small, data):
    structures = small[0]
    pipeline = make_pipeline(CrystalGraphTransformer(), model)
    for estimator in (model, pipeline, EnsembleRegressor(pipeline, 2)):
        campaign = run(
            estimator, (structures[:28], data[1], structures[28:], data[3]), n_cycles=1
        )
        assert_array_equal(
            campaign.estimator_.predict(structures),
            campaign.learner_.predict(CrystalGraphTransformer().transform(structures)),
        )
        assert len(campaign.learner_.X_training) == 14
        with pytest.raises(AttributeError):
            estimator.estimators_  # the one given was not fitted
    assert not hasattr(model, "net_")


def test_a_model_without_uncertainty(data):
    model = GCNRegressor(hidden_dim=8, n_layers=1, max_epochs=1)
    campaign = run(model, data, random_sampling)
    assert campaign.history_["mean_std_gap"].isna().all()
    assert campaign.history_["mae_gap"].notna().all()


def test_models_that_know_no_graphs(data):
    """Any regressor may stand in for comparison, on whatever the pool is."""
    campaign = run(DummyRegressor(), data, random_sampling)
    y = campaign.labels_["gap"].dropna()
    assert_allclose(
        campaign.history_["mae_gap"].iloc[-1], (data[3]["gap"] - y.mean()).abs().mean()
    )


def test_options_of_a_strategy_by_name(model, data):
    by_name = run(model, data, partial(max_std, weights={"gap": 1}))
    by_place = run(model, data, partial(max_std, weights=[0, 1]))
    assert by_name.queries_.equals(by_place.queries_)
    assert not by_name.queries_.equals(run(model, data).queries_)


def test_further_columns_by_scoring(model, data):
    def worst(estimator, X, y):
        return np.abs(estimator.predict(X) - y.to_numpy()).max()

    campaign = run(model, data, scoring={"worst": worst, "n": lambda m, X, y: len(X)})
    history = campaign.history_
    assert (history["worst"] >= history[["mae_energy", "mae_gap"]].max(axis=1)).all()
    assert history["n"].tolist() == [12, 12, 12]


def test_without_a_test_set(model, data, tmp_path):
    pool, y_pool = data[:2]
    bare = run(model, (pool, y_pool, None, None), directory=tmp_path)
    judged = run(model, data)
    pd.testing.assert_frame_equal(bare.queries_, judged.queries_)
    pd.testing.assert_frame_equal(bare.labels_, judged.labels_)
    known = bare.learner_.X_training
    assert_array_equal(bare.learner_.predict(known), judged.learner_.predict(known))
    errors = {f"{m}_{t}" for m in ("mae", "rmse", "r2", "mean_std") for t in y_pool}
    assert set(judged.history_) - set(bare.history_) == errors
    assert bare.history_["n_labelled"].tolist() == [8, 14, 20]
    again = run(model, (pool, y_pool, None, None), directory=tmp_path)
    assert_same(bare, again)
    with pytest.raises(ValueError, match="holds a campaign with test=None, but now"):
        run(model, data, directory=tmp_path)


@pytest.mark.parametrize("names", ["gap", ("gap",)])
def test_an_oracle_may_name_one_target_or_a_tuple(model, data, names):
    class Oracle(SimulatedOracle):
        def __init__(self, y):
            super().__init__(y)
            self.target_names = names

    oracle = Oracle(data[1][["gap"]])
    for test, y_test in [(None, None), (data[2], data[3][["gap"]])]:
        campaign = run(model, (data[0], None, test, y_test), oracle=oracle, n_cycles=0)
        assert list(campaign.labels_) == ["gap"]


@pytest.mark.parametrize(
    ("test", "options", "message"),
    [
        (("X", None), {}, "X_test is given, but y_test is not"),
        ((None, "y"), {}, "y_test is given, but X_test is not"),
        ((None, None), {"scoring": {"worst": max}}, "scoring has worst"),
        ((None, None), {"oracle": len}, "give it an attribute target_names"),
    ],
)
def test_half_a_test_set(model, data, test, options, message):
    pool, y_pool, X, y = data
    X, y = (X if test[0] else None), (y if test[1] else None)
    with pytest.raises(ValueError, match=message):
        run(model, (pool, y_pool, X, y), **options)


def test_a_bar(model, data, capsys):
    run(model, data, progress=True)
    shown = capsys.readouterr().err
    assert "campaign: 100%" in shown
    assert "MAE gap" in shown
    run(model, data)
    assert capsys.readouterr().err == ""


# Labels that are missing, and oracles that fail


def test_missing_labels(model, data):
    pool, y, test, y_test = data
    y = y.copy()
    y.iloc[::2, 0] = np.nan
    y.iloc[[3, 10, 17, 24]] = np.nan
    campaign = run(model, (pool, y, test, y_test), n_initial=20)
    rows = campaign.queries_["row"]
    unknown = [row for row in rows if row in (3, 10, 17, 24)]
    assert campaign.failures_["row"].tolist() == unknown
    assert len(unknown) > 1
    assert campaign.failures_["error"].str.contains("which is not a label").all()
    last = campaign.history_.iloc[-1]
    assert last["n_failed"] == len(unknown)
    assert last["n_labelled"] == len(campaign.learner_.X_training) == 28 - len(unknown)
    assert_array_equal(campaign.labels_.iloc[rows], y.iloc[rows])


def metals():
    """Copper and its neighbours in many cells, and iron, which EMT does not know."""
    sites = [[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]
    return [
        Structure(Lattice.cubic(a), [corner, face, face, face], sites)
        for a in (3.6, 3.8, 4.0)
        for corner in ("Cu", "Ni", "Al", "Fe")
        for face in ("Cu", "Ag")
    ]


def test_energies_by_a_calculator(model, tmp_path):
    """From structures to energies and back, with crystals that cannot be computed."""
    pool = metals()
    y_test = [CalculatorOracle(EMT)(s)[0] for s in pool if "Fe" not in s.formula]
    test = [s for s in pool if "Fe" not in s.formula]
    campaign = ActiveLearningCampaign(
        make_pipeline(CrystalGraphTransformer(), model),
        max_std,
        CalculatorOracle(EMT),
        **SIZES,
        directory=tmp_path,
        random_state=0,
    ).run(pool, test, y_test, ids=[f"{s.formula} {s.volume:.1f}" for s in pool])
    failures, queries = campaign.failures_, campaign.queries_
    assert failures["id"].str.contains("Fe").all()
    n_iron = queries["id"].str.contains("Fe").sum()
    assert len(failures) == n_iron > 1
    assert failures["error"].str.startswith("NotImplementedError: No EMT-pot").all()
    assert set(failures["row"]) <= set(queries["row"])
    history = campaign.history_
    assert (history["n_labelled"] + history["n_failed"]).tolist() == [8, 14, 20]
    assert history["n_failed"].iloc[-1] == n_iron
    labels = campaign.labels_["energy_per_atom"].dropna()
    assert len(labels) == 20 - n_iron
    for name, label in labels.items():
        row = campaign.labels_.index.get_loc(name)
        assert_allclose(label, CalculatorOracle(EMT)(pool[row])[0])
    # Failures too are remembered, and not tried again.
    again = clone(campaign).set_params(oracle=lambda crystal: pytest.fail("asked"))
    y_test = pd.Series(y_test, name="energy_per_atom")
    again.run(pool, test, y_test, ids=campaign.labels_.index)
    pd.testing.assert_frame_equal(again.failures_, failures)


def test_relaxed_labels_leave_the_pool_alone(model):
    pool = [s for s in metals() if "Fe" not in s.formula][:8]
    volumes = [s.volume for s in pool]
    oracle = CalculatorOracle(EMT, ["volume_per_atom"], relax=True, fmax=0.05)
    campaign = ActiveLearningCampaign(
        model, random_sampling, oracle, n_initial=4, n_cycles=0, random_state=0
    ).run(pool, pool[:2], [10.0, 11.0])
    assert [s.volume for s in pool] == volumes
    rows = campaign.queries_["row"]
    labels = campaign.labels_["volume_per_atom"].to_numpy()[rows]
    assert not np.allclose(labels, np.array(volumes)[rows] / 4, rtol=1e-3)


def test_an_oracle_that_never_answers(model, data, tmp_path):
    def oracle(crystal):
        raise OSError("no licence")

    for _ in range(2):
        with pytest.raises(RuntimeError, match=r"all 8 .*no licence.*run again"):
            run(model, data, oracle=oracle, directory=tmp_path)
    mended = run(model, data, directory=tmp_path)
    assert_frame_equal(mended.queries_, run(model, data).queries_)
    assert not len(mended.failures_)


def test_a_cycle_of_failures_stops_and_is_asked_again(model, data, tmp_path):
    start = [4, 8, 15]

    def oracle(graph):
        oracle.n_calls += 1
        if oracle.n_calls > 3:
            raise ValueError("no more")
        return [1.0 * oracle.n_calls, 2.0]

    oracle.n_calls = 0
    options = {"oracle": oracle, "n_initial": start, "directory": tmp_path}
    with pytest.raises(RuntimeError, match="all 6 crystals of cycle 1; the first was"):
        run(model, data, **options)
    oracle.n_calls = -100
    campaign = run(model, data, **options)
    assert campaign.history_["n_labelled"].tolist() == [3, 9, 15]
    assert campaign.history_["n_failed"].tolist() == [0, 0, 0]


def test_failures_are_told_and_can_be_asked_again(model, data, tmp_path):
    bad = {3, 10, 17}
    labels = data[1].to_numpy()

    class Oracle:
        def label_row(self, row):
            if row in bad:
                raise ValueError("no convergence")
            return labels[row]

        def __len__(self):
            return 28

    options = {"oracle": Oracle(), "n_initial": range(8), "directory": tmp_path}
    with pytest.warns(UserWarning, match=r"cycle 0: .* on 1 of 8 .* 3: ValueError: no"):
        campaign = run(model, data, **options)
    failed = campaign.failures_["row"].tolist()
    assert 3 in failed
    bad.clear()
    again = run(model, data, **options)
    assert again.failures_["row"].tolist() == failed
    asked = run(model, data, retry_failures=True, **options)
    assert not len(asked.failures_)
    assert_array_equal(asked.labels_.loc["3"], labels[3])
    assert_frame_equal(asked.queries_, campaign.queries_)
    assert len(asked.learner_.X_training) == 20


@pytest.mark.parametrize("kind", ["array", "series"])
def test_one_target_has_one_dimension(model, data, kind):
    pool, y, test, y_test = data
    y, y_test = y["gap"], y_test["gap"]
    if kind == "array":
        y, y_test = y.to_numpy(), y_test.to_numpy()
    scoring = {"mae": lambda e, X, y: np.abs(e.predict(X) - np.asarray(y)).mean()}
    campaign = run(model, (pool, y, test, y_test), scoring=scoring)
    with pytest.warns(UnseenElementsWarning):
        assert campaign.estimator_.predict(test).shape == (12,)
    name = "gap" if kind == "series" else "target_0"
    assert_allclose(campaign.history_["mae"], campaign.history_[f"mae_{name}"])


def test_what_cannot_be_called_is_refused_before_anything_is_paid(
    model, data, tmp_path
):
    for options, message in [
        ({"oracle": data[1].to_numpy()}, "ndarray, which cannot be called.*Simulated"),
        ({"scoring": {"r2": "r2"}}, "give a function of estimator"),
    ]:
        with pytest.raises(TypeError, match=message):
            run(model, data, directory=tmp_path, **options)
    with pytest.raises(ValueError, match="'cycle', which is a column"):
        run(model, data, directory=tmp_path, scoring={"cycle": len})
    assert not list(tmp_path.iterdir())


def test_the_pool_may_be_used_up(model, data, tmp_path):
    for directory in (None, tmp_path, tmp_path):
        campaign = run(model, data, batch_size=8, n_cycles=9, directory=directory)
        assert campaign.history_["n_labelled"].tolist() == [8, 16, 24, 28]
        assert sorted(campaign.queries_["row"]) == list(range(28))
        assert len(campaign.learner_.X_training) == 28
    assert run(model, data, n_initial=28).history_["n_labelled"].tolist() == [28]


# On disk


def test_everything_is_written_as_it_happens(model, data, tmp_path):
    """At each question, all earlier answers are on disk."""
    path = tmp_path / "new" / "folder" / "campaign.jsonl"
    asked = []

    def oracle(graph):
        records = [json.loads(line) for line in path.read_text().splitlines()]
        kinds = [record["kind"] for record in records]
        rows = [r for record in records for r in record.get("rows", [])]
        assert kinds.count("label") == len(asked)
        assert len(rows) > len(asked)
        assert kinds.count("cycle") == kinds.count("query") - 1
        if kinds.count("cycle"):
            history = pd.read_csv(path.with_name("history.csv"))
            assert len(history) == kinds.count("cycle")
        asked.append(graph)
        return [float(len(asked)), np.nan if len(asked) % 3 else 1.0]

    campaign = run(model, data, oracle=oracle, directory=path.parent)
    assert len(asked) == 20
    assert sorted(p.name for p in path.parent.iterdir()) == [
        "campaign.jsonl",
        "history.csv",
    ]
    table = pd.read_csv(path.with_name("history.csv"))
    pd.testing.assert_frame_equal(table, campaign.history_)


def test_a_table_lost_is_written_again(model, data, tmp_path):
    campaign = run(model, data, directory=tmp_path)
    (tmp_path / "history.csv").unlink()
    run(model, data, directory=tmp_path)
    assert len(pd.read_csv(tmp_path / "history.csv")) == len(campaign.history_)


def test_a_finished_campaign_asks_nothing(model, data, tmp_path):
    one = run(model, data, directory=tmp_path)
    before = (tmp_path / "campaign.jsonl").read_bytes()

    def strategy(*args, **kwargs):
        pytest.fail("asked")

    strategy.__qualname__ = max_std.__qualname__
    two = run(model, data, strategy, directory=tmp_path)
    assert_same(one, two)
    pd.testing.assert_frame_equal(one.history_, two.history_)  # with its seconds
    assert (tmp_path / "campaign.jsonl").read_bytes() == before


def test_more_cycles_go_on(model, data, tmp_path):
    model.set_params(random_state=None)
    for n_cycles in (0, 1, 3):
        campaign = run(model, data, directory=tmp_path, n_cycles=n_cycles)
        assert len(campaign.history_) == n_cycles + 1
    assert_same(campaign, run(model, data, n_cycles=3))
    fewer = run(model, data, directory=tmp_path, n_cycles=1)
    assert len(fewer.history_) == 4  # what was done stays done


def test_a_seed_left_open_is_kept(model, data, tmp_path):
    model.set_params(random_state=None)
    run(model, data, directory=tmp_path, n_cycles=1, random_state=None)
    resumed = run(model, data, directory=tmp_path, random_state=None)
    seed = json.loads((tmp_path / "campaign.jsonl").read_text().splitlines()[0])["seed"]
    assert_same(resumed, run(model, data, random_state=seed))


@pytest.mark.parametrize("random_state", [3, np.int64(3)])
def test_kinds_of_integers(model, data, tmp_path, random_state):
    options = {
        "n_initial": np.array([3, 1, 2]),
        "batch_size": np.int64(3),
        "n_cycles": np.int32(1),
        "random_state": random_state,
    }
    for _ in range(2):
        campaign = run(model, data, directory=str(tmp_path), **options)
    assert campaign.history_["n_labelled"].tolist() == [3, 6]


def test_a_score_may_be_infinite(model, data, tmp_path):
    scoring = {"nll": lambda *_: np.inf, "none": lambda *_: np.nan}
    for _ in range(2):
        campaign = run(model, data, scoring=scoring, directory=tmp_path)
        assert (campaign.history_["nll"] == np.inf).all()
        assert campaign.history_["none"].isna().all()


CHANGES = {
    "estimator": lambda kw, d: kw["estimator"].set_params(hidden_dim=16),
    "query_strategy": lambda kw, d: kw.update(strategy=k_center),
    "n_initial": lambda kw, d: kw.update(n_initial=9),
    "batch_size": lambda kw, d: kw.update(batch_size=5),
    "random_state": lambda kw, d: kw.update(random_state=1),
    "pool": lambda kw, d: d.__setitem__(0, d[0][::-1]),
    "test": lambda kw, d: d.__setitem__(2, d[2][::-1]),
    "targets": lambda kw, d: (
        d.__setitem__(1, d[1].set_axis(["a", "b"], axis=1)),
        d.__setitem__(3, d[3].set_axis(["a", "b"], axis=1)),
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_another_campaign_in_the_same_folder(model, data, tmp_path, name):
    run(model, data, directory=tmp_path)
    before = (tmp_path / "campaign.jsonl").read_bytes()
    options = {"estimator": clone(model), "directory": tmp_path}
    data = list(data)
    CHANGES[name](options, data)
    with pytest.raises(
        ValueError, match=rf"holds a campaign with {name}=.*another dir"
    ):
        run(data=data, **options)
    assert (tmp_path / "campaign.jsonl").read_bytes() == before


def test_other_labels_of_the_test_set(model, data, tmp_path):
    run(model, data, directory=tmp_path)
    y_test = data[3].copy()
    y_test.iloc[0, 0] += 1
    with pytest.raises(ValueError, match="holds a campaign with test="):
        run(model, (*data[:3], y_test), directory=tmp_path)


def test_names_of_the_pool_are_part_of_it(model, data, tmp_path):
    run(model, data, directory=tmp_path)
    with pytest.raises(ValueError, match="holds a campaign with pool="):
        run(model, data, directory=tmp_path, ids=[f"mp-{i}" for i in range(28)])


@pytest.mark.parametrize("wrapped", [False, True])
def test_another_network_of_the_same_parameters(small, data, tmp_path, wrapped):
    """Parts are told apart by their class too."""

    class Mine(GCNRegressor):
        pass

    options = {"hidden_dim": 8, "n_layers": 1, "max_epochs": 1, "dropout": 0.1}

    def of(network):
        network = network(**options)
        if wrapped:
            return EnsembleRegressor(network, 2)
        return Pipeline([("graphs", CrystalGraphTransformer()), ("model", network)])

    if not wrapped:
        data = [small[0][:28], data[1], small[0][28:], data[3]]
    run(of(GCNRegressor), data, directory=tmp_path, n_cycles=0)
    with pytest.raises(ValueError, match="holds a campaign with estimator="):
        run(of(Mine), data, directory=tmp_path, n_cycles=0)


def test_descriptions_are_the_same_in_every_process():
    class Kernel:
        pass

    strategy = partial(max_std, weights=Kernel())
    assert "0x" not in describe_function(strategy)
    assert describe_function(partial(max_std, weights=Kernel())) == (
        describe_function(strategy)
    )
    assert describe_function(max_std) == "max_std"


def test_where_to_compute_is_no_part_of_what_a_campaign_is():
    here = EnsembleRegressor(CGCNNRegressor(), n_jobs=1)
    there = EnsembleRegressor(CGCNNRegressor(device="cuda", verbose=1), n_jobs=8)
    assert describe(here) == describe(there)
    assert describe(here) != describe(EnsembleRegressor(CGCNNRegressor(), 6))


def test_a_second_writer_is_refused(model, data, tmp_path):
    with Journal(tmp_path):
        with pytest.raises(RuntimeError, match="in use by another process"):
            run(model, data, directory=tmp_path)
    assert len(run(model, data, directory=tmp_path).history_) == 3


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A campaign from beginning to end, and its folder."""
    folder = tmp_path_factory.mktemp("whole")
    campaign = killing.run(killing.campaign(folder))
    assert len(campaign.failures_) > 0
    assert campaign.labels_.notna().sum().tolist() > [9, 1]
    return campaign, folder


def test_a_folder_changes_nothing(whole):
    assert_same(whole[0], killing.run(killing.campaign()))


@settings(deadline=None, max_examples=10)
@given(share=st.floats(0, 1))
def test_a_journal_that_ends_anywhere(whole, tmp_path_factory, share):
    """A kill leaves the first so many bytes of it."""
    journal = (whole[1] / Journal.NAME).read_bytes()
    folder = tmp_path_factory.mktemp("cut")
    (folder / Journal.NAME).write_bytes(journal[: int(share * len(journal))])
    assert_same(whole[0], killing.run(killing.campaign(folder)))


@pytest.mark.parametrize("kind", ["query", "cycle"])
def test_a_journal_that_ends_before_or_after_a_query(whole, tmp_path, kind):
    """Then the model that asks next, or the labels, have to come again."""
    lines = (whole[1] / Journal.NAME).read_text().splitlines(keepends=True)
    ends = [i for i, line in enumerate(lines, 1) if json.loads(line)["kind"] == kind]
    assert len(ends) == 4
    for end in ends:
        folder = tmp_path / str(end)
        folder.mkdir()
        (folder / Journal.NAME).write_text("".join(lines[:end]))
        assert_same(whole[0], killing.run(killing.campaign(folder)))


@pytest.mark.parametrize("torn", ["{", '{"kind": "la', '{"kind": "label"}', "\0\0\xff"])
def test_a_line_that_was_cut_short(whole, tmp_path, torn):
    lines = (whole[1] / Journal.NAME).read_bytes().splitlines(keepends=True)
    rest = b"".join(lines[:15]) + torn.encode("latin-1")
    (tmp_path / Journal.NAME).write_bytes(rest)
    assert_same(whole[0], killing.run(killing.campaign(tmp_path)))
    for line in (tmp_path / Journal.NAME).read_text().splitlines():
        json.loads(line)


@pytest.mark.parametrize("damage", [b"", b"{oops", b'{"kind": "lab', b"\xff\xfe\x00"])
def test_a_line_damaged_in_the_middle(whole, tmp_path, damage):
    lines = (whole[1] / Journal.NAME).read_bytes().splitlines()
    lines[6] = damage
    (tmp_path / Journal.NAME).write_bytes(b"\n".join(lines) + b"\n")
    with pytest.raises(
        ValueError, match=r"campaign.jsonl is damaged in line 7; repair"
    ):
        killing.run(killing.campaign(tmp_path))
    # It lets go of the folder.
    lines[6] = (whole[1] / Journal.NAME).read_bytes().splitlines()[6]
    (tmp_path / Journal.NAME).write_bytes(b"\n".join(lines) + b"\n")
    assert_same(whole[0], killing.run(killing.campaign(tmp_path)))


def test_a_journal_of_another_release(whole, tmp_path):
    first, rest = (whole[1] / Journal.NAME).read_text().split("\n", 1)
    text = json.dumps({**json.loads(first), "version": 99}) + "\n" + rest
    (tmp_path / Journal.NAME).write_text(text)
    with pytest.raises(ValueError, match="of version 99, but this release reads"):
        killing.run(killing.campaign(tmp_path))


def test_an_interrupt_is_no_failure(model, data, tmp_path):
    answers = iter(range(100))

    def oracle(graph):
        n = next(answers)
        if n == 11:
            raise KeyboardInterrupt
        return [float(graph.z.sum()), float(len(graph.z))]

    with pytest.raises(KeyboardInterrupt):
        run(model, data, oracle=oracle, directory=tmp_path)
    resumed = run(model, data, oracle=oracle, directory=tmp_path)
    assert resumed.failures_.empty
    answers = iter(range(20, 100))
    assert_same(resumed, run(model, data, oracle=oracle))


MOMENTS = [
    "fsync:1",  # the first line is being written
    "oracle:1",
    "oracle:7",
    "epoch:1",  # in the first training
    "replace:1",  # between the journal and the table
    "query:1",
    "fsync:15",
    "oracle:12",
    "epoch:4",  # in the second training
    "lines:18",  # from outside
    "query:3",
    "epoch:8",
    "replace:4",
    "oracle:3+epoch:2+query:1+lines:22+replace:1",  # again and again
]


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """Folders of campaigns whose processes were killed."""
    if not hasattr(os, "fork"):
        pytest.skip("processes are not forked here")
    folder = tmp_path_factory.mktemp("killed")
    here = Path(killing.__file__).parent
    path = os.pathsep.join([str(here), str(here.parents[2])])
    env = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    call = "import sys, killing; killing.kill_all(*sys.argv[1:])"
    command = [sys.executable, "-c", call, str(folder), *MOMENTS]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [f"{plan} killed" for plan in MOMENTS]
    return folder


@pytest.mark.parametrize("plan", MOMENTS)
def test_killed_it_ends_as_if_it_never_was(whole, killed, plan):
    n_lines = (killed / plan / Journal.NAME).read_bytes().count(b"\n")
    assert n_lines <= (whole[1] / Journal.NAME).read_bytes().count(b"\n")
    resumed = killing.run(killing.campaign(killed / plan))
    assert_same(whole[0], resumed)
    table = pd.read_csv(killed / plan / "history.csv")
    assert len(table) == 4


# What does not fit is refused before anything is computed


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_initial": 29}, "n_initial is 29, but the pool has 28"),
        ({"n_initial": [0, 28]}, "rows of the pool from 0 to 27"),
        ({"n_initial": [0, 0]}, "rows of the pool from 0 to 27"),
        ({"n_initial": [-1]}, "rows of the pool from 0 to 27"),
        ({"n_initial": [0.5]}, "rows of the pool from 0 to 27"),
        ({"n_initial": []}, "rows of the pool from 0 to 27"),
        ({"n_initial": 0}, "'n_initial' parameter"),
        ({"batch_size": 0}, "'batch_size' parameter"),
        ({"n_cycles": -1}, "'n_cycles' parameter"),
        ({"random_state": -1}, "'random_state' parameter"),
        ({"strategy": "max_std"}, "'query_strategy' parameter"),
        ({"estimator": GCNRegressor}, "'estimator' parameter"),
        ({"ids": ["a"] * 28}, "28 entries, 1 of them different, but the pool has 28"),
        ({"ids": ["a", "b"]}, "2 entries, 2 of them different"),
        ({"oracle": SimulatedOracle(np.ones((27, 2)))}, "27 crystals, but the pool"),
        ({"oracle": SimulatedOracle(np.ones(28))}, "labels 1 targets"),
    ],
)
def test_unfit_parameters(model, data, options, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        run(**{"estimator": model, "data": data, "directory": tmp_path, **options})
    assert not (tmp_path / Journal.NAME).exists()


def test_labels_in_another_order_than_the_test_set(model, data):
    oracle = SimulatedOracle(data[1][["gap", "energy"]])
    with pytest.raises(
        ValueError, match=r"labels gap, energy, .* same names and order"
    ):
        run(model, data, oracle=oracle)


@pytest.mark.parametrize("kind", ["array", "series"])
def test_an_oracle_names_targets_without_names(model, data, kind):
    oracle = SimulatedOracle(data[1][["gap"]])
    y_test = data[3]["gap"].to_numpy()
    y_test = pd.Series(y_test) if kind == "series" else y_test
    campaign = run(model, (*data[:3], y_test), oracle=oracle)
    assert "mae_gap" in campaign.history_
    assert list(campaign.labels_) == ["gap"]


def test_an_oracle_with_too_many_answers(model, data):
    with pytest.raises(ValueError, match=r"gives 3 targets, but y_test has 2 \(energy"):
        run(model, data, oracle=lambda graph: [1.0, 2.0, 3.0])


def test_it_clones_and_looks(model, data):
    campaign = run(model, data)
    copy = clone(campaign)
    assert not hasattr(copy, "history_")
    assert "max_std" in repr(copy)
    pd.testing.assert_frame_equal(
        copy.run(data[0], data[2], data[3]).queries_, campaign.queries_
    )
