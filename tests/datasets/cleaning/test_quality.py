"""Duplicates and outliers: planted ones are found, with few false positives."""

import numpy as np
import pandas as pd
import pytest
from pymatgen.core import Lattice, Structure
from sklearn.utils import Bunch

from skcrystal.datasets import (
    filter_by_range,
    find_duplicates,
    find_outliers,
    read_table,
)

KNOWN_WRONG = ["mp-778012", "mp-690564", "mp-693892", "mp-775201"]


def labelled(data, **columns):
    frame = pd.DataFrame({"structure": data, **columns})
    return read_table(frame, targets=list(columns))


def test_other_cells_orders_and_charges_of_a_crystal_are_the_same(prototypes, skewed):
    salts = prototypes.data[:30]
    shuffled = Structure.from_sites(skewed.sites[::-1])
    moved = skewed.copy().perturb(0.02)
    ions = salts[3].copy()
    ions.add_oxidation_state_by_guess()
    data = [*salts, skewed, salts[3] * [1, 2, 1], shuffled, ions, moved]
    energies = np.arange(35.0)
    found = find_duplicates(labelled(data, e=energies))
    assert found["row"].tolist() == [3, 31, 33, 30, 32, 34]
    assert found["group"].tolist() == [0, 0, 0, 1, 1, 1]
    assert found["e_spread"].tolist() == [30] * 3 + [4] * 3
    assert find_duplicates(data, n_jobs=2)["row"].tolist() == found["row"].tolist()


def test_polymorphs_and_strained_cells_are_no_doubles(prototypes):
    row = np.flatnonzero(prototypes.frame["prototype"] == "rocksalt")[0]
    salt = prototypes.data[row]
    a = salt.lattice.a * 2**0.5
    packed = Structure(
        Lattice.cubic(a / 4 ** (1 / 3)), salt.species, [[0] * 3, [0.5] * 3]
    )
    strained = salt.copy().apply_strain(0.03)
    assert packed.volume == pytest.approx(salt.volume)
    table = find_duplicates([salt, packed, strained])
    assert len(table) == 0
    assert list(table.columns) == ["group", "row", "formula"]


def test_a_matcher_of_ones_own(prototypes):
    from pymatgen.analysis.structure_matcher import StructureMatcher

    salt = prototypes.data[0]
    strained = salt.copy().apply_strain(0.2)
    assert len(find_duplicates([salt, strained])) == 0
    assert len(find_duplicates([salt, strained], matcher=StructureMatcher())) == 2


@pytest.mark.parametrize(
    "options", [{"ignored_species": ["Cl"]}, {"primitive_cell": False}]
)
def test_settings_of_the_matcher_are_kept(options, prototypes, skewed):
    from pymatgen.analysis.structure_matcher import StructureMatcher

    data = [skewed, skewed * 2, skewed.copy(), prototypes.data[0]]
    matcher = StructureMatcher(**options)
    found = find_duplicates(data, matcher=matcher)["row"].tolist()
    same = [i for i in (1, 2) if matcher.fit(data[0], data[i])]
    assert found == [0, *same]


@pytest.mark.parametrize("classes", [["yes", "no", "no", "no"], [True] + [False] * 3])
def test_classes_that_disagree(prototypes, classes):
    data = [*prototypes.data[:3], prototypes.data[0]]
    found = find_duplicates(labelled(data, metal=classes))
    assert found["metal_spread"].tolist() == [1, 1]


def test_planted_labels_come_first(prototypes):
    bunch = filter_by_range(prototypes)
    rows = [12, 345, 678]
    bunch.target = prototypes.target.copy()
    bunch.target[rows, 0] += [-15, 15, 20]
    bunch.target[900, 0] = np.nan
    found = find_outliers(bunch)
    assert sorted(found["row"].iloc[:3]) == rows
    assert found.index[0] == bunch.frame.index[found["row"].iloc[0]]
    assert found["score"].is_monotonic_decreasing
    assert found["reasons"].iloc[:3].str.contains("formation_energy_per_atom is").all()
    assert len(found) < 0.05 * len(bunch.data)


def test_geometry_is_told_in_words(prototypes):
    fine = prototypes.data[:2]
    salt = Lattice.cubic(5.6)
    close = Structure(salt, ["Na", "Cl"], [[0, 0, 0], [0.2, 0, 0]])
    alone = Structure(
        Lattice.cubic(9), ["Na", "Cl", "H"], [[0] * 3, [0.3, 0, 0], [0.6] * 3]
    )
    equal = Structure(salt, ["Na", "Cl"], [[0, 0, 0], [0, 0, 1]])
    found = find_outliers([*fine, close, alone, equal])
    reasons = dict(zip(found["row"], found["reasons"], strict=True))
    assert sorted(reasons) == [2, 3, 4]
    assert "sites 0 (Na) and 1 (Cl) are 1.12 Å apart" in reasons[2]
    assert "site 2 (H) is alone" in reasons[3]
    assert "coincide" in reasons[4]


def test_a_volume_that_is_odd_for_its_composition(prototypes):
    data = [s.copy() for s in prototypes.data]
    data[77].scale_lattice(data[77].volume * 30)
    found = find_outliers(data, threshold=5, farthest=5)
    assert found["row"].iloc[0] == 77
    assert "Å³ an atom" in found["reasons"].iloc[0]


def test_classes_and_constant_labels_are_passed_over(prototypes):
    n = len(prototypes.data)
    words = Bunch(data=prototypes.data, target=np.array(["a", "b"] * n)[:n])
    binary = Bunch(data=prototypes.data, target=np.arange(n) % 2)
    constant = Bunch(data=prototypes.data, target=np.zeros(n))
    geometry = find_outliers(prototypes.data)["row"].tolist()
    for bunch in (words, binary, constant):
        assert find_outliers(bunch)["row"].tolist() == geometry


@pytest.mark.parametrize("find", [find_duplicates, find_outliers])
def test_what_is_no_list_of_structures(find, prototypes):
    with pytest.raises(TypeError, match="single Structure"):
        find(prototypes.data[0])
    with pytest.raises(TypeError, match="crystal 1 is a str"):
        find([prototypes.data[0], "NaCl"])
    with pytest.raises(ValueError, match="empty"):
        find([])


@pytest.mark.shared_data
def test_known_wrong_energies_are_among_few(shared_data):
    path = shared_data / "mp_cgcnn_36k" / "mp_cgcnn_36k.csv.xz"
    table = pd.read_csv(path, keep_default_na=False)
    wrong = table["material_id"].isin(KNOWN_WRONG)
    table = pd.concat([table[wrong], table[~wrong].sample(1500, random_state=0)])
    bunch = read_table(
        table,
        structure_column="cif",
        targets="formation_energy_per_atom",
        id_column="material_id",
    )
    found = find_outliers(bunch)
    assert {"mp-778012", "mp-690564"} <= set(found.index)
    assert len(found) < 40
