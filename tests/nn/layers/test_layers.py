"""Layers against PyTorch Geometric's, their gradients, and multiplicities."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from networks import BASIS, CUTOFF, HIDDEN, NETWORKS, SHARED
from pymatgen.core import Lattice, Structure
from torch.nn import functional as F
from torch_geometric.nn import CGConv, GATv2Conv, GCNConv
from torch_geometric.nn.models.schnet import GaussianSmearing, InteractionBlock

from skcrystal import CrystalGraphTransformer
from skcrystal.nn import (
    GaussianBasis,
    GraphStore,
    attention_sum,
    cosine_cutoff,
    filtered_sum,
    gated_sum,
    gather_distances,
    gather_sources,
    gather_targets,
    neighbor_sum,
    segment_sum,
)
from skcrystal.nn._network import mean_over_atoms
from skcrystal.nn.architectures._gcn import NormalizedConvolution, normalized_weights
from skcrystal.nn.architectures._megnet import EdgeAttention
from skcrystal.nn.architectures._schnet import Interaction
from skcrystal.nn.layers._attention import softmax_over_neighbors
from skcrystal.nn.layers._convolutions import GatedConvolution
from skcrystal.nn.layers._edge_states import gated_edge_sum


@pytest.fixture(scope="module")
def batch(small, skewed):
    # Libraries take edges between images of one atom for self-loops.
    polonium = Structure(Lattice.cubic(3.35), ["Po"], [[0, 0, 0]])
    transformer = CrystalGraphTransformer(reduce=None, vectors=True)
    graphs = transformer.transform([*small[0][:5], skewed, polonium])
    return GraphStore.of(graphs, "cpu").gather(np.arange(7))


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


@pytest.fixture
def x(batch):
    return torch.randn(len(batch.atomic_numbers), HIDDEN)


def test_gated_convolution_is_cgconv(batch, x):
    ours = GatedConvolution(HIDDEN, BASIS)
    theirs = CGConv(HIDDEN, BASIS)
    # CGConv joins [x_target, x_source, bond], as we do.
    gate, core = ours.joint.weight.chunk(2)
    gate_bias, core_bias = ours.joint.bias.chunk(2)
    theirs.lin_f.weight.data, theirs.lin_f.bias.data = gate.data, gate_bias.data
    theirs.lin_s.weight.data, theirs.lin_s.bias.data = core.data, core_bias.data
    basis = GaussianBasis(CUTOFF, BASIS)
    torch.testing.assert_close(
        x + ours(x, basis(batch.distances), batch),
        theirs(x, batch.edge_index, basis(batch.distance)),
    )


def test_interaction_is_pygs_schnet_block(batch, x):
    ours = Interaction(HIDDEN, BASIS)
    theirs = InteractionBlock(HIDDEN, BASIS, HIDDEN, CUTOFF)
    for mine, other in (
        (ours.filter[0], theirs.mlp[0]),
        (ours.filter[2], theirs.mlp[2]),
        (ours.into, theirs.conv.lin1),
        (ours.out[0], theirs.conv.lin2),
        (ours.out[2], theirs.lin),
    ):
        other.load_state_dict(mine.state_dict())
    basis = GaussianBasis(CUTOFF, BASIS)
    smearing = GaussianSmearing(0.0, CUTOFF, BASIS)
    torch.testing.assert_close(basis(batch.distances), smearing(batch.distances))
    envelope = cosine_cutoff(batch.distances, CUTOFF)
    torch.testing.assert_close(
        ours(x, basis(batch.distances), envelope, batch),
        theirs(x, batch.edge_index, batch.distance, smearing(batch.distance)),
    )


@pytest.mark.parametrize("n_heads", [1, 2, 4])
def test_edge_attention_is_gatv2(batch, x, n_heads):
    ours = EdgeAttention(HIDDEN, n_heads)
    theirs = GATv2Conv(
        HIDDEN,
        HIDDEN // n_heads,
        heads=n_heads,
        edge_dim=HIDDEN,
        add_self_loops=False,
    )
    theirs.lin_l.load_state_dict(ours.of_source.state_dict())
    theirs.lin_r.load_state_dict(ours.of_center.state_dict())
    theirs.lin_edge.load_state_dict(ours.of_bond.state_dict())
    theirs.att.data = ours.attention.data[None]
    bond = torch.randn(len(batch.distances), HIDDEN)
    torch.testing.assert_close(
        ours(x, bond, batch),
        theirs(x, batch.edge_index, bond[batch.distance_class.long()]),
    )


def test_bond_values_add_the_mean_bond_by_attention(batch, x):
    torch.manual_seed(1)
    plain = EdgeAttention(HIDDEN, 2)
    with_bonds = EdgeAttention(HIDDEN, 2, bond_values=True)
    with_bonds.load_state_dict(plain.state_dict())
    bond = torch.randn(len(batch.distances), HIDDEN)
    added = with_bonds(x, bond, batch) - plain(x, bond, batch)
    # Rebuilt atom by atom from the formulas of the paper
    edge_bond = plain.of_bond(bond)[batch.distance_class.long()]
    z = plain.of_center(x)[batch.target.long()] + edge_bond
    z = z + plain.of_source(x)[batch.neighbor.long()]
    score = (F.leaky_relu(z, 0.2).view(-1, 2, 4) * plain.attention).sum(-1)
    for atom in range(len(x)):
        mine = batch.target == atom
        alpha = score[mine].softmax(0).repeat_interleave(4, dim=1)
        torch.testing.assert_close(added[atom], (alpha * edge_bond[mine]).sum(0))


def test_normalized_convolution_is_gcnconv_with_explicit_loops(batch, x):
    ours = NormalizedConvolution(HIDDEN)
    theirs = GCNConv(HIDDEN, HIDDEN, add_self_loops=False)
    theirs.lin.weight.data = ours.linear.weight.data
    theirs.bias.data = ours.linear.bias.data
    weight = cosine_cutoff(batch.distance, CUTOFF)
    loops = torch.arange(len(x)).expand(2, -1)
    torch.testing.assert_close(
        ours(x, *normalized_weights(weight, batch), batch),
        theirs(
            x,
            torch.cat([batch.edge_index, loops], dim=1),
            torch.cat([weight, torch.ones(len(x))]),
        ),
    )


def test_gradients_are_those_of_finite_differences(batch):
    n, d = len(batch.atomic_numbers), len(batch.distances)
    x = torch.randn(n, 2, dtype=torch.double, requires_grad=True)
    y = torch.randn(n, 2, dtype=torch.double, requires_grad=True)
    c = torch.randn(d, 2, dtype=torch.double, requires_grad=True)
    w = torch.rand(len(batch.target), dtype=torch.double)
    edges = torch.randn(len(w), 2, dtype=torch.double, requires_grad=True)
    check = torch.autograd.gradcheck
    assert check(lambda e: segment_sum(e, batch.edge_ptr, batch.target), edges)
    assert check(lambda a: neighbor_sum(a, w, batch), x)
    assert check(lambda a: gather_targets(a, batch), x)
    assert check(lambda a: gather_sources(a, batch), x)
    assert check(lambda a: gather_distances(a, batch), c)
    assert check(lambda a, b: filtered_sum(a, b, batch), (x, c))
    assert check(lambda a, b, e: gated_sum(a, b, e, batch), (x, y, c))


def test_gradients_reach_edge_weights(batch):
    """An explanation asks how much each edge matters."""
    n, d = len(batch.atomic_numbers), len(batch.distances)
    w = torch.rand(len(batch.target), dtype=torch.double, requires_grad=True)
    x = torch.randn(n, 2, dtype=torch.double, requires_grad=True)
    c = torch.randn(d, 2, dtype=torch.double, requires_grad=True)

    def gated(weight, a, b):
        return gated_sum(a, a, b, replace(batch, edge_weight=weight))

    def filtered(weight, a, b):
        return filtered_sum(a, b, replace(batch, edge_weight=weight))

    assert torch.autograd.gradcheck(gated, (w, x, c))
    assert torch.autograd.gradcheck(filtered, (w, x, c))
    assert torch.autograd.gradcheck(lambda e, a: neighbor_sum(a, e, batch), (w, x))

    edges = torch.randn(2, len(w), 2, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda e, v: gated_edge_sum(*v, e, batch), (w, edges)
    )


def test_gradients_of_attention_reach_edges_of_no_weight(batch):
    """What an edge would add, even if it is not there."""
    n, d = len(batch.atomic_numbers), len(batch.distances)
    inputs = [torch.randn(s, 4, dtype=torch.double) for s in (n, n, d, 1)]
    weight = torch.rand(len(batch.target), dtype=torch.double)
    weight[::3] = 0.0

    def attend(weight):
        weighted = replace(batch, edge_weight=weight)
        return attention_sum(*inputs, weighted, bond_values=True)

    assert torch.autograd.gradcheck(attend, weight.requires_grad_())
    silent = attend(torch.zeros_like(weight))
    assert torch.equal(silent, torch.zeros_like(silent))


@pytest.mark.parametrize("bond_values", [False, True])
@pytest.mark.parametrize("n_heads", [1, 2])
def test_gradients_of_attention_are_those_of_finite_differences(
    batch, n_heads, bond_values
):
    n, d = len(batch.atomic_numbers), len(batch.distances)
    shapes = [(n, 4), (n, 4), (d, 4), (n_heads, 4 // n_heads)]
    inputs = [torch.randn(s, dtype=torch.double, requires_grad=True) for s in shapes]
    w = torch.rand(len(batch.target), dtype=torch.double) + 0.1

    def attend(weight, *inputs):
        weighted = replace(batch, edge_weight=weight)
        return attention_sum(*inputs, weighted, bond_values=bond_values)

    assert torch.autograd.gradcheck(attend, (w.requires_grad_(), *inputs))


def doubled(batch):
    """The same crystals with every edge and then every atom counted twice."""
    n_edges, n_atoms = len(batch.target), len(batch.atomic_numbers)
    return replace(
        batch,
        edge_weight=torch.full((n_edges,), 2.0),
        atom_weight=torch.full((n_atoms,), 2.0),
    ), replace(
        batch,
        edge_ptr=2 * batch.edge_ptr,
        target=batch.target.repeat_interleave(2),
        neighbor=batch.neighbor.repeat_interleave(2),
        distance_class=batch.distance_class.repeat_interleave(2),
        vector=batch.vector.repeat_interleave(2, dim=0),
    )


@pytest.mark.parametrize("pooling", ["mean", "sum"])
@pytest.mark.parametrize("name", NETWORKS)
def test_an_edge_of_weight_two_is_two_edges(batch, name, pooling):
    network = NETWORKS[name](pooling=pooling).eval()
    weighted, repeated = doubled(batch)
    torch.testing.assert_close(network(weighted), network(repeated))


def test_atom_weights_count_in_the_mean(batch):
    x = torch.randn(len(batch.atomic_numbers), 3)
    weight = torch.ones(len(x))
    weight[0] = 3.0
    pooled = mean_over_atoms(x, replace(batch, atom_weight=weight))
    first = slice(0, int(batch.atom_ptr[1]))
    expected = np.average(x[first].numpy(), axis=0, weights=weight[first].numpy())
    np.testing.assert_allclose(pooled[0], expected, rtol=1e-5)
    torch.testing.assert_close(pooled[1:], mean_over_atoms(x, batch)[1:])


@pytest.mark.parametrize("name", NETWORKS)
def test_every_parameter_learns(batch, name):
    network = NETWORKS[name](pooling="mean")
    network(batch).square().sum().backward()
    still = [n for n, p in network.named_parameters() if p.grad is None]
    assert still == []
    zero = [n for n, p in network.named_parameters() if not p.grad.any()]
    assert zero == []


@pytest.mark.parametrize("name", NETWORKS)
def test_every_layer_applies_the_given_dropout(batch, name):
    network = NETWORKS[name](pooling="mean").eval()
    shapes = []

    def dropout(x):
        shapes.append(x.shape)
        return x

    assert torch.equal(network.atoms(batch, dropout), network.atoms(batch))
    assert len(shapes) >= SHARED["n_layers"]
    assert set(shapes) == {(len(batch.atomic_numbers), HIDDEN)}


@pytest.mark.parametrize("name", NETWORKS)
def test_dropout_of_layers_differs_between_crystals_and_passes(batch, name):
    twice = replace(batch, atomic_numbers=torch.full_like(batch.atomic_numbers, 11))
    network = NETWORKS[name](pooling="mean", dropout_conv=0.5).train()
    first, second = network(twice), network(twice)
    assert not torch.allclose(first, second)
    network.eval()
    assert torch.equal(network(twice), network(twice))


@pytest.mark.parametrize("name", NETWORKS)
def test_dropout_masks_are_the_same_of_every_batch(batch, name):
    network = NETWORKS[name](pooling="sum", dropout_conv=0.5, gaussian=True).eval()
    masks = network.draw_masks(5, seed=3)
    samples = network.sample(batch, masks)
    assert samples.shape == (len(batch), 5, 4)
    assert torch.equal(network.sample(batch, masks), samples)
    assert torch.equal(network.sample(batch, network.draw_masks(5, seed=3)), samples)
    assert not torch.allclose(
        network.sample(batch, network.draw_masks(5, seed=4)), samples
    )
    assert (samples.std(1) > 0).any(0).all()
    assert (samples[..., 2:] > 0).all()


@pytest.mark.parametrize(
    "name",
    [
        "AngularCoGN",
        "CGCNN",
        "CoGN",
        "DimeNetPlusPlus",
        "EGAT",
        "EGNN",
        "EGNN that moves atoms",
        "EdgeGCN",
        "GCN",
        "LocalMLP",
        "MGCN",
        "MPNN",
        "SchNet",
        "SymGNN",
    ],
)
def test_predictions_are_smooth_where_a_neighbour_leaves(skewed, name):
    """An edge at the cutoff weighs nothing, so losing it changes nothing."""
    network = NETWORKS[name](pooling="mean").eval()
    transformer = CrystalGraphTransformer(cutoff=CUTOFF, vectors=True)
    graphs = transformer.transform([skewed])
    longest = graphs.distances.max()
    outputs = []
    for scale in (0.99999, 1.00001):
        stretched = skewed.copy()
        stretched.scale_lattice(skewed.volume * (scale * CUTOFF / longest) ** 3)
        graph = transformer.transform([stretched])
        outputs.append(
            (len(graph.neighbor), network(GraphStore.of(graph, "cpu").gather([0])))
        )
    (inside, before), (outside, after) = outputs
    assert inside > outside
    torch.testing.assert_close(before, after, atol=2e-4, rtol=0)


def test_softmax_survives_large_scores(batch):
    score = torch.randn(len(batch.target), 2) * 1e4
    alpha = softmax_over_neighbors(score, batch)
    total = segment_sum(alpha, batch.edge_ptr, batch.target)
    torch.testing.assert_close(total, torch.ones_like(total))


def test_features_of_elements_differ_before_training():
    from skcrystal.nn import ElementEmbedding, element_features

    features = element_features()
    assert np.isfinite(features).all()
    assert len(np.unique(features[1:], axis=0)) == 118
    # Chemical likeness: sodium is nearer to potassium than to chlorine.
    na, k, cl = features[[11, 19, 17]]
    assert np.linalg.norm(na - k) < np.linalg.norm(na - cl)
    vectors = ElementEmbedding(4)(torch.arange(1, 119))
    assert F.pdist(vectors).min() > 0
