"""Strategies side by side: the same crystals, the same starts, several seeds."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import delayed
from sklearn.base import BaseEstimator, clone
from tqdm import tqdm

from ..estimators._prefix import fit_prefix, lift, separate, transform
from ..utils._parallel import parallel_in_order
from ._campaign import ActiveLearningCampaign, Scorer
from ._identity import describe
from ._oracles import SimulatedOracle
from ._strategies import random_sampling

Strategy = Callable[..., Any]
Arm = Strategy | None | tuple[Strategy | None, Callable[[BaseEstimator], BaseEstimator]]


def compare_strategies(
    estimators: Mapping[str, BaseEstimator],
    strategies: Mapping[str, Arm],
    X_pool: Any,
    y_pool: Any,
    X_test: Any,
    y_test: Any,
    *,
    n_initial: int = 200,
    batch_size: int = 100,
    n_cycles: int = 10,
    seeds: int | Sequence[int] = 3,
    scoring: Mapping[str, Scorer] | None = None,
    directory: str | Path | None = None,
    n_jobs: int | None = None,
    progress: bool = False,
) -> pd.DataFrame:
    """Run a campaign for each architecture, strategy and seed, with known labels.

    Of one seed, all strategies begin with the same crystals. Graphs are built once for
    estimators with the same first steps, and shared.

    Parameters
    ----------
    estimators : mapping of str to estimator
        Architectures by name.
    strategies : mapping of str to callable, None or tuple
        By name: a strategy; None to label as many crystals as a campaign does in the
        end, at random and at once; or a pair of one of these and a function that makes
        of each architecture the estimator to use, such as ``EnsembleRegressor``.
    X_pool : sequence of n crystals or graphs
    y_pool : array-like of shape (n,) or (n, n_targets)
        Labels; NaN where one was not measured.
    X_test : sequence of m crystals or graphs
    y_test : array-like of shape (m,) or (m, n_targets)
        Labels; NaN where one was not measured.
    n_initial : int, default=200
        Crystals to label before the first training, drawn at random.
    batch_size : int, default=100
        Crystals to ask for at each cycle.
    n_cycles : int, default=10
        Queries after the first training.
    seeds : int or sequence of int, default=3
        How many, from 0 on, or which.
    scoring : mapping of str to callable, optional
        Further columns, as in `ActiveLearningCampaign`.
    directory : str, Path or None, default=None
        Where to keep the campaigns, one folder each: a comparison that was stopped goes
        on when it is called again.
    n_jobs : int or None, default=None
        Campaigns at the same time, by joblib. The result does not depend on it, if
        ``torch.set_num_threads(1)`` comes before: workers have fewer torch threads
        than you, and rounding may decide between two crystals.
    progress : bool, default=False
        Whether to show a bar.

    Returns
    -------
    DataFrame
        One row a cycle of each campaign: ``architecture``, ``strategy``, ``seed``, and
        the columns of ``ActiveLearningCampaign.history_``.

    Raises
    ------
    ValueError
        If names would share a folder, or a campaign refuses its parameters.
    """
    seeds = range(seeds) if isinstance(seeds, int | np.integer) else seeds
    jobs = []
    folders: dict[Path, tuple] = {}
    prepared: dict[tuple, tuple] = {}
    for architecture, estimator in estimators.items():
        final, pool, test = _prepare(estimator, X_pool, X_test, prepared)
        for strategy, arm in strategies.items():
            query, wrap = arm if isinstance(arm, tuple) else (arm, clone)
            first, cycles = n_initial, n_cycles
            if query is None:  # all labels at once
                first, cycles = min(n_initial + batch_size * n_cycles, len(X_pool)), 0
            for seed in seeds:
                folder = None
                if directory is not None:
                    folder = Path(directory) / _file_name(architecture, strategy, seed)
                    if folder in folders:
                        raise ValueError(
                            f"{architecture!r} with {strategy!r} and "
                            f"{folders[folder]} would share the folder {folder}; "
                            "rename one."
                        )
                    folders[folder] = (architecture, strategy)
                campaign = ActiveLearningCampaign(
                    wrap(final),
                    query or random_sampling,
                    SimulatedOracle(y_pool),
                    n_initial=first,
                    batch_size=batch_size,
                    n_cycles=cycles,
                    scoring=scoring,
                    directory=folder,
                    random_state=int(seed),
                )
                keys = {
                    "architecture": architecture,
                    "strategy": strategy,
                    "seed": int(seed),
                }
                jobs.append((keys, campaign, pool, test))
    frames = parallel_in_order(n_jobs)(delayed(_run)(*job, y_test) for job in jobs)
    bar = tqdm(frames, total=len(jobs), desc="campaigns", disable=not progress)
    return pd.concat(list(bar), ignore_index=True)


def _run(
    keys: dict[str, Any], campaign: ActiveLearningCampaign, pool: Any, test: Any, y: Any
) -> pd.DataFrame:
    history = campaign.run(pool, test, y).history_
    for position, (name, value) in enumerate(keys.items()):
        history.insert(position, name, value)
    return history


def _file_name(*parts: Any) -> str:
    return "-".join(re.sub(r"[^\w.+]+", "_", str(part)) for part in parts)


def _prepare(
    estimator: BaseEstimator, X_pool: Any, X_test: Any, prepared: dict[tuple, tuple]
) -> tuple[BaseEstimator, Any, Any]:
    """Last step of an estimator, pool and test set as it reads them."""
    prefix, final = separate(lift(estimator))
    network = final
    while hasattr(network, "estimator"):
        network = network.estimator
    reads = [
        getattr(network, name, None) for name in ("_needs_vectors", "_reads_merged")
    ]
    key = (None if prefix is None else describe(prefix), *reads)
    if key not in prepared:
        fitted, _, pool = fit_prefix(estimator, X_pool, None)
        prepared[key] = pool, transform(fitted, final, X_test)
    return final, *prepared[key]
