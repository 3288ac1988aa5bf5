"""Edges against independent neighbour lists, and the rules for ties and lone atoms."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from ase import Atoms
from ase.neighborlist import neighbor_list
from hypothesis import given, settings, strategies as st
from pymatgen.core import Lattice, Structure

from skcrystal import CrystalGraphTransformer
from skcrystal.graphs import GraphSettings, _neighbors as neighbors_module
from skcrystal.graphs._neighbors import find_edges
from skcrystal.graphs._structures import iter_crystals


def edges_of(structure, **kwargs):
    (crystal,) = iter_crystals([structure])
    return find_edges(crystal, GraphSettings(**kwargs), 0)


def rounded(target, source, distance):
    return Counter(zip(target, source, np.round(distance, 4).tolist(), strict=True))


def assert_same_as_ase(structure, cutoff):
    atoms = Atoms(
        numbers=structure.atomic_numbers,
        positions=structure.cart_coords,
        cell=structure.lattice.matrix,
        pbc=structure.lattice.pbc,
    )
    i, j, d = neighbor_list("ijd", atoms, cutoff)
    data = CrystalGraphTransformer(cutoff=cutoff, reduce=None).transform([structure])[0]
    source, target = data.edge_index.tolist()
    # Lengths are compared by sum as well: rounding can part equal ones.
    assert Counter(zip(target, source, strict=True)) == Counter(
        zip(i.tolist(), j.tolist(), strict=True)
    )
    np.testing.assert_allclose(np.sort(data.distance), np.sort(d), atol=2e-5)


@given(
    lengths=st.tuples(*[st.floats(2.2, 9)] * 3),
    angles=st.tuples(*[st.floats(50, 125)] * 3),
    seed=st.integers(0, 2**16),
    n_atoms=st.integers(1, 4),
)
@settings(max_examples=40, deadline=None)
def test_edges_are_those_of_ase_on_skewed_cells(lengths, angles, seed, n_atoms):
    lattice = Lattice.from_parameters(*lengths, *angles)
    if not lattice.volume > 8 or np.isnan(lattice.volume):
        return  # the three angles close no cell
    random = np.random.RandomState(seed)
    structure = Structure(
        lattice, random.randint(1, 90, n_atoms), random.uniform(-1, 2, (n_atoms, 3))
    )
    distances = structure.distance_matrix + 9 * np.eye(n_atoms)
    # ASE and pymatgen may disagree on a pair that lies on the cutoff to rounding.
    cutoff = 4.0123456789
    if distances.min() < 0.1:
        return
    try:
        assert_same_as_ase(structure, cutoff)
    except ValueError as error:  # an isolated atom is refused, with its number
        assert "no neighbour" in str(error)  # noqa: PT017


@pytest.mark.parametrize("length", [0.9, 2.0, 4.9])
def test_edges_of_tiny_one_atom_cells_are_those_of_ase(length):
    structure = Structure(Lattice.cubic(length), ["Po"], [[0.3, 0.1, 0.9]])
    assert_same_as_ase(structure, 5.01)


def test_edges_of_a_layer_ignore_the_open_direction():
    lattice = Lattice(
        [[2.46, 0, 0], [-1.23, 2.13, 0], [0, 0, 3.0]], (True, True, False)
    )
    graphene = Structure(lattice, ["C", "C"], [[1 / 3, 2 / 3, 0], [2 / 3, 1 / 3, 0]])
    assert_same_as_ase(graphene, 5.01)


@given(
    seed=st.integers(0, 2**16),
    pbc=st.tuples(*[st.booleans()] * 3).filter(any),
    erase=st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_edges_of_layers_and_wires_are_those_of_ase(seed, pbc, erase):
    """Sites may lie outside the cell, and open directions may carry zero vectors."""
    random = np.random.RandomState(seed)
    cell = np.diag(random.uniform(2.5, 5, 3)) + random.uniform(-0.8, 0.8, (3, 3))
    atoms = Atoms("NaClO", random.uniform(-1, 2, (3, 3)) @ cell, cell=cell, pbc=pbc)
    if erase:
        atoms.cell[~np.array(pbc)] = 0
    i, j, d = neighbor_list("ijd", atoms, 6.0123456789)
    if d.min() < 0.1 or len(set(i)) < 3:
        return
    transformer = CrystalGraphTransformer(cutoff=6.0123456789, reduce=None)
    data = transformer.transform([atoms])[0]
    pairs = zip(*data.edge_index.tolist(), strict=True)
    assert Counter(pairs) == Counter(zip(j.tolist(), i.tolist(), strict=True))
    np.testing.assert_allclose(np.sort(data.distance), np.sort(d), atol=2e-5)


def test_12_neighbours_within_8_angstrom_is_the_published_cgcnn_graph(prototypes):
    assert_published_cgcnn_graph(prototypes.data[::50])


@pytest.mark.shared_data
@pytest.mark.filterwarnings("ignore:Issues encountered while parsing CIF")
def test_published_cgcnn_graph_of_less_symmetric_crystals(shared_data):

    table = pd.read_csv(
        shared_data / "mp_20_valtest" / "mp_20_valtest.csv.xz",
        keep_default_na=False,
        nrows=25,
    )
    assert_published_cgcnn_graph(
        [Structure.from_str(cif, fmt="cif") for cif in table["cif"]]
    )


def assert_published_cgcnn_graph(structures):
    """CGCNN sorts pymatgen's get_all_neighbors by distance and keeps the first 12."""
    for structure in structures:
        edges = edges_of(structure, cutoff=8.0, max_neighbors=12)
        published = structure.get_all_neighbors(8.0, include_index=True)
        for atom, neighbors in enumerate(published):
            nearest = sorted(neighbors, key=lambda n: n.nn_distance)
            mine = edges.take(edges.target == atom)
            lengths = np.array([n.nn_distance for n in nearest])
            np.testing.assert_allclose(mine.distance, lengths[:12], atol=1e-4)
            # Which of several at the boundary's distance is taken is a choice;
            # everything nearer is not.
            inside = lengths[:12] < lengths[:13][-1] - 1e-4
            assert Counter(mine.neighbor[inside].tolist()) == Counter(
                n.index for n, near in zip(nearest, inside, strict=False) if near
            )


def test_ties_do_not_hang_on_rounding():
    # 12 of the 24 neighbours at equal distance must be left out.
    salt = Structure.from_spacegroup(
        "Fm-3m", Lattice.cubic(5.64), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]]
    )
    chosen = edges_of(salt, cutoff=8.0, max_neighbors=10)
    random = np.random.RandomState(0)
    for _ in range(5):
        noisy = salt.copy()
        noise = random.uniform(-1e-9, 1e-9, (len(salt), 3))
        for site, shift in enumerate(noise):
            noisy.translate_sites([site], shift, to_unit_cell=False)
        edges = edges_of(noisy, cutoff=8.0, max_neighbors=10)
        assert np.array_equal(edges.neighbor, chosen.neighbor)
        assert np.array_equal(edges.image, chosen.image)


def test_whole_shells_completes_the_last_shell():
    salt = Structure.from_spacegroup(
        "Fm-3m", Lattice.cubic(5.64), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]]
    )
    cut = edges_of(salt, cutoff=8.0, max_neighbors=7)
    whole = edges_of(salt, cutoff=8.0, max_neighbors=7, whole_shells=True)
    assert np.bincount(cut.target).tolist() == [7] * 8
    assert np.bincount(whole.target).tolist() == [18] * 8  # 6 + 12
    exact = edges_of(salt, cutoff=8.0, max_neighbors=6, whole_shells=True)
    assert np.bincount(exact.target).tolist() == [6] * 8


def test_whole_shells_do_not_depend_on_the_order_of_sites(prototypes):
    for structure in prototypes.data[::150]:
        turned = Structure.from_sites(list(reversed(structure)))
        lengths = [
            np.sort(
                edges_of(s, cutoff=8.0, max_neighbors=9, whole_shells=True).distance
            )
            for s in (structure, turned)
        ]
        np.testing.assert_allclose(*lengths, atol=1e-9)


def test_isolated_atom_is_refused_by_name():
    far = Structure(
        Lattice.cubic(12), ["Na", "Cl", "Xe"], [[0] * 3, [0.2] * 3, [0.6] * 3]
    )
    with pytest.raises(ValueError, match=r"X\[0\].*sites \[2\].*cutoff=5.*nearest"):
        edges_of(far)


def test_isolated_atom_is_joined_to_its_nearest_shell():
    far = Structure(
        Lattice.cubic(12), ["Na", "Cl", "Xe"], [[0] * 3, [0.2] * 3, [0.6] * 3]
    )
    edges = edges_of(far, on_isolated="nearest")
    of_xenon = edges.take(edges.target == 2)
    nearest = min(far.get_distance(2, i) for i in (0, 1))
    np.testing.assert_allclose(of_xenon.distance, nearest)
    # The others keep the neighbours that they have.
    kept = edges.take(edges.target != 2)
    assert sorted(kept.neighbor.tolist()) == [0, 1]
    assert np.all(np.diff(edges.target) >= 0)


def test_isolated_one_atom_cell_is_joined_to_its_six_images():
    lone = Structure(Lattice.cubic(9), ["Xe"], [[0, 0, 0]])
    edges = edges_of(lone, on_isolated="nearest")
    np.testing.assert_allclose(edges.distance, [9.0] * 6)


def test_lone_atom_in_vacuum_is_refused_either_way():
    with pytest.raises(ValueError, match="lone atom without periodic images"):
        CrystalGraphTransformer(on_isolated="nearest").transform([Atoms("Xe")])


def test_coinciding_sites_are_refused_by_number():
    double = Structure(
        Lattice.cubic(4), ["Na", "Na", "Cl"], [[0] * 3, [1] * 3, [0.5] * 3]
    )
    with pytest.raises(ValueError, match="sites 0 and 1 coincide"):
        edges_of(double)


def test_vectors_point_from_atom_to_neighbour(skewed):
    graphs = CrystalGraphTransformer(vectors=True).transform([skewed])
    np.testing.assert_allclose(
        np.linalg.norm(graphs.vector, axis=1), graphs.distance, atol=2e-5
    )
    data = graphs[0]
    source, target = data.edge_index.numpy()
    shift = (
        data.vector.numpy() - skewed.cart_coords[source] + skewed.cart_coords[target]
    )
    in_cells = skewed.lattice.get_fractional_coords(shift)
    np.testing.assert_allclose(in_cells, np.round(in_cells), atol=1e-5)


@given(
    keys=st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=4), max_size=30),
    scale=st.sampled_from([1, 2**20]),
)
@settings(deadline=None)
def test_rows_are_ordered_by_all_their_keys(keys, scale):
    rows = np.array([(k * 4)[:4] for k in keys], dtype=np.int64).reshape(-1, 4) * scale
    order = neighbors_module._order(list(rows.T))
    assert order.tolist() == sorted(range(len(rows)), key=lambda i: (*rows[i], i))
