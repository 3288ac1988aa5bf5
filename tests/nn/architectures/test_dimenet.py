"""DimeNet++ against PyTorch Geometric's blocks with explicit triplets."""

import copy
import pickle

import numpy as np
import pytest
import torch
from networks import NETWORKS
from probes import batch_of, reach, without
from pymatgen.core import Lattice, Structure
from scipy.special import eval_legendre, spherical_jn
from torch_geometric.nn import DimeNetPlusPlus as PygDimeNetPlusPlus

from skcrystal.nn import DimeNetPlusPlus
from skcrystal.nn.architectures._dimenet import in_parts
from skcrystal.nn.layers._spherical import (
    SphericalBessel,
    bessel_zeros,
    solid_harmonics,
)
from skcrystal.nn.layers._triplets import Angles, reverse_edges, triplet_sum

POLONIUM = Structure(Lattice.cubic(3.35), ["Po"], [[0, 0, 0]])


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


@pytest.fixture(scope="module")
def batch(small, skewed):
    return batch_of([*small[0][:2], skewed, POLONIUM], cutoff=4.0)


def triplets(batch):
    """All k -> j -> i, as numbers of the edges kj and ji, by loops."""
    target, neighbor = batch.target.tolist(), batch.neighbor.tolist()
    vector = batch.vector.numpy()
    return np.array(
        [
            (kj, ji)
            for ji in range(len(target))
            for kj in range(len(target))
            if target[kj] == neighbor[ji]
            and not (
                neighbor[kj] == target[ji]
                and np.abs(vector[kj] + vector[ji]).max() < 0.1
            )
        ]
    ).T


def test_harmonics_add_up_to_legendre_polynomials():
    vector = torch.randn(30, 3, dtype=torch.double)
    unit = vector / vector.norm(dim=1, keepdim=True)
    cosine = (unit @ unit.T).clamp(-1, 1).numpy()
    harmonics = solid_harmonics(vector, 9)
    for degree, part in enumerate(harmonics.split([*range(1, 20, 2)], dim=1)):
        np.testing.assert_allclose(
            part @ part.T, eval_legendre(degree, cosine), atol=1e-12
        )


def test_radial_functions_are_orthonormal_states_of_a_particle_in_a_sphere():
    zeros = bessel_zeros(7, 6)
    degree = np.arange(7)[:, None]
    np.testing.assert_allclose(spherical_jn(degree, zeros), 0, atol=1e-12)
    radial = SphericalBessel(1.0, 7, 6)
    r = torch.linspace(1e-3, 1, 4001, dtype=torch.double)[:-1]
    values = radial(r) / radial.envelope(r)[:, None, None]
    overlap = torch.einsum("dln,dlm,d->lnm", values, values, r**2) * (r[1] - r[0])
    expected = torch.eye(6) * (2 * torch.arange(7)[:, None, None] + 1) / (4 * np.pi)
    np.testing.assert_allclose(overlap, expected, atol=2e-3)
    # Recurrences lose digits at short distances, but not those that matter.
    near = radial(torch.tensor([0.1], dtype=torch.double))[0]
    exact = spherical_jn(degree, 0.1 * zeros) * radial._norm.numpy()
    exact *= radial.envelope(torch.tensor(0.1, dtype=torch.double)).item()
    np.testing.assert_allclose(near, exact, atol=1e-8)


def test_edges_find_their_reverse_among_images(batch):
    edge, reverse = reverse_edges(batch)
    assert torch.equal(edge.sort().values, torch.arange(len(batch.target)))
    assert torch.equal(batch.target[edge], batch.neighbor[reverse])
    assert torch.equal(batch.neighbor[edge], batch.target[reverse])
    torch.testing.assert_close(batch.vector[edge], -batch.vector[reverse])


def test_edges_of_cut_neighbour_lists_may_have_no_reverse(skewed):
    batch = batch_of([skewed], cutoff=8.0, max_neighbors=5)
    edge, _ = reverse_edges(batch)
    assert 0 < len(edge) < len(batch.target)


@pytest.mark.parametrize("neighbors", [None, 7], ids=["all", "nearest"])
def test_moments_add_up_to_the_sum_over_triplets(small, skewed, neighbors):
    graph = {"cutoff": 4.0} if neighbors is None else {"max_neighbors": neighbors}
    batch = batch_of([small[0][0], skewed, POLONIUM], **graph)
    n_spherical, width = 5, 3
    message = torch.randn(len(batch.target), width, requires_grad=True)
    kernel = torch.randn(n_spherical, len(batch.distances), width, requires_grad=True)
    ours = triplet_sum(message, kernel, Angles.of(batch, n_spherical - 1), batch)
    kj, ji = triplets(batch)
    unit = torch.nn.functional.normalize(batch.vector, dim=1)
    cosine = (unit[kj] * unit[ji]).sum(1).numpy()
    legendre = np.stack([eval_legendre(n, cosine) for n in range(n_spherical)])
    of_edge = kernel[:, batch.distance_class.long()]
    aggregated = torch.einsum(
        "lt,ltc->tc", torch.from_numpy(legendre).float(), of_edge[:, kj]
    )
    expected = torch.zeros_like(message).index_add(
        0, torch.from_numpy(ji), message[kj] * aggregated
    )
    torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-4)
    slope = torch.randn_like(ours)
    for mine, other in zip(
        torch.autograd.grad((ours * slope).sum(), [message, kernel]),
        torch.autograd.grad((expected * slope).sum(), [message, kernel]),
        strict=True,
    ):
        torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-3)


@pytest.fixture(scope="module")
def published():
    """PyG's network; more angular momenta would take it minutes to derive."""
    torch.manual_seed(1)
    return PygDimeNetPlusPlus(
        hidden_channels=8,
        out_channels=8,
        num_blocks=2,
        int_emb_size=6,
        basis_emb_size=8,
        out_emb_channels=16,
        num_spherical=3,
        num_radial=2,
        cutoff=5.0,
        output_initializer="glorot_orthogonal",
    )


@pytest.fixture
def network(published):
    """Ours with PyG's weights."""
    network = DimeNetPlusPlus(
        cutoff=5.0,
        n_radial=2,
        n_spherical=3,
        triplet_dim=6,
        n_layers=2,
        hidden_dim=8,
        n_targets=1,
        dropout=0.0,
        pooling="mean",
    )
    for ours, theirs in (
        (network.rbf, published.rbf),
        (network.interactions, published.interaction_blocks),
        (network.outputs, published.output_blocks),
        (network.embedding.lin_rbf, published.emb.lin_rbf),
        (network.embedding.lin, published.emb.lin),
    ):
        ours.load_state_dict(theirs.state_dict())
    return network


def by_blocks(published, network, batch):
    """What PyG's blocks give; its own forward pass needs libraries besides."""
    published = copy.deepcopy(published)
    elements = torch.arange(95, dtype=torch.int32)
    published.emb.emb.weight.data = network.elements(elements).detach()
    j, i = batch.edge_index
    kj, ji = torch.from_numpy(triplets(batch))
    kj_vector, ji_vector = batch.vector[kj], batch.vector[ji]
    angle = torch.atan2(
        torch.linalg.cross(ji_vector, kj_vector).norm(dim=1),
        (ji_vector * kj_vector).sum(1),
    )
    distance, n = batch.vector.norm(dim=1), len(batch.atomic_numbers)
    rbf, sbf = published.rbf(distance), published.sbf(distance, angle, kj)
    x = published.emb(batch.atomic_numbers.long(), rbf, i, j)
    total = published.output_blocks[0](x, rbf, i, num_nodes=n)
    for block, output in zip(
        published.interaction_blocks, published.output_blocks[1:], strict=True
    ):
        x = block(x, rbf, sbf, kj, ji)
        total = total + output(x, rbf, i, num_nodes=n)
    return total


def test_outputs_of_a_molecule_equal_those_of_pyg(published, network):
    ethanol = Structure(
        Lattice.cubic(40.0),
        ["C", "C", "O", "H", "H", "H", "H", "H", "H"],
        [
            [1.17, -0.40, 0.0],
            [0.0, 0.56, 0.0],
            [-1.20, -0.21, 0.0],
            [-1.95, 0.37, 0.0],
            [2.12, 0.15, 0.0],
            [1.15, -1.04, 0.89],
            [1.15, -1.04, -0.89],
            [0.04, 1.20, 0.88],
            [0.04, 1.20, -0.88],
        ],
        coords_are_cartesian=True,
    )
    batch = batch_of([ethanol])
    assert len(batch.target) == 9 * 8
    torch.testing.assert_close(
        network.atoms(batch),
        by_blocks(published, network, batch),
        rtol=1e-4,
        atol=1e-4,
    )


def test_outputs_of_crystals_equal_those_of_pygs_blocks_with_images(
    published, network, batch
):
    ours = network.atoms(batch)
    theirs = by_blocks(published, network, batch)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def test_predictions_of_close_packings_that_differ_in_angles_alone_differ():
    a = 2.6
    fcc = Structure(
        Lattice.cubic(a * 2**0.5),
        ["Cu"] * 4,
        [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]],
    )
    hcp = Structure(
        Lattice.hexagonal(a, a * (8 / 3) ** 0.5),
        ["Cu"] * 2,
        [[1 / 3, 2 / 3, 0.25], [2 / 3, 1 / 3, 0.75]],
    )
    batch = batch_of([fcc, hcp], cutoff=3.0)
    assert (batch.edge_ptr.diff() == 12).all()

    def gap(network):
        one, other = network.embed(batch)
        return (one - other).abs().max() / one.abs().max()

    assert gap(NETWORKS["SchNet"](pooling="mean")) < 1e-5
    # Both shells are round up to the third degree.
    for n_spherical, seen in ((4, False), (5, True)):
        network = DimeNetPlusPlus(
            cutoff=3.0,
            n_radial=4,
            n_spherical=n_spherical,
            triplet_dim=6,
            n_layers=2,
            hidden_dim=8,
            n_targets=1,
            dropout=0.0,
            pooling="mean",
        )
        assert (gap(network) > 1e-4) == seen


def test_turning_and_reflecting_all_changes_nothing(batch):
    network = NETWORKS["DimeNetPlusPlus"](pooling="mean")
    turn, _ = torch.linalg.qr(torch.randn(3, 3))
    turned = copy.copy(batch)
    turned.vector = batch.vector @ turn.T
    torch.testing.assert_close(network(turned), network(batch), rtol=1e-4, atol=1e-5)


def test_outputs_of_a_cell_of_one_atom_equal_those_of_its_supercell():
    network = NETWORKS["DimeNetPlusPlus"](pooling="mean")
    one, many = (
        network.atoms(batch_of([crystal], cutoff=4.9))
        for crystal in (POLONIUM, POLONIUM * (2, 3, 1))
    )
    torch.testing.assert_close(one.expand(6, -1), many, rtol=1e-4, atol=1e-4)


def test_an_edge_without_weight_is_no_edge(batch):
    network = NETWORKS["DimeNetPlusPlus"](pooling="mean")
    masked, fewer = without(batch, 17)
    torch.testing.assert_close(
        network.atoms(masked), network.atoms(fewer), rtol=1e-4, atol=1e-5
    )
    masked.edge_weight.requires_grad_()
    network(masked).sum().backward()
    assert (masked.edge_weight.grad != 0).float().mean() > 0.9


def test_atoms_see_as_far_as_hops_say():
    network = NETWORKS["DimeNetPlusPlus"](pooling="mean")
    assert reach(network) == network.hops == 3


@pytest.mark.parametrize("n_rows", [100, 4096, 10_000])
def test_rows_in_parts_are_all_rows(n_rows):
    layer = torch.nn.Sequential(torch.nn.Linear(5, 4), torch.nn.SiLU())
    x, y = torch.randn(2, n_rows, 5, requires_grad=True)
    slope = torch.randn(n_rows, 4)
    whole, parts = (
        (
            result,
            *torch.autograd.grad((result * slope).sum(), [x, y, *layer.parameters()]),
        )
        for result in (layer(x * y), in_parts(lambda a, b: layer(a * b), x, y))
    )
    for one, other in zip(whole, parts, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-3)


def test_networks_can_be_pickled(batch):
    network = NETWORKS["DimeNetPlusPlus"](pooling="mean")
    again = pickle.loads(pickle.dumps(network))
    assert torch.equal(again(batch), network(batch))
