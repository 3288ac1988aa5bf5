"""What a prediction must not depend on, and what it must."""

import numpy as np
import pytest
from models import INVARIANT_IN_EXPECTATION, transformer_for
from numpy.testing import assert_allclose
from pymatgen.core import Lattice, Structure
from scipy.spatial.transform import Rotation
from sklearn.base import clone

from skcrystal import GCNRegressor

CLOSE = {"rtol": 1e-5, "atol": 2e-5}  # eV/atom, eV


@pytest.fixture(scope="module")
def crystals(small, skewed):
    return [skewed, *small[0][:6]]


pytestmark = pytest.mark.filterwarnings("ignore:X holds elements that the model was")


def test_translation(fitted, crystals):
    moved = []
    for structure in crystals:
        structure = structure.copy()
        structure.translate_sites(
            range(len(structure)), [0.37, -1.21, 5.83], to_unit_cell=False
        )
        moved.append(structure)
    assert_allclose(fitted.predict(moved), fitted.predict(crystals), **CLOSE)


def test_wrapping_into_the_cell(fitted, crystals):
    wrapped = [Structure(s.lattice, s.species, s.frac_coords % 1.0) for s in crystals]
    assert_allclose(fitted.predict(wrapped), fitted.predict(crystals), **CLOSE)


def test_rotation_and_reflection(fitted, crystals):
    turn = Rotation.from_rotvec([0.4, -1.1, 2.0]).as_matrix()
    expected = fitted.predict(crystals)
    for matrix in (turn, -turn):
        turned = [
            Structure(Lattice(s.lattice.matrix @ matrix.T), s.species, s.frac_coords)
            for s in crystals
        ]
        if isinstance(fitted, INVARIANT_IN_EXPECTATION):
            error = fitted.predict(turned) - expected
            assert (np.abs(error).max(0) < 2e-3 * expected.std(0)).all()
        else:
            assert_allclose(fitted.predict(turned), expected, **CLOSE)


def test_permutation_of_sites(fitted, crystals):
    turned = [Structure.from_sites(list(reversed(s))) for s in crystals]
    assert_allclose(fitted.predict(turned), fitted.predict(crystals), **CLOSE)


def test_choice_of_cell(fitted, crystals):
    """Other lattice vectors, same crystal."""
    other = []
    for s in crystals:
        cell = np.array([[1, 1, 0], [0, 1, 0], [0, -2, 1]]) @ s.lattice.matrix
        other.append(
            Structure(
                Lattice(cell), s.species, s.cart_coords, coords_are_cartesian=True
            )
        )
    assert_allclose(fitted.predict(other), fitted.predict(crystals), **CLOSE)


def test_supercell_leaves_intensive_targets(fitted, crystals):
    larger = [s * (2, 1, 3) for s in crystals]
    assert_allclose(fitted.predict(larger), fitted.predict(crystals), **CLOSE)


def test_supercell_multiplies_extensive_targets(model, small, graphs):
    sizes = graphs.n_atoms[:, None]
    model.set_params(pooling="sum").fit(graphs, small[1] * sizes)
    crystals = small[0][:6]
    larger = [s * (2, 1, 3) for s in crystals]
    assert_allclose(model.predict(larger), 6 * model.predict(crystals), **CLOSE)


def test_whole_shells_make_nearest_neighbour_graphs_invariant(model, small):
    transformer = transformer_for(model, cutoff=8.0, max_neighbors=9, whole_shells=True)
    model.fit(transformer.transform(small[0]), small[1])
    crystals = small[0][:6]
    expected = model.predict(transformer.transform(crystals))
    changed = [Structure.from_sites(list(reversed(s))) * (1, 2, 1) for s in crystals]
    assert_allclose(model.predict(transformer.transform(changed)), expected, **CLOSE)


def test_prediction_depends_on_elements_and_on_distances(fitted, small):
    salt = next(s for s in small[0] if len(s) == 2)
    expected = fitted.predict([salt])
    if not isinstance(fitted, GCNRegressor):  # it only sees shares of weights
        wider = salt.copy()
        wider.scale_lattice(1.1 * salt.volume)
        # Rounding makes a thousandth of it.
        assert np.abs(fitted.predict([wider]) - expected).max() > 1e-4
    swapped = salt.copy()
    swapped.replace(0, "O")
    swapped.replace(1, "Ca")
    assert np.abs(fitted.predict([swapped]) - expected).max() > 1e-3


@pytest.mark.learning
def test_one_atom_cells_train_and_predict(model):
    """All neighbours of a one-atom cell are images of the atom itself."""
    metals = [
        Structure(Lattice.cubic(a), [e], [[0, 0, 0]])
        for e, a in (("Po", 3.35), ("Na", 3.6), ("K", 4.4), ("Li", 3.0))
    ]
    y = np.array([0.1, 0.4, 0.2, 0.3])
    model.set_params(max_epochs=60, lr=0.01).fit(metals, y)
    assert_allclose(
        model.predict([m * 2 for m in metals]), model.predict(metals), **CLOSE
    )
    assert np.ptp(model.predict(metals)) > 0.05


@pytest.mark.learning
def test_networks_learn_a_law_of_distance(model):
    """The nearest distance of crystals that differ in nothing else."""
    if isinstance(model, GCNRegressor):
        pytest.skip("GCN sees distances only as shares of neighbours' weights")
    lengths = np.linspace(3.2, 4.8, 40)
    X = [
        Structure(Lattice.cubic(a), ["Na", "Cl"], [[0] * 3, [0.5] * 3]) for a in lengths
    ]
    y = lengths * 3**0.5 / 2
    model = clone(model).set_params(
        hidden_dim=16, max_epochs=100, lr=5e-3, batch_size=8
    )
    model.fit(X[::2], y[::2])
    error = np.abs(model.predict(X[1::2]) - y[1::2]).mean()
    assert error < 0.2 * np.abs(y - y.mean()).mean()
