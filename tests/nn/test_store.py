"""Batches of GraphStore against batches collated by PyTorch Geometric."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch_geometric.data import Batch

from skcrystal import CrystalGraphTransformer
from skcrystal.nn import GraphStore, _store


@pytest.fixture(
    scope="module",
    params=[
        {},
        {"vectors": True},
        {"cutoff": 8.0, "max_neighbors": 12},
        {"cutoff": 8.0, "max_neighbors": 12, "vectors": True},
    ],
    ids=str,
)
def graphs(request, small):
    return CrystalGraphTransformer(**request.param).transform(small[0])


@given(rows=st.lists(st.integers(0, 39), min_size=1, max_size=50))
@settings(max_examples=25, deadline=None)
def test_gathered_batch_is_pygs(graphs, rows):
    ours = GraphStore.of(graphs, "cpu").gather(np.array(rows))
    theirs = Batch.from_data_list([graphs[i] for i in rows])
    assert len(ours) == len(rows)
    assert torch.equal(ours.atomic_numbers.long(), theirs.z)
    assert torch.equal(ours.atom_ptr.long(), theirs.ptr)
    assert torch.equal(ours.crystal.long(), theirs.batch)
    assert torch.equal(ours.edge_index, theirs.edge_index)
    assert torch.equal(ours.distance, theirs.distance)
    degree = torch.bincount(theirs.edge_index[1], minlength=theirs.num_nodes)
    assert torch.equal(ours.edge_ptr.diff().long(), degree)
    if graphs.vector is None:
        assert ours.vector is None
    else:
        assert torch.equal(ours.vector, theirs.vector)


def test_prediction_batches_cover_every_row_once(small_graphs, monkeypatch):
    store = GraphStore.of(small_graphs)
    for limit in (1, 100, 1000, 10**9):
        monkeypatch.setitem(_store._EDGES_AT_ONCE, "cpu", limit)
        batches = list(store.batches())
        found = torch.cat([batch.atomic_numbers for batch in batches])
        assert np.array_equal(found, small_graphs.atomic_numbers)
        for batch in batches:
            assert len(batch) == 1 or len(batch.target) <= limit


def test_a_memory_mapped_container_is_gathered(tmp_path, graphs):
    from skcrystal import CrystalGraphs

    graphs.save(tmp_path / "graphs")
    mapped = GraphStore.of(CrystalGraphs.open(tmp_path / "graphs"), "cpu")
    rows = np.array([3, 1, 4, 1, 5])
    ours, expected = mapped.gather(rows), GraphStore.of(graphs, "cpu").gather(rows)
    assert torch.equal(ours.edge_index, expected.edge_index)
    assert torch.equal(ours.distance, expected.distance)
