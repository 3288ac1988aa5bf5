"""Checkpoints of the original CGCNN: what is read, refused and predicted."""

import copy
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from dense_cgcnn import dense_outputs, random_content, random_vectors
from pymatgen.core import Lattice, Structure

from skcrystal import CrystalGraphTransformer
from skcrystal.estimators.saving._cgcnn_checkpoint import read_checkpoint
from skcrystal.nn import GraphStore

VECTORS = random_vectors()
REFERENCE = Path(__file__).parent / "cgcnn_reference.json"


@pytest.fixture
def write(tmp_path):
    def write(content, **options):
        path = tmp_path / "model.pth.tar"
        torch.save(content, path, **options)
        return path

    return write


@pytest.fixture(scope="module")
def reference():
    """Crystals, and what the original program predicts for them."""
    rows = json.loads(REFERENCE.read_text(encoding="utf-8"))
    crystals = [
        Structure(Lattice(row["lattice"]), row["species"], row["sites"]) for row in rows
    ]
    return crystals, rows


def predict(checkpoint, crystals, **parameters):
    """In units; the probability of class 1 for a classifier."""
    transformer = CrystalGraphTransformer(
        cutoff=8.0, max_neighbors=12, on_isolated="nearest", **parameters
    )
    store = GraphStore.of(transformer.transform(crystals), "cpu")
    with torch.no_grad():
        outputs = checkpoint.network(store.gather(np.arange(len(crystals))))
    if checkpoint.task == "classification":
        return outputs.softmax(1)[:, 1].numpy()
    return checkpoint.mean + checkpoint.std * outputs[:, 0].numpy()


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("name", "atol"),
    [
        ("formation-energy-per-atom", 1e-5),  # eV/atom
        ("band-gap", 5e-5),  # eV
        ("efermi", 5e-5),  # eV
        ("semi-metal-classification", 1e-5),
    ],
)
def test_published_weights_predict_what_the_original_does(
    shared_data, reference, name, atol
):
    folder = shared_data / "cgcnn_checkpoints"
    if not folder.is_dir():
        pytest.skip(f"no published weights in {folder}")
    crystals, rows = reference
    checkpoint = read_checkpoint(folder / f"{name}.pth.tar", folder / "atom_init.json")
    assert checkpoint.elements.tolist() == list(range(1, 101))
    assert (checkpoint.task == "regression") == (checkpoint.std != 1)
    expected = [row[name] for row in rows]
    for reduce in (None, "symmetry"):
        predicted = predict(checkpoint, crystals, reduce=reduce)
        np.testing.assert_allclose(predicted, expected, rtol=0, atol=atol)


def test_reference_has_atoms_with_fewer_than_twelve_neighbours(reference):
    n_neighbors = [
        min(map(len, crystal.get_all_neighbors(8.0))) for crystal in reference[0]
    ]
    assert sum(n < 12 for n in n_neighbors) >= 5
    assert 0 in n_neighbors
    assert len(n_neighbors) >= 40


@pytest.mark.parametrize("task", ["regression", "classification"])
@pytest.mark.parametrize("zipped", [False, True])
def test_files_of_old_and_new_programs(write, task, zipped, skewed):
    content = random_content(task, hidden_dim=5, n_layers=3, head_dim=7, n_hidden=3)
    (expected,) = np.atleast_2d(dense_outputs(content, VECTORS, skewed))
    # What later versions of torch and NumPy put beside and into it
    content["state_dict"]["convs.0.bn1.num_batches_tracked"] = torch.tensor(7)
    content["normalizer"] = {"mean": torch.tensor(-1.5), "std": torch.tensor([0.5])}
    content |= {"best_mae_error": np.float64(0.1), "epoch": 3, "optimizer": {}}
    path = write(content, _use_new_zipfile_serialization=zipped)
    checkpoint = read_checkpoint(str(path), VECTORS)
    assert checkpoint.settings == {
        "hidden_dim": 5,
        "n_layers": 3,
        "head_dim": 7,
        "n_hidden": 3,
        "n_features": 92,
    }
    assert (checkpoint.task, checkpoint.mean, checkpoint.std) == (task, -1.5, 0.5)
    assert not checkpoint.network.training
    if task == "regression":
        found, expected = predict(checkpoint, [skewed]), -1.5 + 0.5 * expected
    else:
        found = predict(checkpoint, [skewed])
        expected = 1 / (1 + np.exp(expected[0] - expected[1]))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_element_vectors_from_a_file_or_a_dict(write, tmp_path):
    path = write(random_content())
    file = tmp_path / "atom_init.json"
    file.write_text(json.dumps(VECTORS), encoding="utf-8")
    by_number = {int(key): np.array(value) for key, value in VECTORS.items()}
    tables = [
        read_checkpoint(path, source).network.elements.features
        for source in (file, str(file), VECTORS, by_number)
    ]
    assert all(torch.equal(tables[0][1:84], table[1:84]) for table in tables)
    assert tables[0][1:84].isfinite().all()
    assert tables[0][84:].isnan().all()


def without(*keys):
    def change(content):
        for key in keys[:-1]:
            content = content[key]
        del content[keys[-1]]

    return change


def with_(*keys, value):
    def change(content):
        for key in keys[:-1]:
            content = content[key]
        content[keys[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            without("state_dict"),
            "state_dict missing or not a dict; it has norm",
        ),
        (without("normalizer"), "normalizer missing"),
        (with_("args", value=None), "args missing or not a dict"),
        (without("state_dict", "embedding.weight"), r'"embedding.weight"\] is missing'),
        (without("state_dict", "convs.1.bn2.bias"), r"lacks convs\.1\.bn2\.bias"),
        (without("state_dict", "fc_out.weight"), r"lacks fc_out\.weight"),
        (
            with_("state_dict", "convs.1.attention", value=torch.ones(3)),
            r"has convs\.1\.attention, which CGCNN does not",
        ),
        (
            with_("state_dict", "fc_out.bias", value=torch.ones(2)),
            r'"fc_out\.bias"\] is of shape \(2,\); .* \(1,\)',
        ),
        (
            with_("state_dict", "convs.0.fc_full.weight", value=torch.ones(12, 72)),
            "60 Gaussians; only the published 41",
        ),
        (
            with_("state_dict", "fc_out.bias", value=torch.tensor([float("nan")])),
            r'"fc_out\.bias"\] holds numbers that are not finite',
        ),
        (with_("state_dict", 7, value=torch.ones(2)), "has 7, which CGCNN does not"),
        (without("normalizer", "std"), 'no numbers "mean" and "std"'),
        (with_("normalizer", "std", value=0.0), "std=0"),
        (with_("normalizer", "mean", value=float("nan")), "mean=nan"),
        (with_("args", "task", value="ranking"), "'ranking'"),
        (with_("args", "radius", value=6), "radius=6.*radius=8.0"),
        (with_("args", "max_num_nbr", value=24), "max_num_nbr=24"),
    ],
)
def test_unfit_checkpoints_are_refused_by_name(write, change, message):
    content = random_content()
    change(content)
    path = write(content)
    with pytest.raises(ValueError, match=message) as error:
        read_checkpoint(path, VECTORS)
    assert str(path) in str(error.value)


def test_files_that_are_no_checkpoints(write, tmp_path):
    with pytest.raises(ValueError, match="fetch_cgcnn_checkpoint"):
        read_checkpoint(tmp_path / "absent.pth.tar", VECTORS)
    with pytest.raises(ValueError, match="holds a list, not a CGCNN checkpoint"):
        read_checkpoint(write([1, 2]), VECTORS)
    text = tmp_path / "text.pth.tar"
    text.write_text("404: Not Found", encoding="utf-8")
    with pytest.raises(ValueError, match="damaged or holds more than weights"):
        read_checkpoint(text, VECTORS)


@pytest.mark.parametrize("zipped", [False, True])
def test_a_file_cut_short_is_damaged(write, zipped):
    path = write(random_content(), _use_new_zipfile_serialization=zipped)
    whole = path.read_bytes()
    for length in np.linspace(0, len(whole) - 300, 12).astype(int):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match="is damaged"):
            read_checkpoint(path, VECTORS)


class Touch:
    """Creates a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("zipped", [False, True])
def test_nothing_in_a_file_is_run(write, tmp_path, zipped):
    content = {**random_content(), "epoch": Touch(tmp_path / "was_run")}
    path = write(content, _use_new_zipfile_serialization=zipped)
    with pytest.raises(ValueError, match="holds more than weights"):
        read_checkpoint(path, VECTORS)
    assert not (tmp_path / "was_run").exists()


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("8", [0.5] * 91, r"vector of O \(8\) is .*for 92 finite numbers"),
        ("8", [0.5] * 91 + [float("nan")], "vector of O"),
        ("11", None, "vector of Na"),
        ("11", [[0.5]] * 92, "vector of Na"),
        ("11", ["x"] * 92, "vector of Na"),
        ("Na", [0.5] * 92, "key 'Na'; keys are atomic numbers"),
        ("119", [0.5] * 92, "key '119'"),
    ],
)
def test_unfit_element_vectors_are_refused_by_element(
    write, tmp_path, key, value, message
):
    path = write(random_content())
    vectors = copy.deepcopy(VECTORS) | {key: value}
    with pytest.raises(ValueError, match=message):
        read_checkpoint(path, vectors)
    file = tmp_path / "atom_init.json"
    file.write_text(json.dumps(vectors), encoding="utf-8")
    with pytest.raises(ValueError, match=message) as error:
        read_checkpoint(path, file)
    assert str(file) in str(error.value)


def test_unfit_files_of_element_vectors(write, tmp_path):
    path, file = write(random_content()), tmp_path / "atom_init.json"
    with pytest.raises(ValueError, match=r"atom_init=.*no such file"):
        read_checkpoint(path, file)
    file.write_text("{", encoding="utf-8")
    with pytest.raises(ValueError, match="is not a JSON file"):
        read_checkpoint(path, file)
    file.write_text("[1, 2]", encoding="utf-8")
    with pytest.raises(ValueError, match="holds a list"):
        read_checkpoint(path, file)
    with pytest.raises(ValueError, match="holds no vector"):
        read_checkpoint(path, {})
