"""Norms of atom features: weights in statistics, and statistics in prediction."""

import numpy as np
import pytest
import torch
from pymatgen.core import Lattice, Structure
from torch import nn

from skcrystal import CGCNNRegressor, CrystalGraphTransformer, GCNRegressor
from skcrystal.nn import CGCNN, GraphStore
from skcrystal.nn.layers._norm import AtomBatchNorm, make_norm, measure_norms

SHARED = {"hidden_dim": 8, "n_targets": 1, "dropout": 0.0, "n_layers": 2}


@pytest.fixture(scope="module")
def batches(small):
    """The same crystals with equal atoms merged and with every site."""
    return [
        GraphStore.of(
            CrystalGraphTransformer(reduce=reduce).transform(small[0]), "cpu"
        ).gather(np.arange(40))
        for reduce in ("symmetry", None)
    ]


def features(batch):
    """Numbers that equal atoms share: of the element, and of the nearest neighbour."""
    nearest = batch.distance.new_zeros(len(batch.atomic_numbers)).scatter_reduce_(
        0, batch.target.long(), batch.distance, "amin", include_self=False
    )
    return torch.stack([batch.atomic_numbers.float(), nearest], dim=1)


def test_batch_norm_is_that_of_torch_over_sites(batches):
    merged, full = batches
    ours, theirs = AtomBatchNorm(2), nn.BatchNorm1d(2)
    x = features(full)
    torch.testing.assert_close(ours(x, full), theirs(x), rtol=1e-4, atol=1e-4)
    # Atoms count by the sites that they stand for.
    y = features(merged)
    found = AtomBatchNorm(2)(y, merged)
    weight = merged.atom_weight[:, None]
    moments = [(found**k * weight).sum(0) / weight.sum() for k in (1, 2)]
    torch.testing.assert_close(moments[0], torch.zeros(2), atol=1e-5, rtol=0)
    torch.testing.assert_close(moments[1], torch.ones(2), atol=1e-3, rtol=0)


def test_atoms_around_a_part_do_not_count():
    norm = AtomBatchNorm(1)
    x = torch.tensor([[0.0], [2.0], [1e6]])

    class Batch:
        query_rows = torch.tensor([0, 1, 1], dtype=torch.int32)
        atom_weight = None

    found = norm(x, Batch)
    counted = found[Batch.query_rows.long()]
    torch.testing.assert_close(counted.mean(), torch.tensor(0.0), atol=1e-6, rtol=0)
    torch.testing.assert_close(
        counted.square().mean(), torch.tensor(1.0), atol=1e-3, rtol=0
    )


def test_predictions_use_the_measured_statistics(batches):
    """Then an atom does not depend on the rest of the batch."""
    _, full = batches
    network = CGCNN(cutoff=5.0, n_basis=12, pooling="none", norm="batch", **SHARED)
    measure_norms(network, [full])
    assert network.training
    # Deeper norms read the output of the first, by the batch's own mean in both.
    trained = network(full)
    network.eval()
    torch.testing.assert_close(network(full), trained, rtol=1e-3, atol=1e-4)


def test_frozen_norms_stay_as_they_are(batches):
    norm = AtomBatchNorm(2).requires_grad_(False)
    norm.mean += 1.0
    x = features(batches[1])
    torch.testing.assert_close(norm(x, batches[1]), x - 1.0, rtol=1e-4, atol=1e-4)


def test_means_are_of_the_last_weights(small):
    """However few the steps, or many epochs ago the first of them."""
    graphs = CrystalGraphTransformer(reduce=None).transform(small[0])
    y = [np.arange(float(n)) for n in graphs.n_sites]
    model = CGCNNRegressor(
        hidden_dim=8,
        n_layers=2,
        max_epochs=3,
        random_state=0,
        target_level="atom",
        norm="batch",
    ).fit(graphs, y)
    network = model.net_.module_
    batch = GraphStore.of(graphs, "cpu", sites=True).gather(np.arange(40))
    kept = network.readout.mean.clone()
    measure_norms(network, [batch])
    torch.testing.assert_close(kept, network.readout.mean, rtol=1e-3, atol=1e-4)


def test_a_single_atom_has_no_deviation(small):
    model = CGCNNRegressor(norm="batch", batch_size=1, max_epochs=1)
    lone = Structure(Lattice.cubic(2.5), ["Po"], [[0, 0, 0]])
    with pytest.raises(ValueError, match=r"single one; set norm=.layer"):
        model.fit([lone, lone], [0.0, 1.0])


def test_default_is_by_the_size_of_crystals(small):
    """Small ones differ; atoms of a large one have much in common."""
    structures = small[0][:4]
    norms = {}
    for name, crystals in {
        "small": structures,
        "large": [crystal * (4, 4, 4) for crystal in structures],
    }.items():
        graphs = CrystalGraphTransformer(cutoff=4.0, reduce=None).transform(crystals)
        y = [np.arange(float(n)) for n in graphs.n_sites]
        model = GCNRegressor(hidden_dim=8, max_epochs=1, target_level="atom")
        norms[name] = model.fit(graphs, y).net_.module_.norm
        model.set_params(target_level="crystal").fit(graphs, np.arange(4.0))
        assert model.net_.module_.norm == "layer"
    assert norms == {"small": "layer", "large": "batch"}


def test_there_are_two_kinds():
    with pytest.raises(ValueError, match="norm='group' is not a norm"):
        make_norm("group", 3)
