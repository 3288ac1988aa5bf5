"""A trained network as PyG's explainers want one: a function of masks."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch_geometric.nn import MessagePassing

from ..nn import CrystalNetwork, GraphBatch


class ScaledNetwork:
    """Copy of a network whose elements and edges are multiplied by factors.

    The network itself stays unchanged.

    Parameters
    ----------
    network : CrystalNetwork or TaskNetworks
    """

    def __init__(self, network: nn.Module) -> None:
        self._network = copy.deepcopy(network).eval().requires_grad_(False)
        self._of_atoms: Tensor | None = None
        for module in self._network.modules():
            if isinstance(module, CrystalNetwork):
                module.elements.register_forward_hook(self._scale)

    def __call__(self, batch: GraphBatch, of_atoms: Tensor, of_edges: Tensor) -> Tensor:
        """Outputs (R, K) with each element's vector and each message times a factor.

        Parameters
        ----------
        batch : GraphBatch
            Of N atoms and E edges, none of which stands for several.
        of_atoms : Tensor of shape (N, 1)
        of_edges : Tensor of shape (E,)
        """
        self._of_atoms = of_atoms
        # In place: the sorted edges of the batch stay sorted.
        batch.edge_weight = of_edges
        return self._network(batch)

    def _scale(self, module: nn.Module, inputs: tuple, vectors: Tensor) -> Tensor:
        assert self._of_atoms is not None  # set before the network is called
        return vectors * self._of_atoms


class EdgeMask(MessagePassing):
    """The mask of edges that PyG has put on an operator; ones if there is none.

    Its messages are ones, which PyG multiplies by the mask, and they are not summed.
    """

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        """Atoms (N, 1) and edges (2, E) to factors of edges, (E,)."""
        ones = x.new_ones(edge_index.shape[1], 1)
        return self.propagate(edge_index, ones=ones, size=(len(x), len(x)))[:, 0]

    def message(self, ones: Tensor) -> Tensor:
        return ones

    def aggregate(self, inputs: Tensor) -> Tensor:
        return inputs


class MaskedNetwork(nn.Module):
    """Explained output as a function of the factors of atoms and edges of a batch.

    Parameters
    ----------
    network : ScaledNetwork
        No submodule, so that PyG sees none of its layers: of these, operators of PyG's
        own would be masked a second time.
    batch : GraphBatch
    read : callable
        Function from the network's outputs (R, K) to the explained value, (R,) or
        (R, C).
    """

    def __init__(
        self,
        network: ScaledNetwork,
        batch: GraphBatch,
        read: Callable[[Tensor], Tensor],
    ) -> None:
        super().__init__()
        self.edge_mask = EdgeMask()
        self._network, self._batch, self._read = network, batch, read

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        """Explained value of factors of atoms (N, 1) and edges (2, E)."""
        of_edges = self.edge_mask(x, edge_index)
        return self._read(self._network(self._batch, x, of_edges))

    def inputs(self) -> tuple[Tensor, Tensor]:
        """Factors of one for all atoms (N, 1), and the edges (2, E)."""
        atoms = self._batch.atomic_numbers
        return torch.ones(len(atoms), 1, device=atoms.device), self._batch.edge_index
