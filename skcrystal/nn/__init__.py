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
from ._dimenet import DimeNetPlusPlus
from ._dropout import CrystalDropout, Drop, ThinnedNetworks, keep
from ._edge_attention import (
    EdgeAttentionBlock,
    EdgeAttentionLayer,
    edge_attention_sum,
)
from ._edge_gcn import EdgeGCN
from ._egat import EGAT
from ._egnn import EGNN, EquivariantLayer
from ._elements import ElementEmbedding, element_features
from ._gcn import GCN, NormalizedConvolution
from ._head import Head, TaskHeads
from ._local_mlp import LocalMLP
from ._loss import LOSSES, ClassLoss, MaskedLoss, gaussian_nll
from ._megnet import EdgeAttention, MEGNet
from ._mgcn import MGCN
from ._mpnn import MPNN, EdgeNetwork
from ._network import CrystalNetwork
from ._norm import NORMS, AtomBatchNorm, AtomLayerNorm, make_norm, measure_norms
from ._published_cgcnn import PublishedCGCNN, PublishedSizes
from ._radial import RadialGrid, radial_grid
from ._schnet import Interaction, SchNet
from ._store import GraphStore
from ._symgnn import TRANSFORMATIONS, SymGNN
from ._symmetrization import SymmetrizedEdges
from ._task_networks import TaskNetworks

__all__ = [
    "AngularCoGN",
    "AtomBatchNorm",
    "AtomLayerNorm",
    "CGCNN",
    "ClassLoss",
    "CONVOLUTIONS",
    "CoGN",
    "GCN",
    "CrystalDropout",
    "CrystalNetwork",
    "DimeNetPlusPlus",
    "Directions",
    "Drop",
    "EGAT",
    "EGNN",
    "EdgeAttention",
    "EdgeAttentionBlock",
    "EdgeAttentionLayer",
    "EdgeBlock",
    "EdgeGCN",
    "EdgeNetwork",
    "EdgeToEdge",
    "ElementEmbedding",
    "EquivariantLayer",
    "GatedConvolution",
    "GaussianBasis",
    "GraphBatch",
    "GraphStore",
    "Head",
    "LOSSES",
    "NORMS",
    "L_MAX",
    "Interaction",
    "LocalMLP",
    "MEGNet",
    "MGCN",
    "MPNN",
    "MaskedLoss",
    "NormalizedConvolution",
    "PublishedCGCNN",
    "PublishedSizes",
    "SchNet",
    "SymGNN",
    "SymmetrizedEdges",
    "TRANSFORMATIONS",
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
    "edge_attention_sum",
    "element_features",
    "filtered_sum",
    "gated_sum",
    "gaussian_nll",
    "keep",
    "make_norm",
    "measure_norms",
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
