"""Convolutions of CGCNN: gated, shared and without neighbours."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from crystals import LATTICE_SYSTEMS, crystal_of
from hypothesis import given, settings, strategies as st
from networks import BASIS, CUTOFF, HIDDEN, SHARED
from pymatgen.core import Element, Lattice, Structure

from skcrystal import CrystalGraphTransformer
from skcrystal.nn import CGCNN, GaussianBasis, GraphStore, cosine_cutoff, radial_grid
from skcrystal.nn.layers._convolutions import (
    CONVOLUTIONS,
    SelfConvolution,
    SharedConvolution,
)


def batch_of(crystals, **parameters):
    graphs = CrystalGraphTransformer(cutoff=CUTOFF, **parameters).transform(crystals)
    return GraphStore.of(graphs, "cpu").gather(np.arange(len(crystals)))


def network_of(conv, **parameters):
    torch.manual_seed(0)
    return CGCNN(
        cutoff=CUTOFF,
        n_basis=BASIS,
        conv=conv,
        **{**SHARED, "pooling": "mean", **parameters},
    )


@pytest.fixture(scope="module")
def ideal():
    """A crystal of every lattice system, and one of them in a larger cell."""
    crystals = [crystal_of(system) for system in LATTICE_SYSTEMS]
    return [*crystals, crystals[0] * (2, 1, 1)]


@pytest.fixture(scope="module")
def full(ideal):
    return batch_of(ideal, reduce=None)


@pytest.fixture(scope="module")
def merged(ideal):
    return batch_of(ideal)


@pytest.fixture(scope="module")
def batch(prototypes):
    return batch_of(prototypes.data[::4])


def test_shared_convolution_is_a_loop_over_pymatgens_neighbours(skewed):
    torch.manual_seed(0)
    convolution, basis = SharedConvolution(HIDDEN, BASIS), GaussianBasis(CUTOFF, BASIS)
    of_self, of_source, of_bond = (
        w.detach().numpy()
        for w in convolution.joint.weight.split([HIDDEN, HIDDEN, BASIS], dim=1)
    )
    of_element = np.random.default_rng(0).normal(size=(119, HIDDEN))
    expected = []
    for site in skewed:
        total = of_self @ of_element[site.specie.Z] + convolution.joint.bias.tolist()
        for neighbor in skewed.get_neighbors(site, CUTOFF):
            d = neighbor.nn_distance
            bond = basis(torch.tensor([d]))[0].numpy()
            envelope = (np.cos(np.pi * d / CUTOFF) + 1) / 2
            total = total + envelope * of_source @ of_element[neighbor.specie.Z]
            total = total + envelope * of_bond @ bond
        expected.append(total)

    batch = batch_of([skewed], reduce=None)
    x = torch.from_numpy(of_element).float()[batch.atomic_numbers]
    envelope = cosine_cutoff(batch.distance, CUTOFF)
    messages = convolution(x, basis(batch.distances), batch, envelope).detach()
    np.testing.assert_allclose(messages, expected, rtol=1e-4, atol=1e-4)


def test_without_weights_every_neighbour_counts_once(merged):
    torch.manual_seed(0)
    convolution = SharedConvolution(HIDDEN, BASIS)
    x = torch.randn(len(merged.atomic_numbers), HIDDEN)
    bond = GaussianBasis(CUTOFF, BASIS)(merged.distances)
    ones = torch.ones(len(merged.target))
    torch.testing.assert_close(
        convolution(x, bond, merged), convolution(x, bond, merged, ones)
    )
    plain = replace(merged, edge_weight=None)
    torch.testing.assert_close(
        convolution(x, bond, plain, merged.edge_weight), convolution(x, bond, merged)
    )


@pytest.mark.parametrize("conv", CONVOLUTIONS)
def test_bonds_on_a_grid_are_those_of_the_distances(batch, conv):
    basis = GaussianBasis(CUTOFF, BASIS)
    grid = radial_grid(batch.distances, basis.width)
    assert len(grid.points) < len(batch.distances)
    torch.manual_seed(0)
    convolution = CONVOLUTIONS[conv](HIDDEN, BASIS)
    x = torch.randn(len(batch.atomic_numbers), HIDDEN)
    torch.testing.assert_close(
        convolution(x, basis(grid.points), batch, None, grid),
        convolution(x, basis(batch.distances), batch),
        rtol=1e-5,
        atol=1e-4,
    )


@pytest.mark.parametrize("pooling", ["mean", "sum"])
@pytest.mark.parametrize("conv", CONVOLUTIONS)
def test_merged_atoms_and_edges_count_as_all(full, merged, conv, pooling):
    assert len(merged.neighbor) < len(full.neighbor) / 3
    network = network_of(conv, pooling=pooling)
    outputs, gradients = [], []
    for batch in (full, merged):
        network.zero_grad()
        output = network(batch)
        # A sum of squares would not show errors that cancel between crystals.
        (output * torch.linspace(1, 2, output.numel()).view_as(output)).sum().backward()
        outputs.append(output.detach())
        gradients.append({n: p.grad for n, p in network.named_parameters()})
    torch.testing.assert_close(*outputs, atol=1e-5, rtol=0)
    for name, whole in gradients[0].items():
        assert whole.any(), f"{name} does not learn"
        assert (whole - gradients[1][name]).abs().max() <= 1e-4 * whole.abs().max()


@settings(max_examples=20, deadline=None)
@given(
    stretch=st.lists(st.floats(-0.15, 0.15), min_size=3, max_size=3),
    which=st.integers(0, len(LATTICE_SYSTEMS) - 1),
)
def test_only_the_self_network_is_independent_of_geometry(stretch, which):
    crystal = crystal_of(LATTICE_SYSTEMS[which])
    strained = crystal.copy()
    strained.apply_strain(stretch)
    batch = batch_of([crystal, strained])
    before, after = network_of("self")(batch)
    torch.testing.assert_close(before, after, atol=1e-6, rtol=0)
    if max(map(abs, stretch)) > 0.05:
        for conv in ("gated", "shared"):
            before, after = network_of(conv)(batch)
            assert (before - after).abs().max() > 1e-5


def test_the_self_network_predicts_equal_values_of_polymorphs():
    rocksalt = Structure.from_spacegroup(
        "Fm-3m", Lattice.cubic(5.64), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]]
    )
    caesium_chloride = Structure(
        Lattice.cubic(3.5), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]]
    )
    batch = batch_of([rocksalt, caesium_chloride])
    apart = {}
    for conv in CONVOLUTIONS:
        one, other = network_of(conv)(batch)
        apart[conv] = (one - other).abs().max()
    assert apart["self"] < 1e-6
    assert min(apart["shared"], apart["gated"]) > 1e-4


def test_messages_of_a_shared_matrix_ignore_pairs_of_element_and_distance(merged):
    """Without an envelope, permuting the distances of neighbours changes nothing."""
    z = [Element(e).Z for e in ("Na", "Cl", "Br")]
    batch = replace(
        merged,
        atomic_numbers=torch.tensor(z, dtype=torch.int32),
        atom_ptr=torch.tensor([0, 3], dtype=torch.int32),
        crystal=torch.zeros(3, dtype=torch.int32),
        edge_ptr=torch.tensor([0, 2, 2, 2], dtype=torch.int32),
        target=torch.zeros(2, dtype=torch.int32),
        neighbor=torch.tensor([1, 2], dtype=torch.int32),
        distances=torch.tensor([2.0, 3.0]),
        distance_class=torch.tensor([0, 1], dtype=torch.int32),
        atom_weight=None,
        edge_weight=None,
    )
    swapped = replace(batch, neighbor=batch.neighbor.flip(0))
    bond = GaussianBasis(CUTOFF, BASIS)(batch.distances)
    torch.manual_seed(0)
    x = torch.randn(3, HIDDEN)
    apart = {}
    for conv, convolution in CONVOLUTIONS.items():
        layer = convolution(HIDDEN, BASIS)
        apart[conv] = (layer(x, bond, batch) - layer(x, bond, swapped)).abs().max()
    assert apart["shared"] < 1e-6
    assert apart["gated"] > 1e-3


def test_gradients_are_those_of_finite_differences(merged):
    torch.manual_seed(0)
    convolution = SharedConvolution(2, 3).double()
    double = {"dtype": torch.double, "requires_grad": True}
    x = torch.randn(len(merged.atomic_numbers), 2, **double)
    bond = torch.randn(len(merged.distances), 3, **double)
    of_edges = torch.rand(len(merged.target), **double)
    envelope = torch.rand(len(merged.target), dtype=torch.double)

    def convolve(x, bond, edge_weight):
        return convolution(x, bond, replace(merged, edge_weight=edge_weight), envelope)

    # Explanations ask how much each edge matters.
    assert torch.autograd.gradcheck(convolve, (x, bond, of_edges))


def test_self_convolution_takes_atoms_alone():
    torch.manual_seed(0)
    x = torch.randn(5, HIDDEN)
    layer = SelfConvolution(HIDDEN, BASIS)
    torch.testing.assert_close(layer(x, None, None), layer.joint(x))


def test_an_unknown_convolution_raises_with_the_known_ones():
    with pytest.raises(ValueError, match=r"conv='gate' is not a .*gated.*self.*shared"):
        network_of("gate")
