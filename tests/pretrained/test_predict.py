"""Predictions of a saved model in one line."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from crystals import crystal_of
from hypothesis import given, settings, strategies as st
from pymatgen.core import Lattice, Structure
from small_model import save_small_model

from skcrystal import (
    AugmentedRegressor,
    GCNClassifier,
    GCNRegressor,
    load_pretrained,
    predict,
)
from skcrystal.pretrained import (
    METAL_BELOW,
    fit_metal_probability,
    metal_probability,
)

COLUMNS = [
    "formation_energy_per_atom",
    "formation_energy_per_atom_std",
    "band_gap",
    "band_gap_std",
    "metal_probability",
]
FCC = [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]


@pytest.fixture(scope="module")
def saved(prototypes, tmp_path_factory):
    return save_small_model(tmp_path_factory.mktemp("pretrained") / "small", prototypes)


@pytest.fixture(scope="module")
def crystals(small):
    return small[0][:6]


@pytest.fixture(scope="module")
def table(crystals, saved):
    return predict(crystals, model=saved)


def test_columns_hold_what_the_model_says(crystals, saved, table):
    mean, std = load_pretrained(saved).predict(crystals, return_std=True)
    assert list(table.columns) == COLUMNS
    assert list(table.index) == list(range(6))
    np.testing.assert_array_equal(table[COLUMNS[0:4:2]], mean)
    np.testing.assert_array_equal(table[COLUMNS[1:4:2]], std)
    assert table["metal_probability"].between(0, 1).all()


def test_crystals_come_in_any_form(crystals, saved, table):
    array = np.empty(6, dtype=object)
    array[:] = crystals
    series = pd.Series(crystals, index=[f"mp-{i}" for i in range(6)])
    pd.testing.assert_frame_equal(predict(array, model=str(saved)), table)
    indexed = predict(series, model=saved)
    assert list(indexed.index) == list(series.index)
    pd.testing.assert_frame_equal(indexed.reset_index(drop=True), table)
    one = predict(crystals[0], model=saved)
    pd.testing.assert_frame_equal(one, table[:1], rtol=1e-4)
    with pytest.raises(TypeError, match=r"X\[1\] is a str"):
        predict([crystals[0], "NaCl.cif"], model=saved)


def test_models_of_other_kinds(crystals, small, saved, tmp_path):
    quick = {"hidden_dim": 8, "max_epochs": 1, "random_state": 0}
    model = GCNRegressor(**quick).fit(small[0], small[1][:, 1])
    model.save_pretrained(tmp_path / "model")
    table = predict(crystals, model=tmp_path / "model")
    assert list(table.columns) == ["target_0"]
    np.testing.assert_array_equal(table["target_0"], model.predict(crystals))
    # A folder of one's own is read anew each time.
    model = GCNRegressor(**quick, dropout=0.2).fit(small[0], small[1][:, 1])
    model.save_pretrained(tmp_path / "model")
    table = predict(crystals, model=tmp_path / "model")
    assert list(table.columns) == ["target_0", "target_0_std"]
    # What is told of another model's gap is not for this one.
    shutil.copy(saved / "metal.json", tmp_path / "model")
    with pytest.raises(ValueError, match=r"metal\.json is damaged or not for this"):
        predict(crystals, model=tmp_path / "model")
    model = GCNRegressor(**quick)
    frame = pd.DataFrame({"band_gap": small[1][:, 1]})
    model.fit(small[0], frame).save_pretrained(tmp_path / "model")
    with pytest.raises(ValueError, match=r"not for this.*no standard deviations"):
        predict(crystals, model=tmp_path / "model")
    classes = np.where(small[1][:, 1] < METAL_BELOW, "metal", "gap")
    GCNClassifier(**quick).fit(small[0], classes).save_pretrained(tmp_path / "classes")
    with pytest.raises(ValueError, match="GCNClassifier, which predicts no numbers"):
        predict(crystals, model=tmp_path / "classes")


def test_models_of_atoms_have_no_row_for_a_crystal(crystals, tmp_path):
    model = GCNRegressor(max_epochs=1, target_level="atom")
    y = [np.arange(float(len(crystal))) for crystal in crystals]
    model.fit(crystals, y).save_pretrained(tmp_path / "atoms")
    with pytest.raises(ValueError, match="targets of atoms"):
        predict(crystals, model=tmp_path / "atoms")


def test_augmented_models_have_the_uncertainty_of_what_they_wrap(crystals, tmp_path):
    quick = {"hidden_dim": 8, "max_epochs": 1, "random_state": 0}
    gaps = pd.Series(np.arange(6.0), name="gap")
    for dropout, columns in ((0.0, ["gap"]), (0.2, ["gap", "gap_std"])):
        model = AugmentedRegressor(GCNRegressor(**quick, dropout=dropout), n_copies=1)
        model.fit(crystals, gaps).save_pretrained(tmp_path / "model")
        assert list(predict(crystals, model=tmp_path / "model").columns) == columns


def test_coefficients_that_are_incomplete_are_refused(crystals, saved, tmp_path):
    folder = shutil.copytree(saved, tmp_path / "model")
    metal = json.loads((folder / "metal.json").read_text(encoding="utf-8"))
    del metal["intercept"]
    (folder / "metal.json").write_text(json.dumps(metal), encoding="utf-8")
    with pytest.raises(ValueError, match=r"metal\.json is damaged or not for this"):
        predict(crystals, model=folder)


def test_a_model_that_is_nowhere_is_named():
    with pytest.raises(ValueError, match="no saved model at 'mp'"):
        predict([], model="mp")


@pytest.fixture(scope="module")
def gaps():
    """Predictions of 600 crystals, half of them metals, as far off as they say."""
    random = np.random.RandomState(0)
    true = np.where(random.rand(600) < 0.5, 0, random.gamma(2, 1, 600))
    std = random.uniform(0.05, 0.6, 600)
    return np.maximum(true + std * random.normal(size=600), 0), std, true < METAL_BELOW


def test_metals_are_told_by_predicted_gaps(gaps):
    mean, std, is_metal = gaps
    fitted = json.loads(json.dumps(fit_metal_probability(*gaps)))
    probability = metal_probability(fitted, mean, std)
    assert abs(probability.mean() - is_metal.mean()) < 0.01
    assert np.mean((probability > 0.5) == is_metal) > 0.85
    sure = np.abs(probability - 0.5) > 0.4
    assert np.mean((probability > 0.5)[sure] == is_metal[sure]) > 0.95


@settings(max_examples=50, deadline=None)
@given(
    gap=st.floats(0, 10),
    more=st.floats(0.1, 5),
    std=st.floats(0, 5, allow_subnormal=False),
)
def test_a_larger_gap_is_less_of_a_metal(gaps, gap, more, std):
    fitted = fit_metal_probability(*(part[::10] for part in gaps))
    low, high = metal_probability(fitted, [gap, gap + more], [std, std])
    assert 0 <= high < low <= 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0.1, 1], [0.1, 0.1], [True, True]), "all 2 crystals are of one kind"),
        (([0.1, 1], [0.1, 0.1], [True]), r"is_metal has shape \(1,\)"),
        (([0.1, 1], [0.1], [True, False]), r"std \(1,\)"),
        (([0.1, np.nan], [0.1, 0.1], [True, False]), r"gap 1 is nan ± 0\.1 eV"),
    ],
)
def test_gaps_that_teach_nothing_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        fit_metal_probability(*arguments)


def test_coefficients_of_other_features_are_refused(gaps):
    fitted = {**fit_metal_probability(*gaps), "features": ["gap"]}
    with pytest.raises(ValueError, match=r"of \['gap'\], not of"):
        metal_probability(fitted, [1.0], [0.1])


def test_the_shipped_model_knows_salt_from_copper():
    salt = crystal_of("cubic")
    copper = Structure.from_spacegroup(
        "Fm-3m", Lattice.cubic(3.62), ["Cu"], [[0, 0, 0]]
    )
    table = predict([salt, copper])
    assert list(table.columns) == [*COLUMNS[:4], "efermi", "efermi_std", COLUMNS[4]]
    energy, gap = table["formation_energy_per_atom"], table["band_gap"]
    assert -2.5 < energy[0] < -1.7
    assert -0.3 < energy[1] < 0.3
    assert gap[0] > 3
    assert table["metal_probability"][0] < 0.2
    assert table["metal_probability"][1] > 0.8
    assert (table.filter(like="_std") > 0).all(axis=None)
