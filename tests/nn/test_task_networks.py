"""One head for each target, and one network for each target with soft sharing."""

import numpy as np
import pytest
import torch
from networks import BASIS, CUTOFF, HIDDEN

from skcrystal.nn import CGCNN, GraphStore, TaskNetworks
from skcrystal.nn._head import TaskHeads

OUTPUTS = {"dropout": 0.0, "pooling": "mean"}


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


@pytest.fixture(scope="module")
def batch(small_graphs):
    return GraphStore.of(small_graphs, "cpu").gather(np.arange(6))


def one(start=None, **outputs):
    return CGCNN(
        cutoff=CUTOFF,
        n_basis=BASIS,
        hidden_dim=HIDDEN,
        n_layers=2,
        n_targets=1,
        softplus_start=start,
        **{**OUTPUTS, "task_layers": 1, **outputs},
    )


def networks(n_targets=3, strength=1.0, softplus_start=None, **outputs):
    def make(start):
        return one(start, **outputs)

    return TaskNetworks(make, n_targets, strength, softplus_start)


def perturb(network):
    """Move every weight by a number that is drawn."""
    with torch.no_grad():
        for weight in network.parameters():
            weight += 0.1 * torch.randn_like(weight)
    return network


def trunk(network):
    return {k: v for k, v in network.named_parameters() if not k.startswith("head.")}


# Heads


@pytest.mark.parametrize("n_layers", [1, 3])
def test_each_head_is_deaf_to_the_others(n_layers):
    heads = TaskHeads(HIDDEN, n_targets=3, n_outputs=3, n_layers=n_layers)
    x = torch.randn(5, HIDDEN, requires_grad=True)
    heads(x)[:, 1].sum().backward()
    assert x.grad.abs().sum() > 0
    for t, head in enumerate(heads.heads):
        assert len(list(head.parameters())) == 2 * n_layers + 2
        for weight in head.parameters():
            assert (weight.grad is not None and weight.grad.any()) == (t == 1)


def test_means_of_all_heads_come_before_variances():
    heads = TaskHeads(HIDDEN, n_targets=3, n_outputs=6)
    x = torch.randn(5, HIDDEN)
    found = heads(x)
    for t, head in enumerate(heads.heads):
        torch.testing.assert_close(found[:, [t, 3 + t]], head(x))


def test_samples_without_dropout_equal_outputs_of_heads():
    heads = TaskHeads(HIDDEN, n_targets=2, n_outputs=4, n_layers=2)
    x = torch.randn(5, HIDDEN)
    samples = heads.sample(x, torch.ones(2, 3, HIDDEN))
    torch.testing.assert_close(samples, heads(x)[:, None].expand(5, 3, 4))


# Networks


def test_trunks_start_equal_and_heads_do_not():
    first, *others = networks().networks
    for other in others:
        for name, weight in trunk(first).items():
            assert torch.equal(weight, trunk(other)[name]), name
        assert not torch.equal(first.head.heads[0].out.weight, _out(other))


def _out(network):
    return network.head.heads[0].out.weight


def test_penalty_is_the_squared_distance_from_the_mean():
    together = networks(strength=0.5)
    assert together.penalty().item() == pytest.approx(0, abs=1e-9)
    perturb(together)
    expected = 0.0
    for name in trunk(together.networks[0]):
        weights = np.stack([trunk(n)[name].detach() for n in together.networks])
        expected += 0.5 * ((weights - weights.mean(axis=0)) ** 2).sum()
    assert together.penalty().item() == pytest.approx(expected, rel=1e-5)


def test_penalty_pulls_trunks_together_and_leaves_heads():
    together = perturb(networks(strength=2.0))
    together.penalty().backward()
    for name in trunk(together.networks[0]):
        weights = [trunk(network)[name] for network in together.networks]
        mean = torch.stack(weights).mean(dim=0)
        for weight in weights:
            torch.testing.assert_close(weight.grad, 4 * (weight - mean))
    assert all(_out(network).grad is None for network in together.networks)


@pytest.mark.parametrize("gaussian", [False, True])
def test_each_target_is_the_output_of_its_network(batch, gaussian):
    together = perturb(networks(softplus_start=[None, 0.3, None], gaussian=gaussian))
    with torch.no_grad():
        found = together(batch)
        alone = [network(batch) for network in together.networks]
        embedding = together.embed(batch)
    assert found.shape[1] == (6 if gaussian else 3)
    assert (found[:, 1] > 0).all()
    assert (found[:, [0, 2]] < 0).any()
    for t, mine in enumerate(alone):
        torch.testing.assert_close(found[:, t], mine[:, 0])
        if gaussian:
            torch.testing.assert_close(found[:, 3 + t], mine[:, 1])
        columns = slice(t * HIDDEN, (t + 1) * HIDDEN)
        torch.testing.assert_close(
            embedding[:, columns], together.networks[t].embed(batch)
        )


def test_no_network_learns_from_anothers_target(batch):
    together = perturb(networks())
    together(batch)[:, 2].sum().backward()
    for t, network in enumerate(together.networks):
        learns = [w.grad is not None and bool(w.grad.any()) for w in _used(network)]
        assert learns == [t == 2] * len(learns)


def _used(network):
    return [network.convolutions[0].joint.weight, _out(network)]


def test_dropout_masks_are_the_same_of_every_target(batch):
    together = networks(2, dropout=0.3, dropout_conv=0.2).eval()
    first, second = together.networks
    second.load_state_dict(first.state_dict())
    with torch.no_grad():
        samples = together.sample(batch, together.draw_masks(4, seed=0))
    assert samples.shape == (6, 4, 2)
    torch.testing.assert_close(samples[..., 0], samples[..., 1])
    assert samples[..., 0].std(dim=1).min() > 0


@pytest.mark.parametrize("n_targets", [1, 2, 4])
def test_new_heads_keep_trunks(batch, n_targets):
    together = perturb(networks(3))
    old = [{k: v.clone() for k, v in trunk(n).items()} for n in together.networks]
    together.set_outputs(n_targets=n_targets, task_layers=2, **OUTPUTS)
    assert together(batch).shape == (6, n_targets)
    for t, network in enumerate(together.networks):
        expected = old[t] if t < 3 else old[0]
        for name, weight in trunk(network).items():
            assert torch.equal(weight, expected[name]), name
