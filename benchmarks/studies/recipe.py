"""What does each part of the default training recipe bring?

    python benchmarks/studies/recipe.py            # an hour or two; resumes
    python benchmarks/studies/recipe.py --report   # tables of what there is

One change at a time to CGCNN's defaults, on Materials Project crystals of formulas that
were not trained on, with the same training rows and starts for all.
"""

from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pandas as pd

from benchmarks._data import EVERY_CRYSTAL, TARGETS, at_hand
from benchmarks._harness import (
    mean_and_std,
    print_report,
    read,
    records_path,
    study_parser,
)
from benchmarks.accuracy._models import NEAREST_12
from benchmarks.accuracy._run import prepare
from benchmarks.accuracy.accuracy import run

RESULTS = records_path("recipe")
UNITS = ["eV/atom", "eV"]

# What differs from the default: model, parameters, graphs
VARIANTS = {
    "default": {},
    "loss: Huber": {"loss": "huber"},
    "loss: squared errors": {"loss": "mse"},
    "rate: warm-up and cosine": {"lr_schedule": "cosine"},
    "rate: constant": {"lr_schedule": "constant"},
    "rate: constant, averaged weights (0.999)": {
        "lr_schedule": "constant",
        "ema_decay": 0.999,
    },
    "averaged weights (0.99)": {"ema_decay": 0.99},
    "peak rate 0.001": {"lr": 1e-3},
    "peak rate 0.006": {"lr": 6e-3},
    "batches of 32": {"batch_size": 32},
    "batches of 128": {"batch_size": 128},
    "no clipping": {"gradient_clip": None},
    "weight decay 0.1": {"weight_decay": 0.1},
    "gap by softplus": {"output_transform": {"band_gap": "softplus"}},
    "gap by log": {"output_transform": {"band_gap": "log"}},
    "elements: learned alone": {"model": "learned elements"},
    "elements: tabulated alone": {"model": "tabulated elements"},
    "graph: all within 5 Å": {"graphs": {"cutoff": 5.0}},
    "5 layers": {"n_layers": 5},
    "128 wide": {"hidden_dim": 128},
}


def main():
    """Run what is missing, then write the table."""
    parser = study_parser(__doc__, [0, 1, 2])
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=[*VARIANTS])
    options = parser.parse_args()
    study = SimpleNamespace(results=RESULTS, again=False, threads=1, label=None)
    # Seeds first: after the first of them there is a whole table.
    configs = [
        configure(variant, seed, options)
        for seed in options.seeds
        for variant in options.variants
    ]
    if not options.report:
        for config in configs:
            prepare(config)
        with ThreadPoolExecutor(options.jobs) as pool:
            list(pool.map(lambda config: run(config, study), configs))
    asked = options.rows, options.epochs
    records = [r for r in read(RESULTS) if size(r["config"]) == asked]
    print_report(table(records), RESULTS.with_suffix(".md"))


def configure(variant, seed, options):
    """Everything that decides the result of a run."""
    parameters = dict(VARIANTS[variant])
    return {
        "variant": variant,
        "model": parameters.pop("model", "CGCNN"),
        "graphs": parameters.pop("graphs", NEAREST_12),
        "data": at_hand("mp_cgcnn_36k"),
        "crystals": EVERY_CRYSTAL,
        "rows": options.rows,
        "targets": "both",
        "seed": seed,
        "parameters": {"max_epochs": options.epochs, **parameters},
        "ensemble": 0,
    }


def size(config):
    """Training rows and epochs of a run: one table is of one size."""
    return config["rows"], config["parameters"]["max_epochs"]


def table(records):
    """Lines of Markdown: errors of each variant, and next to the default's."""
    rows = [
        {
            "variant": record["config"]["variant"],
            "seed": record["config"]["seed"],
            # A run that diverged has no error.
            **{t: record.get("mae", {}).get(t, np.nan) for t in TARGETS},
        }
        for record in records
    ]
    if not rows:
        return ["no run yet"]
    errors = pd.DataFrame(rows).pivot(index="seed", columns="variant", values=TARGETS)
    lines = [
        "| | seeds | FE (eV/atom) | to default | BG (eV) | to default |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for variant in VARIANTS:
        if variant not in errors[TARGETS[0]]:
            continue
        cells = [variant, str(errors[TARGETS[0], variant].count())]
        for target in TARGETS:
            mine, base = errors[target, variant], errors[target, "default"]
            change = 100 * (mine / base - 1)  # seed by seed: same rows
            cells.append(mean_and_std(mine, ".4f"))
            cells.append(f"{mean_and_std(change, '.1f', '+')} %")
        lines.append("| " + " | ".join(cells) + " |")
    first = records[0]["config"]
    return [
        f"CGCNN, {first['rows']:,} training rows, {first['parameters']['max_epochs']} "
        "epochs; mean and standard deviation over seeds, which decide training rows, "
        "start and order; changes are taken seed by seed.",
        "",
        *lines,
    ]


if __name__ == "__main__":
    main()
