"""Matbench's files over HTTP, from a server on this machine, in the published form."""

import gzip
import hashlib
import json

import numpy as np
import pytest
from file_server import serving
from numpy.testing import assert_array_equal
from pymatgen.core import Lattice, Structure
from sklearn.model_selection import cross_val_score

from skcrystal import GCNClassifier
from skcrystal.datasets import _matbench as module, fetch_matbench, filter_by_range
from skcrystal.datasets._matbench import TASKS

# From matbench_v0.1_validation.json of matbench 0.6: of a byte a crystal, the number of
# the fold in which it is a test crystal, the start of the SHA-256
PUBLISHED_FOLDS = {
    "matbench_dielectric": "75ce477812f494b8b1e0199e21c1226d",
    "matbench_jdft2d": "72e2b4bc7ea4df679c2b76cd181fc1da",
    "matbench_log_gvrh": "d4f1c38e786d9d8f0e0b75357b99c60f",
    "matbench_log_kvrh": "d4f1c38e786d9d8f0e0b75357b99c60f",
    "matbench_mp_e_form": "86b3e1f495cbebb05e4ff38810580bad",
    "matbench_mp_gap": "0e4e0dea8fbe7235e1b18ccf80eb6e42",
    "matbench_perovskites": "78012772e6affd65d33b5f817c88b243",
    "matbench_phonons": "5139ec1c5736bd95d40a2bdbc2a0d28d",
}


def written_in_2019(structure):
    """Dictionary of a crystal as pymatgen wrote it when the files were made."""
    record = structure.as_dict()
    del record["properties"], record["lattice"]["pbc"]
    for site in record["sites"]:
        if not site["properties"]:
            del site["properties"]
    return record


def content_of(structures, values, column):
    """A file of the published form, compressed to the same bytes each time."""
    table = {
        "index": list(range(len(values))),
        "columns": ["structure", column],
        "data": [
            [written_in_2019(structure), value]
            for structure, value in zip(structures, values, strict=True)
        ],
    }
    return gzip.compress(json.dumps(table).encode(), mtime=0)


def publish(server, monkeypatch, task, structures, values):
    """Serve such a file in place of the published one, with its own checksum."""
    content = content_of(structures, values, TASKS[task].column)
    server.files[f"/{task}.json.gz"] = content
    known = TASKS[task]._replace(
        sha256=hashlib.sha256(content).hexdigest(), n_crystals=len(values)
    )
    monkeypatch.setitem(TASKS, task, known)
    return content


@pytest.fixture
def server(monkeypatch):
    with serving(module, monkeypatch) as server:
        yield server


@pytest.fixture
def published(server, monkeypatch, small):
    """Forty crystals as the task of perovskites."""
    structures, target, _ = small
    publish(server, monkeypatch, "matbench_perovskites", structures, list(target[:, 0]))
    return server


def test_crystals_come_back(published, small, tmp_path):
    structures, target, formulas = small
    bunch = fetch_matbench("perovskites", data_home=tmp_path / "new" / "folder")
    assert bunch.data == structures
    assert_array_equal(bunch.target, target[:, 0])
    assert_array_equal(bunch.groups, formulas)
    assert bunch.target_names == ["e_form"]
    assert list(bunch.frame.columns) == ["structure", "e_form", "formula"]
    assert bunch.frame.index[0] == "mb-perovskites-01"
    assert bunch.frame.index[-1] == "mb-perovskites-40"
    for word in ("matbench_perovskites", "Crystals: 40", "eV a cell", "Dunn"):
        assert word in bunch.DESCR
    X, y = fetch_matbench(data_home=tmp_path / "new" / "folder", return_X_y=True)
    assert X == structures
    assert_array_equal(y, bunch.target)
    frame = fetch_matbench(data_home=tmp_path / "new" / "folder", as_frame=True)
    assert frame.data.index.equals(frame.target.index)
    assert frame.target.name == "e_form"


def test_what_a_crystal_is_stays(server, monkeypatch, tmp_path, skewed):
    """Ions, shared sites, isotopes and atoms outside the cell are what they were."""
    cell = Lattice.cubic(4.2)
    sites = [[0, 0, 0], [0.5, 0.5, 0.5]]
    crystals = [
        skewed,
        Structure(cell, ["Na+", "Cl-"], sites),
        Structure(cell, [{"Na": 0.5, "K": 0.5}, "Cl"], sites),
        Structure(cell, ["D", "Cl"], sites),
        Structure(cell, ["Na", "N"], sites),
    ]
    magnetic = crystals[0].copy(site_properties={"magmom": [1.0, 2.0, 3.0]})
    publish(
        server,
        monkeypatch,
        "matbench_dielectric",
        [magnetic, *crystals[1:]],
        [1.5, 2, 3, 4, 5],
    )
    bunch = fetch_matbench("dielectric", data_home=tmp_path)
    for found, made in zip(bunch.data, crystals, strict=True):
        assert found == made
        assert found.species_and_occu == made.species_and_occu
        np.testing.assert_array_equal(found.frac_coords, made.frac_coords)
    # Sodium nitride's formula reads like a missing number.
    assert bunch.groups.tolist()[-1] == "NaN"
    assert not bunch.frame["formula"].isna().any()


@pytest.mark.filterwarnings("ignore:X holds elements")  # of forty crystals
def test_metals_are_bools_that_classifiers_take(server, monkeypatch, small, tmp_path):
    structures, target, _ = small
    metal = target[:, 1] == 0
    publish(server, monkeypatch, "matbench_mp_is_metal", structures, metal.tolist())
    bunch = fetch_matbench("mp_is_metal", data_home=tmp_path)
    assert bunch.target.dtype == bool
    assert_array_equal(bunch.target, metal)
    for _, test in bunch.folds:  # as many metals in each as there can be
        assert abs(metal[test].sum() - metal.sum() / 5) < 1
    model = GCNClassifier(hidden_dim=8, n_layers=1, max_epochs=1, random_state=0)
    scores = cross_val_score(
        model, bunch.data, bunch.target, cv=bunch.folds, scoring="roc_auc"
    )
    assert scores.shape == (5,)
    assert np.isfinite(scores).all()


@pytest.mark.parametrize("task", PUBLISHED_FOLDS)
def test_folds_are_those_of_matbench(task):
    n = TASKS[task].n_crystals
    fold_of = np.full(n, 255, dtype=np.uint8)
    for number, (train, test) in enumerate(module.official_folds(np.zeros(n))):
        assert_array_equal(np.sort(np.concatenate([train, test])), np.arange(n))
        assert (fold_of[test] == 255).all()
        fold_of[test] = number
    digest = hashlib.sha256(fold_of.tobytes()).hexdigest()
    assert digest[:32] == PUBLISHED_FOLDS[task]


def test_the_second_call_neither_asks_nor_parses(published, tmp_path, monkeypatch):
    first = fetch_matbench(data_home=tmp_path)
    assert published.asked == ["/matbench_perovskites.json.gz"]
    published.stop()
    monkeypatch.setattr(module, "JsonStream", None)
    again = fetch_matbench(data_home=str(tmp_path))
    assert again.data == first.data
    assert again.frame.drop(columns="structure").equals(
        first.frame.drop(columns="structure")
    )


def test_what_was_kept_is_of_that_file(published, monkeypatch, small, tmp_path):
    """Parsed crystals of another file, or damaged ones, are parsed anew."""
    structures, target, _ = small
    fetch_matbench(data_home=tmp_path)
    values = list(target[::-1, 0])
    publish(published, monkeypatch, "matbench_perovskites", structures[::-1], values)
    bunch = fetch_matbench(data_home=tmp_path)
    assert bunch.data == structures[::-1]
    assert_array_equal(bunch.target, values)
    kept = tmp_path / "matbench_perovskites.npz"
    for damaged in (b"", kept.read_bytes()[:-2000], b"no zip"):
        kept.write_bytes(damaged)
        assert fetch_matbench(data_home=tmp_path).data == structures[::-1]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "matbench_perovskites.json.gz",
        "matbench_perovskites.npz",
    ]


@pytest.mark.parametrize("fault", ["broken", "damaged"])
def test_bad_transfers_leave_no_file(published, tmp_path, fault):
    published.fault = fault
    with pytest.raises(OSError, match="could not be downloaded") as error:
        fetch_matbench(data_home=tmp_path)
    assert published.url + "matbench_perovskites.json.gz" in str(error.value)
    assert str(tmp_path / "matbench_perovskites.json.gz") in str(error.value)
    assert list(tmp_path.iterdir()) == []
    published.fault = None
    assert len(fetch_matbench(data_home=tmp_path).data) == 40


def test_a_transfer_that_breaks_once_is_tried_again(published, tmp_path, monkeypatch):
    from skcrystal.datasets import _download

    monkeypatch.setattr(_download, "RETRIES", 1)
    published.breaks = 1
    assert len(fetch_matbench(data_home=tmp_path).data) == 40
    assert len(published.asked) == 2


def test_another_file_is_not_taken(published, tmp_path):
    published.files["/matbench_perovskites.json.gz"] = gzip.compress(b"{}")
    with pytest.raises(OSError, match="hash"):
        fetch_matbench(data_home=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_offline_it_says_where_a_file_may_be_put(published, tmp_path):
    published.stop()
    path = tmp_path / "matbench_perovskites.json.gz"
    with pytest.raises(OSError, match="by hand") as error:
        fetch_matbench(data_home=tmp_path)
    assert str(path) in str(error.value)
    path.write_bytes(published.files[f"/{path.name}"])
    assert len(fetch_matbench(data_home=tmp_path).data) == 40


def test_names():
    with pytest.raises(ValueError, match=r"'steels' has compositions.*perovskites"):
        fetch_matbench("steels")
    with pytest.raises(ValueError, match=r"'gap' is not a task.*mp_gap"):
        fetch_matbench("gap")


@pytest.mark.parametrize(
    ("content", "packed", "message"),
    [
        (b'{"columns": ["structure", "e_form"], "data": [[{', True, "complete"),
        (b'{"columns": ["structure", "n"], "data": []}', True, "columns"),
        (b"[]", True, "complete"),
        (b'{"data": [[{}, 1.0]]}', True, "crystal 0"),
        (b"not compressed", False, "complete"),
        # Cut short
        (
            gzip.compress(b'{"columns": [1, 2, 3]}' * 99, mtime=0)[:-9],
            False,
            "complete",
        ),
    ],
    ids=["open list", "column", "list", "no crystal", "not compressed", "cut short"],
)
def test_files_that_are_not_of_that_form(tmp_path, content, packed, message):
    path = tmp_path / "file.json.gz"
    path.write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises(ValueError, match=message) as error:
        module.read_matbench(path, "perovskites")
    assert str(path) in str(error.value)


def test_folds_of_a_filtered_task_are_the_official_ones_of_what_is_left(
    published, tmp_path
):
    bunch = fetch_matbench("perovskites", data_home=tmp_path)
    middle = float(np.median(bunch.target))
    cut = filter_by_range(bunch, e_form=(middle, None))
    assert len(cut.data) < len(bunch.data)
    left = set(cut.frame.index)
    for fold, whole in zip(cut.folds, bunch.folds, strict=True):
        for rows, of_all in zip(fold, whole, strict=True):
            names = bunch.frame.index[of_all]
            assert cut.frame.index[rows].tolist() == [n for n in names if n in left]
