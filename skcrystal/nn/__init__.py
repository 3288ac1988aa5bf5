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
from ._attention import attention_sum, softmax_over_neighbors
from ._basis import GaussianBasis, cosine_cutoff
from ._batch import GraphBatch
from ._cgcnn import CGCNN, GatedConvolution
from ._elements import ElementEmbedding, element_features
from ._gcn import GCN, NormalizedConvolution
from ._head import Head
from ._loss import LOSSES, MaskedLoss
from ._megnet import EdgeAttention, MEGNet
from ._network import CrystalNetwork
from ._radial import RadialGrid, radial_grid
from ._schnet import Interaction, SchNet
from ._store import GraphStore

__all__ = [
    "CGCNN",
    "GCN",
    "CrystalNetwork",
    "EdgeAttention",
    "ElementEmbedding",
    "GatedConvolution",
    "GaussianBasis",
    "GraphBatch",
    "GraphStore",
    "Head",
    "LOSSES",
    "Interaction",
    "MEGNet",
    "MaskedLoss",
    "NormalizedConvolution",
    "SchNet",
    "attention_sum",
    "cosine_cutoff",
    "element_features",
    "filtered_sum",
    "gated_sum",
    "neighbor_sum",
    "of_distances",
    "of_neighbors",
    "of_targets",
    "radial_grid",
    "RadialGrid",
    "segment_sum",
    "softmax_over_neighbors",
]
