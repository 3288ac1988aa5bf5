"""Graph networks as scikit-learn estimators."""

from ._augmented import AugmentedRegressor
from ._base import GNNEstimator
from ._classifier import GNNClassifier
from ._ensemble import EnsembleRegressor
from ._regressor import GNNRegressor
from .architectures._angular_cogn import AngularCoGNClassifier, AngularCoGNRegressor
from .architectures._cgcnn import CGCNNClassifier, CGCNNRegressor
from .architectures._cogn import CoGNClassifier, CoGNRegressor
from .architectures._dimenet import DimeNetPlusPlusClassifier, DimeNetPlusPlusRegressor
from .architectures._edge_gcn import EdgeGCNClassifier, EdgeGCNRegressor
from .architectures._egat import EGATClassifier, EGATRegressor
from .architectures._egnn import EGNNClassifier, EGNNRegressor
from .architectures._gcn import GCNClassifier, GCNRegressor
from .architectures._local_mlp import LocalMLPClassifier, LocalMLPRegressor
from .architectures._megnet import MEGNetClassifier, MEGNetRegressor
from .architectures._mgcn import MGCNClassifier, MGCNRegressor
from .architectures._mpnn import MPNNClassifier, MPNNRegressor
from .architectures._mt_cgcnn import MTCGCNNRegressor
from .architectures._schnet import SchNetClassifier, SchNetRegressor
from .architectures._symgnn import SymGNNClassifier, SymGNNRegressor
from .saving._save import load_pretrained

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
