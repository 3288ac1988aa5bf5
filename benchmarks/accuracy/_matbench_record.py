"""Results in the form in which the package matbench keeps them, and reads them.

The form is that of ``MatbenchBenchmark.to_file`` of matbench 0.6: predictions by the
names of crystals, scores and parameters of each fold, and a checksum over all of it.
"""

import gzip
import hashlib
import json
from datetime import UTC, datetime

import numpy as np
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    f1_score,
    max_error,
    mean_absolute_error,
    roc_auc_score,
    root_mean_squared_error,
)

_VERSION = "0.6"  # of matbench, whose form this is
_BENCHMARK = "matbench_v0.1"
_NO_SHARE_OF = 1e-5  # matbench leaves smaller labels out of relative errors


def scores(truth, predicted):
    """Scores of a fold, those that matbench's package wants and no others.

    Parameters
    ----------
    truth : ndarray of shape (n,)
        Numbers, or bools.
    predicted : ndarray of shape (n,)
        Numbers, or probabilities of True.

    Returns
    -------
    dict of str to float
    """
    if truth.dtype == bool:
        labels = predicted > 0.5
        values = {
            "accuracy": accuracy_score(truth, labels),
            "balanced_accuracy": balanced_accuracy_score(truth, labels),
            "f1": f1_score(truth, labels),
            # matbench 0.6 has made labels of probabilities by then. This is what it
            # would score, not the area under the curve of probabilities.
            "rocauc": roc_auc_score(truth, labels),
        }
    else:
        large = np.abs(truth) > _NO_SHARE_OF
        share = np.abs((truth - predicted)[large] / truth[large])
        values = {
            "mae": mean_absolute_error(truth, predicted),
            "rmse": root_mean_squared_error(truth, predicted),
            "mape": share.mean() if large.any() else np.nan,
            "max_error": max_error(truth, predicted),
        }
    return {name: float(value) for name, value in values.items()}


def record(task, folds, about):
    """Put a task's folds together.

    Parameters
    ----------
    task : str
        Full name, "matbench_...".
    folds : list of five dict
        Each with "predictions", a dict of names of crystals to floats; "scores"; and
        "parameters", a dict of anything that JSON can hold.
    about : dict
        Of the model: anything that JSON can hold.

    Returns
    -------
    dict
    """
    results = {
        f"fold_{i}": {
            "data": fold["predictions"],
            "parameters": fold["parameters"],
            "scores": fold["scores"],
        }
        for i, fold in enumerate(folds)
    }
    content = {
        "@module": "matbench.bench",
        "@class": "MatbenchBenchmark",
        "version": _VERSION,
        "benchmark_name": _BENCHMARK,
        "user_metadata": about,
        "datestamp": datetime.now(UTC).strftime("%Y.%m.%d %H:%M.%S"),
        "tasks": {
            task: {
                "@module": "matbench.task",
                "@class": "MatbenchTask",
                "benchmark_name": _BENCHMARK,
                "dataset_name": task,
                "results": results,
            }
        },
    }
    # As matbench does: over the JSON with sorted keys
    text = json.dumps(content, sort_keys=True)
    return {**content, "hash": hashlib.sha256(text.encode()).hexdigest()}


def write(path, content):
    """Write a record; all of it, or nothing."""
    unfinished = path.with_name(f"{path.name}.unfinished")
    with gzip.open(unfinished, "wt", encoding="utf-8") as file:
        json.dump(content, file)
    unfinished.replace(path)
