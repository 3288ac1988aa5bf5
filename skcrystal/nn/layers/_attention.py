"""Attention over neighbours, in one pass over the edges."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from .._batch import GraphBatch
from ._aggregate import promote_dtypes, scatter_sum, sum_runs

_SLOPE = 0.2  # of GATv2's leaky ReLU
_SPREAD = 60.0  # exp(-60) is far from the least number of single precision


def attention_sum(
    center: Tensor,
    source: Tensor,
    bond: Tensor,
    attention: Tensor,
    batch: GraphBatch,
    *,
    bond_values: bool,
) -> Tensor:
    """Sum over neighbours by GATv2 attention, ``sum_j alpha_ij v_ij``.

    ``alpha`` is the softmax over the neighbours of each atom, head by head, of
    ``a . leaky_relu(center_i + source_j + bond_ij)``.

    Parameters
    ----------
    center, source : Tensor of shape (N, F)
        Terms of an atom as target and as source of an edge.
    bond : Tensor of shape (D, F)
        Term of each distinct distance.
    attention : Tensor of shape (H, F / H)
        The vector a of each head.
    batch : GraphBatch
        Its edge weights are multiplicities of edges in softmax and sum.
    bond_values : bool
        Whether the value v is ``source_j + bond_ij``, or ``source_j`` alone.

    Returns
    -------
    Tensor of shape (N, F)
    """
    return _AttentionSum.apply(
        *promote_dtypes(center, source, bond, attention, batch.edge_weight),
        batch,
        bond_values,
    )


def softmax_over_neighbors(score: Tensor, batch: GraphBatch) -> Tensor:
    """Softmax of edge scores (E, H) among the edges of each target, by edge weight."""
    weight = batch.edge_weight
    share = softmax_shares(score, weight, batch)
    return share if weight is None else share.mul_(weight[:, None])


def softmax_shares(score: Tensor, weight: Tensor | None, batch: GraphBatch) -> Tensor:
    """Softmax value (E, H) of an edge of weight one, in place of its own weight.

    Times the weights (E,) it is the softmax; the derivative by a weight needs it also
    where the weight is zero.
    """
    # A softmax does not depend on the shift; the largest score of all suffices, unless
    # those of some atom lie so far below that exponentials would underflow.
    shift = None
    if not score.is_cuda and len(score):  # reading values from a GPU waits
        least, largest = torch.aminmax(score)
        if largest - least < _SPREAD:
            shift = largest
    if shift is None:
        index = batch.target.long()[:, None].expand_as(score)
        shape = (len(batch.edge_ptr) - 1, score.shape[1])
        largest = score.new_full(shape, -torch.inf)
        counted = score
        if weight is not None:  # scores of weight zero must not set the shift
            counted = score.masked_fill(weight[:, None] == 0, -torch.inf)
        largest.scatter_reduce_(0, index, counted, "amax")
        largest.masked_fill_(largest == -torch.inf, 0.0)
        shift = largest.index_select(0, batch.target)
    share = (score - shift).clamp_max_(_SPREAD).exp_()
    total = sum_runs(share, batch.edge_ptr, batch.target, weight)
    # Atoms whose edges all have weight zero get zeros.
    total.masked_fill_(total == 0, torch.inf)
    return share.div_(total.index_select(0, batch.target))


class _AttentionSum(Function):
    @staticmethod
    def forward(
        ctx: Any,
        center: Tensor,
        source: Tensor,
        bond: Tensor,
        attention: Tensor,
        weight: Tensor | None,
        batch: GraphBatch,
        bond_values: bool,
    ) -> Tensor:
        of_source = source.index_select(0, batch.neighbor)
        of_bond = bond.index_select(0, batch.distance_class)
        value = of_source.add_(of_bond) if bond_values else of_source
        z = center.index_select(0, batch.target).add_(value)
        if not bond_values:
            z.add_(of_bond)
        # A leaky ReLU preserves the sign, as its derivative needs.
        F.leaky_relu_(z, _SLOPE)
        score = (_split_heads(z, attention) * attention).sum(-1)
        share = softmax_shares(score, weight, batch)
        alpha = share if weight is None else share * weight[:, None]
        ctx.save_for_backward(value, z, share, attention, weight)
        ctx.batch, ctx.bond_values = batch, bond_values
        return sum_runs(_scale_heads(value, alpha), batch.edge_ptr, batch.target)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        value, z, share, attention, weight = ctx.saved_tensors
        alpha = share if weight is None else share * weight[:, None]
        batch = ctx.batch
        grad_message = grad.index_select(0, batch.target)
        grad_alpha = _split_heads(grad_message * value, attention).sum(-1)
        # Of a softmax: alpha times the deviation from the mean under alpha
        mean = sum_runs(grad_alpha * alpha, batch.edge_ptr, batch.target)
        grad_alpha.sub_(mean.index_select(0, batch.target))
        grad_attention = grad_weight = None
        if ctx.needs_input_grad[4]:
            grad_weight = (grad_alpha * share).sum(1)
        grad_score = grad_alpha.mul_(alpha)
        if ctx.needs_input_grad[3]:
            grad_attention = (_split_heads(z, attention) * grad_score[:, :, None]).sum(
                0
            )
        grad_z = (grad_score[:, :, None] * attention).view_as(z)
        grad_z = torch.ops.aten.leaky_relu_backward(grad_z, z, _SLOPE, True)
        grad_value = _scale_heads(grad_message, alpha)
        if ctx.bond_values:
            grad_bond = grad_source = grad_value.add_(grad_z)
        else:
            grad_bond, grad_source = grad_z, grad_value.add_(grad_z)
        return (
            scatter_sum("target", grad_z, batch),
            scatter_sum("neighbor", grad_source, batch),
            scatter_sum("distance", grad_bond, batch),
            grad_attention,
            grad_weight,
            None,
            None,
        )


def _split_heads(rows: Tensor, attention: Tensor) -> Tensor:
    """Rows (E, F) as those of each head, (E, H, F / H)."""
    return rows.view(len(rows), *attention.shape)


def _scale_heads(value: Tensor, alpha: Tensor) -> Tensor:
    """Rows (E, F) times the factor (E, H) of each head."""
    heads = value.view(len(value), alpha.shape[1], -1)
    return (heads * alpha[:, :, None]).view_as(value)
