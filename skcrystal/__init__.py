"""Graph neural networks for crystals as scikit-learn estimators."""

from .estimators import (
    CGCNNRegressor,
    GCNRegressor,
    GNNRegressor,
    MEGNetRegressor,
    SchNetRegressor,
)
from .graphs import CrystalGraphs, CrystalGraphTransformer

__version__ = "0.1.0"

__all__ = [
    "CGCNNRegressor",
    "CrystalGraphTransformer",
    "CrystalGraphs",
    "GCNRegressor",
    "GNNRegressor",
    "MEGNetRegressor",
    "SchNetRegressor",
]
