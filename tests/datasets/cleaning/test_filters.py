"""Filters by label: the selected rows, in all fields of a data set."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st
from sklearn.utils import Bunch

from skcrystal.datasets import filter_by_range, load_pbe_prototypes

LABELS = np.array([[-4.0, 0.0], [-3.5, 0.01], [0.5, 1.2], [np.nan, 1.0], [0.1, 2.0]])


@pytest.fixture
def bunch(prototypes):
    frame = prototypes.frame.iloc[:5].copy()
    names = ["formation_energy_per_atom", "band_gap"]
    frame[names] = LABELS
    return Bunch(
        data=frame["structure"].tolist(),
        target=frame[names].to_numpy(),
        target_names=names,
        groups=frame["formula"].to_numpy(),
        frame=frame,
        DESCR="Five crystals.\n",
        folds=[0, 1, 0, 1, 0],
    )


def test_ends_count_and_all_fields_are_cut_alike(bunch):
    cut = filter_by_range(bunch, formation_energy=(-3.5, 0.5), band_gap=(0.01, 1.2))
    assert cut.target.tolist() == LABELS[1:3].tolist()
    assert cut.data == bunch.data[1:3]
    assert cut.groups.tolist() == bunch.groups[1:3].tolist()
    assert cut.folds == [1, 0]
    pd.testing.assert_frame_equal(cut.frame, bunch.frame.iloc[1:3])
    assert cut.target_names == bunch.target_names
    assert cut.DESCR.startswith("Five crystals.")
    assert "2 of 5 crystals with -3.5 <= formation_energy_per_atom <= 0.5" in cut.DESCR
    assert len(bunch.data) == len(bunch.frame) == 5


@pytest.mark.parametrize(("missing", "kept"), [("drop", [2]), ("keep", [2, 3])])
def test_missing_labels(bunch, missing, kept):
    cut = filter_by_range(bunch, missing=missing, formation=(0.2, None))
    assert cut.frame.index.tolist() == bunch.frame.index[kept].tolist()


def test_columns_that_are_no_targets_and_open_ends(bunch):
    a = bunch.frame["lattice_constant"]
    cut = filter_by_range(bunch, lattice_constant=(a.median(), None))
    assert cut.frame["lattice_constant"].min() == a.median()
    assert len(cut.data) == 3


def test_as_many_targets_as_crystals(bunch):
    two = filter_by_range(bunch, band_gap=(1.1, None))
    one = filter_by_range(two, band_gap=(None, 1.5))
    assert one.target_names == bunch.target_names
    assert one.target.shape == (1, 2)


def test_splits_stay_splits_of_what_is_left(bunch):
    """Also where there are as many of them as crystals."""
    rows = np.arange(5)
    bunch.folds = [(np.delete(rows, k), rows[[k]]) for k in rows]
    bunch.missing, bunch.ignored_ = list("abcde"), list("fghij")
    cut = filter_by_range(bunch, band_gap=(0.01, 1.2))  # rows 1, 2 and 3
    assert [[*map(list, pair)] for pair in cut.folds] == [
        [[0, 1, 2], []],
        [[1, 2], [0]],
        [[0, 2], [1]],
        [[0, 1], [2]],
        [[0, 1, 2], []],
    ]
    assert cut.missing == bunch.missing
    assert cut.ignored_ == bunch.ignored_


@pytest.mark.parametrize("n_sites", [(2, 2, 2), (2, 3, 2)])
def test_labels_of_sites_are_refused(bunch, n_sites):
    target = [np.arange(n) / n for n in n_sites]
    bare = Bunch(data=bunch.data[:3], target=target, target_names=["barrier"])
    with pytest.raises(ValueError, match="'barrier' is a label of sites"):
        filter_by_range(bare, barrier=(0.1, 1))


def test_no_range_keeps_all_and_says_nothing(bunch):
    cut = filter_by_range(bunch)
    assert cut.data == bunch.data
    assert cut.DESCR == bunch.DESCR


def test_a_bunch_without_a_frame(bunch):
    bare = Bunch(data=bunch.data, target=LABELS[:, 1], target_names=["gap"])
    assert filter_by_range(bare, gap=(1, 1.5)).target.tolist() == [1.2, 1.0]


@given(ends=st.tuples(st.floats(-5, 3), st.floats(-5, 3)).map(sorted))
def test_what_stays_is_inside_and_what_goes_is_not(prototypes, ends):
    energy = prototypes.target[:, 0]
    inside = (energy >= ends[0]) & (energy <= ends[1])
    if not inside.any():
        with pytest.raises(ValueError, match="none of 1097"):
            filter_by_range(prototypes, formation_energy=tuple(ends))
        return
    cut = filter_by_range(prototypes, formation_energy=tuple(ends))
    np.testing.assert_array_equal(cut.target, prototypes.target[inside])
    assert len(cut.data) == len(cut.groups) == len(cut.frame) == inside.sum()


@pytest.mark.parametrize("as_frame", [False, True])
def test_the_form_stays(as_frame):
    bunch = load_pbe_prototypes(as_frame=as_frame)
    cut = filter_by_range(bunch, band_gap=(0.01, 1.2))
    assert type(cut.data) is type(bunch.data)
    assert type(cut.target) is type(bunch.target)


@pytest.mark.parametrize(
    ("ranges", "error", "message"),
    [
        ({"gap": (0, 1)}, ValueError, "'gap' is not a column.*band_gap"),
        ({"band_gap": (2, 1)}, ValueError, "low is above high"),
        ({"band_gap": 1}, TypeError, "band_gap=1 is not a range"),
        ({"prototype": (0, 1)}, ValueError, "no numbers"),
        ({"band_gap": (9, 10)}, ValueError, "none of 5"),
        ({"": (0, 1)}, ValueError, "begins several targets"),
        ({"missing": "fill"}, ValueError, "missing='fill'"),
    ],
)
def test_mistakes_are_named(bunch, ranges, error, message):
    with pytest.raises(error, match=message):
        filter_by_range(bunch, **ranges)
    with pytest.raises(TypeError, match="Bunch"):
        filter_by_range(bunch.frame, band_gap=(0, 1))
