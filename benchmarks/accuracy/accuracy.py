"""How accurate are the models, what do they cost, and how do they learn from more?

    python benchmarks/accuracy/accuracy.py run --models CGCNN CoGN --seeds 0 1 2
    python benchmarks/accuracy/accuracy.py report

Every run is one model on one training set with one seed, in a process of its own. A
finished run is a line of ``results/accuracy.jsonl`` and is not repeated; its
predictions for the test rows are kept beside.
"""

import argparse
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

from benchmarks._data import EVERY_CRYSTAL, at_hand, load_labels, source
from benchmarks._harness import append, assignments, identify, read, records_path
from benchmarks.accuracy._models import MODELS, available
from benchmarks.accuracy._run import prepare, split

SETS = ["mp_cgcnn_36k", "perov_5_valtest", "mp_20_valtest"]
TARGETS = ["both", "fe", "bg"]
_HERE = Path(__file__).resolve().parent


def main():
    """Run what is still to be run, or report what was."""
    options = parse_options()
    if options.command == "report":
        from benchmarks.accuracy._report import write_report

        write_report(read(options.results), options.results)
        return
    configs = plan(options)
    for config in configs:
        prepare(config)  # one after another, so that no two make the same file
    with ThreadPoolExecutor(options.jobs) as pool:
        states = list(pool.map(lambda config: run(config, options), configs))
    counts = [
        f"{states.count(kind)} {kind}" for kind in ("finished", "known", "failed")
    ]
    print(f"runs: {', '.join(counts)}")
    sys.exit("failed" in states)


def parse_options():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=["run", "report"])
    parser.add_argument("--models", nargs="+", choices=MODELS, help="default: all")
    parser.add_argument("--data", nargs="+", choices=SETS, default=SETS[:1])
    parser.add_argument(
        "--rows", nargs="+", type=number_of_rows, default=["all"], help="or all"
    )
    parser.add_argument("--targets", nargs="+", choices=TARGETS, default=["both"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--epochs", type=int, help="default: the model's own")
    parser.add_argument(
        "--set", nargs="+", default=[], metavar="NAME=VALUE", help="of the estimator"
    )
    parser.add_argument(
        "--graph", nargs="+", default=[], metavar="NAME=VALUE", help="of the graphs"
    )
    parser.add_argument("--ensemble", type=int, default=0, help="members; 0: none")
    parser.add_argument("--label", help="name in the report")
    parser.add_argument("--threads", type=int, default=1, help="torch threads a run")
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time")
    parser.add_argument("--again", action="store_true", help="repeat known runs")
    parser.add_argument(
        "--quick", action="store_true", help="300 crystals, 3 epochs, a file of its own"
    )
    options = parser.parse_args()
    options.results = records_path("accuracy", options.quick)
    options.crystals = EVERY_CRYSTAL
    if options.quick:
        options.crystals, options.again = 300, True
        options.epochs = options.epochs or 3
    here = available()
    options.models = options.models or here
    if missing := [name for name in options.models if name not in here]:
        parser.error(f"skcrystal has no {missing[0]}; it has {', '.join(here)}.")
    peers = [name for name in options.models if ":" in MODELS[name].estimator]
    if options.ensemble and peers:
        parser.error(f"--ensemble takes our own models, which {peers[0]} is not.")
    return options


def number_of_rows(text):
    """Read a number of training rows, or "all"."""
    return text if text == "all" else int(text)


# The plan


def plan(options):
    """Everything that decides the result of each run, one dict a run."""
    parameters, graphs = assignments(options.set), assignments(options.graph)
    if options.epochs is not None:
        parameters["max_epochs"] = options.epochs
    configs = []
    # Seeds last: after the first of them there is a whole table.
    for seed, data in product(options.seeds, options.data):
        if at_hand(data) != data:
            print(f"{data}: {source(data)}")
        for rows in possible_rows(data, options):
            for targets, name in product(options.targets, options.models):
                for which in outputs(name, targets):
                    configs.append(
                        {
                            "model": name,
                            "data": at_hand(data),
                            "crystals": options.crystals,
                            "rows": rows,
                            "targets": which,
                            "seed": seed,
                            "parameters": parameters,
                            "graphs": {**MODELS[name].graphs, **graphs},
                            "ensemble": options.ensemble,
                        }
                    )
    return list({identify(config): config for config in configs}.values())


def possible_rows(data, options):
    """Numbers of training rows that the set has."""
    formulas = load_labels(options.crystals, name=data)["formula"]
    n_most = len(split(formulas, "all", 0)[0])
    for rows in options.rows:
        if rows != "all" and rows > n_most:
            print(f"{data} has no {rows:,} rows to train on, but {n_most:,}: left out")
        else:
            yield rows


def outputs(name, targets):
    """What one network learns: of a model with one output, each target by itself."""
    return ["fe", "bg"] if MODELS[name].single and targets == "both" else [targets]


# Runs


def run(config, options):
    """Run once in a new process, record it, and say how it went."""
    name = identify(config)
    if not options.again and name in {record["id"] for record in read(options.results)}:
        return "known"
    order = {
        "config": config,
        "threads": options.threads,
        "predictions": str(predictions(options.results, name)),
    }
    threads = str(options.threads)
    done = subprocess.run(
        [sys.executable, _HERE / "_run.py", json.dumps(order)],
        env={**os.environ, "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        print(f"{describe(config)}: failed\n{done.stderr}", flush=True)
        return "failed"
    result = json.loads(done.stdout.splitlines()[-1])
    record = {"id": name, "label": options.label, "config": config, **result}
    append(options.results, record)
    errors = record.get("mae") or {"diverged": float("nan")}
    text = ", ".join(f"{key} {value:.4f}" for key, value in errors.items())
    print(f"{describe(config)}: {text}; {result.get('fit_seconds')} s", flush=True)
    return "finished"


def describe(config):
    """Say in a few words which run it is."""
    rows = config["rows"]
    size = rows if rows == "all" else f"{rows:,}"
    return (
        f"{config['model']}, {config['data']}, {size} rows, {config['targets']}, "
        f"seed {config['seed']}"
    )


def predictions(results, name):
    """Where the predictions of a run are kept."""
    return results.with_suffix("") / f"{name}.npz"


if __name__ == "__main__":
    main()
