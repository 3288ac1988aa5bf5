"""Graph neural networks for crystals as scikit-learn estimators."""

from .active import ActiveLearner, ActiveLearningCampaign
from .estimators import (
    AngularCoGNClassifier,
    AngularCoGNRegressor,
    AugmentedRegressor,
    CGCNNClassifier,
    CGCNNRegressor,
    CoGNClassifier,
    CoGNRegressor,
    EnsembleRegressor,
    GCNClassifier,
    GCNRegressor,
    GNNClassifier,
    GNNRegressor,
    MEGNetClassifier,
    MEGNetRegressor,
    MTCGCNNRegressor,
    SchNetClassifier,
    SchNetRegressor,
)
from .graphs import CrystalGraphs, CrystalGraphTransformer
from .uncertainty import CalibratedRegressor, uncertainty_metrics

__version__ = "0.1.0"

__all__ = [
    "ActiveLearner",
    "ActiveLearningCampaign",
    "AngularCoGNClassifier",
    "AngularCoGNRegressor",
    "AugmentedRegressor",
    "CGCNNClassifier",
    "CGCNNRegressor",
    "CalibratedRegressor",
    "CoGNClassifier",
    "CoGNRegressor",
    "CrystalGraphTransformer",
    "CrystalGraphs",
    "EnsembleRegressor",
    "GCNClassifier",
    "GCNRegressor",
    "GNNClassifier",
    "GNNRegressor",
    "MEGNetClassifier",
    "MEGNetRegressor",
    "MTCGCNNRegressor",
    "SchNetClassifier",
    "SchNetRegressor",
    "uncertainty_metrics",
]
