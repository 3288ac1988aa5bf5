"""EGNN: what it reads depends on whether it was fitted to move atoms."""

import numpy as np
import pytest

from skcrystal import CrystalGraphTransformer, EGNNRegressor

SMALL = {"hidden_dim": 8, "n_layers": 2, "max_epochs": 1, "random_state": 0}


@pytest.mark.parametrize("moves", [False, True])
def test_parameters_set_later_do_not_change_what_was_fitted(small, moves):
    X, y, _ = small
    model = EGNNRegressor(**SMALL, update_positions=moves).fit(X, y)
    expected = model.predict(X[:5])
    model.set_params(update_positions=not moves)
    np.testing.assert_array_equal(model.predict(X[:5]), expected)


def test_atoms_that_move_need_directions_of_every_site(small):
    X, y, _ = small
    model = EGNNRegressor(**SMALL, update_positions=True)
    for parameters, message in (
        ({"reduce": None}, "without displacement vectors"),
        ({"vectors": True}, "equal atoms are merged"),
    ):
        graphs = CrystalGraphTransformer(**parameters).transform(X)
        with pytest.raises(ValueError, match=message):
            model.fit(graphs, y)
    # Distances alone are in any graph.
    merged = CrystalGraphTransformer().transform(X)
    assert EGNNRegressor(**SMALL).fit(merged, y).predict(merged).shape == y.shape
