"""Barriers of a metallic glass over HTTP, from a server on this machine."""

import pickle

import numpy as np
import pytest
from file_server import serving
from pymatgen.core import Structure
from sklearn.model_selection import LeaveOneGroupOut

from skcrystal.datasets import (
    _download,
    _metallic_glass as module,
    fetch_metallic_glass,
)
from skcrystal.datasets._safe_pickle import safe_unpickle_arrays

NAMES = [*(f"train{i}" for i in range(7)), "test0", "test1"]


def as_published(arrays, protocol=4):
    """A file as its authors made them: names of their own, more than is read."""
    there = dict(arrays)
    there["trajectory_start_velocities"] = there.pop("energy_barrier")
    there["source"] = "a simulation"
    content = pickle.dumps(there, protocol=protocol)
    # Protocol 3 writes names in full: here those of numpy 1.
    return content.replace(b"numpy._core", b"numpy.core") if protocol == 3 else content


def small_glass(seed):
    random = np.random.RandomState(seed)
    box = random.uniform(8, 9, 3).astype(np.float32)
    arrays = {
        "box": box,
        "positions": np.asfortranarray(random.uniform(-0.5, 0.5, (12, 3)) * box),
        "types": random.randint(1, 3, 12).astype(np.int8),
    }
    for name in ("energy_barrier", "pot", "press", "von"):
        arrays[name] = random.uniform(0.5, 3, 12).astype(np.float32)
    return arrays


@pytest.fixture
def server(monkeypatch):
    with serving(module, monkeypatch) as server:
        yield server


@pytest.fixture
def glasses(server, monkeypatch):
    """Small configurations in place of the published ones, served."""
    glasses = {name: small_glass(seed) for seed, name in enumerate(NAMES)}
    content = {name: module._digest(arrays) for name, arrays in glasses.items()}
    monkeypatch.setattr(module, "_CONTENT", content)
    for i, (name, arrays) in enumerate(glasses.items()):
        server.files[f"/{name}.pickle"] = as_published(arrays, protocol=3 + i % 3)
    return glasses


def test_what_comes_is_what_was_published(glasses, tmp_path):
    bunch = fetch_metallic_glass(data_home=tmp_path / "new" / "folder")
    assert bunch.names == NAMES
    assert bunch.target_names == ["energy_barrier"]
    for name, structure, barrier in zip(
        bunch.names, bunch.data, bunch.target, strict=True
    ):
        glass = glasses[name]
        assert isinstance(structure, Structure)
        np.testing.assert_allclose(structure.lattice.abc, glass["box"])
        assert structure.lattice.is_orthogonal
        assert all(structure.lattice.pbc)
        np.testing.assert_allclose(structure.cart_coords, glass["positions"])
        is_copper = np.array([site.specie.symbol == "Cu" for site in structure])
        np.testing.assert_array_equal(is_copper, glass["types"] == 1)
        np.testing.assert_array_equal(barrier, glass["energy_barrier"])
        assert barrier.dtype == np.float64
        rows = bunch.frame[bunch.frame["configuration"] == name]
        np.testing.assert_array_equal(rows["site"], np.arange(len(structure)))
        np.testing.assert_array_equal(rows["energy_barrier"], barrier)
        np.testing.assert_array_equal(rows["von"], glass["von"])
        assert rows["element"].tolist() == [site.specie.symbol for site in structure]
    assert "eV" in bunch.DESCR
    assert "arXiv:2401.08627" in bunch.DESCR


def test_configurations_that_are_alike_are_never_parted(glasses, tmp_path):
    bunch = fetch_metallic_glass(subset="train", data_home=tmp_path)
    for train, test in LeaveOneGroupOut().split(bunch.data, groups=bunch.groups):
        for pair in ({0, 1}, {5, 6}):
            assert pair <= set(train) or pair <= set(test)
    assert len(set(bunch.groups)) == 5


@pytest.mark.parametrize(
    ("subset", "expected"), [("train", NAMES[:7]), ("test", NAMES[7:]), ("all", NAMES)]
)
def test_subsets_fetch_only_what_they_hold(glasses, server, tmp_path, subset, expected):
    X, y = fetch_metallic_glass(subset=subset, data_home=tmp_path, return_X_y=True)
    assert [len(barriers) for barriers in y] == [len(structure) for structure in X]
    assert server.asked == [f"/{name}.pickle" for name in expected]
    server.stop()
    assert fetch_metallic_glass(subset=subset, data_home=tmp_path).names == expected


@pytest.mark.parametrize("fault", ["broken", "damaged"])
def test_bad_transfers_leave_no_file(glasses, server, tmp_path, fault):
    server.fault = fault
    with pytest.raises(OSError, match="could not be downloaded") as error:
        fetch_metallic_glass(subset="test", data_home=tmp_path)
    assert server.url + "test0.pickle" in str(error.value)
    assert str(tmp_path / "test0.pickle") in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_a_transfer_that_breaks_is_tried_again(glasses, server, tmp_path, monkeypatch):
    monkeypatch.setattr(_download, "RETRIES", 1)
    server.breaks = 1
    assert len(fetch_metallic_glass(subset="test", data_home=tmp_path).data) == 2
    assert len(server.asked) == 3


def test_a_file_that_was_damaged_later_is_fetched_again(glasses, server, tmp_path):
    fetch_metallic_glass(subset="test", data_home=tmp_path)
    path = tmp_path / "test1.pickle"
    whole = path.read_bytes()
    path.write_bytes(whole[:100])
    fetch_metallic_glass(subset="test", data_home=tmp_path)
    assert path.read_bytes() == whole
    assert len(server.asked) == 3


def test_offline_it_says_where_a_file_may_be_put(glasses, server, tmp_path):
    server.stop()
    with pytest.raises(OSError, match="by hand") as error:
        fetch_metallic_glass(subset="test", data_home=tmp_path)
    assert str(tmp_path / "test0.pickle") in str(error.value)
    for name in ("test0", "test1"):
        (tmp_path / f"{name}.pickle").write_bytes(server.files[f"/{name}.pickle"])
    assert len(fetch_metallic_glass(subset="test", data_home=tmp_path).data) == 2


def test_one_other_label_is_noticed(glasses, server, tmp_path):
    other = {**glasses["test0"]}
    other["energy_barrier"] = other["energy_barrier"].copy()
    other["energy_barrier"][7] = np.nextafter(other["energy_barrier"][7], 9)
    server.files["/test0.pickle"] = as_published(other)
    with pytest.raises(OSError, match="not hold the published arrays") as error:
        fetch_metallic_glass(subset="test", data_home=tmp_path)
    assert module._CONTENT["test0"] in str(error.value)


def test_a_missing_array_is_named(glasses, server, tmp_path):
    other = {name: glasses["test0"][name] for name in ("box", "energy_barrier")}
    server.files["/test0.pickle"] = as_published(other)
    with pytest.raises(OSError, match="no array 'positions', only") as error:
        fetch_metallic_glass(subset="test", data_home=tmp_path)
    assert "'box'" in str(error.value)


class Malicious:
    """Runs a command of its own when `pickle.load` reads it."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        import os

        return os.mkdir, (str(self.path),)


def test_a_pickle_that_would_run_something_is_refused(glasses, server, tmp_path):
    trace = tmp_path / "trace"
    evil = pickle.dumps({**glasses["test0"], "more": Malicious(trace)})
    server.files["/test0.pickle"] = evil
    cache = tmp_path / "cache"
    with pytest.raises(OSError, match=r"asks for \w+\.mkdir, which no array needs"):
        fetch_metallic_glass(subset="test", data_home=cache)
    assert list(cache.iterdir()) == []
    assert not trace.exists()
    pickle.loads(evil)
    assert trace.is_dir()  # so it was one


def test_types_of_numbers_cannot_be_turned_to_addresses(tmp_path):
    """A type that has lost its flags would take bytes for pointers, and follow them."""
    path = tmp_path / "file.pickle"
    for flags in (b"I63\n", b"I32\n", b"I0\n"):
        path.write_bytes(
            b"(S'a'\ncnumpy._core.numeric\n_frombuffer\n(C\x08AAAAAAAA"
            b"cnumpy\ndtype\n(S'O8'\nI00\nI01\ntR(I3\nS'|'\nNNNI-1\nI-1\n"
            + flags
            + b"tb(I1\ntS'C'\ntRd."
        )
        with pytest.raises(ValueError, match="array of O8"):
            safe_unpickle_arrays(path)


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_are_read_as_they_are(tmp_path, protocol, order):
    path = tmp_path / "file.pickle"
    there = {
        "a": np.asarray(np.arange(6, dtype=">f4").reshape(2, 3), order=order),
        "b": np.array(3, dtype="<i2"),
        "c": np.array([True, False]),
    }
    path.write_bytes(pickle.dumps(there | {"text": "x"}, protocol=protocol))
    found = safe_unpickle_arrays(path)
    assert found.keys() == there.keys()
    for name, array in there.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype


@pytest.mark.parametrize("name", ["builtins.eval", "numpy.load", "numpy.memmap"])
def test_nothing_but_arrays_is_admitted(tmp_path, name):
    module, _, attribute = name.rpartition(".")
    path = tmp_path / "file.pickle"
    path.write_bytes(f"c{module}\n{attribute}\n(S'1'\ntR.".encode())
    with pytest.raises(ValueError, match=f"asks for {name}"):
        safe_unpickle_arrays(path)


def test_reading_leaves_the_types_of_numpy_alone(tmp_path):
    """Pickles set the byte order of the type that they were handed."""
    path = tmp_path / "file.pickle"
    for order in "<>":
        there = np.arange(3, dtype=f"{order}f8")
        path.write_bytes(pickle.dumps({"a": there}, protocol=4))
        np.testing.assert_array_equal(safe_unpickle_arrays(path)["a"], [0, 1, 2])
        assert np.dtype("f8").isnative
        assert np.dtype("f8") == np.float64


@pytest.mark.parametrize("content", [b"", b"\x80\x04", pickle.dumps([1]), b"<html>"])
def test_files_that_are_something_else(tmp_path, content):
    path = tmp_path / "file.pickle"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"^file\.pickle "):
        safe_unpickle_arrays(path)


def test_subset_names():
    with pytest.raises(ValueError, match="subset='valid' is none of all, train, test"):
        fetch_metallic_glass(subset="valid")


@pytest.mark.shared_data
def test_the_published_configurations(server, shared_data, tmp_path):
    path = shared_data / "metallic_glass_barriers" / "symgnn_cu64zr36.npz"
    if not path.is_file():
        pytest.skip(f"no file {path}")
    with np.load(path) as there:
        for name in NAMES:
            keys = [key for key in there if key.startswith(f"{name}_")]
            arrays = {key.removeprefix(f"{name}_"): there[key] for key in keys}
            server.files[f"/{name}.pickle"] = as_published(arrays)
        assert module.bunch_of(there).names == NAMES
    bunch = fetch_metallic_glass(data_home=tmp_path)
    assert [len(structure) for structure in bunch.data] == [8000] * 7 + [3000] * 2
    train, test = np.concatenate(bunch.target[:7]), np.concatenate(bunch.target[7:])
    assert train.mean() == pytest.approx(1.612, abs=1e-3)
    assert test.mean() == pytest.approx(1.796, abs=1e-3)
    assert bunch.data[0].composition.reduced_formula == "Zr9Cu16"
    for structure in bunch.data[0], bunch.data[8]:
        assert structure.num_sites / structure.volume == pytest.approx(0.063, abs=1e-3)
    # What `groups` says: row by row the same atoms, hardly moved
    first, second = (structure.frac_coords for structure in bunch.data[:2])
    moved = first - second
    moved = (moved - np.round(moved)) @ bunch.data[0].lattice.matrix
    assert np.median(np.linalg.norm(moved, axis=1)) < 0.03
    assert 0.7 < np.corrcoef(bunch.target[0], bunch.target[1])[0, 1] < 0.8
