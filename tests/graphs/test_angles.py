"""Merging of atoms for networks that depend on angles between bonds."""

import numpy as np
import pytest
from crystals import LATTICE_SYSTEMS, crystal_of
from hypothesis import given, settings, strategies as st
from numpy.polynomial.legendre import legvander
from numpy.testing import assert_allclose, assert_array_equal
from pymatgen.core import Lattice, Structure

from skcrystal import CrystalGraphs, CrystalGraphTransformer
from skcrystal.graphs import GraphSettings

KINDS = [
    {"cutoff": 4.0, "on_isolated": "nearest"},
    {"cutoff": 8.0, "max_neighbors": 12},
    {"cutoff": 8.0, "max_neighbors": 12, "whole_shells": True},
]


def graphs_of(structures, **parameters):
    return CrystalGraphTransformer(vectors=True, **parameters).transform(structures)


def three_body_features(graphs, n_layers=3):
    """Scalars of each atom, ``sum_jk w(z_j, d_ij) w(z_k, d_ik) P_l(cos theta_jik)``.

    Pairs are written out, and each layer reads the neighbours' colours of the last.
    """
    first = np.repeat(graphs.atom_ptr[:-1], graphs.n_edges)
    neighbor = graphs.neighbor + first
    length = graphs.distance.astype(float)
    direction = graphs.vector / length[:, None]
    features = graphs.atomic_numbers[:, None] / 30 * np.ones(5)
    layers = []
    for layer in range(n_layers):
        phase = features[neighbor] @ np.arange(1, 6) + length
        weight = np.cos(phase + layer) / length**2
        sums = []
        for start, stop in zip(graphs.edge_ptr[:-1], graphs.edge_ptr[1:], strict=True):
            rows = slice(start, stop)
            cosine = np.clip(direction[rows] @ direction[rows].T, -1, 1)
            sums.append(
                np.einsum("j,k,jkl", weight[rows], weight[rows], legvander(cosine, 4))
            )
        features = np.array(sums)
        layers.append(features)
    return np.concatenate(layers, axis=1)


def orthogonal(seed, reflect):
    """Random rotation, or rotation and reflection."""
    matrix, _ = np.linalg.qr(np.random.RandomState(seed).normal(size=(3, 3)))
    return matrix * np.linalg.det(matrix) * (-1 if reflect else 1)


def turned(crystal, matrix):
    lattice = Lattice(crystal.lattice.matrix @ matrix)
    return Structure(lattice, crystal.species, crystal.frac_coords)


def displaced(crystal, size, seed=0):
    step = np.random.RandomState(seed).normal(0, size, (len(crystal), 3))
    return Structure(
        crystal.lattice,
        crystal.species,
        crystal.cart_coords + step,
        coords_are_cartesian=True,
    )


@pytest.mark.parametrize("parameters", KINDS, ids=str)
@pytest.mark.parametrize("system", LATTICE_SYSTEMS)
def test_three_body_features_are_those_of_every_site(system, parameters):
    crystal = crystal_of(system) * (1, 2, 1)
    full = graphs_of([crystal], reduce=None, **parameters)
    merged = graphs_of([crystal], **parameters)
    assert full.site_atom is None
    expected = three_body_features(full)
    found = merged.to_sites(three_body_features(merged))
    assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * abs(expected).max())
    assert_array_equal(np.bincount(merged.site_atom), merged.atom_multiplicity)


def test_three_body_features_of_relaxed_crystals(small):
    crystals = [crystal * (1, 1, 2) for crystal in small[0]]
    merged = graphs_of(crystals, **KINDS[2])
    expected = three_body_features(graphs_of(crystals, reduce=None, **KINDS[2]))
    found = merged.to_sites(three_body_features(merged))
    assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * abs(expected).max())
    assert len(merged.atomic_numbers) < 0.51 * len(expected)


@pytest.mark.parametrize("system", LATTICE_SYSTEMS)
def test_all_edges_of_the_representative_atom_stay(system):
    crystal = crystal_of(system)
    full, merged = graphs_of([crystal], reduce=None), graphs_of([crystal])
    kept = np.unique(merged.site_atom, return_index=True)[1]
    edges = np.concatenate([np.arange(*full.edge_ptr[[i, i + 1]]) for i in kept])
    assert_array_equal(merged.vector, full.vector[edges])
    assert_array_equal(merged.neighbor, merged.site_atom[full.neighbor[edges]])
    assert_array_equal(np.diff(merged.edge_ptr), np.diff(full.edge_ptr)[kept])
    assert_allclose(merged.distance, full.distance[edges], atol=1e-4)
    assert merged.edge_multiplicity is None


def corners(*angles):
    """Unit vectors of polar and azimuthal angles, in degrees."""
    theta, phi = np.radians(angles).T
    sine = np.sin(theta)
    return np.stack([sine * np.cos(phi), sine * np.sin(phi), np.cos(theta)], axis=1)


SHAPES = {
    "square": corners(*[(90, 90 * i) for i in range(4)]),
    "tetrahedron": np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    / np.sqrt(3),
    "see-saw": corners((0, 0), (180, 0), (90, 0), (90, 120)),
    "octahedron": np.concatenate([np.eye(3), -np.eye(3)]),
    "prism": corners(*[(t, 120 * i) for t in (50, 130) for i in range(3)]),
    "cube": corners(*[(t, 90 * i) for t in (54.7356, 125.2644) for i in range(4)]),
    "antiprism": corners(
        *[(54.7356, 90 * i) for i in range(4)],
        *[(125.2644, 45 + 90 * i) for i in range(4)],
    ),
}


def molecules(*shapes):
    """Crystal of far molecules SiF_n of these shapes, with bonds of 1.6 Å."""
    fluorine = [1.6 * SHAPES[s] + [8 * i, 0, 0] for i, s in enumerate(shapes)]
    silicon = [[8 * i, 0, 0] for i in range(len(shapes))]
    elements = ["Si"] * len(shapes) + ["F"] * sum(map(len, fluorine))
    lattice = Lattice.orthorhombic(8 * len(shapes), 8, 8)
    sites = np.concatenate([silicon, *fluorine])
    return Structure(lattice, elements, sites, coords_are_cartesian=True)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("square", "tetrahedron"),
        ("square", "see-saw"),
        ("tetrahedron", "see-saw"),
        ("octahedron", "prism"),
        ("cube", "antiprism"),
    ],
)
def test_angles_split_atoms_of_equal_distances(one, other):
    """Bonds are all there is within the cutoff, and they are equally long."""
    crystal = molecules(one, other, one)
    by_distance = CrystalGraphTransformer(cutoff=1.7).transform([crystal])
    assert by_distance.n_atoms == 2
    graphs = graphs_of([crystal], cutoff=1.7)
    # Fluorine has one bond, and no angle: it differs by whom it is bound to.
    assert graphs.n_atoms == 4
    assert_array_equal(graphs.site_atom[:3], [0, 1, 0])
    n = len(SHAPES[one])
    assert_array_equal(graphs.site_atom[3:], np.repeat([2, 3, 2], n))


@pytest.mark.parametrize("parameters", [KINDS[0], KINDS[2]], ids=str)
@pytest.mark.parametrize("system", LATTICE_SYSTEMS)
def test_supercells_merge_to_the_atoms_of_their_cell(system, parameters):
    cell = crystal_of(system)
    graphs = graphs_of([cell, cell * (2, 1, 1), cell * (1, 2, 2)], **parameters)
    assert len(set(graphs.n_atoms.tolist())) == 1
    assert len(set(graphs.n_edges.tolist())) == 1
    by_distance = CrystalGraphTransformer(**parameters).transform([cell])
    # Nothing but distances parts atoms of these crystals.
    assert graphs.n_atoms[0] == by_distance.n_atoms[0]


@given(
    system=st.sampled_from(LATTICE_SYSTEMS),
    seed=st.integers(0, 2**16),
    reflect=st.booleans(),
    supercell=st.permutations([1, 1, 2]),
    noise=st.sampled_from([0, 1e-6]),
)
@settings(max_examples=25, deadline=None)
def test_who_is_merged_depends_on_no_description(
    system, seed, reflect, supercell, noise
):
    """Neither on rotation, reflection and order of sites, nor on noise."""
    crystal = crystal_of(system) * supercell
    order = np.random.RandomState(seed).permutation(len(crystal))
    other = turned(displaced(crystal, noise, seed), orthogonal(seed, reflect))
    other = Structure.from_sites([other[i] for i in order])
    one, two = (
        graphs_of([c], cutoff=4.0, on_isolated="nearest") for c in (crystal, other)
    )
    pairs = set(zip(one.site_atom[order].tolist(), two.site_atom.tolist(), strict=True))
    assert len(pairs) == one.n_atoms[0] == two.n_atoms[0]
    assert one.n_edges[0] == two.n_edges[0]


def test_mirror_images_are_merged():
    """The chirality of four different atoms about a fifth is not seen in angles."""
    hand = 1.6 * SHAPES["tetrahedron"]
    mirrored = hand * [-1, 1, 1] + [8, 0, 0]
    crystal = Structure(
        Lattice.orthorhombic(16, 8, 8),
        ["C", "C", *["H", "F", "Cl", "Br"] * 2],
        np.concatenate([[[0, 0, 0], [8, 0, 0]], hand, mirrored]),
        coords_are_cartesian=True,
    )
    assert graphs_of([crystal], cutoff=1.7).n_atoms == 5


def test_bent_bonds_are_split_only_beyond_the_tolerance():
    crystal = molecules("see-saw", "see-saw")
    for angle, n_atoms in ((1e-6, 2), (1e-2, 4)):
        bent = crystal.copy()
        # The first molecule's bond along x, turned at constant length
        step = 1.6 * np.array([np.cos(angle) - 1, np.sin(angle), 0])
        bent.translate_sites([4], step, frac_coords=False)
        assert graphs_of([bent], cutoff=1.7).n_atoms == n_atoms
        assert graphs_of([bent], cutoff=1.7, tolerance=0.05).n_atoms == 2


def test_crystals_of_a_batch_are_merged_apart(small):
    crystals = [displaced(s * (2, 1, 1), 1e-4, i) for i, s in enumerate(small[0])]
    alone = [graphs_of([crystal]) for crystal in crystals]
    assert CrystalGraphs.concatenate(alone) == graphs_of(crystals)


def test_merged_graphs_with_vectors_pass_through_data(small):
    graphs = graphs_of(small[0][:6])
    assert graphs.settings == GraphSettings(vectors=True)
    data = list(graphs)
    assert CrystalGraphs.from_data_list(data, settings=graphs.settings) == graphs
    data[2].edge_multiplicity = data[2].edge_index[0] + 1
    with pytest.raises(ValueError, match=r"X\[2\].*and vectors need all of.*no other"):
        CrystalGraphs.from_data_list(data)


def test_data_with_vectors_are_merged_if_settings_say_so(small):
    every_site = graphs_of(small[0][:6], reduce=None)
    merged = CrystalGraphs.from_data_list(
        list(every_site), settings=GraphSettings(vectors=True)
    )
    assert_array_equal(merged.n_atoms, graphs_of(small[0][:6]).n_atoms)


def test_graphs_with_vectors_of_every_site_stay_so(tmp_path, small):
    graphs = graphs_of(small[0][:3], reduce=None)
    assert "vectors=True, reduce=None" in repr(graphs)
    graphs.save(tmp_path / "graphs")
    opened = CrystalGraphs.open(tmp_path / "graphs")
    assert opened == graphs
    assert opened.settings.reduce is None
    with pytest.raises(ValueError, match=r"parts\[1\]"):
        CrystalGraphs.concatenate([graphs, graphs_of(small[0][:3])])
