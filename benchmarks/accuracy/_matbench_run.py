"""One fold of a Matbench task: what is trained, how, and what came out."""

import os
import sys
from importlib import import_module
from time import perf_counter

import numpy as np
from sklearn.metrics import roc_auc_score

import skcrystal
from benchmarks._harness import assignments
from benchmarks.accuracy import _matbench_record
from benchmarks.accuracy._models import MODELS
from benchmarks.speed import memory
from skcrystal import CrystalGraphTransformer

_QUICK = {"train": 400, "test": 100, "max_epochs": 2}


def parameters(options):
    """Parameters of the estimator as given, and fewer epochs if it is to be quick."""
    quick = options.quick and options.model
    first = {"max_epochs": _QUICK["max_epochs"]} if quick else {}
    return {**first, **assignments(options.set)}


def graph_settings(options):
    """How graphs are made, or None where that is the estimator's affair."""
    name = (options.model or "").removesuffix("Regressor").removesuffix("Classifier")
    if name in MODELS:
        return {**MODELS[name].graphs, **assignments(options.graph)}
    return assignments(options.graph) or None


class Inputs:
    """What the estimator is given: graphs, made when they are asked for, or crystals.

    Graphs are made of all crystals once, for all folds, unless it is to be quick.
    """

    def __init__(self, options, crystals):
        self._crystals, self._graphs = crystals, None
        self._once = not options.quick
        self._settings = graph_settings(options)

    def rows(self, chosen):
        """Give those of the chosen crystals."""
        if self._settings is None:
            return [self._crystals[i] for i in chosen]
        if not self._once:
            return self._transform([self._crystals[i] for i in chosen])
        if self._graphs is None:
            self._graphs = self._transform(self._crystals)
        return self._graphs[chosen]

    def _transform(self, crystals):
        transformer = CrystalGraphTransformer(on_isolated="nearest", **self._settings)
        return transformer.transform(crystals)


def run_fold(options, inputs, bunch, i):
    """Train and test once.

    Returns
    -------
    dict
        predictions : dict of names of crystals to numbers, or probabilities of True;
        scores : those of the record; more_scores; parameters : sizes, time and memory.
    """
    train, test = bunch.folds[i]
    if options.quick:
        random = np.random.RandomState(0)
        train = np.sort(random.permutation(train)[: _QUICK["train"]])
        test = np.sort(random.permutation(test)[: _QUICK["test"]])
    y, classify = bunch.target, bunch.target.dtype == bool
    model = make(options, classify)
    X, X_test = inputs.rows(train), inputs.rows(test)
    held = memory.start_peak() if memory.available() else None
    start = perf_counter()
    model.fit(X, y[train])
    fitted = perf_counter()
    predicted = predict(model, X_test, classify)
    seconds = perf_counter() - fitted
    peak = None if held is None else round(memory.peak_above(held) / 1e6, 1)
    more = {"roc_auc": roc_auc_score(y[test], predicted)} if classify else {}
    names = bunch.frame.index[test]
    return {
        "predictions": dict(zip(names, predicted.tolist(), strict=True)),
        "scores": _matbench_record.scores(y[test], predicted),
        "more_scores": {name: float(value) for name, value in more.items()},
        "parameters": {
            "n_train": len(train),
            "n_test": len(test),
            "fit_seconds": round(fitted - start, 2),
            "predict_seconds": round(seconds, 3),
            "peak_memory_mb": peak,  # above what was held before, graphs included
            "threads": options.threads,
        },
    }


def make(options, classify):
    """Make an estimator that is not fitted."""
    if options.estimator:
        sys.path.insert(0, os.getcwd())
        module, _, factory = options.estimator.partition(":")
        model = getattr(import_module(module), factory)()
    else:
        kind = "Classifier" if classify else "Regressor"
        found = getattr(skcrystal, options.model, None) or getattr(
            skcrystal, f"{options.model}{kind}", None
        )
        if found is None:
            sys.exit(f"skcrystal has no {options.model} and no {options.model}{kind}.")
        model = found()
    seed = (
        {"random_state": options.seed} if "random_state" in model.get_params() else {}
    )
    return model.set_params(**{**seed, **parameters(options)})


def predict(model, X, classify):
    """Predict numbers, or probabilities of True where the model has any."""
    if classify and hasattr(model, "predict_proba"):
        true = list(model.classes_).index(True)
        return np.asarray(model.predict_proba(X), dtype=float)[:, true]
    return np.asarray(model.predict(X), dtype=float).reshape(len(X))
