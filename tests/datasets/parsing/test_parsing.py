"""Crystals parsed from texts, files and dictionaries, against pymatgen's."""

import gzip
import json
import sqlite3
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ase.build import bulk, fcc111, molecule
from ase.io import write
from crystals import LATTICE_SYSTEMS, crystal_of
from hypothesis import given, strategies as st
from joblib import parallel_config
from numpy.testing import assert_allclose
from pymatgen.core import Element, Lattice, Species, Structure
from pymatgen.io.cif import CifParser, CifWriter
from pymatgen.io.vasp.inputs import Poscar

from skcrystal.datasets import parse_structures
from skcrystal.datasets.parsing._plain_cif import plain_cif

ROCK_SALT = """data_salt
_cell_length_a 5.69(2)
_cell_length_b 5.69
_cell_length_c 5.69
_cell_angle_alpha 90.
_cell_angle_beta 90
_cell_angle_gamma 90
_chemical_formula_sum 'Na4 Cl4'
loop_
_symmetry_equiv_pos_as_xyz
'x, y, z'
'x, 1/2+y, 1/2+z'
'1/2+x, y, z+1/2'
'1/2+x, 1/2+y, z'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
Na1 Na 0 0 0 1
Cl1 Cl 0.5 0.5 0.5000(3) 1.0
"""


def read(text, **options):
    return parse_structures([text], **options).structures[0]


def by_pymatgen(text):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Structure.from_str(text, fmt="cif")


def assert_same(structure, expected, atol=1e-5):
    """Same elements in the same places of the same cell, in the same order."""
    assert structure.species == expected.species
    assert_allclose(structure.lattice.matrix, expected.lattice.matrix, atol=atol)
    assert_allclose(
        structure.distance_matrix, expected.distance_matrix, rtol=0, atol=atol
    )


@st.composite
def structures(draw):
    """A cell of any shape with up to six atoms, no two of which are close."""
    lengths = [draw(st.floats(3, 9)) for _ in range(3)]
    angles = [draw(st.floats(65, 112)) for _ in range(3)]
    n = draw(st.integers(1, 6))
    slots = draw(st.permutations(range(27)))[:n]
    shift = st.floats(-0.1, 0.1)
    places = [
        [(slot // 9 + draw(shift)) / 3, (slot // 3 % 3 + draw(shift)) / 3, slot % 3 / 3]
        for slot in slots
    ]
    elements = draw(
        st.lists(st.sampled_from("H Li O Na S Fe Cu Ba W U".split()), min_size=n)
    )
    return Structure(Lattice.from_parameters(*lengths, *angles), elements[:n], places)


@given(structure=structures(), form=st.sampled_from(["cif", "poscar", "dict", "json"]))
def test_any_form_gives_the_crystal_back(structure, form):
    source = {
        "cif": lambda: str(CifWriter(structure, significant_figures=12)),
        "poscar": lambda: Poscar(structure).get_str(significant_figures=12),
        "dict": structure.as_dict,
        "json": lambda: json.dumps(structure.as_dict()),
    }[form]()
    parsed = read(source)
    # Either orders sites in its own way; 1/3 may be mended by 1e-4 of it
    expected = structure if form != "cif" else structure.get_sorted_structure()
    assert parsed.composition == structure.composition
    assert_same(parsed, expected, atol=1e-6 if form != "cif" else 2e-3)


@pytest.mark.parametrize("system", LATTICE_SYSTEMS)
@pytest.mark.parametrize("symprec", [None, 1e-3], ids=["every site", "symmetry"])
@pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING:DeprecationWarning")
def test_plain_cifs_are_read_as_pymatgen_reads_them(system, symprec):
    text = str(CifWriter(crystal_of(system), symprec=symprec))
    assert plain_cif(CifParser.from_str(text)) is not None
    expected = by_pymatgen(text)
    structure = read(text)
    assert_same(structure, expected, atol=1e-10)
    assert_allclose(structure.frac_coords, expected.frac_coords, atol=1e-12)


def test_uncertainties_and_written_symmetry_are_understood():
    structure = read(ROCK_SALT)
    assert_same(structure, by_pymatgen(ROCK_SALT), atol=1e-10)
    assert structure.composition.formula == "Na4 Cl4"
    assert structure.distance_matrix[0, 4:].min() == pytest.approx(5.69 / 2)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\n", "\r\n"),
        ("data_salt", "# Möller, Kristalle\ndata_salt"),
        ("\nNa1 Na", "\n\nNa1 Na"),
        ("_atom_site_type_symbol\n", "_atom_site_type_symbol # species\n"),
        ("Cl1 Cl 0.5 0.5 0.5000(3)", "Cl1 Cl -.5 1.5 0.49999999"),
    ],
)
def test_spellings_of_one_cif(old, new):
    text = ROCK_SALT.replace(old, new)
    assert text != ROCK_SALT
    assert_same(read(text), read(ROCK_SALT))


# What is not plain goes through pymatgen, which must be seen in what comes back.
UNUSUAL = {
    "formula is wrong": ROCK_SALT.replace("Na4 Cl4", "Na4 Cl3"),
    "no formula": ROCK_SALT.replace("_chemical_formula_sum 'Na4 Cl4'\n", ""),
    "label alone": ROCK_SALT.replace("_atom_site_type_symbol\n", "")
    .replace("1 Na", "1")
    .replace("1 Cl", "1"),
    "ions": ROCK_SALT.replace("Na1 Na", "Na1 Na1+").replace("Cl1 Cl", "Cl1 Cl1-"),
    "deuterium": ROCK_SALT.replace("Cl1 Cl", "D1 D").replace("Cl4", "D4"),
    "noble gas": ROCK_SALT.replace("Cl1 Cl", "Ar1 Ar").replace("Cl4", "Ar4"),
    "space group alone": ROCK_SALT[: ROCK_SALT.index("loop_")]
    + "_symmetry_space_group_name_H-M 'F m -3 m'\n"
    + ROCK_SALT[ROCK_SALT.rindex("loop_") :],
    "two sites in one place": ROCK_SALT.replace("1.0\n", "0.5\nBr1 Br .5 .5 .5 0.5\n"),
    "two blocks": "data_global\n_publ_author 'N. Steno'\n" + ROCK_SALT,
}


@pytest.mark.parametrize("case", UNUSUAL)
@pytest.mark.filterwarnings("ignore:.*may differ from their files")
def test_unusual_cifs_are_left_to_pymatgen(case):
    text = UNUSUAL[case]
    assert text not in (ROCK_SALT, "")
    expected = by_pymatgen(text)
    structure = read(text, disordered="keep")
    assert structure == expected
    assert [s.species for s in structure] == [s.species for s in expected]


def test_oxidation_states_of_a_dictionary_stay():
    ions = Structure(
        Lattice.cubic(5.6), [Species("Na", 1), Species("Cl", -1)], [[0] * 3, [0.5] * 3]
    )
    assert read(ions.as_dict()).species == [Species("Na", 1), Species("Cl", -1)]


def test_jarvis_dictionaries_hold_fractions_or_places_in_angstrom(skewed):
    record = {
        "lattice_mat": skewed.lattice.matrix.tolist(),
        "coords": skewed.frac_coords.tolist(),
        "elements": ["Na", "Cl", "O"],
        "cartesian": False,
        "props": ["", "", ""],
    }
    assert_same(read(record), skewed)
    cartesian = {**record, "coords": skewed.cart_coords.tolist(), "cartesian": True}
    assert_same(read(json.dumps(cartesian)), skewed)


def test_structures_are_the_same_objects_and_atoms_become_structures(skewed):
    copper = bulk("Cu")
    parsed = parse_structures([skewed, copper]).structures
    assert parsed[0] is skewed
    assert parsed[1].species == [Element("Cu")]
    assert parsed[1].volume == pytest.approx(copper.get_volume())
    water = read(molecule("H2O"))
    assert water.lattice.pbc == (False, False, False)
    bond = np.linalg.norm(water[0].coords - water[1].coords)
    assert bond == pytest.approx(molecule("H2O").get_distance(0, 1))


def test_a_slab_keeps_its_cell_if_it_has_one():
    slab = fcc111("Al", (1, 1, 3), vacuum=10)
    parsed = read(slab)
    np.testing.assert_allclose(parsed.lattice.matrix, slab.cell[:])
    np.testing.assert_allclose(parsed.cart_coords, slab.positions, atol=1e-12)
    assert parsed.lattice.pbc == (True, True, False)
    flat = slab.copy()
    flat.cell[2] = 0
    np.testing.assert_allclose(read(flat).cart_coords, slab.positions, atol=1e-12)


def test_one_source_alone_is_no_list_of_them(skewed, tmp_path):
    for source in (skewed, skewed.as_dict(), bulk("Cu"), "data_x", tmp_path / "a.cif"):
        with pytest.raises(TypeError, match=r"give a list: \[source\]"):
            parse_structures(source)


def test_a_mark_of_unicode_in_front_of_text_is_passed_over(skewed):
    assert_same(read("\ufeff" + str(CifWriter(skewed))), skewed)


@pytest.mark.parametrize(
    "name",
    ["a.cif", "POSCAR", "CONTCAR_7", "a.vasp", "a.json", "a.xyz", "a.cif.gz", "odd"],
)
def test_files_are_recognised_by_what_they_hold(tmp_path, skewed, name):
    path = tmp_path / name
    if name.endswith(".xyz"):
        atoms = skewed.to_ase_atoms(msonable=False)
        write(path, atoms, format="extxyz")
    elif "cif" in name:
        text = str(CifWriter(skewed, significant_figures=10)).encode()
        path.write_bytes(gzip.compress(text) if name.endswith("gz") else text)
    elif "json" in name:
        path.write_text(json.dumps(skewed.as_dict()))
    else:
        Poscar(skewed).write_file(path)
    parsed = read(path)
    expected = skewed.get_sorted_structure() if "cif" in name else skewed
    assert_same(parsed, expected)


def test_latin_1_and_byte_order_marks(tmp_path):
    old, new = tmp_path / "old.cif", tmp_path / "new.cif"
    old.write_bytes(("# Ångström, Möller\n" + ROCK_SALT).encode("latin-1"))
    new.write_bytes(ROCK_SALT.encode("utf-8-sig"))
    for structure in parse_structures([old, new]).structures:
        assert_same(structure, read(ROCK_SALT))


BAD = {
    "empty": ("", "empty"),
    "blank": (" \n\n", "empty"),
    "a name of a file": ("mp-1.cif", "starts with 'mp-1.cif'"),
    "no sites": (ROCK_SALT[: ROCK_SALT.rindex("loop_")], "_atom_site_label"),
    "no number": (ROCK_SALT.replace("0.5 0.5 0.5000(3)", "? ? ?"), "\\?"),
    "cut off": (ROCK_SALT[:-20], ""),
    "disordered": (UNUSUAL["two sites in one place"], "disordered.*Cl:0.5"),
    "no elements": (
        "salt\n1\n4 0 0\n0 4 0\n0 0 4\n1 1\nDirect\n0 0 0\n.5 .5 .5\n",
        "names no elements",
    ),
    "other dictionary": ({"x": 1}, "keys \\['x'\\]"),
    "number": (7, "int"),
    "array": (np.zeros(3), "ndarray"),
    "missing": (None, "missing"),
    "missing too": (np.nan, "missing"),
    "no file": (Path("nowhere.cif"), "file nowhere.cif does not exist"),
    "flat": ("a\n1\n4 0 0\n0 4 0\n0 8 0\nNa\n1\nDirect\n0 0 0\n", "volume"),
    "not finite": ("a\n1\n4 0 0\n0 4 0\n0 0 4\nNa\n1\nDirect\nnan 0 0\n", "finite"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_crystal_is_named_with_the_reason(case):
    source, reason = BAD[case]
    sources = [ROCK_SALT, source, ROCK_SALT]
    with pytest.raises(ValueError, match=rf"1 of 3 crystals(.|\n)*bad one: .*{reason}"):
        parse_structures(sources, names=["first", "bad one", "last"])
    with pytest.warns(UserWarning, match="1 of 3 crystals"):
        parsed = parse_structures(sources, errors="skip")
    assert list(parsed.failed) == [1]
    assert parsed.structures[1] is None
    assert parsed.structures[2] == parsed.structures[0] == read(ROCK_SALT)


def test_one_error_lists_all_but_not_more_than_a_screen():
    with pytest.raises(ValueError, match=r"30 of 30(.|\n)*s9: (.|\n)*and 20 more"):
        parse_structures([""] * 30, names=[f"s{i}" for i in range(30)])


def test_what_pymatgen_guessed_is_told_once():
    odd = UNUSUAL["formula is wrong"]
    with pytest.warns(UserWarning, match=r"2 of 3(.|\n)*b: Incorrect stoichio") as log:
        parsed = parse_structures([ROCK_SALT, odd, odd], names="abc")
    assert len(log) == 1
    assert sorted(parsed.remarks) == [1, 2]


@pytest.mark.filterwarnings("ignore:.*(cannot be read|may differ)")
def test_threads_keep_remarks_and_failures_apart(skewed):
    """Dask's, for example: Python catches warnings for all threads at once."""
    kinds = [
        Poscar(skewed).get_str(),
        BAD["no elements"][0],
        ROCK_SALT,
        ROCK_SALT[: ROCK_SALT.index("loop_")] + ROCK_SALT[ROCK_SALT.rindex("loop_") :],
    ]
    sources = kinds * 150
    alone = parse_structures(sources, errors="skip")
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with parallel_config("threading"):
            together = parse_structures(sources, errors="skip", n_jobs=4)
    finally:
        sys.setswitchinterval(interval)
    assert together == alone
    assert sorted(alone.failed) == list(range(1, 600, 4))
    assert sorted(alone.remarks) == list(range(3, 600, 4))


def test_a_poscar_of_atoms_that_may_all_move_is_no_reason_to_warn(skewed):
    lines = Poscar(skewed).get_str().splitlines()
    places = [" ".join([*line.split()[:3], "T T T"]) for line in lines[8:]]
    text = "\n".join([*lines[:7], "Selective dynamics", lines[7], *places])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parsed = parse_structures([text])
    assert_same(parsed.structures[0], skewed)
    assert not parsed.remarks


def test_a_third_that_was_rounded_is_no_reason_to_warn():
    text = ROCK_SALT.replace("0.5 0.5 0.5000(3)", "0.3333 0.66667 0.5")
    parsed = parse_structures([text])  # and warnings are errors here
    assert "rounded" in parsed.remarks[0]
    assert 1 / 3 in parsed.structures[0].frac_coords


def test_rounding_hides_no_other_remark():
    text = UNUSUAL["formula is wrong"].replace("0.5 0.5 0.5000(3)", "0.3333 0 0")
    with pytest.warns(UserWarning, match="Incorrect stoichio"):
        parsed = parse_structures([text])
    assert "rounded" in parsed.remarks[0]


@pytest.mark.parametrize("errors", ["raise", "skip"])
def test_workers_change_nothing(errors, prototypes):
    texts = [ROCK_SALT, *(str(CifWriter(s)) for s in prototypes.data[:8])] * 50
    names = [f"{i}" for i in range(len(texts))]
    if errors == "skip":
        texts[210] = texts[411] = "data_nothing"
        with pytest.warns(UserWarning, match="2 of 450"):
            parallel = parse_structures(texts, names=names, errors="skip", n_jobs=2)
        with pytest.warns(UserWarning, match="2 of 450"):
            serial = parse_structures(texts, names=names, errors="skip")
    else:
        parallel, serial = parse_structures(texts, n_jobs=2), parse_structures(texts)
    assert parallel == serial


def test_second_reading_comes_from_the_cache(tmp_path, prototypes):
    texts = [str(CifWriter(s)) for s in prototypes.data[-100:]]
    texts.append(UNUSUAL["formula is wrong"])
    start = time.perf_counter()
    with pytest.warns(UserWarning, match="1 of 101"):
        first = parse_structures(texts, cache=tmp_path / "kept")
    middle = time.perf_counter()
    with pytest.warns(UserWarning, match="1 of 101"):  # remarks are kept as well
        second = parse_structures(texts, cache=tmp_path / "kept")
    end = time.perf_counter()
    assert second == first
    assert end - middle < middle - start


def test_failures_are_tried_again(tmp_path):
    path = tmp_path / "a.cif"
    path.write_text("data_")
    with pytest.raises(ValueError, match=r"a\.cif"):
        parse_structures([path], cache=tmp_path)
    path.write_text(ROCK_SALT)
    assert_same(parse_structures([path], cache=tmp_path).structures[0], read(ROCK_SALT))


@pytest.mark.parametrize("damage", ["row", "file", "tail"])
def test_what_is_damaged_in_the_cache_is_parsed_again(tmp_path, prototypes, damage):
    texts = [str(CifWriter(s)) for s in prototypes.data[:60]]
    first = parse_structures(texts, cache=tmp_path)
    (file,) = tmp_path.glob("*.sqlite")
    if damage == "row":
        with sqlite3.connect(file) as connection:
            connection.execute("UPDATE crystals SET crystal = x'6100ff'")
        connection.close()
        second = parse_structures(texts, cache=tmp_path)
    else:
        data = file.read_bytes()
        half = data[: len(data) // 2]
        file.write_bytes(b"nonsense" * 99 if damage == "file" else half)
        with pytest.warns(UserWarning, match=r"cache.*damaged") as caught:
            second = parse_structures(texts, cache=tmp_path)
        assert caught[0].filename == __file__
    assert second == first == parse_structures(texts, cache=tmp_path)


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    path = tmp_path / "file"
    path.touch()
    with pytest.raises(OSError, match="cache"):
        parse_structures([ROCK_SALT], cache=path)


@pytest.mark.parametrize(
    "options", [{"errors": "ignore"}, {"disordered": "order"}, {"names": ["a", "b"]}]
)
def test_options_are_checked(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        parse_structures([ROCK_SALT], **options)


@pytest.mark.shared_data
def test_real_cifs_are_read_as_pymatgen_reads_them(shared_data):
    path = shared_data / "mp_cgcnn_36k" / "mp_cgcnn_36k.csv.xz"
    texts = pd.read_csv(path, keep_default_na=False)["cif"].sample(200, random_state=0)
    for text, structure in zip(texts, parse_structures(texts).structures, strict=True):
        assert_same(structure, by_pymatgen(text))
