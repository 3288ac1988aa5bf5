"""Several targets: whose layers they share, and how much each of them counts."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from skorch.callbacks import Callback

from skcrystal import (
    CGCNNRegressor,
    CrystalGraphTransformer,
    GCNRegressor,
    MTCGCNNRegressor,
)
from skcrystal.nn import GraphStore, MaskedLoss

NAMES = ["energy", "gap", "fermi"]
QUICK = {"hidden_dim": 8, "n_layers": 2, "max_epochs": 2, "random_state": 0}


@pytest.fixture
def model():
    return MTCGCNNRegressor(**QUICK)


@pytest.fixture
def soft():
    return MTCGCNNRegressor(**QUICK, sharing="soft")


@pytest.fixture(scope="module")
def graphs(small_graphs):
    return small_graphs


@pytest.fixture(scope="module")
def three(small):
    """Energy, gap, and what goes with both, in the place of a Fermi energy."""
    energy, gap = small[1].T
    return pd.DataFrame(np.column_stack([energy, gap, 3 - energy - gap]), columns=NAMES)


@pytest.fixture(scope="module")
def many(prototypes):
    graphs = CrystalGraphTransformer().transform(prototypes.data[:160])
    return graphs, prototypes.target[:160]


def test_parameters_of_both_kinds_are_documented_once():
    for name in ("sharing", "sharing_strength", "n_task_layers", "task_weights"):
        assert MTCGCNNRegressor.__doc__.count(f"\n{name} : ") == 1
        assert name in MTCGCNNRegressor().get_params()
    assert "sharing" not in CGCNNRegressor().get_params()


# What is shared


@pytest.mark.parametrize("sharing", ["hard", "soft"])
def test_labels_of_one_target_teach_its_own_layers(model, graphs, three, sharing):
    """All message passing too if it is shared, and no other head in any case."""
    network = model.set_params(sharing=sharing).fit(graphs, three).net_.module_
    network.zero_grad()
    batch = GraphStore.of(graphs, "cpu").gather(np.arange(len(graphs)))
    network(batch)[:, 1].square().sum().backward()
    learns = [
        name
        for name, weight in network.named_parameters()
        if weight.grad is not None and weight.grad.any()
    ]
    assert any("convolutions.0" in name for name in learns)
    own = "head.heads" if sharing == "hard" else "networks"
    taught = [name for name in learns if name.startswith(own)]
    assert taught
    assert all(name.startswith(f"{own}.1.") for name in taught)


def test_heads_have_the_layers_asked_for(model, graphs, three):
    sizes = []
    for n_task_layers in (1, 2, 3):
        model.set_params(n_task_layers=n_task_layers).fit(graphs, three)
        sizes.append(sum(w.numel() for w in model.net_.module_.head.parameters()))
    assert np.diff(sizes).tolist() == [3 * (8 * 8 + 8)] * 2


@pytest.mark.learning
def test_strength_keeps_trunks_alike(soft, graphs, three):
    soft.set_params(max_epochs=10, lr=0.01)
    distances = []
    for strength in (0.0, 1.0, 100.0):
        soft.set_params(sharing_strength=strength).fit(graphs, three)
        networks = soft.net_.module_.networks
        first, second = (n.convolutions[0].joint.weight for n in networks[:2])
        distances.append((first - second).norm().item() / first.norm().item())
    assert distances[0] > 3 * distances[1]
    assert distances[2] < 0.1 < distances[0]


def test_without_a_pull_targets_learn_as_alone(soft, graphs, small):
    """With one network a target and no penalty, labels of others change nothing."""
    y = small[1]
    soft.set_params(sharing_strength=0.0, gradient_clip=None, max_epochs=5)
    expected = clone(soft).fit(graphs, y).predict(graphs)
    other = y.copy()
    other[:, 0] = y[::-1, 0]
    found = soft.fit(graphs, other).predict(graphs)
    assert_allclose(found[:, 1], expected[:, 1], atol=1e-5)
    assert not np.allclose(found[:, 0], expected[:, 0], atol=1e-2)


def test_train_loss_holds_what_the_pull_costs(soft, graphs, small, monkeypatch):
    """Whole, however many pieces a batch passes in."""
    from skcrystal.nn import _store

    soft.set_params(sharing_strength=10.0, batch_size=25)
    expected = clone(soft).fit(graphs, small[1]).history_["train_loss"]
    monkeypatch.setitem(_store._EDGES_AT_ONCE, "cpu", 20)
    found = soft.fit(graphs, small[1]).history_["train_loss"]
    assert_allclose(found, expected, rtol=1e-4)


# What is asked of either


@pytest.mark.learning
@pytest.mark.parametrize("sharing", ["hard", "soft"])
def test_targets_measured_on_different_crystals(model, graphs, three, sharing):
    """Each crystal has one label; every crystal is given all."""
    apart = three.copy()
    measured = np.arange(len(three)) % 3
    apart[measured[:, None] != np.arange(3)] = np.nan
    assert (apart.notna().sum(axis=1) == 1).all()
    model.set_params(sharing=sharing, hidden_dim=16, max_epochs=80, lr=0.01)
    model.set_params(batch_size=20, task_weights="uncertainty")
    predicted = model.fit(graphs, apart).predict(graphs)
    assert model.target_names_ == NAMES
    for t, name in enumerate(NAMES):
        seen = measured == t
        error = np.abs(predicted[seen, t] - three[name][seen]).mean()
        spread = np.abs(three[name][seen] - three[name][seen].median()).mean()
        assert error < 0.5 * spread
    assert np.isfinite(predicted).all()


@pytest.mark.parametrize("sharing", ["hard", "soft"])
def test_spread_and_features(model, graphs, three, sharing):
    model.set_params(
        sharing=sharing, dropout=0.2, dropout_conv=0.1, loss="gaussian_nll"
    )
    model.fit(graphs, three)
    mean, epistemic, aleatoric = model.predict(graphs, return_components=True)
    for part in (mean, epistemic, aleatoric):
        assert part.shape == (40, 3)
    assert (epistemic > 0).all()
    assert (aleatoric > 0).all()
    width = 8 if sharing == "hard" else 24
    assert model.embed(graphs).shape == (40, width)


@pytest.mark.parametrize("sharing", ["hard", "soft"])
@pytest.mark.parametrize("task_weights", [None, "uncertainty", "dwa", [1, 2, 3]])
def test_pickles_and_goes_on(model, graphs, three, sharing, task_weights):
    model.set_params(sharing=sharing, task_weights=task_weights, warm_start=True)
    expected = model.fit(graphs, three).predict(graphs)
    again = pickle.loads(pickle.dumps(model))
    assert_array_equal(again.predict(graphs), expected)
    assert_array_equal(again.task_weights_, model.task_weights_)
    first = model.history_["train_loss"].iloc[0]
    again.set_params(max_epochs=10).fit(graphs, three)
    model.set_params(max_epochs=10).fit(graphs, three)
    assert_array_equal(again.predict(graphs), model.predict(graphs))
    assert model.history_["train_loss"].iloc[-1] < first


@pytest.mark.parametrize("sharing", ["hard", "soft"])
def test_new_targets_on_an_old_trunk(model, graphs, three, sharing):
    model.set_params(sharing=sharing).fit(graphs, three[["energy", "gap"]])
    other = clone(model).set_params(pretrained=FrozenEstimator(model), freeze="trunk")
    assert other.fit(graphs, three).predict(graphs).shape == (40, 3)
    assert_allclose(other.embed(graphs)[:, :8], model.embed(graphs)[:, :8], atol=1e-6)


def test_a_trunk_of_one_head_serves_many(graphs, three):
    one_head = CGCNNRegressor(**QUICK).fit(graphs, three["energy"])
    model = MTCGCNNRegressor(
        **QUICK, pretrained=FrozenEstimator(one_head), freeze="trunk"
    )
    model.fit(graphs, three)
    assert_allclose(model.embed(graphs), one_head.embed(graphs), atol=1e-6)
    model.set_params(sharing="soft")
    with pytest.raises(ValueError, match="has sharing='soft'"):
        model.fit(graphs, three)


@pytest.mark.parametrize("sharing", ["hard", "soft"])
@pytest.mark.parametrize("pooling", ["mean", "sum"])
def test_gaps_are_not_negative(model, graphs, three, sharing, pooling):
    links = {"gap": "softplus"}
    model.set_params(sharing=sharing, output_transform=links, pooling=pooling)
    predicted = model.fit(graphs, three).predict(graphs)
    assert (predicted[:, 1] >= 0).all()
    assert (predicted[:, 0] < 0).any()


# How much targets count


def loss_by_hand(model, graphs, y, task_weights):
    """Mean absolute error of the scaled labels, target by target, then weighed."""
    scaler = model._scaler
    batch = GraphStore.of(graphs, "cpu").gather(np.arange(len(graphs)))
    with torch.no_grad():
        outputs = model.net_.module_(batch).numpy()
    error = np.nansum(np.abs(outputs - scaler.transform(y)), axis=0)
    n_labels = (~np.isnan(y)).sum(axis=0)
    return (error * task_weights).sum() / (n_labels * task_weights).sum()


class LastLoss(Callback):
    """Record the loss of the network that is kept."""

    def on_train_end(self, net, X=None, y=None, **kwargs):
        (batch,) = net.get_iterator(X, training=False)
        net.history.record("last_loss", net.validation_step(batch)["loss"].item())


@pytest.mark.parametrize(
    "task_weights", [[3, 1], [0.3, 0.1], {"energy": 6, "gap": 2}, {0: 3, 1: 1}]
)
def test_weights_are_those_of_the_loss(model, graphs, three, task_weights):
    y = three[["energy", "gap"]].copy()
    y.loc[::2, "gap"] = np.nan
    model.set_params(task_weights=task_weights, callbacks=[LastLoss()])
    model.fit(graphs, y)
    assert_allclose(model.task_weights_, [1.5, 0.5])
    expected = loss_by_hand(model, graphs, y.to_numpy(), np.array([3, 1]))
    assert model.net_.history[-1, "last_loss"] == pytest.approx(expected, rel=1e-4)


def test_alike_is_ones(model, graphs, three):
    expected = clone(model).fit(graphs, three)
    assert expected.task_weights_.tolist() == [1, 1, 1]
    found = model.set_params(task_weights=[5, 5, 5]).fit(graphs, three)
    assert_array_equal(found.predict(graphs), expected.predict(graphs))


@pytest.mark.parametrize(
    ("task_weights", "message"),
    [
        ([1, 2, 3], r"shape \(3,\), but there are 2 targets \(energy, gap\)"),
        ([[1, 2]], r"shape \(1, 2\)"),
        ([1, 0], "of gap is 0.0; it must be a positive number"),
        ([-1, 2], "of energy is -1.0"),
        ([np.inf, 2], "of energy is inf"),
        ({"energy": 1}, "no entry for gap"),
        ({"energy": 1, "fermi": 2}, "'fermi', but there are only energy, gap"),
        ({"energy": 1, 2: 2}, "names the target 2"),
        ("gradnorm", "task_weights"),
    ],
)
def test_unfit_weights_are_refused(model, graphs, three, task_weights, message):
    model.set_params(task_weights=task_weights)
    with pytest.raises(ValueError, match=message):
        model.fit(graphs, three[["energy", "gap"]])
    assert not hasattr(model, "net_")


@pytest.mark.parametrize("task_weights", ["uncertainty", "dwa"])
def test_variances_leave_nothing_to_find(model, graphs, three, task_weights):
    model.set_params(task_weights=task_weights, loss="gaussian_nll")
    with pytest.raises(ValueError, match=r"learns the\s+scatter already"):
        model.fit(graphs, three)
    model.set_params(task_weights=[1, 2, 3]).fit(graphs, three)


@pytest.mark.learning
def test_a_target_of_noise_counts_less(many):
    """Weights become the inverse of the errors that are left, in units of scale."""
    graphs, y = many
    labels = np.column_stack([y[:, 0], np.random.RandomState(0).normal(size=len(y))])
    model = MTCGCNNRegressor(
        hidden_dim=16,
        n_layers=2,
        max_epochs=20,
        batch_size=16,
        lr=0.01,
        lr_schedule="constant",
        task_weights="uncertainty",
        random_state=0,
    )
    history = model.fit(graphs, labels).history_
    weights = history[["task_weight_target_0", "task_weight_target_1"]].to_numpy()
    errors = np.abs(model.predict(graphs) - labels).mean(axis=0) / model._scaler.scale
    assert_allclose(weights[-1] * errors, 1, atol=0.5)
    assert model.task_weights_[0] > 2 * model.task_weights_[1]
    assert_allclose(model.task_weights_, 2 * weights[-1] / weights[-1].sum(), rtol=1e-5)


def test_rates_are_those_of_the_errors(graphs, three):
    """By hand from the errors of each batch, weighed by none."""
    seen = []

    class Look(Callback):
        def on_batch_end(self, net, batch=None, training=None, y_pred=None, **kwargs):
            (part,) = batch
            label, weight = part.labels
            error = (y_pred.detach() - label).abs() * weight
            seen.append((net.history[-1, "epoch"], error.sum(dim=0).numpy()))

    model = MTCGCNNRegressor(**QUICK, task_weights="dwa", callbacks=[Look()])
    history = model.set_params(max_epochs=5, batch_size=15).fit(graphs, three).history_
    errors = pd.DataFrame(
        [error for _, error in seen], index=[epoch for epoch, _ in seen]
    )
    errors = errors.groupby(level=0).sum().to_numpy()
    found = history[[f"task_weight_{name}" for name in NAMES]].to_numpy()
    assert_array_equal(found[:2], 1)
    rates = np.exp(errors[1:-1] / errors[:-2] / 2)
    expected = 3 * rates / rates.sum(axis=1, keepdims=True)
    assert_allclose(found[2:], expected, rtol=1e-4)
    assert_allclose(found.sum(axis=1), 3, rtol=1e-5)


@pytest.mark.parametrize("task_weights", ["uncertainty", "dwa"])
def test_any_network_can_weigh_its_targets(graphs, three, task_weights):
    model = GCNRegressor(**QUICK, task_weights=task_weights, early_stopping=True)
    history = model.fit(graphs, three).history_
    assert (history[[f"task_weight_{name}" for name in NAMES]] > 0).all(axis=None)
    assert (history["valid_loss"] > 0).all()


def test_what_is_held_back_is_judged_without_weights_that_move(model, graphs, three):
    """Whether errors become smaller can be seen then, whatever weights do."""
    model.set_params(
        early_stopping=True, validation_fraction=0.3, task_weights="uncertainty"
    )
    model.fit(graphs, three)
    assert isinstance(model.net_.criterion_, MaskedLoss)
    errors = model.history_[[f"valid_mae_{name}" for name in NAMES]].to_numpy()
    assert_allclose(
        model.history_["valid_loss"], (errors / model._scaler.scale).mean(1), rtol=1e-3
    )


@pytest.mark.learning
@pytest.mark.parametrize("kind", ["uncertainty", "dwa"])
def test_going_on_keeps_the_weights_that_were_found(kind, small):
    X, y = small[:2]
    model = MTCGCNNRegressor(**QUICK, task_weights=kind, warm_start=True)
    # At a constant rate, errors never cease to change.
    model.set_params(max_epochs=20, lr=0.01, lr_schedule="constant").fit(X, y)
    found = model.task_weights_
    model.set_params(max_epochs=1, lr=1e-5).fit(X, y)
    names = [f"task_weight_{name}" for name in model.target_names_]
    first = model.history_[names].iloc[0].to_numpy(float)
    # Closer to those than to the ones that training began with
    assert np.abs(found - 1).max() > 1e-4
    assert_allclose(first / first.mean(), found, atol=1e-5)


def test_warm_start_may_be_a_boolean_of_numpy(small):
    X, y = small[:2]
    model = MTCGCNNRegressor(**QUICK).fit(X, y)
    head = model.net_.module_.head
    model.set_params(warm_start=np.True_).fit(X, y)
    assert model.net_.module_.head is head


@pytest.mark.parametrize(
    ("weights", "message"),
    [({0: 1.0}, "no entry for target_1"), ({0: 1, -2: 2, 1: 1}, "target_0 twice")],
)
def test_weights_by_name_are_complete_and_unique(weights, message, small):
    with pytest.raises(ValueError, match=message):
        MTCGCNNRegressor(**QUICK, task_weights=weights).fit(*small[:2])
