"""Shipped data set: content and format."""

import numpy as np
import pandas as pd
import pytest
from pymatgen.core import Composition, Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

from skcrystal.datasets import load_pbe_prototypes

SPACE_GROUPS = {
    "rocksalt": "Fm-3m",
    "zincblende": "F-43m",
    "cscl": "Pm-3m",
    "fluorite": "Fm-3m",
    "half-heusler": "F-43m",
    "perovskite": "Pm-3m",
}


def test_sizes_and_units(prototypes):
    assert len(prototypes.data) == 1097
    assert prototypes.target.shape == (1097, 2)
    assert prototypes.target_names == ["formation_energy_per_atom", "band_gap"]
    assert len(set(prototypes.groups)) == 855
    energy, gap = prototypes.target.T
    assert -5 < energy.min() < energy.max() < 4  # eV/atom
    assert gap.min() == 0
    assert gap.max() < 15  # eV
    assert np.mean(gap == 0) == pytest.approx(0.73, abs=0.005)
    assert np.isfinite(prototypes.target).all()


@pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING:DeprecationWarning")
def test_structures_have_the_space_group_of_their_prototype(prototypes):
    frame = prototypes.frame
    for prototype, rows in frame.groupby("prototype"):
        for structure in rows["structure"].iloc[::60]:
            found = SpacegroupAnalyzer(structure, symprec=1e-4).get_space_group_symbol()
            assert found == SPACE_GROUPS[prototype]


def test_structures_agree_with_formula_and_lattice_constant(prototypes):
    for row in prototypes.frame.itertuples():
        assert row.structure.composition.reduced_formula == row.formula
        # Two lattice points a cubic cell less with each face: 4 in fcc, 1 in sc
        cells = 1 if row.prototype in ("cscl", "perovskite") else 4
        assert row.structure.volume * cells == pytest.approx(row.lattice_constant**3)


def test_sodium_nitride_is_a_formula_and_no_missing_value(prototypes):
    is_nan = prototypes.groups == "NaN"
    assert is_nan.sum() >= 1
    for i in np.flatnonzero(is_nan):
        assert prototypes.data[i].composition == Composition({"Na": 1, "N": 1})
    assert all(isinstance(formula, str) for formula in prototypes.groups)


def test_known_crystals_have_sensible_labels(prototypes):
    frame = prototypes.frame
    salt = frame[(frame["formula"] == "MgO") & (frame["prototype"] == "rocksalt")]
    if len(salt):  # PBE: gap about 4.5 eV
        assert salt["band_gap"].item() == pytest.approx(4.5, abs=0.6)
    stable = frame[frame["formula"].isin(["CaF2", "SrF2", "BaF2", "LiF", "KBr"])]
    assert len(stable) >= 2
    best = stable.groupby("formula")["formation_energy_per_atom"].min()
    assert (best < -1.5).all()


def test_forms(prototypes):
    X, y = load_pbe_prototypes(return_X_y=True)
    assert isinstance(X, list)
    assert isinstance(X[0], Structure)
    np.testing.assert_array_equal(y, prototypes.target)
    frame = load_pbe_prototypes(as_frame=True)
    assert isinstance(frame.data, pd.Series)
    assert list(frame.target.columns) == frame.target_names
    assert frame.data.index.equals(frame.target.index)
    assert frame.frame.loc[frame.data.index[0], "structure"] == frame.data.iloc[0]


def test_description_states_method_units_and_limits(prototypes):
    for word in ("GPAW", "PBE", "400 eV", "eV/atom", "Limits", "1,097", "855"):
        assert word in prototypes.DESCR


def test_every_call_gives_its_own_crystals():
    first, second = load_pbe_prototypes(), load_pbe_prototypes()
    first.data[0].perturb(0.1)
    first.target[0] = 99
    assert first.data[0] != second.data[0]
    assert second.target[0, 0] != 99
