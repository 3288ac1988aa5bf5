"""Edge updates and message passing between edges, against explicit sums."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings, strategies as st
from networks import NETWORKS
from numpy.polynomial.legendre import legvander
from pymatgen.core import Lattice, Structure
from torch.nn import functional as F

from skcrystal import CrystalGraphTransformer
from skcrystal.nn import GraphBatch, GraphStore
from skcrystal.nn.architectures._angular_cogn import EdgeToEdge
from skcrystal.nn.architectures._cogn import EdgeBlock
from skcrystal.nn.layers._angles import (
    L_MAX,
    Directions,
    angle_sum,
    spherical_harmonics,
)

DEGREES = st.lists(st.integers(0, 6), min_size=1, max_size=6)
SEEDS = st.integers(0, 2**16)


def stars(degrees, seed):
    """Atoms with edges in random directions, in double precision."""
    degree = torch.tensor(degrees)
    atoms = torch.arange(len(degrees))
    target = atoms.repeat_interleave(degree)
    generator = torch.Generator().manual_seed(seed)
    vector = torch.randn(len(target), 3, generator=generator, dtype=torch.double)
    length = vector.norm(dim=1)
    return GraphBatch(
        atomic_numbers=torch.full_like(atoms, 14).int(),
        atom_ptr=torch.tensor([0, len(degrees)], dtype=torch.int32),
        crystal=torch.zeros_like(atoms).int(),
        edge_ptr=F.pad(degree.cumsum(0), (1, 0)).int(),
        target=target.int(),
        neighbor=(target.flip(0)).int(),
        distances=length,
        distance_class=torch.arange(len(target)).int(),
        vector=vector,
    )


def random(*shape):
    return torch.randn(*shape, dtype=torch.double)


def sum_over_pairs(edges, kernel, batch):
    """What `angle_sum` is, pair by pair."""
    edges, kernel = edges.numpy(), kernel.numpy()
    direction = batch.vector.numpy() / batch.distance.numpy()[:, None]
    total = np.zeros_like(edges)
    for ij, i in enumerate(batch.target.tolist()):
        for ik in range(*batch.edge_ptr[[i, i + 1]].tolist()):
            cosine = np.clip(direction[ij] @ direction[ik], -1, 1)
            total[ij] += edges[ik] * (legvander(cosine, len(kernel) - 1)[0] @ kernel)
    return torch.from_numpy(total)


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


@given(l_max=st.integers(0, L_MAX), seed=SEEDS)
@settings(max_examples=25, deadline=None)
def test_harmonics_add_up_to_legendre_polynomials(l_max, seed):
    a, b = np.random.RandomState(seed).normal(size=(2, 20, 3))
    cosine = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    product = np.prod(
        [spherical_harmonics(torch.from_numpy(v), l_max).numpy() for v in (a, b)],
        axis=0,
    )
    of_degree = np.arange(l_max + 1) ** 2
    found = np.add.reduceat(product, of_degree, axis=1)
    np.testing.assert_allclose(found, legvander(cosine, l_max), atol=1e-12)


@given(degrees=DEGREES, l_max=st.integers(0, L_MAX), seed=SEEDS)
@example(degrees=[5, 5, 5], l_max=2, seed=0)
@example(degrees=[0, 0], l_max=1, seed=0)
@settings(max_examples=40, deadline=None)
def test_angle_sum_is_a_sum_over_pairs(degrees, l_max, seed):
    batch = stars(degrees, seed)
    directions = Directions.of(batch, l_max)
    assert (directions.padding.place is None) == (len(set(degrees)) == 1)
    edges, kernel = random(len(batch.target), 3), random(l_max + 1, 3)
    torch.testing.assert_close(
        angle_sum(edges, kernel, directions), sum_over_pairs(edges, kernel, batch)
    )


@pytest.mark.parametrize("reflect", [False, True])
def test_angle_sum_does_not_depend_on_orientation(reflect):
    batch = stars([4, 1, 6], 0)
    matrix, _ = torch.linalg.qr(random(3, 3))
    matrix = matrix * matrix.det() * (-1 if reflect else 1)
    turned = replace(batch, vector=batch.vector @ matrix)
    edges, kernel = random(11, 3), random(4, 3)
    torch.testing.assert_close(
        angle_sum(edges, kernel, Directions.of(turned, 3)),
        angle_sum(edges, kernel, Directions.of(batch, 3)),
    )


@pytest.mark.parametrize("degrees", [[3, 0, 5], [4, 4]], ids=str)
def test_gradients_are_those_of_finite_differences(degrees):
    batch = stars(degrees, 0)
    directions = Directions.of(batch, L_MAX)
    edges = random(len(batch.target), 2).requires_grad_()
    kernel = random(L_MAX + 1, 2).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda e, k: angle_sum(e, k, directions), (edges, kernel)
    )


def test_an_edge_block_is_its_equations():
    batch = stars([3, 0, 5, 2], 0)
    target, neighbor = batch.target.long(), batch.neighbor.long()
    x, edge, weight = random(4, 6), random(10, 5), torch.rand(10).double()
    block = EdgeBlock(6, 5).double()
    new, added = block(block.join(x, edge, batch), weight, batch)
    h = F.silu(edge + block.joint(torch.cat([x[target], x[neighbor]], dim=1)))
    message = block.message(h)
    torch.testing.assert_close(added, message)
    for i in range(4):
        mine = target == i
        gated = weight[mine, None] * torch.sigmoid(message[mine]) * h[mine]
        torch.testing.assert_close(
            new[i], F.silu(block.norm(block.update(gated.sum(0)), batch))
        )


def test_messages_between_edges_follow_the_equation():
    batch = stars([3, 0, 5, 2], 0)
    h, weight = random(10, 5), torch.rand(10).double()
    layer = EdgeToEdge(5, 4, l_max=2).double()
    torch.nn.init.normal_(layer.kernel)
    with torch.no_grad():
        messages = weight[:, None] * layer.into(h)
        aggregated = sum_over_pairs(messages, layer.kernel, batch)
        torch.testing.assert_close(
            layer(h, weight, Directions.of(batch, 2)),
            F.silu(h + layer.out(layer.norm(aggregated))),
        )


def chain(angle):
    """Selenium chain with bonds of 2.4 Å that enclose an angle in degrees."""
    half = np.radians(angle) / 2
    length, height = 4.8 * np.sin(half), 2.4 * np.cos(half)
    return Structure(
        Lattice.orthorhombic(length, 12, 12),
        ["Se", "Se"],
        [[0, 0, 0], [length / 2, height, 0]],
        coords_are_cartesian=True,
    )


@pytest.mark.parametrize("pooling", ["mean", "sum"])
def test_angles_distinguish_crystals_of_equal_distances(pooling):
    """Straight and bent chains, of which nothing but equal bonds is seen."""
    transformer = CrystalGraphTransformer(cutoff=3.0, vectors=True)
    graphs = transformer.transform([chain(180), chain(105)])
    np.testing.assert_allclose(graphs.distances, 2.4, rtol=1e-5)
    batch = GraphStore.of(graphs, "cpu").gather([0, 1])
    straight, bent = NETWORKS["CoGN"](pooling=pooling)(batch)
    torch.testing.assert_close(straight, bent)
    network = NETWORKS["AngularCoGN"](pooling=pooling)
    for layer in network.between:  # as trained: not the same function for all channels
        torch.nn.init.normal_(layer.kernel)
    straight, bent = network(batch)
    assert (straight - bent).abs().max() > 1e-3
