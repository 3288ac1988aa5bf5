"""SymGNN: averages over rotations and reflections, and rotational invariance."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from networks import NETWORKS
from numpy.testing import assert_allclose
from probes import batch_of, reach
from pymatgen.core import Lattice, Structure

from skcrystal import EGATRegressor, SymGNNRegressor
from skcrystal.nn import SymGNN
from skcrystal.nn.layers import _symmetrization
from skcrystal.nn.layers._symmetrization import (
    EulerTransformations,
    HaarTransformations,
    SymmetrizedEdges,
    rotation_group,
    rotation_matrices,
)

CUTOFF = 5.0


def glass(n_atoms=60, side=10.0, seed=0):
    """Atoms in no order, none closer than 1.6 Å."""
    random = np.random.RandomState(seed)
    cell, places = Lattice.cubic(side), np.empty((0, 3))
    while len(places) < n_atoms:
        new = random.rand(1, 3)
        if not len(places) or cell.get_all_distances(new, places).min() > 1.6:
            places = np.vstack([places, new])
    elements = random.choice(["Cu", "Zr"], n_atoms)
    return Structure(cell, elements, places)


def network_of(transformations="haar", n_predict=60, n_training=4, **parameters):
    return SymGNN(
        cutoff=CUTOFF,
        hidden_dim=16,
        n_targets=1,
        dropout=0.0,
        n_layers=2,
        n_heads=2,
        edge_values=True,
        transformations=transformations,
        n_transformations=n_training,
        n_predict_transformations=n_predict,
        **{"pooling": "none", **parameters},
    )


def orthogonal(n, seed):
    """Rotations and reflections in turn, (n, 3, 3)."""
    generator = torch.Generator().manual_seed(seed)
    turns = rotation_matrices(torch.randn(n, 4, generator=generator))
    return turns * (1 - 2 * (torch.arange(n) % 2))[:, None, None]


def spread(network, batch, n_turns=8):
    """Root mean square change of outputs when a crystal turns, by their spread."""
    with torch.no_grad():
        outputs = torch.stack(
            [
                network(replace(batch, vector=batch.vector @ turn))
                for turn in orthogonal(n_turns, seed=1)
            ]
        )
    return (outputs.var(0).mean() / outputs.mean(0).var()).sqrt().item()


@pytest.fixture(scope="module")
def batch():
    return batch_of([glass()])


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


class TestTransformations:
    @pytest.mark.parametrize("n", [1, 3, 4, 12, 60])
    def test_haar_draws_are_orthogonal_and_lie_evenly(self, n):
        """Every one by itself: half reflect, and the first moments are right."""
        drawn = HaarTransformations(n, 1).train()(20_000)
        assert drawn.shape == (20_000, n, 3, 3)
        for k in {0, n // 2, n - 1}:
            of_one = drawn[:, k]
            identity = torch.eye(3).expand_as(of_one)
            torch.testing.assert_close(of_one @ of_one.mT, identity)
            sign = torch.linalg.det(of_one)
            torch.testing.assert_close(sign.abs(), torch.ones_like(sign))
            # Four standard errors: of a sign 1 / sqrt(n), of an entry 0.58 of that
            assert abs(sign.mean()) < 4 / 20_000**0.5
            assert of_one.mean(0).abs().max() < 4 * 0.58 / 20_000**0.5
            assert (of_one.square().mean(0) - 1 / 3).abs().max() < 4 * 0.3 / 141

    @pytest.mark.parametrize("order", [1, 4, 12, 60])
    def test_groups_are_closed(self, order):
        group = rotation_group(order)
        assert group.shape == (order, 3, 3)
        torch.testing.assert_close(
            torch.linalg.det(group), torch.ones(order, dtype=torch.double)
        )
        gap = torch.cdist(group.flatten(1), group.flatten(1))
        assert gap.fill_diagonal_(9.0).min() > 1
        products = (group[:, None] @ group).reshape(-1, 9)
        assert torch.cdist(products, group.flatten(1)).min(1).values.max() < 1e-6

    @pytest.mark.parametrize(("order", "degree"), [(1, 0), (4, 1), (12, 2), (60, 5)])
    def test_averages_over_groups_are_exact_to_their_degree(self, order, degree):
        directions = torch.nn.functional.normalize(
            torch.randn(50, 2, 3).double(), dim=2
        )
        x, w = directions.unbind(1)
        cosine = torch.einsum("ni,kij,nj->nk", x, rotation_group(order), w)
        for power in range(degree + 1):
            exact = 0 if power % 2 else 1 / (power + 1)
            assert (cosine.pow(power).mean(1) - exact).abs().max() < 1e-7
        beyond = cosine.pow(degree + 1).mean(1)
        assert beyond.std() > 1e-3

    def test_crystals_and_steps_have_their_own(self):
        draw = HaarTransformations(12, 60)
        first, second = draw.train()(2), draw(2)
        assert not torch.allclose(first[0], first[1])
        assert not torch.allclose(first, second)
        torch.manual_seed(7)
        expected = draw(2)
        torch.manual_seed(7)
        assert torch.equal(draw(2), expected)
        # Otherwise all have one set, the same in every network.
        fixed = draw.eval()(2)
        assert fixed.shape == (1, 60, 3, 3)
        assert torch.equal(fixed, HaarTransformations(3, 60).eval()(5))

    @pytest.mark.parametrize("n", [1, 2, 5, 8])
    @pytest.mark.parametrize("training", [True, False])
    def test_learned_ones_are_of_both_kinds(self, n, training):
        draw = EulerTransformations(n, n).train(training)
        drawn = draw(400 if training else 1).detach()
        identity = torch.eye(3).expand_as(drawn)
        torch.testing.assert_close(drawn @ drawn.mT, identity, atol=1e-5, rtol=0)
        signs = torch.linalg.det(drawn).round().sum(1)
        assert signs.abs().max() <= 1
        if training and n % 2:
            assert abs(signs.mean()) < 4 / 400**0.5

    def test_gradients_of_the_learned_distribution(self, batch):
        """With the same noise, those of finite differences; all twelve are reached."""
        network = network_of("learned").double().train()
        draw = network.edges.transformations
        shape = draw.location.shape

        def loss(location, log_concentration):
            torch.manual_seed(3)
            parameters = {
                "edges.transformations.location": location,
                "edges.transformations.log_concentration": log_concentration,
            }
            output = torch.func.functional_call(network, parameters, (batch,))
            return output.square().sum()

        inputs = [
            torch.randn(shape, dtype=torch.double, requires_grad=True) for _ in range(2)
        ]
        gradients = torch.autograd.grad(loss(*inputs), inputs)
        assert all((gradient != 0).all() for gradient in gradients)
        assert torch.autograd.gradcheck(loss, inputs, eps=1e-6, rtol=1e-3, atol=1e-6)

    def test_a_concentrated_distribution_is_a_point(self):
        draw = EulerTransformations(6, 6).eval()
        with torch.no_grad():
            draw.location[0] = torch.tensor([np.pi / 2, 0.0, 0.0])
            draw.log_concentration.fill_(30.0)
        quarter = torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
        turned = draw(1)[0].detach()
        expected = torch.stack([quarter, -torch.eye(3)] * 3)
        torch.testing.assert_close(turned, expected, atol=1e-5, rtol=0)


class TestEdges:
    def test_features_are_means_over_transformed_displacements(self, monkeypatch):
        """The last map may follow the mean, and rows be cut, or not."""
        batch = batch_of([glass(20), glass(9, 7.0, 1)])
        edges = SymmetrizedEdges(HaarTransformations(4, 12), 8, CUTOFF)
        crystal = batch.crystal[batch.target.long()].long()
        for training in (True, False):
            edges.train(training)
            torch.manual_seed(5)
            matrices = edges.transformations(2)
            matrices = matrices[crystal if training else torch.zeros_like(crystal)]
            expected = 0
            for k in range(matrices.shape[1]):
                x = torch.einsum("ei,eij->ej", batch.vector, matrices[:, k])
                h = torch.nn.functional.silu(edges.into(x))
                h = torch.nn.functional.silu(edges.hidden(h))
                expected = expected + edges.out(h) / matrices.shape[1]
            for at_once in (1, 2**18):
                monkeypatch.setitem(_symmetrization._AT_ONCE, "cpu", at_once)
                torch.manual_seed(5)
                torch.testing.assert_close(edges(batch), expected, atol=1e-5, rtol=0)

    def test_an_atom_beyond_the_cutoff_of_all_others(self):
        lone = Structure(Lattice.cubic(6.0), ["Cu"], [[0, 0, 0]])
        network = network_of().eval()
        batch = batch_of([lone], on_isolated="nearest")
        assert torch.isfinite(network(batch)).all()


class TestInvariance:
    def test_dependence_on_orientation_falls_with_the_number(self, batch):
        """Faster than by the root of the number."""
        left = []
        for n in (1, 4, 12, 60):
            torch.manual_seed(0)
            left.append(spread(network_of(n_predict=n).eval(), batch))
        left = np.array(left)
        assert (left[1:] < left[0] / np.sqrt([4, 12, 60])).all()
        assert left[3] < 5e-3

    def test_independent_ones_fall_by_the_root_of_the_number(self, batch):
        """What any set leaves in the mean, and those of groups undercut."""
        network = network_of().eval()
        left = []
        for n in (4, 64):
            spreads = []
            for seed in range(6):
                network.edges.transformations.fixed = orthogonal(n, seed)[None]
                spreads.append(spread(network, batch))
            left.append(np.sqrt(np.mean(np.square(spreads))))
        assert 1.5 < left[0] / left[1] < 9  # 4, give or take

    def test_turns_of_the_group_change_nothing(self, batch):
        network = network_of(n_predict=60).eval()
        for turn in rotation_group(60)[[1, 7, 30]].float():
            turned = replace(batch, vector=batch.vector @ turn)
            torch.testing.assert_close(
                network(turned), network(batch), atol=1e-5, rtol=0
            )

    def test_without_transformations_directions_are_seen(self, batch):
        seen = spread(network_of(None).eval(), batch)
        assert seen > 100 * spread(network_of().eval(), batch)

    @pytest.mark.parametrize("transformations", ["haar", "learned", None])
    def test_translation_and_order_of_sites(self, transformations):
        network = network_of(transformations).eval()
        crystal = glass(30, 8.0)
        expected = network(batch_of([crystal])).detach()
        moved = crystal.copy()
        moved.translate_sites(range(30), [0.21, -0.4, 0.77])
        assert_allclose(network(batch_of([moved])).detach(), expected, atol=1e-5)
        order = np.random.RandomState(0).permutation(30)
        shuffled = Structure.from_sites([crystal[i] for i in order])
        assert_allclose(
            network(batch_of([shuffled])).detach(), expected[order], atol=1e-5
        )

    def test_predictions_do_not_depend_on_the_batch(self):
        network = network_of().eval()
        one, other = glass(20, 7.5), glass(12, 6.5, 1)
        both = network(batch_of([one, other]))
        torch.testing.assert_close(both[:20], network(batch_of([one])))
        torch.testing.assert_close(both[20:], network(batch_of([other])))


@pytest.mark.parametrize("name", ["SymGNN", "SymGNN learned"])
def test_hops_are_the_reach(name):
    network = NETWORKS[name](pooling="mean").eval()
    network.cutoff = 2.5
    assert reach(network) == network.hops


@pytest.mark.learning
def test_fits_real_crystals(prototypes):
    """Nearly as well as the same network does that reads distances."""
    X, y = prototypes.data[:160:2], prototypes.target[:160:2, 0]
    errors, parameters = {}, {"max_epochs": 30, "random_state": 0, "n_layers": 2}
    for kind in (SymGNNRegressor, EGATRegressor):
        model = kind(hidden_dim=32, lr=5e-3, **parameters).fit(X, y)
        errors[kind] = np.abs(model.predict(X) - y).mean()
    assert errors[SymGNNRegressor] < 0.5 * np.abs(y - y.mean()).mean()
    assert errors[SymGNNRegressor] < 3 * errors[EGATRegressor]  # 0.7 to 1.5 by seed


def test_heads_that_do_not_share_the_width_are_refused(small):
    model = SymGNNRegressor(hidden_dim=30)
    with pytest.raises(
        ValueError, match="hidden_dim=30 is not a multiple of n_heads=8"
    ):
        model.fit(small[0], small[1])
