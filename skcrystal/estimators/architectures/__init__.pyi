from ._angular_cogn import (
    AngularCoGNClassifier as AngularCoGNClassifier,
    AngularCoGNRegressor as AngularCoGNRegressor,
)
from ._cgcnn import CGCNNClassifier as CGCNNClassifier, CGCNNRegressor as CGCNNRegressor
from ._cogn import CoGNClassifier as CoGNClassifier, CoGNRegressor as CoGNRegressor
from ._dimenet import (
    DimeNetPlusPlusClassifier as DimeNetPlusPlusClassifier,
    DimeNetPlusPlusRegressor as DimeNetPlusPlusRegressor,
)
from ._edge_gcn import (
    EdgeGCNClassifier as EdgeGCNClassifier,
    EdgeGCNRegressor as EdgeGCNRegressor,
)
from ._egat import EGATClassifier as EGATClassifier, EGATRegressor as EGATRegressor
from ._egnn import EGNNClassifier as EGNNClassifier, EGNNRegressor as EGNNRegressor
from ._gcn import GCNClassifier as GCNClassifier, GCNRegressor as GCNRegressor
from ._local_mlp import (
    LocalMLPClassifier as LocalMLPClassifier,
    LocalMLPRegressor as LocalMLPRegressor,
)
from ._megnet import (
    MEGNetClassifier as MEGNetClassifier,
    MEGNetRegressor as MEGNetRegressor,
)
from ._mgcn import MGCNClassifier as MGCNClassifier, MGCNRegressor as MGCNRegressor
from ._mpnn import MPNNClassifier as MPNNClassifier, MPNNRegressor as MPNNRegressor
from ._mt_cgcnn import MTCGCNNRegressor as MTCGCNNRegressor
from ._schnet import (
    SchNetClassifier as SchNetClassifier,
    SchNetRegressor as SchNetRegressor,
)
from ._symgnn import (
    SymGNNClassifier as SymGNNClassifier,
    SymGNNRegressor as SymGNNRegressor,
)
