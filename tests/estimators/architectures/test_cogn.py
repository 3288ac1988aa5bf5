"""Networks with states on edges: what they ask for, and what angles bring."""

import numpy as np
import pytest
from models import QUICK, transformer_for
from numpy.testing import assert_allclose
from pymatgen.core import Lattice, Structure

from skcrystal import (
    AngularCoGNRegressor,
    CoGNRegressor,
    CrystalGraphTransformer,
)

BOTH = [AngularCoGNRegressor, CoGNRegressor]


@pytest.fixture(scope="module")
def chains():
    """Selenium chains with bonds of 2.4 Å, and the angles between those in degrees."""
    angles = np.linspace(95, 175, 40)
    structures = []
    for half in np.radians(angles) / 2:
        length, height = 4.8 * np.sin(half), 2.4 * np.cos(half)
        structures.append(
            Structure(
                Lattice.orthorhombic(length, 12, 12),
                ["Se", "Se"],
                [[0, 0, 0], [length / 2, height, 0]],
                coords_are_cartesian=True,
            )
        )
    # Second neighbours, whose distance tells the angle, are 3.5 Å away or more.
    graphs = CrystalGraphTransformer(cutoff=3.2, vectors=True).transform(structures)
    assert_allclose(graphs.distances, 2.4, rtol=1e-5)
    return graphs, angles


def relative_error(estimator, chains, **parameters):
    """Error on every other chain, trained on the rest; 1 is that of their mean."""
    graphs, angles = chains
    model = estimator(
        hidden_dim=16,
        edge_dim=16,
        n_layers=2,
        max_epochs=80,
        lr=5e-3,
        batch_size=8,
        random_state=0,
        **parameters,
    )
    model.fit(graphs[::2], angles[::2])
    error = np.abs(model.predict(graphs[1::2]) - angles[1::2]).mean()
    return error / np.abs(angles - angles.mean()).mean()


@pytest.mark.learning
def test_distances_do_not_tell_a_law_of_angles(chains):
    assert relative_error(CoGNRegressor, chains) > 0.9


@pytest.mark.learning
@pytest.mark.parametrize("l_max", [1, 2])
def test_a_law_of_angles_is_learned(chains, l_max):
    parameters = {"n_channels": 8, "l_max": l_max}
    assert relative_error(AngularCoGNRegressor, chains, **parameters) < 0.3


@pytest.mark.parametrize("estimator", BOTH)
def test_merged_atoms_predict_what_every_site_does(estimator, small):
    model = estimator(**QUICK)
    merged, every_site = (
        transformer_for(
            model, cutoff=8.0, max_neighbors=12, whole_shells=True, reduce=reduce
        ).transform(small[0])
        for reduce in ("symmetry", None)
    )
    assert merged.n_atoms.sum() < every_site.n_atoms.sum()
    model.fit(merged, small[1])
    found, expected = model.predict(merged), model.predict(every_site)
    assert_allclose(found, expected, atol=1e-5, rtol=1e-5)


def test_graphs_without_vectors_are_refused(small, small_graphs):
    model = AngularCoGNRegressor(**QUICK)
    with pytest.raises(ValueError, match=r"without displacement.*vectors=True"):
        model.fit(small_graphs, small[1])
    model.fit(small[0], small[1])  # from crystals, they are made
    with pytest.raises(ValueError, match=r"without displacement.*vectors=True"):
        model.predict(small_graphs)


@pytest.mark.parametrize(
    ("estimator", "parameter", "value"),
    [
        (AngularCoGNRegressor, "l_max", 4),
        (AngularCoGNRegressor, "l_max", -1),
        (AngularCoGNRegressor, "l_max", 1.5),
        (AngularCoGNRegressor, "n_channels", 0),
        (CoGNRegressor, "edge_dim", 0),
        (CoGNRegressor, "n_basis", 1),
    ],
)
def test_parameters_out_of_range(small, estimator, parameter, value):
    model = estimator(**QUICK).set_params(**{parameter: value})
    with pytest.raises(ValueError, match=f"'{parameter}' parameter.*Got {value}"):
        model.fit(small[0], small[1])
