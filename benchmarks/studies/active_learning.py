"""How many labels do query strategies save on Materials Project crystals?

Campaigns of 200 + 10 x 100 labels: architectures x strategies x two sets of crystals x
seeds, all judged on formulas that no pool holds. Every campaign writes its state as it
goes; started again, the study goes on where it stopped.
"""

import argparse
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import mean_absolute_error
from sklearn.model_selection import GroupShuffleSplit

from benchmarks._data import TARGETS, cache_folder, load_crystals, source
from benchmarks._harness import FOLDER, mean_and_std, save_report
from skcrystal import (
    CGCNNRegressor,
    CrystalGraphTransformer,
    EnsembleRegressor,
    GCNRegressor,
    MEGNetRegressor,
    SchNetRegressor,
)
from skcrystal.active import (
    compare_strategies,
    diverse_max_std,
    labels_saved,
    largest_cluster,
    max_std,
    plot_learning_curves,
    random_sampling,
)

ARCHITECTURES = {
    "CGCNN": CGCNNRegressor,
    "GCN": GCNRegressor,
    "SchNet": SchNetRegressor,
    "MEGNet": MEGNetRegressor,
}
STRATEGIES = {
    "fixed": None,
    "random": random_sampling,
    "MC dropout": max_std,
    "diverse MC dropout": diverse_max_std,
    "largest cluster": largest_cluster,
    "ensemble": (max_std, EnsembleRegressor),  # last, because it costs five times more
}
# Lowest and highest formation energy (eV/atom) and band gap (eV)
RANGES = {
    "filtered": ((-3.5, 0.5), (0.01, 1.2)),
    "unfiltered": ((-np.inf, np.inf), (-np.inf, np.inf)),
}
UNITS = dict(zip(TARGETS, ["eV/atom", "eV"], strict=True))


def main():
    """Run what is left to run, and write tables and figures."""
    options = parse_options()
    if options.report:
        write(pd.read_csv(FOLDER / f"{stem(options)}.csv"), options)
        return
    torch.set_num_threads(1)
    crystals, labels = load_crystals(options.crystals)
    graphs = CrystalGraphTransformer(
        cutoff=8.0, max_neighbors=12, n_jobs=options.jobs
    ).transform(crystals)
    parts = []
    for architecture in options.architectures:
        for name in options.sets:
            start = perf_counter()
            parts.append(run(architecture, name, graphs, labels, options))
            print(f"{architecture}, {name}: {perf_counter() - start:.0f} s", flush=True)
            write(pd.concat(parts, ignore_index=True), options)
    print(f"Crystals: {source()}; {options.epochs} epochs, one thread a campaign.")


def parse_options():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="30 + 2 x 15, 1 seed")
    parser.add_argument(
        "--architectures", nargs="+", choices=ARCHITECTURES, default=list(ARCHITECTURES)
    )
    parser.add_argument(
        "--strategies", nargs="+", choices=STRATEGIES, default=list(STRATEGIES)
    )
    parser.add_argument("--sets", nargs="+", choices=RANGES, default=list(RANGES))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--pool", type=int, default=10_000, help="crystals at most")
    parser.add_argument("--test", type=int, default=2_000, help="crystals at most")
    parser.add_argument("--jobs", type=int, default=2, help="campaigns at a time")
    parser.add_argument("--report", action="store_true", help="run nothing")
    options = parser.parse_args()
    options.crystals = 2_000 if options.quick else 50_000
    options.sizes = {"n_initial": 200, "batch_size": 100, "n_cycles": 10}
    if options.quick:
        options.sizes = {"n_initial": 30, "batch_size": 15, "n_cycles": 2}
        options.seeds, options.epochs = 1, 5
    return options


def run(architecture, name, graphs, labels, options):
    """All campaigns of one architecture on one set of crystals."""
    pool, test = split(name, labels, options)
    y = labels[TARGETS]
    folder = cache_folder() / "active-learning" / f"{name}-{options.epochs}"
    results = compare_strategies(
        {
            architecture: ARCHITECTURES[architecture](
                max_epochs=options.epochs, dropout=0.1
            )
        },
        {strategy: STRATEGIES[strategy] for strategy in options.strategies},
        graphs[pool],
        y.iloc[pool].reset_index(drop=True),
        graphs[test],
        y.iloc[test].reset_index(drop=True),
        **options.sizes,
        seeds=options.seeds,
        scoring={f"member_mae_{t}": MemberError(t) for t in range(len(TARGETS))},
        directory=None if options.quick else folder,
        n_jobs=options.jobs,
    )
    results.insert(0, "set", name)
    return results.rename(
        columns={f"member_mae_{t}": f"member_mae_{n}" for t, n in enumerate(TARGETS)}
    )


class MemberError:
    """Mean absolute error of single members: what an ensemble owes to its queries."""

    def __init__(self, target):
        self.target = target

    def __call__(self, estimator, X, y):
        truth = np.asarray(y)[:, self.target]
        return np.mean(
            [
                mean_absolute_error(truth, member.predict(X)[:, self.target])
                for member in getattr(estimator, "estimators_", [estimator])
            ]
        )


def split(name, labels, options):
    """Rows of the pool and of the test set, which share no formula."""
    inside = np.ones(len(labels), dtype=bool)
    for target, (low, high) in zip(TARGETS, RANGES[name], strict=True):
        inside &= labels[target].between(low, high).to_numpy()
    rows = np.flatnonzero(inside)
    splitter = GroupShuffleSplit(n_splits=1, test_size=0.2, random_state=0)
    groups = labels["formula"].iloc[rows]
    pool, test = next(splitter.split(rows, groups=groups))
    random = np.random.RandomState(0)
    pool, test = random.permutation(rows[pool]), random.permutation(rows[test])
    return pool[: options.pool], test[: options.test]


def write(results, options):
    """Save all rows, the tables, and a figure for each set."""
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / stem(options)
    results.to_csv(f"{path}.csv", index=False)
    if {"fixed", "random"} <= set(results["strategy"]):
        for name, frame in results.groupby("set", sort=False):
            draw(frame, f"{path}_{name}.png")
    save_report(report(results, options), Path(f"{path}.md"))


def stem(options):
    """Name of what is written, without what follows the dot."""
    return "active_learning_quick" if options.quick else "active_learning"


def report(results, options):
    """Lines of the report: errors, savings, seconds."""
    yield (
        "| set | architecture | strategy | seeds | FE MAE, eV/atom | labels saved |"
        + (" BG MAE, eV | labels saved |")
    )
    yield "| --- | --- | --- | ---: | ---: | ---: | ---: | ---: |"
    for (name, architecture), frame in results.groupby(
        ["set", "architecture"], sort=False
    ):
        columns = [errors(frame, target) for target in TARGETS]
        for strategy in columns[0]:
            seeds = frame.loc[frame["strategy"] == strategy.partition(",")[0], "seed"]
            keys = [name, architecture, strategy, str(seeds.nunique())]
            cells = [cell for column in columns for cell in column[strategy]]
            yield f"| {' | '.join(keys + cells)} |"
    yield ""
    yield "| architecture | strategy | seconds a campaign |"
    yield "| --- | --- | ---: |"
    campaigns = results.groupby(["architecture", "strategy", "set", "seed"], sort=False)
    seconds = campaigns["seconds"].sum().groupby(level=[0, 1], sort=False).median()
    for (architecture, strategy), value in seconds.items():
        yield f"| {architecture} | {strategy} | {value:.0f} |"


def errors(frame, target):
    """Last error and saving of each strategy, as text: one target of one network."""
    cells = {}
    for metric, note in (("mae", ""), ("member_mae", ", a member's error")):
        column = f"{metric}_{target}"
        saved = labels_saved(frame, target, metric=metric).set_index("strategy")
        for strategy, part in frame.groupby("strategy", sort=False):
            if note and strategy != "ensemble":
                continue  # others are their only member
            last = part.loc[part["cycle"] == part["cycle"].max(), column]
            cell = ""
            if strategy in saved.index:
                row = saved.loc[strategy]
                cell = f"{row['saved']:+.0%}"
                if len(last) > 1:
                    cell += f" ({row['low']:+.0%} to {row['high']:+.0%})"
            cells[strategy + note] = [mean_and_std(last, ".3f"), cell]
    return cells


def draw(results, path):
    """Learning curves, a row an architecture and a column a target."""
    import matplotlib.pyplot as plt
    from PIL import Image

    n = results["architecture"].nunique()
    figure, axes = plt.subplots(
        n, 2, figsize=(9.6, 3.7 * n), layout="constrained", squeeze=False
    )
    for column, target in zip(axes.T, TARGETS, strict=True):
        plot_learning_curves(results, target, unit=UNITS[target], ax=column)
    figure.savefig(path, dpi=110)
    plt.close(figure)
    # A quarter of the size: bands that overlap have many colours, which nobody misses.
    Image.open(path).quantize(128).save(path, optimize=True)


if __name__ == "__main__":
    main()
