"""Steps of a campaign's cycle: select crystals, label them, train."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral
from time import perf_counter
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone

from ...utils._random import seed_estimator
from ...utils._rows import take
from ...utils._warnings import stacklevel_of_caller
from .._learner import ActiveLearner
from .._oracles import ask
from ._state import CampaignState

# So many failures and no label mean that something is wrong with the oracle itself.
_TOO_MANY = 3


@dataclass
class CampaignSteps:
    """Model, strategy, oracle, pool and state of a campaign, and its steps.

    Attributes
    ----------
    final : estimator
        Cloned and trained at each cycle.
    query_strategy : callable
    oracle : callable or SimulatedOracle
    n_initial : int or sequence of int
    batch_size : int
    pool : sequence of n crystals or graphs
        As the oracle reads it.
    graphs : CrystalGraphs, or other input of `final`
    done : CampaignState
    seed : int
        Of all random numbers, together with the cycle.
    is_1d : bool
        Whether there is one target, and labels have one dimension.
    """

    final: BaseEstimator
    query_strategy: Callable
    oracle: Any
    n_initial: Any
    batch_size: int
    pool: Any
    graphs: Any
    done: CampaignState
    seed: int
    is_1d: bool

    def select(self, learner: ActiveLearner | None, cycle: int) -> float:
        """Choose the crystals of a cycle; return the seconds it took."""
        if self.done.is_queried(cycle):
            return 0.0
        started = perf_counter()
        random = np.random.RandomState([self.seed, cycle, 1])
        free = self.done.free_rows()
        if cycle == 0:
            rows = self.n_initial
            if isinstance(rows, Integral):
                rows = random.permutation(len(free))[:rows]
        elif not len(free):
            rows = []
        else:
            assert learner is not None  # trained in the cycle before
            learner._random = random
            n = min(self.batch_size, len(free))
            picked, _ = learner.query(take(self.graphs, free), n_instances=n)
            rows = free[picked]
        if len(rows):
            self.done.begin_cycle(cycle, [int(row) for row in rows])
        return perf_counter() - started

    def label(self, cycle: int) -> float:
        """Label the crystals of a cycle by the oracle; return the seconds it took.

        Raises
        ------
        RuntimeError
            If it failed on every crystal. They are queried again at the next run.
        """
        started = perf_counter()
        rows = self.done.unanswered(cycle)
        for row in rows:
            try:
                label = ask(self.oracle, row, self.pool)
            except Exception as error:
                # A calculation that fails must not lose the others.
                self.done.fail(cycle, row, f"{type(error).__name__}: {error}")
                continue
            self.done.answer(cycle, row, label)
        failures = self.done.failures()
        failures = failures[failures["row"].isin(rows)]
        if len(failures):
            self._report(failures, cycle)
        return perf_counter() - started

    def train(self, cycle: int) -> ActiveLearner:
        """Train on all labels up to a cycle, as after any other history."""
        rows, labels = self.done.known(cycle)
        random = np.random.RandomState([self.seed, cycle, 0])
        return ActiveLearner(
            seed_estimator(clone(self.final), random, only_unset=True),
            self.query_strategy,
            take(self.graphs, np.array(rows)),
            labels.iloc[:, 0] if self.is_1d else labels,
        )

    def _report(self, failures: Any, cycle: int) -> None:
        """Warn of failures, or stop if all calculations failed."""
        queried = self.done.rows_of(cycle)
        first = failures.iloc[0]
        about = f"the first was {first['id']}: {first['error']}"
        all_failed = len(self.done.failures_of(cycle)) == len(queried)
        if all_failed and (len(queried) >= _TOO_MANY or not self.done.known(cycle)[0]):
            self.done.withdraw(queried)
            raise RuntimeError(
                f"the oracle failed on all {len(queried)} crystals of cycle {cycle}; "
                f"{about}. Repair it and run again, which queries them again."
            )
        warnings.warn(
            f"cycle {cycle}: the oracle failed on {len(failures)} of {len(queried)} "
            f"crystals; {about}. All are in failures_; run(..., retry_failures=True) "
            "queries them again.",
            UserWarning,
            stacklevel=stacklevel_of_caller(),
        )
