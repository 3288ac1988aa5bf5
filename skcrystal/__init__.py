"""Graph neural networks for crystals as scikit-learn estimators."""

from .active import ActiveLearner, ActiveLearningCampaign
from .estimators import (
    AngularCoGNRegressor,
    CGCNNRegressor,
    CoGNRegressor,
    EnsembleRegressor,
    GCNRegressor,
    GNNRegressor,
    MEGNetRegressor,
    SchNetRegressor,
)
from .graphs import CrystalGraphs, CrystalGraphTransformer
from .uncertainty import CalibratedRegressor, uncertainty_metrics

__version__ = "0.1.0"

__all__ = [
    "ActiveLearner",
    "ActiveLearningCampaign",
    "AngularCoGNRegressor",
    "CGCNNRegressor",
    "CalibratedRegressor",
    "CoGNRegressor",
    "CrystalGraphTransformer",
    "CrystalGraphs",
    "EnsembleRegressor",
    "GCNRegressor",
    "GNNRegressor",
    "MEGNetRegressor",
    "SchNetRegressor",
    "uncertainty_metrics",
]
