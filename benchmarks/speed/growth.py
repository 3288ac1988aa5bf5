"""How cost grows: with cells, cutoffs, batches, data sets and cores.

One thing grows at a time, all else keeps its default. The result is a figure, and its
numbers as tables. With ``--profile`` the ends of all curves are run under a profiler
instead, which says what their time goes into.
"""

import argparse
import cProfile
import gc
import os
import platform
import pstats
import shutil
import statistics
from collections import Counter
from collections.abc import Callable
from datetime import date
from functools import partial
from importlib.metadata import version
from math import ceil
from time import perf_counter
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from pymatgen.core import Structure

from benchmarks._data import TARGETS, load_crystals, source
from benchmarks._harness import DOCS, FOLDER
from benchmarks._networks import N_TARGETS, NETWORKS
from benchmarks.speed.speed import (
    BATCH,
    AdamW,
    predict,
    shuffled,
    store,
    timed,
    train,
    transformer,
)
from skcrystal import CGCNNRegressor

CUTOFF = 5.0  # Å
# The primitive cell of face-centred cubic copper has one site.
_COPPER = Structure(3.61 / 2 * (1 - np.eye(3)), ["Cu"], [[0, 0, 0]])  # Å
_DISPLACEMENT = 0.1  # Å
_BATCH_EDGES = 30_000  # of what passes through a network at once in estimators
_LAP_SITES = 4096
_LAPS = 3
_SHORT, _LONG = 0.05, 5.0  # s; a lap is no shorter, and a longer one is not repeated

# What grows, and the name of its axis
AXES = {
    "cells": "sites a cell",
    "cutoff": "cutoff (Å)",
    "batches": "crystals a batch",
    "data set": "crystals in the data set",
    "workers": "joblib workers",
    "threads": "torch threads",
}


class Job(NamedTuple):
    """Something to time."""

    grows: str
    x: float
    part: str  # transform, training, prediction
    series: str  # the curve
    n: int  # crystals that the function handles
    function: Callable


def main():
    """Measure or profile; save after every point."""
    options = parse_options()
    name = "growth-quick" if options.quick else "growth"
    result = FOLDER / name
    FOLDER.mkdir(exist_ok=True)
    if options.redraw:
        rows = pd.read_csv(result.with_suffix(".csv"))
    else:
        torch.set_num_threads(options.threads)
        torch.manual_seed(0)
        if options.profile:
            save_profile(options, result.with_name(f"{name}-profile.md"))
            return
        rows = measure_all(options, result)
    draw(rows, result.with_suffix(".png"))
    print(f"saved as {os.path.relpath(result)}.md and .png")
    if options.docs:
        shutil.copy(result.with_suffix(".png"), DOCS / "growth.png")


def parse_options():
    """Read the command line; add what grows, and how far."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few points, one minute")
    parser.add_argument("--threads", type=int, default=2, help="torch threads")
    parser.add_argument("--docs", action="store_true", help="copy the figure to docs/")
    parser.add_argument("--redraw", action="store_true", help="draw what was measured")
    parser.add_argument("--profile", action="store_true", help="profile the ends")
    options = parser.parse_args()
    cores = os.cpu_count()
    counts = sorted({2**i for i in range(cores.bit_length())} | {cores})
    options.few = options.quick or options.profile
    options.crystals = 128 if options.few else 600
    options.grids = {
        "cells": [1, 16, 128] if options.quick else [2**i for i in range(10)],
        "cutoff": [3, 5, 8] if options.quick else [3, 4, 5, 6, 8, 10],
        "batches": [1, 16, 128] if options.quick else [1, 4, 16, 64, 256, 1024],
        "data set": [300, 1000] if options.quick else [1000, 3000, 10_000, 50_000],
        "workers": counts,
        "threads": counts,
    }
    if options.profile:  # whose work on what it has seen takes far longer than the job
        options.grids = {name: [g[0], g[-1]] for name, g in options.grids.items()}
        options.grids.update({"data set": [1000], "workers": []})
    return options


# What is timed


def all_jobs(options):
    """Jobs of all curves; each is to be run before the next is asked for."""
    crystals, labels = load_crystals(options.crystals)
    gc.freeze()  # `timed` collects rubbish each time, and need not look at all this
    grids = options.grids
    yield from cell_jobs(grids["cells"], options.few)
    yield from cutoff_jobs(grids["cutoff"], crystals[: 64 if options.few else 200])
    graphs = transformer("5 Å").transform(crystals)
    truth = labels[TARGETS].to_numpy()
    several = slice(32 if options.few else 256)
    yield from batch_jobs(grids["batches"], graphs[several], truth[several])
    yield from set_jobs(grids["data set"], graphs, truth)
    yield from worker_jobs(grids["workers"], crystals)
    for count in grids["threads"]:
        torch.set_num_threads(count)
        yield from network_jobs("threads", count, graphs, batches_of(graphs))


def cell_jobs(sizes, few):
    """Supercells of a crystal, whose sites are all alike, and disordered ones."""
    for n_sites in sizes:
        n = min(max((_LAP_SITES >> few) // n_sites, 8), 256)
        random = np.random.RandomState(0)
        cells = {
            # Merged, they fill whole batches of any size.
            "ideal": [supercell(n_sites)] * max(n, BATCH),
            "disordered": [supercell(n_sites, random) for _ in range(n)],
        }
        for kind, crystals in cells.items():
            n = len(crystals)
            build = transformer("5 Å")
            job = partial(build.transform, crystals)
            yield Job("cells", n_sites, "transform", kind, n, job)
            graphs = build.transform(crystals)
            for job in network_jobs("cells", n_sites, graphs, batches_of(graphs)):
                yield job._replace(series=f"{job.series}, {kind}")


def supercell(n_sites, random=None):
    """Repeat the cell of copper to a power of two; displace sites if told to."""
    power = int(n_sites).bit_length() - 1
    crystal = _COPPER * [2 ** ((power + i) // 3) for i in (2, 1, 0)]
    if random is None:
        return crystal
    shift = random.normal(size=(n_sites, 3))
    shift *= _DISPLACEMENT / np.linalg.norm(shift, axis=1, keepdims=True)
    return Structure(
        crystal.lattice,
        crystal.species,
        crystal.cart_coords + shift,
        coords_are_cartesian=True,
    )


def cutoff_jobs(cutoffs, crystals):
    """Real crystals whose atoms reach further and further."""
    n = len(crystals)
    for cutoff in cutoffs:
        build = transformer("5 Å").set_params(cutoff=cutoff)
        job = partial(build.transform, crystals)
        yield Job("cutoff", cutoff, "transform", "", n, job)
        graphs = build.transform(crystals)
        yield from network_jobs("cutoff", cutoff, graphs, batches_of(graphs))


def batches_of(graphs):
    """Batches of the usual size, if that is not too much at once."""
    most = int(_BATCH_EDGES / graphs.n_edges.mean())
    return shuffled(len(graphs), min(BATCH, max(1, most)))


def batch_jobs(sizes, graphs, truth):
    """The same crystals in batches of any size, repeated to fill large ones."""
    order = np.concatenate(shuffled(len(graphs), BATCH))
    for size in sizes:
        rows = np.tile(order, ceil(size / len(order)))
        batches = np.split(rows, range(size, len(rows), size))
        yield from network_jobs("batches", size, graphs, batches)
        model = CGCNNRegressor(
            max_epochs=1, batch_size=size, device="cpu", random_state=0
        )
        job = partial(model.fit, graphs[rows], truth[rows])
        yield Job("batches", size, "training", "CGCNN, fit", len(rows), job)


def set_jobs(sizes, graphs, truth):
    """An epoch through the estimator, and prediction."""
    for n in sizes:
        rows = np.arange(n) % len(graphs)
        X, y = graphs[rows], truth[rows]
        model = CGCNNRegressor(max_epochs=1, device="cpu", random_state=0)
        job = partial(model.fit, X, y)
        yield Job("data set", n, "estimator", "CGCNN, fit", n, job)
        job = partial(model.predict, X)
        yield Job("data set", n, "estimator", "CGCNN, predict", n, job)


def worker_jobs(counts, crystals):
    """Transform on several workers."""
    crystals = crystals * 4  # so that each worker has several chunks
    for count in counts:
        build = transformer("5 Å").set_params(n_jobs=count)
        build.transform(crystals)  # starts the workers, which takes seconds
        job = partial(build.transform, crystals)
        yield Job("workers", count, "transform", "", len(crystals), job)


def network_jobs(grows, x, graphs, batches):
    """Train and predict with all networks; batches are gathered on the way."""
    n = sum(len(rows) for rows in batches)
    make_batch = store(graphs).gather
    labels = torch.randn(len(graphs), N_TARGETS)
    for name, (make_network, _) in NETWORKS.items():
        network = make_network(cutoff=graphs.settings.cutoff)
        optimizer = AdamW(network.parameters())
        job = partial(train, network, optimizer, make_batch, labels, batches)
        yield Job(grows, x, "training", name, n, job)
        job = partial(predict, network, make_batch, batches)
        yield Job(grows, x, "prediction", name, n, job)


# Measuring


def measure_all(options, result):
    """Time all jobs into a table of one row a point, kept in a file as it grows."""
    head = "\n".join(header(options))
    print(head)
    start, rows = perf_counter(), []
    for job in all_jobs(options):
        rate, laps = measure(job)
        rows.append({**job._asdict(), "rate": rate, "laps": laps})
        del rows[-1]["function"]
        print(*job[:4], f"{rate:,.0f} crystals/s", sep="  ", flush=True)
        frame = pd.DataFrame(rows)
        frame.to_csv(result.with_suffix(".csv"), index=False)
        text = "\n".join([head, *tables(frame)])
        result.with_suffix(".md").write_text(text + "\n", encoding="utf-8")
    print(f"{perf_counter() - start:.0f} s")
    return frame


def measure(job):
    """Crystals a second, median of some laps after a warm-up, and the laps."""
    seconds = timed(job.function)
    if seconds > _LONG:  # long enough to be warm for most of it
        return job.n / seconds, 1
    loops = ceil(_SHORT / seconds)
    laps = [timed(job.function, loops) / loops for _ in range(_LAPS)]
    return job.n / statistics.median(laps), _LAPS


def header(options):
    """Say what was measured, with what."""
    packages = ["torch", "pymatgen", "numpy", "skorch"]
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    yield "# How cost grows\n"
    yield f"- {date.today()}{', --quick' if options.quick else ''}"
    yield f"- {versions}, Python {platform.python_version()}"
    yield (
        f"- {torch.get_num_threads()} torch thread(s) on {os.cpu_count()} cores, "
        f"but where they are what grows; load average {os.getloadavg()[0]:.1f}"
    )
    yield f"- crystals of {source()}; cells: copper, displaced by {_DISPLACEMENT} Å"
    yield (
        f"- cutoff {CUTOFF:g} Å, batches of {BATCH} crystals (fewer if they have more "
        f"than {_BATCH_EDGES:,} edges), but where they are what grows"
    )
    yield (
        f"- medians of {_LAPS} laps after a warm-up; a single lap where it takes more "
        f"than {_LONG:g} s\n"
    )


def tables(frame):
    """One markdown table for each panel of the figure."""
    frame = frame.fillna("")
    for (grows, part), rows in frame.groupby(["grows", "part"], sort=False):
        yield from table(rows, f"{part}: {grows}, crystals/s", AXES[grows])
        if grows == "cells":
            of_sites = rows.assign(rate=rows["rate"] * rows["x"])
            yield from table(of_sites, f"{part}: {grows}, sites/s", AXES[grows])


def table(rows, title, axis):
    """Markdown table of the rates, one column a curve."""
    wide = rows.pivot(index="x", columns="series", values="rate")
    wide = wide[list(dict.fromkeys(rows["series"]))]
    yield f"## {title[0].upper()}{title[1:]}\n"
    yield "| " + " | ".join([axis, *(str(name) or "all" for name in wide)]) + " |"
    yield "| " + " | ".join(["---:"] * (1 + len(wide.columns))) + " |"
    for x, rates in wide.iterrows():
        cells = ["" if np.isnan(rate) else f"{rate:,.0f}" for rate in rates]
        yield "| " + " | ".join([f"{x:,g}", *cells]) + " |"
    yield ""


# Profiling

_KINDS = {
    "addmm": "matrix products",
    "mm": "matrix products",
    "index_select": "gathers",
    "_embedding_bag": "sums of runs",
    "embedding_bag": "sums of runs",
    "_embedding_bag_forward_only": "sums of runs",
    "sigmoid_": "sigmoid",
    **dict.fromkeys(["mul", "mul_", "add", "add_", "sub", "rsub"], "products and sums"),
}


def save_profile(options, path):
    """Write what the first and the last point of each curve spend their time on."""
    lines = [
        *list(header(options))[:-1],
        "- fewer crystals than are timed; no medians\n",
        "| what grows | at | part | curve | in the kernel | shares of time |",
        "| --- | ---: | --- | --- | ---: | --- |",
    ]
    print(*lines, sep="\n")
    for job in all_jobs(options):
        kernel = share_of_kernel(job.function)
        spent = (of_python if job.part == "transform" else of_operators)(job.function)
        total = sum(spent.values())
        shares = [f"{name} {t / total:.0%}" for name, t in spent.most_common(7)]
        cells = [f"{job.x:,}", job.part, job.series, f"{kernel:.0%}", ", ".join(shares)]
        lines.append("| " + " | ".join([job.grows, *cells]) + " |")
        print(lines[-1], flush=True)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def share_of_kernel(function):
    """Part of processor time that the operating system takes: mostly fresh memory."""
    loops = ceil(1 / timed(function))  # its clock ticks a hundred times a second
    before = os.times()
    timed(function, loops)
    user, system = (np.subtract(os.times(), before)[:2]).tolist()
    return system / (user + system)


def of_python(function):
    """Seconds within each Python function; what C does counts for its caller."""
    profile = cProfile.Profile()
    profile.runcall(function)
    return Counter(
        {
            f"`{name}`": row[2]
            for (_, _, name), row in pstats.Stats(profile).stats.items()
        }
    )


def of_operators(function):
    """Microseconds within each kind of torch operator, and outside of them all."""
    loops = ceil(0.1 / timed(function))
    with torch.profiler.profile(
        activities=[torch.profiler.ProfilerActivity.CPU]
    ) as profile:
        seconds = timed(function, loops)
    spent = Counter()
    for event in profile.key_averages():
        name = event.key.removeprefix("aten::")
        spent[_KINDS.get(name, f"`{name}`")] += event.self_cpu_time_total
    spent["outside operators"] = max(0, seconds * 1e6 - sum(spent.values()))
    return spent


# Drawing

_COLORS = {
    "CGCNN": "tab:blue",
    "SchNet": "tab:orange",
    "MEGNet": "tab:green",
    "GCN": "tab:red",
}
_STYLES = {"ideal": "--", "fit": "--", "predict": ":"}
_EVERYWHERE = "transform", "training", "prediction"
_PANELS = [
    [("cells", part) for part in _EVERYWHERE],
    [("cells", part) for part in _EVERYWHERE],  # once more, in sites/s
    [("cutoff", part) for part in _EVERYWHERE],
    [("batches", "training"), ("batches", "prediction"), ("data set", "estimator")],
    [("workers", "transform"), ("threads", "training"), ("threads", "prediction")],
]


def draw(frame, path):
    """Draw all curves."""
    # Imported here: measuring does not need it.
    from matplotlib import use

    use("Agg")
    from matplotlib import pyplot as plt
    from matplotlib.lines import Line2D

    figure, axes = plt.subplots(5, 3, figsize=(12, 17), layout="constrained")
    for i, j in np.ndindex(axes.shape):
        grows, part = _PANELS[i][j]
        rows = frame[(frame["grows"] == grows) & (frame["part"] == part)]
        of_sites = i == 1
        rows = rows.assign(rate=rows["rate"] * rows["x"] ** of_sites)
        draw_panel(axes[i, j], rows.fillna(""))
        axes[i, j].set_title(f"{'abcdefghijklmno'[3 * i + j]}. {part}: {grows}")
        axes[i, j].set_xlabel(AXES[grows])
        axes[i, j].set_ylabel("sites/s" if of_sites else "crystals/s")
    handles = [Line2D([], [], color=c, label=name) for name, c in _COLORS.items()]
    for style, name in (("-", "disordered cells"), ("--", "ideal cells")):
        handles.append(Line2D([], [], color="black", linestyle=style, label=name))
    figure.legend(handles=handles, loc="outside upper center", ncols=6, frameon=False)
    figure.savefig(path, dpi=100)
    plt.close(figure)


def draw_panel(ax, rows):
    """Draw the curves of one panel on logarithmic axes."""
    for series, curve in rows.groupby("series", sort=False):
        name, _, kind = series.partition(", ")
        color = _COLORS.get(name, "black")
        style = _STYLES.get(kind or name, "-")
        (line,) = ax.loglog(curve["x"], curve["rate"], style, color=color, marker=".")
        if kind in ("fit", "predict"):
            line.set_label(f"CGCNNRegressor.{kind}")
            ax.legend(frameon=False)
    ticks = sorted(set(rows["x"]))
    if len(ticks) > 7:
        ticks = ticks[::3]
    ax.set_xticks(ticks, [f"{x:,g}" for x in ticks])
    ax.set_xticks([], minor=True)
    # Of a flat curve, a narrow axis would show nothing but noise.
    low, high = rows["rate"].min(), rows["rate"].max()
    room = max(1.3, (10 * low / high) ** 0.5)
    steps = [1, 2, 5] if high * room**2 < 200 * low else [1]
    ticks = [step * 10.0**power for power in range(9) for step in steps]
    ax.set_yticks(ticks, [f"{y:,.0f}" for y in ticks])
    ax.set_yticks([], minor=True)
    ax.set_ylim(low / room, high * room)
    ax.grid(alpha=0.3)


if __name__ == "__main__":
    main()
