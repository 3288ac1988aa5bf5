"""Does it help to train on perturbed copies of crystals?

    python benchmarks/studies/augmentation.py           # ten minutes on a core; resumes
    python benchmarks/studies/augmentation.py --report  # tables of what there is
    python benchmarks/studies/augmentation.py --quick   # a minute, a file of its own

CGCNN on few crystals, where copies should help most, judged on formulas that were not
trained on: on the crystals as they are, and on the same displaced and strained, which
stand for geometries that were not relaxed. A model with copies sees each crystal
``1 + COPIES`` times an epoch, so that it is held against one that is trained for as
many epochs more.
"""

from itertools import product
from time import process_time

import numpy as np
import pandas as pd
import torch
from sklearn.model_selection import GroupShuffleSplit
from sklearn.pipeline import make_pipeline

from benchmarks._data import TARGETS, at_hand, load_crystals
from benchmarks._harness import (
    mean_and_std,
    print_report,
    read,
    records_path,
    run_missing,
    study_parser,
)
from skcrystal import AugmentedRegressor, CGCNNRegressor, CrystalGraphTransformer
from skcrystal.graphs import augment_crystals

COPIES = 3
MOST_ATOMS = 20  # a cell: copies have no symmetry, and large cells cost most
NOISE = {"displacement": 0.05, "strain": 0.02}  # Å; of the crystals "as if unrelaxed"
# Large enough that no set has more; and the graphs that each is best served by
SETS = {
    "mp_cgcnn_36k": (2_000, {"cutoff": 8.0, "max_neighbors": 12}),
    "pbe_prototypes": (2_000, {"cutoff": 5.0}),
}
NONE, SHORT = "none", "none, a quarter of the steps"
ARMS = {
    NONE: None,
    SHORT: None,
    "displaced, 0.02 Å": {"displacement": 0.02, "strain": 0.0},
    "displaced, 0.05 Å": {"displacement": 0.05, "strain": 0.0},
    "strained, 0.01": {"displacement": 0.0, "strain": 0.01},
    "strained, 0.03": {"displacement": 0.0, "strain": 0.03},
    "displaced, 0.02 Å, and strained, 0.01": {"displacement": 0.02, "strain": 0.01},
    "supercells, up to 4": {"displacement": 0.0, "strain": 0.0, "supercell": 4},
}
SHOWN = {"formation_energy_per_atom": "FE (eV/atom)", "band_gap": "BG (eV)"}


def main():
    """Run what is missing, then write the tables."""
    parser = study_parser(__doc__, [0, 1, 2], "100 rows, 2 epochs")
    parser.add_argument("--rows", type=int, default=500, help="crystals to train on")
    parser.add_argument("--epochs", type=int, default=25, help="of models with copies")
    options = parser.parse_args()
    if options.quick:
        options.rows, options.epochs, options.seeds = 100, 2, [0]
    path = records_path("augmentation", options.quick)
    if not options.report:
        torch.set_num_threads(1)
        run(path, options)
    asked = options.rows, options.epochs
    records = [
        r for r in read(path) if (r["config"]["rows"], r["config"]["epochs"]) == asked
    ]
    print_report(report(records), path.with_suffix(".md"))


def run(path, options):
    """Train every arm that the file does not have; seeds are the outer loop."""
    data = {name: prepare(name) for name in dict.fromkeys(map(at_hand, SETS))}
    configs = (
        {
            "data": name,
            "arm": arm,
            "rows": options.rows,
            "epochs": options.epochs,
            "copies": COPIES,
            "seed": seed,
        }
        for seed, name, arm in product(options.seeds, data, ARMS)
    )
    run_missing(
        path,
        configs,
        lambda config: measure(config, *data[config["data"]]),
        shown=("data", "seed", "arm"),
    )


def prepare(name):
    """Crystals of small cells, and their labels."""
    crystals, labels = load_crystals(SETS[name][0], name=name)
    small = np.flatnonzero([len(crystal) <= MOST_ATOMS for crystal in crystals])
    return [crystals[i] for i in small], labels.iloc[small].reset_index(drop=True)


def split(formulas, rows, seed):
    """Rows to train and to test on: the test set is the same for all seeds."""
    splitter = GroupShuffleSplit(n_splits=1, test_size=0.4, random_state=0)
    rest, test = next(splitter.split(formulas, groups=formulas))
    return np.random.RandomState(seed).permutation(rest)[:rows], test


def measure(config, crystals, labels):
    """Train one model, and test it on crystals as they are and perturbed."""
    train, test = split(labels["formula"], config["rows"], config["seed"])
    model = make(config)
    start = process_time()
    model.fit([crystals[i] for i in train], labels[TARGETS].iloc[train])
    seconds = process_time() - start
    clean = [crystals[i] for i in test]
    noisy = augment_crystals(clean, **NOISE, random_state=0)
    truth = labels[TARGETS].iloc[test].to_numpy()
    return {
        "n_train": len(train),
        "n_test": len(test),
        "mae": errors(model.predict(clean), truth),
        "mae_noisy": errors(model.predict(noisy), truth),
        "cpu_seconds": round(seconds, 1),
    }


def make(config):
    """Build the model of an arm."""
    arm, epochs = ARMS[config["arm"]], config["epochs"]
    if config["arm"] == NONE:
        epochs *= 1 + COPIES
    model = make_pipeline(
        CrystalGraphTransformer(on_isolated="nearest", **SETS[config["data"]][1]),
        CGCNNRegressor(max_epochs=epochs, random_state=config["seed"]),
    )
    if arm is None:
        return model
    return AugmentedRegressor(
        model, n_copies=COPIES, random_state=config["seed"], **arm
    )


def errors(predicted, truth):
    """Mean absolute error of each target."""
    mae = np.abs(predicted - truth).mean(axis=0)
    return {name: round(float(x), 6) for name, x in zip(TARGETS, mae, strict=True)}


def report(records):
    """Lines of Markdown: a table for each set."""
    for name in SETS:
        mine = [record for record in records if record["config"]["data"] == name]
        if mine:
            yield from table(name, mine)
            yield ""


def table(name, records):
    """Errors of each arm, next to those of as many steps without copies."""
    first = records[0]
    yield (
        f"{name}, cells of at most {MOST_ATOMS} atoms: {first['n_train']} crystals to "
        f"train on, {first['n_test']} to test, {first['config']['epochs']} epochs with "
        f"{COPIES} copies; mean and standard deviation over seeds, changes seed by "
        "seed."
    )
    yield ""
    heads = [cell for shown in SHOWN.values() for cell in (shown, "change")]
    heads += [f"{shown.split()[0]}, perturbed" for shown in SHOWN.values()]
    yield f"| copies | seeds | {' | '.join(heads)} | CPU seconds |"
    yield f"| --- | {'---: | ' * (len(heads) + 1)}---: |"
    frame = pd.DataFrame(
        {
            "arm": record["config"]["arm"],
            "seed": record["config"]["seed"],
            "seconds": record["cpu_seconds"],
            **record["mae"],
            **{f"{t}, perturbed": e for t, e in record["mae_noisy"].items()},
        }
        for record in records
    )
    by_arm = {arm: rows.set_index("seed") for arm, rows in frame.groupby("arm")}
    for arm in [arm for arm in ARMS if arm in by_arm]:
        mine, base = by_arm[arm], by_arm[NONE]
        cells = [arm, str(len(mine))]
        for target in TARGETS:
            change = 100 * (mine[target] / base[target] - 1)
            cells.append(mean_and_std(mine[target], ".3f"))
            cells.append(f"{mean_and_std(change, '.1f', '+')} %")
        cells += [f"{mine[f'{t}, perturbed'].mean():.3f}" for t in TARGETS]
        yield f"| {' | '.join(cells)} | {mine['seconds'].median():.0f} |"


if __name__ == "__main__":
    main()
