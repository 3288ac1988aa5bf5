"""CGCNN's folders of CIFs: ids, labels, and errors that name the file."""

import gzip
import lzma

import numpy as np
import pytest
from pymatgen.io.cif import CifWriter
from pymatgen.io.vasp.inputs import Poscar

from skcrystal import GCNRegressor
from skcrystal.datasets import read_cif_folder

IDS = ["007", "NaN", "None", "mp-1"]

# Most tables here have rows of some files alone, which one test looks at.
pytestmark = pytest.mark.filterwarnings("ignore:.*files of crystals in.*have no row")


@pytest.fixture
def folder(tmp_path, prototypes):
    """Four crystals, their labels in another order than their names."""
    for name, crystal in zip(IDS, prototypes.data, strict=False):
        (tmp_path / f"{name}.cif").write_text(str(CifWriter(crystal)))
    (tmp_path / "atom_init.json").write_text("{}")
    (tmp_path / "id_prop.csv").write_text("mp-1,-1.5\nNaN,0.25\n007,\nNone,nan\n")
    return tmp_path


def write_labels(folder, text):
    (folder / "id_prop.csv").write_text(text)


def test_labels_go_with_their_crystals(folder, prototypes):
    bunch = read_cif_folder(folder)
    assert bunch.frame.index.tolist() == ["mp-1", "NaN", "007", "None"]
    assert bunch.target.tolist()[:2] == [-1.5, 0.25]
    assert np.isnan(bunch.target[2:]).all()
    assert bunch.target_names == ["target"]
    assert bunch.groups.tolist() == [prototypes.groups[i] for i in (3, 1, 0, 2)]
    for structure, i in zip(bunch.data, (3, 1, 0, 2), strict=True):
        assert structure.volume == pytest.approx(prototypes.data[i].volume, rel=1e-5)
    assert not bunch.failed_
    assert not bunch.ignored_
    assert "target: 2 labels, -1.5 to 0.25" in bunch.DESCR


@pytest.mark.parametrize("header", ["", "id, energy ,gap\n"])
def test_several_labels_with_and_without_names(folder, header):
    write_labels(folder, header + "007,1,2\r\nNaN , 3, 4\n\n")
    with pytest.warns(UserWarning, match=r"2 of 4 files .* None\.cif, mp-1\.cif; the"):
        bunch = read_cif_folder(folder)
    assert bunch.target.tolist() == [[1, 2], [3, 4]]
    expected = ["energy", "gap"] if header else ["target_0", "target_1"]
    assert bunch.target_names == expected
    assert bunch.ignored_ == ["None.cif", "mp-1.cif"]
    assert "2 files have no row" in bunch.DESCR
    named = read_cif_folder(folder, targets=["energy", "gap"], as_frame=True)
    assert named.target.loc["NaN"].to_dict() == {"energy": 3, "gap": 4}
    if header:
        assert read_cif_folder(folder, targets="gap").target.tolist() == [2, 4]


def test_one_column_of_words_is_classes(folder):
    write_labels(folder, "007,metal\nNaN,insulator\nmp-1,\n")
    target = read_cif_folder(folder, return_X_y=True)[1]
    assert target.tolist() == ["metal", "insulator", None]


@pytest.mark.parametrize("id_prop", ["id_prop.csv", None])
def test_crystals_alone_are_for_prediction(folder, id_prop, prototypes):
    if id_prop:
        (folder / id_prop).unlink()
    bunch = read_cif_folder(folder, id_prop=id_prop)
    assert bunch.target is None
    assert bunch.target_names == []
    assert bunch.frame.index.tolist() == IDS
    model = GCNRegressor(hidden_dim=4, n_layers=1, max_epochs=1, random_state=0)
    model.fit(prototypes.data[:20], prototypes.target[:20, 0])
    assert model.predict(bunch.data).shape == (4,)


def test_bad_files_are_all_named_or_left_out(folder):
    (folder / "007.cif").write_text("")
    (folder / "NaN.cif").write_text("data_x\n")
    write_labels(folder, "007,1\nNaN,2\nmp-1,3\nmp-2,4\n")
    with pytest.raises(ValueError, match=r"3 of 4(.|\n)*007: (.|\n)*NaN: ") as error:
        read_cif_folder(folder)
    assert "mp-2.cif does not exist" in str(error.value)
    with pytest.warns(UserWarning, match="3 of 4"):
        bunch = read_cif_folder(folder, errors="skip")
    assert bunch.target.tolist() == [3]
    assert list(bunch.failed_) == ["007", "NaN", "mp-2"]
    assert bunch.failed_["007"] == "it is empty"
    assert "3 crystals were left out" in bunch.DESCR


def test_nothing_left_is_an_error(folder):
    write_labels(folder, "007,1\n")
    (folder / "007.cif").write_text("")
    with (
        pytest.warns(UserWarning, match="1 of 1"),
        pytest.raises(ValueError, match="no crystal"),
    ):
        read_cif_folder(folder, errors="skip")


def test_poscars(tmp_path, skewed):
    for name in ("POSCAR_a", "CONTCAR.b", "c.vasp", "d.POSCAR"):
        Poscar(skewed).write_file(tmp_path / name)
    (tmp_path / "OUTCAR").write_text("none of ours")
    bunch = read_cif_folder(tmp_path)
    assert bunch.frame.index.tolist() == ["a", "b", "c", "d"]
    assert all(s.volume == pytest.approx(skewed.volume) for s in bunch.data)


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("POSCAR", "POSCAR"),
        ("POSCAR.vasp", "POSCAR"),
        ("CONTCAR.gz", "CONTCAR"),
        ("POSCAR_mp-1.gz", "mp-1"),
        ("CONTCAR-mp-1.vasp.xz", "mp-1"),
        ("Fe2O3_POSCAR.vasp", "Fe2O3_POSCAR"),
        ("x_POSCAR_y.vasp", "x_POSCAR_y"),
        ("POSCAR_1.5", "1.5"),
    ],
)
def test_names_of_files_are_ids_in_all_their_forms(tmp_path, skewed, file, name):
    opens = {".gz": gzip.open, ".xz": lzma.open}.get((tmp_path / file).suffix, open)
    with opens(tmp_path / file, "wt") as text:
        text.write(Poscar(skewed).get_str())
    assert read_cif_folder(tmp_path).frame.index.tolist() == [name]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,formula\n007,1\n", r"column 'formula' cannot be a target"),
        ("id,structure,e\n007,1,2\n", r"targets=\['e'\]"),
        ("id,e,e\n007,1,2\n", "one name twice"),
        ("007,1\nNaN,2\n007,3\n", "ids.*'007'"),
        ("007,1\nNaN,2,3\n", r"row 2 \(NaN,2,3\) has 3 columns"),
        ("007\nNaN\n", "1 columns"),
        ("", "empty"),
        ("007,1,2\nNaN,3,x\n", "'target_1', row 'NaN': 'x' is not a number"),
        ("007,1\nNaN,2\nmp-1,1.2.3\n", r"row 'mp-1': '1\.2\.3' is not a number"),
        ("007,inf\n", "infinite"),
    ],
)
def test_wrong_tables_are_named_with_the_place(folder, text, message):
    write_labels(folder, text)
    with pytest.raises(ValueError, match=message):
        read_cif_folder(folder)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"targets": ["a", "b"]}, ValueError, "2 names.*1 columns"),
        ({"id_prop": "labels.csv"}, FileNotFoundError, r"labels\.csv.*id_prop\.csv"),
        ({"id_prop": None, "targets": "a"}, ValueError, "no table"),
        ({"targets": "formula"}, ValueError, "formula"),
    ],
)
def test_wrong_options_are_named(folder, options, error, message):
    with pytest.raises(error, match=message):
        read_cif_folder(folder, **options)


def test_folders_without_crystals_and_ids_twice(tmp_path, folder, skewed):
    Poscar(skewed).write_file(folder / "007.vasp")
    with pytest.raises(ValueError, match=r"007\.cif and 007\.vasp"):
        read_cif_folder(folder)
    empty = tmp_path / "empty"
    with pytest.raises(FileNotFoundError, match="empty"):
        read_cif_folder(empty)
    empty.mkdir()
    with pytest.raises(ValueError, match="holds no crystals"):
        read_cif_folder(empty)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("007.cif,1\nNaN.cif,2\n", "such as '007.cif', is that of a file .* '007'"),
        ("7,1\n8,2\n", "zeros included"),
        ("-0.5,007\n-0.5,NaN\n", "Ids stand first in a row"),
        ("007;1\nNaN;2\n", "with commas in between"),
    ],
)
def test_tables_written_otherwise(folder, table, message):
    write_labels(folder, table)
    for errors in ("raise", "skip"):
        with pytest.raises(ValueError, match=message):
            read_cif_folder(folder, errors=errors)
