"""Fingerprint of a campaign: parameters and data as text, equal in any process."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import joblib
import numpy as np
from sklearn.base import BaseEstimator

from ...graphs import CrystalGraphs

# Device and verbosity do not change the result.
_IDLE = {"device", "memory", "n_jobs", "verbose"}


def describe(estimator: BaseEstimator) -> str:
    """Return the parameters of an estimator, the same in every process."""
    params = estimator.get_params(deep=True)
    parts = []
    for name, value in sorted(params.items()):
        if name.rpartition("__")[2] in _IDLE:
            continue
        if isinstance(value, BaseEstimator):  # whose parameters come by themselves
            parts.append(f"{name}={type(value).__name__}")
        elif name != "steps":
            parts.append(f"{name}={value!r}")
    return _without_addresses(f"{type(estimator).__name__}({', '.join(parts)})")


def describe_function(function: Any) -> str:
    """Return the name of a strategy, and the options bound to it."""
    name = getattr(function, "func", function)  # functools.partial
    options = getattr(function, "keywords", None) or {}
    given = getattr(function, "args", ())
    if not hasattr(name, "__qualname__"):  # an object that can be called
        options = {**vars(name), **options}
        name = type(name)
    text = ", ".join([*map(repr, given), *([repr(options)] if options else [])])
    return _without_addresses(
        f"{name.__qualname__}({text})" if text else name.__qualname__
    )


def _without_addresses(text: str) -> str:
    return re.sub(r" at 0x[0-9a-fA-F]+", "", text)


def fingerprint(graphs: Any, labels: bytes) -> str:
    """Digest of crystals in their order, and of the labels that go with them."""
    digest = hashlib.sha256(labels)
    if isinstance(graphs, CrystalGraphs):
        for name, array in sorted(graphs.columns().items()):
            digest.update(name.encode())
            digest.update(np.ascontiguousarray(array).view(np.uint8).data)
    else:
        digest.update(joblib.hash(graphs).encode())
    return digest.hexdigest()[:16]
