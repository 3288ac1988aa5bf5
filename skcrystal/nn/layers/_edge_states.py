"""Updates of atoms and edges with features of their own.

Each function replaces PyTorch operations that would store twice as many arrays of E
rows; see `_aggregate`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from .._batch import GraphBatch
from ._aggregate import promote_dtypes, scatter_sum, sum_runs

_aten = torch.ops.aten  # derivatives as autograd calls them, one pass each


def edge_update(
    center: Tensor, source: Tensor, edge: Tensor, batch: GraphBatch
) -> Tensor:
    """Edge update from both atoms, ``silu(edge_ij + center_i + source_j)``.

    Parameters
    ----------
    center, source : Tensor of shape (N, F)
        Terms of an atom as target and as source of an edge.
    edge : Tensor of shape (E, F)
    batch : GraphBatch

    Returns
    -------
    Tensor of shape (E, F)
    """
    return _EdgeUpdate.apply(*promote_dtypes(center, source, edge), batch)


def gated_edge_sum(
    value: Tensor, gate: Tensor, weight: Tensor, batch: GraphBatch
) -> Tensor:
    """Gated sum over the edges of each atom, ``sum_j w_ij sigmoid(g_ij) * v_ij``.

    Parameters
    ----------
    value, gate : Tensor of shape (E, F)
    weight : Tensor of shape (E,)
        Weight of each edge.
    batch : GraphBatch

    Returns
    -------
    Tensor of shape (N, F)
    """
    return _GatedEdgeSum.apply(*promote_dtypes(value, gate, weight), batch)


class _EdgeUpdate(Function):
    @staticmethod
    def forward(
        ctx: Any, center: Tensor, source: Tensor, edge: Tensor, batch: GraphBatch
    ) -> Tensor:
        z = center.index_select(0, batch.target)
        z += source.index_select(0, batch.neighbor)
        z += edge
        ctx.save_for_backward(z)
        ctx.batch = batch
        return F.silu(z)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        (z,) = ctx.saved_tensors
        grad_z = _aten.silu_backward(grad.contiguous(), z)
        return (
            scatter_sum("target", grad_z, ctx.batch),
            scatter_sum("neighbor", grad_z, ctx.batch),
            grad_z,
            None,
        )


class _GatedEdgeSum(Function):
    @staticmethod
    def forward(
        ctx: Any, value: Tensor, gate: Tensor, weight: Tensor, batch: GraphBatch
    ) -> Tensor:
        gate = torch.sigmoid(gate)
        ctx.save_for_backward(value, gate, weight)
        ctx.batch = batch
        return sum_runs(gate * value, batch.edge_ptr, batch.target, weight)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        value, gate, weight = ctx.saved_tensors
        grad_sum = grad.index_select(0, ctx.batch.target)
        grad_weight = None
        if ctx.needs_input_grad[2]:
            grad_weight = (grad_sum * gate * value).sum(1)
        grad_sum.mul_(weight[:, None])
        grad_gate = grad_sum * value
        _aten.sigmoid_backward.grad_input(grad_gate, gate, grad_input=grad_gate)
        return grad_sum.mul_(gate), grad_gate, grad_weight, None
