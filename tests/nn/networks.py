"""The list of networks that every common test of layers runs over."""

from skcrystal.nn import CGCNN, GCN, AngularCoGN, CoGN, MEGNet, SchNet

HIDDEN, BASIS, CUTOFF = 8, 12, 5.0
SHARED = {"hidden_dim": HIDDEN, "n_targets": 2, "dropout": 0.0, "n_layers": 2}
EDGES = {"cutoff": CUTOFF, "n_basis": BASIS, "edge_dim": 8}
NETWORKS = {
    "AngularCoGN": lambda **k: AngularCoGN(
        n_channels=4, l_max=3, **EDGES, **SHARED, **k
    ),
    "CoGN": lambda **k: CoGN(**EDGES, **SHARED, **k),
    "CGCNN": lambda **k: CGCNN(cutoff=CUTOFF, n_basis=BASIS, **SHARED, **k),
    "CGCNN shared": lambda **k: CGCNN(
        cutoff=CUTOFF, n_basis=BASIS, conv="shared", **SHARED, **k
    ),
    "CGCNN by task": lambda **k: CGCNN(
        cutoff=CUTOFF, n_basis=BASIS, task_layers=2, **SHARED, **k
    ),
    "SchNet": lambda **k: SchNet(cutoff=CUTOFF, n_basis=BASIS, **SHARED, **k),
    "MEGNet": lambda **k: MEGNet(
        cutoff=CUTOFF, n_basis=BASIS, n_heads=2, **SHARED, **k
    ),
    "GCN": lambda **k: GCN(cutoff=CUTOFF, edge_weight="distance", **SHARED, **k),
    "GCN uniform": lambda **k: GCN(cutoff=CUTOFF, edge_weight="uniform", **SHARED, **k),
}
READ_VECTORS = {"AngularCoGN"}
