from ._batch import GraphBatch as GraphBatch
from ._loss import ClassLoss as ClassLoss, MaskedLoss as MaskedLoss
from ._network import CrystalNetwork as CrystalNetwork
from ._store import GraphStore as GraphStore
from ._task_networks import TaskNetworks as TaskNetworks
from .architectures import *
from .layers._aggregate import (
    filtered_sum as filtered_sum,
    gated_sum as gated_sum,
    gather_distances as gather_distances,
    gather_sources as gather_sources,
    gather_targets as gather_targets,
    neighbor_sum as neighbor_sum,
    segment_sum as segment_sum,
)
from .layers._attention import attention_sum as attention_sum
from .layers._basis import (
    GaussianBasis as GaussianBasis,
    cosine_cutoff as cosine_cutoff,
)
from .layers._elements import (
    ElementEmbedding as ElementEmbedding,
    element_features as element_features,
)
from .layers._radial import radial_grid as radial_grid
