"""Campaigns whose process is killed at given moments.

`kill_all` runs it once for each moment, such as ``oracle:3``: the process kills itself
when it comes there for the third time. A ``lines:7`` is a kill from outside, once the
journal has seven lines. Moments joined by ``+`` follow on each other in one campaign.
"""

import os
import signal
import time
from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
from skorch.callbacks import Callback

from skcrystal import ActiveLearningCampaign, GCNRegressor
from skcrystal.active import diverse_max_std
from skcrystal.active.campaign._journal import Journal
from skcrystal.datasets import load_pbe_prototypes

passed = Counter()
armed = None


def pass_by(moment):
    passed[moment] += 1
    if armed and armed.startswith("lines"):
        time.sleep(0.03)  # so that the kill from outside does not come too late
    if armed == f"{moment}:{passed[moment]}":
        os.kill(os.getpid(), signal.SIGKILL)


class PassEpochs(Callback):
    def on_epoch_end(self, net, **kwargs):
        pass_by("epoch")


def strategy(learner, X_pool, n_instances=1):
    picked = diverse_max_std(learner, X_pool, n_instances)
    pass_by("query")
    return picked


def oracle(crystal):
    """Two numbers, one of them not of every crystal, and of some none at all."""
    pass_by("oracle")
    numbers = crystal.atomic_numbers
    if numbers[0] % 6 == 1:
        raise ArithmeticError(f"{crystal.formula} does not converge")
    return [
        crystal.volume / len(crystal),
        np.nan if numbers[0] % 3 else np.mean(numbers),
    ]


def campaign(directory=None, **options):
    model = GCNRegressor(
        hidden_dim=8, n_layers=2, max_epochs=2, dropout=0.2, callbacks=[PassEpochs()]
    )
    options = {"n_initial": 9, "batch_size": 5, "n_cycles": 3, **options}
    return ActiveLearningCampaign(
        model, strategy, oracle, **options, directory=directory, random_state=0
    )


def run(campaign):
    data = load_pbe_prototypes()
    rows = np.random.RandomState(0).permutation(len(data.data))[:40]
    crystals, y = [data.data[i] for i in rows], data.target[rows]
    names = [f"crystal-{i}" for i in rows[:32]]
    return campaign.run(crystals[:32], crystals[32:], y[32:], ids=names)


def _pass_and_call(moment, function, *args):
    pass_by(moment)
    return function(*args)


def _run_armed(folder, moment):
    global armed
    armed = moment
    for name in ("fsync", "replace"):  # between writing and what makes it last
        setattr(os, name, partial(_pass_and_call, name, getattr(os, name)))
    run(campaign(folder))


def _n_lines(folder):
    path = Path(folder) / Journal.NAME
    return path.read_bytes().count(b"\n") if path.exists() else 0


def _kill_one(folder, moment):
    child = os.fork()
    if not child:
        try:
            _run_armed(folder, moment)
        finally:
            os._exit(0)
    name, number = moment.split(":")
    if name == "lines":
        while _n_lines(folder) < int(number):
            time.sleep(1e-3)
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                return False
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def kill_all(parent, *plans):
    for plan in plans:
        killed = [_kill_one(Path(parent) / plan, moment) for moment in plan.split("+")]
        print(plan, "killed" if all(killed) else "survived", flush=True)
