"""Searches over pipelines from structures: graphs are built once, results repeat."""

import sqlite3
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    cross_val_score,
    cross_validate,
)
from sklearn.pipeline import make_pipeline

import skcrystal.graphs._transformer as transformer_module
from skcrystal import CGCNNRegressor, CrystalGraphTransformer, GCNRegressor
from skcrystal.model_selection import (
    FormulaKFold,
    MaskedScorer,
    train_test_split_by_formula,
)

# Folds of forty crystals lack an element of the others.
pytestmark = [
    pytest.mark.filterwarnings("ignore:X holds elements that the model was not"),
    # Of optuna's search, and of what it asks of optuna's other parts
    pytest.mark.filterwarnings("ignore:OptunaSearchCV is experimental"),
    pytest.mark.filterwarnings("ignore:.optuna.terminator. module:FutureWarning"),
]

CV = FormulaKFold(3)
MAE = "neg_mean_absolute_error"
WIDTHS = {"gcnregressor__hidden_dim": [4, 8]}


@pytest.fixture(autouse=True, scope="module")
def quiet_workers():
    """Worker processes do not take pytest's filters over."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONWARNINGS", "ignore")
        yield


@pytest.fixture
def pipeline(tmp_path):
    model = GCNRegressor(hidden_dim=8, n_layers=2, max_epochs=2, random_state=0)
    return make_pipeline(CrystalGraphTransformer(memory=tmp_path), model)


@pytest.fixture
def built(monkeypatch):
    """How many graphs were built in this process, as a list that grows."""
    seen, build = [], transformer_module.find_edges

    def count(*args):
        seen.append(1)
        return build(*args)

    monkeypatch.setattr(transformer_module, "find_edges", count)
    return seen


def n_kept(folder):
    """Graphs in the cache."""
    with sqlite3.connect(folder / "skcrystal-graphs.sqlite") as connection:
        ((n,),) = connection.execute("SELECT count(*) FROM graphs")
    return n


def grid(pipeline, parameters, **more):
    return GridSearchCV(
        pipeline, parameters, cv=CV, scoring=MAE, error_score="raise", **more
    )


def test_a_grid_search_builds_every_graph_once(pipeline, small, built, tmp_path):
    search = grid(pipeline, WIDTHS).fit(small[0], small[1])
    assert search.n_splits_ * len(search.cv_results_["params"]) == 6
    assert len(built) == n_kept(tmp_path) == 40
    # Nor does another search, which a user starts the day after, build any.
    grid(pipeline, {"gcnregressor__lr": [1e-3, 1e-2]}).fit(small[0], small[1])
    search.predict(small[0])
    assert len(built) == 40


def test_without_a_cache_every_fold_builds_its_graphs(pipeline, small, built):
    pipeline.set_params(crystalgraphtransformer__memory=None)
    grid(pipeline, WIDTHS).fit(small[0], small[1])
    # Two points of three folds, trained on and tested, and the refit
    assert len(built) == 2 * 3 * 40 + 40


def test_graphs_of_each_cutoff_are_kept(pipeline, small, built, tmp_path):
    parameters = {"crystalgraphtransformer__cutoff": [5.0, 6.0], **WIDTHS}
    search = grid(pipeline, parameters).fit(small[0], small[1])
    assert len(built) == n_kept(tmp_path) == 80
    best = search.best_params_["crystalgraphtransformer__cutoff"]
    assert search.best_estimator_[-1].cutoff_ == best
    scores = search.cv_results_["mean_test_score"]
    assert len(set(scores)) == 4


def test_what_the_cache_gives_is_what_is_built(pipeline, small):
    cached = grid(pipeline, WIDTHS).fit(*small[:2]).cv_results_["mean_test_score"]
    pipeline.set_params(crystalgraphtransformer__memory=None)
    built = grid(pipeline, WIDTHS).fit(*small[:2]).cv_results_["mean_test_score"]
    np.testing.assert_array_equal(cached, built)


def test_two_processes_on_one_cache_find_what_one_finds(pipeline, small, tmp_path):
    parameters = {"crystalgraphtransformer__cutoff": [5.0, 6.0], **WIDTHS}
    pair = grid(pipeline, parameters, n_jobs=2).fit(small[0], small[1])
    assert n_kept(tmp_path) == 80
    alone = grid(pipeline, parameters, n_jobs=1).fit(small[0], small[1])
    assert pair.best_params_ == alone.best_params_
    np.testing.assert_allclose(
        pair.cv_results_["mean_test_score"],
        alone.cv_results_["mean_test_score"],
        rtol=1e-5,
    )


def test_the_best_is_trained_again_on_all_crystals(pipeline, small):
    search = grid(pipeline, WIDTHS).fit(small[0], small[1])
    pipeline.set_params(**search.best_params_).fit(small[0], small[1])
    np.testing.assert_array_equal(
        search.predict(small[0][:5]), pipeline.predict(small[0][:5])
    )
    assert search.best_score_ == search.cv_results_["mean_test_score"].max()
    unfitted = grid(pipeline, WIDTHS, refit=False).fit(small[0], small[1])
    assert not hasattr(unfitted, "best_estimator_")


def test_random_search_over_graph_and_network(pipeline, small, built):
    parameters = {
        "crystalgraphtransformer__max_neighbors": [None, 8],
        "gcnregressor__hidden_dim": range(4, 12),
        "gcnregressor__lr": [1e-3, 3e-3, 1e-2],
    }
    searches = [
        RandomizedSearchCV(
            pipeline, parameters, n_iter=4, cv=CV, scoring=MAE, random_state=0
        ).fit(small[0], small[1])
        for _ in range(2)
    ]
    assert searches[0].best_params_ == searches[1].best_params_
    assert searches[0].best_score_ == searches[1].best_score_
    assert len(built) <= 80


@pytest.mark.parametrize("resource", ["n_samples", "gcnregressor__max_epochs"])
def test_halving_by_crystals_and_by_epochs(resource, pipeline, small):
    least, most = (20, 40) if resource == "n_samples" else (1, 2)
    search = HalvingGridSearchCV(
        pipeline,
        {"gcnregressor__lr": [1e-4, 1e-2]},
        resource=resource,
        min_resources=least,
        max_resources=most,
        factor=2,
        cv=CV,
        scoring=MAE,
        error_score="raise",
        random_state=0,
    ).fit(small[0], small[1])
    assert search.n_resources_ == [least, most]
    assert search.n_candidates_ == [2, 1]
    assert search.best_params_["gcnregressor__lr"] == 1e-2


# optuna


def optuna_search(pipeline, study, n_trials):
    optuna = pytest.importorskip("optuna")
    integration = pytest.importorskip("optuna_integration")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    distributions = {
        "crystalgraphtransformer__cutoff": optuna.distributions.CategoricalDistribution(
            [5.0, 6.0]
        ),
        "gcnregressor__hidden_dim": optuna.distributions.IntDistribution(4, 12),
        "gcnregressor__lr": optuna.distributions.FloatDistribution(
            1e-3, 1e-2, log=True
        ),
    }
    return integration.OptunaSearchCV(
        pipeline,
        distributions,
        cv=CV,
        n_trials=n_trials,
        scoring=MAE,
        study=study,
        error_score="raise",
    )


def test_optuna_finds_the_same_with_the_same_seed(pipeline, small, built):
    optuna = pytest.importorskip("optuna")
    found = []
    for _ in range(2):
        study = optuna.create_study(
            direction="maximize", sampler=optuna.samplers.TPESampler(seed=0)
        )
        found.append(optuna_search(pipeline, study, 4).fit(small[0], small[1]))
    one, other = found
    assert one.best_params_ == other.best_params_
    assert [t.value for t in one.trials_] == [t.value for t in other.trials_]
    assert len({t.value for t in one.trials_}) == 4
    np.testing.assert_array_equal(one.predict(small[0]), other.predict(small[0]))
    assert len(built) <= 80
    # What optuna notes is what scikit-learn measures.
    scores = cross_val_score(
        pipeline.set_params(**one.best_params_), *small[:2], cv=CV, scoring=MAE
    )
    assert one.best_score_ == pytest.approx(scores.mean(), rel=1e-6)


def test_optuna_goes_on_with_a_study_in_a_file(pipeline, small, tmp_path):
    optuna = pytest.importorskip("optuna")
    url = f"sqlite:///{tmp_path / 'study.db'}"

    def session(seed):
        """What one call of a script does: open the study, or begin it."""
        study = optuna.create_study(
            direction="maximize",
            study_name="gcn",
            storage=url,
            load_if_exists=True,
            sampler=optuna.samplers.TPESampler(seed=seed),
        )
        search = optuna_search(pipeline, study, 2).fit(small[0], small[1])
        return search.best_score_, [(t.params, t.value) for t in search.trials_]

    _, first = session(0)
    best, all_trials = session(1)
    assert len(first) == 2
    assert len(all_trials) == 4
    assert all_trials[:2] == first
    assert best == max(value for _, value in all_trials)


def test_hopeless_trials_are_stopped_early(prototypes, tmp_path):
    """optuna's callback for skorch reads the loss on crystals given to be watched."""
    optuna = pytest.importorskip("optuna")
    integration = pytest.importorskip("optuna_integration")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    graphs = CrystalGraphTransformer().transform(prototypes.data[::8])
    X, X_val, y, y_val = train_test_split_by_formula(
        graphs, prototypes.target[::8], test_size=0.3, random_state=0
    )

    def objective(trial):
        model = CGCNNRegressor(
            hidden_dim=16,
            n_layers=1,
            lr=trial.suggest_float("lr", 1e-6, 1e-2, log=True),
            max_epochs=6,
            early_stopping=True,
            n_iter_no_change=6,
            callbacks=[integration.SkorchPruningCallback(trial, "valid_loss")],
            random_state=0,
        ).fit(X, y, X_val=X_val, y_val=y_val)
        return model.history_["valid_loss"].min()

    study = optuna.create_study(
        # Models copy their callbacks, and with them a study that is in memory alone.
        storage=f"sqlite:///{tmp_path / 'study.db'}",
        pruner=optuna.pruners.MedianPruner(n_startup_trials=1, n_warmup_steps=1),
    )
    study.enqueue_trial({"lr": 1e-2})
    study.enqueue_trial({"lr": 1e-6})
    study.optimize(objective, n_trials=2)
    good, hopeless = study.trials
    assert good.state == optuna.trial.TrialState.COMPLETE
    assert len(good.intermediate_values) == 6
    assert hopeless.state == optuna.trial.TrialState.PRUNED
    assert len(hopeless.intermediate_values) == 2
    assert study.best_params == {"lr": 1e-2}


# Labels that are missing


@pytest.fixture
def partial(small):
    """A table in which a third of the energies and half of the gaps are missing."""
    y = pd.DataFrame(small[1].copy(), columns=["energy", "gap"])
    y.iloc[::3, 0] = np.nan
    y.iloc[1::2, 1] = np.nan
    return y


def test_scikit_learns_scorer_gives_nothing_where_labels_are_missing(
    model, small_graphs, partial
):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scores = cross_val_score(model, small_graphs, partial, cv=CV, scoring=MAE)
    assert np.isnan(scores).all()


def test_scores_are_those_of_the_labels_that_are_there(model, small_graphs, partial):
    model.fit(small_graphs, partial)
    miss = np.abs(model.predict(small_graphs) - partial)  # pandas leaves NaN out
    scores = {
        name: MaskedScorer(MAE, target=name)(model, small_graphs, partial)
        for name in partial
    }
    assert scores["energy"] == pytest.approx(-miss["energy"].mean())
    assert scores["gap"] == pytest.approx(-miss["gap"].mean())
    both = MaskedScorer()(model, small_graphs, partial)
    assert both == pytest.approx(np.mean(list(scores.values())))
    rmse = MaskedScorer("neg_root_mean_squared_error", target=1)
    assert rmse(model, small_graphs, partial) == pytest.approx(
        -np.sqrt((miss["gap"] ** 2).mean())
    )
    r2 = MaskedScorer("r2")(model, small_graphs, partial)
    assert r2 == pytest.approx(model.score(small_graphs, partial))
    worst = MaskedScorer(lambda y, p: -np.abs(y - p).max(), target="gap")
    assert worst(model, small_graphs, partial) == pytest.approx(-miss["gap"].max())


@pytest.mark.parametrize("form", ["frame", "array", "masked"])
def test_a_search_looks_at_one_target_of_several(form, pipeline, small, partial):
    y, target = partial, "gap"
    if form == "array":
        y, target = partial.to_numpy(), "target_1"
    elif form == "masked":
        y, target = np.ma.masked_invalid(partial.to_numpy()), 1
    search = GridSearchCV(
        pipeline,
        WIDTHS,
        cv=CV,
        scoring={"gap": MaskedScorer(MAE, target=target), "all": MaskedScorer("r2")},
        refit="gap",
        error_score="raise",
        n_jobs=2 if form == "frame" else None,
    ).fit(small[0], y)
    results = search.cv_results_
    assert np.isfinite(results["mean_test_all"]).all()
    assert search.best_score_ == results["mean_test_gap"].max() < 0


def test_one_target_alone(model, small_graphs, partial):
    gaps = partial["gap"]
    told = cross_validate(
        model,
        small_graphs,
        gaps,
        cv=CV,
        scoring={"by name": MaskedScorer(MAE, target="gap"), "by none": MaskedScorer()},
        error_score="raise",
    )
    np.testing.assert_array_equal(told["test_by name"], told["test_by none"])


def test_scores_that_cannot_be_are_told(model, small_graphs, partial):
    model.fit(small_graphs, partial)
    with pytest.raises(ValueError, match="the targets are energy, gap"):
        MaskedScorer(target="band_gap")(model, small_graphs, partial)
    with pytest.raises(ValueError, match="target=2, but y has 2 columns"):
        MaskedScorer(target=2)(model, small_graphs, partial)
    with pytest.raises(ValueError, match=r"y has shape \(40, 1\)"):
        MaskedScorer()(model, small_graphs, partial["gap"])
    partial["gap"] = np.nan
    with pytest.raises(ValueError, match="fewer labels of target 'gap' than the 1"):
        MaskedScorer(target="gap")(model, small_graphs, partial)
    with pytest.raises(ValueError, match=r"number of a column; it is 1\.0"):
        MaskedScorer(target=1.0)
    with pytest.raises(ValueError, match="metric must be a function, or one of r2"):
        MaskedScorer("mae")
    with pytest.raises(ValueError, match="For labels of atoms"):
        MaskedScorer()(model, small_graphs[:2], [[1.0, 2.0], [1.0]])
    assert repr(MaskedScorer(np.dot, target=1)) == "MaskedScorer(dot, target=1)"
