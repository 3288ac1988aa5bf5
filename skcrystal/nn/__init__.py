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
from ._dropout import CrystalDropout, Drop, ThinnedNetworks, keep
from ._elements import ElementEmbedding, element_features
from ._gcn import GCN, NormalizedConvolution
from ._head import Head
from ._loss import LOSSES, MaskedLoss, gaussian_nll
from ._megnet import EdgeAttention, MEGNet
from ._network import CrystalNetwork
from ._radial import RadialGrid, radial_grid
from ._schnet import Interaction, SchNet
from ._store import GraphStore

__all__ = [
    "CGCNN",
    "GCN",
    "CrystalDropout",
    "CrystalNetwork",
    "Drop",
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
    "ThinnedNetworks",
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
    "segment_sum",
    "softmax_over_neighbors",
]
