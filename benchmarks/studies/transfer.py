"""Does it help to start from a network that knows other crystals?

    python benchmarks/studies/transfer.py            # ten minutes on a core; resumes
    python benchmarks/studies/transfer.py --report   # table and figure of what there is
    python benchmarks/studies/transfer.py --quick    # a minute, files of its own

CGCNN is trained on formation energies and band gaps of Materials Project crystals, then
on a few heats of formation of perovskites: another target (measured against other
phases, not elements), other crystals. None of their formulas is among those it was
pre-trained on, nor are test formulas among those it is tuned on. Every arm makes the
same number of steps, since epochs of few crystals are short; for networks that start
from nothing, more steps or a higher rate were no better (see docs/transfer.md).
"""

from itertools import product
from time import perf_counter, process_time

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from sklearn.metrics import mean_absolute_error

from benchmarks._data import (
    EVERY_CRYSTAL,
    TARGETS,
    at_hand,
    cache_folder,
    load_labels,
    source,
)
from benchmarks._harness import (
    identify,
    mean_and_std,
    print_report,
    read,
    records_path,
    run_missing,
    study_parser,
)
from benchmarks.accuracy._run import open_graphs
from skcrystal import CGCNNRegressor

GRAPHS = {"cutoff": 8.0, "max_neighbors": 12}
FROM, TO, LABEL = "mp_cgcnn_36k", "perov_5_valtest", "heat_all"
TEST_FORMULAS = 900
ARMS = {
    "from nothing": {},
    "pre-trained, head alone": {"freeze": "trunk"},
    "pre-trained, all weights": {"freeze": None},
}
COLORS = ["0.4", "#E69F00", "#0072B2"]


def main():
    """Run what is missing, then write the table and the figure."""
    parser = study_parser(__doc__, [0, 1, 2, 3, 4], "500 rows, two sizes")
    parser.add_argument("--labels", nargs="+", type=int, default=[50, 100, 200, 400])
    parser.add_argument("--steps", type=int, default=500, help="of every arm")
    parser.add_argument("--rows", type=int, default=20_000, help="to pre-train on")
    parser.add_argument("--epochs", type=int, default=20, help="of pre-training")
    options = parser.parse_args()
    missing = [name for name in (FROM, TO) if at_hand(name) != name]
    if missing and not options.report:
        parser.error(f"{missing[0]} is not at hand; there are {source(missing[0])}.")
    if options.quick:
        options.labels, options.steps, options.seeds = [50, 100], 20, [0, 1]
        options.rows, options.epochs = 500, 2
    path = records_path("transfer", options.quick)
    if not options.report:
        torch.set_num_threads(1)
        run(path, options)
    asked = {"steps": options.steps, "source": source_config(options)}
    records = [r for r in read(path) if asked.items() <= r["config"].items()]
    print_report(report(records), path.with_suffix(".md"))
    draw(records, path.with_suffix(".png"))


def source_config(options):
    """What decides the network to start from."""
    return {"data": FROM, "rows": options.rows, "epochs": options.epochs, **GRAPHS}


def run(path, options):
    """Train every arm that the file does not have; seeds are the outer loop."""
    labels = load_labels(EVERY_CRYSTAL, name=TO)
    graphs = open_graphs(TO, EVERY_CRYSTAL, GRAPHS, build=True)
    start = pretrain(source_config(options), set(labels["formula"]))
    configs = (
        {
            "arm": arm,
            "labels": n_labels,
            "steps": options.steps,
            "seed": seed,
            "source": source_config(options),
        }
        for seed, n_labels, arm in product(options.seeds, options.labels, ARMS)
    )
    run_missing(
        path,
        configs,
        lambda config: measure(config, start, graphs, labels),
        shown=("seed", "labels", "arm"),
    )


def pretrain(config, formulas):
    """Folder of the network to start from, trained if it is not there.

    Parameters
    ----------
    config : dict
    formulas : set of str
        Not to be trained on.
    """
    folder = cache_folder() / "transfer" / identify(config)
    if folder.exists():
        return folder
    labels = load_labels(EVERY_CRYSTAL, name=FROM)
    graphs = open_graphs(FROM, EVERY_CRYSTAL, GRAPHS, build=True)
    rows = np.flatnonzero(~labels["formula"].isin(formulas))
    rows = np.sort(np.random.RandomState(0).permutation(rows)[: config["rows"]])
    start = perf_counter()
    model = CGCNNRegressor(max_epochs=config["epochs"], random_state=0)
    model.fit(graphs[rows], labels[TARGETS].iloc[rows])
    print(f"pre-trained on {len(rows):,} crystals in {perf_counter() - start:.0f} s")
    folder.parent.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    return folder


def split(formulas, n_labels, seed):
    """Rows to train and to test on: the test set is the same for all.

    Smaller numbers of training rows are within larger ones.
    """
    order = np.random.RandomState(0).permutation(np.unique(formulas))
    is_test = np.isin(formulas, order[:TEST_FORMULAS])
    rest = np.random.RandomState(seed).permutation(np.flatnonzero(~is_test))
    return rest[:n_labels], np.flatnonzero(is_test)


def measure(config, start, graphs, labels):
    """Train one network, and test it."""
    train, test = split(labels["formula"].to_numpy(), config["labels"], config["seed"])
    y = labels[LABEL].to_numpy()
    parameters = ARMS[config["arm"]]
    if parameters:
        parameters = {**parameters, "pretrained": start}
    model = CGCNNRegressor(**parameters, random_state=config["seed"])
    steps_an_epoch = -(-len(train) // model.batch_size)
    model.set_params(max_epochs=max(1, round(config["steps"] / steps_an_epoch)))
    began = process_time()
    model.fit(graphs[train], y[train])
    seconds = process_time() - began
    median = np.full(len(test), np.median(y[train]))
    return {
        "n_test": len(test),
        "epochs": model.n_iter_,
        "mae": round(mean_absolute_error(y[test], model.predict(graphs[test])), 6),
        "mae_of_median": round(mean_absolute_error(y[test], median), 6),
        "fit_seconds": round(seconds, 1),
    }


def frame_of(records):
    """One row a run."""
    return pd.DataFrame(
        {
            **{key: r["config"][key] for key in ("arm", "labels", "seed")},
            **{key: r[key] for key in ("mae", "mae_of_median", "fit_seconds")},
        }
        for r in records
    )


def report(records):
    """Lines of Markdown: errors of each arm at each number of labels."""
    if not records:
        return ["no run yet"]
    frame, first = frame_of(records), records[0]
    pre = first["config"]["source"]
    yield (
        f"Mean absolute errors (eV/atom) on {first['n_test']} perovskites of "
        f"{TEST_FORMULAS} other formulas, after {first['config']['steps']} steps; "
        f"pre-trained on {pre['rows']:,} crystals for {pre['epochs']} epochs. Mean and "
        f"standard deviation over {frame['seed'].nunique()} seeds, which decide "
        "training rows, start and order; changes are taken seed by seed."
    )
    yield ""
    arms = [arm for arm in ARMS if (frame["arm"] == arm).any()]
    base, *others = arms
    heads = ["labels", "median", base, *(h for arm in others for h in (arm, "change"))]
    yield f"| {' | '.join(heads)} |"
    yield f"| {' | '.join(['---:'] * len(heads))} |"
    for n_labels, part in frame.groupby("labels"):
        errors = part.pivot(index="seed", columns="arm", values="mae")
        cells = [str(n_labels), f"{part['mae_of_median'].mean():.3f}"]
        cells.append(mean_and_std(errors[base], ".3f"))
        for arm in others:
            cells.append(mean_and_std(errors[arm], ".3f"))
            cells.append(
                mean_and_std(100 * (errors[arm] / errors[base] - 1), ".0f", "+") + " %"
            )
        yield f"| {' | '.join(cells)} |"
    yield ""
    seconds = frame.groupby("arm")["fit_seconds"].median()
    told = (f"{arm} {seconds[arm]:.1f}" for arm in arms)
    yield f"Seconds of processor time a fit, in the median: {', '.join(told)}."


def draw(records, path):
    """Draw errors against numbers of labels, with their spread over seeds."""
    if not records:
        return
    frame = frame_of(records)
    figure, axis = plt.subplots(figsize=(5.6, 4.2), layout="constrained")
    for arm, color in zip(ARMS, COLORS, strict=True):
        errors = frame[frame["arm"] == arm].groupby("labels")["mae"]
        mean, std = errors.mean(), errors.std().fillna(0)
        axis.plot(mean.index, mean, marker="o", color=color, label=arm)
        axis.fill_between(
            mean.index, mean - std, mean + std, color=color, alpha=0.2, linewidth=0
        )
    axis.set(xscale="log", yscale="log", xlabel="perovskites with a label")
    axis.set_ylabel("MAE, heat of formation (eV/atom)")
    ticks = sorted(frame["labels"].unique())
    axis.set_xticks(ticks, ticks)
    axis.set_yticks([0.2, 0.3, 0.4, 0.5], ["0.2", "0.3", "0.4", "0.5"])
    axis.minorticks_off()
    axis.legend(frameon=False)
    axis.grid(alpha=0.3)
    figure.savefig(path, dpi=150)
    plt.close(figure)


if __name__ == "__main__":
    main()
