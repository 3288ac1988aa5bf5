"""Predictive moments, and models that have a standard deviation."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.frozen import FrozenEstimator
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skcrystal import (
    AugmentedRegressor,
    CalibratedRegressor,
    CrystalGraphTransformer,
    EnsembleRegressor,
    GCNClassifier,
    GCNRegressor,
)
from skcrystal.estimators._pipelines import supports_std, target_names_of
from skcrystal.estimators._predictive import PredictiveMoments
from skcrystal.estimators.targets._site_targets import SiteValues

pytestmark = pytest.mark.filterwarnings("ignore:X holds elements")

PLAIN = GCNRegressor(hidden_dim=4, max_epochs=1, random_state=0)
DROPOUT = GCNRegressor(hidden_dim=4, max_epochs=1, random_state=0, dropout=0.1)


def test_mixture_has_the_moments_of_a_sample_from_all_members():
    random = np.random.RandomState(0)
    means, stds = random.normal(size=(3, 4, 2)), random.uniform(1, 2, size=(3, 4, 2))
    mixed = PredictiveMoments.mix(
        [PredictiveMoments(m, aleatoric=s) for m, s in zip(means, stds, strict=True)]
    )
    draws = random.normal(means, stds, size=(100_000, 3, 4, 2)).reshape(-1, 4, 2)
    assert_allclose(mixed.mean, draws.mean(axis=0), atol=0.02)
    # The epistemic variance is that of means of infinitely many members.
    variance = mixed.epistemic**2 * 2 / 3 + mixed.aleatoric**2
    assert_allclose(variance, draws.var(axis=0), rtol=0.02)
    assert_array_equal(mixed.std, np.hypot(mixed.epistemic, mixed.aleatoric))


def test_one_member_has_no_epistemic_part():
    one = PredictiveMoments.mix([PredictiveMoments(np.ones(3), aleatoric=np.ones(3))])
    assert one.epistemic is None
    assert_array_equal(one.std, 1)


def test_moments_of_sites_return_to_the_form_of_predictions():
    mean, std = (SiteValues([np.full(n, v) for n in (2, 1)]) for v in (1.0, 2.0))
    moments = PredictiveMoments.from_predictions(mean, std).scale_std(np.array([3.0]))
    found = moments.parts(return_std=True, return_components=False)
    assert all(isinstance(values, SiteValues) for values in found)
    assert_array_equal(np.concatenate(found[0]), [1, 1, 1])
    assert_array_equal(np.concatenate(found[1]), [6, 6, 6])


@pytest.mark.parametrize(
    ("model", "supported"),
    [
        (PLAIN, False),
        (DROPOUT, True),
        (GCNRegressor(hidden_dim=4, max_epochs=1, loss="gaussian_nll"), True),
        (EnsembleRegressor(PLAIN, 2), True),
        (make_pipeline(CrystalGraphTransformer(), PLAIN), False),
        (make_pipeline(CrystalGraphTransformer(), DROPOUT), True),
        (AugmentedRegressor(PLAIN, n_copies=1), False),
        (AugmentedRegressor(DROPOUT, n_copies=1), True),
        (CalibratedRegressor(DROPOUT, calibration_fraction=0.5, random_state=0), True),
        (GridSearchCV(DROPOUT, {"lr": [1e-3]}, cv=2), False),
    ],
)
def test_support_of_std_is_known_before_a_prediction(small, model, supported):
    crystals, y, _ = small
    crystals, y = list(crystals), y[:, 0]
    model.fit(crystals, y)
    for fitted in (model, FrozenEstimator(model)):
        assert supports_std(fitted) is supported
    if supported:
        model.predict(crystals[:2], return_std=True)
    else:
        with pytest.raises((TypeError, ValueError), match="return_std"):
            model.predict(crystals[:2], return_std=True)
    assert target_names_of(FrozenEstimator(model)) == ["target_0"]


def test_support_of_std_of_other_models(small, small_graphs):
    assert supports_std(GaussianProcessRegressor())
    assert not supports_std(LinearRegression())
    classifier = GCNClassifier(hidden_dim=4, max_epochs=1, dropout=0.1)
    assert not supports_std(
        classifier.fit(small_graphs, np.arange(len(small_graphs)) % 2)
    )
    assert target_names_of(LinearRegression()) is None
