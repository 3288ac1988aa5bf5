"""Two processes that share each step train the model that one alone trains."""

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone

from skcrystal import CGCNNRegressor, MEGNetRegressor, MTCGCNNRegressor
from skcrystal.datasets import load_pbe_prototypes

ROOT = Path(__file__).parents[3]
N = 75  # the last batch holds one crystal too many for equal shares
MODELS = [
    CGCNNRegressor(hidden_dim=16, n_layers=2, max_epochs=4, batch_size=37),
    MEGNetRegressor(hidden_dim=16, n_layers=2, max_epochs=4, batch_size=37),
    MTCGCNNRegressor(hidden_dim=16, n_layers=2, max_epochs=4, batch_size=37),
]

_TRAIN = """
import pickle, sys
import numpy as np
from skcrystal.datasets import load_pbe_prototypes

X, y = load_pbe_prototypes(return_X_y=True)
with open(sys.argv[1], "rb") as file:
    models = pickle.load(file)
for model in models:
    model.fit(X[:75], y[:75])
import os
with open(f"{sys.argv[2]}-{os.environ['RANK']}", "wb") as file:
    pickle.dump(models, file)
"""


def launch(folder, models, random_state):
    """Fit in two processes; return the models of each."""
    models = [
        clone(model).set_params(
            data_parallel=True, device="cpu", random_state=random_state
        )
        for model in models
    ]
    (folder / "models").write_bytes(pickle.dumps(models))
    (folder / "train.py").write_text(_TRAIN)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node=2", folder / "train.py", folder / "models"]
    done = subprocess.run(
        [*command, folder / "fitted"],
        env={
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": str(ROOT),
            "ACCELERATE_USE_CPU": "true",
            "PATH": "/usr/bin:/bin",
        },
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return [pickle.loads((folder / f"fitted-{r}").read_bytes()) for r in (0, 1)]


@pytest.fixture(scope="module")
def data():
    X, y = load_pbe_prototypes(return_X_y=True)
    return X[:N], y[:N]


@pytest.mark.slow
def test_two_processes_match_one(tmp_path, data):
    pytest.importorskip("accelerate")
    X, y = data
    models = [
        clone(MODELS[0]).set_params(loss="gaussian_nll"),
        clone(MODELS[1]).set_params(early_stopping=True),
        clone(MODELS[0]).set_params(
            ema_decay=0.5, lr_schedule="cosine", early_stopping=True
        ),
        clone(MODELS[2]).set_params(task_weights="uncertainty", early_stopping=True),
        clone(MODELS[2]).set_params(task_weights=[1, 3], sharing="soft"),
        clone(MODELS[2]).set_params(task_weights="dwa"),
    ]
    for model, first, second in zip(models, *launch(tmp_path, models, 0), strict=True):
        alone = clone(model).set_params(device="cpu", random_state=0).fit(X, y)
        expected = alone.predict(X)
        np.testing.assert_array_equal(first.predict(X), second.predict(X))
        np.testing.assert_allclose(first.predict(X), expected, atol=2e-4)
        assert np.abs(expected - expected.mean(0)).mean() > 0.01
        np.testing.assert_array_equal(first.task_weights_, second.task_weights_)
        np.testing.assert_allclose(first.task_weights_, alone.task_weights_, rtol=1e-4)
        assert len(pickle.dumps(first)) < 1.1 * len(pickle.dumps(alone))
        np.testing.assert_allclose(
            first.history_["lr"], alone.history_["lr"], rtol=1e-6
        )


@pytest.mark.slow
def test_processes_agree_without_a_seed(tmp_path, data):
    pytest.importorskip("accelerate")
    ((first,), (second,)) = launch(tmp_path, MODELS[:1], None)
    np.testing.assert_array_equal(first.predict(data[0]), second.predict(data[0]))


def test_one_process_alone_needs_no_launcher(data):
    pytest.importorskip("accelerate")
    X, y = data
    model = clone(MODELS[0]).set_params(random_state=0, device="cpu")
    expected = clone(model).fit(X, y).predict(X)
    model.set_params(data_parallel=True).fit(X, y)
    np.testing.assert_allclose(model.predict(X), expected, atol=1e-6)
    assert type(model.net_).__name__ == "GraphNet"


def test_without_accelerate_the_error_says_what_to_install(data, monkeypatch):
    monkeypatch.setitem(sys.modules, "accelerate", None)
    with pytest.raises(ImportError, match="pip install accelerate"):
        clone(MODELS[0]).set_params(data_parallel=True).fit(*data)
