"""Every architecture can be explained: each layer hears of masks."""

import numpy as np
import pytest
from models import CLASSIFIERS, name_of
from sklearn.base import clone

from skcrystal.inspection import explain


def assert_adds_up(explanation):
    """Shares are what edges bring, and what elements do."""
    for shares, start in (
        (explanation.edge_importance, explanation.without_edges),
        (explanation.atom_importance, explanation.without_elements),
    ):
        total = np.abs(shares).sum()
        assert total > 0
        brought = explanation.prediction - start
        # Networks with ReLUs have kinks along the path.
        assert shares.sum() == pytest.approx(brought, abs=0.03 * total + 1e-6)


def test_shares_add_up_to_the_prediction(model, small, skewed):
    """Only if each layer multiplies messages by the mask, and gives its gradient."""
    structures, y, _ = small
    model.fit(structures[:12], y[:12])
    explanation = explain(model, skewed, target=0, n_steps=30)
    (predicted,) = model.predict([skewed])
    assert explanation.prediction == pytest.approx(predicted[0], abs=1e-5)
    assert_adds_up(explanation)


@pytest.mark.parametrize("model", CLASSIFIERS, ids=name_of)
def test_a_class_is_explained_by_its_probability(model, small, skewed):
    structures, y, _ = small
    kind = np.where(y[:, 1] > 0, "gap", "metal")
    model = clone(model).fit(structures[:20], kind[:20])
    of_predicted = explain(model, skewed, n_steps=30)
    (predicted,) = model.predict([skewed])
    assert of_predicted.target == predicted
    probability = model.predict_proba([skewed]).max()
    assert of_predicted.prediction == pytest.approx(probability, abs=1e-5)
    assert_adds_up(of_predicted)
    (other,) = set(kind) - {predicted}
    of_other = explain(model, skewed, target=other, n_steps=30)
    np.testing.assert_allclose(
        of_other.edge_importance, -of_predicted.edge_importance, atol=1e-6
    )
