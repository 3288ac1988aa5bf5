from ._angular_cogn import AngularCoGN as AngularCoGN, EdgeToEdge as EdgeToEdge
from ._cgcnn import CGCNN as CGCNN
from ._cogn import CoGN as CoGN, EdgeBlock as EdgeBlock
from ._dimenet import DimeNetPlusPlus as DimeNetPlusPlus
from ._edge_gcn import EdgeGCN as EdgeGCN
from ._egat import EGAT as EGAT
from ._egnn import EGNN as EGNN, EquivariantLayer as EquivariantLayer
from ._gcn import GCN as GCN, NormalizedConvolution as NormalizedConvolution
from ._local_mlp import LocalMLP as LocalMLP
from ._megnet import EdgeAttention as EdgeAttention, MEGNet as MEGNet
from ._mgcn import MGCN as MGCN
from ._mpnn import MPNN as MPNN, EdgeNetwork as EdgeNetwork
from ._published_cgcnn import (
    PublishedCGCNN as PublishedCGCNN,
    PublishedSizes as PublishedSizes,
)
from ._schnet import Interaction as Interaction, SchNet as SchNet
from ._symgnn import TRANSFORMATIONS as TRANSFORMATIONS, SymGNN as SymGNN
