"""The list of networks that every common test of layers runs over."""

from skcrystal.nn import CGCNN, GCN, MEGNet, SchNet

HIDDEN, BASIS, CUTOFF = 8, 12, 5.0
SHARED = {"hidden_dim": HIDDEN, "n_targets": 2, "dropout": 0.0, "n_layers": 2}
NETWORKS = {
    "CGCNN": lambda **k: CGCNN(cutoff=CUTOFF, n_basis=BASIS, **SHARED, **k),
    "SchNet": lambda **k: SchNet(cutoff=CUTOFF, n_basis=BASIS, **SHARED, **k),
    "MEGNet": lambda **k: MEGNet(
        cutoff=CUTOFF, n_basis=BASIS, n_heads=2, **SHARED, **k
    ),
    "GCN": lambda **k: GCN(cutoff=CUTOFF, edge_weight="distance", **SHARED, **k),
    "GCN uniform": lambda **k: GCN(cutoff=CUTOFF, edge_weight="uniform", **SHARED, **k),
}
