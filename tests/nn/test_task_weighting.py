"""Weighting of several targets in the loss."""

import math

import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch.distributions import Laplace, Normal

from skcrystal.nn import MaskedLoss
from skcrystal.nn._loss import (
    POINTWISE_LOSSES,
    DynamicWeightAverage,
    UncertaintyWeighting,
)

POSITIVE = st.floats(0.1, 10)


def uncertain(kind, log_scatter):
    power = POINTWISE_LOSSES[kind].power
    weighting = UncertaintyWeighting(torch.ones(len(log_scatter)), power)
    # A step of the optimiser moves the logarithm by ten of its learning rates.
    weighting.slow.data += torch.tensor(log_scatter) / 10
    return weighting


@pytest.mark.parametrize("kind", ["mae", "mse", "huber"])
def test_uncertainty_is_the_likelihood_of_labels(kind):
    """Up to a constant: of a Laplace distribution, or of a normal one."""
    log_scatter = [-1.5, 0.0, 0.7]
    label = torch.tensor([[0.1, -0.4, 0.9], [-0.8, 0.3, 0.0]])
    width = torch.tensor(log_scatter).exp()
    likelihood = {
        "mae": Laplace(0.0, width),
        "mse": Normal(0.0, (width / 2).sqrt()),
        "huber": Normal(0.0, width.sqrt()),
    }[kind].log_prob(label)
    loss = MaskedLoss(kind, uncertain(kind, log_scatter))
    error = [
        loss(torch.zeros(1, 3), (row[None], torch.eye(3)[[t]] * 3)).item()
        for row in label
        for t in range(3)
    ]
    rest = torch.tensor(error) + likelihood.flatten()
    torch.testing.assert_close(rest, rest[:1].expand(6))


@given(errors=st.lists(POSITIVE, min_size=1, max_size=4))
@settings(deadline=None, max_examples=20)
def test_the_best_weights_are_the_inverse_of_the_errors(errors):
    weighting = uncertain("mae", [math.log(error) for error in errors])
    error = torch.tensor([errors])
    weighting(error, torch.ones_like(error)).sum().backward()
    torch.testing.assert_close(weighting.weights, 1 / error[0], rtol=1e-4, atol=1e-6)
    gradient = weighting.slow.grad
    torch.testing.assert_close(gradient, torch.zeros_like(gradient), atol=1e-4, rtol=0)


def test_a_missing_label_moves_no_weight():
    loss = MaskedLoss("mae", uncertain("mae", [0.0, 0.0]))
    weight = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    loss(torch.zeros(2, 2), (torch.full((2, 2), 5.0), weight)).backward()
    gradient = loss.weighting.slow.grad
    assert gradient[0] < 0  # the weight is to become smaller
    assert gradient[1] == 0


@given(
    epochs=st.lists(st.tuples(POSITIVE, POSITIVE, POSITIVE), min_size=1, max_size=5),
    n_batches=st.integers(1, 3),
)
@settings(deadline=None, max_examples=20)
def test_rates_weigh_as_published(epochs, n_batches):
    """T softmax(r / 2), r the ratio of the last two errors; ones for two epochs."""
    weighting, weights = DynamicWeightAverage(torch.ones(3)), [torch.ones(3)]
    for error in torch.tensor(epochs):
        for _ in range(n_batches):
            weighting(error[None], torch.ones(1, 3))
        weighting.end_epoch()
        weights.append(weighting.weights.clone())
    for i, found in enumerate(weights):  # of epoch i
        expected = torch.ones(3)
        if i >= 2:
            rates = torch.tensor(epochs[i - 1]) / torch.tensor(epochs[i - 2])
            share = (rates / 2).double().exp()
            expected = (3 * share / share.sum()).float()
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


def test_rates_count_labels_that_are_there():
    weighting = DynamicWeightAverage(torch.ones(2))
    error = torch.tensor([[1.0, 100.0], [3.0, 2.0]])
    weighting(error, torch.tensor([[1.0, 0.0], [2.0, 1.0]]))
    assert weighting.errors.tolist() == [7.0, 2.0]


@pytest.mark.parametrize(
    "weighting", [DynamicWeightAverage(torch.ones(2)), uncertain("mae", [1.0, -1.0])]
)
def test_labels_held_back_are_judged_without_weights(weighting):
    predicted, label, weight = torch.rand(3, 4, 2).unbind()
    weighted = MaskedLoss("mae", weighting).eval()
    torch.testing.assert_close(
        weighted(predicted, (label, weight)),
        MaskedLoss("mae")(predicted, (label, weight)),
    )
