"""Tasks of regression and classification, as fits make and use them."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn.base import clone
from skorch.callbacks import Callback
from torch.nn import functional as F

from skcrystal import (
    CGCNNClassifier,
    CGCNNRegressor,
    GCNRegressor,
    MTCGCNNRegressor,
    load_pretrained,
)
from skcrystal.estimators._inference import run
from skcrystal.nn import _loss
from skcrystal.nn._loss import PointwiseLoss

QUICK = {"hidden_dim": 8, "n_layers": 1, "max_epochs": 3, "random_state": 0}


class Fail(Callback):
    def on_epoch_end(self, net, **kwargs):
        raise RuntimeError("a callback that fails")


@pytest.fixture(params=["regressor", "classifier"])
def case(request, small, labels):
    if request.param == "classifier":
        return CGCNNClassifier(**QUICK, class_weight="balanced"), labels
    return MTCGCNNRegressor(**QUICK, task_weights="dwa"), small[1]


def test_a_fit_that_fails_leaves_parameters_alone(case, small, small_graphs):
    model, y = case
    before = set(vars(model))
    model.set_params(callbacks=[Fail()])
    with pytest.raises(RuntimeError, match="a callback that fails"):
        model.fit(small_graphs, y)
    assert set(vars(model)) == before
    with pytest.raises(ValueError, match="y"):
        model.fit(small_graphs, y[:-1])
    assert set(vars(model)) == before


def test_a_fit_that_fails_takes_back_an_earlier_one(case, small_graphs):
    """The network may have been changed; all else is of the fit before."""
    model, y = case
    left = set(vars(model.fit(small_graphs, y)))
    with pytest.raises(RuntimeError, match="a callback that fails"):
        model.set_params(callbacks=[Fail()], warm_start=True).fit(small_graphs, y)
    assert set(vars(model)) == left - {"net_"}
    model.set_params(callbacks=None).fit(small_graphs, y)
    assert set(vars(model)) == left


def test_bad_labels_leave_a_fitted_model_as_it_is(case, small_graphs):
    model, y = case
    expected = model.fit(small_graphs, y).predict(small_graphs)
    with pytest.raises(ValueError, match="y"):
        model.fit(small_graphs, y[:-1])
    np.testing.assert_array_equal(model.predict(small_graphs), expected)


@pytest.mark.parametrize("task_weights", [None, [1, 3], "uncertainty", "dwa"])
@pytest.mark.parametrize("sharing", ["hard", "soft"])
def test_a_pointwise_loss_is_one_entry(
    small, small_graphs, task_weights, sharing, monkeypatch
):
    """One that was made up trains as the same one under its own name does."""
    monkeypatch.setitem(
        _loss.POINTWISE_LOSSES, "made_up", PointwiseLoss(F.l1_loss, power=1)
    )
    # Classes read the names of losses as they are made.
    options = {*MTCGCNNRegressor._parameter_constraints["loss"][0].options, "made_up"}
    constraint = type(MTCGCNNRegressor._parameter_constraints["loss"][0])(options)
    monkeypatch.setitem(MTCGCNNRegressor._parameter_constraints, "loss", [constraint])
    model = MTCGCNNRegressor(**QUICK, task_weights=task_weights, sharing=sharing)
    found, expected = (
        clone(model).set_params(loss=loss).fit(small_graphs, small[1])
        for loss in ("made_up", "mae")
    )
    np.testing.assert_array_equal(
        found.predict(small_graphs), expected.predict(small_graphs)
    )
    np.testing.assert_array_equal(found.task_weights_, expected.task_weights_)


@pytest.mark.parametrize("pooling", ["mean", "sum"])
@pytest.mark.parametrize("output_transform", [None, ["log", None], ["softplus", "log"]])
def test_tensors_are_decoded_as_arrays_are(
    small, small_graphs, output_transform, pooling
):
    y = np.abs(small[1])
    model = GCNRegressor(**QUICK, output_transform=output_transform, pooling=pooling)
    task = model.fit(small_graphs, y)._task
    outputs = np.random.RandomState(0).random((len(y), 2))
    n_sites = small_graphs.n_sites[:, None]
    expected = task.decode(outputs, n_sites)
    tensor = torch.tensor(outputs, requires_grad=True)
    found = task.decode(tensor, torch.from_numpy(n_sites))
    assert_allclose(found.detach().numpy(), expected, rtol=1e-12)
    found.sum().backward()
    slope = model._scaler.slope(model._scaler.inverse(outputs))
    assert_allclose(
        tensor.grad, slope * (n_sites if pooling == "sum" else 1), rtol=1e-12
    )


def test_classes_are_decoded_to_probabilities(small, small_graphs, labels):
    model = CGCNNClassifier(**QUICK).fit(small_graphs, labels)
    logits = model._logits(small_graphs)
    expected = model.predict_proba(small_graphs)
    assert_allclose(model._task.decode(logits, None), expected)
    assert_allclose(model._task.decode(torch.from_numpy(logits), None), expected)


def test_a_model_that_was_loaded_has_the_task_of_its_fit(case, small_graphs, tmp_path):
    model, y = case
    model.fit(small_graphs, y).save_pretrained(tmp_path / "model")
    loaded = load_pretrained(tmp_path / "model")._task
    assert loaded.names == model._task.names
    assert loaded.outputs == model._task.outputs


@pytest.mark.parametrize("pooling", ["mean", "sum"])
def test_the_task_of_a_fit_predicts(small, small_graphs, pooling):
    model = CGCNNRegressor(**QUICK, pooling=pooling).fit(small_graphs, small[1])
    outputs = run(model.net_.module_, small_graphs)
    found = model._task.decode(
        outputs.astype(np.float64), small_graphs.n_sites[:, None]
    )
    assert_allclose(found, model.predict(small_graphs), rtol=1e-6)
