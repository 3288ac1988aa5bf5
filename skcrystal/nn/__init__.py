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
from ._basis import GaussianBasis, cosine_cutoff
from ._batch import GraphBatch
from ._cgcnn import CGCNN, GatedConvolution
from ._elements import ElementEmbedding, element_features
from ._gcn import GCN, NormalizedConvolution
from ._loss import LOSSES, MaskedLoss
from ._megnet import EdgeAttention, MEGNet
from ._network import CrystalNetwork
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
    "LOSSES",
    "Interaction",
    "MEGNet",
    "MaskedLoss",
    "NormalizedConvolution",
    "SchNet",
    "cosine_cutoff",
    "element_features",
    "filtered_sum",
    "gated_sum",
    "neighbor_sum",
    "of_distances",
    "of_neighbors",
    "of_targets",
    "segment_sum",
]
