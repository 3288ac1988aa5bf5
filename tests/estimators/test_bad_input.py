"""Errors come before any training, and name the crystal, the value and the way out."""

import warnings

import numpy as np
import pandas as pd
import pytest
from ase import Atoms
from models import QUICK
from pymatgen.core import Lattice, Structure
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

from skcrystal import CGCNNRegressor, CrystalGraphTransformer, MEGNetRegressor
from skcrystal.estimators.training._net import GraphNet


@pytest.fixture(autouse=True)
def no_training(monkeypatch):
    def fail(*args, **kwargs):
        raise AssertionError("training has begun")

    monkeypatch.setattr(GraphNet, "fit", fail)


@pytest.fixture
def model():
    return CGCNNRegressor(**QUICK)


def disordered():
    return Structure(Lattice.cubic(4.0), [{"Na": 0.5, "K": 0.5}], [[0, 0, 0]])


def far():
    return Structure(Lattice.cubic(20.0), ["Xe"], [[0, 0, 0]])


def flat():
    return Atoms("Na", cell=[[4, 0, 0], [0, 4, 0], [4, 4, 0]], pbc=True)


@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [
        (lambda: 3.5, TypeError, r"X\[4\] is a float"),
        (disordered, ValueError, r"X\[4\].*disordered.*Order the crystal"),
        (far, ValueError, r"X\[4\].*no neighbour within cutoff=5 Å.*nearest"),
        (flat, ValueError, r"X\[4\].*volume"),
    ],
)
@pytest.mark.parametrize("as_pipeline", [False, True])
def test_bad_crystal(model, small, bad, error, message, as_pipeline):
    X = [*small[0][:4], bad(), *small[0][4:9]]
    if as_pipeline:
        model = make_pipeline(CrystalGraphTransformer(), model)
    with pytest.raises(error, match=message):
        model.fit(X, np.zeros(10))


def test_empty(model, small_graphs):
    for X in ([], small_graphs[:0], np.empty(0, dtype=object)):
        with pytest.raises(ValueError, match="X is empty"):
            model.fit(X, [])


def test_length_mismatch(model, small_graphs):
    with pytest.raises(ValueError, match=r"40 crystals, but y has 39 rows"):
        model.fit(small_graphs, np.zeros(39))


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinite_label(model, small, small_graphs, value):
    y = pd.DataFrame(small[1].copy(), columns=["energy", "gap"])
    y.iloc[7, 1] = value
    with pytest.raises(ValueError, match=rf"y\[7\] of gap is {value}.*NaN"):
        model.fit(small_graphs, y)


def test_target_without_labels(model, small, small_graphs):
    y = small[1].copy()
    y[:, 1] = np.nan
    with pytest.raises(ValueError, match="no label at all for target_1"):
        model.fit(small_graphs, y)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (None, "y is None"),
        (["a"] * 40, "must be numeric"),
        (np.zeros((40, 2, 2)), r"shape \(40, 2, 2\)"),
        (np.zeros((40, 0)), "no columns"),
    ],
)
def test_labels_of_no_use(model, small_graphs, y, message):
    with pytest.raises(ValueError, match=message):
        model.fit(small_graphs, y)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (np.ones(39), r"shape \(39,\)"),
        (np.r_[np.ones(39), -1], r"sample_weight\[39\] is -1"),
        (np.r_[np.nan, np.ones(39)], r"sample_weight\[0\] is nan"),
        (np.zeros(40), "zero throughout"),
        (np.arange(40) == 0, "no labels are left to train target_1"),
    ],
)
def test_weights_of_no_use(model, small, small_graphs, weight, message):
    y = small[1].copy()
    y[0, 1] = np.nan
    with pytest.raises(ValueError, match=message):
        model.fit(small_graphs, y, sample_weight=weight)


@pytest.mark.parametrize(
    "params",
    [
        {"hidden_dim": 0},
        {"n_layers": 2.5},
        {"dropout": 1.0},
        {"dropout_conv": 1.0},
        {"pooling": "max"},
        {"loss": "rmse"},
        {"max_epochs": 0},
        {"lr": -1},
        {"early_stopping": "yes"},
        {"validation_fraction": 0},
        {"callbacks": "early"},
        {"n_basis": 1},
        {"random_state": "seed"},
    ],
)
def test_parameters_are_checked(model, small, small_graphs, params):
    (name,) = params
    with pytest.raises(ValueError, match=f"'{name}' parameter"):
        model.set_params(**params).fit(small_graphs, small[1])


def test_heads_must_divide_the_width(small, small_graphs):
    with pytest.raises(ValueError, match="hidden_dim=8 is not a multiple of n_heads=3"):
        MEGNetRegressor(**QUICK, n_heads=3).fit(small_graphs, small[1])


def test_unknown_device_is_named(model, small, small_graphs):
    with pytest.raises(ValueError, match="device='gpu' is not a device"):
        model.set_params(device="gpu").fit(small_graphs, small[1])


def test_missing_cuda_device_is_named(model, small, small_graphs):
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    with pytest.raises(ValueError, match=r"device='cuda'.*auto"):
        model.set_params(device="cuda").fit(small_graphs, small[1])


def test_early_stopping_needs_two_formulas(model, small, small_graphs):
    same = small_graphs[[0, 0, 0, 0]]
    with pytest.raises(ValueError, match="all 4 crystals share one"):
        model.set_params(early_stopping=True).fit(same, np.arange(4.0))


def test_early_stopping_needs_labels_on_both_sides(model, small, small_graphs):
    y = small[1].copy()
    y[1:, 1] = np.nan
    model.set_params(early_stopping=True, validation_fraction=0.9)
    for seed in range(4):
        with pytest.raises((ValueError, AssertionError)) as caught:
            model.set_params(random_state=seed).fit(small_graphs, y)
        if "no labels are left to train target_1" in str(caught.value):
            return
    pytest.fail("no seed held back the only label")


class TestFitted:
    """What a fitted model refuses."""

    @pytest.fixture(autouse=True)
    def no_training(self):
        """Training is allowed here."""

    def test_graphs_made_otherwise(self, model, small, small_graphs):
        model.fit(small_graphs, small[1])
        for params in ({"cutoff": 6.0}, {"max_neighbors": 8}):
            other = CrystalGraphTransformer(**params).transform(small[0][:3])
            with pytest.raises(ValueError, match="transform X with the same"):
                model.predict(other)

    def test_crystals_are_treated_as_in_fit(self, model, small):
        transformer = CrystalGraphTransformer(cutoff=6.0, max_neighbors=8)
        graphs = transformer.transform(small[0])
        model.fit(graphs, small[1])
        np.testing.assert_array_equal(model.predict(small[0]), model.predict(graphs))

    def test_columns_that_a_model_does_not_read_do_not_matter(
        self, model, small, small_graphs
    ):
        model.fit(small_graphs, small[1])
        other = CrystalGraphTransformer(vectors=True, on_isolated="nearest")
        np.testing.assert_allclose(
            model.predict(other.transform(small[0])),
            model.predict(small_graphs),
            atol=1e-5,
        )

    def test_crystals_where_it_is_not_known_how_graphs_were_made(
        self, model, small, small_graphs
    ):
        data = list(small_graphs)
        model.fit(data, small[1])
        assert model.predict(data[:3]).shape == (3, 2)
        with pytest.raises(ValueError, match="do not say how they were made"):
            model.predict(small[0])
        with pytest.raises(ValueError, match="do not say how they were made"):
            model.set_params(warm_start=True).fit(small[0], small[1])

    def test_a_refit_that_is_refused_leaves_the_model_as_it_was(
        self, model, small, small_graphs
    ):
        before = model.fit(small_graphs, small[1]).predict(small_graphs)
        y = 1000 * small[1]
        y[1:, 1] = np.nan
        with pytest.raises(ValueError, match="no labels are left"):
            model.fit(small_graphs, y, sample_weight=np.arange(40))
        np.testing.assert_array_equal(model.predict(small_graphs), before)

    @pytest.mark.parametrize(
        "change", [{"hidden_dim": 9}, {"n_layers": 3}, {"pooling": "sum"}]
    )
    def test_warm_start_with_another_network(self, model, small, small_graphs, change):
        model.set_params(warm_start=True).fit(small_graphs, small[1])
        with pytest.raises(ValueError, match=f"network of {next(iter(change))}="):
            model.set_params(**change).fit(small_graphs, small[1])

    def test_graphs_without_vectors(self, small, small_graphs):
        class Directed(CGCNNRegressor):
            _needs_vectors = True

        directed = Directed(**QUICK)
        with pytest.raises(ValueError, match="vectors=True"):
            directed.fit(small_graphs, small[1])
        directed.fit(small[0], small[1])  # from crystals, it asks for them itself
        assert directed.graph_settings_.vectors

    def test_unseen_element_is_told_once_and_predicted(
        self, model, small, small_graphs
    ):
        model.fit(small_graphs, small[1])
        strange = Structure(Lattice.cubic(4.0), ["U", "Og"], [[0] * 3, [0.5] * 3])
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            predicted = model.predict([strange] * 5)
        assert len(caught) == 1
        assert "U, Og" in str(caught[0].message)
        assert caught[0].filename == __file__
        assert np.isfinite(predicted).all()

    def test_score_with_other_number_of_targets(self, model, small, small_graphs):
        model.fit(small_graphs, small[1])
        with pytest.raises(ValueError, match="1 targets, but the model was fitted"):
            model.score(small_graphs, small[1][:, 0])

    def test_diverging_training_says_what_to_change(self, model, small, small_graphs):
        model.set_params(lr=1e30, gradient_clip=None, max_epochs=20, loss="mse")
        with pytest.raises(FloatingPointError, match=r"Lower `lr` \(now 1e\+30\)"):
            model.fit(small_graphs, small[1] * 1e3)
        with pytest.raises(NotFittedError):
            model.predict(small_graphs)
