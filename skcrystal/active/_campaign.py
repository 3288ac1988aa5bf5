"""A whole active-learning campaign: ask, label, train, measure, and lose nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from numbers import Integral
from pathlib import Path
from time import perf_counter
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, clone
from tqdm import tqdm

from ..estimators._prefix import fit_prefix, rejoin, transform
from ..estimators._targets import check_targets
from ..utils._random import MAX_SEED, seed_estimator
from ..utils._validation import Interval, validate_params_of
from ._errors import errors_of
from ._identity import describe, describe_function, fingerprint
from ._journal import VERSION, Journal
from ._learner import ActiveLearner
from ._oracles import ask
from ._progress import Progress
from ._rows import take

Scorer = Callable[[BaseEstimator, Any, Any], float]


class ActiveLearningCampaign(BaseEstimator):
    """Label a few crystals, train, let the strategy pick the next; and again.

    With a `directory`, everything is written as it happens: crystals asked for, each
    label as it comes, the errors of each cycle. A campaign killed at any moment goes on
    where it was when `run` is called again, and ends with the same queries as one that
    was never stopped. A crystal on which the oracle fails is noted in `failures_`, and
    the campaign goes on without it.

    Parameters
    ----------
    estimator : estimator
        A regressor or a pipeline that ends in one. A fresh clone is trained at each
        cycle. Graphs are built once, for the whole pool.
    query_strategy : callable
        ``strategy(learner, X_pool, n_instances, ...)``.
    oracle : callable or SimulatedOracle
        Labels a crystal of the pool: ``oracle(crystal)`` returns a number or an array
        of shape (n_targets,), with NaN for what it does not know.
    n_initial : int or array-like of int, default=200
        Crystals to label before the first training, drawn at random; or their rows.
    batch_size : int, default=100
        Crystals to ask for at each cycle.
    n_cycles : int, default=10
        Queries after the first training. A finished campaign goes on if it is raised.
    directory : str, Path or None, default=None
        Where to keep the state: ``campaign.jsonl``, and ``history.csv`` for reading.
    scoring : mapping of str to callable, optional
        Further columns of `history_`: ``scorer(estimator, X_test, y_test)``.
    random_state : int or None, default=None
        Decides everything that chance decides, where `estimator` leaves it open.
    progress : bool, default=False
        Whether to show a bar.

    Attributes
    ----------
    history_ : DataFrame
        One row a cycle: ``cycle``, ``n_labelled``, ``n_failed``; of each target
        ``mae_<target>``, ``rmse_<target>``, ``r2_<target>`` on the test set and
        ``mean_std_<target>`` there, in the target's unit; what `scoring` adds; seconds
        of fit, query and oracle, and of all.
    queries_ : DataFrame
        One row a crystal asked for: ``cycle``, ``row`` in the pool, ``id``.
    labels_ : DataFrame
        Labels of the pool; NaN where there is none.
    failures_ : DataFrame
        ``cycle``, ``row``, ``id`` and ``error`` of crystals the oracle failed on.
    learner_ : ActiveLearner
        Taught all labels, on ready graphs.
    estimator_ : estimator
        The last model, of the form of `estimator`: a pipeline takes structures.

    Examples
    --------
    >>> from skcrystal import CGCNNRegressor
    >>> from skcrystal.active import ActiveLearningCampaign, SimulatedOracle, max_std
    >>> from skcrystal.datasets import load_pbe_prototypes
    >>> X, y = load_pbe_prototypes(return_X_y=True)
    >>> campaign = ActiveLearningCampaign(
    ...     CGCNNRegressor(dropout=0.1, max_epochs=2),
    ...     max_std,
    ...     SimulatedOracle(y[:200]),
    ...     n_initial=50,
    ...     batch_size=25,
    ...     n_cycles=2,
    ...     random_state=0,
    ... )
    >>> campaign.run(X[:200], X[200:300], y[200:300]).history_["n_labelled"].tolist()
    [50, 75, 100]
    """

    _parameter_constraints: ClassVar[dict[str, list]] = {
        "estimator": [BaseEstimator],
        "query_strategy": [callable],
        "n_initial": [Interval(Integral, 1, None, closed="left"), "array-like"],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "n_cycles": [Interval(Integral, 0, None, closed="left")],
        "directory": [str, "path", None],
        "scoring": [Mapping, None],
        "random_state": [Interval(Integral, 0, MAX_SEED, closed="left"), None],
        "progress": ["boolean"],
    }

    def __init__(
        self,
        estimator: BaseEstimator,
        query_strategy: Callable,
        oracle: Any,
        *,
        n_initial: int | Sequence[int] = 200,
        batch_size: int = 100,
        n_cycles: int = 10,
        directory: str | Path | None = None,
        scoring: Mapping[str, Scorer] | None = None,
        random_state: int | None = None,
        progress: bool = False,
    ) -> None:
        self.estimator = estimator
        self.query_strategy = query_strategy
        self.oracle = oracle
        self.n_initial = n_initial
        self.batch_size = batch_size
        self.n_cycles = n_cycles
        self.directory = directory
        self.scoring = scoring
        self.random_state = random_state
        self.progress = progress

    def run(
        self, X_pool: Any, X_test: Any, y_test: Any, *, ids: Sequence[str] | None = None
    ) -> ActiveLearningCampaign:
        """Run all cycles, or those that are left.

        Parameters
        ----------
        X_pool : sequence of n crystals or graphs
            What may be labelled.
        X_test : sequence of m crystals or graphs
            The fixed test set.
        y_test : array-like of shape (m,) or (m, n_targets)
            Its labels; NaN where one was not measured.
        ids : sequence of n str, optional
            Names of the pool's crystals, for the record; by default their rows.

        Returns
        -------
        self : ActiveLearningCampaign

        Raises
        ------
        ValueError
            If a parameter is out of range, the pool is smaller than `n_initial`, or
            `directory` holds a campaign that was begun otherwise.
        RuntimeError
            If `directory` is in use, or the oracle labelled no crystal at all.
        """
        validate_params_of(self)
        ids = _check_ids(ids, len(X_pool))
        self._check_sizes(len(X_pool))
        self._check_oracle(len(X_pool))
        prefix, final, graphs = fit_prefix(self.estimator, X_pool, None)
        test = transform(prefix, final, X_test)
        names = self._names(y_test, len(test))
        self._pool, self._graphs, self._ids = X_pool, graphs, ids
        with Journal(self.directory) as journal:
            seed = self._begin(journal, names, test, y_test)
            self._done = Progress(journal, ids, names)
            left = range(self._done.n_cycles, self.n_cycles + 1)
            bar = tqdm(left, desc="campaign", disable=not self.progress)
            learner = None
            for cycle in bar:
                started = perf_counter()
                if cycle and learner is None and not self._done.asked(cycle):
                    learner = self._teach(final, seed, cycle - 1)
                times = {"query": self._ask(learner, seed, cycle)}
                if not self._done.rows_of(cycle):
                    break  # the pool is used up
                times["oracle"] = self._label(cycle)
                tick = perf_counter()
                learner = self._teach(final, seed, cycle)
                times["fit"] = perf_counter() - tick
                metrics = errors_of(
                    learner.estimator, test, y_test, names, self.scoring
                )
                times["total"] = perf_counter() - started
                self._done.end_cycle(cycle, metrics, times)
                journal.write_table(self._done.history(), "history.csv")
                bar.set_postfix(
                    {f"MAE {name}": f"{metrics[f'mae_{name}']:.3g}" for name in names}
                )
            if learner is None:
                learner = self._teach(final, seed, self._done.n_cycles - 1)
            # Once more: a kill may have come between the journal and the table.
            journal.write_table(self._done.history(), "history.csv")
        self.learner_ = learner
        self.estimator_ = rejoin(self.estimator, prefix, learner.estimator)
        self.history_ = self._done.history()
        self.queries_ = self._done.queries()
        self.labels_ = self._done.labels()
        self.failures_ = self._done.failures()
        # What the run needed is no part of what it found.
        del self._pool, self._graphs, self._ids, self._done
        return self

    # Steps of a run

    def _check_sizes(self, n_pool: int) -> None:
        if isinstance(self.n_initial, Integral):
            if self.n_initial > n_pool:
                raise ValueError(
                    f"n_initial is {self.n_initial}, but the pool has {n_pool} "
                    "crystals."
                )
            return
        rows = np.asarray(self.n_initial)
        if (
            rows.ndim != 1
            or not np.issubdtype(rows.dtype, np.integer)
            or not len(rows)
            or rows.min() < 0
            or rows.max() >= n_pool
            or len(np.unique(rows)) < len(rows)
        ):
            raise ValueError(
                f"n_initial is {self.n_initial!r}; a number, or different rows of the "
                f"pool from 0 to {n_pool - 1}, are needed."
            )

    def _check_oracle(self, n_pool: int) -> None:
        if hasattr(self.oracle, "label_row") and len(self.oracle) != n_pool:
            raise ValueError(
                f"oracle holds labels of {len(self.oracle)} crystals, but the pool has "
                f"{n_pool}; give those of the pool, row by row."
            )

    def _names(self, y_test: Any, n_test: int) -> list[str]:
        """Names of the targets; an oracle's where the test set has none of its own."""
        targets = check_targets(y_test, n_test, allow_empty=True)
        names = getattr(self.oracle, "target_names", None)
        if names is None:
            return targets.names
        if len(names) != len(targets.names):
            raise ValueError(
                f"the oracle labels {len(names)} targets ({', '.join(names)}), but "
                f"y_test has shape {np.shape(y_test)}."
            )
        is_named = hasattr(y_test, "columns") or getattr(y_test, "name", None)
        if not is_named:
            return list(names)
        if targets.names != list(names) and set(targets.names) == set(names):
            raise ValueError(
                f"the oracle labels {', '.join(names)}, but y_test has the columns "
                f"{', '.join(targets.names)}; put them in one order."
            )
        return targets.names

    def _begin(self, journal: Journal, names: list[str], test: Any, y_test: Any) -> int:
        """Write what decides the campaign, or compare with what was written."""
        labels = check_targets(y_test, len(test), allow_empty=True).values
        seed = self.random_state
        about = {
            "estimator": describe(self.estimator),
            "query_strategy": describe_function(self.query_strategy),
            "n_initial": np.asarray(self.n_initial).tolist(),
            "batch_size": int(self.batch_size),
            "random_state": None if seed is None else int(seed),
            "targets": names,
            "pool": fingerprint(self._graphs, "\n".join(self._ids).encode()),
            "test": fingerprint(test, labels.tobytes()),
        }
        if not journal.records:
            if seed is None:
                seed = int(np.random.default_rng().integers(MAX_SEED))
            journal.append(kind="campaign", version=VERSION, seed=int(seed), **about)
            return int(seed)
        begun = journal.records[0]
        for name, value in about.items():
            if begun.get(name) != value:
                raise ValueError(
                    f"{Path(self.directory) / Journal.NAME} holds a campaign with "
                    f"{name}={begun.get(name)!r}, but now {name} is {value!r}; go on "
                    "with the former, or give another directory."
                )
        return begun["seed"]

    def _ask(self, learner: ActiveLearner | None, seed: int, cycle: int) -> float:
        """Settle which crystals to label; seconds that it took."""
        if self._done.asked(cycle):
            return 0.0
        started = perf_counter()
        random = np.random.RandomState([seed, cycle, 1])
        free = self._done.free_rows()
        if cycle == 0:
            rows = self.n_initial
            if isinstance(rows, Integral):
                rows = random.permutation(len(self._ids))[:rows]
        elif not len(free):
            rows = []
        else:
            learner._random = random
            n = min(self.batch_size, len(free))
            picked, _ = learner.query(take(self._graphs, free), n_instances=n)
            rows = free[picked]
        if len(rows):
            self._done.begin_cycle(cycle, [int(row) for row in rows])
        return perf_counter() - started

    def _label(self, cycle: int) -> float:
        started = perf_counter()
        for row in self._done.unanswered(cycle):
            try:
                label = ask(self.oracle, row, self._pool)
            except Exception as error:
                # One calculation that fails is no reason to lose the others.
                self._done.fail(cycle, row, f"{type(error).__name__}: {error}")
                continue
            self._done.answer(cycle, row, label)
        return perf_counter() - started

    def _teach(self, final: BaseEstimator, seed: int, cycle: int) -> ActiveLearner:
        """Train on all labels up to a cycle, as after any other history."""
        rows, labels = self._done.known(cycle)
        if not rows:
            failures = self._done.failures()["error"].tolist()
            raise RuntimeError(
                f"the oracle labelled none of the {len(failures)} crystals asked for; "
                f"the first failure was {failures[0]!r}. Mend it, and begin in another "
                "directory."
            )
        random = np.random.RandomState([seed, cycle, 0])
        return ActiveLearner(
            seed_estimator(clone(final), random, only_unset=True),
            self.query_strategy,
            take(self._graphs, np.array(rows)),
            labels,
        )


def _check_ids(ids: Sequence[str] | None, n_pool: int) -> list[str]:
    if ids is None:
        return [str(row) for row in range(n_pool)]
    ids = [str(i) for i in ids]
    if len(ids) != n_pool or len(set(ids)) < n_pool:
        raise ValueError(
            f"ids has {len(set(ids))} different entries, but the pool has {n_pool} "
            "crystals; each needs a name of its own."
        )
    return ids
