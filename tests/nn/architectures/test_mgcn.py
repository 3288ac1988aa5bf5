"""Multilevel graph convolutions against a reference with a state for each edge."""

import pytest
import torch
from networks import BASIS, CUTOFF, HIDDEN, NETWORKS
from probes import batch_of, reach, without
from pymatgen.core import Lattice, Structure

from skcrystal.nn import GaussianBasis, cosine_cutoff, radial_grid
from skcrystal.nn.architectures._mgcn import (
    MultilevelInteraction,
    PairEmbedding,
    pairs_of,
)


@pytest.fixture(scope="module")
def batch(small, skewed):
    polonium = Structure(Lattice.cubic(3.35), ["Po"], [[0, 0, 0]])
    return batch_of([*small[0][:4], skewed, polonium])


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def elements_of(batch):
    """Atomic numbers of the two ends of each edge."""
    z = batch.atomic_numbers
    return z[batch.target.long()], z[batch.neighbor.long()]


def test_pair_states_are_symmetric_and_differ_between_elements():
    embedding = PairEmbedding(HIDDEN)
    torch.nn.init.normal_(embedding.correction.weight)
    z = torch.arange(1, 119, dtype=torch.int32)
    first, second = torch.cartesian_prod(z, z).T
    vectors = embedding(first, second).view(118, 118, -1)
    assert torch.equal(vectors, vectors.transpose(0, 1))
    half = vectors[torch.triu(torch.ones(118, 118, dtype=torch.bool))]
    assert len(half.unique(dim=0)) == 118 * 119 // 2


def test_pairs_of_a_batch_are_those_that_its_edges_join(batch):
    numbers, pairs = pairs_of(batch)
    ends = torch.stack(elements_of(batch)).sort(dim=0).values
    assert torch.equal(numbers[:, pairs.neighbor.long()], ends)
    assert len(numbers.T.unique(dim=0)) == numbers.shape[1]


def test_levels_are_those_of_a_network_with_states_on_edges(batch):
    """What is computed once a pair of elements is the same as once an edge."""
    blocks = [MultilevelInteraction(HIDDEN, BASIS, last=last) for last in (False, True)]
    embedding, basis = PairEmbedding(HIDDEN), GaussianBasis(CUTOFF, BASIS)
    numbers, pairs = pairs_of(batch)
    envelope = cosine_cutoff(batch.distances, CUTOFF)
    grid = radial_grid(batch.distances, basis.width)
    x = ours = torch.randn(len(batch.atomic_numbers), HIDDEN)
    pair, edge = embedding(*numbers), embedding(*elements_of(batch))
    for block in blocks:
        new, pair = block(ours, pair, basis(grid.points), envelope, batch, pairs, grid)
        ours = ours + new
        # The same edge by edge
        edge = block.of_pair(edge)
        filters = block.filter(basis(batch.distance))
        message = block.into(x)[batch.neighbor.long()] * filters + edge
        message = message * cosine_cutoff(batch.distance, CUTOFF)[:, None]
        aggregated = torch.zeros_like(x).index_add(0, batch.target, message)
        x = x + block.out(aggregated)
        edge = edge if block.next_pair is None else block.next_pair(edge)
    torch.testing.assert_close(ours, x, rtol=1e-4, atol=1e-4)


def test_all_levels_reach_the_readout(batch):
    network = NETWORKS["MGCN"](pooling="mean")
    levels = network.join.in_features // HIDDEN
    assert levels == len(network.interactions) + 1
    for level in range(levels):
        before = network.atoms(batch)
        with torch.no_grad():
            network.join.weight[:, level * HIDDEN : (level + 1) * HIDDEN] = 0
        assert not torch.allclose(network.atoms(batch), before)
    # Nothing else is read.
    assert torch.equal(
        network.atoms(batch), network.join.bias.expand(len(batch.atomic_numbers), -1)
    )


def test_gradients_reach_masks_of_edges(batch):
    network = NETWORKS["MGCN"](pooling="mean")
    masked, _ = without(batch, 0)
    masked.edge_weight.requires_grad_()
    network(masked).sum().backward()
    assert (masked.edge_weight.grad != 0).float().mean() > 0.9


def test_an_edge_without_weight_is_no_edge(batch):
    network = NETWORKS["MGCN"](pooling="mean")
    masked, fewer = without(batch, 17)
    torch.testing.assert_close(network.atoms(masked), network.atoms(fewer))


def test_atoms_see_as_far_as_hops_say():
    network = NETWORKS["MGCN"](pooling="mean")
    assert reach(network) == network.hops == 2
