"""Rings of atoms: known ones, those of random atoms, and which edges are in them."""

import itertools
import sys

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from pymatgen.core import Lattice, Structure
from scipy.spatial.transform import Rotation
from scipy.stats import kstest

from skcrystal.inspection import (
    compare_cycles,
    cycle_participation,
    homology_cycles,
    permutation_test,
    persistence,
)

gudhi = pytest.importorskip("gudhi")


def molecule(positions, box=30.0):
    """Atoms in a box so large that their copies are out of reach."""
    return Structure(
        Lattice.cubic(box), ["C"] * len(positions), positions, coords_are_cartesian=True
    )


def polygon(n, edge):
    radius = edge / 2 / np.sin(np.pi / n)
    angle = 2 * np.pi * np.arange(n) / n
    circle = np.column_stack([np.cos(angle), np.sin(angle), np.zeros(n)])
    return radius * circle, radius


def pairs(edges):
    return {frozenset(edge) for edge in np.asarray(edges).tolist()}


CUBE = np.array(list(itertools.product((0.0, 2.0), repeat=3)))
OCTAHEDRON = np.sqrt(2) * np.vstack([np.eye(3), -np.eye(3)])  # of edge 2


def glass(seed, n=60, box=10.0):
    """Atoms at random, none of them too near to another."""
    random = np.random.RandomState(seed)
    lattice = Lattice.cubic(box)
    places = random.rand(1, 3)
    while len(places) < n:
        place = random.rand(1, 3)
        if lattice.get_all_distances(place, places).min() > 1.6:
            places = np.vstack([places, place])
    return Structure(lattice, ["Cu"] * n, places)


@settings(deadline=None, max_examples=30)
@given(
    n=st.integers(3, 12),
    edge=st.floats(1.5, 4.0),
    seed=st.integers(0, 1000),
    shift=st.tuples(*[st.floats(0, 30)] * 3),
)
def test_a_regular_ring_is_one_cycle(n, edge, seed, shift):
    """Closes at half its edge, is full at its radius; anywhere, across boundaries."""
    positions, radius = polygon(n, edge)
    positions = Rotation.random(random_state=seed).apply(positions)
    ring = molecule((positions + shift) % 30)
    pieces, rings = persistence(ring, 0, radius=2 * radius + 0.1)
    assert_allclose(rings, [[edge / 2, radius]], rtol=1e-6)
    assert_allclose(pieces, [*[[0, edge / 2]] * (n - 1), [0, np.inf]], rtol=1e-6)
    (cycle,) = homology_cycles(ring, 0, radius=2 * radius + 0.1)
    assert (cycle.birth, cycle.death) == pytest.approx((edge / 2, radius))
    assert pairs(cycle.edges) == {frozenset((i, (i + 1) % n)) for i in range(n)}
    steps = np.diff(cycle.positions, axis=0, append=cycle.positions[:1])
    assert_allclose(np.linalg.norm(steps, axis=1), edge)


@pytest.mark.parametrize(
    ("corners", "pieces", "rings", "cavities"),
    [
        (CUBE, (7, 1), (5, 1, np.sqrt(2)), (1, np.sqrt(2), np.sqrt(3))),
        (OCTAHEDRON, (5, 1), (7, 1, 2 / np.sqrt(3)), (1, 2 / np.sqrt(3), np.sqrt(2))),
    ],
    ids=["cube", "octahedron"],
)
def test_polyhedra_have_their_betti_numbers(corners, pieces, rings, cavities):
    """V - 1 joined pieces, E - V + 1 rings, one cavity once all faces are full."""
    turned = Rotation.random(random_state=0).apply(corners)
    diagrams = persistence(molecule(turned), 0, 10, max_dimension=2)
    count, death = pieces
    assert_allclose(diagrams[0], [*[[0, death]] * count, [0, np.inf]], rtol=1e-6)
    for diagram, (count, *life) in zip(diagrams[1:], (rings, cavities), strict=True):
        assert_allclose(diagram, [life] * count, rtol=1e-6)
    cycles = homology_cycles(molecule(turned), 0, 10)
    assert len(cycles) == rings[0]
    for cycle in cycles:  # along edges, not across faces
        steps = np.diff(cycle.positions, axis=0, append=cycle.positions[:1])
        assert_allclose(np.linalg.norm(steps, axis=1), 2)


def test_rings_across_a_boundary_name_the_copies_they_pass():
    positions, radius = polygon(6, 1.4)
    home = molecule(positions + 15)
    moved = molecule((positions + np.array([0, 15, 3])) % 30)
    (there,) = homology_cycles(home, 2, 5)
    (here,) = homology_cycles(moved, 2, 5)
    assert pairs(here.edges) == pairs(there.edges)
    assert not there.images.any()
    assert len(np.unique(here.images, axis=0)) > 1
    sites = moved.frac_coords[here.sites] + here.images
    assert_allclose(here.positions, moved.lattice.get_cartesian_coords(sites))
    assert np.ptp(here.positions, axis=0).max() < 2 * radius + 1e-9


def test_a_small_cell_is_repeated_as_far_as_the_radius_goes():
    """Around an atom of simple cubic: itself, 6 at a, 12 at a sqrt(2)."""
    cubic = Structure(Lattice.cubic(3.0), ["Po"], [[0.2, 0.7, 0.9]])
    pieces, rings = persistence(cubic, 0, 3.0 * 1.5)
    assert len(pieces) == 19
    assert_allclose(rings[:, 0], 1.5)
    # All squares of the 3 x 3 x 3 block without corners: death at half a diagonal
    assert_allclose(rings[:, 1], 3 / np.sqrt(2))
    n_edges, n_vertices = 6 + 24, 19
    assert len(rings) == n_edges - n_vertices + 1
    larger = persistence(cubic * 2, 0, 3.0 * 1.5)[1]
    assert_allclose(larger, rings)


@pytest.mark.parametrize("seed", range(3))
def test_rotation_and_order_of_atoms_change_nothing(seed):
    # Copies of an edge would be born together, and rounding would order them.
    crystal = glass(seed, n=104, box=12.0)
    random = np.random.RandomState(seed)
    order = random.permutation(len(crystal))
    turn = Rotation.random(random_state=seed).as_matrix()
    turned = Structure(
        Lattice(crystal.lattice.matrix @ turn),
        [crystal[i].specie for i in order],
        crystal.frac_coords[order] + random.randint(-2, 3, (len(crystal), 3)),
    )
    atom = int(np.flatnonzero(order == 7)[0])
    for one, other in zip(
        persistence(crystal, 7, 6.0, max_dimension=2),
        persistence(turned, atom, 6.0, max_dimension=2),
        strict=True,
    ):
        assert_allclose(one, other, atol=1e-7)
    rings = [pairs(cycle.edges) for cycle in homology_cycles(crystal, 7, 6.0)]
    moved = [pairs(order[cycle.edges]) for cycle in homology_cycles(turned, atom, 6.0)]
    assert len(rings) > 80
    assert rings == moved


def rank(columns):
    """Of columns of bits, as integers, modulo 2."""
    basis = {}
    for column in columns:
        while column and column.bit_length() in basis:
            column ^= basis[column.bit_length()]
        if column:
            basis[column.bit_length()] = column
    return len(basis)


@pytest.mark.parametrize("seed", range(3))
def test_rings_alive_are_a_basis_of_homology(seed):
    """At any radius: independent of each other, and of what is full by then."""
    crystal, atom, reach = glass(seed), 3, 4.9
    cycles = homology_cycles(crystal, atom, reach, min_persistence=0.0)
    diagram = persistence(crystal, atom, reach, min_persistence=0.0)[1]
    assert_allclose(sorted((c.birth, c.death) for c in cycles), diagram)
    around = crystal.get_sites_in_sphere(crystal[atom].coords, reach)
    positions = np.array([site.coords for site in around])
    assert len(positions) > 20
    tree = gudhi.AlphaComplex(points=positions).create_simplex_tree()
    number = {}
    for simplex, _ in tree.get_skeleton(1):
        if len(simplex) == 2:
            number[tuple(simplex)] = len(number)

    def bits(edges):
        return sum(1 << number[min(edge), max(edge)] for edge in edges)

    def ends(cycle):
        gaps = np.linalg.norm(cycle.positions[:, None] - positions, axis=2)
        assert gaps.min(axis=1).max() < 1e-6
        ring = gaps.argmin(axis=1)
        assert len(set(ring.tolist())) == len(ring) >= 3
        return list(zip(ring.tolist(), np.roll(ring, -1).tolist(), strict=True))

    for scale in (1.2, 1.5, 1.8, 2.2):
        alive = [cycle for cycle in cycles if cycle.birth <= scale < cycle.death]
        full = [
            bits(itertools.combinations(simplex, 2))
            for simplex, value in tree.get_skeleton(2)
            if len(simplex) == 3 and value <= scale**2
        ]
        rings = [bits(ends(cycle)) for cycle in alive]
        assert rank(full + rings) == rank(full) + len(alive)
        # A ring is there at its birth, and not before
        for cycle in alive:
            values = [tree.filtration(list(edge)) for edge in ends(cycle)]
            assert np.sqrt(max(values)) == pytest.approx(cycle.birth)


def test_a_ring_is_the_tightest_at_its_birth():
    """Two squares that share an edge are not one hexagon."""
    ladder = [[x, y, 0.0] for x in (0.0, 2.0, 4.001) for y in (0.0, 2.0)]
    cycles = homology_cycles(molecule(ladder), 0, 10)
    assert [len(cycle) for cycle in cycles] == [4, 4]
    shared = cycle_participation(cycles, [[2, 3], [0, 1], [1, 0], [0, 3]])
    assert_array_equal(shared, [2, 1, 1, 0])


def test_participation_counts_rings():
    crystal = glass(0)
    cycles = homology_cycles(crystal, 0, 6.0)
    sites = [pairs(cycle.edges) for cycle in cycles]
    edges = np.array(list(itertools.combinations(range(20), 2)))
    expected = [
        sum(frozenset(edge) in ring for ring in sites) for edge in edges.tolist()
    ]
    assert sum(expected) > 50
    assert_array_equal(cycle_participation(cycles, edges), expected)
    assert_array_equal(cycle_participation(cycles, edges[:, ::-1]), expected)
    assert_array_equal(cycle_participation([], edges), np.zeros(len(edges)))
    assert cycle_participation(cycles, np.zeros((0, 2), int)).shape == (0,)


def test_edges_to_copies_are_told_apart():
    """A square of two atoms and their copies along x: two edges, two images."""
    cell = Structure(
        Lattice.orthorhombic(2.0, 20.0, 20.0), ["C"] * 2, [[0, 0, 0], [0, 0.1, 0]]
    )
    cycles = homology_cycles(cell, 0, 2.9)
    assert cycles
    assert all(len(cycle) == 4 for cycle in cycles)
    edges = [[0, 1], [0, 0], [0, 0], [1, 1], [0, 1]]
    images = [[0, 0, 0], [1, 0, 0], [-1, 0, 0], [-1, 0, 0], [1, 0, 0]]
    counts = cycle_participation(cycles, edges, images=images)
    assert_array_equal(counts, [len(cycles)] * 4 + [0])
    assert_array_equal(cycle_participation(cycles, edges[:2]), [len(cycles)] * 2)


@pytest.mark.parametrize("paired", [False, True])
def test_p_values_are_uniform_where_nothing_differs(paired):
    random = np.random.RandomState(0)
    found = [
        permutation_test(
            *random.poisson(2.0, (2, 15)) + random.rand(2, 15) / 100,
            paired=paired,
            n_resamples=199,
            random_state=random,
        ).p_value
        for _ in range(200)
    ]
    assert min(found) >= 1 / 200
    assert kstest(found, "uniform").pvalue > 0.01
    assert np.mean(np.array(found) <= 0.05) == pytest.approx(0.05, abs=0.04)


def test_a_difference_that_is_there_is_found():
    random = np.random.RandomState(0)
    important, others = random.poisson(4.1, 60), random.poisson(1.2, 60)
    found = permutation_test(important, others, n_resamples=999, random_state=0)
    assert found.difference == pytest.approx(important.mean() - others.mean())
    assert found.p_value == 1 / 1000  # never zero
    less = permutation_test(important, others, alternative="less", random_state=0)
    assert less.p_value == pytest.approx(1, abs=1e-3)


def test_few_splits_are_counted_all():
    assert permutation_test([5, 6, 7], [1, 2, 3]).p_value == pytest.approx(1 / 20)
    both = permutation_test([5, 6, 7], [1, 2, 3], alternative="two-sided")
    assert both.p_value == pytest.approx(2 / 20)
    matched = permutation_test([5, 6, 7], [1, 2, 3], paired=True)
    assert matched.p_value == pytest.approx(1 / 8)


@pytest.fixture(scope="module")
def explained():
    """A glass, its edges in both directions, and how many rings they are in."""
    crystal = glass(1, n=250, box=16.0)
    first, second, images, lengths = crystal.get_neighbor_list(4.0)
    edges = np.column_stack([first, second])
    images = images.astype(int)
    cycles = homology_cycles(crystal, 0, 7.0)
    return (
        crystal,
        edges,
        images,
        lengths,
        cycle_participation(cycles, edges, images=images),
    )


def test_important_edges_of_many_rings_stand_out(explained):
    crystal, edges, images, _, counts = explained
    top = np.argsort(-counts, kind="stable")[:40]
    found = compare_cycles(
        crystal, 0, edges, top, 5.0, images=images, buffer=2.0, random_state=0
    )
    assert_array_equal(found.counts, counts)
    assert found.p_value < 0.01
    assert found.difference == pytest.approx(
        found.important_counts.mean() - found.other_counts.mean()
    )
    mask = np.isin(np.arange(len(edges)), top)
    again = compare_cycles(
        crystal, 0, edges, mask, 5.0, images=images, buffer=2.0, random_state=0
    )
    assert_array_equal(again.others, found.others)
    assert again.p_value == found.p_value


def test_edges_compared_are_whole_near_and_each_there_once(explained):
    crystal, edges, images, lengths, _ = explained
    random = np.random.RandomState(0)
    rows = random.permutation(len(edges))[:600]
    for control in ("random", "length"):
        found = compare_cycles(
            crystal, 0, edges, rows, 5.0, control=control, images=images, random_state=0
        )
        compared = np.concatenate([found.important, found.others])
        assert len(found.others) == len(found.important) > 5
        ends = edges[compared]
        assert len(pairs(ends)) == len(compared)  # neither direction twice
        for site in np.unique(ends):
            assert crystal.get_distance(0, int(site)) <= 5.0
        # An edge is important if either direction is
        important = pairs(edges[rows])
        assert pairs(edges[found.important]) <= important
        assert not pairs(edges[found.others]) & important
    gaps = lengths[found.important] - lengths[found.others]
    assert np.abs(gaps).max() < 0.5


def test_short_edges_are_no_finding_once_lengths_are_equal(explained):
    """Bonds are in more rings than random edges, but not than other bonds."""
    crystal, edges, images, lengths, _ = explained
    random = np.random.RandomState(3)
    short = np.flatnonzero(lengths < 2.6)
    rows = random.choice(short, len(short) // 3, replace=False)
    found = {
        control: compare_cycles(
            crystal, 0, edges, rows, 7.0, images=images, control=control, random_state=0
        )
        for control in ("random", "length")
    }
    assert found["random"].p_value < 0.01
    assert found["length"].p_value > 0.05
    assert abs(found["length"].difference) < found["random"].difference / 2


def test_images_are_the_nearest_if_not_given(explained):
    crystal, edges, images, _, _ = explained
    rows = np.arange(0, len(edges), 7)
    # Also in a cell so skewed that rounded fractional coordinates mislead
    shear = np.array([[1, 0, 0], [3, 1, 0], [-2, 4, 1]])
    skewed = Structure(
        Lattice(shear @ crystal.lattice.matrix),
        crystal.species,
        crystal.cart_coords,
        coords_are_cartesian=True,
    )
    given, nearest, in_skewed = (
        compare_cycles(X, 0, edges, rows, 5.0, images=which, n_resamples=9).counts
        for X, which in ((crystal, images), (crystal, None), (skewed, None))
    )
    assert given.sum() > 100
    assert_array_equal(nearest, given)
    assert_array_equal(in_skewed, given)


def test_wrong_values_are_named():
    crystal = glass(0)
    edges = [[0, 1], [1, 2], [2, 3]]
    with pytest.raises(ValueError, match="atom=60 is not a site: they are 0 to 59"):
        persistence(crystal, 60, 5.0)
    with pytest.raises(ValueError, match="radius=-1"):
        homology_cycles(crystal, 0, -1)
    with pytest.raises(ValueError, match="max_dimension=3"):
        persistence(crystal, 0, 5.0, max_dimension=3)
    with pytest.raises(ValueError, match="min_persistence=nan"):
        homology_cycles(crystal, 0, 5.0, min_persistence=np.nan)
    with pytest.raises(ValueError, match=r"edges has shape \(2, 3\)"):
        cycle_participation([], [[0, 1, 2]] * 2)
    with pytest.raises(ValueError, match="3 edges but 1 images"):
        cycle_participation([], edges, images=[[0, 0, 0]])
    with pytest.raises(ValueError, match="edges name sites 0 to 60"):
        compare_cycles(crystal, 0, [[0, 60]], [0], 5.0)
    with pytest.raises(ValueError, match="rows 0 to 3 of 3 edges"):
        compare_cycles(crystal, 0, edges, [0, 3], 5.0)
    with pytest.raises(ValueError, match=r"mask of shape \(2,\) for 3 edges"):
        compare_cycles(crystal, 0, edges, [True, False], 5.0)
    with pytest.raises(ValueError, match=r"edges\[3\] joins site 4 to itself"):
        compare_cycles(crystal, 0, [*edges, [4, 4]], [0], 5.0)
    with pytest.raises(ValueError, match=r"within radius=5\.0 of site 0"):
        compare_cycles(crystal, 0, edges, [0], 5.0)
    with pytest.raises(ValueError, match="control='all'"):
        compare_cycles(crystal, 0, edges, [0], 5.0, control="all")
    with pytest.raises(ValueError, match=r"others\[1\] is nan"):
        permutation_test([1, 2], [1, np.nan])
    with pytest.raises(ValueError, match=r"important has shape \(1,\)"):
        permutation_test([1], [1, 2])
    with pytest.raises(ValueError, match="2 values and others 3"):
        permutation_test([1, 2], [1, 2, 3], paired=True)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_few_atoms_have_pieces_and_no_rings(n):
    line = molecule([[2.0 * i, 0, 0] for i in range(n)])
    pieces, rings, cavities = persistence(line, 0, 10, max_dimension=2)
    assert_allclose(pieces, [[0, 1]] * (n - 1) + [[0, np.inf]])
    assert rings.shape == cavities.shape == (0, 2)
    assert homology_cycles(line, 0, 10) == []


def test_without_gudhi_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "gudhi", None)
    with pytest.raises(ImportError, match=r"skcrystal\[topology\]"):
        persistence(molecule(CUBE), 0, 5.0)
