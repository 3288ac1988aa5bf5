"""Energy barriers of atoms in a metallic glass: which network orders them best?

    python benchmarks/studies/glass.py                  # hours on a core; resumes
    python benchmarks/studies/glass.py --models SymGNN  # some of the networks
    python benchmarks/studies/glass.py --report         # table of what there is
    python benchmarks/studies/glass.py --quick          # two minutes, a file of its own

Configurations are split as wholes. Of the published training set, train1 is left out,
which is nearly train0; train2 decides on the epoch that is kept and on nothing else;
the others are trained on, train5 and train6 among them, which are one sample before and
after a deformation. Both test configurations are looked at once, by the kept epoch.

Every run is a process of its own on one thread, and keeps large arrays (see
docs/site-targets.md): the page clearing of fresh ones takes most of the time otherwise.
"""

import argparse
import json
import os
import subprocess
import sys
from itertools import product
from time import perf_counter

import numpy as np
import pandas as pd

from benchmarks._harness import (
    identify,
    mean_and_std,
    print_report,
    read,
    records_path,
    run_missing,
    study_parser,
)

TRAIN = ["train0", "train3", "train4", "train5", "train6"]
WATCHED = ["train2"]
TEST = ["test0", "test1"]
# Of these all epochs are run, and train2 is trained on as well.
ON_ALL = {"CoGN, train2 too"}
# Of glibc: arrays below a few gigabytes are kept when they are free.
KEEP_ARRAYS = {
    "MALLOC_MMAP_THRESHOLD_": str(2**32),
    "MALLOC_TRIM_THRESHOLD_": str(2**34),
    "MALLOC_TOP_PAD_": str(2**28),
}


def models():
    """Networks by name: class, parameters, and epochs that take about as long."""
    import skcrystal as sk

    return {
        "MLP on local features": (sk.LocalMLPRegressor, {}, 40),
        "GCN": (sk.GCNRegressor, {}, 40),
        "GCN with edge features": (sk.EdgeGCNRegressor, {}, 60),
        "EGNN": (sk.EGNNRegressor, {"lr": 1e-3}, 30),
        "EGAT": (sk.EGATRegressor, {"hidden_dim": 32}, 60),
        "SchNet": (sk.SchNetRegressor, {}, 60),
        "SchNet, no norms": (sk.SchNetRegressor, {"norm": "layer"}, 60),
        "CGCNN, layer norms": (sk.CGCNNRegressor, {"norm": "layer"}, 60),
        "MPNN": (sk.MPNNRegressor, {}, 50),
        "MGCN": (sk.MGCNRegressor, {}, 50),
        "CGCNN": (sk.CGCNNRegressor, {}, 60),
        "MEGNet": (sk.MEGNetRegressor, {}, 60),
        "CoGN": (sk.CoGNRegressor, {"n_layers": 3}, 100),
        "CoGN, train2 too": (sk.CoGNRegressor, {"n_layers": 3}, 85),
        "AngularCoGN": (sk.AngularCoGNRegressor, {"n_layers": 3}, 30),
        "DimeNet++": (sk.DimeNetPlusPlusRegressor, {"n_layers": 2}, 10),
        "SymGNN": (sk.SymGNNRegressor, {}, 40),
        "SymGNN, as published": (sk.SymGNNRegressor, {"edge_values": False}, 40),
        "SymGNN, learned angles": (
            sk.SymGNNRegressor,
            {"transformations": "learned"},
            40,
        ),
        "SymGNN, no symmetrisation": (
            sk.SymGNNRegressor,
            {"transformations": None},
            40,
        ),
    }


def main():
    """Run what is missing, then write the table."""
    parser = study_parser(__doc__, [0, 1, 2], "two epochs of two")
    parser.add_argument("--models", nargs="+", default=[*models()])
    parser.add_argument("--cutoff", type=float, default=5.0, help="Å")
    parser.add_argument("--epochs", type=int, help="in place of each network's own")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--run", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        print(json.dumps(measure(json.loads(options.run))))
        return
    if options.quick:
        options.models, options.seeds, options.epochs = ["CGCNN", "SymGNN"], [0], 2
    path = records_path("glass", options.quick)
    if not options.report:
        run(path, options)
    print_report(table(read(path)), path.with_suffix(".md"))


def run(path, options):
    """Train what the file does not have; seeds are the outer loop."""
    networks = models()
    unknown = sorted({*options.models} - {*networks})
    if unknown:
        sys.exit(f"no such network: {unknown[0]}; there are {', '.join(networks)}")
    configs = (
        {
            "model": name,
            "parameters": networks[name][1],
            "cutoff": options.cutoff,
            "epochs": options.epochs or networks[name][2],
            "threads": options.threads,
            "seed": seed,
        }
        for seed, name in product(options.seeds, options.models)
    )
    run_missing(path, configs, measure_apart, shown=("seed", "model"))


def measure_apart(config):
    """What `measure` returns in a process of its own, or None if it failed."""
    threads = str(config["threads"])
    done = subprocess.run(
        [sys.executable, __file__, "--run", json.dumps(config)],
        env={**os.environ, **KEEP_ARRAYS, "OMP_NUM_THREADS": threads},
        stdout=subprocess.PIPE,
        text=True,
    )
    return None if done.returncode else json.loads(done.stdout.splitlines()[-1])


def measure(config):
    """Train one network, keep its best epoch, and judge it on the test set."""
    import torch

    from benchmarks._networks import n_parameters
    from skcrystal import CrystalGraphTransformer

    torch.set_num_threads(config["threads"])
    kind = models()[config["model"]][0]
    model = kind(
        **{
            "target_level": "atom",
            "loss": "mse",
            "batch_size": 1,
            "lr": 0.01,
            "max_epochs": config["epochs"],
            "early_stopping": config["model"] not in ON_ALL,
            "n_iter_no_change": config["epochs"],
            "random_state": config["seed"],
            **config["parameters"],
        }
    )
    transformer = CrystalGraphTransformer(
        cutoff=config["cutoff"], vectors=model._needs_vectors, reduce=None
    )
    crystals, labels = load_glass()
    X = {name: transformer.transform([crystals[name]]) for name in crystals}
    join = type(X["test0"]).concatenate
    trained = TRAIN + WATCHED if config["model"] in ON_ALL else TRAIN
    watched = [name for name in WATCHED if name not in trained]
    data = {
        "X": join([X[name] for name in trained]),
        "y": [labels[name] for name in trained],
    }
    if watched:
        data["X_val"] = join([X[name] for name in watched])
        data["y_val"] = [labels[name] for name in watched]
    start = perf_counter()
    model.fit(**data)
    seconds = perf_counter() - start
    model.save_pretrained(saved(config))
    guesses = {name: model.predict(X[name])[0] for name in WATCHED + TEST}
    truth, guess = (
        np.concatenate([of[name] for name in TEST]) for of in (labels, guesses)
    )
    np.save(saved(config) / "test.npy", guess)
    result = {
        "n_parameters": n_parameters(model.net_.module_),
        "best_epoch": best_epoch(model.history_),
        "seconds_per_epoch": round(float(model.history_["seconds"].median()), 2),
        "fit_seconds": round(seconds, 1),
        "r": round(pearson(truth, guess), 4),
        "mae": round(float(np.abs(truth - guess).mean()), 4),
        "bias": round(float((guess - truth).mean()), 4),
    }
    for name in watched + TEST:
        result[f"r_{name}"] = round(pearson(labels[name], guesses[name]), 4)
        error = np.abs(labels[name] - guesses[name]).mean()
        result[f"mae_{name}"] = round(float(error), 4)
    return result


def best_epoch(history):
    """The one that is kept: the last, if none was watched."""
    if "valid_loss" not in history:
        return len(history)
    return int(history["valid_loss"].argmin()) + 1


def saved(config):
    """Where the trained model is kept."""
    from benchmarks._data import cache_folder

    folder = cache_folder() / "glass"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / identify(config)


def load_glass():
    """Configurations and barriers in eV by name: from a local copy, or downloaded."""
    from benchmarks._data import data_folder
    from skcrystal.datasets import fetch_metallic_glass
    from skcrystal.datasets._metallic_glass import bunch_of

    path = data_folder() / "metallic_glass_barriers" / "symgnn_cu64zr36.npz"
    if path.exists():
        with np.load(path) as arrays:
            bunch = bunch_of(dict(arrays))
    else:
        bunch = fetch_metallic_glass()
    names = bunch.names
    return (
        dict(zip(names, bunch.data, strict=True)),
        dict(zip(names, bunch.target, strict=True)),
    )


def pearson(truth, guess):
    """Pearson correlation; zero if all guesses are alike."""
    return float(np.corrcoef(truth, guess)[0, 1]) if np.ptp(guess) else 0.0


def table(records):
    """Lines of Markdown: a row for each network, the best first."""
    if not records:
        return ["no run yet"]
    frame = pd.DataFrame({**r["config"], **r} for r in records)
    lines = [
        "Trained on train0 and train3 to train6 (40,000 atoms), epoch chosen on "
        "train2, judged on test0 and test1 together (6,000 atoms); mean and standard "
        "deviation over seeds.",
        "",
        "| network | cutoff (Å) | weights | seeds | Pearson r | MAE (eV) | r test0 | "
        "r test1 | r train2 | epochs | s/epoch | training (min) |",
        "| --- |" + " ---: |" * 11,
    ]
    keys, none = ["model", "cutoff", "epochs"], pd.Series(dtype=float)
    groups = sorted(
        frame.groupby(keys, sort=False), key=lambda item: -item[1]["r"].mean()
    )
    for (name, cutoff, epochs), runs in groups:
        cells = [
            name,
            f"{cutoff:g}",
            f"{runs['n_parameters'].iloc[0]:,}",
            str(len(runs)),
            *(mean_and_std(runs[c], ".3f") for c in ("r", "mae")),
            *(mean_and_std(runs.get(f"r_{c}", none), ".3f") for c in (*TEST, *WATCHED)),
            str(epochs),
            f"{runs['seconds_per_epoch'].median():.1f}",
            f"{runs['fit_seconds'].median() / 60:.1f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    ensembles = together(records)
    if ensembles:
        head = "| mean of | Pearson r | MAE (eV) | core minutes of training |"
        lines += ["", head, "| --- | ---: | ---: | ---: |", *ensembles]
    return lines


def together(records):
    """Rows of the mean over the seeds of a network, as an ensemble would give it."""
    runs = {}
    for record in records:
        path = saved(record["config"]) / "test.npy"
        if path.exists():
            config = {k: v for k, v in record["config"].items() if k != "seed"}
            runs.setdefault(identify(config), []).append((record, np.load(path)))
    if not runs:
        return []  # records of another machine
    _, labels = load_glass()
    truth = np.concatenate([labels[name] for name in TEST])
    found = []
    for of_network in runs.values():
        if len(of_network) < 3:
            continue
        guess = np.mean([guess for _, guess in of_network], axis=0)
        minutes = sum(record["fit_seconds"] for record, _ in of_network) / 60
        name = of_network[0][0]["config"]["model"]
        mae = np.abs(guess - truth).mean()
        found.append((pearson(truth, guess), mae, name, len(of_network), minutes))
    return [
        f"| {n} {name} | {r:.3f} | {mae:.3f} | {minutes:.0f} |"
        for r, mae, name, n, minutes in sorted(found, reverse=True)
    ]


if __name__ == "__main__":
    main()
