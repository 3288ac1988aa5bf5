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
    load_pretrained,
)
from .graphs import CrystalGraphs, CrystalGraphTransformer
from .pretrained import predict
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
    "load_pretrained",
    "predict",
    "uncertainty_metrics",
]
