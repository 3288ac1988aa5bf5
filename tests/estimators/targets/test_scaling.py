"""Labels are scaled by what a few wrong or far ones do not decide."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.utils import check_random_state

from skcrystal import CrystalGraphTransformer, GCNRegressor
from skcrystal.estimators.targets._scaler import TargetScaler
from skcrystal.estimators.training._validation_split import hold_back

# Whole numbers of moderate size, whose sums and products have no rounding
whole = st.integers(-1000, 1000).map(float)
labels_of = arrays(np.float64, st.integers(1, 40), elements=whole)


def fit(labels, weights=None, link=None):
    labels = np.asarray(labels, dtype=float)[:, None]
    weights = np.ones(len(labels)) if weights is None else np.asarray(weights, float)
    return TargetScaler.fit(labels, weights[:, None], (link,))


@given(labels_of, st.integers(-4, 4), whole, st.sampled_from([-1, 1]))
def test_unit_and_zero_of_a_target_do_not_matter(labels, exponent, shift, sign):
    factor = sign * 2.0**exponent
    scaler, other = fit(labels), fit(factor * labels + shift)
    assert_array_equal(other.center, factor * scaler.center + shift)
    if len(set(labels)) > 1:
        assert_array_equal(other.scale, abs(factor) * scaler.scale)
    found = scaler.transform(labels[:, None])
    assert_array_equal(other.transform(factor * labels[:, None] + shift), sign * found)
    near = np.abs(found) < 1000
    assert_allclose(scaler.inverse(found)[near], labels[near[:, 0]], atol=1e-9)


@given(labels_of, st.integers(-4, 4))
def test_of_a_logarithm_the_unit_does_not_matter(labels, exponent):
    labels, factor = np.abs(labels), 2.0**exponent
    scaler, other = fit(labels, link="log"), fit(factor * labels, link="log")
    assert_array_equal(other.center, scaler.center)
    assert_array_equal(other.scale, scaler.scale)
    if labels.any():
        assert_array_equal(other.size, factor * scaler.size)
        assert other.size > 0
    found = scaler.transform(labels[:, None])
    near = np.abs(found - scaler.center / scaler.scale) < 999
    assert_allclose(scaler.inverse(found)[near], labels[near[:, 0]], atol=1e-9)


@given(st.data(), labels_of, st.sampled_from([None, "log"]))
def test_a_weight_is_a_repetition(data, labels, link):
    labels = np.abs(labels) if link else labels
    weights = data.draw(
        arrays(int, len(labels), elements=st.integers(0, 3)).filter(np.any)
    )
    unknown = np.where(weights > 0, labels, np.nan)
    repeated = fit(np.repeat(labels, weights), link=link)
    for factor in (1, 0.1):  # which no sum of binary fractions equals
        weighted = fit(unknown, factor * weights, link)
        assert_allclose(weighted.center, repeated.center, rtol=1e-12)
        assert_allclose(weighted.scale, repeated.scale, rtol=1e-12)
        assert_array_equal(weighted.size, repeated.size)


def test_of_a_normal_distribution_they_are_mean_and_standard_deviation():
    scaler = fit(np.random.RandomState(0).normal(-3.0, 0.5, 20_000))
    assert_allclose(scaler.center, -3.0, atol=0.02)
    assert_allclose(scaler.scale, 0.5, rtol=0.02)


@given(st.integers(20, 60), st.integers(0, 99), st.floats(-1e300, 1e300))
def test_one_wrong_label_decides_nothing(n, seed, wrong):
    labels = np.random.RandomState(seed).normal(size=n)
    clean, spoilt = fit(labels), fit(np.r_[wrong, labels[1:]])
    assert abs(spoilt.center - clean.center) < 1
    assert 0.4 < spoilt.scale / clean.scale < 2.5


@pytest.mark.parametrize("noise", [0.0, 1e-4])
@given(st.floats(0.03, 0.5), st.integers(0, 99))
def test_what_most_crystals_lack_is_still_seen(noise, share, seed):
    """Gaps of few insulators; or moments of few magnets, the others next to zero."""
    random = np.random.RandomState(seed)
    share = max(share, 0.12) if noise else share
    n = round(share * 400)
    labels = np.r_[noise * random.uniform(size=400 - n), random.uniform(1, 5, n)]
    assert 0.4 < fit(labels).scale / labels.std() < 2


@pytest.mark.parametrize("link", [None, "softplus", "log"])
def test_constant_labels_have_a_scale(link):
    for value in (0.0, 7.25, 1e6 / 3):
        scaler = fit(np.full(9, value) * (1 + 1e-16 * np.arange(9)), link=link)
        assert scaler.scale == 1
        assert_allclose(
            scaler.inverse(scaler.transform(np.array([[value]]))), value, rtol=1e-12
        )


@pytest.fixture(scope="module")
def sixty(prototypes):
    rows = np.random.RandomState(1).permutation(len(prototypes.data))[:60]
    graphs = CrystalGraphTransformer().transform([prototypes.data[i] for i in rows])
    return graphs, prototypes.target[rows, 0]


@pytest.mark.learning
@pytest.mark.parametrize(("loss", "bound"), [("mae", 0.25), ("huber", 0.4)])
@pytest.mark.parametrize("wrong", [1e6, -1e40])
def test_others_are_learned_beside_a_wrong_label(sixty, loss, bound, wrong):
    graphs, y = sixty
    spoilt = y.copy()
    spoilt[7] = wrong
    model = GCNRegressor(
        hidden_dim=16, loss=loss, max_epochs=60, lr=0.01, batch_size=16, random_state=0
    )
    for labels in (y, spoilt):
        off = np.abs(model.fit(graphs, labels).predict(graphs) - y)
        assert np.delete(off, 7).mean() < bound * np.abs(y - np.median(y)).mean()


def test_a_wrong_label_held_back_does_not_hide_progress(sixty):
    """It adds the same to the loss of each epoch, give or take its own prediction."""
    graphs, y = sixty
    _, held = hold_back(graphs, 0.2, check_random_state(0))
    model = GCNRegressor(
        hidden_dim=16,
        max_epochs=15,
        lr=0.01,
        batch_size=16,
        early_stopping=True,
        validation_fraction=0.2,
        n_iter_no_change=15,
        random_state=0,
    )
    losses = []
    for wrong in (np.nan, 1e6, -1e6):
        spoilt = y.copy()
        spoilt[held[0]] = wrong
        losses.append(model.fit(graphs, spoilt).history_["valid_loss"])
    unknown, above, below = losses
    # A label counts as a thousand scales off at most. What its prediction takes from
    # the loss above it adds to that below.
    others = ((above + below) / 2 * len(held) - 1000) / (len(held) - 1)
    assert_allclose(others, unknown, atol=1e-3)
    assert np.ptp(unknown) > 0.02
