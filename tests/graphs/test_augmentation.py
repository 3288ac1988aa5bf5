"""Perturbed copies of crystals: size of the perturbations, and invariants."""

import numpy as np
import pytest
from ase.build import fcc111
from crystals import LATTICE_SYSTEMS, crystal_of
from hypothesis import given, settings, strategies as st
from numpy.testing import assert_allclose
from pymatgen.core import Lattice, Structure

from skcrystal import CGCNNRegressor, CrystalGraphTransformer
from skcrystal.graphs import augment_crystals
from skcrystal.graphs._augmentation import _superlattices

CRYSTALS = [crystal_of(system) for system in LATTICE_SYSTEMS]
ALL = {"displacement": 0.03, "strain": 0.02, "supercell": 3}


def moves_of(copies, crystal):
    """Displacements in Å of copies that were not strained, (copies, N, 3)."""
    steps = np.array([copy.frac_coords - crystal.frac_coords for copy in copies])
    return (steps - np.rint(steps)) @ crystal.lattice.matrix


def strains_of(copies, crystal):
    """What lattices were multiplied by, less one, (copies, 3, 3)."""
    inverse = np.linalg.inv(crystal.lattice.matrix)
    return np.array([inverse @ copy.lattice.matrix - np.eye(3) for copy in copies])


def test_copies_come_in_rounds_of_all_crystals():
    copies = augment_crystals(CRYSTALS, 3, displacement=0.01, random_state=0)
    assert len(copies) == 3 * len(CRYSTALS)
    for i, copy in enumerate(copies):
        assert copy.species == CRYSTALS[i % len(CRYSTALS)].species
    fewer = augment_crystals(CRYSTALS, 2, displacement=0.01, random_state=0)
    assert copies[: len(fewer)] == fewer


def test_the_seed_decides_all():
    once, again, other = (
        augment_crystals(CRYSTALS, 2, **ALL, random_state=seed) for seed in (0, 0, 1)
    )
    assert once == again
    assert once != other


def test_crystals_stay_as_they_are():
    before = [crystal.copy() for crystal in CRYSTALS]
    augment_crystals(CRYSTALS, 1, **ALL, random_state=0)
    assert before == CRYSTALS


@pytest.mark.parametrize("system", LATTICE_SYSTEMS)
def test_copies_without_perturbation_are_equal(system):
    crystal = crystal_of(system)
    (copy,) = augment_crystals([crystal])
    assert_allclose(copy.lattice.matrix, crystal.lattice.matrix)
    assert_allclose(moves_of([copy], crystal), 0, atol=1e-9)


def test_atoms_move_by_the_given_distance_and_the_crystal_does_not():
    crystal = crystal_of("orthorhombic")
    copies = augment_crystals([crystal], 400, displacement=0.05, random_state=0)
    moves = moves_of(copies, crystal)
    assert_allclose(moves.mean(axis=1), 0, atol=1e-9)
    # The net shift that was taken off has a part of 1/N in the variance.
    expected = 0.05 * np.sqrt(1 - 1 / len(crystal))
    assert_allclose(moves.std(axis=(0, 1)), expected, rtol=0.03)
    assert_allclose(np.corrcoef(moves.reshape(-1, 3).T), np.eye(3), atol=0.05)
    assert all(copy.lattice == crystal.lattice for copy in copies)


def test_the_atom_of_a_one_atom_cell_moves_only_within_supercells():
    metal = Structure(Lattice.cubic(3.35), ["Po"], [[0.1, 0.2, 0.3]])
    (copy,) = augment_crystals([metal], displacement=0.05, random_state=0)
    assert_allclose(copy.cart_coords, metal.cart_coords)
    larger = augment_crystals(
        [metal], 20, displacement=0.05, supercell=2, random_state=0
    )
    graphs = CrystalGraphTransformer().transform([metal, *larger])
    ideal, *spread = [np.ptp(graphs[[i]].distances) for i in range(len(graphs))]
    moved = [abs(s - ideal) > 1e-3 for s in spread]
    assert moved == [len(s) > 1 for s in larger]


def test_strain_is_symmetric_and_moves_atoms_along():
    crystal = crystal_of("triclinic")
    copies = augment_crystals([crystal], 600, strain=0.02, random_state=0)
    strains = strains_of(copies, crystal)
    assert_allclose(strains, strains.transpose(0, 2, 1), atol=1e-12)
    assert_allclose(strains.std(axis=0), 0.02, rtol=0.1)
    assert_allclose(moves_of(copies, crystal), 0, atol=1e-9)
    volumes = np.array([copy.volume for copy in copies]) / crystal.volume
    assert_allclose(volumes.std(), 0.02 * 3**0.5, rtol=0.1)


def test_every_superlattice_is_drawn_once():
    # Their numbers are known: sums over divisors, 1, 7, 13, 35, 31, 91.
    for multiple, n in enumerate((1, 7, 13, 35, 31, 91), 1):
        lattices = _superlattices(multiple)
        assert len(lattices) == n
        assert_allclose(np.linalg.det(lattices), multiple)
        for i, one in enumerate(lattices):
            others = np.delete(lattices, i, axis=0)
            change = others @ np.linalg.inv(one)
            assert not np.isclose(change, np.rint(change)).all(axis=(1, 2)).any()


@given(seed=st.integers(0, 2**16), system=st.sampled_from(LATTICE_SYSTEMS))
@settings(max_examples=6, deadline=None)
def test_supercells_are_the_same_crystal(seed, system):
    crystal = crystal_of(system)
    (larger,) = augment_crystals([crystal], supercell=4, random_state=seed)
    multiple = len(larger) // len(crystal)
    assert multiple in (1, 2, 3, 4)
    assert_allclose(larger.volume, multiple * crystal.volume)
    graphs = CrystalGraphTransformer().transform([crystal, larger])
    one, other = graphs[:1], graphs[1:]
    assert other.n_sites == multiple * one.n_sites
    assert other.n_atoms == one.n_atoms
    assert other.n_edges == one.n_edges
    assert_allclose(other.distances, one.distances, atol=1e-5)


@pytest.mark.filterwarnings("ignore:X holds elements")
def test_supercells_have_no_effect_on_networks_that_pool_by_the_mean(small):
    """Equal predictions, and equal gradients: training on either gives one network."""
    crystals, y, _ = small
    larger = augment_crystals(crystals, supercell=3, random_state=0)
    assert sum(map(len, larger)) > 1.5 * sum(map(len, crystals))
    network = CGCNNRegressor(hidden_dim=8, n_layers=2, max_epochs=3, random_state=0)
    expected = network.fit(crystals, y).predict(crystals)
    assert_allclose(network.predict(larger), expected, atol=1e-5)
    assert_allclose(network.fit(larger, y).predict(crystals), expected, atol=1e-3)


def test_slabs_keep_their_open_direction():
    slab = fcc111("Al", (1, 1, 3), vacuum=None)
    slab.pbc = [True, True, False]
    (copy,) = augment_crystals([slab], displacement=0.01, strain=0.01, random_state=0)
    assert copy.lattice.pbc == (True, True, False)
    # 4.5 Å lies between two shells of aluminium.
    graphs = CrystalGraphTransformer(cutoff=4.5, reduce=None).transform([slab, copy])
    assert graphs.n_edges[0] == graphs.n_edges[1]
    with pytest.raises(ValueError, match=r"X\[1\] is periodic along 2 of three"):
        augment_crystals([CRYSTALS[0], slab], supercell=2)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_copies": 0}, "n_copies must be an integer of 1 or more; it is 0"),
        ({"n_copies": 2.0}, r"n_copies must be an integer .*; it is 2\.0"),
        (
            {"displacement": -0.1},
            r"displacement must be .* from 0 to 0\.5; it is -0\.1",
        ),
        ({"displacement": np.nan}, "displacement must be .*; it is nan"),
        ({"strain": 0.5}, r"strain must be a number from 0 to 0\.1; it is 0\.5"),
        ({"strain": "0.01"}, r"strain must be a number .*; it is '0\.01'"),
        ({"supercell": True}, "supercell must be an integer .*; it is True"),
    ],
)
def test_bad_parameters_are_named(parameters, message):
    with pytest.raises(ValueError, match=message):
        augment_crystals(CRYSTALS, **parameters)


def test_items_that_are_not_crystals_are_named():
    with pytest.raises(TypeError, match=r"X\[1\] is a str"):
        augment_crystals([CRYSTALS[0], "NaCl"])
    with pytest.raises(TypeError, match="single Structure"):
        augment_crystals(CRYSTALS[0])
