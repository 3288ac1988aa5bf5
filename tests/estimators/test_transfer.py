"""Training that starts from a trained network."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.dummy import DummyRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from skorch.callbacks import Callback

from skcrystal import (
    CalibratedRegressor,
    CGCNNClassifier,
    CGCNNRegressor,
    CrystalGraphs,
    CrystalGraphTransformer,
    EnsembleRegressor,
    MTCGCNNRegressor,
    SchNetRegressor,
)
from skcrystal.utils._warnings import UnseenElementsWarning

# Elements of crystals held back are news to so few others.
pytestmark = pytest.mark.filterwarnings("ignore:X holds elements")

SIZE = {"hidden_dim": 8, "n_layers": 2}
QUICK = {**SIZE, "batch_size": 16, "max_epochs": 3, "random_state": 0}
# So small a step that a network stays what it was at first
STILL = {"lr": 1e-9, "weight_decay": 0.0, "max_epochs": 1}


@pytest.fixture(scope="module")
def source(small, small_graphs):
    """A model of two targets; not to be changed."""
    y = pd.DataFrame(small[1], columns=["energy", "gap"])
    return CGCNNRegressor(**{**QUICK, "max_epochs": 20}).fit(small_graphs, y)


@pytest.fixture(scope="module")
def metal(small):
    """Classes of the forty crystals."""
    return np.where(small[1][:, 1] < 0.025, "metal", "gap")


def tuned_from(source, kind=CGCNNRegressor, **parameters):
    return kind(
        **{**QUICK, "pretrained": FrozenEstimator(source), "random_state": 1}
        | parameters
    )


def weights(model, of_head):
    """Copies of all weights and buffers of the head, or of what lies below it."""
    start = "passes_softplus", "softplus_start"
    return {
        name: value.clone()
        for name, value in model.net_.module_.state_dict().items()
        if ("head" in name.split(".")) == of_head and name.split(".")[-1] not in start
    }


def assert_equal_weights(found, expected):
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in found)


class Gradients(Callback):
    """Names of the weights that get a gradient."""

    def on_train_begin(self, net, **kwargs):
        self.names_ = set()

    def on_grad_computed(self, net, named_parameters, **kwargs):
        self.names_ |= {n for n, w in named_parameters if w.grad is not None}


# Frozen trunks


def test_a_frozen_trunk_stays_in_every_architecture(model, small, graphs):
    model.fit(graphs, small[1])
    before, head = weights(model, of_head=False), weights(model, of_head=True)
    tuned = clone(model).set_params(
        pretrained=FrozenEstimator(model),
        freeze="trunk",
        callbacks=[Gradients()],
        random_state=1,
    )
    tuned.fit(graphs, small[1])
    assert_equal_weights(weights(tuned, of_head=False), before)
    new = weights(tuned, of_head=True)
    assert not any(torch.equal(new[name], head[name]) for name in head)
    assert_array_equal(tuned.embed(graphs), model.embed(graphs))
    (seen,) = (c for _, c in tuned.net_.callbacks_ if isinstance(c, Gradients))
    assert {"head" in name.split(".") for name in seen.names_} == {True}


@pytest.mark.parametrize(
    "parameters",
    [
        {"weight_decay": 10.0},
        {"ema_decay": 0.9},
        {"early_stopping": True},
        {"dropout": 0.2, "dropout_conv": 0.2},
        {"pooling": "sum", "loss": "gaussian_nll"},
        {"output_transform": {"gap": "softplus"}},
        {"gradient_clip": None, "lr_schedule": "constant"},
    ],
    ids=lambda p: next(iter(p)),
)
def test_a_frozen_trunk_stays_however_it_is_trained(
    source, small, small_graphs, parameters
):
    y = pd.DataFrame(np.abs(small[1]), columns=["energy", "gap"])
    tuned = tuned_from(source, freeze="trunk", **parameters).fit(small_graphs, y)
    assert_equal_weights(weights(tuned, of_head=False), weights(source, of_head=False))
    assert tuned.history_["train_loss"].nunique() > 1  # the head has learned


@pytest.mark.parametrize("n_targets", [1, 2, 3])
def test_soft_sharing_freezes_every_trunk(small, small_graphs, n_targets):
    y = np.column_stack([small[1], small[1].sum(axis=1)])
    soft = {"kind": MTCGCNNRegressor, "sharing": "soft"}
    source = MTCGCNNRegressor(**QUICK, sharing="soft", sharing_strength=0.1)
    source.fit(small_graphs, y[:, :2])
    tuned = tuned_from(source, **soft, freeze="trunk", sharing_strength=0.2)
    tuned.fit(small_graphs, y[:, :n_targets])
    networks = tuned.net_.module_.networks
    assert len(networks) == n_targets
    assert tuned.net_.module_.strength == 0.2
    # A target beyond those of the source takes the first trunk.
    for t, origin in enumerate([0, 1, 0][:n_targets]):
        old = source.net_.module_.networks[origin].state_dict()
        for name, value in networks[t].state_dict().items():
            if not name.startswith(("head.", "softplus_start", "passes_softplus")):
                assert torch.equal(value, old[name])


def test_the_last_fit_can_be_frozen_and_let_go_again(small, small_graphs):
    y = small[1]
    model = CGCNNRegressor(**QUICK).fit(small_graphs, y)
    before, predicted = weights(model, of_head=False), model.predict(small_graphs)
    model.set_params(warm_start=True, freeze="trunk", **STILL).fit(small_graphs, y)
    # The head is the old one, which goes on.
    assert_allclose(model.predict(small_graphs), predicted, atol=1e-5)
    model.set_params(lr=0.003).fit(small_graphs, y)
    assert_equal_weights(weights(model, of_head=False), before)
    assert not np.allclose(model.predict(small_graphs), predicted, atol=1e-5)
    model.set_params(freeze=None).fit(small_graphs, y)
    after = weights(model, of_head=False)
    assert any(not torch.equal(after[name], before[name]) for name in before)


# New heads


@pytest.mark.parametrize("way", ["warm_start", "pretrained"])
def test_the_trunk_is_the_old_one_and_the_head_is_new(source, small, small_graphs, way):
    y = pd.DataFrame(small[1], columns=["energy", "gap"])
    if way == "warm_start":
        tuned = pickle.loads(pickle.dumps(source))
        tuned.set_params(warm_start="trunk", random_state=1)
    else:
        tuned = tuned_from(source)
    tuned.set_params(**STILL).fit(small_graphs, y)
    assert_allclose(tuned.embed(small_graphs), source.embed(small_graphs), atol=1e-5)
    new, old = weights(tuned, of_head=True), weights(source, of_head=True)
    assert not any(torch.allclose(new[name], old[name], atol=1e-3) for name in old)


@pytest.mark.learning
def test_another_number_of_targets_with_other_units(source, small, small_graphs):
    volume = np.array([crystal.volume / len(crystal) for crystal in small[0]])
    y = pd.DataFrame({"volume": 1e4 + 1e3 * volume})
    model = pickle.loads(pickle.dumps(source))
    model.set_params(warm_start="trunk", max_epochs=40).fit(small_graphs, y)
    assert model.target_names_ == ["volume"]
    predicted = model.predict(small_graphs)
    assert predicted.shape == (40, 1)
    error = np.abs(predicted[:, 0] - y["volume"]).mean()
    assert error < 0.5 * np.abs(y["volume"] - y["volume"].median()).mean()
    three = np.column_stack([small[1], volume])
    model.set_params(max_epochs=1).fit(small_graphs, three)
    assert model.target_names_ == ["target_0", "target_1", "target_2"]
    assert model.predict(small_graphs).shape == (40, 3)
    # As before, another number of targets needs a new head.
    with pytest.raises(ValueError, match='warm_start="trunk"'):
        model.set_params(warm_start=True).fit(small_graphs, y)


def test_regressors_classifiers_and_multi_task_networks_share_trunks(
    source, small, small_graphs, metal
):
    for kind, y in [(CGCNNClassifier, metal), (MTCGCNNRegressor, small[1])]:
        there = tuned_from(source, kind, freeze="trunk").fit(small_graphs, y)
        back = tuned_from(there, freeze="trunk").fit(small_graphs, small[1][:, 0])
        for tuned in (there, back):
            assert_array_equal(tuned.embed(small_graphs), source.embed(small_graphs))
        assert back.predict(small_graphs).shape == (40,)
    classifier = tuned_from(source, CGCNNClassifier).fit(small_graphs, metal)
    assert set(classifier.predict(small_graphs)) <= {"gap", "metal"}


def test_classes_may_change(small, small_graphs, metal):
    model = CGCNNClassifier(**QUICK).fit(small_graphs, metal)
    sign = np.sign(small[1][:, 0]).astype(int) + (metal == "gap") * 10
    model.set_params(warm_start="trunk").fit(small_graphs, sign)
    assert_array_equal(model.classes_, np.unique(sign))
    assert model.predict_proba(small_graphs).shape == (40, len(np.unique(sign)))


# What is known of the source


@pytest.mark.filterwarnings("error")
def test_elements_are_those_of_both_trainings(small, small_graphs):
    structures, y, _ = small
    has = np.array([any(s.symbol == "O" for s in c.species) for c in structures])
    assert 0 < has.sum() < 40
    source = CGCNNRegressor(**QUICK).fit(small_graphs[~has], y[~has])
    assert 8 not in source.elements_
    tuned = tuned_from(source).fit(small_graphs[has], y[has])
    every = np.unique(small_graphs.atomic_numbers)
    assert_array_equal(tuned.elements_, every)
    with pytest.warns(UnseenElementsWarning, match=r"\bO\b"):
        source.predict(small_graphs)
    tuned.predict(small_graphs)  # warnings are errors
    alone = CGCNNRegressor(**QUICK).fit(small_graphs[has], y[has])
    with pytest.warns(UnseenElementsWarning):
        alone.predict(small_graphs)


def test_crystals_become_graphs_as_the_sources_were(small, small_graphs):
    structures, y, _ = small
    transformer = CrystalGraphTransformer(cutoff=7.0, max_neighbors=6)
    source = make_pipeline(transformer, CGCNNRegressor(**QUICK)).fit(structures, y)
    graphs = transformer.transform(structures)
    tuned = tuned_from(source)
    for X in (structures, graphs):
        tuned.fit(X, y)
        assert tuned.graph_settings_ == graphs.settings
        assert tuned.cutoff_ == tuned.net_.module_.cutoff == 7.0
    assert_array_equal(tuned.predict(structures), tuned.predict(graphs))
    # Whoever makes graphs once for several models makes these.
    ensemble = EnsembleRegressor(tuned, n_estimators=2, random_state=0)
    assert ensemble.fit(structures, y).predict(structures).shape == (40, 2)
    with pytest.raises(ValueError, match="made with"):
        clone(tuned).fit(small_graphs, y)


def test_graphs_of_unknown_making_ask_for_graphs(small, small_graphs):
    unknown = CrystalGraphs.from_data_list(list(small_graphs))
    assert unknown.settings is None
    source = CGCNNRegressor(**QUICK).fit(unknown, small[1])
    tuned = tuned_from(source)
    with pytest.raises(ValueError, match="X holds crystals"):
        tuned.fit(small[0], small[1])
    with pytest.raises(ValueError, match="X holds crystals"):
        EnsembleRegressor(tuned, n_estimators=2).fit(small[0], small[1])
    assert tuned.fit(unknown, small[1]).cutoff_ == source.cutoff_


def test_crystals_get_vectors_where_the_network_reads_them(model, small, graphs):
    model.fit(graphs, small[1])
    tuned = clone(model).set_params(pretrained=FrozenEstimator(model), freeze="trunk")
    tuned.fit(small[0], small[1])
    assert_allclose(tuned.embed(small[0]), model.embed(graphs), rtol=1e-5, atol=1e-6)


# What becomes of the source, of failures and of chance


@pytest.mark.parametrize("freeze", [None, "trunk"])
def test_the_source_is_never_changed(source, small, small_graphs, freeze):
    kept = pickle.dumps(source.net_.module_.state_dict())
    trained = [w.requires_grad for w in source.net_.module_.parameters()]
    predicted = source.predict(small_graphs)
    tuned = tuned_from(source, freeze=freeze, lr=0.1).fit(small_graphs, small[1][:, 0])
    assert tuned.net_.module_ is not source.net_.module_
    assert pickle.dumps(source.net_.module_.state_dict()) == kept
    assert [w.requires_grad for w in source.net_.module_.parameters()] == trained
    assert_array_equal(source.predict(small_graphs), predicted)


@pytest.mark.parametrize("way", ["warm_start", "pretrained"])
def test_training_that_fails_leaves_no_fitted_model(source, small, small_graphs, way):
    model = tuned_from(source).fit(small_graphs, small[1])
    model.set_params(lr=1e30, gradient_clip=None)
    if way == "warm_start":
        model.set_params(warm_start="trunk", pretrained=None)
    predicted = source.predict(small_graphs)
    with pytest.raises(FloatingPointError):
        model.fit(small_graphs, small[1])
    assert not hasattr(model, "fitted_")
    assert_array_equal(source.predict(small_graphs), predicted)
    # What is refused before training leaves all as it was.
    model.set_params(lr=0.003).fit(small_graphs, small[1])
    with pytest.raises(ValueError, match="is inf"):
        model.fit(small_graphs, np.full(40, np.inf))
    assert hasattr(model, "fitted_")


def test_the_same_seed_gives_the_same_model(source, small, small_graphs):
    y = small[1]
    found = [
        tuned_from(source, random_state=seed).fit(small_graphs, y).predict(small_graphs)
        for seed in (3, 3, 4)
    ]
    assert_array_equal(found[0], found[1])
    assert not np.allclose(found[0], found[2])


def test_a_tuned_model_lives_without_its_source(source, small, small_graphs):
    tuned = tuned_from(source).fit(small_graphs, small[1])
    tuned = pickle.loads(pickle.dumps(tuned))
    # Goes on from its own last fit, no longer from the source.
    before = tuned.predict(small_graphs)
    tuned.set_params(warm_start=True, **STILL).fit(small_graphs, small[1])
    assert_allclose(tuned.predict(small_graphs), before, atol=1e-5)


# Model selection


def test_pretrained_outlives_clone_and_goes_into_searches(source, small, small_graphs):
    model = tuned_from(source)
    assert clone(model).pretrained.estimator is source
    scores = cross_val_score(model, small_graphs, small[1], cv=2, error_score="raise")
    assert np.isfinite(scores).all()
    search = GridSearchCV(
        model, {"freeze": [None, "trunk"]}, cv=2, error_score="raise", refit=False
    ).fit(small_graphs, small[1])
    errors = search.cv_results_["mean_test_score"]
    assert np.isfinite(errors).all()
    assert errors[0] != errors[1]


@pytest.mark.parametrize("wrapped", [False, True])
def test_random_state_picks_a_member_of_an_ensemble(small, small_graphs, wrapped):
    structures, y, _ = small
    estimator = CGCNNRegressor(**QUICK)
    ensemble = EnsembleRegressor(estimator, n_estimators=2, random_state=0)
    source = make_pipeline(CrystalGraphTransformer(), ensemble) if wrapped else ensemble
    source.fit(structures, y)
    members = [member.embed(small_graphs) for member in ensemble.estimators_]
    picked = []
    for seed in [0, 1, 2, 3, 4, 5, 0]:
        tuned = tuned_from(source, freeze="trunk", random_state=seed, max_epochs=1)
        features = tuned.fit(small_graphs, y).embed(small_graphs)
        (which,) = (i for i in (0, 1) if np.array_equal(features, members[i]))
        picked.append(which)
    assert set(picked) == {0, 1}
    assert picked[0] == picked[-1]


def test_a_search_can_be_the_source(small, small_graphs):
    search = GridSearchCV(CGCNNRegressor(**QUICK), {"lr": [0.003, 0.01]}, cv=2)
    search.fit(small_graphs, small[1])
    tuned = tuned_from(search, freeze="trunk").fit(small_graphs, small[1])
    best = search.best_estimator_
    assert_array_equal(tuned.embed(small_graphs), best.embed(small_graphs))


@pytest.mark.parametrize("as_text", [False, True])
def test_a_saved_model_can_be_the_source(
    source, small, small_graphs, tmp_path, as_text
):
    folder = tmp_path / "source"
    source.save_pretrained(folder)
    tuned = tuned_from(source, freeze="trunk")
    tuned.set_params(pretrained=str(folder) if as_text else folder)
    tuned.fit(small[0], small[1])
    assert_array_equal(tuned.embed(small_graphs), source.embed(small_graphs))
    # A saved model that is loaded again has a trunk of its own.
    again = clone(tuned).set_params(warm_start="trunk").fit(small[0], small[1])
    again.save_pretrained(tmp_path / "tuned")
    loaded = CGCNNRegressor.from_pretrained(tmp_path / "tuned").fit(small[0], small[1])
    assert_array_equal(loaded.embed(small_graphs), source.embed(small_graphs))


def test_calibrated_ensembles_can_be_the_source(small, small_graphs):
    ensemble = EnsembleRegressor(CGCNNRegressor(**QUICK), 2, random_state=0)
    ensemble.fit(small_graphs, small[1])
    source = CalibratedRegressor(FrozenEstimator(ensemble)).fit(small_graphs, small[1])
    tuned = tuned_from(source, freeze="trunk").fit(small[0], small[1][:, 0])
    features = tuned.embed(small_graphs)
    members = [member.embed(small_graphs) for member in ensemble.estimators_]
    assert sum(np.array_equal(features, found) for found in members) == 1


# Refusals


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            lambda source: CGCNNRegressor(pretrained=source),
            "'pretrained' parameter of CGCNNRegressor must be .*FrozenEstimator",
        ),
        (
            lambda source: tuned_from(source, SchNetRegressor),
            "CGCNNRegressor with a network that a SchNetRegressor cannot start from",
        ),
        (
            lambda source: tuned_from(source, hidden_dim=16),
            "hidden_dim=8, but hidden_dim=16 was requested; set hidden_dim=8",
        ),
        (
            lambda source: tuned_from(source, conv="shared"),
            "conv='gated', but conv='shared'",
        ),
        (
            lambda source: tuned_from(source, MTCGCNNRegressor, sharing="soft"),
            "sharing='hard', but this MTCGCNNRegressor has sharing='soft'",
        ),
        (
            lambda source: tuned_from(clone(source)),
            "pretrained holds a CGCNNRegressor that is not fitted",
        ),
        (
            lambda source: tuned_from(EnsembleRegressor(source)),
            "pretrained holds a EnsembleRegressor that is not fitted",
        ),
        (
            lambda source: tuned_from(DummyRegressor().fit([[0]], [0])),
            "DummyRegressor, which has no graph network",
        ),
        (
            lambda source: CGCNNRegressor(freeze="trunk"),
            "freeze='trunk' needs a trained network.* give `pretrained`",
        ),
        (
            lambda source: pickle.loads(pickle.dumps(source)).set_params(
                warm_start="trunk", n_layers=3
            ),
            "the last fit left a network of n_layers=2, but n_layers=3",
        ),
    ],
)
def test_what_cannot_start_is_refused(source, small, small_graphs, model, message):
    model = model(source)
    with pytest.raises(ValueError, match=message):
        model.fit(small_graphs, small[1])


def test_a_changed_parameter_does_not_change_what_the_source_is(
    source, small, small_graphs
):
    changed = pickle.loads(pickle.dumps(source)).set_params(hidden_dim=64)
    tuned_from(changed).fit(small_graphs, small[1])
    with pytest.raises(ValueError, match="hidden_dim=8"):
        tuned_from(changed, hidden_dim=64).fit(small_graphs, small[1])


# What it is for


@pytest.mark.learning
def test_binaries_teach_what_helps_with_ternaries(prototypes):
    """Thirty labels teach more to a network that knows binary crystals."""
    ternary = prototypes.frame["species"].str.split().str.len().to_numpy() == 3
    graphs = CrystalGraphTransformer().transform(prototypes.data)
    y, settings = prototypes.target[:, 0], {"hidden_dim": 32, "n_layers": 2}
    source = CGCNNRegressor(**settings, max_epochs=15, random_state=0)
    source.fit(graphs[np.flatnonzero(~ternary)], y[~ternary])
    starts = [{}, {"pretrained": FrozenEstimator(source)}]
    starts.append({**starts[1], "freeze": "trunk"})
    errors = np.zeros(3)
    for seed in range(3):
        rows = np.random.RandomState(seed).permutation(np.flatnonzero(ternary))
        train, test = rows[:30], rows[30:]
        for i, start in enumerate(starts):
            model = CGCNNRegressor(
                **settings, **start, max_epochs=40, batch_size=16, random_state=seed
            )
            predicted = model.fit(graphs[train], y[train]).predict(graphs[test])
            errors[i] += np.abs(predicted - y[test]).mean()
    scratch, tuned, frozen = errors
    # Over seeds of all three, 0.85 give or take 0.025
    assert tuned < 0.96 * scratch
    assert frozen < 0.96 * scratch
