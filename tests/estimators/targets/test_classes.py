"""Classes: labels of every form, what they weigh, and how training goes by them."""

import numpy as np
import pandas as pd
import pytest
from models import QUICK
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import DataConversionWarning
from sklearn.frozen import FrozenEstimator

from skcrystal import CGCNNClassifier, CGCNNRegressor, GCNClassifier
from skcrystal.estimators.training._net import GraphNet
from skcrystal.estimators.training._validation_split import hold_back

# The part held back has elements that the rest has not.
pytestmark = pytest.mark.filterwarnings("ignore:X holds elements that the model was")


@pytest.fixture
def one():
    """A classifier, where it does not matter which."""
    return CGCNNClassifier(**QUICK)


class TestClasses:
    """Labels of every form, and what cannot be a label."""

    @pytest.mark.parametrize(
        "form",
        [
            lambda y: y == "AB",
            lambda y: np.where(y == "AB", -7, 1000),
            lambda y: np.where(y == "AB", 2.0, 5.0),
            lambda y: (y == "AB").astype(object),
            lambda y: np.where(y == "AB", 3, 9).astype(object),
            lambda y: pd.Series(y).astype("category"),
            lambda y: pd.Series(y == "AB").astype("boolean"),
            lambda y: pd.Series(y == "AB").astype("Int64"),
            lambda y: pd.Series(y, dtype="string"),
            lambda y: y.tolist(),
            lambda y: (y == "AB").tolist(),
        ],
    )
    def test_a_label_may_be_of_any_type(self, one, small_graphs, labels, form):
        y = form(labels)
        one.fit(small_graphs, y)
        found = one.set_params(max_epochs=1).predict(small_graphs)
        assert set(found.tolist()) <= set(np.asarray(y).tolist())
        assert_array_equal(one.classes_, np.unique(np.asarray(y).tolist()))

    def test_names_of_classes_do_not_matter(self, one, small_graphs, labels):
        expected = one.fit(small_graphs, labels).predict_proba(small_graphs)
        _, numbers = np.unique(labels, return_inverse=True)
        other = clone(one).fit(small_graphs, 10 * numbers - 5)
        assert other.classes_.tolist() == [-5, 5, 15]
        assert_array_equal(other.predict_proba(small_graphs), expected)

    def test_a_column_is_taken_with_a_warning(self, one, small_graphs, labels):
        expected = one.fit(small_graphs, labels).predict_proba(small_graphs)
        for y in (labels[:, None], pd.DataFrame({"prototype": labels})):
            with pytest.warns(DataConversionWarning, match=r"\(40, 1\).*ravel") as told:
                one.fit(small_graphs, y)
            assert [warning.filename for warning in told] == [__file__]
            assert_array_equal(one.predict_proba(small_graphs), expected)
        assert one.target_names_ == ["prototype"]

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda y: None, "y is None"),
            (lambda y: y[:39], "40 crystals, but y has 39 labels"),
            (lambda y: np.array(["AB"] * 40), "one class alone, 'AB'.*two or more"),
            (lambda y: np.linspace(0, 5, 40), "no classes.*continuous.*threshold"),
            (lambda y: np.stack([y, y], axis=1), r"\(40, 2\).*a classifier for each"),
            (lambda y: [*y[:7], None, *y[8:]], r"y\[7\] is None.*leave"),
            (lambda y: [*y[:7], np.nan, *y[8:]], r"y\[7\] is nan.*leave"),
            (lambda y: pd.Series(y).where(y != "ABX"), r"y\[\d+\] is nan.*leave"),
            (lambda y: np.r_[np.nan, np.ones(39)], r"y\[0\] is .*nan.*leave"),
            (lambda y: np.ma.masked_equal(np.arange(40) % 9, 4), r"y\[4\] is None"),
            (lambda y: [*y[:7], 3, *y[8:]], r"y\[0\] is 'AB.*y\[7\] is 3: .*text"),
        ],
    )
    def test_labels_of_no_use(
        self, one, small_graphs, labels, change, message, no_training
    ):
        with pytest.raises(ValueError, match=message):
            one.fit(small_graphs, change(labels))

    @pytest.mark.parametrize(
        ("weight", "message"),
        [
            ({"AB3": 2.0}, "class 'AB3', but y has only 'AB', 'ABX', 'ABX3'"),
            ({"AB": 0.0}, r"class_weight of 'AB' is 0\.0; it must be a positive"),
            ({"AB": "much"}, "class_weight of 'AB' is 'much'"),
            ("even", "'class_weight' parameter"),
        ],
    )
    def test_class_weights_of_no_use(
        self, one, small_graphs, labels, weight, message, no_training
    ):
        with pytest.raises(ValueError, match=message):
            one.set_params(class_weight=weight).fit(small_graphs, labels)

    def test_every_class_needs_a_crystal_to_train_on(
        self, one, small_graphs, labels, no_training
    ):
        with pytest.raises(ValueError, match="left to train the class 'ABX"):
            one.fit(small_graphs, labels, sample_weight=labels != "ABX")
        _, held = hold_back(small_graphs, 0.1, np.random.RandomState(0))
        rare = np.where(np.arange(40) == held[0], "rare", "common")
        one.set_params(early_stopping=True, random_state=0)
        with pytest.raises(ValueError, match=r"class 'rare'.*early_stopping=False"):
            one.fit(small_graphs, rare)

    @pytest.fixture
    def no_training(self, monkeypatch):
        def fail(*args, **kwargs):
            raise AssertionError("training has begun")

        monkeypatch.setattr(GraphNet, "fit", fail)


class TestWeights:
    """With one batch an epoch, a weight of k and k copies give the same steps."""

    @pytest.fixture
    def weighed(self, one):
        return one.set_params(batch_size=1000, max_epochs=5, lr=1e-3)

    @pytest.mark.parametrize("class_weight", [None, "balanced", {"AB": 3.0}])
    def test_a_weight_is_repetition(self, weighed, small_graphs, labels, class_weight):
        counts = np.random.RandomState(0).randint(1, 4, 40)
        rows = np.repeat(np.arange(40), counts)
        weighed.set_params(class_weight=class_weight)
        by_weight = clone(weighed).fit(small_graphs, labels, sample_weight=counts)
        repeated = clone(weighed).fit(small_graphs[rows], labels[rows])
        assert_allclose(
            by_weight.predict_proba(small_graphs),
            repeated.predict_proba(small_graphs),
            atol=1e-5,
        )

    @pytest.mark.parametrize("of_crystals", [False, True])
    def test_class_weights_are_sample_weights(
        self, weighed, small_graphs, labels, of_crystals
    ):
        weight = np.random.RandomState(0).randint(1, 4, 40) if of_crystals else None
        ours = np.ones(40) if weight is None else weight
        given = {"AB": 3.0, "ABX3": 0.5}  # ABX counts as one
        totals = pd.Series(ours).groupby(labels).transform("sum").to_numpy()
        for class_weight, factor in (
            (given, np.array([given.get(label, 1.0) for label in labels])),
            ("balanced", ours.sum() / (3 * totals)),
        ):
            one = clone(weighed).set_params(class_weight=class_weight)
            one.fit(small_graphs, labels, sample_weight=weight)
            other = clone(weighed).fit(
                small_graphs, labels, sample_weight=ours * factor
            )
            assert_allclose(
                one.predict_proba(small_graphs),
                other.predict_proba(small_graphs),
                atol=1e-6,
            )

    @pytest.mark.learning
    def test_balance_finds_more_of_a_rare_class(self, one, small_graphs):
        """Of equal crystals, an eighth of them rare: as often as the class counts."""
        y = np.arange(40) % 8 == 0
        one.set_params(max_epochs=60, lr=0.01)
        for class_weight, expected in ((None, 1 / 8), ("balanced", 1 / 2)):
            one.set_params(class_weight=class_weight)
            one.fit(small_graphs[np.zeros(40, int)], y)
            # Over seeds, it scatters by 0.01.
            found = one.predict_proba(small_graphs[:1])[0, 1]
            assert found == pytest.approx(expected, abs=0.06)


class TestTraining:
    """Stops, and starts from what was trained before."""

    def test_early_stopping_tells_the_accuracy_held_back(
        self, one, small_graphs, labels
    ):
        one.set_params(early_stopping=True, validation_fraction=0.3, max_epochs=8)
        history = one.fit(small_graphs, labels).history_
        best = history.loc[history["valid_loss"].idxmin(), "valid_accuracy"]
        _, held = hold_back(small_graphs, 0.3, np.random.RandomState(0))
        assert best == pytest.approx(one.score(small_graphs[held], labels[held]))

    def test_weights_count_in_the_accuracy_held_back(self, one, small_graphs, labels):
        one.set_params(
            early_stopping=True,
            validation_fraction=0.3,
            max_epochs=1,
            class_weight="balanced",
        )
        found = one.fit(small_graphs, labels).history_["valid_accuracy"].iloc[-1]
        _, held = hold_back(small_graphs, 0.3, np.random.RandomState(0))
        weight = 1 / pd.Series(labels).groupby(labels).transform("size")[held]
        expected = one.score(small_graphs[held], labels[held], weight)
        assert found == pytest.approx(expected, rel=1e-5)

    def test_warm_start_keeps_the_classes(self, one, small_graphs, labels):
        one.set_params(warm_start=True, lr_schedule="constant", max_epochs=20, lr=0.01)
        first = one.fit(small_graphs, labels).history_["train_loss"]
        again = one.fit(small_graphs, labels).history_["train_loss"]
        assert again.iloc[0] < first.iloc[0]
        # What comes later may lack classes, all but one even.
        for rows in (labels != "ABX", labels == "AB"):
            again = one.fit(small_graphs[rows], labels[rows])
            assert again.classes_.tolist() == ["AB", "ABX", "ABX3"]
            assert again.predict_proba(small_graphs).shape == (40, 3)
        before = one.predict_proba(small_graphs)
        y = np.where(np.arange(40) == 6, "A2B", labels)
        with pytest.raises(ValueError, match=r"y\[6\] is 'A2B'.*'ABX3'.*\"trunk\""):
            one.fit(small_graphs, y)
        assert_array_equal(one.predict_proba(small_graphs), before)

    def test_class_weights_may_name_what_a_warm_start_lacks(
        self, one, small_graphs, labels
    ):
        one.set_params(warm_start=True, class_weight={"ABX": 2.0})
        one.fit(small_graphs, labels)
        rows = labels != "ABX"
        one.fit(small_graphs[rows], labels[rows])

    def test_a_trunk_serves_other_classes(self, one, small_graphs, labels):
        one.set_params(warm_start="trunk", max_epochs=1, lr=1e-9)
        before = one.fit(small_graphs, labels).embed(small_graphs)
        one.fit(small_graphs, np.arange(40) % 2 == 0)
        assert one.classes_.tolist() == [False, True]
        assert one.predict_proba(small_graphs).shape == (40, 2)
        assert_allclose(one.embed(small_graphs), before, atol=1e-5)

    def test_regressors_and_classifiers_start_from_each_other(
        self, one, small, small_graphs, labels
    ):
        """A trunk that was trained on energies, frozen, below a head for classes."""
        regressor = CGCNNRegressor(**QUICK).fit(small_graphs, small[1])
        one.set_params(pretrained=FrozenEstimator(regressor), freeze="trunk")
        one.fit(small_graphs, labels)
        assert_array_equal(one.embed(small_graphs), regressor.embed(small_graphs))
        back = clone(regressor).set_params(pretrained=FrozenEstimator(one))
        assert back.fit(small_graphs, small[1]).predict(small_graphs).shape == (40, 2)
        other = GCNClassifier(**QUICK, pretrained=FrozenEstimator(regressor))
        with pytest.raises(ValueError, match="architectures differ"):
            other.fit(small_graphs, labels)
