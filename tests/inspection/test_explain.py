"""Explanations: they add up, find what was planted, and leave models as they were."""

import copy

import numpy as np
import pytest
import torch
from crystals import LATTICE_SYSTEMS, crystal_of
from pymatgen.core import Structure
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import VotingRegressor
from sklearn.exceptions import NotFittedError
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skcrystal import (
    CalibratedRegressor,
    CGCNNRegressor,
    CrystalGraphs,
    CrystalGraphTransformer,
    EnsembleRegressor,
    GCNClassifier,
    GCNRegressor,
    LocalMLPRegressor,
    SchNetRegressor,
)
from skcrystal.inspection import explain

# Most models here are hardly trained, and on few elements.
pytestmark = pytest.mark.filterwarnings("ignore:X holds elements")

METHODS = ("integrated_gradients", "gradient", "gnn_explainer")
FEW = {"integrated_gradients": 10, "gradient": None, "gnn_explainer": 20}  # steps
QUICK = {"hidden_dim": 8, "n_layers": 2, "max_epochs": 2, "random_state": 0}


@pytest.fixture(scope="module")
def trained(small):
    structures, y, _ = small
    return SchNetRegressor(**QUICK).fit(structures, y[:, 0])


@pytest.fixture(scope="module")
def crystal(small):
    return max(small[0], key=len)


def assert_adds_up(explanation, accuracy=2e-3):
    """Shares are what edges bring, and what elements do."""
    for shares, start in (
        (explanation.edge_importance, explanation.without_edges),
        (explanation.atom_importance, explanation.without_elements),
    ):
        total = np.abs(shares).sum()
        brought = explanation.prediction - start
        assert shares.sum() == pytest.approx(brought, abs=accuracy * total + 1e-6)


def by_edge(explanation, number=lambda site: site):
    """Importance of each edge, by its target, neighbour and image."""
    table = explanation.to_frame()
    keys = zip(
        table["target"].map(number),
        table["neighbor"].map(number),
        table["image"],
        strict=True,
    )
    return dict(zip(keys, table["importance"], strict=True))


# What shares are of


@pytest.mark.parametrize("pooling", ["mean", "sum"])
@pytest.mark.parametrize("link", [None, "softplus", "log"])
def test_shares_are_in_the_unit_of_the_target(small, crystal, link, pooling):
    structures, y, _ = small
    model = CGCNNRegressor(**QUICK, pooling=pooling, output_transform=link)
    model.fit(structures, 100 * y[:, 1])
    explanation = explain(model, crystal)
    assert explanation.prediction == pytest.approx(
        model.predict([crystal])[0], rel=1e-4
    )
    assert_adds_up(explanation)


# What is found


@pytest.fixture(scope="module")
def planted(prototypes):
    """Short bonds with O, S, F or Cl of each site, and models of crystals and sites."""
    structures = prototypes.data[::3]
    graphs = CrystalGraphTransformer(reduce=None).transform(structures)
    target, is_short = short_bonds(graphs)
    of_sites = np.bincount(target[is_short], minlength=len(graphs.atomic_numbers))
    of_sites = np.split(of_sites.astype(float), graphs.site_ptr[1:-1])
    merged = CrystalGraphTransformer().transform(structures)
    settings = {"hidden_dim": 32, "n_layers": 2, "batch_size": 32, "random_state": 0}
    of_crystals = SchNetRegressor(**settings, pooling="sum", max_epochs=15)
    of_crystals.fit(merged, [values.sum() for values in of_sites])
    model = SchNetRegressor(**settings, target_level="atom", max_epochs=10)
    model.fit(merged, of_sites)
    mixed = [s for s, n in zip(structures, of_sites, strict=True) if n.any()]
    return {"crystal": of_crystals, "atom": model}, mixed[::25]


def short_bonds(graphs):
    """Target of each edge, and whether it is a bond that counts."""
    target = np.repeat(np.arange(len(graphs.atomic_numbers)), np.diff(graphs.edge_ptr))
    neighbor = graphs.neighbor + np.repeat(graphs.atom_ptr[:-1], graphs.n_edges)
    counts = np.isin(graphs.atomic_numbers, [8, 9, 16, 17])
    return target, (graphs.distance < 3.0) & (counts[target] | counts[neighbor])


@pytest.mark.learning
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("level", ["crystal", "atom"])
def test_what_the_target_is_made_of_is_found(planted, level, method):
    models, structures = planted
    n_steps = {"integrated_gradients": 20, "gradient": None, "gnn_explainer": 200}
    found = []
    for structure in structures:
        atom = 0 if level == "atom" else None
        explanation = explain(
            models[level], structure, atom, method=method, n_steps=n_steps[method]
        )
        graphs = CrystalGraphTransformer(reduce=None).transform([structure])
        _, is_short = short_bonds(graphs)
        if atom is not None:
            is_short = is_short & (explanation.edge_index[1] == atom)
        if 0 < is_short.mean() < 1:
            strength = np.abs(explanation.edge_importance)
            found.append(roc_auc_score(is_short, strength))
    assert len(found) >= 3
    assert np.mean(found) > 0.7  # 0.93 give or take 0.05 over seeds, 0.5 by chance


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("system", ["trigonal", "tetragonal"])
def test_equal_atoms_matter_alike(trained, system, method):
    structure = crystal_of(system)
    explanation = explain(trained, structure, method=method, n_steps=FEW[method])
    heard = np.zeros(len(structure))
    np.add.at(heard, explanation.edge_index[1], explanation.edge_importance)
    for element in structure.elements:  # which in these are one orbit each
        orbit = structure.indices_from_symbol(element.symbol)
        assert len(orbit) > 1
        for values in (explanation.atom_importance, heard):
            assert np.ptp(values[list(orbit)]) < 2e-3 * np.abs(values).max()


@pytest.mark.parametrize("method", METHODS)
def test_importance_goes_with_sites_and_edges(trained, skewed, method):
    order = [2, 0, 1]
    permuted = Structure.from_sites([skewed[i] for i in order])
    one = explain(trained, skewed, method=method, n_steps=FEW[method])
    other = explain(trained, permuted, method=method, n_steps=FEW[method])
    np.testing.assert_allclose(
        other.atom_importance, one.atom_importance[order], rtol=1e-3, atol=1e-6
    )
    expected, found = by_edge(one), by_edge(other, order.__getitem__)
    assert found.keys() == expected.keys()
    for edge, importance in expected.items():
        assert found[edge] == pytest.approx(importance, rel=1e-3, abs=1e-6)


@pytest.mark.parametrize("system", LATTICE_SYSTEMS)
def test_edges_lead_where_they_say(trained, system):
    structure = crystal_of(system)
    explanation = explain(trained, structure, method="gradient")
    table = explanation.to_frame()
    assert set(table["target_element"]) == {str(e) for e in structure.elements}
    for row in table[:40].itertuples():
        assert structure[row.neighbor].specie.symbol == row.neighbor_element
        distance = structure.get_distance(row.target, row.neighbor, row.image)
        assert distance == pytest.approx(row.distance, abs=1e-5)


def test_sites_outside_the_cell_keep_their_places(trained, skewed):
    explanation = explain(trained, skewed, method="gradient")
    neighbor, target = skewed.cart_coords[explanation.edge_index]
    vector = neighbor + explanation.edge_image @ skewed.lattice.matrix - target
    np.testing.assert_allclose(explanation.edge_vector, vector, atol=1e-5)
    np.testing.assert_allclose(
        explanation.edge_distance, np.linalg.norm(vector, axis=1), atol=1e-5
    )


def test_ase_atoms_are_explained_as_structures_are(trained, skewed):
    pytest.importorskip("ase")
    one = explain(trained, skewed, method="gradient")
    other = explain(trained, skewed.to_ase_atoms(), method="gradient")
    expected, found = by_edge(one), by_edge(other)
    assert found.keys() == expected.keys()
    np.testing.assert_allclose(other.atom_importance, one.atom_importance, rtol=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_an_atom_is_explained_by_what_it_can_hear(small, method):
    structures, _, _ = small
    y = [np.arange(len(s), dtype=float) for s in structures]
    model = LocalMLPRegressor(**QUICK, n_channels=4, target_level="atom")
    model.fit(structures, y)
    cell = crystal_of("cubic") * (3, 1, 1)
    explanation = explain(model, cell, 5, method=method, n_steps=FEW[method])
    assert explanation.prediction == pytest.approx(model.predict([cell])[0][5])
    assert set(explanation.edge_index[1]) == {5}
    near = {n.index for n in cell.get_neighbors(cell[5], 5.0)} | {5}
    assert len(near) < len(cell)
    matters = np.flatnonzero(explanation.atom_importance)
    assert set(matters) <= near
    assert len(matters) > 2


# What is left behind


@pytest.mark.parametrize("method", METHODS)
def test_the_model_and_the_random_numbers_stay_as_they_were(trained, crystal, method):
    network = trained.net_.module_
    network.train()
    network.zero_grad()  # of the last step of training
    before = copy.deepcopy(network)
    generator = torch.get_rng_state()
    one = explain(trained, crystal, method=method, n_steps=FEW[method])
    assert torch.equal(torch.get_rng_state(), generator)
    assert network.training
    network.eval()
    for name, value in before.state_dict().items():
        assert torch.equal(network.state_dict()[name], value), name
    for parameter in network.parameters():
        assert parameter.grad is None
        assert parameter.requires_grad
    assert not any(module._forward_hooks for module in network.modules())
    again = explain(trained, crystal, method=method, n_steps=FEW[method])
    np.testing.assert_array_equal(one.edge_importance, again.edge_importance)
    np.testing.assert_array_equal(one.atom_importance, again.atom_importance)


# Models about models


def test_an_ensemble_is_explained_by_the_mean_of_its_members(small, crystal):
    structures, y, _ = small
    model = make_pipeline(CrystalGraphTransformer(cutoff=5.5), GCNRegressor(**QUICK))
    ensemble = EnsembleRegressor(model, 2, random_state=0).fit(structures, y[:, 0])
    explanation = explain(ensemble, crystal)
    parts = [explain(member, crystal) for member in ensemble.estimators_]
    assert explanation.edge_distance.max() > 5.0
    assert explanation.prediction == pytest.approx(ensemble.predict([crystal])[0])
    np.testing.assert_allclose(
        explanation.edge_importance, np.mean([p.edge_importance for p in parts], axis=0)
    )
    assert_adds_up(explanation, 0.03)


def test_what_wraps_a_network_does_not_change_its_explanation(small, crystal):
    structures, y, _ = small
    model = GCNRegressor(**QUICK, dropout=0.2)
    search = GridSearchCV(model, {"dropout": [0.1]}, cv=2)
    search.fit(structures, y[:, 0])
    calibrated = CalibratedRegressor(
        search.best_estimator_, calibration_fraction=0.4, random_state=0
    )
    calibrated.fit(structures, y[:, 0])
    for outer, inner in (
        (search, search.best_estimator_),
        (calibrated, calibrated.estimator_),
    ):
        np.testing.assert_array_equal(
            explain(outer, crystal, method="gradient").edge_importance,
            explain(inner, crystal, method="gradient").edge_importance,
        )


# Errors


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"atom": 0}, "predicts targets of crystals"),
        ({"target": "band_gap"}, "only target_0"),
        ({"target": 1}, "only target_0"),
        ({"method": "lime"}, "'integrated_gradients', 'gradient', 'gnn_explainer'"),
        ({"method": "gradient", "n_steps": 5}, "takes no steps"),
        ({"n_steps": 0}, "n_steps is 0"),
        ({"structure": "NaCl"}, "not a crystal"),
    ],
    ids=str,
)
def test_errors_say_what_is_wrong(trained, crystal, arguments, message):
    error = TypeError if "structure" in arguments else ValueError
    arguments = {"structure": crystal, **arguments}
    with pytest.raises(error, match=message):
        explain(trained, **arguments)


@pytest.mark.parametrize(
    ("atom", "message"),
    [(None, "say which of the"), (-1, "numbered 0 to"), (99, "numbered 0 to")],
)
def test_an_atom_must_be_one_of_the_sites(planted, crystal, atom, message):
    with pytest.raises(ValueError, match=message):
        explain(planted[0]["atom"], crystal, atom)


def test_a_target_must_be_named_if_there_are_several(small, crystal):
    structures, y, _ = small
    model = GCNRegressor(**QUICK).fit(structures, y)
    with pytest.raises(ValueError, match="give one of 'target_0', 'target_1'"):
        explain(model, crystal)


def test_a_class_must_be_one_of_the_models(small, crystal):
    structures, y, _ = small
    model = GCNClassifier(**QUICK).fit(structures, y[:, 1] > 0)
    with pytest.raises(ValueError, match="none of the model's classes: False, True"):
        explain(model, crystal, target="metal")


def test_models_that_are_not_fitted_are_refused(crystal):
    network = GCNRegressor()
    for model in (
        network,
        make_pipeline(CrystalGraphTransformer(), network),
        EnsembleRegressor(network),
        CalibratedRegressor(network),
    ):
        with pytest.raises(NotFittedError):
            explain(model, crystal)


def test_models_that_make_something_else_of_networks_are_refused(small, crystal):
    structures, y, _ = small
    graphs = CrystalGraphTransformer().transform(structures)
    voting = VotingRegressor([("a", GCNRegressor(**QUICK))], weights=[2.0])
    object_array = np.empty(len(structures), dtype=object)
    object_array[:] = structures
    strange = (
        voting.fit(object_array, y[:, 0]),
        DummyRegressor().fit(np.zeros((2, 1)), [0, 1]),
        make_pipeline(FunctionTransformer(), GCNRegressor(**QUICK)).fit(
            structures, y[:, 0]
        ),
    )
    for model in strange:
        with pytest.raises(TypeError, match=r"the network itself|pipeline"):
            explain(model, crystal)
    unknown = CrystalGraphs.from_data_list(list(graphs))
    model = GCNRegressor(**QUICK).fit(unknown, y[:, 0])
    with pytest.raises(ValueError, match="do not say how they were made"):
        explain(model, crystal)
