"""MPNN against NNConv, which has a matrix for each edge."""

from dataclasses import replace

import pytest
import torch
from networks import BASIS, CUTOFF, HIDDEN, NETWORKS
from probes import batch_of, reach, without
from pymatgen.core import Lattice, Structure
from torch import nn
from torch_geometric.nn import NNConv

from skcrystal.nn import (
    MPNN,
    GaussianBasis,
    cosine_cutoff,
    gather_distances,
    neighbor_sum,
)
from skcrystal.nn.architectures._mpnn import EdgeNetwork
from skcrystal.nn.layers._padding import pad_edges


@pytest.fixture(scope="module")
def batch(small, skewed):
    # All edges of the last join images of one atom.
    polonium = Structure(Lattice.cubic(3.35), ["Po"], [[0, 0, 0]])
    return batch_of([*small[0][:4], skewed, polonium])


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


@pytest.mark.parametrize("weighted", [False, True])
def test_messages_are_those_of_nnconv(batch, weighted):
    ours = EdgeNetwork(HIDDEN, 5, BASIS)
    theirs = NNConv(
        HIDDEN,
        HIDDEN,
        nn.Sequential(ours.hidden, ours.matrices),
        aggr="add",
        root_weight=False,
        bias=False,
    )
    x = torch.randn(len(batch.atomic_numbers), HIDDEN, requires_grad=True)
    basis = GaussianBasis(CUTOFF, BASIS)
    weight = torch.ones(len(batch.target))
    if weighted:
        # NNConv knows no weights, but an edge of weight two is two edges.
        weight = torch.randint(1, 3, (len(weight),)).float()
    repeats = weight.long()
    expected = theirs(
        x,
        batch.edge_index.repeat_interleave(repeats, dim=1),
        basis(batch.distance).repeat_interleave(repeats, dim=0),
    )
    padded = pad_edges(replace(batch, edge_weight=weight if weighted else None))
    hidden = ours.hidden(basis(padded.distances))
    features = torch.cat([hidden, torch.ones_like(hidden[:, :1])], dim=1)
    features = gather_distances(features, padded) * padded.edge_weight[:, None]
    message = ours(x, features.view(len(x), -1, features.shape[1]), padded)
    torch.testing.assert_close(message, expected, rtol=1e-4, atol=1e-5)
    wanted = [x, *ours.parameters()]
    slope = torch.randn_like(message)
    for mine, other in zip(
        torch.autograd.grad((message * slope).sum(), wanted),
        torch.autograd.grad((expected * slope).sum(), wanted),
        strict=True,
    ):
        torch.testing.assert_close(mine, other, rtol=1e-3, atol=1e-3)


def test_padding_adds_edges_of_weight_zero(batch):
    weight = torch.rand(len(batch.target), requires_grad=True)
    padded = pad_edges(replace(batch, edge_weight=weight))
    x = torch.randn(len(batch.atomic_numbers), 3)
    torch.testing.assert_close(
        neighbor_sum(x, padded.edge_weight, padded), neighbor_sum(x, weight, batch)
    )
    degrees = padded.edge_ptr.diff()
    assert (degrees == batch.edge_ptr.diff().max()).all()
    # Masks of explanations learn through it.
    padded.edge_weight.sum().backward()
    assert torch.equal(weight.grad, torch.ones_like(weight))


def test_edge_features_vanish_at_the_cutoff_with_the_constant_one(batch):
    network = MPNN(
        cutoff=CUTOFF,
        n_basis=BASIS,
        edge_dim=4,
        n_layers=1,
        hidden_dim=HIDDEN,
        n_targets=1,
        dropout=0.0,
        pooling="mean",
    )
    padded = pad_edges(batch)
    constant = network.edge_features(padded)[..., -1].flatten()
    real = padded.edge_weight > 0
    torch.testing.assert_close(
        constant[real], cosine_cutoff(batch.distance, CUTOFF), rtol=1e-5, atol=1e-6
    )
    assert not constant[~real].any()


def test_an_edge_without_weight_is_no_edge(batch):
    network = NETWORKS["MPNN"](pooling="mean")
    masked, fewer = without(batch, 17)
    torch.testing.assert_close(network.atoms(masked), network.atoms(fewer))


def test_atoms_see_as_far_as_hops_say():
    network = NETWORKS["MPNN"](pooling="mean")
    assert reach(network) == network.hops == 2
