"""Networks on crystal graphs, in PyTorch alone."""

from ._aggregate import (
    filtered_sum,
    gated_sum,
    neighbor_sum,
    of_distances,
    of_neighbors,
    of_targets,
    segment_sum,
)
from ._angles import L_MAX, Directions, angle_sum, spherical_harmonics
from ._angular_cogn import AngularCoGN, EdgeToEdge
from ._attention import attention_sum, softmax_over_neighbors
from ._balance import RateBalance, TaskBalance, UncertaintyBalance
from ._basis import GaussianBasis, cosine_cutoff
from ._batch import GraphBatch
from ._cgcnn import CGCNN
from ._cogn import CoGN, EdgeBlock
from ._convolutions import (
    CONVOLUTIONS,
    GatedConvolution,
    SelfConvolution,
    SharedConvolution,
)
from ._dropout import CrystalDropout, Drop, ThinnedNetworks, keep
from ._elements import ElementEmbedding, element_features
from ._gcn import GCN, NormalizedConvolution
from ._head import Head, TaskHeads
from ._loss import LOSSES, ClassLoss, MaskedLoss, gaussian_nll
from ._megnet import EdgeAttention, MEGNet
from ._network import CrystalNetwork
from ._published_cgcnn import PublishedCGCNN
from ._radial import RadialGrid, radial_grid
from ._schnet import Interaction, SchNet
from ._store import GraphStore
from ._task_networks import TaskNetworks

__all__ = [
    "AngularCoGN",
    "CGCNN",
    "ClassLoss",
    "CONVOLUTIONS",
    "CoGN",
    "GCN",
    "CrystalDropout",
    "CrystalNetwork",
    "Directions",
    "Drop",
    "EdgeAttention",
    "EdgeBlock",
    "EdgeToEdge",
    "ElementEmbedding",
    "GatedConvolution",
    "GaussianBasis",
    "GraphBatch",
    "GraphStore",
    "Head",
    "LOSSES",
    "L_MAX",
    "Interaction",
    "MEGNet",
    "MaskedLoss",
    "NormalizedConvolution",
    "PublishedCGCNN",
    "SchNet",
    "UncertaintyBalance",
    "TaskNetworks",
    "TaskHeads",
    "TaskBalance",
    "SelfConvolution",
    "SharedConvolution",
    "ThinnedNetworks",
    "angle_sum",
    "attention_sum",
    "cosine_cutoff",
    "element_features",
    "filtered_sum",
    "gated_sum",
    "gaussian_nll",
    "keep",
    "neighbor_sum",
    "of_distances",
    "of_neighbors",
    "of_targets",
    "radial_grid",
    "RadialGrid",
    "RateBalance",
    "segment_sum",
    "softmax_over_neighbors",
    "spherical_harmonics",
]
