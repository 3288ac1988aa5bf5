"""Splits keep apart what they promise to keep apart, in every form of crystals."""

import copy
import pickle
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st
from sklearn import config_context
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    cross_val_predict,
    cross_val_score,
    cross_validate,
)
from sklearn.pipeline import make_pipeline

from skcrystal import CrystalGraphs, CrystalGraphTransformer
from skcrystal.datasets import load_pbe_prototypes
from skcrystal.model_selection import (
    ChemicalSystemKFold,
    ChemicalSystemShuffleSplit,
    FormulaKFold,
    FormulaShuffleSplit,
    LeaveOneClusterOut,
    LeaveOneElementOut,
    chemical_groups,
    train_test_split_by_formula,
)

# What is left out is met in testing for the first time.
pytestmark = pytest.mark.filterwarnings(
    "ignore:X holds elements that the model was not:UserWarning"
)

KFOLDS = {FormulaKFold: "formula", ChemicalSystemKFold: "chemical_system"}
SHUFFLES = {
    FormulaShuffleSplit: "formula",
    ChemicalSystemShuffleSplit: "chemical_system",
}
SPLITTERS = [
    FormulaKFold(3),
    FormulaKFold(3, shuffle=True, random_state=1),
    ChemicalSystemKFold(3),
    FormulaShuffleSplit(2, test_size=0.25, random_state=0),
    ChemicalSystemShuffleSplit(2, test_size=8, random_state=0),
    LeaveOneElementOut(min_test=5),
    LeaveOneClusterOut(n_clusters=3, random_state=0),
]
by_splitter = pytest.mark.parametrize("cv", SPLITTERS, ids=repr)


def polymorphs():
    """Crystals of the formulas and systems with most of them, and a few others."""
    data = load_pbe_prototypes()
    systems = chemical_groups(data.data, by="chemical_system")
    common = [system for system, _ in Counter(systems).most_common(15)]
    rows = np.flatnonzero(np.isin(systems, common))
    return [data.data[i] for i in (*rows, *range(0, 1097, 40))]


POOL = polymorphs()
samples = st.lists(st.integers(0, len(POOL) - 1), min_size=12, max_size=60)
seeds = st.integers(0, 1000)


def take(rows):
    return [POOL[i] for i in rows]


def listed(cv, X):
    return [(train.tolist(), test.tolist()) for train, test in cv.split(X)]


@given(samples, seeds, st.integers(2, 5), st.sampled_from([*KFOLDS]), st.booleans())
def test_folds_part_no_group_and_test_every_crystal_once(
    rows, seed, n_splits, kind, shuffle
):
    X = take(rows)
    groups = chemical_groups(X, by=KFOLDS[kind])
    cv = kind(n_splits, shuffle=shuffle, random_state=seed if shuffle else None)
    if len(set(groups)) < n_splits:
        with pytest.raises(ValueError, match=rf"have {len(set(groups))} different"):
            listed(cv, X)
        return
    splits = list(cv.split(X))
    assert len(splits) == cv.get_n_splits(X) == n_splits
    tested = np.concatenate([test for _, test in splits])
    assert sorted(tested) == list(range(len(X)))
    for train, test in splits:
        assert sorted([*train, *test]) == list(range(len(X)))
        assert not set(groups[train]) & set(groups[test])
    # No fold outweighs another by more than a group.
    sizes = [len(test) for _, test in splits]
    assert max(sizes) - min(sizes) <= max(Counter(groups).values())
    assert listed(cv, X) == listed(cv, X)


@given(
    samples, seeds, st.sampled_from([*KFOLDS, *SHUFFLES]), st.randoms(), st.booleans()
)
def test_order_of_crystals_does_not_decide_who_shares_a_fold(
    rows, seed, kind, random, shuffle
):
    if kind in KFOLDS:
        cv = kind(2, shuffle=shuffle, random_state=seed if shuffle else None)
    else:
        cv = kind(3, test_size=0.3, random_state=seed)
    if len(set(chemical_groups(take(rows), by={**KFOLDS, **SHUFFLES}[kind]))) < 2:
        return
    shuffled = rows.copy()
    random.shuffle(shuffled)
    for (_, one), (_, other) in zip(
        cv.split(take(rows)), cv.split(take(shuffled)), strict=True
    ):
        assert Counter(rows[i] for i in one) == Counter(shuffled[i] for i in other)


@given(samples, seeds, st.sampled_from([*SHUFFLES]), st.floats(0.05, 0.9))
def test_random_splits_part_no_group_and_hold_out_no_more_than_asked(
    rows, seed, kind, test_size
):
    X = take(rows)
    groups = chemical_groups(X, by=SHUFFLES[kind])
    cv = kind(3, test_size=test_size, random_state=seed)
    if len(set(groups)) < 2:
        with pytest.raises(ValueError, match="are of"):
            listed(cv, X)
        return
    smallest = min(Counter(groups).values())
    for train, test in cv.split(X):
        assert sorted([*train, *test]) == list(range(len(X)))
        assert not set(groups[train]) & set(groups[test])
        assert 0 < len(test) <= max(test_size * len(X), smallest)
        assert len(train) > 0
    assert listed(cv, X) == listed(cv, X)


@given(samples, st.integers(1, 6))
def test_an_element_left_out_is_in_all_tested_and_in_no_trained_crystal(rows, least):
    X = take(rows)
    n_with = Counter(str(e) for crystal in X for e in set(crystal.elements))
    expected = {e for e, n in n_with.items() if least <= n < len(X)}
    cv = LeaveOneElementOut(min_test=least)
    if not expected:
        with pytest.raises(ValueError, match="Lower min_test"):
            listed(cv, X)
        return
    elements = cv.left_out(X)
    assert set(elements) == expected
    assert cv.get_n_splits(X) == len(elements)
    for element, (train, test) in zip(elements, cv.split(X), strict=True):
        assert sorted([*train, *test]) == list(range(len(X)))
        assert all(element in X[i].symbol_set for i in test)
        assert not any(element in X[i].symbol_set for i in train)


@given(samples, seeds, st.integers(2, 5))
def test_clusters_part_no_formula_and_test_every_crystal_once(rows, seed, n_clusters):
    X = take(rows)
    groups = chemical_groups(X)
    cv = LeaveOneClusterOut(n_clusters=n_clusters, random_state=seed)
    if len(set(groups)) < n_clusters:
        with pytest.raises(ValueError, match="lower n_clusters"):
            listed(cv, X)
        return
    tested = []
    for train, test in cv.split(X):
        assert len(test) > 0
        assert not set(groups[train]) & set(groups[test])
        tested += test.tolist()
    assert sorted(tested) == list(range(len(X)))
    assert listed(cv, X) == listed(cv, X)


def test_groups_are_those_of_the_shipped_table(prototypes):
    assert (chemical_groups(prototypes.data) == prototypes.groups).all()
    systems = chemical_groups(prototypes.data, by="chemical_system")
    assert systems[0] == prototypes.data[0].chemical_system
    kinds = chemical_groups(prototypes.data, by="anonymous_formula")
    is_perovskite = prototypes.frame["prototype"] == "perovskite"
    assert set(kinds[is_perovskite]) == {"ABC3"}


def test_cells_and_charges_make_no_difference(small):
    crystal = next(c for c in small[0] if len(c.elements) == 3)
    charged = crystal.copy().add_oxidation_state_by_guess()
    same = [crystal, crystal * (2, 1, 2), charged]
    for by in ("formula", "chemical_system", "anonymous_formula"):
        assert len(set(chemical_groups(same, by=by))) == 1


@by_splitter
def test_crystals_in_any_form_are_split_alike(cv, small):
    structures = small[0]
    as_array = np.empty(len(structures), dtype=object)
    as_array[:] = structures
    graphs = CrystalGraphTransformer().transform(structures)
    every_site = CrystalGraphTransformer(reduce=None).transform(structures)
    index = np.arange(len(structures))[::-1]  # rows are meant, not labels
    forms = [
        tuple(structures),
        as_array,
        pd.Series(structures, index=index),
        graphs,
        every_site,
        list(graphs),
        pd.Series(list(every_site), index=index),
    ]
    expected = listed(cv, structures)
    assert all(listed(cv, X) == expected for X in forms)


def test_ase_atoms_are_split_like_structures(small):
    pytest.importorskip("ase")
    atoms = [structure.to_ase_atoms() for structure in small[0]]
    assert listed(FormulaKFold(4), atoms) == listed(FormulaKFold(4), small[0])


@by_splitter
@pytest.mark.parametrize("on", ["structures", "graphs"])
def test_scikit_learn_takes_it_for_cv(cv, on, model, small, small_graphs):
    estimator, X = model, small_graphs
    if on == "structures":
        estimator, X = make_pipeline(CrystalGraphTransformer(), model), small[0]
    scores = cross_val_score(estimator, X, small[1], cv=cv, error_score="raise")
    assert scores.shape == (cv.get_n_splits(X),)
    assert np.isfinite(scores).all()


def test_search_and_routing_take_it_for_cv(model, small, small_graphs):
    y = pd.DataFrame(small[1], columns=["energy", "gap"])
    search = GridSearchCV(model, {"lr": [1e-3, 1e-2]}, cv=FormulaKFold(3))
    search.fit(small_graphs, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    with config_context(enable_metadata_routing=True):
        kept = cross_validate(
            model, small_graphs, y, cv=FormulaKFold(3), return_indices=True
        )
    for part, (_, test) in zip(
        kept["indices"]["test"], FormulaKFold(3).split(small[0]), strict=True
    ):
        assert part.tolist() == test.tolist()


def test_every_crystal_is_predicted_once_where_test_parts_do_not_overlap(
    model, small_graphs, small
):
    predicted = cross_val_predict(model, small_graphs, small[1], cv=FormulaKFold(3))
    assert np.isfinite(predicted).all()
    with pytest.raises(ValueError, match="partitions"):
        cross_val_predict(
            model, small_graphs, small[1], cv=LeaveOneElementOut(min_test=5)
        )


def test_folds_are_as_even_as_those_of_groups_given_by_hand(prototypes):
    X, groups = prototypes.data, chemical_groups(prototypes.data)
    ours = [len(test) for _, test in FormulaKFold(5).split(X)]
    theirs = [len(test) for _, test in GroupKFold(5).split(X, groups=groups)]
    assert max(ours) - min(ours) <= max(theirs) - min(theirs)


def test_shuffled_folds_differ_by_seed_and_stay_balanced(prototypes):
    X = CrystalGraphTransformer().transform(prototypes.data)
    one, other = (
        [test for _, test in FormulaKFold(5, shuffle=True, random_state=s).split(X)]
        for s in (0, 1)
    )
    assert [t.tolist() for t in one] != [t.tolist() for t in other]
    assert {len(test) for test in one} == {219, 220}
    drawing = FormulaShuffleSplit(2, test_size=0.2, random_state=0)
    (_, first), (_, second) = drawing.split(X)
    assert len(first) == len(second) == 219
    assert first.tolist() != second.tolist()


def test_clusters_follow_chemistry_or_the_features_that_are_given(prototypes):
    X = prototypes.data[::5]
    systems = chemical_groups(X, by="chemical_system")
    nitrogen = np.array(["N" in s.split("-") for s in systems])
    shares = []
    for _, test in LeaveOneClusterOut(n_clusters=6, random_state=0).split(X):
        shares.append(nitrogen[test].mean())
    assert max(shares) > 2 * nitrogen.mean()  # nitrides gather
    # By volume alone, small crystals of all kinds are tested together.
    volumes = np.array([crystal.volume for crystal in X])
    cv = LeaveOneClusterOut(
        n_clusters=2, features=lambda X: [[c.volume] for c in X], random_state=0
    )
    means = sorted(volumes[test].mean() for _, test in cv.split(X))
    assert means[1] > 1.5 * means[0]


def test_clusters_of_what_a_model_makes_of_crystals(model, small, small_graphs):
    model.fit(small_graphs, small[1])
    cv = LeaveOneClusterOut(n_clusters=3, features=model.embed, random_state=0)
    tested = [test for _, test in cv.split(small_graphs)]
    assert sorted(np.concatenate(tested)) == list(range(40))


@pytest.mark.parametrize("form", ["list", "array", "frame", "graphs"])
def test_one_split_hands_out_rows_in_the_form_they_came_in(form, small, small_graphs):
    X, y, formulas = small
    if form == "array":
        X = np.empty(len(small[0]), dtype=object)
        X[:] = small[0]
    elif form == "frame":
        X, y = pd.Series(X), pd.DataFrame(y, columns=["energy", "gap"])
    elif form == "graphs":
        X = small_graphs
    X_train, X_test, y_train, y_test, f_train, f_test = train_test_split_by_formula(
        X, y, list(formulas), test_size=0.25, random_state=0
    )
    assert type(X_train) is type(X)
    assert type(y_test) is type(y)
    assert len(X_train) == len(y_train) == len(f_train) == 30
    assert len(X_test) == len(y_test) == len(f_test) == 10
    assert not set(f_train) & set(f_test)
    assert chemical_groups(X_test).tolist() == f_test


@by_splitter
def test_splitters_are_shown_and_copied_like_scikit_learns(cv, small):
    assert type(cv).__name__ in repr(cv)
    for twin in (copy.deepcopy(cv), pickle.loads(pickle.dumps(cv))):
        assert repr(twin) == repr(cv)
        assert listed(twin, small[0]) == listed(cv, small[0])


def test_repr_names_parameters():
    cv = FormulaKFold(3, shuffle=True, random_state=1)
    assert repr(cv) == "FormulaKFold(n_splits=3, random_state=1, shuffle=True)"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FormulaKFold(1), "n_splits must be an int of 2 or more; it is 1"),
        (lambda: ChemicalSystemKFold(random_state=0), "set shuffle=True"),
        (lambda: FormulaShuffleSplit(0), "n_splits must be an int of 1 or more"),
        (lambda: FormulaShuffleSplit(test_size=1.0), "test_size must be a share"),
        (lambda: FormulaShuffleSplit(test_size=0), "test_size must be a share"),
        (lambda: LeaveOneElementOut(elements="Na"), 'the text "Na"'),
        (
            lambda: LeaveOneElementOut(elements=["Na", "Xy"]),
            "'Xy', which is not the symbol",
        ),
        (lambda: LeaveOneElementOut(min_test=0), "min_test must be an int"),
        (lambda: LeaveOneClusterOut(n_clusters=1), "n_clusters must be an int of 2"),
        (lambda: LeaveOneClusterOut(features=np.ones(3)), "give a function of X"),
    ],
)
def test_wrong_parameters_are_refused_where_they_are_written(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("cv", "message"),
    [
        (FormulaKFold(50), r"n_splits=50, but the 40 crystals in X have \d+ different"),
        (FormulaShuffleSplit(test_size=40), "leaves none of the 40 crystals"),
        (LeaveOneElementOut(elements=["Og"]), "Og, which none of the 40 crystals"),
        (LeaveOneElementOut(min_test=41), "the most frequent is in"),
        (LeaveOneClusterOut(features=lambda X: [[1.0]]), r"shape \(40, d\)"),
    ],
)
def test_what_cannot_be_split_is_told(cv, message, small):
    with pytest.raises(ValueError, match=message):
        listed(cv, small[0])


def test_wrong_crystals_are_refused(small):
    with pytest.raises(TypeError, match=r"X\[1\] is a str"):
        listed(FormulaKFold(2), [small[0][0], "NaCl"])
    with pytest.raises(TypeError, match="single Structure"):
        listed(FormulaKFold(2), small[0][0])
    with pytest.raises(ValueError, match="X is empty"):
        chemical_groups([])
    with pytest.raises(ValueError, match="by must be one of formula"):
        chemical_groups(small[0], by="prototype")
    with pytest.raises(ValueError, match="all 2 crystals in X are of"):
        listed(FormulaShuffleSplit(), [small[0][0], small[0][0]])
    with pytest.raises(ValueError, match="inconsistent"):
        train_test_split_by_formula(small[0], small[1][:5])
    with pytest.raises(ValueError, match="depends on it"):
        LeaveOneElementOut().get_n_splits()


def test_groups_that_would_be_ignored_are_told_of(small):
    with pytest.warns(UserWarning, match="groups is ignored by FormulaKFold"):
        list(FormulaKFold(2).split(small[0], groups=small[2]))


def test_graphs_of_merged_atoms_count_as_their_sites(small_graphs, small):
    assert isinstance(small_graphs, CrystalGraphs)
    assert (chemical_groups(small_graphs) == small[2]).all()
