"""Graph networks as scikit-learn estimators."""

from ._base import GNNRegressor
from ._cgcnn import CGCNNRegressor
from ._ensemble import EnsembleRegressor
from ._gcn import GCNRegressor
from ._megnet import MEGNetRegressor
from ._schnet import SchNetRegressor

__all__ = [
    "CGCNNRegressor",
    "EnsembleRegressor",
    "GCNRegressor",
    "GNNRegressor",
    "MEGNetRegressor",
    "SchNetRegressor",
]
