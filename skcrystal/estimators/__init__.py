"""Graph networks as scikit-learn estimators."""

from ._angular_cogn import AngularCoGNClassifier, AngularCoGNRegressor
from ._augmented import AugmentedRegressor
from ._base import GNNEstimator
from ._cgcnn import CGCNNClassifier, CGCNNRegressor
from ._classifier import GNNClassifier
from ._cogn import CoGNClassifier, CoGNRegressor
from ._dimenet import DimeNetPlusPlusClassifier, DimeNetPlusPlusRegressor
from ._edge_gcn import EdgeGCNClassifier, EdgeGCNRegressor
from ._egat import EGATClassifier, EGATRegressor
from ._egnn import EGNNClassifier, EGNNRegressor
from ._ensemble import EnsembleRegressor
from ._gcn import GCNClassifier, GCNRegressor
from ._local_mlp import LocalMLPClassifier, LocalMLPRegressor
from ._megnet import MEGNetClassifier, MEGNetRegressor
from ._mgcn import MGCNClassifier, MGCNRegressor
from ._mpnn import MPNNClassifier, MPNNRegressor
from ._mt_cgcnn import MTCGCNNRegressor
from ._regressor import GNNRegressor
from ._saving import load_pretrained
from ._schnet import SchNetClassifier, SchNetRegressor
from ._symgnn import SymGNNClassifier, SymGNNRegressor

__all__ = [
    "AngularCoGNClassifier",
    "AngularCoGNRegressor",
    "AugmentedRegressor",
    "CGCNNClassifier",
    "CGCNNRegressor",
    "CoGNClassifier",
    "CoGNRegressor",
    "EGATClassifier",
    "EGATRegressor",
    "EGNNClassifier",
    "EGNNRegressor",
    "DimeNetPlusPlusClassifier",
    "DimeNetPlusPlusRegressor",
    "EdgeGCNClassifier",
    "EdgeGCNRegressor",
    "EnsembleRegressor",
    "GCNClassifier",
    "GCNRegressor",
    "GNNClassifier",
    "GNNEstimator",
    "GNNRegressor",
    "LocalMLPClassifier",
    "LocalMLPRegressor",
    "MEGNetClassifier",
    "MEGNetRegressor",
    "MGCNClassifier",
    "MGCNRegressor",
    "MPNNClassifier",
    "MPNNRegressor",
    "MTCGCNNRegressor",
    "SchNetClassifier",
    "SchNetRegressor",
    "SymGNNClassifier",
    "SymGNNRegressor",
    "load_pretrained",
]
