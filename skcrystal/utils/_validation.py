"""Checks of parameters, and the one place that imports scikit-learn's private names."""

from pathlib import Path
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import (
    Interval,
    StrOptions,
    validate_parameter_constraints,
)

__all__ = ["Interval", "StrOptions", "validate_params_of"]


def validate_params_of(estimator: BaseEstimator) -> None:
    """Check the parameters of `estimator` against its ``_parameter_constraints``.

    Raises
    ------
    sklearn.utils._param_validation.InvalidParameterError
        A ValueError that names the parameter, its allowed values and its value.
    """
    constraints: dict[str, Any] = {
        name: [Path if option == "path" else option for option in options]
        for name, options in estimator._parameter_constraints.items()
    }
    validate_parameter_constraints(
        constraints,
        estimator.get_params(deep=False),
        caller_name=type(estimator).__name__,
    )
