"""CrystalGraphs as a sequence, as an array, and on disk."""

import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from sklearn.utils import _safe_indexing
from torch_geometric.data import Data

from skcrystal import CrystalGraphs, CrystalGraphTransformer


def assert_same_data(a, b):
    assert a.keys() == b.keys()
    for name in a.keys():
        assert np.array_equal(a[name], b[name]), name


def test_shape_is_that_of_a_column(small_graphs):
    assert len(small_graphs) == 40
    assert small_graphs.shape == (40,)
    assert small_graphs.n_atoms.sum() == len(small_graphs.atomic_numbers)
    assert small_graphs.n_edges.sum() == len(small_graphs.neighbor)


@given(rows=st.lists(st.integers(-40, 39), max_size=60))
@settings(max_examples=30, deadline=None)
def test_rows_are_picked_in_order(small_graphs, rows):
    picked = small_graphs[np.array(rows, dtype=int)]
    assert len(picked) == len(rows)
    for graph, row in zip(picked, rows, strict=True):
        assert_same_data(graph, small_graphs[row])


def test_slices_masks_and_lists_agree(small_graphs):
    mask = np.zeros(40, dtype=bool)
    mask[5:20:3] = True
    rows = list(range(5, 20, 3))
    expected = small_graphs[np.array(rows)]
    assert small_graphs[5:20:3] == expected
    assert small_graphs[mask] == expected
    assert small_graphs[rows] == expected
    assert small_graphs[rows, ...] == expected
    assert _safe_indexing(small_graphs, rows) == expected
    assert_same_data(small_graphs[-1], small_graphs[39])


@pytest.mark.parametrize(
    "key", [40, -41, [0, 40], np.zeros(3, bool), [0.5], (0, 1), 0.5, None, "0"]
)
def test_bad_keys_are_refused(small_graphs, key):
    with pytest.raises(IndexError):
        small_graphs[key]


def test_columns_cannot_be_written_to(small_graphs):
    for column in (small_graphs.neighbor, small_graphs.distances):
        with pytest.raises(ValueError, match="read-only"):
            column[0] = 1


def test_numpy_does_not_take_graphs_apart(small_graphs):
    array = np.asarray(small_graphs)
    assert array.shape == (40,)
    assert array.dtype == object
    assert_same_data(array[3], small_graphs[3])


def test_data_list_round_trip(small_graphs):
    back = CrystalGraphs.from_data_list(
        list(small_graphs), settings=small_graphs.settings
    )
    assert back == small_graphs


def test_data_with_shuffled_edges_gives_the_same_graph(small_graphs):
    data = small_graphs[7]
    order = torch.randperm(data.edge_index.shape[1])
    shuffled = Data(
        z=data.z, edge_index=data.edge_index[:, order], distance=data.distance[order]
    )
    graphs = CrystalGraphs.from_data_list([shuffled])
    assert np.array_equal(graphs.edge_ptr, small_graphs[[7]].edge_ptr)
    np.testing.assert_array_equal(graphs.distances, small_graphs[[7]].distances)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("distance", None, "has no distance"),
        ("distance", torch.ones(3), "distance must hold"),
        ("z", torch.zeros(2, dtype=torch.long), "atomic number"),
        ("z", torch.tensor([11.5, 17]), "atomic number"),
        ("edge_index", torch.zeros((4, 2), dtype=torch.long), "shape"),
        ("edge_index", torch.full((2, 4), 9), "outside"),
        ("edge_index", torch.tensor([[0, 1, 0, 1], [0, 0, 0, 0]]), r"atoms \[1\]"),
    ],
)
def test_unfit_data_is_refused_by_number(field, value, message):
    fields = {
        "z": torch.tensor([11, 17]),
        "edge_index": torch.tensor([[1, 1, 0, 0], [0, 0, 1, 1]]),
        "distance": torch.ones(4),
    }
    good = Data(**fields)
    with pytest.raises(ValueError, match=rf"X\[1\].*{message}"):
        CrystalGraphs.from_data_list([good, Data(**{**fields, field: value})])


def test_concatenate_puts_behind_one_another(small_graphs):
    parts = [small_graphs[:7], small_graphs[7:8], small_graphs[8:]]
    assert CrystalGraphs.concatenate(parts) == small_graphs


def test_concatenate_refuses_other_settings(small, small_graphs):
    other = CrystalGraphTransformer(cutoff=4.0, on_isolated="nearest")
    with pytest.raises(ValueError, match=r"parts\[1\].*cutoff=4"):
        CrystalGraphs.concatenate([small_graphs, other.transform(small[0][:2])])


def test_concatenate_refuses_other_columns(small, small_graphs):
    vectors = CrystalGraphTransformer(vectors=True).transform(small[0][:2])
    with pytest.raises(ValueError, match=r"parts\[1\] holds .*vector"):
        CrystalGraphs.concatenate([small_graphs, vectors])


def test_data_lists_of_no_use_are_refused(small):
    with pytest.raises(ValueError, match="data_list is empty"):
        CrystalGraphs.from_data_list([])
    every_site = CrystalGraphTransformer(vectors=True, reduce=None)
    graphs = every_site.transform(small[0][:2])
    with_vector, without = graphs[0], graphs[1]
    del without.vector
    for parts in ([with_vector, without], [without, with_vector]):
        with pytest.raises(ValueError, match=r"X\[1\] and X\[0\] differ"):
            CrystalGraphs.from_data_list(parts)


def test_settings_from_numpy_are_saved(tmp_path, small):
    transformer = CrystalGraphTransformer(
        cutoff=np.float32(8), max_neighbors=np.int64(12)
    )
    graphs = transformer.transform(small[0][:3])
    graphs.save(tmp_path / "graphs")
    assert CrystalGraphs.open(tmp_path / "graphs") == graphs
    plain = CrystalGraphTransformer(cutoff=8, max_neighbors=12)
    assert plain.transform(small[0][:3]) == graphs


def test_pickle_is_compact_and_whole(small_graphs):
    blob = pickle.dumps(small_graphs)
    assert pickle.loads(blob) == small_graphs
    assert len(blob) < 1.05 * small_graphs.nbytes


@pytest.mark.parametrize("vectors", [False, True])
def test_saved_file_opens_memory_mapped(tmp_path, small, vectors):
    graphs = CrystalGraphTransformer(vectors=vectors).transform(small[0])
    path = tmp_path / "graphs.safetensors"
    graphs.save(path)
    opened = CrystalGraphs.open(path)
    assert opened == graphs
    base = opened.neighbor
    while isinstance(base, np.ndarray) and not isinstance(base, np.memmap):
        base = base.base
    assert isinstance(base, np.memmap)
    assert [p.name for p in tmp_path.iterdir()] == ["graphs.safetensors"]


def test_damaged_file_is_named(tmp_path, small_graphs):
    path = tmp_path / "graphs.safetensors"
    small_graphs.save(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"graphs\.safetensors is damaged"):
        CrystalGraphs.open(path)


def test_foreign_file_is_named(tmp_path):
    from safetensors.numpy import save_file

    path = tmp_path / "other.safetensors"
    save_file({"a": np.ones(2)}, path)
    with pytest.raises(ValueError, match="format None"):
        CrystalGraphs.open(path)


def test_equal_lengths_share_one_distance(small):
    graphs = CrystalGraphTransformer(reduce=None).transform(small[0])
    for i, structure in enumerate(small[0][:10]):
        exact = structure.get_neighbor_list(5.0)[3]
        own = slice(*graphs.distance_ptr[i : i + 2])
        n_distinct = 1 + np.sum(np.diff(np.sort(exact)) > 1e-6)
        assert len(graphs.distances[own]) == n_distinct
    assert len(graphs.distances) < 0.2 * len(graphs.neighbor)
