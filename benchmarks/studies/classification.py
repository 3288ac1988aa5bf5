"""Metal or not: a classifier, or a predicted band gap and a threshold?

    python benchmarks/studies/classification.py            # half an hour; resumes
    python benchmarks/studies/classification.py --report   # table of what there is
    python benchmarks/studies/classification.py --quick    # a minute, a file of its own

One network, CGCNN, with one output for each class or for the gap, trained on the same
crystals and judged on formulas that it was not trained on. Each is cut where its
meaning says, at even odds or at the gap that counts as none, and where crystals held
back say: at the cut of the best balanced accuracy on others, of formulas of their own.
"""

from itertools import product
from time import perf_counter

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import accuracy_score, balanced_accuracy_score, roc_auc_score

from benchmarks._data import EVERY_CRYSTAL, at_hand, load_labels
from benchmarks._harness import (
    mean_and_std,
    print_report,
    read,
    records_path,
    run_missing,
    study_parser,
)
from benchmarks.accuracy._models import NEAREST_12
from benchmarks.accuracy._run import open_graphs, split
from skcrystal import CGCNNClassifier, CGCNNRegressor

NO_GAP = 0.025  # eV; what is smaller counts as none
# What is trained, and where its score is cut: of a gap in eV, of a class even odds
ARMS = {
    "classifier": (CGCNNClassifier, {}, 0.5),
    "classifier, balanced": (CGCNNClassifier, {"class_weight": "balanced"}, 0.5),
    "gap": (CGCNNRegressor, {}, NO_GAP),
    "gap by softplus": (CGCNNRegressor, {"output_transform": "softplus"}, NO_GAP),
}
METRICS = {
    "accuracy": accuracy_score,
    "balanced_accuracy": balanced_accuracy_score,
}


def main():
    """Run what is missing, then write the table."""
    parser = study_parser(__doc__, [0, 1, 2], "300 crystals, 3 epochs")
    parser.add_argument("--rows", type=int, default=5000, help="crystals to train on")
    parser.add_argument("--held", type=int, default=500, help="others, to cut by")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=[*ARMS])
    options = parser.parse_args()
    options.crystals = EVERY_CRYSTAL
    if options.quick:
        options.crystals, options.rows, options.held = 300, 200, 50
        options.epochs, options.seeds = 3, [0]
    path = records_path("classification", options.quick)
    if not options.report:
        torch.set_num_threads(1)
        run(path, options)
    asked = options.rows, options.epochs
    records = [
        r for r in read(path) if (r["config"]["rows"], r["config"]["epochs"]) == asked
    ]
    print_report(table(records), path.with_suffix(".md"))


def run(path, options):
    """Train every arm that the file does not have; seeds are the outer loop."""
    data = at_hand("mp_cgcnn_36k")
    labels = load_labels(options.crystals, name=data)
    graphs = open_graphs(data, options.crystals, NEAREST_12, build=True)
    configs = (
        {
            "data": data,
            "crystals": options.crystals,
            "arm": arm,
            "rows": options.rows,
            "held": options.held,
            "epochs": options.epochs,
            "seed": seed,
        }
        for seed, arm in product(options.seeds, options.arms)
    )
    run_missing(
        path,
        configs,
        lambda config: measure(config, graphs, labels),
        shown=("seed", "arm"),
    )


def measure(config, graphs, labels):
    """Train one model, and judge what it says of crystals with and without gap."""
    formulas, gap = labels["formula"].to_numpy(), labels["band_gap"].to_numpy()
    train, test = split(formulas, config["rows"], config["seed"])
    held = others(formulas, np.concatenate([train, test]), config)
    kind, parameters, natural = ARMS[config["arm"]]
    model = kind(max_epochs=config["epochs"], random_state=config["seed"], **parameters)
    is_open = gap > NO_GAP
    start = perf_counter()
    model.fit(graphs[train], (is_open if kind is CGCNNClassifier else gap)[train])
    seconds = perf_counter() - start
    score = scores(model, graphs[test])
    cut = best_cut(is_open[held], scores(model, graphs[held]))
    result = {
        "n_train": len(train),
        "n_held": len(held),
        "n_test": len(test),
        "share_open": round(float(is_open[test].mean()), 4),
        "roc_auc": round(float(roc_auc_score(is_open[test], score)), 4),
        "cut": round(float(cut), 4),
        "fit_seconds": round(seconds, 1),
    }
    for where, at in (("natural", natural), ("chosen", cut)):
        for name, metric in METRICS.items():
            value = float(metric(is_open[test], score > at))
            result[f"{name}_{where}"] = round(value, 4)
    return result


def others(formulas, taken, config):
    """Draw further rows, of formulas that are neither trained nor tested on."""
    free = np.flatnonzero(~np.isin(formulas, formulas[taken]))
    random = np.random.RandomState(config["seed"])
    return np.sort(random.permutation(free)[: config["held"]])


def scores(model, graphs):
    """What grows with the gap: the probability that there is one, or itself."""
    if isinstance(model, CGCNNClassifier):
        return model.predict_proba(graphs)[:, 1]
    return model.predict(graphs)


def best_cut(is_open, score):
    """Cut of the best balanced accuracy, between two of the scores."""
    ordered = np.unique(score)
    cuts = (ordered[1:] + ordered[:-1]) / 2
    return max(cuts, key=lambda cut: balanced_accuracy_score(is_open, score > cut))


def table(records):
    """Lines of Markdown: a row for each arm and place of the cut."""
    if not records:
        return ["no run yet"]
    first = records[0]
    share = f"{100 * first['share_open']:.0f} %"
    lines = [
        f"{first['config']['data']}, CGCNN, {first['n_train']:,} crystals to train on, "
        f"{first['n_test']:,} to test, of which {share} have a gap above {NO_GAP} eV, "
        f"{first['config']['epochs']} epochs; cuts chosen on {first['n_held']} others; "
        "mean and standard deviation over seeds.",
        "",
        "| | cut | seeds | accuracy | balanced accuracy | ROC AUC |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    frame = pd.DataFrame({**r["config"], **r} for r in records)
    for arm, runs in frame.groupby("arm", sort=False):
        unit = " eV" if ARMS[arm][0] is CGCNNRegressor else ""
        places = {
            "natural": f"{ARMS[arm][2]}{unit}",
            "chosen": f"chosen: {mean_and_std(runs['cut'], '.2f')}{unit}",
        }
        for where, place in places.items():
            columns = [f"{name}_{where}" for name in METRICS] + ["roc_auc"]
            cells = [mean_and_std(runs[column], ".3f") for column in columns]
            row = [arm, place, str(len(runs)), *cells]
            lines.append(f"| {' | '.join(row)} |")
    return lines


if __name__ == "__main__":
    main()
