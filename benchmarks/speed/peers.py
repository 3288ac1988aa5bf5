"""Speed beside other packages, each in an environment of its own, as one table.

Ours and the peer run in turn, lap by lap and never at once, on the same crystals and
the same batches: whatever else the machine does slows both. Medians are printed.

Ours is measured twice: as it is by default, with atoms of equal surroundings merged,
and on every site, which is what a peer computes on.
"""

import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from datetime import date
from functools import partial
from importlib.metadata import version
from math import ceil
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

import skcrystal
from benchmarks._data import TARGETS, cache_folder, load_crystals, source
from benchmarks._harness import FOLDER, save_report
from benchmarks._networks import n_parameters, pair
from benchmarks.speed.speed import (
    BATCH,
    AdamW,
    collate_list,
    complete,
    make_parser,
    predict,
    shuffled,
    store,
    timed,
    train,
)
from skcrystal import CrystalGraphTransformer

CUTOFF = 5.0  # Å, of all neighbours: every peer can cut bonds at a distance
NETWORKS = ["CGCNN", "SchNet", "MEGNet"]
_LAP = 0.05  # s, as in speed.py
_HERE = Path(__file__).resolve().parent
RESULT = FOLDER / "peers.md"


class Row(NamedTuple):
    """One of our jobs beside one of a peer's."""

    ours: str
    peer: str
    label: str  # what is the peer


class Peer(NamedTuple):
    """How a peer is installed, and what of it is measured."""

    rows: list
    note: str
    script: str = ""  # none: it runs in our own environment
    install: tuple = ()  # arguments of pip install, one call after another


class PeerError(Exception):
    """What a peer failed with, in a line."""


def both(ours, peer):
    """Make the rows of a network, for training and for prediction."""
    return [
        Row(f"{ours} {job}", f"{peer} {job}", peer)
        for job in ("training", "prediction")
    ]


_TORCH = "torch==2.13.0"
PEERS = {
    "pyg": Peer(
        rows=[
            *both("CGCNN", "CGConv"),
            *both("SchNet", "InteractionBlock"),
            *both("MEGNet", "GATv2Conv"),
        ],
        note="PyTorch Geometric's layers in networks of our shape, and its Batch.",
    ),
    "matgl": Peer(
        rows=[
            Row("graphs", "graphs", "Structure2Graph"),
            *both("MEGNet", "MEGNet of width 64"),
            *both("MEGNet", "MEGNet of its default size"),
        ],
        note=(
            "Its MEGNet also updates bonds and the state of the whole crystal, and "
            "pools by set2set, where ours attends to neighbours and pools by the mean. "
            "At width 64 it has 3 blocks, 50 Gaussians and one layer of 64 in each of "
            "its MLPs. It learns the formation energy alone: it has no second output. "
            "Positions and bond vectors are made for each batch, as its own training "
            "does."
        ),
        script="with_matgl.py",
        install=(f"matgl==4.1.2 {_TORCH}",),
    ),
    "schnetpack": Peer(
        rows=[
            Row("graphs", "graphs", "MatScipyNeighborList"),
            *both("SchNet", "SchNet"),
        ],
        note=(
            "Width, filters, Gaussians, blocks and cosine cutoff are as ours; each of "
            "the two targets has a head, which sees atoms, where ours has one head for "
            "both, which sees their mean. Neighbour lists are computed beforehand, "
            "bond vectors for each batch. It asks for sympy ≤ 1.12, which torch 2.13 "
            "does not allow, so what it needs is installed without that limit; and one "
            "name that it imports from torch for a type hint is put back."
        ),
        script="with_schnetpack.py",
        install=(
            f"{_TORCH} ase>=3.21 dirsync fasteners h5py hydra-colorlog>=1.1 "
            "hydra-core>=1.1 matscipy>=1.1 numpy>=2 pytorch-lightning>=2 pyyaml rich "
            "sympy tensorboard>=2.17 tensorboardX>=2.6 torch-ema torchmetrics tqdm",
            "--no-deps schnetpack==2.1.1",
        ),
    ),
    "alignn": Peer(
        rows=[
            Row("graphs", "graphs", "build_pure_torch_graph"),
            Row("graphs", "graphs with angles", "build_pure_torch_graph with angles"),
            *both("CGCNN", "ALIGNN without angles"),
            *both("CGCNN", "ALIGNN"),
        ],
        note=(
            "ALIGNNAtomWisePure, its variant without DGL, for properties alone (no "
            "forces). Its gated convolution is a CGCNN's that updates bonds too. With "
            "angles: 2 layers on bonds and on the angles between bonds up to 3.5 Å "
            "(its default), then 1 on bonds; without: 3 on bonds. Ours never sees "
            "angles. matscipy, which it uses where it finds it, is installed."
        ),
        script="with_alignn.py",
        install=(f"alignn==2026.8.11 matscipy>=1.1 {_TORCH}",),
    ),
}


def main():
    """Measure, print the table row by row, and save it."""
    options = parse_options()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    crystals, labels = load_crystals(options.crystals)
    truth = labels[TARGETS].to_numpy()
    truth = ((truth - truth.mean(0)) / truth.std(0)).astype(np.float32)
    ours = [Ours(crystals, truth, reduce) for reduce in ("symmetry", None)]
    report = []

    def say(line):
        report.append(line)
        print(line, flush=True)

    for line in header(options, *ours):
        say(line)
    notes = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "crystals.npz"
        write_crystals(path, crystals, truth)
        for name in options.peers:
            for row in peer_rows(name, ours, path, options, notes):
                say("| " + " | ".join(row) + " |")
    say("")
    for note in notes:
        say(f"- {note}")
    save_report(report, RESULT)


def parse_options():
    """Read the command line."""
    parser = make_parser(__doc__)
    parser.add_argument(
        "--peers", nargs="+", choices=PEERS, default=list(PEERS), help="which to run"
    )
    options = parser.parse_args()
    complete(options)
    return options


def header(options, ours, on_sites):
    """Say what was measured, with what, and open the table."""
    packages = ["torch", "torch-geometric", "pymatgen", "numpy"]
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    sizes = ", ".join(f"{name} {n:,}" for name, n in ours.parameters.items())
    mean = np.mean([len(crystal) for crystal in ours.crystals])
    yield "# Speed beside other packages\n"
    yield f"- {date.today()}{', --quick' if options.quick else ''}"
    yield (
        f"- skcrystal {skcrystal.__version__}, {versions}, "
        f"Python {platform.python_version()}"
    )
    yield (
        f"- {processor()}, {os.cpu_count()} cores, {torch.get_num_threads()} torch "
        f"thread(s); load average at the start {os.getloadavg()[0]:.1f}"
    )
    yield f"- {len(ours.crystals)} crystals of {source()}: mean {mean:.1f} atoms"
    yield (
        f"- all neighbours within {CUTOFF:g} Å: {on_sites.n_edges:,} directed edges, "
        f"{ours.n_edges:,} after merging"
    )
    yield f"- medians of {options.repeats} repeats; batches of {BATCH} in networks"
    yield f"- our networks' parameters: {sizes}\n"
    yield "| what | ours | ours, every site | peer | ratio | ratio, every site |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: |"


def processor():
    """Name the processor, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":")[1] for line in lines if line.startswith("model name")]
    return names[0].strip() if names else platform.machine()


def peer_rows(name, ours, path, options, notes):
    """Rows of one peer as they are measured; what fails is a row as well."""
    n = len(ours[0].crystals)
    try:
        peer = start(name, ours[1], path, options.threads)
    except PeerError as error:
        yield f"all; peer: {name}", "", "", str(error), "", ""
        notes.append(f"{name}: {PEERS[name].note}")
        return
    with peer:
        for row in PEERS[name].rows:
            what = f"{row.ours}; peer: {name}, {row.label}"
            laps = [partial(timed, mine.jobs[row.ours]) for mine in ours]
            laps.append(partial(peer.lap, row.peer))
            try:
                seconds = race(laps, options.repeats)
            except PeerError as error:
                yield what, "", "", str(error), "", ""
                continue
            rates = [f"{n / each:,.0f}/s" for each in seconds]
            yield what, *rates, *(f"{seconds[2] / each:.2f}" for each in seconds[:2])
    notes.append(f"{name}: {describe(peer.about)} {PEERS[name].note}")


def start(name, on_sites, path, threads):
    """Make a peer ready to run laps."""
    peer = PEERS[name]
    if not peer.script:
        return Plain(on_sites)
    script = _HERE / "_peers" / peer.script
    return Worker(environment(name, peer.install), script, path, threads)


def describe(about):
    """Versions, edges and sizes of networks, as a peer reports them."""
    parts = [f"{package} {v}" for package, v in about["versions"].items()]
    sizes = [f"{network} {n:,}" for network, n in about["parameters"].items()]
    return (
        f"{', '.join(parts)}; {about['edges']:,} edges; parameters {', '.join(sizes)}."
    )


def race(laps, repeats):
    """Median seconds of several that take turns: functions of a number of loops."""
    loops = [max(1, ceil(_LAP / lap(1))) for lap in laps]
    turns = [
        [lap(n) / n for lap, n in zip(laps, loops, strict=True)] for _ in range(repeats)
    ]
    return [statistics.median(lap) for lap in zip(*turns, strict=True)]


def write_crystals(path, crystals, labels):
    """Write crystals, labels and batches for the other environments."""
    np.savez(
        path,
        lattice=np.stack([crystal.lattice.matrix for crystal in crystals]),
        n_atoms=np.array([len(crystal) for crystal in crystals]),
        numbers=np.concatenate([crystal.atomic_numbers for crystal in crystals]),
        frac_coords=np.concatenate([crystal.frac_coords for crystal in crystals]),
        labels=labels,
        order=np.concatenate(shuffled(len(crystals), BATCH)),
        batch_size=BATCH,
    )


# What runs in this process


class Ours:
    """Our jobs by name, on merged atoms or on every site."""

    def __init__(self, crystals, labels, reduce):
        transformer = CrystalGraphTransformer(
            cutoff=CUTOFF, on_isolated="nearest", reduce=reduce
        )
        convert = partial(transformer.transform, crystals)
        self.crystals, self.labels, self.graphs = crystals, labels, convert()
        self.n_edges = int(self.graphs.edge_ptr[-1])
        networks = {name: pair(name, CUTOFF)[0] for name in NETWORKS}
        jobs = self.network_jobs(networks, store(self.graphs).gather)
        self.jobs = {"graphs": convert, **jobs}
        self.parameters = {name: n_parameters(net) for name, net in networks.items()}

    def network_jobs(self, networks, make_batch):
        """An epoch of training, and a prediction of every crystal, of each network."""
        labels = torch.from_numpy(self.labels)
        batches = shuffled(len(self.crystals), BATCH)
        jobs = {}
        for name, net in networks.items():
            jobs[f"{name} training"] = partial(
                train, net, AdamW(net.parameters()), make_batch, labels, batches
            )
            jobs[f"{name} prediction"] = partial(predict, net, make_batch, batches)
        return jobs


class Plain:
    """PyTorch Geometric's networks, which need no other environment."""

    def __init__(self, ours):
        layers = {
            "CGConv": "CGCNN",
            "InteractionBlock": "SchNet",
            "GATv2Conv": "MEGNet",
        }
        networks = {layer: pair(name, CUTOFF)[1] for layer, name in layers.items()}
        make_batch = partial(collate_list, list(ours.graphs))
        self.jobs = ours.network_jobs(networks, make_batch)
        self.about = {
            "versions": {"torch-geometric": version("torch-geometric")},
            "edges": ours.n_edges,
            "parameters": {layer: n_parameters(net) for layer, net in networks.items()},
        }

    def lap(self, job, loops):
        """Seconds of some calls of a job."""
        return timed(self.jobs[job], loops)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


# What runs in another


class Worker:
    """A peer's process, which does a lap when it is told to."""

    def __init__(self, python, script, crystals, threads):
        self._log = tempfile.TemporaryFile("w+")
        self._process = subprocess.Popen(
            [python, script, crystals, "--threads", str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        try:
            self.about = self._answer()
        except BaseException:
            self.__exit__()
            raise

    def lap(self, job, loops):
        """Seconds of some calls of a job."""
        try:
            print(
                json.dumps({"job": job, "loops": loops}),
                file=self._process.stdin,
                flush=True,
            )
        except BrokenPipeError:
            pass  # it has ended, and that is what the answer will say
        return self._answer()["seconds"]

    def _answer(self):
        line = self._process.stdout.readline()
        if not line:
            code = self._process.wait()
            self._log.seek(0)
            raise PeerError(f"ended with code {code}: {last_line(self._log.read())}")
        answer = json.loads(line)
        if "error" in answer:
            raise PeerError(one_line(answer["error"]))
        return answer

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.communicate()
        self._log.close()


def environment(name, install):
    """Make a peer's environment, unless it is there, and return its Python."""
    folder = cache_folder() / "peers" / name
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    finished = folder / "installed.json"  # written last: what is there is whole
    wanted = json.dumps([platform.python_version(), install])
    if finished.exists() and finished.read_text() == wanted:
        return python
    print(f"installing {name} in {folder}", file=sys.stderr)
    shutil.rmtree(folder, ignore_errors=True)
    run([sys.executable, "-m", "venv", folder])
    for arguments in install:
        run([python, "-m", "pip", "install", "--quiet", *arguments.split()])
    finished.write_text(wanted)
    return python


def run(command):
    """Run a command, or say in a line why it failed."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise PeerError(f"not installed: {last_line(done.stdout + done.stderr)}")


def last_line(text):
    """Find the last line that tells of an error, else the last that is not empty."""
    lines = [line for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()]
    return one_line((errors or lines or ["no message"])[-1])


def one_line(text, length=200):
    """Make text fit into a cell of the table."""
    return " ".join(text.split()).replace("|", "\\|")[:length]


if __name__ == "__main__":
    main()
