"""Active-learning campaigns: query, label, train, measure; resumed after a crash."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from numbers import Integral
from pathlib import Path
from time import perf_counter
from typing import Any, ClassVar, Self

import numpy as np
from tqdm import tqdm

from ...estimators._pipelines import fit_preprocessing, preprocess, rejoin
from ...estimators.targets._targets import check_targets
from ...utils._bases import BaseEstimator
from ...utils._random import MAX_SEED
from ...utils._validation import Interval, validate_params_of
from .._learner import ActiveLearner
from ._cycle import CampaignSteps
from ._fingerprint import describe, describe_function, fingerprint
from ._journal import VERSION, Journal
from ._metrics import errors_of
from ._state import CampaignState

_TAKEN = {"cycle", "n_labelled", "n_failed", "seconds"}

Scorer = Callable[[BaseEstimator, Any, Any], float]


class ActiveLearningCampaign(BaseEstimator):
    """Label a few crystals, train, let the strategy pick the next; and again.

    With a `directory`, everything is written as it happens: queried crystals, each
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
        of shape (n_targets,), with NaN for unknown targets.
    n_initial : int or array-like of int, default=200
        Crystals to label before the first training, drawn at random; or their rows.
    batch_size : int, default=100
        Crystals to ask for at each cycle.
    n_cycles : int, default=10
        Queries after the first training. A finished campaign goes on if it is raised.
    directory : str, Path or None, default=None
        Where to keep the state: ``campaign.jsonl``, and ``history.csv`` for reading.
    scoring : mapping of str to callable, optional
        Further columns of `history_`: ``scorer(estimator, X_test, y_test)``, with the
        last step of a pipeline and with ready graphs.
    random_state : int or None, default=None
        Decides everything that chance decides, where `estimator` leaves it open.
    progress : bool, default=False
        Whether to show a bar.

    Attributes
    ----------
    history_ : DataFrame
        One row a cycle: ``cycle``, ``n_labelled``, ``n_failed``; of each target
        ``mae_<target>``, ``rmse_<target>``, ``r2_<target>`` on a test set and
        ``mean_std_<target>`` there, in the target's unit; columns of `scoring`; seconds
        of fit, query and oracle, and of all.
    queries_ : DataFrame
        One row a queried crystal: ``cycle``, ``row`` in the pool, ``id``.
    labels_ : DataFrame
        Labels of the pool; NaN where there is none.
    failures_ : DataFrame
        ``cycle``, ``row``, ``id`` and ``error`` of crystals the oracle failed on.
    learner_ : ActiveLearner
        Trained on all labels, on ready graphs.
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
        self,
        X_pool: Any,
        X_test: Any = None,
        y_test: Any = None,
        *,
        ids: Sequence[str] | None = None,
        retry_failures: bool = False,
    ) -> Self:
        """Run all cycles, or those that are left.

        Parameters
        ----------
        X_pool : sequence of n crystals or graphs
            Crystals that may be labelled.
        X_test : sequence of m crystals or graphs, optional
            The fixed test set. Without one `history_` has no errors, and the oracle
            needs `target_names`.
        y_test : array-like of shape (m,) or (m, n_targets), optional
            Its labels; NaN where one was not measured.
        ids : sequence of n str, optional
            Names of the pool's crystals, for the record; by default their rows.
        retry_failures : bool, default=False
            Whether to first ask again for crystals that the oracle failed on in
            earlier runs.

        Returns
        -------
        self : ActiveLearningCampaign

        Raises
        ------
        ValueError
            If a parameter is out of range, the pool is smaller than `n_initial`, half
            of a test set is given, or `directory` holds a campaign that was begun
            otherwise.
        RuntimeError
            If `directory` is in use, or the oracle failed on all crystals of a cycle.
        """
        validate_params_of(self)
        ids = _check_ids(ids, len(X_pool))
        self._check_sizes(len(X_pool))
        self._check_functions(len(X_pool))
        self._check_test(X_test, y_test)
        steps, final, graphs = fit_preprocessing(self.estimator, X_pool, None)
        test = None if X_test is None else preprocess(steps, final, X_test)
        names = self._names(test, y_test)
        with Journal(self.directory) as journal:
            seed = self._begin(journal, names, ids, (graphs, test, y_test))
            done = CampaignState(journal, ids, names)
            run = CampaignSteps(
                final=final,
                query_strategy=self.query_strategy,
                oracle=self.oracle,
                n_initial=self.n_initial,
                batch_size=self.batch_size,
                pool=X_pool,
                graphs=graphs,
                done=done,
                seed=seed,
                is_1d=len(names) == 1 if y_test is None else np.ndim(y_test) == 1,
            )
            if retry_failures:
                done.withdraw(done.failures()["row"].tolist())
                for cycle in range(done.n_cycles):
                    run.label(cycle)
            learner = self._run(run, journal, test, y_test, names)
        self.learner_ = learner
        self.estimator_ = rejoin(self.estimator, steps, learner.estimator)
        self.history_ = done.history()
        self.queries_ = done.queries()
        self.labels_ = done.labels()
        self.failures_ = done.failures()
        return self

    # Steps of a run

    def _run(
        self,
        run: CampaignSteps,
        journal: Journal,
        test: Any,
        y_test: Any,
        names: list[str],
    ) -> ActiveLearner:
        """Run the cycles that are left; return the last learner."""
        done, learner = run.done, None
        left = range(done.n_cycles, self.n_cycles + 1)
        bar = tqdm(left, desc="campaign", disable=not self.progress)
        for cycle in bar:
            started = perf_counter()
            if cycle and not done.is_queried(cycle) and learner is None:
                learner = run.train(cycle - 1)
            times = {"query": run.select(learner, cycle)}
            if not done.rows_of(cycle):
                break  # the pool is used up
            times["oracle"] = run.label(cycle)
            tick = perf_counter()
            learner = run.train(cycle)
            times["fit"] = perf_counter() - tick
            metrics = {}
            if test is not None:
                metrics = errors_of(
                    learner.estimator, test, y_test, names, self.scoring
                )
            times["total"] = perf_counter() - started
            done.end_cycle(cycle, metrics, times)
            journal.write_table(done.history(), "history.csv")
            if metrics:
                errors = {f"MAE {n}": f"{metrics[f'mae_{n}']:.3g}" for n in names}
                bar.set_postfix(errors)
        # Once more: a kill may have come between the journal and the table.
        journal.write_table(done.history(), "history.csv")
        return learner or run.train(done.n_cycles - 1)

    def _check_sizes(self, n_pool: int) -> None:
        if isinstance(self.n_initial, Integral):
            if int(self.n_initial) > n_pool:
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

    def _check_functions(self, n_pool: int) -> None:
        """Check oracle and scorers before the first calculation."""
        if hasattr(self.oracle, "label_row"):
            if len(self.oracle) != n_pool:
                raise ValueError(
                    f"oracle holds labels of {len(self.oracle)} crystals, but the pool "
                    f"has {n_pool}; give those of the pool, row by row."
                )
        elif not callable(self.oracle):
            raise TypeError(
                f"oracle is a {type(self.oracle).__name__}, which cannot be called; "
                "give a function of a crystal, or known labels as SimulatedOracle(y)."
            )
        for name, scorer in (self.scoring or {}).items():
            if name in _TAKEN or name.startswith("seconds_"):
                raise ValueError(
                    f"scoring has the name {name!r}, which is a column of its own; "
                    "take another."
                )
            if not callable(scorer):
                raise TypeError(
                    f"scoring[{name!r}] is {scorer!r}; give a function of estimator, X "
                    "and y."
                )

    def _check_test(self, X_test: Any, y_test: Any) -> None:
        """Check that there is a whole test set, or none and no need of one."""
        if (X_test is None) != (y_test is None):
            given, missing = ("y", "X") if X_test is None else ("X", "y")
            raise ValueError(
                f"{given}_test is given, but {missing}_test is not; give both, or "
                "neither for a campaign without test set."
            )
        if X_test is None and self.scoring:
            raise ValueError(
                f"scoring has {', '.join(self.scoring)}, which judge a test set; give "
                "X_test and y_test."
            )

    def _names(self, test: Any, y_test: Any) -> list[str]:
        """Names of the targets; an oracle's where the test set has none of its own."""
        names = getattr(self.oracle, "target_names", None)
        if test is None:
            if names is None:
                raise ValueError(
                    "without X_test and y_test the oracle has to name its targets; "
                    "give it an attribute target_names, such as ['energy']."
                )
            return _name_list(names)
        targets = check_targets(y_test, len(test), allow_empty=True)
        if names is None:
            return targets.names
        names = _name_list(names)
        if len(names) != len(targets.names):
            raise ValueError(
                f"the oracle labels {len(names)} targets ({', '.join(names)}), but "
                f"y_test has shape {np.shape(y_test)}."
            )
        # Default names, of an array without columns, give way.
        unnamed = [f"target_{t}" for t in range(len(names))]
        if targets.names == unnamed:
            return names
        if names not in (unnamed, targets.names):
            raise ValueError(
                f"the oracle labels {', '.join(names)}, but y_test has the columns "
                f"{', '.join(targets.names)}; use the same names and order."
            )
        return targets.names

    def _begin(
        self, journal: Journal, names: list[str], ids: list[str], data: tuple
    ) -> int:
        """Write the campaign's fingerprint, or compare it with the one on disk."""
        graphs, test, y_test = data
        tested = None
        if test is not None:
            labels = check_targets(y_test, len(test), allow_empty=True).values
            tested = fingerprint(test, labels.tobytes())
        seed = self.random_state
        about = {
            "estimator": describe(self.estimator),
            "query_strategy": describe_function(self.query_strategy),
            "n_initial": np.asarray(self.n_initial).tolist(),
            "batch_size": int(self.batch_size),
            "random_state": None if seed is None else int(seed),
            "targets": names,
            "pool": fingerprint(graphs, "\n".join(ids).encode()),
            "test": tested,
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
                    f"{journal.folder / Journal.NAME} holds a campaign with "
                    f"{name}={begun.get(name)!r}, but now {name} is {value!r}; go on "
                    "with the former, or give another directory."
                )
        return begun["seed"]


def _name_list(names: str | Sequence[str]) -> list[str]:
    """An oracle's targets, which may be the name of one."""
    return [names] if isinstance(names, str) else [str(name) for name in names]


def _check_ids(ids: Sequence[str] | None, n_pool: int) -> list[str]:
    if ids is None:
        return [str(row) for row in range(n_pool)]
    ids = [str(i) for i in ids]
    if len(ids) != n_pool or len(set(ids)) < n_pool:
        raise ValueError(
            f"ids has {len(ids)} entries, {len(set(ids))} of them different, but the "
            f"pool has {n_pool} crystals; each needs a name of its own."
        )
    return ids
