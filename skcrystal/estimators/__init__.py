"""Graph networks as scikit-learn estimators."""

from ._angular_cogn import AngularCoGNRegressor
from ._base import GNNRegressor
from ._cgcnn import CGCNNRegressor
from ._cogn import CoGNRegressor
from ._ensemble import EnsembleRegressor
from ._gcn import GCNRegressor
from ._megnet import MEGNetRegressor
from ._schnet import SchNetRegressor

__all__ = [
    "AngularCoGNRegressor",
    "CGCNNRegressor",
    "CoGNRegressor",
    "EnsembleRegressor",
    "GCNRegressor",
    "GNNRegressor",
    "MEGNetRegressor",
    "SchNetRegressor",
]
