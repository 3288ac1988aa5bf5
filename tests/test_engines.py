"""Work on joblib's other engines, also when a worker process dies, is the same work."""

import os
import signal
import threading
import time
from contextlib import contextmanager, suppress

import dask
import joblib
import numpy as np
import pandas as pd
import psutil
import pytest
from distributed import Client, LocalCluster
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline

from skcrystal import CGCNNRegressor, CrystalGraphTransformer, EnsembleRegressor
from skcrystal.active import compare_strategies, max_std, random_sampling
from skcrystal.graphs import _transformer as transformer_module

pytestmark = [
    pytest.mark.slow,
    # Folds lack an element of the others.
    pytest.mark.filterwarnings("ignore:X holds elements that the model was not"),
    # Dask says so of a slow disk, and loses nothing.
    pytest.mark.filterwarnings("ignore:Creating scratch directories is taking"),
]
GRID = {"cgcnnregressor__hidden_dim": [4, 8]}
# Ray gives up at the first death otherwise.
RETRY = {"max_restarts": 3, "max_task_retries": 3}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with (
        # A worker that dies twice in this time is not replaced.
        dask.config.set({"distributed.deploy.lost-worker-timeout": "1 hour"}),
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            dashboard_address=":0",
            local_directory=str(tmp_path_factory.mktemp("dask")),
            # A dead worker's heir gets tasks only when it has imported all it needs.
            preload=["skcrystal"],
        ) as cluster,
    ):
        yield cluster


@pytest.fixture
def client(cluster):
    """Client of two workers, dead ones replaced."""
    with Client(cluster) as client:
        client.wait_for_workers(2, timeout=60)
        yield client


@pytest.fixture(scope="module")
def ray():
    ray = pytest.importorskip("ray")
    from ray.util.joblib import register_ray

    register_ray()
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield ray
    ray.shutdown()


@pytest.fixture(scope="module")
def crystals(prototypes):
    """Work for a second in chunks by the dozen."""
    return list(prototypes.data) * 8


@pytest.fixture(scope="module")
def graphs(crystals):
    return CrystalGraphTransformer().transform(crystals)


@pytest.fixture(scope="module")
def sample(prototypes):
    """Structures, labels and splits, large enough that Dask ships arrays apart."""
    rows = np.random.RandomState(0).permutation(len(prototypes.data))[:300]
    X = [prototypes.data[i] for i in rows]
    y, groups = prototypes.target[rows], prototypes.groups[rows]
    splits = list(GroupKFold(4).split(X, y, groups))
    assert min(a.nbytes for a in (y, splits[0][0])) > 1000
    return X, y, splits


@pytest.fixture
def model():
    network = CGCNNRegressor(hidden_dim=8, n_layers=2, max_epochs=2, random_state=0)
    return make_pipeline(CrystalGraphTransformer(), network)


@pytest.fixture
def scores(model, sample):
    """Scores without any engine."""
    X, y, splits = sample
    return cross_val_score(model, X, y, cv=splits, error_score="raise")


def assert_same_scores(found, expected):
    for name in ("mean_test_score", "std_test_score"):
        np.testing.assert_allclose(
            found.cv_results_[name], expected.cv_results_[name], rtol=1e-5
        )


@contextmanager
def killing(find):
    """Kill the process whose number `find` returns first, while the body runs."""
    done, killed = threading.Event(), []

    def watch():
        while not (done.is_set() or killed):
            if pid := find():
                os.kill(pid, signal.SIGKILL)
                killed.append(pid)
            time.sleep(0.001)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield killed
    finally:
        done.set()
        thread.join()


@contextmanager
def a_dask_worker_killed(cluster, task):
    """Kill a worker at work on `task`; the scheduler must have missed it."""
    scheduler, victims = cluster.scheduler, []

    def is_busy(worker):
        return any(task in str(t.key) for t in list(worker.processing))

    def find():
        for nanny in cluster.workers.values():
            worker = scheduler.workers.get(nanny.worker_address)
            if worker and is_busy(worker):
                time.sleep(0.02)  # for the task to arrive and begin
                if is_busy(worker):
                    victims.append(worker.address)
                    return nanny.pid
        return None

    with killing(find) as killed:
        yield
    assert killed
    losses = [
        event["processing-tasks"]
        for _, event in scheduler.get_events("all")
        if event["action"] == "remove-worker" and event["worker"] in victims
    ]
    assert any(task in str(key) for keys in losses for key in keys)


def test_dask_builds_the_same_graphs(client, crystals, graphs):
    with joblib.parallel_config(backend="dask"):
        built = CrystalGraphTransformer(n_jobs=-1).transform(crystals)
    assert built == graphs


def test_dask_cross_validates_to_the_same_scores(client, model, sample, scores):
    X, y, splits = sample
    with joblib.parallel_config(backend="dask"):
        spread = cross_val_score(model, X, y, cv=splits, error_score="raise")
    np.testing.assert_allclose(spread, scores, rtol=1e-5)


def test_dask_searches_to_the_same_model(client, model, sample):
    X, y, splits = sample
    search = GridSearchCV(model, GRID, cv=splits, error_score="raise")
    here = clone(search).fit(X, y)
    with joblib.parallel_config(backend="dask"):
        spread = clone(search).fit(X, y)
    assert_same_scores(spread, here)
    np.testing.assert_allclose(spread.predict(X[:9]), here.predict(X[:9]), rtol=1e-5)


def test_dask_worker_killed_costs_no_graph(
    cluster, client, crystals, graphs, monkeypatch
):
    monkeypatch.setattr(transformer_module, "_TASK", (64, 2048))
    with (
        a_dask_worker_killed(cluster, "_build_task"),
        joblib.parallel_config(backend="dask"),
    ):
        built = CrystalGraphTransformer(n_jobs=-1).transform(crystals)
    assert built == graphs


def test_dask_worker_killed_costs_no_score(cluster, client, model, sample, scores):
    """Dask leaves an array with one worker and loses it there; lists go with tasks."""
    X, y, splits = sample
    splits = [(train.tolist(), test.tolist()) for train, test in splits]
    with (
        a_dask_worker_killed(cluster, "_fit_and_score"),
        joblib.parallel_config(backend="dask"),
    ):
        spread = cross_val_score(model, X, y.tolist(), cv=splits, error_score="raise")
    np.testing.assert_allclose(spread, scores, rtol=1e-5)


def test_ensemble_on_dask_is_the_same(client, small, small_graphs):
    one = EnsembleRegressor(
        CGCNNRegressor(hidden_dim=8, max_epochs=2), 3, random_state=0
    )
    here = clone(one).fit(small_graphs, small[1])
    with joblib.parallel_config(backend="dask"):
        spread = clone(one).fit(small_graphs, small[1])
    for mine, theirs in zip(
        here.predict(small_graphs, return_std=True),
        spread.predict(small_graphs, return_std=True),
        strict=True,
    ):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-7)


def test_strategies_compared_on_dask_pick_the_same(client, small, small_graphs):
    def compare():
        return compare_strategies(
            {"CGCNN": CGCNNRegressor(hidden_dim=8, max_epochs=2, dropout=0.1)},
            {"random": random_sampling, "max_std": max_std},
            small_graphs[:30],
            small[1][:30],
            small_graphs[30:],
            small[1][30:],
            n_initial=10,
            batch_size=5,
            n_cycles=2,
            seeds=2,
        )

    here = compare()
    with joblib.parallel_config(backend="dask"):
        spread = compare()
    columns = [c for c in here if not c.startswith("seconds")]
    pd.testing.assert_frame_equal(here[columns], spread[columns], rtol=1e-5)


@contextmanager
def a_ray_worker_killed():
    """Kill a worker within a task, which Ray writes into the title of its process."""

    def find():
        for process in psutil.Process().children(recursive=True):
            with suppress(psutil.Error):  # gone in the meantime
                if "ray::PoolActor.run_batch" in " ".join(process.cmdline()):
                    return process.pid
        return None

    with killing(find) as killed:
        yield
    assert killed


def test_ray_worker_killed_costs_no_graph(ray, crystals, graphs):
    with (
        a_ray_worker_killed(),
        joblib.parallel_config(backend="ray", ray_remote_args=RETRY),
    ):
        built = CrystalGraphTransformer(n_jobs=2).transform(crystals)
    assert built == graphs


def test_ray_worker_killed_costs_no_score(ray, model, sample):
    X, y, splits = sample
    search = GridSearchCV(model, GRID, cv=splits, refit=False, error_score="raise")
    here = clone(search).fit(X, y)
    with (
        a_ray_worker_killed(),
        joblib.parallel_config(backend="ray", n_jobs=2, ray_remote_args=RETRY),
    ):
        spread = clone(search).fit(X, y)
    assert_same_scores(spread, here)


def test_an_engine_that_hands_over_all_at_once(small, small_graphs):
    """joblib's engine for multiprocessing is one, and Ray's builds on it."""

    class AllAtOnce(joblib.parallel.ThreadingBackend):
        supports_return_generator = False

    joblib.register_parallel_backend("all_at_once", AllAtOnce)
    with joblib.parallel_config(backend="all_at_once"):
        assert CrystalGraphTransformer(n_jobs=2).transform(small[0]) == small_graphs
