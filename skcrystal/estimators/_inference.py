"""Trained networks run over crystals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..graphs import CrystalGraphs
from ..nn import GraphBatch, GraphStore
from ..nn._any_network import AnyNetwork
from .training._subgraphs import site_batches


def run(network: AnyNetwork, graphs: CrystalGraphs) -> NDArray[np.float32]:
    """Outputs (R, K) of a network, of all crystals or of all sites."""
    return _run(network, graphs, lambda network, batch: network(batch))


def sample(
    network: AnyNetwork, graphs: CrystalGraphs, n_samples: int, seed: int
) -> NDArray[np.float32]:
    """Outputs (R, S, K) of S Monte Carlo samples of dropout; equal for equal seeds."""
    masks = network.draw_masks(n_samples, seed)
    return _run(network, graphs, lambda network, batch: network.sample(batch, masks))


def embed(network: AnyNetwork, graphs: CrystalGraphs) -> NDArray[np.float32]:
    """Features (m, D) of crystals: the mean over those of their atoms."""
    if network.pooling != "none":
        return _run_crystals(network, graphs, lambda network, b: network.embed(b))
    # Crystals of any size: features of sites come in parts.
    of_sites = _run_sites(network, graphs, lambda network, b: network.embed_atoms(b))
    sums = np.add.reduceat(of_sites, graphs.site_ptr[:-1], axis=0)
    n_sites: NDArray[np.float32] = graphs.n_sites[:, None].astype(np.float32)
    return np.divide(sums, n_sites)


Function = Callable[[Any, GraphBatch], Tensor]


def _run(
    network: AnyNetwork, graphs: CrystalGraphs, function: Function
) -> NDArray[np.float32]:
    if network.pooling == "none":
        return _run_sites(network, graphs, function)
    return _run_crystals(network, graphs, function)


def _run_crystals(
    network: AnyNetwork, graphs: CrystalGraphs, function: Function
) -> NDArray[np.float32]:
    network = network.eval()
    store = GraphStore.of(graphs, _device_of(network))
    with torch.inference_mode():
        outputs = [function(network, batch).cpu() for batch in store.batches()]
    return torch.cat(outputs).numpy()


def _run_sites(
    network: AnyNetwork, graphs: CrystalGraphs, function: Function
) -> NDArray[np.float32]:
    network = network.eval()
    store = GraphStore.of(graphs, _device_of(network), sites=True)
    found: NDArray | None = None
    with torch.inference_mode():
        for batch, sites in site_batches(graphs, store, network.hops):
            outputs = function(network, batch).cpu().numpy()
            if found is None:
                shape = (graphs.site_ptr[-1], *outputs.shape[1:])
                found = np.empty(shape, outputs.dtype)
            found[sites] = outputs
    assert found is not None  # there is a crystal at least
    return found


def _device_of(network: AnyNetwork) -> torch.device:
    return next(network.parameters()).device
