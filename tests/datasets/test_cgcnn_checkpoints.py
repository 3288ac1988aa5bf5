"""Published weights over HTTP, from a server on this machine."""

import hashlib

import pytest
from file_server import serving

from skcrystal.datasets import _cgcnn_checkpoints as module, fetch_cgcnn_checkpoint
from skcrystal.estimators.saving._cgcnn_checkpoint import read_checkpoint


@pytest.fixture
def server(monkeypatch):
    with serving(module, monkeypatch) as server:
        yield server


@pytest.fixture
def published(server, monkeypatch):
    """Small files in place of the published ones, with their own checksums."""
    known = {}
    for file, (place, _) in module._FILES.items():
        content = f"what {file} holds".encode() * 2000
        server.files[f"/{place}"] = content
        known[file] = place, hashlib.sha256(content).hexdigest()
    monkeypatch.setattr(module, "_FILES", known)
    return server


def test_files_are_fetched_once(published, tmp_path):
    bunch = fetch_cgcnn_checkpoint("band-gap", data_home=tmp_path / "new" / "folder")
    assert bunch.path == tmp_path / "new" / "folder" / "band-gap.pth.tar"
    served = {path.rpartition("/")[2]: c for path, c in published.files.items()}
    for path in (bunch.path, bunch.atom_init):
        assert path.read_bytes() == served[path.name]
    assert "band gap in eV" in bunch.DESCR
    assert len(published.asked) == 2
    published.stop()
    again = fetch_cgcnn_checkpoint("band-gap", data_home=str(tmp_path / "new/folder"))
    assert again.path == bunch.path


@pytest.mark.parametrize("fault", ["broken", "damaged"])
def test_bad_transfers_leave_no_file(published, tmp_path, fault):
    published.fault = fault
    with pytest.raises(OSError, match="could not be downloaded") as error:
        fetch_cgcnn_checkpoint("efermi", data_home=tmp_path)
    assert published.url + "pre-trained/efermi.pth.tar" in str(error.value)
    assert str(tmp_path / "efermi.pth.tar") in str(error.value)
    assert list(tmp_path.iterdir()) == []
    published.fault = None
    assert fetch_cgcnn_checkpoint("efermi", data_home=tmp_path).path.is_file()


def test_a_file_that_was_damaged_later_is_fetched_again(published, tmp_path):
    path = fetch_cgcnn_checkpoint("efermi", data_home=tmp_path).path
    whole = path.read_bytes()
    path.write_bytes(whole[:100])
    assert fetch_cgcnn_checkpoint("efermi", data_home=tmp_path).path == path
    assert path.read_bytes() == whole


def test_offline_it_says_where_a_file_may_be_put(published, tmp_path):
    published.stop()
    with pytest.raises(OSError, match="by hand") as error:
        fetch_cgcnn_checkpoint(data_home=tmp_path)
    assert str(tmp_path / "formation-energy-per-atom.pth.tar") in str(error.value)
    for file, (place, _) in module._FILES.items():
        (tmp_path / file).write_bytes(published.files[f"/{place}"])
    assert fetch_cgcnn_checkpoint(data_home=tmp_path).path.is_file()


def test_a_file_that_is_gone_at_its_source(published, tmp_path):
    published.files.clear()
    with pytest.raises(OSError, match="404"):
        fetch_cgcnn_checkpoint(data_home=tmp_path)


def test_names():
    with pytest.raises(ValueError, match=r"'gap'.*formation-energy-per-atom, band"):
        fetch_cgcnn_checkpoint("gap")


@pytest.mark.shared_data
def test_checksums_are_those_of_the_published_files(server, shared_data, tmp_path):
    folder = shared_data / "cgcnn_checkpoints"
    if not folder.is_dir():
        pytest.skip(f"no published weights in {folder}")
    for file, (place, _) in module._FILES.items():
        server.files[f"/{place}"] = (folder / file).read_bytes()
    for name, (mean, std) in {
        "formation-energy-per-atom": (-1.699, 1.056),
        "band-gap": (2.354, 1.480),
        "efermi": (2.743, 2.584),
        "semi-metal-classification": (0.0, 1.0),
    }.items():
        bunch = fetch_cgcnn_checkpoint(name, data_home=tmp_path)
        checkpoint = read_checkpoint(bunch.path, bunch.atom_init)
        assert checkpoint.mean == pytest.approx(mean, abs=1e-3)
        assert checkpoint.std == pytest.approx(std, abs=1e-3)
    assert len(server.asked) == 5
