"""Subgraphs of large crystals: each atom once, with its receptive field."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from pymatgen.core import Lattice, Structure

from skcrystal import CrystalGraphTransformer
from skcrystal.graphs._subgraphs import (
    cut_crystal,
    extract_subgraph,
    n_parts,
    partition,
)


@pytest.fixture(scope="module")
def graphs():
    """Three crystals; the second has 64 atoms, of which many are equal if merged."""
    salt = Structure.from_spacegroup(
        "Fm-3m", Lattice.cubic(5.6), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]]
    )
    large = salt * (2, 2, 2)
    large.translate_sites([5], [0.05, 0.02, 0.0])
    crystals = [salt, large, salt]
    return {
        reduce: CrystalGraphTransformer(cutoff=4.2, reduce=reduce).transform(crystals)
        for reduce in ("symmetry", None)
    }


def distances_in_edges(target, neighbor, core, n_atoms):
    """How many edges lead from each atom to the core at least, by Dijkstra's way."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import dijkstra

    ones = np.ones(len(target))
    graph = csr_array((ones, (target, neighbor)), shape=(n_atoms, n_atoms))
    graph.data[:] = 1
    return dijkstra(graph, indices=core, unweighted=True, min_only=True)


@given(
    n_atoms=st.integers(1, 40),
    edges=st.lists(st.tuples(st.integers(0, 39), st.integers(0, 39)), max_size=90),
    size=st.integers(1, 50),
    seed=st.integers(0, 99),
)
@settings(deadline=None)
def test_each_atom_is_in_one_part(n_atoms, edges, size, seed):
    """Also where no edge leads to an atom, or edges lead one way alone."""
    ends = np.array(edges, dtype=int).reshape(-1, 2) % n_atoms
    n = int(n_parts(np.array([n_atoms]), size)[0])
    part = partition(*ends.T, n_atoms, n, np.random.RandomState(seed))
    assert part.shape == (n_atoms,)
    assert set(part.tolist()) == set(range(n))


def test_parts_are_compact(graphs):
    """Fewer edges lead from part to part than between parts drawn at random."""
    graph = graphs[None][1:2]
    target = np.repeat(np.arange(64), np.diff(graph.edge_ptr))
    random = np.random.RandomState(0)
    part = partition(target, graph.neighbor, 64, 4, random)
    inside = (part[target] == part[graph.neighbor]).mean()
    mixed = random.permutation(part)
    assert inside > 1.5 * (mixed[target] == mixed[graph.neighbor]).mean()
    again = partition(target, graph.neighbor, 64, 4, random)
    assert not np.array_equal(part, again)


@pytest.mark.parametrize("reduce", ["symmetry", None])
@pytest.mark.parametrize("hops", [0, 1, 2, 3])
def test_subgraphs_contain_the_receptive_field(graphs, reduce, hops):
    graphs = graphs[reduce]
    first, last = graphs.atom_ptr[1:3]
    n_atoms = last - first
    pointer = graphs.edge_ptr[first : last + 1]
    target = np.repeat(np.arange(n_atoms), np.diff(pointer))
    neighbor = graphs.neighbor[pointer[0] : pointer[-1]]
    cores = cut_crystal(graphs, 1, 3, np.random.RandomState(0))
    queried = []
    for core in cores:
        part = extract_subgraph(graphs, 1, core, hops)
        away = distances_in_edges(target, neighbor, core, n_atoms)
        np.testing.assert_array_equal(part.atoms - first, np.flatnonzero(away <= hops))
        received = np.flatnonzero(away[target] <= hops - 1)
        np.testing.assert_array_equal(part.edges - pointer[0], received)
        # Numbers within the part name the same atoms and distances.
        own = part.atoms[np.repeat(np.arange(len(part.atoms)), part.degree)]
        np.testing.assert_array_equal(own - first, target[received])
        np.testing.assert_array_equal(
            part.atoms[part.neighbor] - first, neighbor[received]
        )
        np.testing.assert_array_equal(
            graphs.distances[part.distances[part.distance_class]],
            graphs.distance[part.edges],
        )
        sites = slice(*graphs.site_ptr[1:3])
        expected = graphs.to_sites(graphs.atomic_numbers)[sites][part.sites]
        found = graphs.atomic_numbers[part.atoms[part.query_rows]]
        np.testing.assert_array_equal(found, expected)
        queried.append(part.sites)
    assert sorted(np.concatenate(queried)) == list(range(64))
