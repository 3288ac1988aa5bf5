"""Speed and memory beside plain PyTorch Geometric, as one table.

Each of our functions and its peer run in turn in one process, so that whatever else
the machine does slows both; medians are printed.
"""

import argparse
import gc
import os
import platform
import statistics
import tempfile
import warnings
from datetime import date
from functools import partial
from importlib.metadata import version
from math import ceil
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from torch.nn import functional as F
from torch_geometric.data import Batch
from torch_geometric.nn.models.schnet import GaussianSmearing

import skcrystal
from benchmarks._data import TARGETS, load_crystals, perovskites, source
from benchmarks._harness import FOLDER, save_report
from benchmarks._networks import NETWORKS, n_parameters, pair
from benchmarks.speed import memory
from skcrystal import CGCNNRegressor, CrystalGraphTransformer
from skcrystal.nn import GraphStore

GRAPHS = {
    "12 neighbours": {"cutoff": 8.0, "max_neighbors": 12},
    "5 Å": {"cutoff": 5.0},
}
BATCH = 64
# How many times faster than its peer ours should at least be
TRAINING_TARGETS = {
    ("CGCNN", "12 neighbours"): 6,
    ("CGCNN", "5 Å"): 6,
    ("SchNet", "5 Å"): 5,
    ("SchNet", "12 neighbours"): 5,
    ("MEGNet", "5 Å"): 3,
    ("MEGNet", "12 neighbours"): 3,
}
PEROVSKITE_TARGET, PREDICTION_TARGET = 8, 10
# A lap is no shorter: what the other left in the caches then does not count.
_LAP = 0.05  # s
RESULT = FOLDER / "speed.md"


def main():
    """Measure, print the table row by row, and save it."""
    options = parse_options()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    crystals, labels = load_crystals(options.crystals)
    small = perovskites(options.crystals)
    report = [*header(options, crystals, small)]
    print("\n".join(report), flush=True)
    for row in all_rows(options, crystals, labels, small):
        report.append("| " + " | ".join(row) + " |")
        print(report[-1], flush=True)
    save_report(report, RESULT)


def parse_options():
    """Read the command line."""
    parser = make_parser(__doc__)
    parser.add_argument("--held", type=int, help="crystals to hold (10,000)")
    options = parser.parse_args()
    complete(options)
    if options.held is None:
        options.held = 2_000 if options.quick else 10_000
    return options


def make_parser(doc):
    """Parser of the options that tables of speed share."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few crystals, 3 repeats")
    parser.add_argument("--threads", type=int, default=2, help="torch threads")
    parser.add_argument("--crystals", type=int, help="crystals to time (600)")
    return parser


def complete(options):
    """Settle what `--quick` decides."""
    if options.crystals is None:
        options.crystals = 128 if options.quick else 600
    options.repeats = 3 if options.quick else 5


def header(options, crystals, small):
    """Say what was measured, with what, and open the table."""
    packages = ["torch", "torch-geometric", "pymatgen", "numpy", "skorch"]
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    sizes = []
    for name in NETWORKS:
        mine, plain = (n_parameters(network) for network in pair(name, 5.0))
        sizes.append(f"{name} {mine:,} and {plain:,}")
    yield "# Speed and memory beside plain PyTorch Geometric\n"
    yield f"- {date.today()}{', --quick' if options.quick else ''}"
    yield (
        f"- skcrystal {skcrystal.__version__}, {versions}, "
        f"Python {platform.python_version()}"
    )
    yield (
        f"- {torch.get_num_threads()} torch thread(s) on {os.cpu_count()} cores; "
        f"load average at the start {os.getloadavg()[0]:.1f}"
    )
    for cells, name in ((crystals, "mp_cgcnn_36k"), (small, "perov_5_valtest")):
        mean = np.mean([len(crystal) for crystal in cells])
        yield f"- {len(cells)} crystals of {source(name)}: mean {mean:.1f} atoms"
    yield f"- medians of {options.repeats} repeats; batches of {BATCH} in networks"
    yield f"- parameters, ours and peer: {'; '.join(sizes)}\n"
    yield "| what | ours | peer | ratio | target |"
    yield "| --- | ---: | ---: | ---: | ---: |"


def all_rows(options, crystals, labels, small):
    """Rows of the table, one after another as they are measured."""
    repeats = options.repeats
    yield from neighbor_rows(crystals, repeats)
    yield workers_row(options)
    # A peer's network knows nothing of merged atoms: its graphs have every site.
    graphs = {name: both_graphs(name, crystals) for name in GRAPHS}
    nearest = graphs["12 neighbours"]
    perovskite = both_graphs("12 neighbours", small)
    for cells, of_cells in (("cells", nearest), ("perovskites", perovskite)):
        yield from collate_rows(cells, of_cells, repeats)
    yield basis_row(nearest, repeats)

    truth = labels[TARGETS].to_numpy()
    scaled = torch.from_numpy((truth - truth.mean(0)) / truth.std(0)).float()
    for kind in GRAPHS:
        for name in NETWORKS:
            yield from network_rows(name, kind, graphs[kind], scaled, repeats)
    yield training_row(
        "CGCNN training, 12 neighbours, perovskites",
        networks=pair("CGCNN", 8.0),
        graphs=perovskite,
        labels=torch.randn(len(small), 2),
        repeats=repeats,
        target=PEROVSKITE_TARGET,
    )
    yield estimator_row(nearest[0], truth, repeats)
    yield from pipeline_rows(options)
    yield from memory_rows(options.held)


# Rows


def neighbor_rows(crystals, repeats):
    """The transformer beside the bare neighbour search of pymatgen."""
    for kind, parameters in GRAPHS.items():

        def search(cutoff=parameters["cutoff"]):
            for crystal in crystals:
                crystal.get_neighbor_list(cutoff)

        for reduce, target in ((None, 0.85), ("symmetry", 0.46)):
            build = transformer(kind, reduce=reduce).transform
            seconds = race(partial(build, crystals), search, repeats)
            which = "every site" if reduce is None else "equal atoms merged"
            what = f"transform, {kind}, {which}; peer: bare get_neighbor_list"
            yield rate_row(
                what, len(crystals), seconds, target if kind == "5 Å" else None
            )


def workers_row(options):
    """Two workers beside one, on enough crystals to hide that they must start."""
    crystals, _ = load_crystals(options.held)
    two, one = transformer("5 Å", n_jobs=2), transformer("5 Å")
    two.transform(crystals[:600])  # the workers start
    seconds = race(
        partial(two.transform, crystals), partial(one.transform, crystals), 3
    )
    what = f"transform, 5 Å, {len(crystals):,} crystals, n_jobs=2; peer: n_jobs=1"
    return rate_row(what, len(crystals), seconds, 1.8)


def collate_rows(cells, graphs, repeats):
    """Gathering batches of 12 neighbours beside collating lists of Data."""
    _, every = graphs
    gather, collate = store(every).gather, partial(collate_list, list(every))
    for size in (64, 256):
        batches = shuffled(len(every), size)
        seconds = race(
            partial(for_each, gather, batches),
            partial(for_each, collate, batches),
            repeats,
        )
        what = f"collate, 12 neighbours, {cells}, batch {size}"
        yield rate_row(what, len(every), seconds, 40)


def basis_row(graphs, repeats):
    """The same with Data that carry expanded distances, as PyG users store them."""
    _, every = graphs
    expand = GaussianSmearing(0.0, every.settings.cutoff, 41)
    data = list(every)
    for d in data:
        d.edge_attr = expand(d.distance)
        del d.distance
    batches = shuffled(len(every), BATCH)
    seconds = race(
        partial(for_each, store(every).gather, batches),
        partial(for_each, partial(collate_list, data), batches),
        repeats,
    )
    what = f"collate, 12 neighbours, cells, batch {BATCH}; peer: 41 Gaussians stored"
    return rate_row(what, len(every), seconds)


def network_rows(name, kind, graphs, labels, repeats):
    """One epoch of training, then one prediction, batches made on the way."""
    networks = pair(name, GRAPHS[kind]["cutoff"])
    yield training_row(
        f"{name} training, {kind}",
        networks=networks,
        graphs=graphs,
        labels=labels,
        repeats=repeats,
        target=TRAINING_TARGETS.get((name, kind)),
    )
    passes = [
        partial(predict, network, make, shuffled(len(labels), BATCH))
        for network, make in zip(networks, sources(graphs), strict=True)
    ]
    seconds = race(*passes, repeats)
    what = f"{name} prediction, {kind}"
    yield rate_row(what, len(labels), seconds, PREDICTION_TARGET)


def training_row(what, *, networks, graphs, labels, repeats, target):
    """One epoch of training."""
    batches = shuffled(len(labels), BATCH)
    epochs = [
        partial(train, network, AdamW(network.parameters()), make, labels, batches)
        for network, make in zip(networks, sources(graphs), strict=True)
    ]
    return rate_row(what, len(labels), race(*epochs, repeats), target)


def estimator_row(graphs, truth, repeats, epochs=3):
    """Training through scikit-learn and skorch: what they add to the bare loop."""
    model = CGCNNRegressor(max_epochs=epochs, device="cpu", random_state=0)
    seconds = statistics.median(
        timed(partial(model.fit, graphs, truth)) for _ in range(repeats)
    )
    rate = epochs * len(graphs) / seconds
    what = "CGCNNRegressor.fit on ready graphs, an epoch, 12 neighbours"
    return what, f"{rate:,.0f}/s", "", "", ""


def pipeline_rows(options):
    """From structures to predictions, and dropout beside a plain prediction."""
    crystals, labels = load_crystals(options.held)
    n = len(crystals)
    for kind in GRAPHS:
        build = transformer(kind)
        model = CGCNNRegressor(max_epochs=1, dropout=0.1, device="cpu", random_state=0)
        model.fit(build.transform(crystals[:256]), labels[TARGETS].to_numpy()[:256])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # elements that the 256 do not have
            seconds = timed(lambda b=build, m=model: m.predict(b.transform(crystals)))
            graphs = build.transform(crystals)
            plain, dropped = race(
                partial(model.predict, graphs),
                partial(model.predict, graphs, return_std=True),
                3,
            )
        yield (
            f"{n:,} structures to CGCNN predictions, {kind}",
            f"{seconds:.1f} s",
            "",
            "",
            f"< {15 * n / 10_000:g} s",
        )
        yield (
            f"20 passes of dropout, {n:,} graphs, {kind}; peer: plain predict",
            f"{n / dropped:,.0f}/s",
            f"{n / plain:,.0f}/s",
            f"time {dropped / plain:.2f}",
            "< 1.5",
        )


def memory_rows(n):
    """Graphs at 5 Å as columns beside a list of Data, and the peak on the way."""
    if not memory.available():
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "graphs"
        peaks = [
            memory.measure("transform_peak", n, path, how) for how in ("symmetry", None)
        ]
        held = [memory.measure(w, path) for w in ("columns_held", "data_list_held")]
    n = peaks[0]["crystals"]
    for how in ("counted", "resident"):
        mine, plain = (size[how] / n for size in held)
        yield (
            f"memory a crystal, 5 Å, {n:,} crystals, every site, {how}; "
            "peer: list of Data",
            f"{mine / 1e3:.1f} kB",
            f"{plain / 1e3:.1f} kB",
            f"{mine / plain:.2f}",
            "≤ 0.45",
        )
    for made, which in zip(peaks, ("equal atoms merged", "every site"), strict=True):
        yield (
            f"transform's resident peak, 5 Å, {n:,} crystals, {which}; "
            "peer: its result",
            f"{made['peak'] / 1e6:.0f} MB",
            f"{made['nbytes'] / 1e6:.0f} MB",
            f"{made['peak'] / made['nbytes']:.2f}",
            "≤ 1.5",
        )


def rate_row(what, n, seconds, target=None):
    """Crystals a second of both, and how many times faster ours is."""
    mine, plain = seconds
    return (
        what,
        f"{n / mine:,.0f}/s",
        f"{n / plain:,.0f}/s",
        f"{plain / mine:.2f}",
        "" if target is None else f"≥ {target:g}",
    )


# What is timed

AdamW = partial(torch.optim.AdamW, lr=1e-3, fused=True)


def transformer(kind, **parameters):
    """Make the transformer of one kind of graph."""
    parameters = {**GRAPHS[kind], **parameters}
    return CrystalGraphTransformer(on_isolated="nearest", **parameters)


def both_graphs(kind, crystals):
    """Make graphs with equal atoms merged, and with every site."""
    return tuple(
        transformer(kind, reduce=reduce).transform(crystals)
        for reduce in ("symmetry", None)
    )


def sources(graphs):
    """Give what makes batches: of merged graphs for ours, of every site for peers."""
    merged, every = graphs
    return store(merged).gather, partial(collate_list, list(every))


def store(graphs):
    """Put graphs where batches are gathered from."""
    return GraphStore.of(graphs)


def shuffled(n, size):
    """Rows of each batch of an epoch."""
    return np.split(np.random.RandomState(0).permutation(n), range(size, n, size))


def collate_list(data, rows):
    """Collate as PyG's loader does."""
    return Batch.from_data_list([data[i] for i in rows.tolist()])


def for_each(function, batches):
    """Call the function for each batch; what it returns is let go of at once."""
    for rows in batches:
        function(rows)


def train(network, optimizer, make_batch, labels, batches):
    """Train for an epoch."""
    network.train()
    for rows in batches:
        optimizer.zero_grad()
        F.l1_loss(network(make_batch(rows)), labels[rows]).backward()
        optimizer.step()


def predict(network, make_batch, batches):
    """Predict every crystal once."""
    network.eval()
    with torch.inference_mode():
        for rows in batches:
            network(make_batch(rows))


# Timing


def race(ours, peer, repeats):
    """Median seconds of a call of two functions that run in turn."""
    loops = [max(1, ceil(_LAP / timed(function))) for function in (ours, peer)]
    laps = [
        (timed(ours, loops[0]) / loops[0], timed(peer, loops[1]) / loops[1])
        for _ in range(repeats)
    ]
    return tuple(statistics.median(lap) for lap in zip(*laps, strict=True))


def timed(function, loops=1):
    """Seconds that some calls take."""
    gc.collect()  # the other's rubbish is not ours
    start = perf_counter()
    for _ in range(loops):
        function()
    return perf_counter() - start


if __name__ == "__main__":
    main()
