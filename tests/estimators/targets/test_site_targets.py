"""Targets of atoms: an array for each crystal, in fit, predict and score."""

import numpy as np
import pandas as pd
import pytest
import torch
from models import transformer_for
from pymatgen.core import Lattice, Structure
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline

from skcrystal import (
    ActiveLearner,
    AugmentedRegressor,
    CalibratedRegressor,
    CGCNNRegressor,
    CoGNRegressor,
    CrystalGraphTransformer,
    EnsembleRegressor,
    GCNRegressor,
    SchNetRegressor,
    uncertainty_metrics,
)
from skcrystal.estimators.training import _subgraphs
from skcrystal.nn import GraphStore

pytestmark = pytest.mark.filterwarnings(
    "ignore::skcrystal.utils._warnings.UnseenElementsWarning"
)

QUICK = {"hidden_dim": 16, "n_layers": 2, "random_state": 0, "target_level": "atom"}


def crowding(crystal):
    """A label of sites: how much lies around each, in Å^-1."""
    center, _, _, distance = crystal.get_neighbor_list(4.0)
    return np.bincount(center, (4.0 - distance) ** 2 / 16, minlength=len(crystal))


@pytest.fixture(scope="module")
def crystals(small):
    """Twenty crystals of two to five sites, some of them equal by symmetry."""
    return small[0][:20]


@pytest.fixture(scope="module")
def labels(crystals):
    return [crowding(crystal) for crystal in crystals]


@pytest.fixture(scope="module")
def glass():
    """A disordered crystal of 250 sites."""
    crystal = Structure(Lattice.cubic(2.8), ["Cu", "Zr"], [[0, 0, 0], [0.5] * 3])
    crystal.make_supercell([5, 5, 5])
    random = np.random.RandomState(0)
    for i in range(len(crystal)):
        crystal.translate_sites([i], random.normal(0, 0.2, 3), frac_coords=False)
    return crystal


@pytest.fixture(scope="module")
def fitted(crystals, labels):
    model = CoGNRegressor(**QUICK, max_epochs=60, lr=0.01)
    return model.fit(crystals, labels)


def worst(one, other):
    return max(np.abs(a - b).max() for a, b in zip(one, other, strict=True))


class TestForms:
    def test_labels_may_come_in_one_array_or_one_a_crystal(self, crystals, labels):
        model = GCNRegressor(**QUICK, max_epochs=2)
        expected = clone(model).fit(crystals, labels).predict(crystals)
        same = [
            np.concatenate(labels),
            pd.Series(np.concatenate(labels)),
            pd.Series(labels, index=range(5, 25)),
            tuple(array.tolist() for array in labels),
        ]
        for y in same:
            assert worst(clone(model).fit(crystals, y).predict(crystals), expected) == 0

    def test_equal_numbers_of_sites_may_be_one_array_of_crystals(self, crystals):
        pairs = [crystal for crystal in crystals if len(crystal) == 2]
        y = [crowding(crystal) for crystal in pairs]
        model = GCNRegressor(**QUICK, max_epochs=2)
        expected = clone(model).fit(pairs, y).predict(pairs)
        found = clone(model).fit(pairs, np.array(y)).predict(pairs)
        assert worst(found, expected) == 0

    def test_predictions_have_the_shape_of_labels(self, crystals, labels):
        model = GCNRegressor(**QUICK, max_epochs=2)
        one = clone(model).fit(crystals, labels).predict(crystals)
        assert isinstance(one, list)
        assert [p.shape for p in one] == [(len(crystal),) for crystal in crystals]
        y = [np.stack([array, -array], axis=1) for array in labels]
        two = clone(model).fit(crystals, y)
        shapes = [p.shape for p in two.predict(crystals)]
        assert shapes == [(len(crystal), 2) for crystal in crystals]
        assert two.target_names_ == ["target_0", "target_1"]

    def test_columns_of_frames_name_targets(self, crystals, labels):
        frames = [pd.DataFrame({"crowding": array}) for array in labels]
        for y in (frames, pd.concat(frames)):
            model = GCNRegressor(**QUICK, max_epochs=1).fit(crystals, y)
            assert model.target_names_ == ["crowding"]


class TestErrors:
    """Training is never begun: all is found before."""

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda y: y[:-1], r"20 crystals, but y has 19 arrays"),
            (lambda y: [y[0][:1], *y[1:]], r"y\[0\] has shape \(1,\), but X\[0\] has"),
            (lambda y: [*y[:3], y[3][:, None], *y[4:]], r"y\[3\] .* same targets"),
            (lambda y: np.concatenate(y)[1:], r"20 arrays.* or one array of \d+ rows"),
            (lambda y: [*y[:4], y[4] + np.inf, *y[5:]], r"y\[4\]\[0\] of target_0 is"),
            (lambda y: [array * np.nan for array in y], "no label at all"),
            (lambda y: [["a"] * len(y[0]), *y[1:]], r"y\[0\] must be numeric"),
            (lambda y: None, "y is None"),
        ],
    )
    def test_unfit_labels(self, crystals, labels, change, message):
        model = GCNRegressor(**QUICK, max_epochs=10**6)
        with pytest.raises(ValueError, match=message):
            model.fit(crystals, change(labels))
        assert not hasattr(model, "net_")

    @pytest.mark.parametrize(
        ("parameters", "message"),
        [
            ({"target_level": "atom", "pooling": "sum"}, "pooling"),
            ({"atoms_per_part": 100}, 'target_level="crystal"'),
            ({"target_level": "site"}, "target_level"),
        ],
    )
    def test_parameters_that_contradict_each_other(self, crystals, parameters, message):
        with pytest.raises(ValueError, match=message):
            GCNRegressor(**parameters).fit(crystals, np.ones(20))

    @pytest.mark.parametrize(
        "parameters",
        [{"target_level": "atom", "pooling": "sum"}, {"atoms_per_part": 100}],
    )
    def test_parameters_are_checked_before_graphs_are_built(self, parameters):
        with pytest.raises(ValueError, match='target_level="'):
            GCNRegressor(**parameters).fit(["not a crystal"], [0.0])

    def test_a_single_crystal_cannot_be_held_back(self, glass):
        model = GCNRegressor(**QUICK, early_stopping=True)
        with pytest.raises(ValueError, match="X_val and y_val"):
            model.fit([glass], [crowding(glass)])


@pytest.mark.learning
def test_what_depends_on_surroundings_is_learned(fitted, crystals, labels):
    assert fitted.score(crystals, labels) > 0.9
    assert fitted.target_level_ == "atom"


@pytest.mark.learning
def test_unlabelled_sites_are_left_out(crystals, labels):
    # Wrong labels that are masked, and those of sites whose crystals are masked whole
    masked = [array.copy() for array in labels]
    masked[0][:] = np.nan
    for array in masked[1:]:
        array[0] = np.nan
    model = CoGNRegressor(**QUICK, max_epochs=20, lr=0.01).fit(crystals, masked)
    known = ~np.isnan(np.concatenate(masked))
    guess = np.concatenate(model.predict(crystals))
    error = np.abs(guess - np.concatenate(labels))[known].mean()
    assert np.isfinite(guess).all()
    assert error < 0.5 * np.std(np.concatenate(labels)[known])
    # Scores are of labelled sites, all together
    truth = np.concatenate(masked)[known]
    expected = (
        1 - ((guess[known] - truth) ** 2).sum() / ((truth - truth.mean()) ** 2).sum()
    )
    assert model.score(crystals, masked) == pytest.approx(expected)


def test_one_site_a_crystal_and_one_column(small):
    """(n, 1) is then (S, 1): a target, not a site."""
    crystals = [Structure(Lattice.cubic(a), ["Po"], [[0, 0, 0]]) for a in (2.9, 3, 3.1)]
    model = GCNRegressor(**QUICK, max_epochs=1).fit(crystals, np.ones((3, 1)))
    assert [p.shape for p in model.predict(crystals)] == [(1, 1)] * 3


def test_sites_follow_their_numbering(fitted, crystals):
    predicted = fitted.predict(crystals)
    for crystal, values in zip(crystals, predicted, strict=True):
        order = np.random.RandomState(1).permutation(len(crystal))
        (turned,) = fitted.predict([Structure.from_sites([crystal[i] for i in order])])
        np.testing.assert_allclose(turned, values[order], atol=1e-5)


def test_a_supercell_repeats_its_cell(fitted, crystals):
    for crystal in crystals[:5]:
        (once,) = fitted.predict([crystal])
        (twice,) = fitted.predict([crystal * (1, 2, 1)])
        np.testing.assert_allclose(np.sort(twice), np.sort(np.repeat(once, 2)), 2e-5)


@pytest.mark.parametrize(("norm", "tolerance"), [("layer", 2e-3), ("batch", 2e-2)])
def test_merged_atoms_train_as_their_sites_do(model, small, norm, tolerance):
    """For each architecture: equal sites may have unequal labels."""
    if not model._reads_merged:
        pytest.skip("reads no merged graphs")
    crystals = small[0][:12]
    random = np.random.RandomState(0)
    y = [crowding(c) + random.normal(0, 0.3, len(c)) for c in crystals]
    y[2][0] = np.nan
    model.set_params(max_epochs=3, target_level="atom", norm=norm)
    merged, full = (
        transformer_for(model, reduce=reduce).transform(crystals)
        for reduce in ("symmetry", None)
    )
    assert len(merged.atomic_numbers) < len(full.atomic_numbers)
    one, other = (clone(model).fit(graphs, y) for graphs in (merged, full))
    np.testing.assert_allclose(
        one.history_["train_loss"], other.history_["train_loss"], rtol=tolerance / 10
    )
    assert worst(one.predict(merged), other.predict(full)) < tolerance
    assert worst(one.predict(full), one.predict(merged)) < 2e-4


class TestParts:
    def test_of_a_large_crystal_predict_as_the_whole(self, model, glass, monkeypatch):
        """For each architecture."""
        graphs = transformer_for(model, cutoff=3.4).transform([glass])
        model.set_params(target_level="atom", max_epochs=1)
        model.fit(graphs, [crowding(glass)])
        (whole,) = model.predict(graphs)
        monkeypatch.setitem(_subgraphs._EDGES_OF_ONE, "cpu", len(graphs.neighbor) // 2)
        partition = _subgraphs.Partition.if_needed(
            graphs, model.net_.module_.hops, torch.device("cpu")
        )
        assert partition.n_parts(graphs.n_atoms)[0] > 5
        (parts,) = model.predict(graphs)
        np.testing.assert_allclose(parts, whole, atol=1e-4 * np.std(whole) + 1e-6)

    def test_are_not_shared_among_processes(self, glass):
        model = GCNRegressor(**QUICK, data_parallel=True, atoms_per_part=50)
        with pytest.raises(ValueError, match="data_parallel=True shares whole cry"):
            model.fit([glass], [crowding(glass)])

    def test_of_crystals_among_small_ones_come_in_order(
        self, fitted, glass, crystals, monkeypatch
    ):
        X = [crystals[0], glass, crystals[1], crystals[2]]
        whole = fitted.predict(X)
        monkeypatch.setitem(_subgraphs._EDGES_OF_ONE, "cpu", 2000)
        assert worst(fitted.predict(X), whole) < 1e-5

    def test_each_site_is_queried_once_in_a_pass(self, glass):
        for reduce in ("symmetry", None):
            crystals = [glass, glass * (1, 1, 2)]  # whose equal sites are merged
            graphs = CrystalGraphTransformer(cutoff=3.4, reduce=reduce).transform(
                crystals
            )
            labels = np.arange(float(graphs.site_ptr[-1]))[:, None]
            dataset = _subgraphs.SubgraphDataset(
                GraphStore.of(graphs, "cpu", sites=True),
                np.arange(2),
                labels,
                np.ones_like(labels),
                graphs.site_ptr,
                _subgraphs.Partition(graphs, 40, hops=2),
            )
            for seed in range(2):
                parts = dataset.of_pass(np.random.RandomState(seed))
                found = [parts.gather(np.array([i])) for i in range(len(dataset))]
                asked = torch.cat([label for _, (label, _) in found])
                assert asked.flatten().sort().values.tolist() == list(range(750))
                for graph, (label, _) in found:
                    elements = graph.atomic_numbers[graph.query_rows]
                    expected = graphs.to_sites(graphs.atomic_numbers)
                    assert (elements == expected[label[:, 0].int()]).all()

    def test_with_all_around_them_train_as_the_whole(self, glass):
        """One step on all parts has the loss and gradient of one on the crystal."""
        y = [crowding(glass)]
        model = SchNetRegressor(**QUICK, max_epochs=3, norm="layer")
        graphs = CrystalGraphTransformer(cutoff=3.4).transform([glass])
        whole = clone(model).fit(graphs, y)
        parts = clone(model).set_params(atoms_per_part=30).fit(graphs, y)
        np.testing.assert_allclose(
            parts.history_["train_loss"], whole.history_["train_loss"], rtol=1e-4
        )
        assert worst(parts.predict(graphs), whole.predict(graphs)) < 1e-3

    @pytest.mark.learning
    def test_train_a_model_of_the_whole(self, glass):
        y = [crowding(glass)]
        model = SchNetRegressor(
            **QUICK, max_epochs=40, atoms_per_part=60, batch_size=1, lr=0.01
        )
        assert model.fit([glass], y).score([glass], y) > 0.8
        assert model.n_iter_ == 40
        again = clone(model).fit([glass], y)
        assert worst(model.predict([glass]), again.predict([glass])) == 0


class TestScikitLearn:
    def test_cross_validation_and_grid_search(self, crystals, labels):
        model = make_pipeline(
            CrystalGraphTransformer(), CGCNNRegressor(**QUICK, max_epochs=3)
        )
        assert cross_val_score(model, crystals, labels, cv=2).shape == (2,)
        predicted = cross_val_predict(model, crystals, labels, cv=3)
        assert [len(p) for p in predicted] == [len(crystal) for crystal in crystals]
        search = GridSearchCV(model, {"cgcnnregressor__n_layers": [1, 2]}, cv=2)
        search.fit(crystals, labels)
        assert search.predict(crystals[:2])[1].shape == labels[1].shape

    def test_standard_deviations_of_sites(self, crystals, labels):
        model = CGCNNRegressor(**QUICK, max_epochs=3, dropout=0.2, dropout_conv=0.1)
        model.set_params(loss="gaussian_nll").fit(crystals, labels)
        mean, std = model.predict(crystals, return_std=True)
        _, epistemic, aleatoric = model.predict(crystals, return_components=True)
        for i, array in enumerate(labels):
            assert mean[i].shape == std[i].shape == array.shape
            total = np.hypot(epistemic[i], aleatoric[i])
            np.testing.assert_allclose(std[i], total, rtol=1e-6)
            assert (epistemic[i] > 0).all()

    @pytest.mark.parametrize("bootstrap", [False, True])
    def test_ensembles(self, crystals, labels, bootstrap):
        member = GCNRegressor(**QUICK, max_epochs=2)
        ensemble = EnsembleRegressor(
            member, 3, bootstrap=bootstrap, random_state=0
        ).fit(crystals, np.concatenate(labels))
        mean, std = ensemble.predict(crystals, return_std=True)
        members = [m.predict(crystals) for m in ensemble.estimators_]
        for i, array in enumerate(labels):
            of_crystal = np.stack([predicted[i] for predicted in members])
            np.testing.assert_allclose(mean[i], of_crystal.mean(0), rtol=1e-6)
            np.testing.assert_allclose(std[i], of_crystal.std(0, ddof=1), rtol=1e-6)
            assert std[i].shape == array.shape
        assert np.isfinite(ensemble.score(crystals, labels))

    @pytest.mark.parametrize("frozen", [False, True])
    def test_calibration_counts_sites(self, crystals, labels, frozen):
        model = CGCNNRegressor(**QUICK, max_epochs=5, dropout=0.2)
        if frozen:
            model = FrozenEstimator(model.fit(crystals[:10], labels[:10]))
        X, y = crystals[10:], labels[10:]
        calibrated = CalibratedRegressor(
            model, calibration_fraction=0.5, random_state=0
        ).fit(X, y)
        n_sites = [len(crystal) for crystal in X]
        assert calibrated.n_calibration_[0] > len(X)
        assert (calibrated.n_calibration_[0] == sum(n_sites)) == frozen
        _, plain = calibrated.estimator_.predict(X, return_std=True)
        _, scaled = calibrated.predict(X, return_std=True)
        assert [len(array) for array in scaled] == n_sites
        for one, other in zip(scaled, plain, strict=True):
            np.testing.assert_allclose(one, other * calibrated.scale_[0])

    def test_where_sites_have_no_labels_they_are_refused(self, crystals, labels):
        with pytest.raises(ValueError, match='target_level="atom"'):
            GCNRegressor().fit(crystals, labels)

    def test_what_takes_crystals_alone_says_so(self, crystals, labels):
        model = GCNRegressor(**QUICK)
        with pytest.raises(ValueError, match="AugmentedRegressor takes targets of cry"):
            AugmentedRegressor(model).fit(crystals, labels)
        with pytest.raises(ValueError, match="active learning takes targets of cry"):
            ActiveLearner(model, X_training=crystals, y_training=labels)

    def test_names_of_targets_reach_members(self, crystals, labels):
        frames = [pd.DataFrame({"q": array}) for array in labels]
        member = GCNRegressor(**QUICK, max_epochs=1, output_transform={"q": "softplus"})
        ensemble = EnsembleRegressor(member, 2, bootstrap=True, random_state=0)
        assert ensemble.fit(crystals, frames).estimators_[0].target_names_ == ["q"]
        member.set_params(dropout=0.1)
        calibrated = CalibratedRegressor(member, random_state=0)
        assert calibrated.fit(crystals, frames).estimator_.target_names_ == ["q"]

    def test_a_model_of_crystals_may_start_from_one_of_atoms(self, fitted, small):
        """What it starts from does not say what its own labels are of."""
        model = CoGNRegressor(hidden_dim=16, n_layers=2, max_epochs=1, norm="layer")
        model.set_params(pretrained=FrozenEstimator(fitted))
        ensemble = EnsembleRegressor(model, 2, random_state=0)
        assert ensemble.fit(*(part[:20] for part in small[:2])).predict(
            small[0][:3]
        ).shape == (3, 2)

    def test_metrics_of_uncertainty_count_sites(self, crystals, labels):
        model = CGCNNRegressor(**QUICK, max_epochs=3, dropout=0.2)
        mean, std = model.fit(crystals, labels).predict(crystals, return_std=True)
        metrics = uncertainty_metrics(labels, mean, std)
        flat = uncertainty_metrics(*map(np.concatenate, (labels, mean, std)))
        pd.testing.assert_frame_equal(metrics, flat)

    def test_crystals_have_features_still(self, fitted, crystals, monkeypatch):
        whole = fitted.embed(crystals)
        assert whole.shape == (len(crystals), 16)
        monkeypatch.setitem(_subgraphs._EDGES_OF_ONE, "cpu", 40)
        np.testing.assert_allclose(fitted.embed(crystals), whole, atol=1e-5)
        graphs = CrystalGraphTransformer(reduce=None).transform(crystals)
        np.testing.assert_allclose(fitted.embed(graphs), whole, atol=1e-4)

    def test_graphs_of_pyg_serve_calibration(self, crystals, labels):
        graphs = CrystalGraphTransformer(reduce=None).transform(crystals)
        model = CGCNNRegressor(**QUICK, max_epochs=2, dropout=0.2).fit(graphs, labels)
        calibrated = CalibratedRegressor(FrozenEstimator(model))
        calibrated.fit(list(graphs), labels)
        assert calibrated.n_calibration_[0] == sum(map(len, labels))

    def test_crystals_count_by_their_weights(self, crystals, labels):
        model = GCNRegressor(**QUICK, max_epochs=3, batch_size=100, norm="layer")
        weights = np.ones(20)
        weights[:5] = 2
        twice = [*crystals, *crystals[:5]], [*labels, *labels[:5]]
        one = clone(model).fit(crystals, labels, sample_weight=weights)
        other = clone(model).fit(*twice)
        assert worst(one.predict(crystals), other.predict(crystals)) < 1e-3

    def test_saved_models_are_of_atoms_too(self, fitted, crystals, tmp_path):
        fitted.save_pretrained(tmp_path / "model")
        loaded = CoGNRegressor.from_pretrained(tmp_path / "model")
        assert loaded.target_level_ == "atom"
        assert worst(loaded.predict(crystals), fitted.predict(crystals)) == 0

    def test_trunks_of_crystals_serve_atoms(self, crystals, labels, small):
        model = GCNRegressor(hidden_dim=8, max_epochs=2, random_state=0)
        model.fit(crystals, small[1][:20])
        trunk = model.net_.module_.convolutions[0].linear.weight.clone()
        model.set_params(target_level="atom", warm_start="trunk", freeze="trunk")
        predicted = model.fit(crystals, labels).predict(crystals)
        assert [len(p) for p in predicted] == [len(crystal) for crystal in crystals]
        assert (model.net_.module_.convolutions[0].linear.weight == trunk).all()


class TestWatchedCrystals:
    """`X_val` and `y_val` are what early stopping watches."""

    def test_are_watched_and_not_trained_on(self, crystals, labels):
        model = CGCNNRegressor(**QUICK, max_epochs=3)
        plain = clone(model).fit(crystals[:15], labels[:15])
        model.set_params(early_stopping=True)
        watched = model.fit(
            crystals[:15], labels[:15], X_val=crystals[15:], y_val=labels[15:]
        )
        np.testing.assert_allclose(
            watched.history_["train_loss"], plain.history_["train_loss"], rtol=1e-6
        )
        best = watched.history_["valid_loss"].argmin()
        error = np.abs(
            np.concatenate(watched.predict(crystals[15:])) - np.concatenate(labels[15:])
        ).mean()
        recorded = watched.history_["valid_mae_target_0"][best]
        assert error == pytest.approx(recorded, rel=1e-4)

    def test_serve_targets_of_crystals_too(self, crystals, small):
        y = small[1][:20]
        model = GCNRegressor(max_epochs=2, early_stopping=True, random_state=0)
        graphs = CrystalGraphTransformer().transform(crystals)
        model.fit(graphs[:15], y[:15], X_val=graphs[15:], y_val=y[15:])
        assert "valid_loss" in model.history_

    @pytest.mark.parametrize(
        ("parameters", "watched", "message"),
        [
            ({"early_stopping": True}, {"X_val": 1}, "X_val was given without y_val"),
            ({"early_stopping": True}, {"y_val": 1}, "y_val was given without X_val"),
            ({}, {"X_val": 1, "y_val": 1}, "early_stopping=False"),
        ],
    )
    def test_are_of_no_use_by_halves(
        self, crystals, small, parameters, watched, message
    ):
        with pytest.raises(ValueError, match=message):
            GCNRegressor(**parameters).fit(crystals, small[1][:20], **watched)

    def test_are_made_into_graphs_as_the_others_were(self, crystals, small):
        y = small[1][:20]
        model = GCNRegressor(max_epochs=1, early_stopping=True, random_state=0)
        graphs = CrystalGraphTransformer(vectors=True).transform(crystals)
        model.fit(graphs, y, X_val=crystals[15:], y_val=y[15:])
        full = CrystalGraphTransformer(reduce=None).transform(crystals[15:])
        merged = CrystalGraphTransformer().transform(crystals)
        with pytest.raises(ValueError, match=r"X_val and y_val.*same CrystalGraphTr"):
            model.fit(merged, y, X_val=full, y_val=y[15:])

    def test_need_labels(self, crystals, small):
        y = small[1][:20]
        model = GCNRegressor(early_stopping=True)
        with pytest.raises(ValueError, match=r"y_val.* has no label"):
            model.fit(crystals, y, X_val=crystals, y_val=np.nan * y)

    def test_may_have_no_names(self, crystals, small):
        y = pd.Series(small[1][:20, 0], name="energy")
        model = GCNRegressor(max_epochs=1, early_stopping=True)
        model.fit(crystals, y, X_val=crystals, y_val=y.to_numpy())
        assert model.target_names_ == ["energy"]

    def test_need_the_same_targets(self, crystals, small):
        model = GCNRegressor(early_stopping=True)
        y = small[1][:20]
        with pytest.raises(ValueError, match=r"target_0, target_1, but y_val target_0"):
            model.fit(crystals, y, X_val=crystals, y_val=y[:, 0])
