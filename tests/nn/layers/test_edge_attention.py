"""Edge attention against EGATConv written out, and limiting cases."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from networks import HIDDEN
from pymatgen.core import Lattice, Structure
from torch.nn import functional as F
from torch_geometric.utils import scatter, softmax

from skcrystal import CrystalGraphTransformer
from skcrystal.nn import GraphStore
from skcrystal.nn.architectures._egat import heads_of_layers
from skcrystal.nn.layers._edge_attention import EdgeAttentionLayer, edge_attention_sum

EDGE = 4


@pytest.fixture(scope="module")
def batch(small, skewed):
    polonium = Structure(Lattice.cubic(3.35), ["Po"], [[0, 0, 0]])
    transformer = CrystalGraphTransformer(cutoff=3.8, reduce=None)
    graphs = transformer.transform([small[0][0], skewed, polonium])
    return GraphStore.of(graphs, "cpu").gather(np.arange(3))


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def features(batch, width=HIDDEN, edge_dim=EDGE, **kwargs):
    x = torch.randn(len(batch.atomic_numbers), width, **kwargs)
    return x, torch.randn(len(batch.target), edge_dim, **kwargs)


def written_out(layer, x, edge, batch):
    """One map of [x_i, e_ij, x_j] on every edge, as the formulas have it."""
    target, neighbor = batch.target.long(), batch.neighbor.long()
    joint = [layer.of_center.weight, layer.of_edge.weight, layer.of_source.weight]
    ends = torch.cat([x[target], edge, x[neighbor]], dim=1)
    z = F.leaky_relu(F.linear(ends, torch.cat(joint, dim=1), layer.of_center.bias))
    heads = len(layer.attention)
    score = (z.view(len(z), heads, -1) * layer.attention).sum(-1)
    alpha = softmax(score, target, num_nodes=len(x))
    value = layer.value(x)[neighbor].view(len(z), heads, -1) * alpha[:, :, None]
    total = scatter(value.flatten(1), target, dim_size=len(x))
    if layer.edge_value is not None:
        aggregated = (z.view(len(z), heads, -1) * alpha[:, :, None]).flatten(1)
        total = total + scatter(layer.edge_value(aggregated), target, dim_size=len(x))
    return total, z


@pytest.mark.parametrize("edge_values", [False, True])
@pytest.mark.parametrize("n_heads", [1, 2, 4])
def test_layer_is_egatconv(batch, n_heads, edge_values):
    layer = EdgeAttentionLayer(HIDDEN, EDGE, 12, n_heads, edge_values=edge_values)
    layer.double()
    inputs = features(batch, dtype=torch.double, requires_grad=True)
    results = []
    for outputs in (layer(*inputs, batch), written_out(layer, *inputs, batch)):
        loss = sum(
            (t * torch.linspace(-1, 1, t.numel()).view_as(t)).sum() ** 2
            for t in outputs
        )
        leaves = [*inputs, *layer.parameters()]
        results.append([*outputs, *torch.autograd.grad(loss, leaves)])
    assert results[0][0].shape == (len(inputs[0]), 12)
    for ours, expected in zip(*results, strict=True):
        torch.testing.assert_close(ours, expected)


@pytest.mark.parametrize("edge_values", [False, True])
@pytest.mark.parametrize("n_heads", [1, 2])
def test_gradients_are_those_of_finite_differences(batch, n_heads, edge_values):
    double = {"dtype": torch.double, "requires_grad": True}
    center, edge = features(batch, 2, 2, **double)
    source, _ = features(batch, 2, 2, **double)
    value, _ = features(batch, 4, 2, **double)
    a = torch.randn(n_heads, 2 // n_heads, **double)
    weight = torch.rand(len(edge), dtype=torch.double) + 0.1
    weight[::3] = 1e-12  # at the cutoff, where to multiply by 1 / weight would not do

    def attend(*inputs):
        *inputs, weight = inputs
        return edge_attention_sum(*inputs, batch, weight, edge_values=edge_values)

    inputs = (center, source, edge, value, a)
    assert torch.autograd.gradcheck(lambda *t: attend(*t, weight), inputs)
    positive = (torch.rand_like(weight) + 0.1).requires_grad_()
    assert torch.autograd.gradcheck(attend, (*inputs, positive))


def test_an_edge_of_weight_zero_is_no_edge(batch):
    layer = EdgeAttentionLayer(HIDDEN, EDGE, HIDDEN, 2, edge_values=True)
    x, edge = features(batch)
    weight = torch.ones(len(edge))
    weight[1::2] = 0
    kept = weight.bool()
    degree = torch.bincount(batch.target[kept].long(), minlength=len(x))
    without = replace(
        batch,
        edge_ptr=F.pad(degree.cumsum(0), (1, 0)).int(),
        target=batch.target[kept],
        neighbor=batch.neighbor[kept],
        distance_class=batch.distance_class[kept],
    )
    ours, z = layer(x, edge, batch, weight)
    expected, z_kept = layer(x, edge[kept], without)
    torch.testing.assert_close(ours, expected)
    torch.testing.assert_close(z[kept], z_kept)


def test_an_atom_with_all_neighbours_at_the_cutoff_receives_no_message(batch):
    layer = EdgeAttentionLayer(HIDDEN, EDGE, HIDDEN, 2)
    x, edge = features(batch)
    weight = (batch.target != 0).float().requires_grad_()
    total, _ = layer(x, edge, batch, weight)
    total.square().sum().backward()
    assert not total[0].any()
    assert total[1:].any(1).all()
    for gradient in (weight.grad, *(p.grad for p in layer.parameters())):
        assert gradient.isfinite().all()


def test_widths_that_heads_cannot_share_are_refused():
    with pytest.raises(ValueError, match="edge_dim=6 is not a multiple of n_heads=4"):
        EdgeAttentionLayer(8, 6, 8, 4)
    with pytest.raises(ValueError, match="out_dim=6 is not a multiple of n_heads=4"):
        EdgeAttentionLayer(8, 8, 6, 4)


def test_heads_halve_as_long_as_they_share_the_width():
    assert heads_of_layers(8, 4) == [8, 4, 2, 1]
    assert heads_of_layers(8, 6) == [8, 4, 2, 1, 1, 1]
    assert heads_of_layers(6, 3) == [6, 3, 3]
