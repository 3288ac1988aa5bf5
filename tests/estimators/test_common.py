"""scikit-learn's rules: its checks by name, the others rewritten on crystals."""

import pickle
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from models import (
    MODELS,
    REPRESENTATIVE_CLASSIFIERS,
    REPRESENTATIVES,
    name_of,
    representatives,
    transformer_for,
    without_chance,
)
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils import estimator_checks, estimator_html_repr

from skcrystal import CrystalGraphs, CrystalGraphTransformer

# What check_estimator runs on an estimator whose X is no table is one check; these
# need no X either, so they are called by name.
CHECKS = [
    "check_parameters_default_constructible",
    "check_get_params_invariance",
    "check_set_params",
    "check_no_attributes_set_in_init",
    "check_estimator_cloneable",
    "check_estimator_repr",
    "check_mixin_order",
    "check_valid_tag_types",
    "check_estimator_tags_renamed",
]


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize(
    "estimator",
    [*REPRESENTATIVES, *REPRESENTATIVE_CLASSIFIERS, CrystalGraphTransformer()],
    ids=name_of,
)
def test_scikit_learns_own_check(estimator, check):
    name = type(estimator).__name__
    if check == "check_parameters_default_constructible":
        estimator = type(estimator)()
    getattr(estimator_checks, check)(name, clone(estimator))


@representatives
def test_a_misspelt_parameter_is_refused(model):
    with pytest.raises(TypeError, match="hiden_dim"):
        type(model)(hiden_dim=8)


@representatives
def test_tags_say_what_the_model_takes(model):
    tags = model.__sklearn_tags__()
    assert tags.estimator_type == "regressor"
    assert not tags.input_tags.two_d_array
    assert tags.target_tags.multi_output
    assert tags.target_tags.required


@representatives
def test_fit_returns_the_model_and_leaves_its_parameters(model, small, graphs):
    before = model.get_params()
    assert model.fit(graphs, small[1]) is model
    after = model.get_params()
    assert before.keys() == after.keys()
    assert all(before[name] is after[name] for name in before)


@representatives
def test_fit_leaves_inputs_alone(model, small):
    structures, y, _ = small
    X = list(structures)
    y = y.copy()
    y[3, 1] = np.nan
    weight = np.linspace(0, 1, len(y))
    copies = [s.copy() for s in X], y.copy(), weight.copy()
    model.fit(X, y, sample_weight=weight).predict(X)
    assert X == copies[0]
    assert_array_equal(y, copies[1])
    assert_array_equal(weight, copies[2])


def test_fit_and_predict_leave_the_random_generators_alone(model, small, graphs):
    torch.manual_seed(5)
    np.random.seed(5)
    expected = torch.rand(1), np.random.rand()
    torch.manual_seed(5)
    np.random.seed(5)
    model.set_params(dropout=0.5, dropout_conv=0.5, loss="gaussian_nll")
    model.fit(graphs, small[1]).predict(graphs, return_components=True)
    assert (torch.rand(1), np.random.rand()) == expected


def test_same_seed_same_model(model, small, graphs):
    model.set_params(dropout=0.2, dropout_conv=0.2)
    first = model.fit(graphs, small[1]).predict(graphs)
    again = model.fit(graphs, small[1]).predict(graphs)
    cloned = clone(model).fit(graphs, small[1]).predict(graphs)
    assert_array_equal(first, again)
    assert_array_equal(first, cloned)
    other = clone(model).set_params(random_state=1).fit(graphs, small[1])
    assert not np.allclose(first, other.predict(graphs))


@representatives
def test_threads_do_not_disturb_each_other(model, small, graphs):
    expected = model.fit(graphs, small[1]).predict(graphs)
    models = joblib.Parallel(n_jobs=3, backend="threading")(
        joblib.delayed(clone(model).fit)(graphs, small[1]) for _ in range(3)
    )
    for other in models:
        assert_array_equal(other.predict(graphs), expected)


def test_list_array_series_and_graphs_are_the_same(model, small, graphs):
    structures, y, _ = small
    array = np.empty(len(structures), dtype=object)
    array[:] = structures
    expected = model.fit(graphs, y).predict(graphs)
    series = pd.Series(structures, index=range(50, 50 + len(y)))
    for X in (structures, array, series):
        assert_array_equal(clone(model).fit(X, y).predict(X), expected)
    # PyG graphs do not say how they were made, so the reach is that of their edges.
    foreign = CrystalGraphs.from_data_list(list(graphs))
    of_foreign = clone(model).fit(foreign, y).predict(foreign)
    for X in (list(graphs), np.asarray(graphs)):
        assert_array_equal(clone(model).fit(X, y).predict(X), of_foreign)
    frame = pd.DataFrame(y, columns=["e", "gap"], index=series.index)
    assert_array_equal(clone(model).fit(series, frame).predict(series), expected)


def test_predict_on_a_part_or_in_other_order_gives_the_same_rows(fitted, graphs):
    whole = fitted.predict(graphs)
    rows = np.random.RandomState(0).permutation(40)
    assert_allclose(fitted.predict(graphs[rows]), whole[rows], atol=1e-5)
    assert_allclose(fitted.predict(graphs[7:9]), whole[7:9], atol=1e-5)


def test_one_crystal_can_be_predicted(fitted, small, graphs):
    whole = fitted.predict(graphs)
    for i in (0, 17):
        one = fitted.predict([small[0][i]])
        assert one.shape == (1, 2)
        assert_allclose(one[0], whole[i], atol=1e-5)


def test_predict_changes_nothing(fitted, graphs):
    state = {k: v.clone() for k, v in fitted.net_.module_.state_dict().items()}
    first = fitted.predict(graphs)
    assert_array_equal(fitted.predict(graphs), first)
    for name, value in fitted.net_.module_.state_dict().items():
        assert torch.equal(value, state[name]), name


@representatives
@pytest.mark.parametrize("method", ["predict", "embed", "score"])
def test_unfitted_model_says_so(model, small, method):
    arguments = (small[0], small[1]) if method == "score" else (small[0],)
    with pytest.raises(NotFittedError, match="not fitted yet"):
        getattr(model, method)(*arguments)


def test_pickle_joblib_and_clone(fitted, graphs, tmp_path):
    expected = fitted.predict(graphs)
    blob = pickle.dumps(fitted)
    assert_array_equal(pickle.loads(blob).predict(graphs), expected)
    joblib.dump(fitted, tmp_path / "model")
    loaded = joblib.load(tmp_path / "model")
    assert_array_equal(loaded.predict(graphs), expected)
    assert loaded.history_.equals(fitted.history_)
    with pytest.raises(NotFittedError):
        clone(fitted).predict(graphs)


def test_pickle_holds_no_training_data(model, prototypes):
    """A model is as large as its weights, whatever it was trained on."""
    model.set_params(hidden_dim=64, early_stopping=True, max_epochs=1)
    many = transformer_for(model).transform(prototypes.data[:400])
    model.fit(many, prototypes.target[:400])
    weights = sum(w.nbytes for w in model.net_.module_.state_dict().values())
    assert len(pickle.dumps(model)) < weights + 60_000


def test_batch_size_one_trains(model, small, graphs):
    model.set_params(batch_size=1, max_epochs=1).fit(graphs[:5], small[1][:5])
    assert np.isfinite(model.predict(graphs[:5])).all()


def test_one_crystal_trains(model, small, graphs):
    model.fit(graphs[:1], small[1][:1])
    assert_allclose(model.predict(graphs[:1]), small[1][:1], atol=1.0)


@representatives
def test_targets_of_every_shape(model, small, graphs):
    y = small[1]
    for target, shape in (
        (y[:, 0], (40,)),
        (y[:, :1], (40, 1)),
        (y, (40, 2)),
        (np.hstack([y, y]), (40, 4)),
        (y.tolist(), (40, 2)),
        (pd.Series(y[:, 0], name="energy"), (40,)),
    ):
        predicted = clone(model).fit(graphs, target).predict(graphs)
        assert predicted.shape == shape
        assert predicted.dtype == np.float64


@representatives
def test_names_of_targets_are_kept(model, small, graphs):
    frame = pd.DataFrame(small[1], columns=["energy", "gap"])
    assert clone(model).fit(graphs, frame).target_names_ == ["energy", "gap"]
    assert clone(model).fit(graphs, frame["gap"]).target_names_ == ["gap"]
    assert clone(model).fit(graphs, small[1]).target_names_ == [
        "target_0",
        "target_1",
    ]


@pytest.mark.parametrize(
    ("kind", "pooling"),
    [(model, "mean") for model in MODELS]
    + [(model, "sum") for model in REPRESENTATIVES],
    ids=lambda p: p if isinstance(p, str) else name_of(p),
    indirect=["kind"],
)
def test_sample_weight_is_repetition(model, small, graphs, pooling):
    """With one batch an epoch, a weight of k and k copies give the same steps."""
    counts = np.random.RandomState(0).randint(0, 4, 12)
    rows = np.repeat(np.arange(12), counts)
    y = small[1][:12].copy()
    y[2, 1] = np.nan
    X = graphs[:12]
    model = without_chance(model)
    model.set_params(batch_size=1000, max_epochs=5, lr=1e-3, pooling=pooling)
    weighted = clone(model).fit(X, y, sample_weight=counts)
    repeated = clone(model).fit(X[rows], y[rows])
    with warnings.catch_warnings():
        # A crystal of weight zero is seen by one model and not by the other.
        warnings.filterwarnings("ignore", "X holds elements that the model was not")
        assert_allclose(weighted.predict(X), repeated.predict(X), rtol=1e-5, atol=1e-5)


@representatives
def test_html_repr_names_the_model(model):
    assert type(model).__name__ in estimator_html_repr(model)


def test_embedding_has_a_row_a_crystal(fitted, small, graphs):
    embedding = fitted.embed(graphs)
    n_trunks = 2 if getattr(fitted, "sharing", None) == "soft" else 1
    assert embedding.shape == (40, n_trunks * fitted.hidden_dim)
    assert_allclose(fitted.embed(small[0][3:5]), embedding[3:5], atol=1e-5)
    assert not hasattr(fitted, "transform")


@representatives
def test_from_data_list_without_settings_trains(model, small, graphs):
    foreign = CrystalGraphs.from_data_list(list(graphs))
    assert foreign.settings is None
    model.fit(foreign, small[1])
    assert model.cutoff_ == pytest.approx(float(foreign.distances.max()))
    assert np.isfinite(model.predict(foreign)).all()
