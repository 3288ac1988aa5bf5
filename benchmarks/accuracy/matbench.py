"""Train any estimator on the official folds of a Matbench task, and record it.

    python benchmarks/accuracy/matbench.py perovskites --model CoGN --set max_epochs=50
    python benchmarks/accuracy/matbench.py jdft2d --estimator my_module:make_pipeline
    python benchmarks/accuracy/matbench.py perovskites --model GCN --quick

A finished fold is kept and not run again. With all five the record is written that the
package matbench reads.
"""

import argparse
import hashlib
import json
import statistics
import sys
from pathlib import Path

import pooch
import torch

import skcrystal
from benchmarks._harness import FOLDER
from benchmarks.accuracy import _matbench_record
from benchmarks.accuracy._matbench_published import SOURCE, published
from benchmarks.accuracy._matbench_run import (
    Inputs,
    graph_settings,
    parameters,
    run_fold,
)
from skcrystal.datasets import fetch_matbench
from skcrystal.datasets._matbench import TASKS, read_matbench, task_name

_SHOWN = {  # column of the table: key of a fold
    False: {"MAE": "mae", "RMSE": "rmse"},
    True: {
        "ROC AUC": "roc_auc",
        "balanced": "balanced_accuracy",
        "accuracy": "accuracy",
    },
}


def main():
    """Run the folds that are still to be run, and report all."""
    options = parse_options()
    torch.set_num_threads(options.threads)
    task = task_name(options.task)
    bunch = load(options, task)
    config = describe(options, task, bunch)
    folder = FOLDER / "matbench" / f"{task.removeprefix('matbench_')}-{options.label}"
    folder.mkdir(parents=True, exist_ok=True)
    inputs = Inputs(options, bunch.data)
    folds = []
    for i in options.folds:
        path = folder / f"fold_{i}.json"
        fold = known(path, config, options.again)
        if fold is None:
            fold = run_fold(options, inputs, bunch, i)
            write(path, {"config": config, **fold})
        folds.append(fold)
        print(row_of(f"fold {i}", fold), flush=True)
    comparable = not options.quick and is_published(options.data, task)
    report(task, options, folds, comparable)
    if len(folds) == len(bunch.folds) and not options.quick:
        path = folder.with_name(f"{folder.name}.json.gz")
        about = {
            "algorithm": options.label,
            **config,
            "skcrystal": skcrystal.__version__,
        }
        _matbench_record.write(path, _matbench_record.record(task, folds, about))
        print(f"\nrecord: {path}")


def parse_options():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("task", help="perovskites, mp_gap, ... ")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--model", help="of skcrystal: CoGN, or CoGNRegressor")
    what.add_argument(
        "--estimator",
        metavar="MODULE:FACTORY",
        help="what to call for an estimator that takes lists of Structures",
    )
    parser.add_argument(
        "--set", nargs="+", default=[], metavar="NAME=VALUE", help="of the estimator"
    )
    parser.add_argument(
        "--graph", nargs="+", default=[], metavar="NAME=VALUE", help="of the graphs"
    )
    parser.add_argument("--folds", nargs="+", type=int, choices=range(5))
    parser.add_argument(
        "--seed", type=int, default=0, help="random_state, if it has one"
    )
    parser.add_argument("--label", help="name of the record; default: the model's")
    parser.add_argument("--data", type=Path, help="a json.gz of Matbench's form")
    parser.add_argument("--data-home", type=Path, help="where downloads are kept")
    parser.add_argument("--threads", type=int, default=1, help="of torch")
    parser.add_argument("--again", action="store_true", help="repeat finished folds")
    parser.add_argument(
        "--quick", action="store_true", help="500 crystals a fold, 2 epochs, no record"
    )
    options = parser.parse_args()
    try:
        task_name(options.task)
    except ValueError as error:
        parser.error(str(error))
    if options.estimator and options.graph:
        parser.error("--graph goes with --model: a factory's estimator makes its own.")
    options.folds = sorted(set(options.folds or range(5)))
    options.label = options.label or (options.model or options.estimator).replace(
        ":", "."
    )
    if options.quick:
        options.label += "-quick"
    return options


def load(options, task):
    """Crystals, labels and folds."""
    if options.data is not None:
        return read_matbench(options.data, task, verbose=sys.stderr.isatty())
    return fetch_matbench(
        task, data_home=options.data_home, verbose=sys.stderr.isatty()
    )


def is_published(path, task):
    """Whether crystals are those that others were measured on."""
    return path is None or pooch.file_hash(str(path)) == TASKS[task].sha256


def describe(options, task, bunch):
    """Everything that decides the result."""
    names = hashlib.sha256("".join(bunch.groups).encode() + bunch.target.tobytes())
    return {
        "task": task,
        "estimator": options.model or options.estimator,
        "parameters": parameters(options),
        "graphs": graph_settings(options),
        "seed": options.seed,
        "crystals": len(bunch.data),
        "labels": names.hexdigest()[:16],
    }


# Kept folds


def known(path, config, again):
    """A fold that was finished with the same settings, if there is one."""
    if again or not path.exists():
        return None
    fold = json.loads(path.read_text())
    was = fold.pop("config")
    now = json.loads(json.dumps(config))
    differ = [key for key in now if now[key] != was.get(key)]
    if differ:
        key = differ[0]
        sys.exit(
            f"{path} is of another run ({key} was {was.get(key)}, now it is "
            f"{now[key]}): give this one a --label of its own, or repeat with --again."
        )
    return fold


def write(path, fold):
    """Keep a fold; all of it, or nothing."""
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(json.dumps(fold))
    unfinished.replace(path)


# The table


def row_of(name, fold):
    """A line of the table."""
    values = {**fold["scores"], **fold["more_scores"]}
    shown = _SHOWN["roc_auc" in values]
    text = "  ".join(f"{title} {values[key]:.4f}" for title, key in shown.items())
    about = fold["parameters"]
    memory = about["peak_memory_mb"]
    return (
        f"{name}  {text}  {about['n_train']:,} + {about['n_test']:,} crystals  "
        f"{about['fit_seconds']:,.0f} s" + (f"  {memory:,.0f} MB" if memory else "")
    )


def report(task, options, folds, comparable):
    """Print the mean over folds, beside what others reached on the same."""
    short = task.removeprefix("matbench_")
    key = "roc_auc" if short == "mp_is_metal" else "mae"
    values = [{**fold["scores"], **fold["more_scores"]}[key] for fold in folds]
    name = f"**{options.label}, {len(folds)} of 5 folds**"
    spread = statistics.pstdev(values) if len(values) > 1 else None
    entries = [(name, statistics.mean(values), spread)]
    if comparable:
        entries += published(short)
    entries.sort(key=lambda row: -row[1] if key == "roc_auc" else row[1])
    what = "ROC AUC" if key == "roc_auc" else f"MAE ({TASKS[task].unit})"
    print(f"\n| {task} | {what} |\n| --- | ---: |")
    for model, mean, std in entries:
        print(f"| {model} | {mean:.4f}{'' if std is None else f' ± {std:.4f}'} |")
    print()
    if comparable:
        print(f"Others: {SOURCE}.")
    else:
        print("Not the published crystals, or not all: not to be compared with others.")


if __name__ == "__main__":
    main()
