"""Memory of graphs, each number from a fresh process.

A process that has worked before holds freed memory, which it would fill first. So
`measure` runs this file anew for every number, and the result comes back as JSON.
Resident sizes are read from ``/proc``: elsewhere than on Linux there are none.
"""

import ctypes
import gc
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch

from skcrystal import CrystalGraphs, CrystalGraphTransformer

_STATUS = Path("/proc/self/status")


def available():
    """Say whether this system tells resident sizes."""
    return _STATUS.exists()


def measure(what, *arguments):
    """Run one of the measurements below in a process of its own."""
    command = [sys.executable, __file__, what, *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def transform_peak(n_crystals, path, reduce):
    """Build 5 Å graphs, save them at `path`, and see how high memory rose."""
    from benchmarks._data import load_crystals

    n_crystals = int(n_crystals)
    crystals, _ = load_crystals(n_crystals)
    if len(crystals) < n_crystals:
        missing = n_crystals - len(crystals)
        crystals += load_crystals(missing, name="mp_extra_24k")[0]
    reduce = None if reduce == "None" else reduce
    transformer = CrystalGraphTransformer(on_isolated="nearest", reduce=reduce)
    transformer.transform(crystals[:10])  # what is imported on first use
    before = start_peak()
    graphs = transformer.transform(crystals)
    peak = peak_above(before)
    graphs.save(path)
    return {
        "crystals": len(graphs),
        "nbytes": graphs.nbytes,
        "peak": peak,
    }


def columns_held(path):
    """Memory that `CrystalGraphs` take, by their own account and as resident."""
    graphs, resident = _held(path, lambda g: g[np.arange(len(g))])
    return {"counted": graphs.nbytes, "resident": resident}


def data_list_held(path):
    """Memory that a list of PyG Data takes: its tensors' storage, and as resident."""
    data, resident = _held(path, list)
    counted = sum(
        value.untyped_storage().nbytes()
        for d in data
        for _, value in d
        if torch.is_tensor(value)
    )
    return {"counted": counted, "resident": resident}


def _held(path, hold):
    hold(CrystalGraphs.open(path)[:10])  # what is imported on first use
    # Pages of the mapped file are no anonymous memory, so only what `hold` makes
    # counts, whichever way it reads the file.
    before = _settled("RssAnon")
    held = hold(CrystalGraphs.open(path))
    return held, _settled("RssAnon") - before


def start_peak():
    """Let the peak of this process start anew, and give the bytes it holds now."""
    held = _settled("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    return held


def peak_above(held):
    """How high memory has risen since then, in bytes."""
    return _read("VmHWM") - held


def _settled(field):
    """Read a size after giving back what is free."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
    return _read(field)


def _read(field):
    """Read a size of this process in bytes."""
    for line in _STATUS.read_text().splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return int(value.removesuffix("kB")) * 1024
    raise KeyError(f"{_STATUS} has no {field}.")


if __name__ == "__main__":
    function = {f.__name__: f for f in (transform_peak, columns_held, data_list_held)}
    print(json.dumps(function[sys.argv[1]](*sys.argv[2:])))
