"""Standard deviations by Monte Carlo dropout."""

import copy
import pickle

import numpy as np
import pytest
import torch
from models import MODELS, REPRESENTATIVES, name_of, representatives, transformer_for
from numpy.testing import assert_allclose, assert_array_equal
from pymatgen.core import Structure
from sklearn.base import clone

from skcrystal import CGCNNRegressor
from skcrystal.nn import CrystalNetwork, GraphStore, _store
from skcrystal.nn._dropout import CrystalDropout
from skcrystal.nn._head import Head

SETTINGS = {
    "head": {"dropout": 0.3},
    "layers": {"dropout_conv": 0.2},
    "both": {"dropout": 0.3, "dropout_conv": 0.2, "loss": "gaussian_nll"},
    "head-sum": {"dropout": 0.3, "pooling": "sum"},
    "layers-sum": {"dropout_conv": 0.2, "pooling": "sum"},
}
# Every architecture drops in head and layers; what else is set asks only a few.
CROSSED = [(model, "both") for model in MODELS] + [
    (model, setting)
    for model in REPRESENTATIVES
    for setting in SETTINGS
    if setting != "both"
]


@pytest.fixture(params=SETTINGS, scope="session")
def setting(request):
    return request.param


@pytest.fixture(scope="session")
def dropping(kind, setting, small, graphs):
    """A model with dropout and its labels; not to be changed."""
    model = clone(kind).set_params(max_epochs=5, **SETTINGS[setting])
    y = small[1] * (graphs.n_sites[:, None] if model.pooling == "sum" else 1)
    return model.fit(graphs, y), y


def count_trunk_runs(model, graphs, monkeypatch):
    """How often a network passes messages in a prediction with standard deviations."""
    modules = model.net_.module_.modules()
    networks = [module for module in modules if isinstance(module, CrystalNetwork)]
    kind, runs = type(networks[0]), []
    atoms = kind.atoms

    def counted(*args):
        runs.append(args)
        return atoms(*args)

    monkeypatch.setattr(kind, "atoms", counted)
    model.predict(graphs, return_std=True)
    monkeypatch.undo()
    return len(runs) / len(networks)


@representatives
def test_std_is_positive_and_reproducible(dropping, small, graphs):
    model, y = dropping
    mean, std = model.predict(graphs, return_std=True)
    assert mean.shape == std.shape == (40, 2)
    assert (std > 0).all()
    for again in (model, pickle.loads(pickle.dumps(model)), clone(model)):
        if not hasattr(again, "net_"):
            again.fit(graphs, y)
        other_mean, other_std = again.predict(graphs, return_std=True)
        assert_array_equal(other_mean, mean)
        assert_array_equal(other_std, std)
    assert_array_equal(model.predict(graphs), model.predict(graphs))


@representatives
def test_std_of_a_crystal_does_not_depend_on_the_others(dropping, small, graphs):
    model, _ = dropping
    mean, std = model.predict(graphs, return_std=True)
    some_mean, some_std = model.predict(graphs[[7, 3]], return_std=True)
    assert_allclose(some_mean, mean[[7, 3]], atol=1e-5, rtol=1e-5)
    assert_allclose(some_std, std[[7, 3]], atol=1e-5, rtol=1e-5)


@representatives
def test_std_does_not_depend_on_pieces(dropping, graphs, monkeypatch):
    model, _ = dropping
    whole = model.predict(graphs, return_std=True)
    monkeypatch.setitem(_store._EDGES_AT_ONCE, "cpu", 20)
    pieces = model.predict(graphs, return_std=True)
    assert_allclose(pieces, whole, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("kind", "setting"),
    CROSSED,
    indirect=True,
    ids=[f"{name_of(model)}-{setting}" for model, setting in CROSSED],
)
def test_std_depends_neither_on_merging_nor_on_the_cell(dropping, small):
    model, _ = dropping
    crystals = small[0][:5]
    mean, std = model.predict(crystals, return_std=True)
    every_site = transformer_for(model, reduce=None).transform(crystals)
    for found, expected in zip(
        model.predict(every_site, return_std=True), (mean, std), strict=True
    ):
        assert_allclose(found, expected, atol=1e-5, rtol=1e-5)
    turned = [Structure.from_sites(list(reversed(c))) for c in crystals]
    found = model.predict(turned, return_std=True)
    assert_allclose(found, (mean, std), atol=1e-5, rtol=1e-5)
    n = 2 if model.pooling == "sum" else 1
    doubled = model.predict([c * (1, 2, 1) for c in crystals], return_std=True)
    assert_allclose(doubled[0], n * mean, atol=2e-5, rtol=1e-5)
    assert_allclose(doubled[1], n * std, atol=2e-5, rtol=1e-5)


@representatives
@pytest.mark.parametrize("setting", ["both"], indirect=True)
def test_samples_are_what_dropout_gives_in_training(dropping, graphs):
    """Mean and spread of Monte Carlo samples agree with those of torch's dropout."""
    n = 600  # the spread is then known to 3 %
    model = copy.deepcopy(dropping[0]).set_params(n_mc_samples=n)
    mean, std, _ = model.predict(graphs[:3], return_components=True)
    network = model.net_.module_.train()
    batch = GraphStore.of(graphs[:3], "cpu").gather(np.arange(3))
    torch.manual_seed(0)
    with torch.no_grad():
        samples = np.stack([network(batch)[:, :2].numpy() for _ in range(n)])
    spread = samples.std(0) * model._scaler.scale
    expected = model._scaler.inverse(samples.mean(0))
    assert_allclose(std, spread, rtol=0.2)
    assert (np.abs(mean - expected) < 5 * spread / n**0.5 * 2**0.5).all()


@representatives
@pytest.mark.learning
@pytest.mark.parametrize("where", ["dropout", "dropout_conv"])
def test_more_dropout_is_more_spread(model, small, graphs, where):
    spreads = []
    for dropout in (0.02, 0.4):
        model.set_params(**{where: dropout}).fit(graphs, small[1][:, 0])
        mean, std = model.predict(graphs, return_std=True)
        assert mean.shape == std.shape == (40,)
        spreads.append(std.mean())
    assert spreads[0] < 0.7 * spreads[1]


@representatives
def test_layers_run_once_unless_they_drop(model, small, graphs, monkeypatch):
    model.set_params(n_mc_samples=7, dropout=0.1).fit(graphs, small[1])
    assert count_trunk_runs(model, graphs, monkeypatch) == 1
    model.set_params(dropout_conv=0.1).fit(graphs, small[1])
    assert count_trunk_runs(model, graphs, monkeypatch) == 7


@representatives
def test_dropout_of_layers_acts_in_training_alone(model, small, graphs):
    plain = clone(model).fit(graphs, small[1])
    model.set_params(dropout_conv=0.3).fit(graphs, small[1])
    assert not np.allclose(model.predict(graphs), plain.predict(graphs))
    # The same weights without any dropout
    plain.net_.module_.load_state_dict(model.net_.module_.state_dict())
    assert_array_equal(plain.predict(graphs), model.predict(graphs))
    assert_array_equal(plain.embed(graphs), model.embed(graphs))


def test_warm_start_keeps_its_dropout(small, small_graphs):
    model = CGCNNRegressor(hidden_dim=4, max_epochs=1, warm_start=True)
    model.fit(small_graphs, small[1])
    with pytest.raises(ValueError, match=r"network of dropout_conv=0\.0.*0\.1"):
        model.set_params(dropout_conv=0.1).fit(small_graphs, small[1])


@representatives
def test_without_dropout_the_error_says_what_to_set(fitted, graphs):
    with pytest.raises(ValueError, match=r"return_std=True needs.*dropout=0\.1"):
        fitted.predict(graphs, return_std=True)


def test_atoms_of_a_crystal_share_what_is_dropped():
    torch.manual_seed(0)
    crystal = torch.tensor([0, 0, 0, 1, 1], dtype=torch.int32)
    out = Head(6, 2)(torch.ones(5, 6), CrystalDropout(0.5, crystal, 2))
    assert torch.equal(out[0], out[1])
    assert torch.equal(out[0], out[2])
    assert torch.equal(out[3], out[4])
    assert not torch.equal(out[0], out[3])
