"""What measures a peer in its own environment: crystals come in, seconds go out.

``../peers.py`` writes the name of a job to standard input and is answered with the
seconds that it took, so that ours and the peer can take turns.
"""

import argparse
import gc
import json
import os
import sys
import traceback
from functools import partial
from importlib.metadata import version
from time import perf_counter
from typing import NamedTuple

import numpy as np
import torch
from torch.nn import functional as F

CUTOFF, WIDTH, N_LAYERS, N_BASIS = 5.0, 64, 3, 50  # as ours in ../../_networks.py


class Crystals(NamedTuple):
    """Crystals as lists of arrays, what to learn of them, and the batches."""

    lattice: list  # (3, 3) in Å, vectors in rows
    numbers: list  # (N,)
    frac_coords: list  # (N, 3)
    labels: torch.Tensor  # (n, 2), standardised
    batches: list  # rows of each batch


def load(path):
    """Read what ``write_crystals`` of ../peers.py has written."""
    with np.load(path) as file:
        arrays = dict(file)
    ends = np.cumsum(arrays["n_atoms"])[:-1]
    order, size = arrays["order"], int(arrays["batch_size"])
    return Crystals(
        list(arrays["lattice"]),
        np.split(arrays["numbers"], ends),
        np.split(arrays["frac_coords"], ends),
        torch.from_numpy(arrays["labels"]),
        np.split(order, range(size, len(order), size)),
    )


def network_jobs(name, network, answer, labels, batches):
    """An epoch of training and a prediction of every crystal, as named functions.

    `answer` takes the rows of a batch, makes the batch and passes it on to `network`.
    """
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, fused=True)
    return {
        f"{name} training": partial(
            _train, network, optimizer, answer, labels, batches
        ),
        f"{name} prediction": partial(_predict, network, answer, batches),
    }


def n_parameters(network):
    """Count the trained numbers of a network."""
    return sum(p.numel() for p in network.parameters() if p.requires_grad)


def serve(packages, make_jobs):
    """Say what is measured, then answer requests until standard input ends.

    Parameters
    ----------
    packages : list of str
        Their versions are reported.
    make_jobs : function
        From Crystals to functions by name, number of edges, and numbers of parameters
        by network.
    """
    # What a package prints must not be taken for an answer.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    parser = argparse.ArgumentParser()
    parser.add_argument("crystals")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    jobs, n_edges, parameters = make_jobs(load(options.crystals))
    versions = {package: version(package) for package in packages}
    about = {"versions": versions, "edges": n_edges, "parameters": parameters}
    print(json.dumps(about), file=answers, flush=True)
    for line in sys.stdin:
        print(json.dumps(_answer(jobs, **json.loads(line))), file=answers, flush=True)


def _answer(jobs, job, loops):
    try:
        return {"seconds": _timed(jobs[job], loops)}
    except Exception as error:  # one job that fails leaves the others alone
        traceback.print_exc()
        return {"error": f"{type(error).__name__}: {error}"}


def _timed(function, loops):
    gc.collect()
    start = perf_counter()
    for _ in range(loops):
        function()
    return perf_counter() - start


def _train(network, optimizer, answer, labels, batches):
    network.train()
    for rows in batches:
        optimizer.zero_grad()
        F.l1_loss(answer(rows), labels[rows]).backward()
        optimizer.step()


def _predict(network, answer, batches):
    network.eval()
    with torch.inference_mode():
        for rows in batches:
            answer(rows)
