"""scikit-learn's tools on pipelines from structures, and on ready graphs."""

import warnings

import joblib
import numpy as np
import pytest
from models import QUICK
from sklearn.compose import TransformedTargetRegressor
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    cross_val_predict,
    cross_val_score,
    learning_curve,
    permutation_test_score,
    train_test_split,
)
from sklearn.pipeline import make_pipeline

from skcrystal import CrystalGraphTransformer, GCNRegressor

# Folds of forty crystals lack an element of the others.
pytestmark = pytest.mark.filterwarnings(
    "ignore:X holds elements that the model was not:UserWarning"
)
ON = ["structures", "graphs"]


@pytest.fixture(autouse=True, scope="module")
def quiet_workers():
    """Worker processes do not take pytest's filters over."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONWARNINGS", "ignore")
        yield


@pytest.fixture
def model(request):
    return GCNRegressor(**QUICK)


def case(on, model, small, small_graphs):
    if on == "graphs":
        return model, small_graphs
    return make_pipeline(CrystalGraphTransformer(), model), small[0]


@pytest.mark.parametrize("on", ON)
def test_cross_validation_by_formula(on, model, small, small_graphs):
    estimator, X = case(on, model, small, small_graphs)
    scores = cross_val_score(
        estimator,
        X,
        small[1],
        groups=small[2],
        cv=GroupKFold(4),
        scoring="neg_mean_absolute_error",
        error_score="raise",
    )
    assert scores.shape == (4,)
    assert np.isfinite(scores).all()


@pytest.mark.parametrize("on", ON)
def test_cross_val_predict(on, model, small, small_graphs):
    estimator, X = case(on, model, small, small_graphs)
    predicted = cross_val_predict(estimator, X, small[1], cv=4)
    assert predicted.shape == (40, 2)
    assert np.isfinite(predicted).all()


@pytest.mark.parametrize("on", ON)
def test_grid_search_in_two_processes_is_that_in_one(on, model, small, small_graphs):
    estimator, X = case(on, model, small, small_graphs)
    prefix = "gcnregressor__" if on == "structures" else ""
    grid = {f"{prefix}hidden_dim": [4, 8], f"{prefix}edge_weight": ["uniform"]}
    results = [
        GridSearchCV(estimator, grid, cv=3, n_jobs=n_jobs, error_score="raise")
        .fit(X, small[1])
        .cv_results_["mean_test_score"]
        for n_jobs in (1, 2)
    ]
    np.testing.assert_allclose(results[0], results[1], rtol=1e-5)


def test_learning_curve(model, small, small_graphs):
    sizes, _, test_scores = learning_curve(
        model, small_graphs, small[1], train_sizes=[10, 20], cv=3, error_score="raise"
    )
    assert sizes.tolist() == [10, 20]
    assert np.isfinite(test_scores).all()


@pytest.mark.learning
def test_permuted_labels_score_worse(prototypes):
    """The score of a trained model is no accident."""
    rows = np.arange(0, 1097, 9)
    graphs = CrystalGraphTransformer().transform([prototypes.data[i] for i in rows])
    model = GCNRegressor(hidden_dim=16, max_epochs=25, lr=0.01, random_state=0)
    score, permuted, _ = permutation_test_score(
        model, graphs, prototypes.target[rows], n_permutations=3, cv=3, random_state=0
    )
    assert score > permuted.max() + 0.1


@pytest.mark.parametrize("on", ON)
def test_transformed_target(on, model, small, small_graphs):
    estimator, X = case(on, model, small, small_graphs)
    y = small[1]
    wrapped = TransformedTargetRegressor(
        estimator, func=np.arcsinh, inverse_func=np.sinh, check_inverse=False
    ).fit(X, y)
    direct = estimator.fit(X, np.arcsinh(y))
    np.testing.assert_allclose(wrapped.predict(X), np.sinh(direct.predict(X)))


def test_train_test_split_takes_graphs_apart_by_crystal(small, small_graphs):
    train, test, y_train, y_test = train_test_split(
        small_graphs, small[1], test_size=10, random_state=0
    )
    assert (len(train), len(test)) == (len(y_train), len(y_test)) == (30, 10)
    assert type(train) is type(small_graphs)


def test_pipeline_parameters_and_dump(model, small, tmp_path):
    pipeline = make_pipeline(CrystalGraphTransformer(), model)
    pipeline.set_params(crystalgraphtransformer__cutoff=5.5, gcnregressor__hidden_dim=6)
    pipeline.fit(small[0], small[1])
    assert pipeline[-1].cutoff_ == 5.5
    joblib.dump(pipeline, tmp_path / "pipeline")
    loaded = joblib.load(tmp_path / "pipeline")
    np.testing.assert_array_equal(
        loaded.predict(small[0][:4]), pipeline.predict(small[0][:4])
    )
    assert "CrystalGraphTransformer" in pipeline._repr_html_()


def test_weights_reach_the_model_through_a_pipeline(model, small):
    pipeline = make_pipeline(CrystalGraphTransformer(), model)
    weight = np.r_[np.ones(20), np.zeros(20)]
    plain = pipeline.fit(small[0], small[1]).predict(small[0])
    weighted = pipeline.fit(small[0], small[1], gcnregressor__sample_weight=weight)
    assert not np.allclose(plain, weighted.predict(small[0]))


def test_no_warning_is_left_over(model, small, small_graphs):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(small_graphs, small[1]).predict(small_graphs)
