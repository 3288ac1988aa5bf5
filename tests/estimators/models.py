"""The list of estimators that every common test runs over."""

from skcrystal import (
    AngularCoGNRegressor,
    CGCNNRegressor,
    CoGNRegressor,
    CrystalGraphTransformer,
    GCNRegressor,
    MEGNetRegressor,
    SchNetRegressor,
)

# Small and quick: these tests ask for correctness, not for accuracy.
QUICK = {"hidden_dim": 8, "n_layers": 2, "max_epochs": 2, "random_state": 0}

MODELS = [
    AngularCoGNRegressor(**QUICK, edge_dim=8, n_channels=4),
    CGCNNRegressor(**QUICK),
    CoGNRegressor(**QUICK, edge_dim=8),
    GCNRegressor(**QUICK),
    MEGNetRegressor(**QUICK),
    SchNetRegressor(**QUICK),
]


def transformer_for(model, **parameters):
    """Transformer to graphs that a model can read: with vectors only if it does."""
    return CrystalGraphTransformer(vectors=model._needs_vectors, **parameters)
