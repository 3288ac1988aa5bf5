"""Graph networks as scikit-learn estimators."""

from ._angular_cogn import AngularCoGNClassifier, AngularCoGNRegressor
from ._augmented import AugmentedRegressor
from ._base import GNNEstimator
from ._cgcnn import CGCNNClassifier, CGCNNRegressor
from ._classifier import GNNClassifier
from ._cogn import CoGNClassifier, CoGNRegressor
from ._ensemble import EnsembleRegressor
from ._gcn import GCNClassifier, GCNRegressor
from ._megnet import MEGNetClassifier, MEGNetRegressor
from ._mt_cgcnn import MTCGCNNRegressor
from ._regressor import GNNRegressor
from ._saving import load_pretrained
from ._schnet import SchNetClassifier, SchNetRegressor

__all__ = [
    "AngularCoGNClassifier",
    "AngularCoGNRegressor",
    "AugmentedRegressor",
    "CGCNNClassifier",
    "CGCNNRegressor",
    "CoGNClassifier",
    "CoGNRegressor",
    "EnsembleRegressor",
    "GCNClassifier",
    "GCNRegressor",
    "GNNClassifier",
    "GNNEstimator",
    "GNNRegressor",
    "MEGNetClassifier",
    "MEGNetRegressor",
    "MTCGCNNRegressor",
    "SchNetClassifier",
    "SchNetRegressor",
    "load_pretrained",
]
