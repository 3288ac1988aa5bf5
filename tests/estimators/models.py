"""The list of estimators that every common test runs over."""

from skcrystal import CGCNNRegressor, GCNRegressor, MEGNetRegressor, SchNetRegressor

# Small and quick: these tests ask for correctness, not for accuracy.
QUICK = {"hidden_dim": 8, "n_layers": 2, "max_epochs": 2, "random_state": 0}

MODELS = [
    CGCNNRegressor(**QUICK),
    GCNRegressor(**QUICK),
    MEGNetRegressor(**QUICK),
    SchNetRegressor(**QUICK),
]
