"""How much an error depends on what a split keeps apart.

    python benchmarks/studies/splitting.py             # five minutes on one core
    python benchmarks/studies/splitting.py --quick     # a minute: one seed, 5 epochs

One network, CGCNN, on the shipped crystals, tested by random folds, by formula, by
chemical system, by clusters of compositions, and on every element left out. Seeds
decide folds and initial weights. Writes `results/splitting.md`.
"""

import argparse
import warnings
from time import perf_counter

import numpy as np
import pandas as pd
import torch
from sklearn.base import clone
from sklearn.model_selection import KFold

from benchmarks._harness import FOLDER, mean_and_std, print_report
from skcrystal import CGCNNRegressor, CrystalGraphTransformer
from skcrystal.datasets import load_pbe_prototypes
from skcrystal.model_selection import (
    ChemicalSystemKFold,
    FormulaKFold,
    LeaveOneClusterOut,
    LeaveOneElementOut,
    chemical_groups,
)

COLUMNS = ["energy", "gap"]


def splitters(seed):
    """What is compared, the most lenient first."""
    shuffled = {"shuffle": True, "random_state": seed}
    return {
        "random, 5 folds": KFold(5, **shuffled),
        "formula, 5 folds": FormulaKFold(5, **shuffled),
        "chemical system, 5 folds": ChemicalSystemKFold(5, **shuffled),
        "cluster left out, 5": LeaveOneClusterOut(n_clusters=5, random_state=seed),
        "element left out": LeaveOneElementOut(),
    }


def main():
    """Train, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--quick", action="store_true", help="one seed, 5 epochs")
    options = parser.parse_args()
    if options.quick:
        options.epochs, options.seeds = 5, [0]
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", "X holds elements")  # which is what is asked
    data = load_pbe_prototypes()
    graphs = CrystalGraphTransformer().transform(data.data)
    formula = data.groups
    system = chemical_groups(graphs, by="chemical_system")
    tested = []
    for seed in options.seeds:
        model = CGCNNRegressor(max_epochs=options.epochs, random_state=seed)
        for name, cv in splitters(seed).items():
            if name == "element left out" and seed != options.seeds[0]:
                continue  # as many trainings as elements
            begin = perf_counter()
            for train, test in cv.split(graphs):
                told = clone(model).fit(graphs[train], data.target[train])
                errors = np.abs(told.predict(graphs[test]) - data.target[test])
                frame = pd.DataFrame(errors, test, COLUMNS)
                frame["formula met"] = np.isin(formula[test], formula[train])
                frame["system met"] = np.isin(system[test], system[train])
                tested.append(frame.assign(split=name, seed=seed))
            print(f"{name}, seed {seed}: {perf_counter() - begin:.0f} s", flush=True)
    tested = pd.concat(tested).rename_axis("crystal").reset_index()
    stem = "splitting-quick" if options.quick else "splitting"
    print_report([*table(tested), "", *pairs(tested)], FOLDER / f"{stem}.md")


def table(tested):
    """Errors of each split, mean and standard deviation over seeds."""
    lines = [
        "| split | test crystals whose formula was trained on | whose chemical system "
        "| energy (eV/atom) | gap (eV) |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for name, part in tested.groupby("split", sort=False):
        met = part[["formula met", "system met"]].mean()
        of_seed = part.groupby("seed")[COLUMNS].mean()
        errors = (mean_and_std(of_seed[column], ".3f") for column in COLUMNS)
        lines.append(
            f"| {name} | {met.iloc[0]:.0%} | {met.iloc[1]:.0%} | {' | '.join(errors)} |"
        )
    return lines


def pairs(tested):
    """The same crystals, those with polymorphs in the set, by two splits."""
    random = tested[tested["split"] == "random, 5 folds"]
    other = tested[tested["split"] == "formula, 5 folds"]
    both = random.merge(other, on=["crystal", "seed"], suffixes=(", random", ""))
    lines = [
        "| in random folds | crystals | energy, random | by formula | gap, random | "
        "by formula |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for met, name in ((True, "a polymorph is trained on"), (False, "none is")):
        part = both[both["formula met, random"] == met]
        of_seed = part.groupby("seed")
        cells = [
            mean_and_std(of_seed[column].mean(), ".3f")
            for target in COLUMNS
            for column in (f"{target}, random", target)
        ]
        n = round(of_seed.size().mean())
        lines.append(f"| {name} | {n} | {' | '.join(cells)} |")
    return lines


if __name__ == "__main__":
    main()
