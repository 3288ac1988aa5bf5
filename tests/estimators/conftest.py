"""Fixtures that run a test once for each estimator."""

import numpy as np
import pytest
from models import MODELS, name_of, transformer_for
from sklearn.base import clone


@pytest.fixture(params=MODELS, ids=name_of, scope="session")
def kind(request):
    """The estimator of the list that is tested; not to be changed."""
    return request.param


@pytest.fixture
def model(kind):
    return clone(kind)


@pytest.fixture(scope="session")
def graphs(kind, small):
    """Graphs of the forty crystals, such as the estimator under test reads."""
    return transformer_for(kind).transform(small[0])


@pytest.fixture(scope="session")
def fitted(kind, small, graphs):
    """A model trained enough to tell crystals apart; not to be changed."""
    model = clone(kind).set_params(hidden_dim=16, max_epochs=30, lr=0.01)
    return model.fit(graphs, small[1])


@pytest.fixture(scope="session")
def labels(small):
    """A class for each of the forty crystals, which the size of its cell tells."""
    names = {2: "AB", 3: "ABX", 5: "ABX3"}
    return np.array([names[len(crystal)] for crystal in small[0]])
