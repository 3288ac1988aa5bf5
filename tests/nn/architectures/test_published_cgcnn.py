"""Published CGCNN against the published equations, and features added here."""

import copy

import numpy as np
import pytest
import torch
from crystals import LATTICE_SYSTEMS, crystal_of
from dense_cgcnn import dense_outputs, random_content, random_vectors
from hypothesis import given, settings, strategies as st
from pymatgen.core import Lattice, Structure

from skcrystal import CrystalGraphTransformer
from skcrystal.estimators.saving._cgcnn_checkpoint import read_checkpoint
from skcrystal.nn import GraphStore

VECTORS = random_vectors()


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    """Network of a checkpoint."""
    path = tmp_path_factory.mktemp("checkpoints") / "random.pth.tar"

    def read(content):
        torch.save(content, path)
        return read_checkpoint(path, VECTORS).network

    return read


def batch_of(crystals, **parameters):
    parameters = {"on_isolated": "nearest", **parameters}
    transformer = CrystalGraphTransformer(cutoff=8.0, max_neighbors=12, **parameters)
    graphs = transformer.transform(crystals)
    return GraphStore.of(graphs, "cpu").gather(np.arange(len(crystals)))


def random_crystal(seed):
    """Up to four atoms in a cell of 3 to 20 Å: from close packing to lone atoms."""
    random = np.random.RandomState(seed)
    n = random.randint(1, 5)
    angles = random.uniform(70, 110, 3)
    size = random.choice([1.0, 1.5, 4.0])
    lattice = Lattice.from_parameters(*size * random.uniform(3, 5, 3), *angles)
    sites = (np.arange(n) + random.uniform(0, 0.5, (3, n))).T / n
    return Structure(lattice, random.choice(["H", "O", "Na", "Cl", "Ti"], n), sites)


def sparse_crystals():
    """Crystals whose atoms lack neighbours; atom 0 is another one each time."""
    layers = Structure(
        Lattice.tetragonal(9.0, 30.0),
        ["O", "Ti", "O", "Na"],
        [[0, 0, 0.01], [0.5, 0.5, 0.0], [0, 0, 0.07], [0.5, 0.5, 0.5]],
    )
    orders = [[0, 1, 2, 3], [3, 2, 1, 0], [1, 0, 3, 2]]
    crystals = [Structure.from_sites([layers[i] for i in order]) for order in orders]
    return [*crystals, Structure(Lattice.cubic(20), ["Cl"], [[0, 0, 0]]), layers * 2]


@pytest.mark.parametrize("task", ["regression", "classification"])
@settings(max_examples=15, deadline=None)
@given(seeds=st.lists(st.integers(0, 10**6), min_size=1, max_size=4))
def test_outputs_are_those_of_the_published_equations(read, task, seeds):
    content = random_content(task, n_hidden=1 + seeds[0] % 2, seed=seeds[0])
    crystals = [random_crystal(seed) for seed in seeds]
    expected = [dense_outputs(content, VECTORS, crystal) for crystal in crystals]
    with torch.no_grad():
        outputs = read(content)(batch_of(crystals))
    np.testing.assert_allclose(outputs, expected, atol=2e-5)


def test_atoms_without_neighbours_receive_messages_of_the_first_atom(read):
    content = random_content()
    crystals = sparse_crystals()
    expected = [dense_outputs(content, VECTORS, crystal) for crystal in crystals]
    # The original depends on which atom is the first.
    assert np.ptp([expected[:3]]) > 1e-3
    with torch.no_grad():
        for reduce in (None, "symmetry"):
            outputs = read(content)(batch_of(crystals, reduce=reduce))
            np.testing.assert_allclose(outputs, expected, atol=2e-5)


def test_edges_beyond_the_cutoff_send_no_message(read):
    lone = [Structure(Lattice.cubic(a), ["Cl"], [[0, 0, 0]]) for a in (8.01, 11, 30)]
    batch = batch_of(lone)
    assert batch.distances.min() > 8
    with torch.no_grad():
        outputs = read(random_content())(batch)
    assert np.ptp(outputs.numpy()) < 1e-6


@pytest.mark.parametrize("pooling", ["mean", "sum"])
def test_merged_atoms_give_the_outputs_and_gradients_of_all(read, pooling):
    crystals = [crystal_of(system) for system in LATTICE_SYSTEMS]
    crystals += sparse_crystals()
    network = read(random_content())
    network.pooling = pooling
    outputs, gradients = [], []
    for reduce in (None, "symmetry"):
        network.zero_grad()
        output = network(batch_of(crystals, reduce=reduce))
        (output * torch.arange(1.0, 1 + len(output))[:, None]).sum().backward()
        outputs.append(output.detach())
        gradients.append({n: p.grad for n, p in network.named_parameters()})
    torch.testing.assert_close(*outputs, atol=1e-5, rtol=0)
    for name in gradients[0]:
        full, merged = (g[name] for g in gradients)
        assert (full - merged).abs().max() <= 1e-4 * full.abs().max(), name


def test_a_prediction_depends_on_its_crystal_alone_also_in_training(read):
    network = read(random_content())
    crystals = [random_crystal(seed) for seed in range(6)]
    with torch.no_grad():
        together = network(batch_of(crystals))
        network.train()
        alone = torch.cat([network(batch_of([crystal])) for crystal in crystals])
    torch.testing.assert_close(together, alone, atol=1e-6, rtol=0)


@pytest.mark.learning
def test_training_on_moves_all_parameters_and_no_statistics(read):
    network = read(random_content()).train()
    before = copy.deepcopy(network.state_dict())
    batch = batch_of([random_crystal(seed) for seed in range(8)])
    target = torch.linspace(-1, 1, 8)[:, None]
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.01)
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = (network(batch) - target).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 3
    parameters = dict(network.named_parameters())
    for name, value in network.state_dict().items():
        moved = not torch.equal(value.nan_to_num(), before[name].nan_to_num())
        assert moved == (name in parameters), name


def test_an_element_without_vector_gives_no_number_and_spoils_no_other(read):
    network = read(random_content())
    known, unknown = random_crystal(1), random_crystal(2)
    unknown[0] = "Pu"
    alone = network(batch_of([known]))
    beside = network(batch_of([known, unknown]))
    assert beside[1].isnan().all()
    torch.testing.assert_close(beside[0], alone[0], atol=1e-6, rtol=0)
    alone.sum().backward()
    assert all(p.grad.isfinite().all() for p in network.parameters())


@pytest.mark.parametrize("task_layers", [None, 1])
def test_new_targets_on_the_trunk(read, task_layers):
    network = read(random_content(hidden_dim=6, head_dim=9))
    batch = batch_of([random_crystal(seed) for seed in range(3)])
    trunk = network.embed(batch)
    network.set_outputs(
        n_targets=2,
        dropout=0.3,
        pooling="mean",
        gaussian=True,
        task_layers=task_layers,
    )
    assert torch.equal(network.embed(batch), trunk)
    assert network(batch).shape == (3, 4)
    assert network.sample(batch, network.draw_masks(5, seed=0)).shape == (3, 5, 4)


@pytest.mark.parametrize("head_dim", [3, 9])
@pytest.mark.parametrize("pooling", ["mean", "sum"])
def test_monte_carlo_samples(read, head_dim, pooling):
    network = read(random_content(head_dim=head_dim, hidden_dim=6))
    network.pooling = pooling
    crystals = [random_crystal(seed) for seed in range(3)]
    batch = batch_of(crystals)
    with torch.no_grad():
        plain = network.sample(batch, network.draw_masks(4, seed=0))
        torch.testing.assert_close(plain, network(batch)[:, None].expand(-1, 4, -1))
        network.dropout, network.dropout_conv = 0.5, 0.2
        first, again = (
            network.sample(batch, network.draw_masks(5, 1)) for _ in range(2)
        )
        supercells = batch_of([crystal * [1, 1, 2] for crystal in crystals])
        repeated = network.sample(supercells, network.draw_masks(5, 1))
    assert first.shape == (3, 5, 1)
    assert torch.equal(first, again)
    assert first.std(1).min() > 1e-4
    assert repeated.isfinite().all()
    network.train()
    assert not torch.equal(network(batch), network(batch))
