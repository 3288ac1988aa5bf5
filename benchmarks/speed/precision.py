"""Whether bfloat16 or torch.compile pay: training and prediction beside the default.

Each variant runs in turn with the default in one process; medians are printed.
"""

import argparse
import os
import warnings
from functools import partial

import torch

from benchmarks._data import TARGETS, load_crystals
from benchmarks._harness import FOLDER, save_report
from benchmarks._networks import NETWORKS, pair
from benchmarks.speed.speed import (
    BATCH,
    GRAPHS,
    AdamW,
    predict,
    race,
    shuffled,
    store,
    train,
    transformer,
)

RESULT = FOLDER / "precision.md"


class InBfloat16(torch.nn.Module):
    """Run a network under autocast, its outputs in single precision."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, batch):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return self.network(batch).float()


VARIANTS = {
    "bfloat16 autocast": InBfloat16,
    "torch.compile": partial(torch.compile, dynamic=True),
}


def main():
    """Measure, print the table row by row, and save it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2, help="torch threads")
    parser.add_argument("--crystals", type=int, default=300, help="crystals to time")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    crystals, labels = load_crystals(options.crystals)
    truth = labels[TARGETS].to_numpy()
    scaled = torch.from_numpy((truth - truth.mean(0)) / truth.std(0)).float()
    graphs = transformer("5 Å").transform(crystals)
    report = [
        f"{options.threads} torch thread(s), {len(crystals)} crystals, 5 Å, batches "
        f"of {BATCH}; load average {os.getloadavg()[0]:.1f}\n",
        "| network | variant | training: times the default's speed | prediction |",
        "| --- | --- | ---: | ---: |",
    ]
    print("\n".join(report), flush=True)
    for name in NETWORKS:
        for variant, wrap in VARIANTS.items():
            row = measure(name, wrap, graphs, scaled, options.repeats)
            report.append(f"| {name} | {variant} | {row} |")
            print(report[-1], flush=True)
    save_report(report, RESULT)


def measure(name, wrap, graphs, labels, repeats):
    """Speed of a variant in terms of the default's, for training and prediction."""
    gather, batches = store(graphs).gather, shuffled(len(graphs), BATCH)
    cutoff = GRAPHS["5 Å"]["cutoff"]
    plain, other = pair(name, cutoff)[0], wrap(pair(name, cutoff)[0])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            epochs = [
                partial(train, n, AdamW(n.parameters()), gather, labels, batches)
                for n in (other, plain)
            ]
            training = race(*epochs, repeats)
            passes = [partial(predict, n, gather, batches) for n in (other, plain)]
            prediction = race(*passes, repeats)
    except Exception as error:  # a variant may not run at all, which is an answer
        return f"{type(error).__name__}: {str(error).splitlines()[0][:80]} | "
    return " | ".join(f"{base / its:.2f}" for its, base in (training, prediction))


if __name__ == "__main__":
    main()
