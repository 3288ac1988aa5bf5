"""One training and its errors, in a process of its own, so that memory is its own.

``accuracy.py`` starts this file with what to do as JSON, and reads what came out as the
last line of its output.
"""

import json
import os
import statistics
import sys
from datetime import date
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from sklearn.model_selection import GroupShuffleSplit

import skcrystal
from benchmarks._data import cache_folder, load_crystals, load_labels, targets_of
from benchmarks._networks import n_parameters
from benchmarks.accuracy._models import find, make, members
from benchmarks.speed import memory
from skcrystal import CrystalGraphs, CrystalGraphTransformer

_TARGETS = {"both": slice(0, 2), "fe": slice(0, 1), "bg": slice(1, 2)}


def split(formulas, rows, seed):
    """Rows to train and to test on, which share no formula.

    The test part is the same for all: a tenth of the formulas. Training rows are drawn
    from the rest by the seed, smaller numbers of them within larger ones.
    """
    splitter = GroupShuffleSplit(n_splits=1, test_size=0.1, random_state=0)
    rest, test = next(splitter.split(formulas, groups=formulas))
    n_train = len(rest) if rows == "all" else rows
    return np.sort(np.random.RandomState(seed).permutation(rest)[:n_train]), test


def open_graphs(data, n, settings, build=False):
    """Open the graphs of a set, and build them where asked to and needed."""
    name = "-".join(f"{key}={value}" for key, value in sorted(settings.items()))
    path = cache_folder() / "graphs" / f"{data}-{n}-{name}.safetensors"
    if not build:
        return CrystalGraphs.open(path)
    try:
        return CrystalGraphs.open(path)
    except (FileNotFoundError, ValueError):  # ValueError: of an older format
        print(f"building {path.name}", file=sys.stderr, flush=True)
    crystals, _ = load_crystals(n, name=data)
    path.parent.mkdir(parents=True, exist_ok=True)
    transformer = CrystalGraphTransformer(on_isolated="nearest", **settings)
    transformer.transform(crystals).save(path)
    return CrystalGraphs.open(path)


def prepare(config):
    """Make what runs share, before any of them starts."""
    open_graphs(config["data"], config["crystals"], config["graphs"], build=True)
    install = getattr(find(config["model"]), "install", None)
    if install is not None:
        install()


def measure(config, predictions):
    """Train and test once.

    Parameters
    ----------
    config : dict
        What decides the result.
    predictions : Path
        Where to keep the predictions for the test rows.

    Returns
    -------
    dict
        What was measured, as JSON can hold it.
    """
    data, n = config["data"], config["crystals"]
    labels = load_labels(n, name=data)
    train, test = split(labels["formula"], config["rows"], config["seed"])
    labels = labels[targets_of(data)].iloc[:, _TARGETS[config["targets"]]]
    truth, median = labels.iloc[test].to_numpy(), labels.iloc[train].median().to_numpy()
    model = make(config)
    held = memory.start_peak() if memory.available() else None

    graphs = open_graphs(data, n, config["graphs"])
    ready = getattr(model, "prepare", lambda graphs: graphs)
    X, X_test = ready(graphs[train]), ready(graphs[test])
    result = {"n_train": len(train), "n_test": len(test)}
    start = perf_counter()
    try:
        model.fit(X, labels.iloc[train])
    except FloatingPointError as error:
        return {**result, "diverged": str(error)}
    seconds = perf_counter() - start
    epochs = [member.n_iter_ for member in members(model)]
    predicted = model.predict(X_test).reshape(truth.shape)
    laps = [_seconds(lambda: model.predict(X_test)) for _ in range(3)]
    _save(predictions, rows=test, truth=truth, predicted=predicted)
    return {
        **result,
        "mae": _errors(predicted, truth, labels.columns),
        "mae_of_median": _errors(median, truth, labels.columns),
        "fit_seconds": round(seconds, 1),
        "epochs": epochs[0] if len(epochs) == 1 else epochs,
        "train_rate": round(len(train) * sum(epochs) / seconds, 1),
        "predict_rate": round(len(test) / statistics.median(laps), 1),
        "n_parameters": sum(n_parameters(_network(m)) for m in members(model)),
        # From before graphs were opened, pages of their file included.
        "memory_mb": held and round(memory.peak_above(held) / 1e6, 1),
        "resident_before_mb": held and round(held / 1e6, 1),
    }


def circumstances():
    """With what, and when."""
    return {
        "threads": torch.get_num_threads(),
        "load": round(os.getloadavg()[0], 1),
        "skcrystal": skcrystal.__version__,
        "torch": torch.__version__,
        "date": str(date.today()),
    }


def _network(model):
    return model.network_ if hasattr(model, "network_") else model.net_.module_


def _errors(predicted, truth, names):
    mae = np.abs(predicted - truth).mean(axis=0)
    return {name: round(float(x), 6) for name, x in zip(names, mae, strict=True)}


def _seconds(function):
    start = perf_counter()
    function()
    return perf_counter() - start


def _save(path, **arrays):
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, **arrays)


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    torch.set_num_threads(given["threads"])
    measured = measure(given["config"], Path(given["predictions"]))
    parameters = make(given["config"]).get_params()
    print(
        json.dumps(
            {
                **measured,
                **circumstances(),
                # As they were then, for when defaults change.
                "all_parameters": {k: repr(v) for k, v in parameters.items()},
            }
        )
    )
