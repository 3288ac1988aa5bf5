"""scikit-learn's base classes; for mypy, with the types that they do not state.

To mypy, a class with a base of unknown type has any attribute and takes any parameter.
Other checkers read scikit-learn's own code, or stubs of it.
"""

MYPY = False  # true to mypy alone
if MYPY:
    from ._typed_bases import (
        BaseEstimator,
        ClassifierMixin,
        MetaEstimatorMixin,
        RegressorMixin,
        TransformerMixin,
    )
else:
    from sklearn.base import (
        BaseEstimator,
        ClassifierMixin,
        MetaEstimatorMixin,
        RegressorMixin,
        TransformerMixin,
    )

__all__ = [
    "BaseEstimator",
    "ClassifierMixin",
    "MetaEstimatorMixin",
    "RegressorMixin",
    "TransformerMixin",
]
