"""Crystals that periodic graphs do not distinguish, as in `docs/periodic-graphs.md`.

Networks here are hardly trained: if random weights give two crystals different outputs,
training can separate them; if the outputs agree for any weights, it cannot.
"""

from collections import Counter

import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st
from numpy.testing import assert_allclose
from pymatgen.analysis.diffraction.xrd import XRDCalculator
from pymatgen.analysis.ewald import EwaldSummation
from pymatgen.core import Lattice, Species, Structure

from skcrystal import (
    AngularCoGNRegressor,
    CGCNNRegressor,
    CoGNRegressor,
    CrystalGraphTransformer,
    GCNRegressor,
    MEGNetRegressor,
    SchNetRegressor,
)
from skcrystal.datasets import load_pbe_prototypes

NEAREST_12 = {"cutoff": 8.0, "max_neighbors": 12}
SAME = {"rtol": 0, "atol": 2e-6}  # eV/atom and eV; rounding leaves up to 5e-7
APART = 1e-4

pytestmark = pytest.mark.filterwarnings("ignore:X holds elements")


def predict(kind, crystals, *, parameters=None, **graphs):
    """Predictions (n, 2) of a network that has seen a few cubic crystals."""
    transformer = CrystalGraphTransformer(
        on_isolated="nearest", vectors=kind()._needs_vectors, **graphs
    )
    X, y = load_pbe_prototypes(return_X_y=True)
    network = kind(hidden_dim=16, max_epochs=3, random_state=0, **(parameters or {}))
    network.fit(transformer.transform(X[::30]), y[::30])
    return network.predict(transformer.transform(crystals))


def gap(predictions):
    """Largest difference between two crystals' predictions."""
    return np.abs(predictions[0] - predictions[1]).max()


def neighbours(crystal, reach, decimals=2):
    """Share of atoms with each set of neighbours, by element and distance."""
    target, neighbor, _, distance = crystal.get_neighbor_list(reach)
    seen = [[] for _ in crystal]
    for i, j, r in zip(target, neighbor, distance, strict=True):
        seen[i].append((round(float(r), decimals), crystal[int(j)].specie.Z))
    shells = Counter(
        (site.specie.Z, tuple(sorted(around)))
        for site, around in zip(crystal, seen, strict=True)
    )
    return {shell: count / len(crystal) for shell, count in shells.items()}


# Stackings

_SHIFTS = {"A": (0, 0), "B": (1 / 3, 2 / 3), "C": (2 / 3, 1 / 3)}


def stack(layers, a, spacing, content):
    """Stack equal layers: where each stands, and its atoms' height in Å and element.

    An atom whose own shift is given stands there relative to its layer.
    """
    sites, elements = [], []
    for k, layer in enumerate(layers):
        for element, height, shift in content:
            x, y = np.add(_SHIFTS[layer], _SHIFTS[shift])
            sites.append([x, y, (k + height / spacing) / len(layers)])
            elements.append(element)
    return Structure(Lattice.hexagonal(a, len(layers) * spacing), elements, sites)


def close_packing(layers):
    """Cobalt's packings, 2.51 Å between neighbours, with ideal distances."""
    return stack(layers, 2.51, 2.51 * (2 / 3) ** 0.5, [("Co", 0, "A")])


def tetrahedral(layers):
    """ZnS with ideal tetrahedra, 2.34 Å between neighbours."""
    a = 2.34 * (8 / 3) ** 0.5
    content = [("Zn", 0, "A"), ("S", 2.34, "A")]
    return stack(layers, a, a * (2 / 3) ** 0.5, content)


def graphite(layers, spacing=3.35):
    return stack(layers, 2.46, spacing, [("C", 0, "A"), ("C", 0, "B")])


def lead_iodide(layers):
    """Lead between two layers of iodine, as in CdI2 ("A") and in CdCl2 ("ACB")."""
    content = [("I", -1.80, "B"), ("Pb", 0, "A"), ("I", 1.80, "C")]
    return stack(layers, 4.56, 6.98, content)


@pytest.mark.parametrize(
    ("one", "other", "space_groups", "first"),
    [
        (close_packing("ABC"), close_packing("AB"), (225, 194), 4.10),
        (tetrahedral("ABC"), tetrahedral("AB"), (216, 186), 3.90),
        (tetrahedral("ABCB"), tetrahedral("ABCACB"), (186, 186), 3.90),
        (lead_iodide("A"), lead_iodide("ACB"), (164, 166), 5.18),
    ],
    ids=["fcc-hcp", "zincblende-wurtzite", "4H-6H", "PbI2 2H-3R"],
)
@pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING")  # spglib's own
def test_stackings_differ_only_beyond_their_common_shells(
    one, other, space_groups, first
):
    groups = [crystal.get_space_group_info()[1] for crystal in (one, other)]
    assert groups == list(space_groups)
    assert neighbours(one, first - 0.02) == neighbours(other, first - 0.02)
    assert neighbours(one, first + 0.02) != neighbours(other, first + 0.02)
    for kind in (CGCNNRegressor, SchNetRegressor):
        near = predict(kind, [one, other], cutoff=first - 0.02)
        assert_allclose(near[0], near[1], **SAME)
    # Messages vanish at the cutoff, which is therefore set beyond this distance.
    far = predict(CGCNNRegressor, [one, other], cutoff=first + 1.5)
    assert gap(far) > APART


def test_angles_of_odd_degree_part_close_packings_in_the_first_shell():
    """The shells have equal second moments; only that of fcc has an inversion."""
    pair = [close_packing("ABC"), close_packing("AB")]
    for graphs in ({"cutoff": 3.4}, {**NEAREST_12, "whole_shells": True}):
        gaps = [
            gap(predict(AngularCoGNRegressor, pair, parameters=degree, **graphs))
            for degree in ({"l_max": 2}, {"l_max": 3})
        ]
        assert gaps[0] < SAME["atol"]
        assert gaps[1] > APART / 10


def test_zincblende_and_wurtzite_share_their_sixteen_nearest():
    pair = [tetrahedral("ABC"), tetrahedral("AB")]
    graphs = {**NEAREST_12, "whole_shells": True}
    assert gap(predict(CGCNNRegressor, pair, **graphs)) < SAME["atol"]


@pytest.mark.parametrize("kind", [CGCNNRegressor, AngularCoGNRegressor])
def test_the_twelve_nearest_of_graphite_lie_in_its_layer(kind):
    crystals = [
        graphite("AB"),
        graphite("ABC"),
        graphite("A"),
        graphite("AB", spacing=2.9),
        graphite("AB", spacing=7.5),
    ]
    predictions = predict(kind, crystals, **NEAREST_12)
    assert_allclose(predictions, np.tile(predictions[0], (5, 1)), **SAME)


def test_all_within_five_angstrom_join_the_layers_of_graphite():
    crystals = [graphite("AB"), graphite("A"), graphite("AB", spacing=4.0)]
    predictions = predict(CGCNNRegressor, crystals, cutoff=5.0)
    assert np.ptp(predictions, axis=0).min() > APART
    assert gap(predictions[:2]) > APART


# Crystals with equal distances

positions = st.floats(0.0, 1.0)


def twins(p, q, r, s, a=4.4):
    """Two crystals of three atoms in a cube, with equal distances throughout.

    The lattice's symmetry makes each distance from Zn to O, and from S to O, what it is
    in the other crystal, but by two different operations.
    """
    zinc, sulphur = [0, 0, 0], [p + 0.5, p, q]
    return [
        Structure(Lattice.cubic(a), ["Zn", "S", "O"], [zinc, sulphur, oxygen])
        for oxygen in ([r, 2 * p - r, s], [2 * p - r, r, s])
    ]


TWINS = twins(0.1, 0.35, 0.45, 0.7)


@given(p=positions, q=positions, r=positions, s=positions)
@settings(max_examples=15, deadline=None)
def test_some_crystals_share_every_distance(p, q, r, s):
    pair = twins(p, q, r, s)
    for crystal in pair:
        assume((crystal.distance_matrix + 9 * np.eye(3)).min() > 0.5)
    one, other = (distances_by_pair(crystal, 7.919) for crystal in pair)
    for sites in one:
        assert_allclose(one[sites], other[sites], atol=1e-9)


def distances_by_pair(crystal, reach):
    """Ascending distances from each site to all images of each other."""
    target, neighbor, _, distance = crystal.get_neighbor_list(reach)
    return {
        (i, j): np.sort(distance[(target == i) & (neighbor == j)])
        for i in range(len(crystal))
        for j in range(len(crystal))
    }


def test_no_cutoff_parts_crystals_of_equal_distances():
    charges = {"Zn": 4, "S": -2, "O": -2}
    for kind in (CGCNNRegressor, SchNetRegressor, CoGNRegressor):
        for cutoff in (4.0, 9.0):
            assert gap(predict(kind, TWINS, cutoff=cutoff)) < SAME["atol"]
    assert gap(predict(AngularCoGNRegressor, TWINS, cutoff=5.0)) > APART
    # Nor does any energy that is a sum over pairs.
    energies = []
    for crystal in TWINS:
        crystal = crystal.copy()
        crystal.add_oxidation_state_by_element(charges)
        energies.append(EwaldSummation(crystal).total_energy)
    assert_allclose(energies[0], energies[1], rtol=1e-9)
    # Nor does a powder, whose pattern is made of distances.
    one, other = (XRDCalculator().get_pattern(crystal) for crystal in TWINS)
    assert_allclose(one.x, other.x)
    assert_allclose(one.y, other.y)


def test_mirror_images_are_one():
    right = Structure.from_spacegroup(
        "P3_121",
        Lattice.hexagonal(4.91, 5.40),
        ["Si", "O"],
        [[0.47, 0, 1 / 3], [0.413, 0.267, 0.452]],
    )
    mirrored = Lattice(right.lattice.matrix * [1, 1, -1])
    left = Structure(mirrored, right.species, right.frac_coords)
    for parameters in ({"l_max": 3}, {}):
        pair = predict(AngularCoGNRegressor, [right, left], parameters=parameters)
        assert_allclose(pair[0], pair[1], **SAME)


# Long distances and missing atoms


def polar_layers(aligned, gap=6.0):
    """Two layers of ZnS, 0.8 Å from Zn to S, whose dipoles agree or oppose."""
    height = gap + 0.8
    second = [("Zn", 0.0, "A"), ("S", 0.8, "B")]
    if not aligned:
        second = [("S", 0.0, "B"), ("Zn", 0.8, "A")]
    content = [("Zn", 0.0, "A"), ("S", 0.8, "B")]
    content += [(element, height + z, shift) for element, z, shift in second]
    return stack("A", 3.82, 2 * height, content)


@pytest.mark.parametrize("kind", [CGCNNRegressor, AngularCoGNRegressor])
def test_parts_beyond_the_cutoff_exchange_no_messages(kind):
    pair = [polar_layers(True), polar_layers(False)]
    assert gap(predict(kind, pair, cutoff=5.0)) < SAME["atol"]
    assert gap(predict(kind, pair, cutoff=8.0)) > APART / 10


def test_the_electrostatic_energy_reaches_farther():
    energies = []
    for aligned in (True, False):
        crystal = polar_layers(aligned)
        crystal.add_oxidation_state_by_element({"Zn": 2, "S": -2})
        energies.append(EwaldSummation(crystal).total_energy / len(crystal))
    assert abs(energies[0] - energies[1]) > 1.0  # eV/atom, of formal charges


def test_spins_and_charges_leave_no_trace():
    sites = [[0, 0, 0], [0.5, 0.5, 0.5]]
    kinds = [
        ["Fe", "Fe"],
        [Species("Fe", 0, spin=2.2), Species("Fe", 0, spin=2.2)],
        [Species("Fe", 0, spin=2.2), Species("Fe", 0, spin=-2.2)],
        [Species("Fe", 2), Species("Fe", 3)],
    ]
    crystals = [Structure(Lattice.cubic(2.87), kind, sites) for kind in kinds]
    first, *others = (CrystalGraphTransformer().transform([s]) for s in crystals)
    assert all(graphs == first for graphs in others)


@pytest.mark.parametrize("kind", [CGCNNRegressor, CoGNRegressor])
def test_a_cut_through_neighbours_makes_predictions_jump(kind):
    """A bcc crystal stretched by 1e-4 has 12 neighbours where the cubic one has 14."""
    strains = (0.0, 1e-4)
    crystals = [
        Structure(
            Lattice.tetragonal(2.87 / (1 + x) ** 0.5, 2.87 * (1 + x)),
            ["Fe", "Fe"],
            [[0, 0, 0], [0.5, 0.5, 0.5]],
        )
        for x in strains
    ]
    jump = gap(predict(kind, crystals, **NEAREST_12, whole_shells=True))
    smooth = gap(predict(kind, crystals, cutoff=5.0))
    assert smooth < 1e-5
    assert jump > 1e-3


def stackings_of_equal_bonds():
    """A chain, a square layer and a cubic lattice of 2.5 Å: 2, 4 and 6 neighbours."""
    far = 12.0  # beyond any cutoff here
    cells = [(2.5, far, far), (2.5, 2.5, far), (2.5, 2.5, 2.5)]
    return [Structure(Lattice.orthorhombic(*cell), ["Cu"], [[0] * 3]) for cell in cells]


@pytest.mark.parametrize("kind", [GCNRegressor, MEGNetRegressor])
def test_means_over_neighbours_do_not_count_them(kind):
    predicted = predict(kind, stackings_of_equal_bonds(), cutoff=3.0)
    assert_allclose(predicted, predicted[[0, 0, 0]], **SAME)


def test_sums_over_neighbours_count_them():
    predicted = predict(SchNetRegressor, stackings_of_equal_bonds(), cutoff=3.0)
    assert gap(predicted[:2]) > APART
    assert gap(predicted[1:]) > APART


def test_an_element_has_no_structure_for_plain_convolutions():
    fcc = Structure.from_spacegroup("Fm-3m", Lattice.cubic(3.6), ["Cu"], [[0, 0, 0]])
    bcc = Structure.from_spacegroup("Im-3m", Lattice.cubic(2.9), ["Cu"], [[0, 0, 0]])
    predicted = predict(GCNRegressor, [fcc, bcc], cutoff=5.0)
    assert_allclose(predicted[0], predicted[1], **SAME)
    assert gap(predict(SchNetRegressor, [fcc, bcc], cutoff=5.0)) > APART
