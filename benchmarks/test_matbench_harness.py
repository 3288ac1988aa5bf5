"""``benchmarks/accuracy/matbench.py``, run on small files of Matbench's form."""

import gzip
import hashlib
import json
import re
import sys

import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error, roc_auc_score

from benchmarks.accuracy import matbench
from skcrystal.datasets import load_pbe_prototypes

TINY = ["--set", "hidden_dim=8", "n_layers=1", "max_epochs=1"]

# Forty crystals have elements that are in one fold alone.
pytestmark = pytest.mark.filterwarnings("ignore:X holds elements")


@pytest.fixture
def harness(monkeypatch, tmp_path):
    """The script as a module, with a folder of its own for results."""
    monkeypatch.setattr(matbench, "FOLDER", tmp_path / "results")
    return matbench


@pytest.fixture
def run(harness, monkeypatch, capsys):
    """Run it, and give what it printed."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["matbench.py", *map(str, arguments)])
        harness.main()
        return capsys.readouterr().out

    return run


def write_data(path, structures, values, column):
    rows = [[s.as_dict(), v] for s, v in zip(structures, values, strict=True)]
    table = {"index": list(range(len(rows))), "columns": ["structure", column]}
    with gzip.open(path, "wt") as file:
        json.dump({**table, "data": rows}, file)
    return path


@pytest.fixture(scope="module")
def small():
    """Forty crystals and their labels."""
    prototypes = load_pbe_prototypes()
    rows = np.random.RandomState(0).permutation(len(prototypes.data))[:40]
    return [prototypes.data[i] for i in rows], prototypes.target[rows]


@pytest.fixture
def energies(small, tmp_path):
    structures, target = small
    path = tmp_path / "energies.json.gz"
    return write_data(path, structures, target[:, 0].tolist(), "e_form")


@pytest.fixture
def metals(small, tmp_path):
    structures, target = small
    path = tmp_path / "metals.json.gz"
    return write_data(path, structures, (target[:, 1] == 0).tolist(), "is_metal")


def read_record(path):
    with gzip.open(path, "rt") as file:
        return json.load(file)


def test_five_folds_and_a_record(run, harness, energies, small):
    out = run("perovskites", "--model", "GCN", *TINY, "--data", energies)
    assert len(re.findall(r"^fold \d  MAE .* 32 \+ 8 crystals", out, re.M)) == 5
    mean, spread = re.search(r"5 of 5 folds\*\* \| ([\d.]+) ± ([\d.]+)", out).groups()
    # Other crystals than others were measured on
    assert "coGN" not in out
    record = read_record(harness.FOLDER / "matbench" / "perovskites-GCN.json.gz")

    # What matbench 0.6 asks of a record
    assert record["@class"] == "MatbenchBenchmark"
    assert record["user_metadata"]["parameters"]["max_epochs"] == 1
    (name, task), *more = record["tasks"].items()
    assert name == task["dataset_name"] == "matbench_perovskites"
    assert not more
    kept = {key: value for key, value in record.items() if key != "hash"}
    text = json.dumps(kept, sort_keys=True).encode()
    assert record["hash"] == hashlib.sha256(text).hexdigest()

    # Every crystal is predicted once, and scored by its own label.
    folds = task["results"]
    assert list(folds) == [f"fold_{i}" for i in range(5)]
    predicted = [name for fold in folds.values() for name in fold["data"]]
    assert sorted(predicted) == [f"mb-perovskites-{i:02d}" for i in range(1, 41)]
    truth = dict(zip(sorted(predicted), small[1][:, 0], strict=True))
    maes = []
    for fold in folds.values():
        assert set(fold) == {"data", "parameters", "scores"}
        assert set(fold["scores"]) == {"mae", "rmse", "mape", "max_error"}
        values = np.array([[truth[name], x] for name, x in fold["data"].items()])
        assert fold["scores"]["mae"] == pytest.approx(mean_absolute_error(*values.T))
        maes.append(fold["scores"]["mae"])
    assert float(mean) == pytest.approx(np.mean(maes), abs=1e-4)
    assert float(spread) == pytest.approx(np.std(maes), abs=1e-4)


def test_finished_folds_are_not_run_again(run, harness, energies, monkeypatch):
    arguments = ["perovskites", "--model", "GCN", *TINY, "--data", energies]
    ran = []
    real = harness.run_fold
    monkeypatch.setattr(
        harness, "run_fold", lambda *args: ran.append(args[-1]) or real(*args)
    )
    folder = harness.FOLDER / "matbench" / "perovskites-GCN"
    run(*arguments, "--folds", 1, 3)
    assert ran == [1, 3]
    assert not folder.with_name("perovskites-GCN.json.gz").exists()
    first = run(*arguments)
    assert ran == [1, 3, 0, 2, 4]
    (folder / "fold_2.json").unlink()
    again = run(*arguments)
    assert ran == [1, 3, 0, 2, 4, 2]
    maes = re.compile(r"MAE [\d.]+")
    assert maes.findall(again) == maes.findall(first)
    run(*arguments, "--folds", 0, "--again")
    assert ran[-1] == 0


def test_other_settings_need_another_label(run, energies):
    run("perovskites", "--model", "GCN", *TINY, "--data", energies, "--folds", 0)
    other = ["perovskites", "--model", "GCN", *TINY[:-1], "max_epochs=2"]
    with pytest.raises(SystemExit, match=r"another run \(parameters.*--label"):
        run(*other, "--data", energies, "--folds", 0)
    run(*other, "--data", energies, "--folds", 0, "--label", "longer")


def test_any_estimator_of_scikit_learn(run, harness, energies, monkeypatch, tmp_path):
    (tmp_path / "my_models.py").write_text(
        "import numpy as np\n"
        "from sklearn.linear_model import Ridge\n"
        "from sklearn.pipeline import make_pipeline\n"
        "from sklearn.preprocessing import FunctionTransformer\n"
        "def describe(X):\n"
        "    return np.array([[s.volume / len(s), len(s)] for s in X])\n"
        "def ridge():\n"
        "    return make_pipeline(FunctionTransformer(describe), Ridge())\n"
    )
    monkeypatch.chdir(tmp_path)
    out = run(
        *("perovskites", "--estimator", "my_models:ridge", "--data", energies),
        *("--set", "ridge__alpha=0.5"),
    )
    assert "my_models.ridge, 5 of 5 folds" in out
    path = harness.FOLDER / "matbench" / "perovskites-my_models.ridge.json.gz"
    about = read_record(path)["user_metadata"]
    assert about["parameters"] == {"ridge__alpha": 0.5}


def test_classification(run, harness, metals, small):
    out = run("mp_is_metal", "--model", "GCN", *TINY, "--data", metals)
    assert len(re.findall(r"ROC AUC [\d.]+  balanced [\d.]+  accuracy", out)) == 5
    record = read_record(harness.FOLDER / "matbench" / "mp_is_metal-GCN.json.gz")
    folds = record["tasks"]["matbench_mp_is_metal"]["results"]
    names = sorted(name for fold in folds.values() for name in fold["data"])
    truth = dict(zip(names, small[1][:, 1] == 0, strict=True))
    aucs = []
    for fold in folds.values():
        assert set(fold["scores"]) == {"accuracy", "balanced_accuracy", "f1", "rocauc"}
        assert all(type(x) is float and 0 <= x <= 1 for x in fold["data"].values())
        aucs.append(
            roc_auc_score([truth[n] for n in fold["data"]], list(fold["data"].values()))
        )
    mean = re.search(r"5 of 5 folds\*\* \| ([\d.]+)", out).group(1)
    assert float(mean) == pytest.approx(np.mean(aucs), abs=1e-4)


def test_quick_leaves_no_record(run, harness, energies):
    out = run("perovskites", "--model", "GCN", "--quick", "--data", energies)
    assert "GCN-quick, 5 of 5 folds" in out
    assert not list((harness.FOLDER / "matbench").glob("*.json.gz"))


def test_the_published_file_is_known_by_its_checksum(
    run, harness, energies, monkeypatch
):
    digest = hashlib.sha256(energies.read_bytes()).hexdigest()
    known = harness.TASKS["matbench_perovskites"]._replace(sha256=digest)
    monkeypatch.setitem(harness.TASKS, "matbench_perovskites", known)
    out = run("perovskites", "--model", "GCN", *TINY, "--data", energies, "--folds", 0)
    assert "| coGN | 0.0269 ± 0.0008 |" in out
    assert "| **GCN, 1 of 5 folds** | " in out


def test_others_are_known_for_every_task(harness):
    for task in harness.TASKS:
        ranked = harness.published(task.removeprefix("matbench_"))
        values = [value for _, value, _ in ranked]
        assert values == sorted(values, reverse=task.endswith("is_metal"))
        assert len(values) >= 3


def test_mistakes(run, energies, capsys):
    for arguments, message in [
        (["steels", "--model", "GCN"], "has compositions"),
        (["perovskites"], "required"),
        (["perovskites", "--estimator", "a:b", "--graph", "cutoff=5"], "goes with"),
    ]:
        with pytest.raises(SystemExit):
            run(*arguments)
        assert message in capsys.readouterr().err
    with pytest.raises(SystemExit, match="no Transformer and no TransformerRegressor"):
        run("perovskites", "--model", "Transformer", "--data", energies)
