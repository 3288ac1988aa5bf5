from ._batch import GraphBatch as GraphBatch
from ._dropout import (
    CrystalDropout as CrystalDropout,
    Dropout as Dropout,
    DropoutMasks as DropoutMasks,
    no_dropout as no_dropout,
)
from ._head import Head as Head, TaskHeads as TaskHeads
from ._loss import (
    LOSSES as LOSSES,
    ClassLoss as ClassLoss,
    DynamicWeightAverage as DynamicWeightAverage,
    MaskedLoss as MaskedLoss,
    TaskWeighting as TaskWeighting,
    UncertaintyWeighting as UncertaintyWeighting,
    gaussian_nll as gaussian_nll,
)
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
from .layers._angles import (
    L_MAX as L_MAX,
    Directions as Directions,
    angle_sum as angle_sum,
    spherical_harmonics as spherical_harmonics,
)
from .layers._attention import (
    attention_sum as attention_sum,
    softmax_over_neighbors as softmax_over_neighbors,
)
from .layers._basis import (
    GaussianBasis as GaussianBasis,
    cosine_cutoff as cosine_cutoff,
)
from .layers._convolutions import (
    CONVOLUTIONS as CONVOLUTIONS,
    GatedConvolution as GatedConvolution,
    SelfConvolution as SelfConvolution,
    SharedConvolution as SharedConvolution,
)
from .layers._edge_attention import (
    EdgeAttentionBlock as EdgeAttentionBlock,
    EdgeAttentionLayer as EdgeAttentionLayer,
    edge_attention_sum as edge_attention_sum,
)
from .layers._elements import (
    ElementEmbedding as ElementEmbedding,
    element_features as element_features,
)
from .layers._norm import (
    NORMS as NORMS,
    AtomBatchNorm as AtomBatchNorm,
    AtomLayerNorm as AtomLayerNorm,
    make_norm as make_norm,
    measure_norms as measure_norms,
)
from .layers._radial import RadialGrid as RadialGrid, radial_grid as radial_grid
from .layers._symmetrization import SymmetrizedEdges as SymmetrizedEdges
