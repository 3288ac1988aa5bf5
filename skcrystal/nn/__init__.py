"""Networks on crystal graphs, in PyTorch alone."""

from ._batch import GraphBatch
from ._dropout import CrystalDropout, Drop, ThinnedNetworks, keep
from ._head import Head, TaskHeads
from ._loss import (
    LOSSES,
    ClassLoss,
    MaskedLoss,
    RateBalance,
    TaskBalance,
    UncertaintyBalance,
    gaussian_nll,
)
from ._network import CrystalNetwork
from ._store import GraphStore
from ._task_networks import TaskNetworks
from .architectures._angular_cogn import AngularCoGN, EdgeToEdge
from .architectures._cgcnn import CGCNN
from .architectures._cogn import CoGN, EdgeBlock
from .architectures._dimenet import DimeNetPlusPlus
from .architectures._edge_gcn import EdgeGCN
from .architectures._egat import EGAT
from .architectures._egnn import EGNN, EquivariantLayer
from .architectures._gcn import GCN, NormalizedConvolution
from .architectures._local_mlp import LocalMLP
from .architectures._megnet import EdgeAttention, MEGNet
from .architectures._mgcn import MGCN
from .architectures._mpnn import MPNN, EdgeNetwork
from .architectures._published_cgcnn import PublishedCGCNN, PublishedSizes
from .architectures._schnet import Interaction, SchNet
from .architectures._symgnn import TRANSFORMATIONS, SymGNN
from .layers._aggregate import (
    filtered_sum,
    gated_sum,
    neighbor_sum,
    of_distances,
    of_neighbors,
    of_targets,
    segment_sum,
)
from .layers._angles import L_MAX, Directions, angle_sum, spherical_harmonics
from .layers._attention import attention_sum, softmax_over_neighbors
from .layers._basis import GaussianBasis, cosine_cutoff
from .layers._convolutions import (
    CONVOLUTIONS,
    GatedConvolution,
    SelfConvolution,
    SharedConvolution,
)
from .layers._edge_attention import (
    EdgeAttentionBlock,
    EdgeAttentionLayer,
    edge_attention_sum,
)
from .layers._elements import ElementEmbedding, element_features
from .layers._norm import NORMS, AtomBatchNorm, AtomLayerNorm, make_norm, measure_norms
from .layers._radial import RadialGrid, radial_grid
from .layers._symmetrization import SymmetrizedEdges

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
