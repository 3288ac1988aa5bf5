"""Fixtures that run a test once for each estimator."""

import pytest
from models import MODELS
from sklearn.base import clone


@pytest.fixture(params=MODELS, ids=lambda m: type(m).__name__)
def model(request):
    return clone(request.param)


@pytest.fixture(params=MODELS, ids=lambda m: type(m).__name__, scope="session")
def fitted(request, small, small_graphs):
    """A model trained enough to tell crystals apart; not to be changed."""
    model = clone(request.param).set_params(hidden_dim=16, max_epochs=30, lr=0.01)
    return model.fit(small_graphs, small[1])
