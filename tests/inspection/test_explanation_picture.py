"""Pictures of explanations show what the numbers say."""

import numpy as np
import pytest
from crystals import crystal_of

from skcrystal import SchNetRegressor
from skcrystal.inspection import explain, plot_explanation

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402

QUICK = {"hidden_dim": 8, "n_layers": 1, "max_epochs": 2, "random_state": 0}
pytestmark = pytest.mark.filterwarnings("ignore:X holds elements")


@pytest.fixture(scope="module")
def explanation(small):
    structures, y, _ = small
    model = SchNetRegressor(**QUICK).fit(structures, y[:, 0])
    return explain(model, crystal_of("hexagonal"), method="gradient")


@pytest.fixture(scope="module")
def of_atom(small):
    structures, _, _ = small
    model = SchNetRegressor(**QUICK, target_level="atom")
    model.fit(structures, [np.arange(len(s), dtype=float) for s in structures])
    return explain(model, crystal_of("cubic") * (3, 1, 1), 5, method="gradient")


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def edges_in(ax):
    """Ends of the edges that are drawn, (edges, 2, 3), and their widths."""
    ax.figure.canvas.draw()
    (lines,) = [c for c in ax.collections if hasattr(c, "_segments3d")]
    return np.asarray(lines._segments3d), lines.get_linewidths()


def test_the_strongest_edges_are_drawn_from_their_targets(explanation):
    ax = explanation.plot(n_edges=5)
    segments, widths = edges_in(ax)
    strength = np.abs(explanation.edge_importance)
    least = np.sort(strength)[-5]
    shown = np.flatnonzero(strength >= least * (1 - 1e-4))
    assert 5 <= len(segments) == len(shown) < len(strength)
    assert max(widths) > min(widths) or np.ptp(strength[shown]) < 1e-4 * least
    half = np.linalg.norm(segments[:, 1] - segments[:, 0], axis=1)
    lengths = explanation.edge_distance[shown]
    np.testing.assert_allclose(np.sort(half), np.sort(lengths / 2), rtol=1e-5)
    sites = explanation.structure.cart_coords
    gap = np.linalg.norm(segments[:, 0, None] - sites, axis=2).min(axis=1)
    assert gap.max() < 1e-6


def test_axes_have_units_and_atoms_their_elements(explanation):
    ax = plot_explanation(explanation)
    assert {ax.get_xlabel(), ax.get_ylabel(), ax.get_zlabel()} == {
        f"{axis} (Å)" for axis in "xyz"
    }
    symbols = sorted(text.get_text() for text in ax.texts)
    assert symbols == sorted(s.specie.symbol for s in explanation.structure)
    bars = {other.get_ylabel() for other in ax.figure.axes if other is not ax}
    assert bars == {"importance of edges", "importance of elements"}
    assert "target_0" in ax.get_title()
    ax = plot_explanation(explanation, unit="eV/atom")
    assert ax.get_title().endswith(" eV/atom")
    bars = {other.get_ylabel() for other in ax.figure.axes if other is not ax}
    by_gradients = explanation.method != "gnn_explainer"
    assert all(bar.endswith(" (eV/atom)") == by_gradients for bar in bars)


def test_an_atom_is_drawn_among_what_it_hears(of_atom):
    ax = of_atom.plot(n_edges=100)
    segments, _ = edges_in(ax)
    place = of_atom.structure.cart_coords[5]
    # One layer: all edges end in the atom, where it is.
    np.testing.assert_allclose(segments[:, 0], np.tile(place, (len(segments), 1)))
    ((x, y, z),) = [c._offsets3d for c in ax.collections if hasattr(c, "_offsets3d")]
    drawn = np.stack([x, y, z], axis=1)
    assert len(drawn) < len(of_atom.structure)
    # Each where it is nearest, be it in another cell.
    assert np.linalg.norm(drawn - place, axis=1).max() <= 5.0
    assert "site 5" in ax.get_title()


def test_given_axes_are_used_and_must_have_three_dimensions(explanation):
    figure = plt.figure()
    ax = figure.add_subplot(projection="3d")
    assert explanation.plot(ax=ax) is ax
    with pytest.raises(ValueError, match="two dimensions"):
        explanation.plot(ax=plt.subplots()[1])
    with pytest.raises(ValueError, match="n_edges is 0"):
        explanation.plot(n_edges=0)
