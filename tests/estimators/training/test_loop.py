"""The training loop: batches, what it asks of the device, what it holds in memory."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from pymatgen.core import Lattice, Structure
from sklearn.base import clone
from torch.utils._python_dispatch import TorchDispatchMode

from skcrystal import CGCNNRegressor, CrystalGraphTransformer, GCNRegressor
from skcrystal.estimators.training._loader import (
    GraphDataset,
    GraphLoader,
    cut,
)
from skcrystal.nn import GraphStore, _store

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def dataset(small_graphs):
    labels = np.arange(2.0 * len(small_graphs)).reshape(-1, 2)
    rows = np.arange(5, 40)
    return GraphDataset(
        GraphStore.of(small_graphs, "cpu"), rows, labels[rows], np.ones((35, 2))
    )


@given(
    sizes=st.lists(st.integers(1, 30), max_size=50),
    budget=st.integers(1, 60),
    most=st.none() | st.integers(1, 8),
)
@settings(deadline=None)
def test_runs_of_rows_fill_their_budget(sizes, budget, most):
    sizes = np.array(sizes, dtype=int)
    pieces = list(cut(sizes, budget, most))
    assert [r for start, stop in pieces for r in range(start, stop)] == list(
        range(len(sizes))
    )
    for start, stop in pieces:
        n = stop - start
        assert n == 1 or sizes[start:stop].sum() <= budget
        assert most is None or n <= most
        full = stop == len(sizes) or n == most
        assert full or sizes[start : stop + 1].sum() > budget


def test_each_pass_shuffles_anew_and_alike(dataset):
    plans = [
        [GraphLoader(dataset, 8, seed=3).plan(i) for i in range(3)] for _ in range(2)
    ]
    for first, second in zip(*plans, strict=True):
        assert all(map(np.array_equal, first, second))
        assert sorted(np.concatenate(first).tolist()) == list(range(35))
    assert not np.array_equal(plans[0][0][0], plans[0][1][0])
    assert [len(rows) for rows in plans[0][0]] == [8, 8, 8, 8, 3]


def test_batches_keep_within_max_atoms(dataset):
    loader = GraphLoader(dataset, 64, max_atoms=9, seed=0)
    n_steps = loader.n_steps(3)
    sizes = [len(b.graphs.atomic_numbers) for _ in range(3) for (b,) in loader]
    assert len(sizes) == n_steps
    assert max(sizes) <= 9
    assert sum(sizes) == 3 * dataset.n_atoms.sum()


def test_labels_stay_with_their_graphs(dataset):
    loader = GraphLoader(dataset, 8, seed=1)
    for rows, (batch,) in zip(loader.plan(0), loader, strict=True):
        assert torch.equal(batch.graphs.atom_ptr.diff().int(), _sizes(dataset, rows))
        label, _ = batch.labels
        assert label[:, 0].tolist() == (2.0 * (rows + 5)).tolist()


def _sizes(dataset, rows):
    return torch.from_numpy(dataset.n_atoms[rows]).int()


@pytest.mark.parametrize("n_processes", [2, 3])
def test_shares_of_a_batch_add_up_to_it(dataset, n_processes):
    """The mean over processes of what each takes is the mean over the batch."""
    whole = [batch.labels[0].mean() for (batch,) in GraphLoader(dataset, 17, seed=0)]
    loaders = [
        GraphLoader(dataset, 17, seed=0, rank=rank, world_size=n_processes)
        for rank in range(n_processes)
    ]
    shares = [[batch.share * _mean(*batch.labels) for (batch,) in b] for b in loaders]
    assert len(whole) == 3  # the last batch holds one crystal
    torch.testing.assert_close(torch.tensor(shares).mean(0), torch.stack(whole))


def _mean(label, weight):
    return (label * weight).mean()


@pytest.mark.parametrize("n_processes", [2, 3])
def test_each_label_counts_in_one_process(dataset, n_processes):
    """Also those of the last batch, which holds fewer crystals than processes."""
    n_labels = sum(
        batch.labels[1].sum()
        for rank in range(n_processes)
        for (batch,) in GraphLoader(dataset, 17, rank=rank, world_size=n_processes)
    )
    assert n_labels == 2 * len(dataset)


@pytest.mark.parametrize("loss", ["mae", "gaussian_nll"])
def test_training_asks_the_device_once_an_epoch(small, small_graphs, loss):
    """Every read of a value makes the host wait until the device has computed it."""

    class CountReads(TorchDispatchMode):
        n = 0

        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            if function is torch.ops.aten._local_scalar_dense.default:
                self.n += 1
            return function(*args, **(kwargs or {}))

    reads = []
    for batch_size in (20, 4):
        model = CGCNNRegressor(
            hidden_dim=8, n_layers=1, max_epochs=2, batch_size=batch_size, loss=loss
        )
        with CountReads() as count:
            model.fit(small_graphs, small[1])
        reads.append(count.n)
    assert reads[0] == reads[1]


def test_history_holds_numbers(small, small_graphs):
    seen = []

    class Look:
        def __init__(self):
            from skorch.callbacks import Callback

            class Looking(Callback):
                def on_batch_end(self, net, training=None, **kwargs):
                    seen.append(float(net.history[-1, "batches", -1, "train_loss"]))

            self.callback = Looking()

    model = GCNRegressor(
        hidden_dim=8, max_epochs=2, batch_size=10, callbacks=[Look().callback]
    )
    model.fit(small_graphs, small[1])
    assert len(seen) == 8
    recorded = model.net_.history[:, "batches", :, "train_loss"]
    np.testing.assert_allclose(np.ravel(recorded), seen)
    np.testing.assert_allclose(
        model.history_["train_loss"], np.mean(recorded, axis=1), rtol=1e-6
    )


def test_losses_of_the_part_held_back_are_its_own(small, small_graphs):
    model = GCNRegressor(
        hidden_dim=8,
        max_epochs=2,
        batch_size=6,
        early_stopping=True,
        validation_fraction=0.6,
        random_state=0,
    )
    model.fit(small_graphs, small[1])
    for epoch in model.net_.history:
        for key in ("train_loss", "valid_loss"):
            rows = [row for row in epoch["batches"] if key in row]
            losses = [row[key] for row in rows]
            assert len(rows) > 1
            assert all(type(loss) is float for loss in losses)
            sizes = [row[key.replace("loss", "batch_size")] for row in rows]
            assert np.isclose(epoch[key], np.average(losses, weights=sizes))


def test_cells_of_very_different_size_train_together():
    structures = [
        Structure(Lattice.cubic(a), ["Po"], [[0, 0, 0]]) for a in np.linspace(3, 4, 12)
    ]
    random = np.random.RandomState(0)
    glass = structures[0] * (5, 5, 5)
    glass.perturb(0.3)
    structures += [glass, glass]
    y = random.normal(size=len(structures))
    graphs = CrystalGraphTransformer(cutoff=4.5).transform(structures)
    assert graphs.n_atoms.max() == 125
    model = GCNRegressor(hidden_dim=8, max_epochs=3, max_atoms=130, random_state=0)
    model.fit(graphs, y)
    assert (model.history_["train_loss"] > 0).all()
    # Each pass makes as many steps as the schedule was made for.
    assert model.history_["lr"].iloc[-1] < 1e-4


_TRAIN_MAPPED = """
import resource, sys
import numpy as np
from skcrystal import CrystalGraphs, GCNRegressor

graphs = CrystalGraphs.open(sys.argv[1])
y = np.random.RandomState(0).normal(size=len(graphs))
settings = dict(hidden_dim=8, n_layers=1, max_epochs=1, random_state=0)
GCNRegressor(**settings).fit(graphs[:64], y[:64])  # what is loaded on first use
with open("/proc/self/status") as status:
    held = next(int(line.split()[1]) for line in status if line.startswith("VmData"))
limit = held * 1024 + int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
if sys.argv[3] == "copy":
    graphs[np.arange(len(graphs))]
else:
    model = GCNRegressor(early_stopping=True, **settings).fit(graphs, y)
    assert np.isfinite(model.predict(graphs)).all()
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="limits memory as Linux does")
def test_training_from_a_file_larger_than_memory(tmp_path, small):
    graphs = CrystalGraphTransformer(cutoff=8.0, reduce=None).transform(small[0])
    path = tmp_path / "graphs"
    graphs[np.tile(np.arange(40), 500)].save(path)
    limit = path.stat().st_size // 2
    assert limit > 20e6

    def run(what):
        return subprocess.run(
            [sys.executable, "-c", _TRAIN_MAPPED, path, str(limit), what],
            cwd=ROOT,
            env={"OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"},
            capture_output=True,
            text=True,
        )

    done = run("train")
    assert done.returncode == 0, done.stderr
    # The limit is real: a copy of the graphs does not fit.
    assert "MemoryError" in run("copy").stderr


@pytest.mark.parametrize("task_weights", ["uncertainty", "dwa"])
def test_micro_batches_leave_task_weights_alone(
    small, small_graphs, task_weights, monkeypatch
):
    """Each label counts once in the errors of an epoch, whatever it passes with."""
    model = CGCNNRegressor(
        hidden_dim=8,
        n_layers=1,
        max_epochs=5,
        batch_size=25,
        task_weights=task_weights,
        random_state=0,
    )
    y = np.where(
        np.random.RandomState(0).random(small[1].shape) < 0.3, np.nan, small[1]
    )
    columns = ["task_weight_target_0", "task_weight_target_1"]
    expected = clone(model).fit(small_graphs, y).history_[columns]
    monkeypatch.setitem(_store._EDGES_AT_ONCE, "cpu", 20)
    found = clone(model).fit(small_graphs, y).history_[columns]
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    assert np.ptp(expected, axis=0).min() > 1e-3


def test_micro_batches_add_up_to_their_batch(model, small, graphs, monkeypatch):
    """How much passes through the network at once changes nothing but memory."""
    model.set_params(batch_size=25, early_stopping=True, max_epochs=3)
    if "transformations" in model.get_params():
        model.set_params(transformations=None)  # each micro-batch would draw others
    expected = clone(model).fit(graphs, small[1])
    monkeypatch.setitem(_store._EDGES_AT_ONCE, "cpu", 20)
    model.fit(graphs, small[1])
    for found, usual in zip(
        model.net_.module_.parameters(),
        expected.net_.module_.parameters(),
        strict=True,
    ):
        # A softmax does not change with what all scores share: of that, the optimiser
        # follows the rounding of a gradient that is zero.
        torch.testing.assert_close(found, usual, atol=5e-4, rtol=1e-3)
    columns = ["train_loss", "valid_loss", "valid_mae_target_0", "valid_mae_target_1"]
    np.testing.assert_allclose(
        model.history_[columns], expected.history_[columns], rtol=1e-4
    )


def test_deterministic_mode_runs(model, small, graphs):
    """No operation in use lacks a deterministic version."""
    torch.use_deterministic_algorithms(True)
    try:
        first, second = (
            clone(model).fit(graphs, small[1]).predict(graphs) for _ in range(2)
        )
    finally:
        torch.use_deterministic_algorithms(False)
    np.testing.assert_array_equal(first, second)
