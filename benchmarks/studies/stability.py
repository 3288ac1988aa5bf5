"""Do default parameters train well on crystals that nobody picked?

Every regressor is trained with its defaults, but few epochs, on random rows of the
Materials Project set, and judged on formulas that it has not seen, over several seeds.
A finished run is a row in ``results/stability.csv`` and is not repeated.
"""

import argparse
import csv
from time import perf_counter

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import mean_absolute_error
from sklearn.model_selection import GroupShuffleSplit

from benchmarks._data import TARGETS, load_crystals, source
from benchmarks._harness import FOLDER
from skcrystal import (
    CGCNNRegressor,
    CrystalGraphTransformer,
    GCNRegressor,
    MEGNetRegressor,
    SchNetRegressor,
)

MODELS = {
    "cgcnn": CGCNNRegressor,
    "schnet": SchNetRegressor,
    "megnet": MEGNetRegressor,
    "gcn": GCNRegressor,
}
STUDY = ["crystals", "epochs", "cutoff", "max_neighbors"]  # what all runs share
RESULT = FOLDER / "stability.csv"


def main():
    """Run what is still to be run, and print the summary."""
    options = parse_options()
    torch.set_num_threads(options.threads)
    crystals, labels = load_crystals(options.crystals)
    study = {
        "crystals": len(crystals),
        "epochs": options.epochs,
        "cutoff": options.cutoff,
        "max_neighbors": options.max_neighbors or 0,  # 0 stands for all
    }
    done = finished(study)
    todo = [
        (model, seed)
        for seed in options.seeds
        for model in options.models
        if (model, seed) not in done
    ]
    if todo:
        graphs = CrystalGraphTransformer(
            cutoff=options.cutoff,
            max_neighbors=options.max_neighbors,
            on_isolated="nearest",
        ).transform(crystals)
        formulas = labels["formula"]
        truth = labels[TARGETS].to_numpy()
    for model, seed in todo:
        row = run(model, seed, options.epochs, graphs, truth, formulas)
        append({**study, "threads": options.threads, **row})
        print(row, flush=True)
    print(summary(study, options))


def parse_options():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--crystals", type=int, default=12_000)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--threads", type=int, default=2, help="torch threads")
    parser.add_argument("--cutoff", type=float, default=5.0, help="in Å")
    parser.add_argument("--max-neighbors", type=int, help="default: all in the cutoff")
    return parser.parse_args()


def run(model, seed, epochs, graphs, truth, formulas):
    """Train on four fifths of the formulas and judge on the rest."""
    split = GroupShuffleSplit(n_splits=1, test_size=0.2, random_state=seed)
    train, test = next(split.split(truth, groups=formulas))
    regressor = MODELS[model](max_epochs=epochs, random_state=seed)
    start = perf_counter()
    try:
        regressor.fit(graphs[train], truth[train])
        predicted = regressor.predict(graphs[test])
    except FloatingPointError:  # diverged: a result, too
        predicted = np.full_like(truth[test], np.nan)
    seconds = perf_counter() - start
    error = np.abs(predicted - truth[test]).mean(axis=0)
    mean = np.broadcast_to(truth[train].mean(axis=0), truth[test].shape)
    of_mean = mean_absolute_error(truth[test], mean, multioutput="raw_values")
    return {
        "model": model,
        "seed": seed,
        "n_train": len(train),
        "n_test": len(test),
        "mae_fe": round(float(error[0]), 5),
        "mae_bg": round(float(error[1]), 5),
        "ratio_fe": round(float(error[0] / of_mean[0]), 5),
        "ratio_bg": round(float(error[1] / of_mean[1]), 5),
        "any_nan": int(not np.isfinite(predicted).all()),
        "seconds": round(seconds, 1),
    }


def append(row):
    """Add a row to the file, which keeps it whatever happens next."""
    RESULT.parent.mkdir(exist_ok=True)
    new = not RESULT.exists()
    with RESULT.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, row)
        if new:
            writer.writeheader()
        writer.writerow(row)


def rows_of(study):
    """Finished runs of a study, as a DataFrame."""
    if not RESULT.exists():
        return pd.DataFrame(columns=["model", "seed"])
    frame = pd.read_csv(RESULT)
    return frame[(frame[STUDY] == pd.Series(study)[STUDY]).all(axis=1)]


def finished(study):
    """Model and seed of each finished run."""
    rows = rows_of(study)
    return set(zip(rows["model"], rows["seed"], strict=True))


def summary(study, options):
    """Mean ± standard deviation over seeds as a markdown table."""
    rows = rows_of(study)
    rows = rows[rows["model"].isin(options.models) & rows["seed"].isin(options.seeds)]
    neighbors = f", {study['max_neighbors']} neighbours" * bool(study["max_neighbors"])
    lines = [
        f"\n{study['crystals']:,} crystals of {source()}, {study['epochs']} epochs, "
        f"{study['cutoff']:g} Å{neighbors}; mean ± sd over seeds\n",
        "| model | seeds | FE MAE (eV/atom) | of mean's | BG MAE (eV) | of mean's "
        "| NaN | seconds |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for model, runs in rows.groupby("model", sort=False):
        cells = [model, str(len(runs))]
        for column in ("mae_fe", "ratio_fe", "mae_bg", "ratio_bg"):
            cells.append(f"{runs[column].mean():.3f} ± {runs[column].std():.3f}")
        cells += [str(runs["any_nan"].sum()), f"{runs['seconds'].mean():.0f}"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
