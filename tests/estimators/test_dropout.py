"""Standard deviations by Monte Carlo dropout."""

import pickle

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from skcrystal import CrystalGraphTransformer
from skcrystal.nn import Head


@pytest.fixture(params=["mean", "sum"])
def dropping(request, model, small, small_graphs):
    model.set_params(dropout=0.3, pooling=request.param, max_epochs=5)
    y = small[1] * (small_graphs.n_sites[:, None] if request.param == "sum" else 1)
    return model.fit(small_graphs, y), y


def test_std_is_positive_and_reproducible(dropping, small, small_graphs):
    model, y = dropping
    mean, std = model.predict(small_graphs, return_std=True)
    assert mean.shape == std.shape == (40, 2)
    assert (std > 0).all()
    for again in (model, pickle.loads(pickle.dumps(model)), clone(model)):
        if not hasattr(again, "net_"):
            again.fit(small_graphs, y)
        other_mean, other_std = again.predict(small_graphs, return_std=True)
        assert_array_equal(other_mean, mean)
        assert_array_equal(other_std, std)
    assert_array_equal(model.predict(small_graphs), model.predict(small_graphs))


def test_std_of_a_crystal_does_not_depend_on_the_others(dropping, small, small_graphs):
    model, _ = dropping
    mean, std = model.predict(small_graphs, return_std=True)
    some_mean, some_std = model.predict(small_graphs[[7, 3]], return_std=True)
    assert_allclose(some_mean, mean[[7, 3]], atol=1e-5, rtol=1e-5)
    assert_allclose(some_std, std[[7, 3]], atol=1e-5, rtol=1e-5)


def test_std_depends_neither_on_merging_nor_on_the_cell(dropping, small):
    model, _ = dropping
    crystals = small[0][:5]
    mean, std = model.predict(crystals, return_std=True)
    every_site = CrystalGraphTransformer(reduce=None).transform(crystals)
    for found, expected in zip(
        model.predict(every_site, return_std=True), (mean, std), strict=True
    ):
        assert_allclose(found, expected, atol=1e-5, rtol=1e-5)
    n = 2 if model.pooling == "sum" else 1
    doubled = model.predict([c * (1, 2, 1) for c in crystals], return_std=True)
    assert_allclose(doubled[0], n * mean, atol=2e-5, rtol=1e-5)
    assert_allclose(doubled[1], n * std, atol=2e-5, rtol=1e-5)


def test_samples_are_what_dropout_gives_in_training(dropping, small_graphs):
    """Mean and spread of thinned networks agree with those of torch's dropout."""
    model, _ = dropping
    model.set_params(n_mc_samples=3000)
    mean, std = model.predict(small_graphs[:3], return_std=True)
    from skcrystal.estimators._data import store_of

    network = model.net_.module_.train()
    batch = store_of(small_graphs[:3], "cpu").gather(np.arange(3))
    torch.manual_seed(0)
    with torch.no_grad():
        samples = np.stack([network(batch).numpy() for _ in range(3000)])
    network.eval()
    size = small_graphs.n_sites[:3, None] if model.pooling == "sum" else 1
    spread = samples.std(0) * model._scaler.scale * size
    expected = model._scaler.inverse(samples.mean(0)) * size
    assert_allclose(std, spread, rtol=0.1)
    assert (np.abs(mean - expected) < 5 * spread / 3000**0.5 * 2**0.5).all()


def test_more_dropout_is_more_spread(model, small, small_graphs):
    spreads = []
    for dropout in (0.02, 0.4):
        model.set_params(dropout=dropout).fit(small_graphs, small[1][:, 0])
        mean, std = model.predict(small_graphs, return_std=True)
        assert mean.shape == std.shape == (40,)
        spreads.append(std.mean())
    assert spreads[0] < 0.7 * spreads[1]


def test_without_dropout_the_error_says_what_to_set(fitted, small_graphs):
    with pytest.raises(ValueError, match=r"return_std=True needs.*dropout=0\.1"):
        fitted.predict(small_graphs, return_std=True)


def test_atoms_of_a_crystal_share_what_is_dropped():
    head = Head(6, 2, dropout=0.5).train()
    rows = torch.ones(5, 6)
    out = head(rows, torch.tensor([0, 0, 0, 1, 1], dtype=torch.int32), 2)
    assert torch.equal(out[0], out[1])
    assert torch.equal(out[0], out[2])
    assert torch.equal(out[3], out[4])
    assert not torch.equal(out[0], out[3])
