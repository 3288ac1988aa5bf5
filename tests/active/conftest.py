"""What tests of active learning share."""

import pytest

from skcrystal import GCNRegressor


@pytest.fixture
def model():
    """A network that is quick, and unsure of itself."""
    return GCNRegressor(
        hidden_dim=8, n_layers=2, max_epochs=2, dropout=0.2, random_state=0
    )
