"""CrystalGraphTransformer: inputs, errors and cache."""

import re
import sqlite3
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ase import Atoms
from joblib import Memory
from pymatgen.core import DummySpecies, IStructure, Lattice, Species, Structure
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.validation import check_is_fitted

import skcrystal.graphs._transformer as transformer_module
from skcrystal import CrystalGraphTransformer, GCNRegressor
from skcrystal.datasets import load_pbe_prototypes


@pytest.fixture
def salt():
    return Structure(Lattice.cubic(4.0), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])


def as_object_array(structures):
    array = np.empty(len(structures), dtype=object)
    array[:] = structures
    return array


@pytest.mark.parametrize(
    "convert",
    [
        tuple,
        as_object_array,
        lambda s: pd.Series(s, index=range(100, 100 + len(s))),
        lambda s: [IStructure.from_sites(x) for x in s],
        lambda s: [
            Atoms(
                numbers=x.atomic_numbers,
                positions=x.cart_coords,
                cell=x.lattice.matrix,
                pbc=True,
            )
            for x in s
        ],
        lambda s: [x.to_ase_atoms() for x in s],
    ],
    ids=["tuple", "object array", "Series", "IStructure", "Atoms", "MSONAtoms"],
)
def test_any_sequence_gives_the_same_graphs(small, small_graphs, convert):
    assert CrystalGraphTransformer().transform(convert(small[0])) == small_graphs


def test_decorated_species_are_their_elements(salt):
    decorated = salt.copy()
    decorated.add_oxidation_state_by_element({"Na": 1, "Cl": -1})
    deuterium = Structure(Lattice.cubic(3.0), [Species("D", 1)], [[0, 0, 0]])
    hydrogen = Structure(Lattice.cubic(3.0), ["H"], [[0, 0, 0]])
    transformer = CrystalGraphTransformer()
    assert transformer.transform([decorated, deuterium]) == transformer.transform(
        [salt, hydrogen]
    )


@pytest.mark.parametrize("n_jobs", [2, -1])
def test_n_jobs_does_not_change_the_graphs(prototypes, n_jobs):
    structures = prototypes.data[:600]  # more than two chunks
    one = CrystalGraphTransformer().transform(structures)
    assert CrystalGraphTransformer(n_jobs=n_jobs).transform(structures) == one


def disordered():
    return Structure(Lattice.cubic(4.0), [{"Na": 0.5, "K": 0.5}], [[0, 0, 0]])


def vacancy():
    return Structure(Lattice.cubic(4.0), [{"Na": 0.5}], [[0, 0, 0]])


def dummy():
    return Structure(Lattice.cubic(4.0), [DummySpecies("X")], [[0, 0, 0]])


def flat():
    return Atoms("Na", cell=[[4, 0, 0], [0, 4, 0], [4, 4, 0]], pbc=True)


def infinite():
    return Atoms("Na", positions=[[np.inf, 0, 0]], cell=[4, 4, 4], pbc=True)


@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [
        (lambda: "NaCl", TypeError, "is a str, not a crystal"),
        (lambda: None, TypeError, "is a NoneType, not a crystal"),
        (disordered, ValueError, "site 0 is disordered"),
        (vacancy, ValueError, "site 0 is disordered"),
        (dummy, ValueError, "site 0 holds the dummy species"),
        (flat, ValueError, "volume of 0"),
        (infinite, ValueError, "not finite"),
        (lambda: Atoms(cell=[4, 4, 4], pbc=True), ValueError, "has no atoms"),
        (lambda: Atoms("X", cell=[4, 4, 4], pbc=True), ValueError, "atomic number 0"),
    ],
)
@pytest.mark.parametrize("n_jobs", [None, 2])
# ASE 3.29's own, where it makes a cell without atoms under NumPy 2.5
@pytest.mark.filterwarnings("ignore:Setting the shape on a NumPy array has been")
def test_bad_crystals_are_refused_by_number(salt, bad, error, message, n_jobs):
    with pytest.raises(error, match=rf"X\[2\].*{message}"):
        CrystalGraphTransformer(n_jobs=n_jobs).transform([salt, salt, bad(), salt])


@pytest.mark.slow
def test_number_of_a_bad_crystal_survives_chunks_and_workers(salt):
    far = Structure(Lattice.cubic(20), ["Xe"], [[0, 0, 0]])
    with pytest.raises(ValueError, match=r"X\[523\] \(Xe1\): sites \[0\]"):
        CrystalGraphTransformer(n_jobs=2).transform([salt] * 523 + [far] + [salt] * 9)


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        ([], ValueError, "X is empty"),
        (5, TypeError, "is a int, not a sequence"),
        ("NaCl", TypeError, "is a str, not a sequence.*parse_structures"),
        (Path("NaCl.cif"), TypeError, "not a sequence.*parse_structures"),
        (["NaCl.cif"], TypeError, "is a str, not a crystal.*parse_structures"),
        (load_pbe_prototypes(), TypeError, "X is a Bunch; pass.*`data`"),
    ],
)
def test_arguments_that_are_not_sequences_of_crystals_are_refused(X, error, message):
    with pytest.raises(error, match=message):
        CrystalGraphTransformer().transform(X)


def test_a_single_crystal_is_refused_with_the_way_out(salt):
    with pytest.raises(TypeError, match=re.escape("pass a list of crystals")):
        CrystalGraphTransformer().transform(salt)


def test_structures_taken_apart_by_numpy_are_recognised(salt):
    sites = np.array([salt, salt], dtype=object)  # (2, 2) of PeriodicSite
    with pytest.raises(ValueError, match="takes Structures apart"):
        CrystalGraphTransformer().transform(sites)
    with pytest.raises(TypeError, match="breaks Structures into sites"):
        CrystalGraphTransformer().transform(list(salt))


@pytest.mark.parametrize(
    "params",
    [
        {"cutoff": 0},
        {"cutoff": "5"},
        {"max_neighbors": 0},
        {"on_isolated": "drop"},
        {"vectors": "yes"},
        {"n_jobs": 1.5},
    ],
)
def test_parameters_are_checked_in_fit_and_transform(salt, params):
    (name,) = params
    for method in ("fit", "transform"):
        with pytest.raises(ValueError, match=f"'{name}' parameter"):
            getattr(CrystalGraphTransformer(**params), method)([salt])


def test_transform_needs_no_fit(salt):
    transformer = CrystalGraphTransformer()
    check_is_fitted(transformer)
    with pytest.raises(NotFittedError):
        make_pipeline(transformer, GCNRegressor()).predict([salt])


def test_progress_bar_counts_crystals(salt, capsys):
    CrystalGraphTransformer(verbose=True).transform([salt] * 5)
    assert "5/5" in capsys.readouterr().err
    CrystalGraphTransformer().transform([salt] * 5)
    assert capsys.readouterr().err == ""


@pytest.fixture
def count_builds(monkeypatch):
    built = []
    original = transformer_module._find_graph

    def counting(crystal, settings, i):
        built.append(settings)
        return original(crystal, settings, i)

    monkeypatch.setattr(transformer_module, "_find_graph", counting)
    return built


def test_cached_graphs_are_the_same(tmp_path, small, small_graphs, count_builds):
    for memory in (str(tmp_path), tmp_path, Memory(tmp_path, verbose=0)):
        cached = CrystalGraphTransformer(memory=memory)
        assert cached.transform(small[0]) == small_graphs
    assert len(count_builds) == len(small[0])


def test_grid_search_builds_each_graph_once(tmp_path, prototypes, count_builds):
    rocksalts = np.flatnonzero(prototypes.frame["prototype"] == "rocksalt")[::4]
    X, y = [prototypes.data[i] for i in rocksalts], prototypes.target[rocksalts]
    model = make_pipeline(
        CrystalGraphTransformer(memory=tmp_path), GCNRegressor(max_epochs=1)
    )
    grid = {"gcnregressor__hidden_dim": [4, 8]}
    with warnings.catch_warnings():
        # Some folds lack an element of the others.
        warnings.filterwarnings("ignore", "X holds elements that the model was not")
        GridSearchCV(model, grid, cv=3).fit(X, y)
    assert len(count_builds) == len(X)
    # Other settings make other graphs.
    clone(model[0]).set_params(cutoff=4.5, on_isolated="nearest").transform(X)
    assert len(count_builds) == 2 * len(X)


@pytest.mark.slow
def test_cache_serves_two_processes(tmp_path, prototypes):
    X = prototypes.data[:600]
    plain = CrystalGraphTransformer().transform(X)
    both = CrystalGraphTransformer(memory=tmp_path, n_jobs=2)
    assert both.transform(X) == plain
    assert both.transform(X[::-1]) == plain[::-1]


def test_cache_with_vectors(tmp_path, small):
    plain = CrystalGraphTransformer(vectors=True)
    cached = clone(plain).set_params(memory=tmp_path)
    expected = plain.transform(small[0])
    assert cached.transform(small[0]) == expected
    assert cached.transform(small[0]) == expected


def test_a_cache_of_an_earlier_form_is_begun_anew(tmp_path, small, small_graphs):
    with sqlite3.connect(tmp_path / "skcrystal-graphs.sqlite") as connection:
        connection.execute("CREATE TABLE graphs (key BLOB PRIMARY KEY, graph BLOB)")
    connection.close()
    cached = CrystalGraphTransformer(memory=tmp_path)
    assert cached.transform(small[0]) == small_graphs
    assert cached.transform(small[0]) == small_graphs


def test_damaged_graphs_in_the_cache_are_built_again(tmp_path, small, small_graphs):
    cached = CrystalGraphTransformer(memory=tmp_path)
    cached.transform(small[0])
    with sqlite3.connect(tmp_path / "skcrystal-graphs.sqlite") as connection:
        connection.execute("UPDATE graphs SET graph = zeroblob(length(graph))")
    connection.close()
    assert cached.transform(small[0]) == small_graphs


def test_broken_cache_names_its_file(tmp_path, salt):
    (tmp_path / "skcrystal-graphs.sqlite").write_bytes(b"not a database" * 100)
    with pytest.raises(OSError, match=r"skcrystal-graphs\.sqlite cannot be used"):
        CrystalGraphTransformer(memory=tmp_path).transform([salt])
