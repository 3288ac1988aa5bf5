"""Do related targets help each other, and how much should their networks share?

    python benchmarks/studies/multitask.py            # hours on a core; resumes
    python benchmarks/studies/multitask.py --report   # tables of what there is
    python benchmarks/studies/multitask.py --quick    # a minute, a file of its own

CGCNN's trunk on Materials Project crystals, for formation energy (FE), band gap (BG)
and Fermi energy (EF). As for MT-CGCNN (Sanyal et al. 2018, arXiv:1811.05660), 60 % of
the crystals are to train on, 20 % to choose by, 20 % to test on; no formula is in two
of these parts. The seed decides the split, the start and the order. Epochs are fixed,
so that the 20 % to choose by decide between weights of targets, and nothing else.
"""

from itertools import product
from time import perf_counter
from typing import NamedTuple

import numpy as np
import torch
from sklearn.model_selection import GroupShuffleSplit

from benchmarks._data import EVERY_CRYSTAL, TARGETS, at_hand, load_columns, load_labels
from benchmarks._harness import (
    print_report,
    read,
    records_path,
    run_missing,
    study_parser,
)
from benchmarks.accuracy._models import NEAREST_12
from benchmarks.accuracy._run import open_graphs
from benchmarks.studies._multitask_report import report
from skcrystal import CGCNNRegressor, MTCGCNNRegressor

COLUMNS = dict(zip(["FE", "BG", "EF"], [*TARGETS, "efermi"], strict=True))
SOFT = 1e-4  # strength of soft sharing
TRAIN = 60  # % of the crystals


class Arm(NamedTuple):
    """What is trained.

    Attributes
    ----------
    targets : str
        Joined by plus signs.
    sharing : {"one head", "hard", "soft"}
        How several targets share; one target needs no multi-task network.
    weights : {"uncertainty", "dwa"}, tuple of numbers or None
    train : int
        Crystals to train on, in % of all.
    gaps : int
        Crystals whose band gap is known, in % of all.
    epochs : int
        Times as many as others.
    strength : float or None
        Of soft sharing.
    """

    targets: str
    sharing: str = "hard"
    weights: str | tuple | None = None
    train: int = TRAIN
    gaps: int = TRAIN
    epochs: int = 1
    strength: float | None = None


# The first answers come first.
ARMS = [
    Arm("FE"),
    Arm("BG"),
    Arm("FE+BG"),
    Arm("FE+BG", weights="uncertainty"),
    Arm("FE+BG", weights="dwa"),
    Arm("FE+BG", weights=(3, 1)),
    Arm("FE+BG", train=50),
    Arm("BG", train=50),
    Arm("BG", train=30),
    Arm("FE+BG", train=30),
    Arm("FE+BG", gaps=30),
    Arm("BG", train=30, epochs=2),  # as many steps as with gaps=30
    Arm("EF"),
    Arm("FE+BG+EF"),
    Arm("FE+BG+EF", weights="uncertainty"),
    Arm("FE+BG+EF", weights="dwa"),
    Arm("FE+BG", sharing="one head"),
    Arm("FE+BG", sharing="soft", strength=SOFT),
    Arm("BG", train=40),
    Arm("FE+BG", train=40),
    Arm("FE+BG", weights="uncertainty", train=50),
    Arm("FE+BG", gaps=40),
    Arm("FE+BG", gaps=50),
    Arm("FE", epochs=2),
    Arm("BG", epochs=2),
    Arm("FE+BG", epochs=2),  # as many steps as for each alone together
    Arm("FE+BG", weights="uncertainty", epochs=2),
    Arm("FE+BG", sharing="soft", strength=0.0),
    Arm("FE+BG+EF", sharing="soft", strength=SOFT),
]
STRENGTHS = [
    Arm("FE+BG", sharing="soft", strength=s) for s in (0.0, 1e-4, 1e-3, 1e-2, 0.1)
]


def main():
    """Run what is missing, then write the tables."""
    parser = study_parser(__doc__, [0, 1, 2], "200 crystals, 2 epochs")
    parser.add_argument("--crystals", type=int, default=8_000, help="of all parts")
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--arms", type=int, help="run so many only, the first ones")
    parser.add_argument("--strengths", action="store_true", help="of soft sharing")
    options = parser.parse_args()
    if options.quick:
        options.crystals, options.epochs, options.seeds = 200, 2, [0]
    path = records_path("multitask", options.quick)
    arms = STRENGTHS if options.strengths else ARMS[: options.arms]
    if not options.report:
        torch.set_num_threads(1)
        run(path, arms, options)
    print_report(report(read(path)), path.with_suffix(".md"))


def run(path, arms, options):
    """Train every arm that the file does not have; seeds are the outer loop."""
    data = at_hand("mp_cgcnn_36k")
    graphs = open_graphs(data, EVERY_CRYSTAL, NEAREST_12, build=True)
    labels = load_columns([*COLUMNS.values()], EVERY_CRYSTAL, name=data)
    formulas = load_labels(EVERY_CRYSTAL, name=data)["formula"].to_numpy()
    n = min(options.crystals, len(labels))  # rows are in random order
    graphs, labels, formulas = graphs[:n], labels.iloc[:n], formulas[:n]
    configs = (
        {
            "data": data,
            "crystals": n,
            "max_epochs": options.epochs,
            "seed": seed,
            **arm._asdict(),
        }
        for seed, arm in product(options.seeds, arms)
        # The shipped set has no Fermi energies.
        if not labels[columns_of(arm)].isna().all().any()
    )

    def train(config):
        arm = Arm(**{key: config[key] for key in Arm._fields})
        return measure(arm, config, graphs, labels[columns_of(arm)], formulas)

    run_missing(path, configs, train, shown=("seed", *Arm._fields))


def columns_of(arm):
    """Columns of the targets of an arm."""
    return [COLUMNS[target] for target in arm.targets.split("+")]


def split(formulas, seed):
    """Rows to train on, in an order of which shares are the first ones; others."""
    splitter = GroupShuffleSplit(n_splits=1, test_size=0.2, random_state=seed)
    rest, test = next(splitter.split(formulas, groups=formulas))
    splitter = GroupShuffleSplit(n_splits=1, test_size=0.25, random_state=seed)
    train, choice = next(splitter.split(rest, groups=formulas[rest]))
    train = np.random.RandomState(seed).permutation(rest[train])
    return train, rest[choice], test


def measure(arm, config, graphs, labels, formulas):
    """Train one model, and test it."""
    train, choice, test = split(formulas, config["seed"])
    known = labels.iloc[train[: share(train, arm.train)]].copy()
    if COLUMNS["BG"] in known:
        known.iloc[share(train, arm.gaps) :, known.columns.get_loc(COLUMNS["BG"])] = (
            np.nan
        )
    model = make(arm, config)
    start = perf_counter()
    model.fit(graphs[train[: len(known)]], known)
    seconds = perf_counter() - start
    return {
        "n_labels": known.count().tolist(),
        "n_test": len(test),
        "mae_choice": errors(model, graphs[choice], labels.iloc[choice]),
        "mae_test": errors(model, graphs[test], labels.iloc[test]),
        "task_weights": [round(float(w), 4) for w in model.task_weights_],
        "fit_seconds": round(seconds, 1),
    }


def share(train, percent):
    """Number of rows, of what is TRAIN % of all."""
    return round(len(train) * percent / TRAIN)


def make(arm, config):
    """Build the model of an arm."""
    parameters = {
        "max_epochs": round(config["max_epochs"] * arm.epochs),
        "random_state": config["seed"],
        "device": "cpu",
    }
    if "+" not in arm.targets or arm.sharing == "one head":
        return CGCNNRegressor(**parameters)
    if arm.sharing == "soft":
        parameters["sharing_strength"] = arm.strength
    return MTCGCNNRegressor(sharing=arm.sharing, task_weights=arm.weights, **parameters)


def errors(model, graphs, truth):
    """Mean absolute error of each target, over the labels there are."""
    predicted = model.predict(graphs).reshape(truth.shape)
    mae = np.nanmean(np.abs(predicted - truth.to_numpy()), axis=0)
    return [round(float(x), 6) for x in mae]


if __name__ == "__main__":
    main()
