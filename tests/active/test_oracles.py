"""Oracles: tabulated labels, and labels of ASE's EMT calculator."""

import numpy as np
import pandas as pd
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT
from numpy.testing import assert_allclose, assert_array_equal
from pymatgen.core import Lattice, Structure

from skcrystal.active import CalculatorOracle, SimulatedOracle
from skcrystal.active._oracles import ask


def fcc(symbol, a):
    sites = [[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]
    return Structure(Lattice.cubic(a), [symbol] * 4, sites)


def ordered(first, second, a):
    """Three of the second around one of the first, as in Cu3Au."""
    sites = [[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]
    return Structure(Lattice.cubic(a), [first, second, second, second], sites)


def emt_energy(structure):
    atoms = structure.to_ase_atoms()
    atoms.calc = EMT()
    return atoms.get_potential_energy()


# Known labels


def test_known_labels():
    y = pd.DataFrame({"energy": [1.0, 2, 3], "gap": [0, np.nan, 1]})
    oracle = SimulatedOracle(y)
    assert oracle.target_names == ["energy", "gap"]
    assert len(oracle) == 3
    assert_array_equal(oracle.label_row(1), [2, np.nan])
    assert_array_equal(ask(oracle, 1, ["any", "pool", "will do"]), [2, np.nan])
    assert SimulatedOracle([1.0, 2.0]).label_row(0).shape == (1,)


@pytest.mark.parametrize("y", [[1, np.inf], ["a", "b"], np.zeros((2, 1, 1))])
def test_unfit_labels_are_refused(y):
    with pytest.raises(ValueError, match="y"):
        SimulatedOracle(y)


# What an oracle may answer


@pytest.mark.parametrize("pool", [list, pd.Series, tuple], ids=lambda f: f.__name__)
def test_a_function_is_asked_for_the_crystal(pool):
    crystals = [fcc("Cu", 3.6), fcc("Ni", 3.5), fcc("Al", 4.0)]
    pool = pool(crystals)
    if isinstance(pool, pd.Series):
        pool.index = [7, 8, 9]
    assert_allclose(ask(lambda crystal: crystal.volume, 1, pool), [3.5**3])
    assert_allclose(ask(lambda c: [c.volume, np.nan], 2, pool), [4.0**3, np.nan])


@pytest.mark.parametrize(
    "answer", [np.nan, [np.nan, np.nan], np.inf, [1, -np.inf], [[1, 2]], []]
)
def test_what_is_no_label(answer):
    with pytest.raises(ValueError, match="which is not a label"):
        ask(lambda crystal: answer, 0, [None])


# A calculator


@pytest.mark.parametrize("calculator", [EMT, EMT(), lambda: EMT()])
def test_energies_of_the_calculator(calculator):
    oracle = CalculatorOracle(calculator, ["energy", "energy_per_atom"])
    for crystal in (fcc("Cu", 3.6), ordered("Au", "Cu", 3.75)):
        energy = emt_energy(crystal)
        assert_allclose(oracle(crystal), [energy, energy / 4])
    assert oracle.target_names == ["energy", "energy_per_atom"]


def test_one_property_by_its_name():
    oracle = CalculatorOracle(EMT, "volume_per_atom")
    assert oracle.target_names == ["volume_per_atom"]
    assert_allclose(oracle(fcc("Cu", 3.6)), [3.6**3 / 4])


def test_atoms_of_ase():
    atoms = bulk("Cu", a=3.6, cubic=True)
    oracle = CalculatorOracle(EMT)
    assert_allclose(oracle(atoms), oracle(fcc("Cu", 3.6)))
    assert atoms.calc is None


def test_largest_force():
    crystal = ordered("Au", "Cu", 3.75)
    oracle = CalculatorOracle(EMT, ["max_force"])
    assert_allclose(oracle(crystal), [0], atol=1e-9)  # by symmetry
    shaken = crystal.copy()
    shaken.translate_sites(0, [0.02, 0.01, 0])
    step = 1e-4
    ahead, behind = shaken.copy(), shaken.copy()
    ahead.translate_sites(0, [step, 0, 0], frac_coords=False)
    behind.translate_sites(0, [-step, 0, 0], frac_coords=False)
    force = abs(emt_energy(ahead) - emt_energy(behind)) / (2 * step)
    assert oracle(shaken) >= force > 0.1


def test_functions_of_atoms():
    oracle = CalculatorOracle(
        EMT,
        {
            "pressure": lambda atoms: -atoms.get_stress()[:3].mean(),
            "n_atoms": len,
        },
    )
    assert oracle.target_names == ["pressure", "n_atoms"]
    (squeezed, n), (stretched, _) = oracle(fcc("Cu", 3.4)), oracle(fcc("Cu", 3.8))
    assert squeezed > 0 > stretched
    assert n == 4


def test_formation_energies():
    crystals = {"Cu": fcc("Cu", 3.6), "Au": fcc("Au", 4.05)}
    references = {name: emt_energy(c) / 4 for name, c in crystals.items()}
    oracle = CalculatorOracle(EMT, ["formation_energy_per_atom"], references=references)
    for crystal in crystals.values():
        assert_allclose(oracle(crystal), [0], atol=1e-12)
    mixed = ordered("Au", "Cu", 3.75)
    expected = emt_energy(mixed) - references["Au"] - 3 * references["Cu"]
    assert_allclose(oracle(mixed), [expected / 4])
    assert oracle(mixed) < 0  # Cu3Au orders
    with pytest.raises(ValueError, match="references has no energy of Ni; add it"):
        oracle(ordered("Ni", "Cu", 3.6))


def test_relaxation_ends_where_a_scan_does():
    """EMT's own lattice constant of copper, found by energies of many cells."""
    grid = np.linspace(3.5, 3.7, 41)
    energies = np.array([emt_energy(fcc("Cu", a)) for a in grid]) / 4
    a = grid[energies.argmin()]
    start = fcc("Cu", 3.75)
    before = start.copy()
    names = ["energy_per_atom", "volume_per_atom", "max_force"]
    oracle = CalculatorOracle(EMT, names, relax=True, fmax=0.01)
    energy, volume, force = oracle(start)
    assert_allclose(energy, energies.min(), atol=1e-3)
    assert_allclose((4 * volume) ** (1 / 3), a, atol=0.006)
    assert force <= 0.01
    assert start == before  # the crystal given stays as it was
    assert energy < CalculatorOracle(EMT)(start)[0]


def test_relaxation_that_does_not_end():
    oracle = CalculatorOracle(EMT, relax=True, fmax=1e-9, max_steps=2)
    with pytest.raises(RuntimeError, match=r"did not reach fmax=1e-09 eV/Å in 2 steps"):
        oracle(fcc("Cu", 3.8))


def test_what_the_calculator_raises_is_raised():
    with pytest.raises(NotImplementedError, match="No EMT-potential for Fe"):
        CalculatorOracle(EMT)(fcc("Fe", 3.5))


def test_graphs_have_no_energy(small_graphs):
    with pytest.raises(TypeError, match=r"a Data cannot be computed; .*structures"):
        CalculatorOracle(EMT)(small_graphs[0])


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        (["bandgap"], "properties has 'bandgap', but only energy, energy_per_atom"),
        (["formation_energy_per_atom"], "needs `references`"),
        ([], "properties is empty"),
    ],
)
def test_properties_that_do_not_fit(properties, message):
    with pytest.raises(ValueError, match=message):
        CalculatorOracle(EMT, properties)
