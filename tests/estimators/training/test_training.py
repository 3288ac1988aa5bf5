"""What training does with labels, stops, schedules and callbacks."""

import numpy as np
import pandas as pd
import pytest
import torch
from models import only_cgcnn, representatives
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from skorch.callbacks import Callback, EarlyStopping

from skcrystal import CGCNNRegressor, CrystalGraphTransformer, GCNRegressor
from skcrystal.estimators.training._validation_split import hold_back
from skcrystal.graphs._compositions import reduced_formulas
from skcrystal.nn import MaskedLoss
from skcrystal.nn._loss import LOSSES


@pytest.fixture(scope="module")
def many(prototypes):
    rows = np.arange(0, 1097, 5)
    graphs = CrystalGraphTransformer().transform([prototypes.data[i] for i in rows])
    return graphs, prototypes.target[rows], prototypes.groups[rows]


@representatives
def test_missing_labels_are_left_out(model, small, graphs):
    """A target labelled on some crystals trains on those alone."""
    y = small[1].copy()
    y[::2, 1] = np.nan
    fitted = clone(model).fit(graphs, y)
    predicted = fitted.predict(graphs)
    assert np.isfinite(predicted).all()
    # What stands in the place of a missing label has no influence.
    masked = np.ma.masked_array(np.where(np.isnan(y), -999.0, y), np.isnan(y))
    assert_array_equal(clone(model).fit(graphs, masked).predict(graphs), predicted)
    # Its centre is that of the labels that are there.
    assert_allclose(fitted._scaler.center, np.nanmedian(y, axis=0))


@representatives
def test_a_crystal_without_labels_changes_nothing(model, small, graphs):
    y = small[1].copy()
    y[-1] = np.nan
    model.set_params(batch_size=1000, max_epochs=4)
    without = clone(model).fit(graphs[:-1], y[:-1]).predict(graphs[:-1])
    with_it = clone(model).fit(graphs, y).predict(graphs[:-1])
    assert_allclose(with_it, without, atol=2e-3)


def test_a_missing_label_pulls_at_nothing():
    loss = MaskedLoss("mae")
    predicted = torch.zeros(3, 2, requires_grad=True)
    weight = torch.tensor([[1.0, 0.0], [2.0, 1.0], [0.0, 0.0]])
    loss(predicted, (torch.full((3, 2), 5.0), weight)).backward()
    assert_allclose(predicted.grad, -weight / 6)


def check_unit(model, y, graphs, factor):
    """A target in another unit, with another zero, is learned as well."""
    plain = clone(model).fit(graphs, y).predict(graphs)
    scaled = clone(model).fit(graphs, factor * y + 3 * factor)
    assert_allclose(scaled.predict(graphs) / factor - 3, plain, rtol=1e-3, atol=1e-3)


@representatives
@pytest.mark.parametrize("factor", [1e-6, 1e6])
def test_the_unit_of_a_target_does_not_matter(model, small, graphs, factor):
    check_unit(model, small[1], graphs, factor)


@only_cgcnn
def test_targets_may_be_in_joule(model, small, graphs):
    check_unit(model, small[1], graphs, 1e-19)


@representatives
@pytest.mark.learning
def test_constant_target_is_predicted_as_it_is(model, small, graphs):
    y = np.full(40, 7.25)
    predicted = model.set_params(max_epochs=30, lr=0.01).fit(graphs, y)
    assert_allclose(predicted.predict(graphs), y, atol=0.1)


@pytest.mark.learning
def test_history_has_a_row_an_epoch_in_units(many):
    graphs, y, _ = many
    frame = pd.DataFrame(y, columns=["energy", "gap"])
    model = GCNRegressor(max_epochs=5, early_stopping=True, random_state=0)
    history = model.fit(graphs, frame).history_
    assert list(history["epoch"]) == [1, 2, 3, 4, 5]
    assert {"train_loss", "valid_loss", "lr", "seconds"} <= set(history.columns)
    # Scaled, the mean predictor's error is about 0.8; in units, that of the target.
    spread = np.abs(y - y.mean(axis=0)).mean(axis=0)
    first = history[["valid_mae_energy", "valid_mae_gap"]].to_numpy()[0]
    assert (first > 0.2 * spread).all()
    assert (first < 3 * spread).all()
    # One cycle: up, then down to nearly nothing
    assert history["lr"].idxmax() in (0, 1, 2)
    assert history["lr"].iloc[-1] < 1e-3 * history["lr"].max()
    constant = clone(model).set_params(lr_schedule="constant").fit(graphs, y).history_
    assert (constant["lr"] == model.lr).all()


@pytest.mark.parametrize("loss", ["mae", "gaussian_nll"])
def test_early_stopping_restores_the_best_epoch(many, loss):
    graphs, y, _ = many
    # A rate this high makes the error go up and down.
    model = CGCNNRegressor(
        hidden_dim=16,
        loss=loss,
        early_stopping=True,
        n_iter_no_change=3,
        max_epochs=60,
        lr=0.03,
        lr_schedule="constant",
        random_state=0,
    )
    model.fit(graphs, y)
    loss = model.history_["valid_loss"]
    assert model.n_iter_ < 60
    assert model.n_iter_ == loss.idxmin() + 1 + 3
    # The restored weights give the best epoch's errors on the part held back.
    _, held = hold_back(graphs, 0.1, np.random.RandomState(0))
    error = np.abs(model.predict(graphs[held]) - y[held]).mean(axis=0)
    best = model.history_.loc[loss.idxmin()]
    assert_allclose(
        error, best[["valid_mae_target_0", "valid_mae_target_1"]].tolist(), rtol=1e-4
    )


def test_whole_formulas_are_held_back(many):
    graphs, _, groups = many
    ids = reduced_formulas(graphs)[0]
    for a in range(0, len(ids), 7):
        assert_array_equal(ids == ids[a], groups == groups[a])
    kept, held = hold_back(graphs, 0.2, np.random.RandomState(1))
    assert not set(groups[kept]) & set(groups[held])
    assert len(kept) + len(held) == len(graphs)
    assert 0.15 < len(held) / len(graphs) < 0.25


@pytest.mark.parametrize("seed", range(8))
def test_a_formula_with_most_crystals_is_not_held_back(small_graphs, seed):
    graphs = small_graphs[np.r_[np.zeros(97, int), 1, 2, 3]]
    held = hold_back(graphs, 0.1, np.random.RandomState(seed))[1]
    assert 1 <= len(held) <= 3
    two = small_graphs[np.r_[np.zeros(9, int), 1]]
    assert hold_back(two, 0.05, np.random.RandomState(seed))[1].tolist() == [9]


@representatives
def test_only_crystals_with_labels_count_as_seen(model, small, graphs):
    y = small[1].copy()
    y[5:] = np.nan
    model.fit(graphs, y)
    assert_array_equal(model.elements_, np.unique(graphs[:5].atomic_numbers))


def test_formula_is_reduced(skewed):
    graphs = CrystalGraphTransformer().transform([skewed, skewed * (1, 2, 3)])
    assert reduced_formulas(graphs)[0].tolist() == [0, 0]


@representatives
@pytest.mark.learning
def test_warm_start_goes_on(model, small, graphs):
    y = small[1]
    model.set_params(warm_start=True, lr_schedule="constant", max_epochs=20, lr=0.01)
    first = model.fit(graphs, y).history_["train_loss"]
    scale = model._scaler
    again = model.fit(graphs[:30], y[:30]).history_["train_loss"]
    assert again.iloc[0] < first.iloc[0]
    assert model._scaler is scale
    with pytest.raises(ValueError, match="1 targets, but the model was fitted on 2"):
        model.fit(graphs, y[:, 0])
    cold = clone(model).set_params(warm_start=False).fit(graphs, y)
    assert cold.history_["train_loss"].iloc[0] == first.iloc[0]


def test_warm_start_keeps_the_elements_seen(small, small_graphs):
    model = GCNRegressor(hidden_dim=4, max_epochs=1, warm_start=True)
    model.fit(small_graphs[:20], small[1][:20]).fit(small_graphs[20:], small[1][20:])
    model.predict(small_graphs)  # no warning


class Counter(Callback):
    def __init__(self):
        self.epochs_ = 0  # skorch takes names without the underscore for parameters

    def on_epoch_end(self, net, **kwargs):
        self.epochs_ += 1


@representatives
def test_callbacks_are_used_and_left_alone(model, small, graphs):
    mine = Counter()
    model.set_params(callbacks=[mine, ("named", Counter())], max_epochs=3)
    model.fit(graphs, small[1])
    assert mine.epochs_ == 0
    used = [c for _, c in model.net_.callbacks_ if isinstance(c, Counter)]
    assert [c.epochs_ for c in used] == [3, 3]
    assert isinstance(clone(model).callbacks[0], Counter)


def test_a_users_early_stopping_works_beside_ours(small, small_graphs):
    stop = EarlyStopping(monitor="train_loss", patience=1, threshold=10.0)
    model = GCNRegressor(hidden_dim=4, max_epochs=50, callbacks=[stop])
    assert model.fit(small_graphs, small[1]).n_iter_ < 10


def test_verbose_prints_an_epoch_a_line(small, small_graphs, capsys):
    GCNRegressor(hidden_dim=4, max_epochs=3, verbose=1).fit(small_graphs, small[1])
    assert "train_loss" in capsys.readouterr().out
    GCNRegressor(hidden_dim=4, max_epochs=3).fit(small_graphs, small[1])
    assert capsys.readouterr().out == ""


@pytest.mark.learning
@pytest.mark.parametrize("loss", sorted(LOSSES))
def test_every_loss_learns(many, loss):
    graphs, y, _ = many
    model = CGCNNRegressor(
        hidden_dim=16, loss=loss, max_epochs=25, random_state=0, batch_size=32
    )
    error = np.abs(model.fit(graphs, y).predict(graphs) - y).mean(axis=0)
    assert (error < 0.7 * np.abs(y - y.mean(axis=0)).mean(axis=0)).all()


@representatives
def test_score_leaves_missing_labels_out(fitted, small, graphs):
    from sklearn.metrics import r2_score

    y = small[1].copy()
    y[:10, 0] = np.nan
    predicted = fitted.predict(graphs)
    expected = np.mean(
        [
            r2_score(y[10:, 0], predicted[10:, 0]),
            r2_score(y[:, 1], predicted[:, 1]),
        ]
    )
    assert fitted.score(graphs, y) == pytest.approx(expected)
    y[1:, 0] = np.nan  # one label makes no score
    assert fitted.score(graphs, y) == pytest.approx(r2_score(y[:, 1], predicted[:, 1]))
    with pytest.raises(ValueError, match="no target has two labels"):
        fitted.score(graphs[:1], y[:1])


@pytest.mark.learning
def test_models_beat_the_mean_on_unseen_formulas(prototypes):
    """The main job, small: trained on some formulas, better than nothing on others."""
    graphs = CrystalGraphTransformer().transform(prototypes.data[::2])
    y, groups = prototypes.target[::2], prototypes.groups[::2]
    held = np.isin(groups, np.unique(groups)[::5])
    model = CGCNNRegressor(hidden_dim=32, max_epochs=40, batch_size=16, random_state=0)
    model.fit(graphs[~held], y[~held])
    error = np.abs(model.predict(graphs[held]) - y[held]).mean(axis=0)
    of_mean = np.abs(y[~held].mean(axis=0) - y[held]).mean(axis=0)
    assert (error < 0.75 * of_mean).all()
