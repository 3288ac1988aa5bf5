"""Masks of PyG's explainers, as networks of ours hear them."""

import numpy as np
import pytest
import torch
from torch_geometric.explain.algorithm.utils import clear_masks, set_masks
from torch_geometric.nn import GraphConv

from skcrystal import CrystalGraphTransformer
from skcrystal.inspection._masked import MaskedNetwork, ScaledNetwork
from skcrystal.nn import CrystalNetwork, GraphStore


class WithOperator(CrystalNetwork):
    """A network one of whose layers is PyG's."""

    def __init__(self):
        super().__init__(hidden_dim=4, n_targets=1, dropout=0.0, pooling="mean")
        self.operator = GraphConv(4, 4)

    def atoms(self, batch, dropout=None):
        x = self.elements(batch.atomic_numbers)
        return self.operator(x, batch.edge_index, batch.edge_weight)


@pytest.fixture
def batch(skewed):
    graphs = CrystalGraphTransformer(reduce=None).transform([skewed])
    return GraphStore.of(graphs, "cpu").gather(np.array([0]))


def test_operators_of_pyg_are_not_masked_a_second_time(batch):
    network = WithOperator()
    scaled = ScaledNetwork(network)
    masked = MaskedNetwork(scaled, batch, lambda outputs: outputs[:, 0])
    mask = torch.rand(len(batch.target))
    x, edge_index = masked.inputs()
    set_masks(masked, mask, edge_index, apply_sigmoid=False)
    found = masked(x, edge_index)
    torch.testing.assert_close(found, scaled(batch, x, mask)[:, 0])
    clear_masks(masked)
    assert not torch.allclose(found, masked(x, edge_index))
    assert network.operator.explain is None


def test_elements_scaled_by_zero_have_no_effect(batch):
    network = WithOperator().eval()
    scaled = ScaledNetwork(network)
    n_atoms, n_edges = len(batch.atomic_numbers), len(batch.target)
    ones, edges = torch.ones(n_atoms, 1), torch.ones(n_edges)
    silent = scaled(batch, 0 * ones, edges)
    other = ScaledNetwork(network)
    numbers = batch.atomic_numbers.clone()
    batch.atomic_numbers.fill_(1)
    torch.testing.assert_close(other(batch, 0 * ones, edges), silent)
    batch.atomic_numbers.copy_(numbers)
    torch.testing.assert_close(scaled(batch, ones, edges), network(batch))
