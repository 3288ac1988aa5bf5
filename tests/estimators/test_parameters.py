"""Classes that declare parameters: what their ``__init__`` takes and keeps."""

import inspect

import pytest
from sklearn.base import clone

from skcrystal import CGCNNRegressor, GCNClassifier, GCNRegressor


def test_a_misspelt_parameter_is_named_with_what_may_be_meant():
    message = r"CGCNNRegressor.*'max_epoch'; did you mean 'max_epochs'\?"
    with pytest.raises(TypeError, match=message):
        CGCNNRegressor(max_epoch=3)
    with pytest.raises(TypeError, match="unexpected keyword argument 'pooling'"):
        GCNClassifier(pooling="sum")
    with pytest.raises(TypeError):
        CGCNNRegressor(64)


class Wider(GCNRegressor):
    """Other defaults, and a parameter more."""

    hidden_dim: int = 128
    note: str = ""


class Quick(GCNRegressor):
    """With an ``__init__`` of its own, as any scikit-learn estimator may have."""

    def __init__(self, *, n_epochs=2, edge_weight="uniform"):
        super().__init__(max_epochs=n_epochs, edge_weight=edge_weight)
        self.n_epochs = n_epochs


class Quicker(Quick):
    """Inherits that one."""


def test_a_subclass_may_declare_more_and_change_defaults():
    model = clone(Wider(note="wide", lr=0.1))
    assert (model.hidden_dim, model.note, model.lr) == (128, "wide", 0.1)
    assert set(model.get_params()) == {*GCNRegressor().get_params(), "note"}
    assert inspect.signature(Wider).parameters["hidden_dim"].default == 128
    assert GCNRegressor().hidden_dim == 64


@pytest.mark.parametrize("cls", [Quick, Quicker])
def test_a_subclass_may_have_an_init_of_its_own(cls):
    model = clone(cls(n_epochs=3))
    assert set(model.get_params()) == {"n_epochs", "edge_weight"}
    assert (model.max_epochs, model.edge_weight, model.lr) == (3, "uniform", 0.003)
