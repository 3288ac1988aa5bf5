"""Merged atoms and edges: multiplicities, and atoms that must not be merged."""

from collections import Counter

import numpy as np
import pytest
from crystals import LATTICE_SYSTEMS, crystal_of
from hypothesis import given, settings, strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from pymatgen.core import Lattice, Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

from skcrystal import CrystalGraphs, CrystalGraphTransformer
from skcrystal.graphs._distances import distance_classes
from skcrystal.graphs._symmetry import _merge_rows

KINDS = [
    {},
    {"cutoff": 8.0, "max_neighbors": 12},
    {"cutoff": 8.0, "max_neighbors": 9, "whole_shells": True},
]


def both_graphs(structures, **parameters):
    """Graphs with every site, and with equal atoms merged."""
    return (
        CrystalGraphTransformer(reduce=reduce, **parameters).transform(structures)
        for reduce in (None, "symmetry")
    )


def surroundings(graphs, atom_of_site, weight):
    """Element, and how many neighbours of which colour at which distance, by atom."""
    target = np.repeat(np.arange(len(graphs.edge_ptr) - 1), np.diff(graphs.edge_ptr))
    found = [Counter() for _ in range(len(graphs.atomic_numbers))]
    for atom, neighbor, distance, n in zip(
        target, atom_of_site[graphs.neighbor], graphs.distance, weight, strict=True
    ):
        found[atom][int(neighbor), round(float(distance), 3)] += int(n)
    return found


@pytest.mark.parametrize("parameters", KINDS, ids=str)
@pytest.mark.parametrize("system", LATTICE_SYSTEMS)
def test_every_site_has_the_surroundings_of_its_atom(system, parameters):
    crystal = crystal_of(system) * (1, 2, 1)
    full, merged = both_graphs([crystal], **parameters)
    colour = merged.site_atom
    expected = surroundings(full, colour, np.ones(len(full.neighbor)))
    own = surroundings(
        merged, np.arange(len(merged.atomic_numbers)), merged.edge_multiplicity
    )
    assert [own[c] for c in colour] == expected
    assert_array_equal(merged.atomic_numbers[colour], full.atomic_numbers)
    assert_array_equal(np.bincount(colour), merged.atom_multiplicity)
    assert_array_equal(merged.n_sites, full.n_atoms)


@pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING")  # spglib's own
@pytest.mark.parametrize("system", LATTICE_SYSTEMS)
def test_atoms_equal_by_symmetry_are_merged(system):
    crystal = crystal_of(system) * (2, 1, 2)
    graphs = CrystalGraphTransformer().transform([crystal])
    orbits = SpacegroupAnalyzer(crystal).get_symmetrized_structure()
    for orbit in orbits.equivalent_indices:
        assert len(set(graphs.site_atom[orbit].tolist())) == 1
    assert graphs.n_atoms[0] <= len(orbits.equivalent_indices)


@given(seed=st.integers(0, 2**16), n_sites=st.integers(1, 5))
@settings(max_examples=30, deadline=None)
def test_crystals_without_symmetry_keep_their_atoms(seed, n_sites):
    random = np.random.RandomState(seed)
    lattice = Lattice(5 * np.eye(3) + random.uniform(-0.7, 0.7, (3, 3)))
    sites = random.uniform(0, 1, (n_sites, 3))
    crystal = Structure(lattice, random.randint(1, 90, n_sites), sites)
    if n_sites > 1 and (crystal.distance_matrix + 9 * np.eye(n_sites)).min() < 0.5:
        return
    full, merged = both_graphs([crystal, crystal * (3, 1, 1)], cutoff=6.0)
    # Two sites of one element may stand in an inversion that no cell can be without.
    assert merged.n_atoms[0] == merged.n_atoms[1] <= n_sites
    assert_array_equal(merged.to_sites(merged.atomic_numbers), full.atomic_numbers)
    assert merged.n_edges[0] == merged.n_edges[1]


def test_displaced_atoms_are_merged_only_within_the_tolerance():
    ideal = crystal_of("cubic") * 2
    random = np.random.RandomState(0)
    for size, n_atoms in ((1e-6, 2), (1e-3, len(ideal))):
        crystal = ideal.copy()
        for site in range(len(crystal)):
            step = random.normal(0, size, 3)
            crystal.translate_sites([site], step, frac_coords=False)
        assert CrystalGraphTransformer().transform([crystal]).n_atoms == n_atoms
        rough = CrystalGraphTransformer(tolerance=0.05).transform([crystal])
        assert rough.n_atoms == 2


def test_atoms_differ_by_what_lies_beyond_their_neighbours():
    """Iron far from a defect differs from iron near it, by as many rounds as apart."""
    chain = Structure(
        Lattice.orthorhombic(21.0, 12, 12),
        ["Cu"] + ["Fe"] * 6,
        [[i / 7, 0, 0] for i in range(7)],
    )
    graphs = CrystalGraphTransformer(cutoff=3.1).transform([chain])
    assert graphs.n_atoms == 4
    assert_array_equal(graphs.site_atom, [0, 1, 2, 3, 3, 2, 1])
    assert_array_equal(graphs.to_sites([7, 8, 9, 10]), [7, 8, 9, 10, 10, 9, 8])


def test_crystals_of_a_batch_are_merged_apart(small):
    together = CrystalGraphTransformer().transform(small[0])
    alone = [CrystalGraphTransformer().transform([s]) for s in small[0]]
    assert CrystalGraphs.concatenate(alone) == together


def test_merged_graphs_pass_through_data(small_graphs):
    data = small_graphs[3]
    assert data.site_atom.shape == (small_graphs.n_sites[3],)
    assert int(data.edge_multiplicity.sum()) > data.edge_index.shape[1]
    del data.site_atom
    with pytest.raises(ValueError, match=r"X\[0\] holds atom_mul.*need all"):
        CrystalGraphs.from_data_list([data])
    other = small_graphs[4]
    other.edge_multiplicity[0] = 0
    with pytest.raises(ValueError, match=r"X\[0\].*edge_multiplicity \(E,\) be 1"):
        CrystalGraphs.from_data_list([other])


def test_values_of_other_length_are_not_handed_to_sites(small_graphs):
    with pytest.raises(ValueError, match="values has 3 rows"):
        small_graphs.to_sites(np.ones(3))


@given(
    lengths=st.lists(
        st.lists(st.integers(0, 3000), max_size=40), min_size=1, max_size=4
    ),
    noise=st.integers(0, 2**16),
)
@settings(max_examples=60, deadline=None)
def test_lengths_are_equal_within_the_tolerance(lengths, noise):
    """Lengths that lie dense are parted, those that lie apart are not joined."""
    tolerance = 1e-4
    random = np.random.RandomState(noise)
    flat = np.array([x for crystal in lengths for x in crystal], float)
    distance = 2 + flat * 1e-4 / 7 + random.uniform(0, 1e-6, len(flat))
    n_edges = np.array([len(crystal) for crystal in lengths])
    classes, distances, counts = distance_classes(distance, n_edges, tolerance)
    ends = np.cumsum(n_edges)
    offsets = np.cumsum(counts) - counts
    for start, end, offset, count in zip(
        ends - n_edges, ends, offsets, counts, strict=True
    ):
        own, mine = distance[start:end], classes[start:end]
        table = distances[offset : offset + count]
        assert set(mine.tolist()) == set(range(count))
        assert_allclose(table[mine], own, atol=tolerance / 2 + 1e-6)
        assert (np.diff(table) > 0).all()
        ordered = np.argsort(own)
        apart = np.diff(own[ordered]) > tolerance + 2e-7
        assert (np.diff(mine[ordered])[apart] == 1).all()
        # The order of the edges is of no importance.
        turned, again, _ = distance_classes(own[::-1], np.array([len(own)]), tolerance)
        assert_array_equal(turned[::-1], mine)
        assert_array_equal(again, table)


@pytest.mark.parametrize("scale", [1, 2**40])
def test_equal_rows_are_counted_however_large_their_numbers(scale):
    random = np.random.RandomState(0)
    target, distance, neighbor = random.randint(0, 4, (3, 200))
    rows = _merge_rows(target * scale, distance, neighbor * scale)
    expected = Counter(zip(target, distance, neighbor, strict=True))
    found = zip(rows[0] // scale, rows[1], rows[2] // scale, strict=True)
    assert dict(zip(found, rows[3].tolist(), strict=True)) == expected
    assert (np.diff(rows[0]) >= 0).all()
