"""A variance beside each mean: ``loss="gaussian_nll"``."""

import pickle

import numpy as np
import pytest
import torch
from models import only_cgcnn, representatives, transformer_for
from numpy.testing import assert_allclose, assert_array_equal
from pymatgen.core import Structure
from sklearn.base import clone
from torch.distributions import Normal

from skcrystal import CGCNNRegressor, CrystalGraphTransformer, GCNRegressor
from skcrystal.nn import MaskedLoss
from skcrystal.nn._loss import gaussian_nll

pytestmark = pytest.mark.filterwarnings("ignore:X holds elements that the model was")

BOTH = {"loss": "gaussian_nll", "dropout": 0.2, "dropout_conv": 0.1}


@pytest.fixture(scope="module")
def prototype_graphs(prototypes):
    return CrystalGraphTransformer().transform(prototypes.data)


@pytest.fixture(params=["mean", "sum"])
def gaussian(request, model, small, graphs):
    """A model with variances and no dropout, and its labels."""
    model.set_params(loss="gaussian_nll", pooling=request.param, max_epochs=5)
    y = small[1] * (graphs.n_sites[:, None] if request.param == "sum" else 1)
    return model.fit(graphs, y), y


def test_the_loss_is_the_likelihood_of_a_normal_distribution():
    torch.manual_seed(0)
    mean, label, variance = *torch.randn(2, 5, 3), torch.rand(5, 3) + 0.1
    found = gaussian_nll(torch.cat([mean, variance], 1), label)
    expected = -Normal(mean, variance.sqrt()).log_prob(label)
    assert_allclose(found, expected - 0.5 * np.log(2 * np.pi), rtol=1e-5, atol=1e-5)


def test_the_weight_of_the_loss_has_no_gradient_and_is_for_training_alone():
    output = torch.tensor([[0.0, 4.0]], requires_grad=True)
    label = torch.tensor([[3.0]])
    loss = MaskedLoss("gaussian_nll").train()
    loss(output, (label, torch.ones(1, 1))).backward()
    # The root of the variance, 2, times what the likelihood itself gives
    assert_allclose(output.grad, [[2 * -3 / 4, 2 * 0.5 * (1 / 4 - 9 / 16)]])
    held_back = loss.eval()(output.detach(), (label, torch.ones(1, 1)))
    assert_allclose(held_back, 0.5 * (np.log(4) + 9 / 4), rtol=1e-6)


@pytest.mark.learning
@pytest.mark.parametrize("estimator", [GCNRegressor, CGCNNRegressor])
def test_a_known_noise_is_recovered(prototypes, prototype_graphs, estimator):
    """Labels that scatter by 0.2 in compounds of halogens and chalcogens, else by 1."""
    named = {"O", "S", "Se", "Te", "F", "Cl", "Br", "I"}
    quiet = np.array(
        [bool(named & {e.symbol for e in s.elements}) for s in prototypes.data]
    )
    assert 0.3 < quiet.mean() < 0.7
    true = np.where(quiet, 0.2, 1.0)
    y = quiet + true * np.random.RandomState(0).normal(size=len(true))
    held = np.arange(len(y)) % 4 == 0
    model = estimator(
        loss="gaussian_nll",
        hidden_dim=16,
        n_layers=1,
        max_epochs=25,
        lr=0.01,
        lr_schedule="constant",
        early_stopping=True,
        n_iter_no_change=10,
        random_state=0,
    )
    model.fit(prototype_graphs[~held], y[~held])
    _, std = model.predict(prototype_graphs[held], return_std=True)
    for group in (quiet, ~quiet):
        found = np.sqrt(np.mean(std[group[held]] ** 2))
        assert_allclose(found, true[group][0], rtol=0.3)


@representatives
@pytest.mark.parametrize("pooling", ["mean", "sum"])
def test_variances_add_up(model, small, graphs, pooling):
    model.set_params(pooling=pooling, **BOTH).fit(graphs, small[1])
    mean, std = model.predict(graphs, return_std=True)
    parts = model.predict(graphs, return_components=True)
    assert [part.shape for part in parts] == 3 * [(40, 2)]
    assert_array_equal(parts[0], mean)
    assert (parts[1] > 0).all()
    assert (parts[2] > 0).all()
    assert_allclose(std**2, parts[1] ** 2 + parts[2] ** 2)


@representatives
def test_without_dropout_std_is_the_aleatoric_one(gaussian, graphs):
    model, _ = gaussian
    mean, std = model.predict(graphs, return_std=True)
    assert mean.shape == std.shape == (40, 2)
    assert (std > 0).all()
    assert_array_equal(mean, model.predict(graphs))
    again = pickle.loads(pickle.dumps(model))
    assert_array_equal(again.predict(graphs, return_std=True), (mean, std))


@pytest.mark.learning
def test_aleatoric_variance_is_the_mean_over_dropout_samples(small, small_graphs):
    model = CGCNNRegressor(hidden_dim=8, max_epochs=3, random_state=0, **BOTH)
    model.fit(small_graphs, small[1])
    _, _, aleatoric = model.predict(small_graphs, return_components=True)
    # Without dropout the network is about the mean of what it is with.
    plain = model._moments(small_graphs, sampled=False).aleatoric
    assert not np.array_equal(aleatoric, plain)
    assert_allclose(aleatoric, plain, rtol=0.3)


@representatives
def test_std_depends_neither_on_merging_nor_on_the_cell(gaussian, small):
    model, _ = gaussian
    crystals = small[0][:5]
    expected = np.array(model.predict(crystals, return_std=True))
    every_site = transformer_for(model, reduce=None).transform(crystals)
    turned = [Structure.from_sites(list(reversed(c))) for c in crystals]
    for same in (every_site, turned):
        found = model.predict(same, return_std=True)
        assert_allclose(found, expected, atol=1e-5, rtol=1e-5)
    n = 6 if model.pooling == "sum" else 1
    larger = model.predict([c * (2, 1, 3) for c in crystals], return_std=True)
    assert_allclose(larger, n * expected, atol=1e-4, rtol=1e-5)


@representatives
@pytest.mark.parametrize("factor", [1e-6, 1e3])
def test_std_is_in_the_unit_of_the_target(model, small, graphs, factor):
    model.set_params(**BOTH)
    plain = clone(model).fit(graphs, small[1])
    scaled = clone(model).fit(graphs, factor * small[1] + 7 * factor)
    for kind in ("return_std", "return_components"):
        expected = plain.predict(graphs, **{kind: True})
        found = scaled.predict(graphs, **{kind: True})
        assert_allclose(found[0] / factor - 7, expected[0], rtol=1e-3, atol=1e-3)
        for std, of_plain in zip(found[1:], expected[1:], strict=True):
            assert_allclose(std / factor, of_plain, rtol=1e-3)


@representatives
def test_one_target_missing_labels_weights_and_early_stopping(model, small, graphs):
    y = small[1][:, 0].copy()
    y[::5] = np.nan
    model.set_params(early_stopping=True, validation_fraction=0.4, **BOTH)
    weight = np.linspace(0.5, 2, 40)
    model.fit(graphs, y, sample_weight=weight)
    parts = model.predict(graphs, return_components=True)
    assert all(part.shape == (40,) for part in parts)
    assert np.isfinite(parts).all()
    assert np.isfinite(model.history_).all(axis=None)
    assert np.isfinite(model.score(graphs, y))


def test_errors_of_the_part_held_back_are_those_of_means(prototypes, prototype_graphs):
    from skcrystal.estimators.training._validation_split import hold_back

    graphs, y = prototype_graphs[::5], prototypes.target[::5]
    model = GCNRegressor(
        loss="gaussian_nll",
        hidden_dim=8,
        max_epochs=1,
        early_stopping=True,
        random_state=0,
    ).fit(graphs, y)
    _, held = hold_back(graphs, 0.1, np.random.RandomState(0))
    error = np.abs(model.predict(graphs[held]) - y[held]).mean(axis=0)
    recorded = model.history_[["valid_mae_target_0", "valid_mae_target_1"]]
    assert_allclose(recorded.iloc[0], error, rtol=1e-4)


@only_cgcnn
@pytest.mark.parametrize("gradient_clip", [1.0, None])
@pytest.mark.parametrize("position", [0, 1])
def test_a_wild_label_does_not_make_training_diverge(
    model, small, graphs, gradient_clip, position
):
    y = small[1].copy()
    y[7, position] += 1e3 * y[:, position].std()
    model.set_params(
        loss="gaussian_nll", max_epochs=40, lr=0.01, gradient_clip=gradient_clip
    ).fit(graphs, y)
    assert np.isfinite(model.history_).all(axis=None)
    mean, std = model.predict(graphs, return_std=True)
    rest = np.arange(40) != 7
    # Nor does it take the others far along.
    off = np.abs(mean - y)[rest, position] / small[1][:, position].std()
    assert np.median(off) < 100  # of the thousand that the label is off
    assert (std > 0).all()


@representatives
@pytest.mark.learning
def test_constant_labels_leave_the_variance_positive(model, graphs):
    model.set_params(loss="gaussian_nll", max_epochs=60, lr=0.01)
    model.fit(graphs, np.full(40, 7.25))
    mean, std = model.predict(graphs, return_std=True)
    assert_allclose(mean, 7.25, atol=0.2)
    assert ((std >= 1e-3) & (std < 0.5)).all()


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("mae", "gaussian_nll", r"without variances.*'gaussian_nll' cannot.*keep anot"),
        ("gaussian_nll", "huber", r"with variances.*'huber' cannot.*keep loss=\"gaus"),
    ],
)
def test_warm_start_cannot_change_what_the_network_gives(
    small, small_graphs, before, after, message
):
    model = GCNRegressor(hidden_dim=4, max_epochs=2, warm_start=True, loss=before)
    model.fit(small_graphs, small[1])
    expected = model.predict(small_graphs)
    with pytest.raises(ValueError, match=message):
        model.set_params(loss=after).fit(small_graphs, small[1])
    assert_array_equal(model.predict(small_graphs), expected)
    model.set_params(warm_start=False).fit(small_graphs, small[1])


@representatives
@pytest.mark.learning
def test_warm_start_goes_on(model, small, graphs):
    model.set_params(
        loss="gaussian_nll",
        warm_start=True,
        lr_schedule="constant",
        max_epochs=5,
        lr=0.01,
    )
    first = model.fit(graphs, small[1]).history_["train_loss"]
    again = model.fit(graphs, small[1]).history_["train_loss"]
    assert again.iloc[0] < first.iloc[0]


@pytest.mark.parametrize(
    ("params", "missing"),
    [
        ({}, r"loss=\"gaussian_nll\" and without dropout"),
        ({"dropout": 0.1}, r"loss=\"gaussian_nll\"\. Set it"),
        ({"loss": "gaussian_nll"}, r"dropout \(such as dropout=0\.1"),
    ],
)
def test_components_say_what_is_missing(small, small_graphs, params, missing):
    model = GCNRegressor(hidden_dim=4, max_epochs=1, **params)
    model.fit(small_graphs, small[1])
    with pytest.raises(ValueError, match=f"return_components.*without {missing}"):
        model.predict(small_graphs, return_components=True)


def test_only_one_kind_of_std_is_given(small, small_graphs):
    model = GCNRegressor(hidden_dim=4, max_epochs=1, **BOTH)
    model.fit(small_graphs, small[1])
    with pytest.raises(ValueError, match="both given; give one"):
        model.predict(small_graphs, return_std=True, return_components=True)
