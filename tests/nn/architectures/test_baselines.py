"""Baseline networks against their formulas, edge by edge, and receptive fields."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from networks import BASIS, CUTOFF, HIDDEN, SHARED
from pymatgen.core import Lattice, Structure
from scipy.spatial.transform import Rotation
from torch.nn import functional as F
from torch_geometric.nn import GCNConv
from torch_geometric.utils import scatter

from skcrystal import CrystalGraphTransformer, EGATRegressor
from skcrystal.nn import EGNN, GCN, EdgeGCN, GraphStore, LocalMLP, cosine_cutoff
from skcrystal.nn.architectures._egnn import EquivariantLayer

SEEDS = st.integers(0, 2**16)


def batch_of(crystals):
    transformer = CrystalGraphTransformer(reduce=None, vectors=True)
    graphs = transformer.transform(crystals)
    return GraphStore.of(graphs, "cpu").gather(np.arange(len(crystals)))


@pytest.fixture(scope="module")
def batch(small, skewed):
    polonium = Structure(Lattice.cubic(3.35), ["Po"], [[0, 0, 0]])
    return batch_of([*small[0][:5], skewed, polonium])


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def ends(batch):
    return batch.target.long(), batch.neighbor.long()


def moving_egnn(n_layers=3, shift=1.0):
    """A network of which atoms move by tenths of an Å, not by the first thousandths."""
    network = EGNN(
        cutoff=CUTOFF,
        update_positions=True,
        **{**SHARED, "n_layers": n_layers},
        pooling="mean",
    )
    for layer in network.layers:
        if layer.shift is not None:
            torch.nn.init.normal_(layer.shift[-1].weight, std=shift)
    return network.eval()


# GCN with edge features


def test_edge_gcn_adds_edges_to_the_messages_of_gcnconv(batch):
    """Loops of the library are explicit, for edges to images are none."""
    network = EdgeGCN(cutoff=CUTOFF, n_basis=BASIS, **SHARED, pooling="mean")
    target, neighbor = ends(batch)
    envelope = cosine_cutoff(batch.distance, CUTOFF)
    x = network.elements(batch.atomic_numbers)
    degree = 1 + scatter(envelope, target, dim_size=len(x))
    weight = envelope / (degree[target] * degree[neighbor]).sqrt()
    loops = torch.arange(len(x)).expand(2, -1)
    index = torch.cat([batch.edge_index, loops], dim=1)
    for ours, of_edges in zip(network.convolutions, network.of_edges, strict=True):
        theirs = GCNConv(HIDDEN, HIDDEN, add_self_loops=False)
        theirs.lin.weight.data, theirs.bias.data = ours.linear.weight, ours.linear.bias
        of_atoms = theirs(x, index, torch.cat([envelope, torch.ones(len(x))]))
        messages = of_edges(network.basis(batch.distance)) * weight[:, None]
        x = F.relu(of_atoms + scatter(messages, target, dim_size=len(x)))
    torch.testing.assert_close(network.atoms(batch), x)


def test_edge_gcn_that_ignores_edges_is_gcn(batch):
    ours = EdgeGCN(cutoff=CUTOFF, n_basis=BASIS, **SHARED, pooling="mean")
    plain = GCN(cutoff=CUTOFF, edge_weight="distance", **SHARED, pooling="mean")
    plain.load_state_dict(ours.state_dict(), strict=False)
    assert not torch.allclose(ours(batch), plain(batch))
    for of_edges in ours.of_edges:
        torch.nn.init.zeros_(of_edges.weight)
    assert torch.equal(ours(batch), plain(batch))


# Perceptron on local features


def test_histograms_count_neighbours_by_distance_and_element(batch):
    network = LocalMLP(
        cutoff=CUTOFF, n_basis=BASIS, n_channels=3, **SHARED, pooling="mean"
    )
    x = network.elements(batch.atomic_numbers)
    element, distance = network.weigh(x), batch.distance
    expected = torch.zeros(len(x), 3, BASIS)
    for edge, (i, j) in enumerate(zip(*ends(batch), strict=True)):
        bins = network.basis(distance[edge, None])[0]
        bins = bins * cosine_cutoff(distance[edge], CUTOFF)
        expected[i] += element[j][:, None] * bins
    torch.testing.assert_close(network.histograms(x, batch), expected.flatten(1))


def test_receptive_field_of_local_mlp_is_the_neighbours(batch):
    """Not even if there are many layers, for these pass no messages."""
    shared = {**SHARED, "n_layers": 4}
    network = LocalMLP(
        cutoff=CUTOFF, n_basis=BASIS, n_channels=3, **shared, pooling="mean"
    )
    assert network.hops == 1
    chain = Structure(
        Lattice.orthorhombic(20, 20, 24), ["Na"] * 6, [[0, 0, k / 6] for k in range(6)]
    )
    atoms = []
    for last in ("Na", "Cl"):
        changed = chain.copy()
        changed.replace(5, last)  # 4 Å from atoms 0 and 4
        atoms.append(network.atoms(batch_of([changed])))
    change = (atoms[0] - atoms[1]).abs().amax(1) > 1e-6
    assert change.tolist() == [True, False, False, False, True, True]


# Equivariant network


def test_equivariant_layer_is_the_published_one_on_displacements(batch):
    layer = EquivariantLayer(HIDDEN, moves=True)
    torch.nn.init.normal_(layer.shift[-1].weight)
    x = torch.randn(len(batch.atomic_numbers), HIDDEN)
    weight = torch.rand(len(batch.target))
    square = batch.vector.square().sum(1, keepdim=True)
    target, neighbor = ends(batch)
    edges = torch.cat([x[target], x[neighbor], square], dim=1)
    message = F.silu(layer.message(F.silu(layer.joint(edges))))
    torch.testing.assert_close(layer.messages(x, square, batch), message)

    new, moved = torch.zeros_like(x), batch.vector.clone()
    shifts = torch.zeros(len(x), 3)
    for i in range(len(x)):
        mine = target == i
        aggregated = (weight[mine, None] * message[mine]).sum(0)
        new[i] = layer.update(torch.cat([x[i], F.layer_norm(aggregated, (HIDDEN,))]))
        # x_i - x_j of the paper is minus the displacement from i to j.
        apart = -batch.vector[mine] * layer.shift(message[mine]) * weight[mine, None]
        shifts[i] = apart.sum(0) / (1 + weight[mine].sum())
    moved += shifts[neighbor] - shifts[target]
    torch.testing.assert_close(layer.features(x, message, weight, batch), new)
    torch.testing.assert_close(
        layer.displace(batch.vector, message, weight, batch), moved
    )


@given(seed=SEEDS, mirror=st.booleans())
@settings(max_examples=10, deadline=None)
def test_moved_atoms_turn_with_the_crystal(batch, seed, mirror):
    torch.manual_seed(seed)
    turn = Rotation.random(random_state=seed).as_matrix() * (-1 if mirror else 1)
    turn = torch.from_numpy(turn).float()
    turned = replace(batch, vector=batch.vector @ turn.T)
    layer = EquivariantLayer(HIDDEN, moves=True)
    torch.nn.init.normal_(layer.shift[-1].weight)
    message = torch.randn(len(batch.target), HIDDEN)
    weight = torch.rand(len(batch.target))
    moved, moved_too = (
        layer.displace(b.vector, message, weight, b) for b in (batch, turned)
    )
    assert (moved - batch.vector).norm(dim=1).max() > 0.05  # Å
    torch.testing.assert_close(moved @ turn.T, moved_too, atol=1e-4, rtol=0)
    network = moving_egnn()
    torch.testing.assert_close(network(turned), network(batch), atol=1e-4, rtol=1e-4)


def test_displacements_stay_those_of_a_crystal(skewed):
    """There is still one place for each atom: the way to a neighbour leads back."""
    batch = batch_of([skewed])
    layer = moving_egnn().layers[0]
    torch.manual_seed(1)
    message = torch.randn(len(batch.target), HIDDEN)
    weight = torch.rand(len(batch.target))
    moved = layer.displace(batch.vector, message, weight, batch)
    target, neighbor = ends(batch)
    back = (batch.vector[:, None] + batch.vector).norm(dim=2)
    back += 1e3 * ((target[:, None] != neighbor) | (neighbor[:, None] != target))
    assert back.amin(1).max() < 1e-4
    torch.testing.assert_close(moved[back.argmin(1)], -moved, atol=1e-5, rtol=0)
    own = target == neighbor  # an atom and its image move alike
    assert own.any()
    torch.testing.assert_close(moved[own], batch.vector[own])


def test_moving_atoms_see_angles_that_distances_do_not(skewed):
    """The same distances, other directions."""
    batch = batch_of([skewed])
    generator = torch.Generator().manual_seed(0)
    vector = torch.randn(len(batch.target), 3, generator=generator)
    vector *= (batch.distance / vector.norm(dim=1))[:, None]
    other = replace(batch, vector=vector)
    moving, still = (
        moving_egnn(shift=10.0),
        EGNN(cutoff=CUTOFF, update_positions=False, **SHARED, pooling="mean"),
    )
    assert torch.equal(still(other), still(replace(batch, vector=None)))
    assert (moving(other) - moving(batch)).abs().max() > 1e-4


def test_moving_atoms_change_nothing_in_a_supercell(small, skewed):
    crystals = [skewed, *small[0][:4]]
    network = moving_egnn()
    larger = [crystal * (2, 1, 2) for crystal in crystals]
    torch.testing.assert_close(
        network(batch_of(larger)), network(batch_of(crystals)), atol=1e-5, rtol=1e-4
    )


def test_heads_that_cannot_share_the_width_are_refused(small_graphs, small):
    model = EGATRegressor(hidden_dim=12)
    with pytest.raises(ValueError, match="hidden_dim=12 is not a multiple of n_heads"):
        model.fit(small_graphs, small[1])
