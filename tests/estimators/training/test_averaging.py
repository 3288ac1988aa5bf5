"""Averaged weights and the cosine schedule."""

import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st
from models import representatives
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from skorch.callbacks import Callback

from skcrystal import CGCNNRegressor, EnsembleRegressor
from skcrystal.estimators.training._callbacks import warm_cosine
from skcrystal.estimators.training._validation_split import hold_back

# Elements of crystals held back are news to so few others.
pytestmark = pytest.mark.filterwarnings("ignore:X holds elements")

SMALL = CGCNNRegressor(
    hidden_dim=8, n_layers=2, batch_size=8, max_epochs=6, random_state=0
)


def weights_of(net):
    """All weights in one vector."""
    vector = torch.nn.utils.parameters_to_vector(net.module_.parameters())
    return vector.detach().double().numpy()


class Weights(Callback):
    """Record what a user's callback sees after each step and each epoch."""

    def __init__(self, stop_after=None):
        self.stop_after = stop_after

    def on_train_begin(self, net, **kwargs):
        self.steps_, self.epochs_ = [], []

    def on_batch_end(self, net, training=None, **kwargs):
        if training:
            self.steps_.append(weights_of(net))
            if len(self.steps_) == self.stop_after:
                raise KeyboardInterrupt

    def on_epoch_end(self, net, **kwargs):
        self.epochs_.append(weights_of(net))


def averages(steps, decay):
    """The average after each step, by its definition."""
    mean, found = 0.0, []
    for n, weights in enumerate(steps):
        kept = min(decay, n / (n + 9))
        mean = kept * mean + (1 - kept) * weights
        found.append(mean)
    return np.array(found)


def fit_recorded(model, graphs, y, **recorder):
    model = clone(model).set_params(callbacks=[Weights(**recorder)]).fit(graphs, y)
    (record,) = (c for _, c in model.net_.callbacks_ if isinstance(c, Weights))
    return model, record


# The cap of the first is reached after nine steps, that of the second never.
@representatives
@pytest.mark.parametrize("decay", [0.5, 0.999])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_what_is_kept_is_the_average_over_steps(
    model, small, graphs, decay, early_stopping
):
    model.set_params(
        ema_decay=decay,
        batch_size=8,
        max_epochs=6,
        lr_schedule="constant",
        early_stopping=early_stopping,
    )
    model, record = fit_recorded(model, graphs, small[1])
    expected = averages(record.steps_, decay)
    per_epoch = len(expected) // 6
    assert_allclose(record.epochs_, expected[per_epoch - 1 :: per_epoch], atol=1e-6)
    assert np.abs(expected[-1] - record.steps_[-1]).max() > 1e-4
    if not early_stopping:
        assert_array_equal(weights_of(model.net_), record.epochs_[-1])


def test_training_goes_on_from_the_raw_weights(small, small_graphs):
    """An average that is looked at between epochs changes no step."""
    model = clone(SMALL).set_params(early_stopping=True, dropout=0.2)
    plain = clone(model).fit(small_graphs, small[1])
    averaged = clone(model).set_params(ema_decay=0.9).fit(small_graphs, small[1])
    again = clone(averaged).fit(small_graphs, small[1])
    assert_array_equal(averaged.history_["train_loss"], plain.history_["train_loss"])
    assert (averaged.history_["valid_loss"] != plain.history_["valid_loss"]).all()
    assert_array_equal(averaged.predict(small_graphs), again.predict(small_graphs))


@pytest.mark.parametrize("stop_after", [1, 7])
def test_an_interrupt_leaves_the_average(small, small_graphs, stop_after):
    model = clone(SMALL).set_params(ema_decay=0.9)
    model, record = fit_recorded(model, small_graphs, small[1], stop_after=stop_after)
    expected = averages(record.steps_, 0.9)
    assert len(expected) == stop_after
    assert_allclose(weights_of(model.net_), expected[-1], atol=1e-6)


def test_early_stopping_restores_the_best_average(small, small_graphs):
    y = small[1]
    model = clone(SMALL).set_params(
        ema_decay=0.8,
        early_stopping=True,
        validation_fraction=0.3,
        n_iter_no_change=4,
        max_epochs=80,
        lr=0.03,
        lr_schedule="constant",
    )
    model, record = fit_recorded(model, small_graphs, y)
    best = model.history_["valid_loss"].idxmin()
    assert model.n_iter_ == best + 1 + 4 < 80
    assert_array_equal(weights_of(model.net_), record.epochs_[best])
    _, held = hold_back(small_graphs, 0.3, np.random.RandomState(0))
    error = np.abs(model.predict(small_graphs[held]) - y[held]).mean(axis=0)
    names = ["valid_mae_target_0", "valid_mae_target_1"]
    assert_allclose(error, model.history_.loc[best, names].tolist(), rtol=1e-4)


@pytest.mark.learning
def test_the_average_ends_closer_to_the_optimum(small, small_graphs):
    """At a constant rate the weights walk about the optimum, their mean does not."""
    model = clone(SMALL).set_params(
        max_epochs=30,
        lr=0.05,
        lr_schedule="constant",
        early_stopping=True,
        n_iter_no_change=30,
    )
    ratios = []
    for seed in range(3):
        losses = []
        for decay in (None, 0.95):
            model.set_params(ema_decay=decay, random_state=seed)
            # The loss of each epoch on what it is trained on
            model.fit(small_graphs, small[1], X_val=small_graphs, y_val=small[1])
            losses.append(model.history_["valid_loss"][15:])
        raw, averaged = losses
        ratios.append(
            [averaged.mean() / raw.mean(), averaged.diff().std() / raw.diff().std()]
        )
    # Over seeds, logarithms scatter about 0.77 by 0.05, and about 0.18 by 0.5.
    error, noise = np.exp(np.log(ratios).mean(axis=0))
    assert error < 0.9
    assert noise < 0.5


def test_warm_start_goes_on_from_the_average(small, small_graphs):
    model = clone(SMALL).set_params(
        ema_decay=0.9, warm_start=True, lr=0.01, lr_schedule="constant"
    )
    kept = model.fit(small_graphs, small[1]).predict(small_graphs)
    for decay in (0.9, None):  # steps too small to matter
        model.set_params(lr=1e-9, ema_decay=decay).fit(small_graphs, small[1])
        assert_allclose(model.predict(small_graphs), kept, atol=1e-4)
    model.set_params(lr=0.01, ema_decay=0.9).fit(small_graphs, small[1])
    assert np.abs(model.predict(small_graphs) - kept).mean() > 1e-2


def test_a_pickle_holds_no_second_copy(small, small_graphs):
    model = clone(SMALL).set_params(hidden_dim=64, early_stopping=True)
    plain = clone(model).fit(small_graphs, small[1])
    model.set_params(ema_decay=0.9).fit(small_graphs, small[1])
    stored = pickle.dumps(model)
    assert len(stored) < 1.02 * len(pickle.dumps(plain))
    assert_array_equal(
        pickle.loads(stored).predict(small_graphs), model.predict(small_graphs)
    )


def test_members_of_an_ensemble_are_averaged(small, small_graphs):
    member = clone(SMALL).set_params(ema_decay=0.9, lr_schedule="cosine")
    model = EnsembleRegressor(member, 2, random_state=0).fit(small_graphs, small[1])
    first = model.estimators_[0]
    alone = clone(first).fit(small_graphs, small[1])
    assert_array_equal(first.predict(small_graphs), alone.predict(small_graphs))
    alone.set_params(ema_decay=None).fit(small_graphs, small[1])
    assert (first.predict(small_graphs) != alone.predict(small_graphs)).all()


@pytest.mark.parametrize("decay", [0.0, 1.0, -0.5, 2, "0.9"])
def test_decay_is_a_share(small, small_graphs, decay):
    model = clone(SMALL).set_params(ema_decay=decay)
    with pytest.raises(ValueError, match=r"'ema_decay' parameter.*must be"):
        model.fit(small_graphs, small[1])


@given(n_steps=st.integers(1, 3000))
def test_cosine_rises_for_a_twentieth_and_falls(n_steps):
    rates = np.array([warm_cosine(step, n_steps) for step in range(n_steps + 1)])
    n_warm = -(-n_steps // 20)
    assert rates.argmax() == n_warm - 1
    assert rates.max() == 1
    assert_allclose(rates[:n_warm], np.arange(1, n_warm + 1) / n_warm)
    assert (np.diff(rates[n_warm - 1 :]) < 0).all()
    assert (rates[:-1] > 0).all()
    assert rates[-1] == 0
    # Half a cosine is point-symmetric about its middle.
    fall = rates[n_warm - 1 :]
    assert_allclose(fall + fall[::-1], 1)


def test_cosine_sets_the_learning_rate(small, small_graphs):
    model = clone(SMALL).set_params(
        lr=0.01, lr_schedule="cosine", batch_size=40, max_epochs=60
    )
    lr = model.fit(small_graphs, small[1]).history_["lr"]
    assert_allclose(lr[:3], [0.01 / 3, 0.02 / 3, 0.01])
    assert (lr[2:].diff()[1:] < 0).all()
    assert lr.iloc[-1] < 1e-3 * 0.01
    assert_allclose(lr[2:].mean(), 0.005, rtol=0.02)


@pytest.mark.parametrize("n_steps", [1, 2, 5])
def test_cosine_trains_in_few_steps(small, small_graphs, n_steps):
    model = clone(SMALL).set_params(
        lr_schedule="cosine", ema_decay=0.9, batch_size=40, max_epochs=n_steps
    )
    model, record = fit_recorded(model, small_graphs, small[1])
    assert len(record.steps_) == n_steps
    assert model.history_["lr"].iloc[0] == model.lr
    assert (model.history_["lr"] > 0).all()
    assert np.isfinite(model.predict(small_graphs)).all()
