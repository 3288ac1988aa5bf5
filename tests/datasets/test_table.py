"""Tables with a column of crystals, in common file formats."""

import gzip
import json
import lzma

import numpy as np
import pandas as pd
import pytest
from pymatgen.io.cif import CifWriter
from pymatgen.io.vasp.inputs import Poscar

from skcrystal.datasets import read_table

ENERGIES = [-1.25, np.nan, 0.5]


@pytest.fixture
def crystals(prototypes):
    """Three crystals, sodium nitride among them, whose formula reads NaN."""
    (nitride,) = np.flatnonzero(prototypes.groups == "NaN")[:1]
    return [prototypes.data[i] for i in (0, 500, nitride)]


@pytest.fixture
def cif_table(crystals):
    return pd.DataFrame(
        {
            "material_id": ["007", "NaN", "None"],
            "formula": [s.formula.replace(" ", "") for s in crystals],
            "cif": [str(CifWriter(s)) for s in crystals],
            "energy": ["-1.25", "", "0.5"],
            "metal": ["yes", "no", ""],
            "nsites": ["2", "3", "2"],
        }
    )


def plain_dict(crystal):
    """A dictionary without the empty ones in it, which parquet cannot hold."""
    record = crystal.as_dict()
    sites = [{"species": s["species"], "abc": s["abc"]} for s in record["sites"]]
    return {"lattice": record["lattice"], "sites": sites}


def check(bunch, crystals):
    assert [s.composition for s in bunch.data] == [s.composition for s in crystals]
    for structure, expected in zip(bunch.data, crystals, strict=True):
        assert structure.volume == pytest.approx(expected.volume, rel=1e-5)
    np.testing.assert_array_equal(bunch.target, ENERGIES)
    assert bunch.groups[2] == "NaN"


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.csv.xz", "a.tsv"])
def test_csv_keeps_ids_and_formulas_as_text(tmp_path, cif_table, crystals, name):
    path = tmp_path / name
    separator = "\t" if ".tsv" in name else ","
    cif_table.to_csv(path, index=False, sep=separator)
    bunch = read_table(
        path, structure_column="cif", targets="energy", id_column="material_id"
    )
    check(bunch, crystals)
    assert bunch.frame.index.tolist() == ["007", "NaN", "None"]
    assert bunch.frame["nsites"].tolist() == [2, 3, 2]
    assert bunch.frame["metal"].tolist() == ["yes", "no", ""]
    assert "cif" not in bunch.frame


@pytest.mark.parametrize("form", ["records", "split", "columns", "lists", "monty"])
@pytest.mark.parametrize("packed", [False, True])
def test_json_of_pandas_and_matminer(tmp_path, crystals, form, packed):
    columns = {
        "structure": [s.as_dict() for s in crystals],
        "e": [None if np.isnan(e) else e for e in ENERGIES],
    }
    cells = zip(*columns.values(), strict=True)
    rows = [dict(zip(columns, row, strict=True)) for row in cells]
    by_index = {k: {str(i): v for i, v in enumerate(c)} for k, c in columns.items()}
    content = {
        "records": rows,
        "split": {
            "index": [0, 1, 2],
            "columns": list(columns),
            "data": [list(row.values()) for row in rows],
        },
        "columns": by_index,
        "lists": columns,
        "monty": {
            "@module": "pandas",
            "@class": "DataFrame",
            "data": json.dumps(by_index),
        },
    }[form]
    path = tmp_path / ("a.json.xz" if packed else "a.json")
    data = json.dumps(content).encode()
    path.write_bytes(lzma.compress(data) if packed else data)
    check(read_table(path, targets="e"), crystals)


def test_json_lines_of_jarvis(tmp_path, crystals):
    path = tmp_path / "a.jsonl.gz"
    with gzip.open(path, "wt") as file:
        for crystal, energy in zip(crystals, ENERGIES, strict=True):
            atoms = {
                "lattice_mat": crystal.lattice.matrix.tolist(),
                "coords": crystal.frac_coords.tolist(),
                "elements": [site.specie.symbol for site in crystal],
                "cartesian": False,
            }
            file.write(json.dumps({"jid": "J-1", "atoms": atoms, "e": energy}) + "\n")
    check(read_table(path, structure_column="atoms", targets="e"), crystals)


@pytest.mark.parametrize("form", ["cif", "dict"])
def test_parquet(tmp_path, crystals, form):
    pytest.importorskip("pyarrow")
    make = {"cif": lambda s: str(CifWriter(s)), "dict": plain_dict}[form]
    frame = pd.DataFrame({"structure": [make(s) for s in crystals], "e": ENERGIES})
    frame.to_parquet(tmp_path / "a.parquet")
    check(read_table(tmp_path / "a.parquet", targets="e"), crystals)


def test_matminers_tables_are_taken_as_they_are(crystals):
    frame = pd.DataFrame({"structure": crystals, "e": ENERGIES}, index=[3, 5, 9])
    before = frame.copy()
    bunch = read_table(frame, targets="e")
    check(bunch, crystals)
    assert all(a is b for a, b in zip(bunch.data, crystals, strict=True))
    assert bunch.frame.index.tolist() == [3, 5, 9]
    pd.testing.assert_frame_equal(frame, before)


def test_poscars_and_several_targets(crystals):
    frame = pd.DataFrame(
        {
            "structure": [Poscar(s).get_str() for s in crystals],
            "e": ["1", "nan", "3"],
            "k": [1, 2, None],
        }
    )
    bunch = read_table(frame, targets=["k", "e"], as_frame=True)
    expected = pd.DataFrame({"k": [1, 2, np.nan], "e": [1, np.nan, 3]})
    pd.testing.assert_frame_equal(bunch.target, expected)


@pytest.mark.parametrize("labels", [["yes", "no", "yes"], [True, False, True]])
def test_classes_are_kept_as_they_are(crystals, labels):
    frame = pd.DataFrame({"structure": crystals, "metal": labels, "e": [1.0, 2, 3]})
    target = read_table(frame, targets="metal").target
    assert target.tolist() == labels
    if isinstance(labels[0], str):
        with pytest.raises(ValueError, match="'metal', row 0: 'yes' is not a number"):
            read_table(frame, targets=["e", "metal"])


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (pd.array(["yes", None, ""], dtype="string"), ["yes", None, None]),
        (pd.Categorical(["a", "b", None]), ["a", "b", None]),
        ([True, None, False], [True, None, False]),
        (pd.array([True, None, False], dtype="boolean"), [True, None, False]),
    ],
)
def test_missing_classes_of_every_type_are_none(crystals, labels, expected):
    frame = pd.DataFrame({"structure": crystals, "metal": labels})
    assert read_table(frame, targets="metal").target.tolist() == expected


def test_truth_values_beside_numbers_are_numbers(crystals):
    frame = pd.DataFrame(
        {"structure": crystals, "m": [True, None, False], "e": [1] * 3}
    )
    target = read_table(frame, targets=["m", "e"]).target
    assert target.dtype == np.float64
    np.testing.assert_array_equal(target, [[1, 1], [np.nan, 1], [0, 1]])


def test_columns_may_have_numbers_for_names(crystals):
    frame = pd.DataFrame({"structure": crystals, 3: ["1", "2", ""]})
    bunch = read_table(frame, targets=[3])
    np.testing.assert_array_equal(bunch.target, [1, 2, np.nan])
    assert bunch.target_names == [3]


def test_columns_with_one_name_and_lists_are_told(crystals):
    frame = pd.DataFrame({"structure": crystals, "e": [[1.0], [2.0], [3.0]]})
    with pytest.raises(ValueError, match="'e', row 0: a list is neither"):
        read_table(frame, targets="e")
    twice = pd.concat([frame, frame], axis=1)
    with pytest.raises(ValueError, match="several columns 'structure'"):
        read_table(twice)


def test_a_csv_with_semicolons_is_named(tmp_path, cif_table):
    cif_table.to_csv(tmp_path / "a.csv", sep=";", index=False)
    with pytest.raises(ValueError, match=r"a\.csv is not a table with ',' between"):
        read_table(tmp_path / "a.csv")
    (tmp_path / "b.csv").write_text("")
    with pytest.raises(ValueError, match=r"b\.csv is not a table"):
        read_table(tmp_path / "b.csv")


def test_without_targets_there_are_none(crystals):
    data, target = read_table(pd.DataFrame({"structure": crystals}), return_X_y=True)
    assert len(data) == 3
    assert target is None


def test_bad_rows_are_named_or_left_out(cif_table, crystals):
    cif_table.loc[1, "cif"] = "data_x"
    options = {"structure_column": "cif", "targets": "energy"}
    with pytest.raises(ValueError, match=r"1 of 3(.|\n)*row 1: Invalid CIF"):
        read_table(cif_table, **options)
    with pytest.warns(UserWarning, match="NaN: Invalid"):
        bunch = read_table(cif_table, id_column="material_id", errors="skip", **options)
    assert list(bunch.failed_) == ["NaN"]
    assert bunch.target.tolist() == [-1.25, 0.5]
    assert bunch.frame.index.tolist() == ["007", "None"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "structure_column.*'structure'.*'cif'"),
        ({"structure_column": "cif", "targets": "gap"}, "targets.*'gap'.*energy"),
        ({"structure_column": "cif", "id_column": "id"}, "id_column.*'id'"),
        ({"structure_column": "cif", "id_column": "nsites"}, "'2'"),
        ({"structure_column": "cif", "targets": "cif"}, "targets"),
        ({"structure_column": "cif", "id_column": "cif"}, "one use"),
        (
            {"structure_column": "cif", "id_column": "energy", "targets": "energy"},
            "id_column='energy'",
        ),
    ],
)
def test_wrong_columns_are_named(cif_table, options, message):
    with pytest.raises(ValueError, match=message):
        read_table(cif_table, **options)


@pytest.mark.parametrize("text", ["3", '{"a": 1}'])
def test_json_that_is_no_table(tmp_path, text):
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(ValueError, match="not a table"):
        read_table(path)


def test_unknown_endings_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"a\.xlsx.*\.parquet"):
        read_table(tmp_path / "a.xlsx")
