"""Interpolation of radial functions on a grid: accuracy and gradients."""

import sys

import numpy as np
import pytest
import torch
from networks import NETWORKS, READ_VECTORS

from skcrystal import CrystalGraphTransformer
from skcrystal.nn import GaussianBasis, GraphStore, radial_grid
from skcrystal.nn.layers import _radial as module
from skcrystal.nn.layers._radial import RadialGrid


def grid_of(n=20_000, width=0.1):
    """Grid for random distances of 1.5 to 5 Å."""
    torch.manual_seed(0)
    return (d := 1.5 + 3.5 * torch.rand(n)), radial_grid(d, width)


def test_a_gaussian_basis_is_interpolated_to_single_precision():
    basis = GaussianBasis(5.0, 51)
    distances, grid = grid_of(width=basis.width)
    assert len(grid.points) < len(distances) / 10
    found = grid.interpolate(basis(grid.points))
    torch.testing.assert_close(found, basis(distances), atol=2e-6, rtol=0)
    one = grid.interpolate(torch.ones(len(grid.points), 1))
    torch.testing.assert_close(one, torch.ones_like(one), atol=1e-6, rtol=0)


def test_gradients_are_those_of_finite_differences():
    torch.manual_seed(0)
    grid = radial_grid(1.5 + 0.3 * torch.rand(200), width=2.0)
    assert grid.index is not None
    grid.weight = grid.weight.double()
    values = torch.randn(len(grid.points), 3, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(grid.interpolate, values)


def test_where_points_lie_does_not_depend_on_the_batch():
    distances, grid = grid_of()
    shorter = radial_grid(distances[distances < 3], 0.1)
    assert set(shorter.points.tolist()) <= set(grid.points.tolist())


def test_few_distances_are_their_own_points():
    distances, grid = grid_of(n=20)
    assert torch.equal(grid.points, distances)
    assert grid.interpolate(distances) is distances
    assert isinstance(radial_grid(distances[:0], 0.1), RadialGrid)


def uses_grid(name):
    """Whether a layer of the network is of a module that imports the grid."""
    layers = NETWORKS[name](pooling="mean").modules()
    kinds = {kind for layer in layers for kind in type(layer).__mro__}
    return any(hasattr(sys.modules[kind.__module__], "radial_grid") for kind in kinds)


@pytest.mark.parametrize("name", [n for n in NETWORKS if uses_grid(n)])
def test_networks_give_the_same_with_and_without(small, monkeypatch, name):
    transformer = CrystalGraphTransformer(vectors=name in READ_VECTORS)
    graphs = transformer.transform(small[0])
    batch = GraphStore.of(graphs, "cpu").gather(np.arange(len(graphs)))
    torch.manual_seed(0)
    network = NETWORKS[name](pooling="mean")
    results = []
    for least in (0.0, np.inf):
        monkeypatch.setattr(module, "_DISTANCES_PER_POINT", least)
        network.zero_grad()
        output = network(batch)
        output.square().sum().backward()
        results.append((output.detach(), [p.grad for p in network.parameters()]))
    (on_grid, its_gradients), (exact, gradients) = results
    assert not torch.equal(on_grid, exact)  # the grid was used
    torch.testing.assert_close(on_grid, exact, atol=2e-6, rtol=0)
    for found, expected in zip(its_gradients, gradients, strict=True):
        assert (found - expected).abs().max() <= 1e-5 * expected.abs().max()
