"""Can standard deviations be trusted on formulas that a model has not seen?

Every way to a standard deviation, as it comes and calibrated, on Materials Project
crystals; and what ensembles and queries cost.
"""

import argparse
from time import perf_counter

import numpy as np
import pandas as pd
import torch
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GroupShuffleSplit

from benchmarks._data import TARGETS, load_crystals, source
from benchmarks._harness import FOLDER, print_report
from skcrystal import (
    AngularCoGNRegressor,
    CalibratedRegressor,
    CGCNNRegressor,
    CoGNRegressor,
    CrystalGraphTransformer,
    EnsembleRegressor,
    GCNRegressor,
    MEGNetRegressor,
    SchNetRegressor,
    uncertainty_metrics,
)
from skcrystal.active import ActiveLearner, max_std
from skcrystal.uncertainty import (
    plot_calibration,
    plot_error_against_std,
    plot_sparsification,
)

UNITS = ["eV/atom", "eV"]
ARCHITECTURES = [
    GCNRegressor,
    SchNetRegressor,
    CGCNNRegressor,
    MEGNetRegressor,
    CoGNRegressor,
    AngularCoGNRegressor,
]


def main():
    """Measure quality and cost, and write the report and a figure."""
    options = parse_options()
    torch.set_num_threads(options.threads)
    crystals, labels = load_crystals(options.crystals)
    compared = "every model" if options.only == "architectures" else "CGCNN"
    report = [
        f"Crystals: {source()}; {options.train} to train on, {options.calibrate} to "
        f"calibrate on, {options.test} to test on; {compared}, 12 neighbours, "
        f"{options.epochs} epochs; {options.threads} torch threads.",
        "",
    ]
    if options.only == "architectures":
        report += architectures(crystals, labels, options)
    else:
        graphs = make_graphs(crystals)
    if options.only in (None, "quality"):
        report += quality(graphs, labels, options)
    if options.only in (None, "cost"):
        report += cost(graphs, labels[TARGETS], options)
    stem = "uncertainty_quick" if options.quick else "uncertainty"
    path = FOLDER / f"{stem}{'_' + options.only if options.only else ''}.md"
    print_report(report, path)


def parse_options():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="300 crystals, 5 epochs")
    parser.add_argument(
        "--only",
        choices=["quality", "cost", "architectures"],
        help="one half of it, or single models of every architecture instead",
    )
    parser.add_argument("--threads", type=int, default=2, help="torch threads")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seeds", type=int, default=2)
    options = parser.parse_args()
    options.crystals, options.train = 12_000, 3_000
    options.calibrate, options.test, options.pool = 1_000, 2_000, 5_000
    if options.quick:
        options.crystals, options.train = 900, 300
        options.calibrate, options.test, options.pool = 100, 200, 300
        options.epochs, options.seeds = 5, 1
    return options


def make_graphs(crystals, **settings):
    """Graphs of the 12 nearest neighbours."""
    return CrystalGraphTransformer(
        cutoff=8.0, max_neighbors=12, n_jobs=2, **settings
    ).transform(crystals)


def models(epochs, seed):
    """Every way to a standard deviation, by name."""
    base = CGCNNRegressor(max_epochs=epochs, random_state=seed)

    def variant(**parameters):
        return clone(base).set_params(**parameters)

    gaussian = {"loss": "gaussian_nll"}
    return {
        "MC dropout": variant(dropout=0.1),
        "MC dropout, layers too": variant(dropout=0.1, dropout_conv=0.1),
        "Gaussian": variant(**gaussian),
        "Gaussian, MC dropout in all": variant(
            dropout=0.1, dropout_conv=0.1, **gaussian
        ),
        "ensemble of 5": EnsembleRegressor(base, 5, random_state=seed, n_jobs=2),
        "ensemble of 5 Gaussian": EnsembleRegressor(
            variant(**gaussian), 5, random_state=seed, n_jobs=2
        ),
    }


def quality(graphs, labels, options):
    """Lines on metrics of uncertainty, before and after calibration."""
    y = labels[TARGETS].to_numpy()
    frames = []
    for seed in range(options.seeds):
        train, held, test = three_parts(labels["formula"], options, seed)
        for name, model in models(options.epochs, seed).items():
            found = assess(model, graphs, y, train, held, test)
            frames.append(found.assign(model=name, seed=seed))
            if name == "ensemble of 5" and seed == 0:
                draw(y[test], *model.predict(graphs[test], return_std=True))
            print(frames[-1].round(3).to_string(), flush=True)
    return table(pd.concat(frames))


def architectures(crystals, labels, options):
    """Lines on metrics of single models with a Gaussian loss, one an architecture."""
    y = labels[TARGETS].to_numpy()
    plain = make_graphs(crystals)
    directed = make_graphs(crystals, vectors=True, whole_shells=True)
    frames = []
    for seed in range(options.seeds):
        train, held, test = three_parts(labels["formula"], options, seed)
        for kind in ARCHITECTURES:
            graphs = directed if kind is AngularCoGNRegressor else plain
            model = kind(
                loss="gaussian_nll", max_epochs=options.epochs, random_state=seed
            )
            found = assess(model, graphs, y, train, held, test)
            frames.append(found.assign(model=kind.__name__, seed=seed))
            print(frames[-1].round(3).to_string(), flush=True)
    return table(pd.concat(frames))


def assess(model, graphs, y, train, held, test):
    """Metrics of a model trained on some rows, as it comes and calibrated."""
    model.fit(graphs[train], y[train])
    calibrated = CalibratedRegressor(FrozenEstimator(model))
    calibrated.fit(graphs[held], y[held])
    frames = []
    for kind, one in (("as it comes", model), ("calibrated", calibrated)):
        mean, std = one.predict(graphs[test], return_std=True)
        frame = uncertainty_metrics(y[test], mean, std, target_names=TARGETS)
        frames.append(frame.rename_axis("target").reset_index().assign(kind=kind))
    return pd.concat(frames)


def three_parts(formulas, options, seed):
    """Rows to train, calibrate and test on; no two share a formula."""
    random = np.random.RandomState(seed)
    rows, parts = np.arange(len(formulas)), []
    for size in (options.test, options.calibrate):
        share = 1.3 * size / len(rows)
        splitter = GroupShuffleSplit(n_splits=1, test_size=share, random_state=random)
        rest, taken = next(splitter.split(rows, groups=formulas.iloc[rows]))
        parts.append(random.permutation(rows[taken])[:size])
        rows = rows[rest]
    test, held = parts
    return random.permutation(rows)[: options.train], held, test


def table(results):
    """Lines of a table: mean over seeds, and the range where it matters."""
    yield "| target | model | std | MAE | NLL | 68 % | 95 % | area | CRPS | ρ | AUSE |"
    yield "| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    groups = results.groupby(["target", "model", "kind"], sort=False)
    for (target, model, kind), frame in groups:
        mean = frame.mean(numeric_only=True)
        low, high = frame["coverage_68"].min(), frame["coverage_68"].max()
        yield (
            f"| {target} | {model} | {kind} | {mean['mae']:.3f} | {mean['nll']:.2f} | "
            f"{mean['coverage_68']:.2f} ({low:.2f} to {high:.2f}) | "
            f"{mean['coverage_95']:.2f} | {mean['miscalibration_area']:.3f} | "
            f"{mean['crps']:.3f} | {mean['spearman']:.2f} | "
            f"{mean['sparsification_error']:.2f} |"
        )


def draw(y, mean, std):
    """Calibration, errors and sparsification of one model, a row a target."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 3, figsize=(14, 8.6), layout="constrained")
    plot_calibration(y, mean, std, ax=axes[:, 0], target_names=TARGETS)
    plot_error_against_std(
        y, mean, std, ax=axes[:, 1], target_names=TARGETS, units=UNITS
    )
    plot_sparsification(y, mean, std, ax=axes[:, 2], target_names=TARGETS, units=UNITS)
    FOLDER.mkdir(exist_ok=True)
    figure.savefig(FOLDER / "uncertainty.png", dpi=120)
    plt.close(figure)


def cost(graphs, y, options):
    """Lines on seconds: ensembles against one model, and a query of a pool."""
    rows = np.arange(options.train)
    one = CGCNNRegressor(max_epochs=max(options.epochs // 4, 2), random_state=0)
    five = EnsembleRegressor(one, 5, n_jobs=2, random_state=0)
    X, labels = graphs[rows], y.iloc[rows]
    five.fit(graphs[:64], y[:64])  # joblib's workers take seconds to start
    ratios, threads = [], torch.get_num_threads()
    for _ in range(3):
        torch.set_num_threads(1)
        single = seconds(lambda: clone(one).fit(X, labels))
        torch.set_num_threads(threads)
        double = seconds(lambda: clone(one).fit(X, labels))
        ratios.append((single, double, seconds(lambda: clone(five).fit(X, labels))))
    single, double, ensemble = np.median(ratios, axis=0)
    learner = ActiveLearner(
        clone(one).set_params(dropout=0.1), max_std, graphs[:200], y[:200]
    )
    pool = graphs[200 : 200 + options.pool]
    query = np.median(
        [seconds(lambda: learner.query(pool, n_instances=100)) for _ in range(3)]
    )
    yield ""
    yield "| what | seconds | against one model |"
    yield "| --- | ---: | ---: |"
    yield f"| one model, 1 thread | {single:.1f} | 1 |"
    yield f"| one model, {threads} threads | {double:.1f} | {double / single:.2f} |"
    yield (
        f"| 5 members, n_jobs=2 | {ensemble:.1f} | {ensemble / single:.2f} "
        f"({ensemble / double:.2f} of {threads} threads) |"
    )
    yield f"| query of {len(pool)} crystals, MC dropout, 20 passes | {query:.2f} | |"


def seconds(function):
    """How long a call takes."""
    start = perf_counter()
    function()
    return perf_counter() - start


if __name__ == "__main__":
    main()
