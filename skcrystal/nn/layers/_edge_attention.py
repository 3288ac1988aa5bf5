"""Attention over edges with features."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from .._batch import GraphBatch
from .._dropout import Dropout, no_dropout
from ._aggregate import promote_dtypes, scatter_sum, sum_runs
from ._attention import softmax_shares
from ._norm import make_norm

_SLOPE = 0.01  # of EGAT's leaky ReLU


class EdgeAttentionLayer(nn.Module):
    """Edge update from both atoms, then attention over neighbours by their edges.

    Edges become ``e'_ij = leaky_relu(W_e [x_i, e_ij, x_j] + b)``, and atoms
    ``x'_i = sum_j alpha_ij W_v x_j``, where alpha is the softmax of ``a . e'_ij`` over
    the neighbours of each atom, head by head [1]_. Equal to DGL's ``EGATConv`` with
    concatenated heads, but the map of the joined vector runs once for each atom at
    either end, and once for each edge. With `edge_values` messages contain edge
    features: ``x'_i = sum_j alpha_ij (W_v x_j + W_u e'_ij)``.

    Parameters
    ----------
    in_dim : int
        Width F of the atom features.
    edge_dim : int
        Width K of the edge features, a multiple of `n_heads`.
    out_dim : int
        Width G of the new atom features, a multiple of `n_heads`.
    n_heads : int
        Number of attention heads, which share both widths.
    edge_values : bool, default=False
        Whether messages contain edge features, or attention alone depends on them.

    Raises
    ------
    ValueError
        If a width is not a multiple of `n_heads`.

    References
    ----------
    .. [1] K. Kamiński et al., "Rossmann-toolbox", Briefings in Bioinformatics 23,
       bbab371 (2022), supplementary data.
    """

    def __init__(
        self,
        in_dim: int,
        edge_dim: int,
        out_dim: int,
        n_heads: int,
        *,
        edge_values: bool = False,
    ) -> None:
        super().__init__()
        for name, width in (("edge_dim", edge_dim), ("out_dim", out_dim)):
            if width % n_heads:
                raise ValueError(
                    f"{name}={width} is not a multiple of n_heads={n_heads}; each "
                    "head takes an equal share."
                )
        self.of_center = nn.Linear(in_dim, edge_dim)
        self.of_source = nn.Linear(in_dim, edge_dim, bias=False)
        self.of_edge = nn.Linear(edge_dim, edge_dim, bias=False)
        self.value = nn.Linear(in_dim, out_dim, bias=False)
        self.attention = nn.Parameter(torch.empty(n_heads, edge_dim // n_heads))
        nn.init.zeros_(self.of_center.bias)
        nn.init.xavier_uniform_(self.attention)
        maps = [self.of_center, self.of_source, self.of_edge, self.value]
        self.edge_value = None
        if edge_values:
            self.edge_value = nn.Linear(edge_dim, out_dim, bias=False)
            maps.append(self.edge_value)
        for linear in maps:
            nn.init.xavier_uniform_(linear.weight)

    def forward(
        self, x: Tensor, edge: Tensor, batch: GraphBatch, weight: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """New features of atoms and edges.

        Parameters
        ----------
        x : Tensor of shape (N, F)
        edge : Tensor of shape (E, K)
        batch : GraphBatch
        weight : Tensor of shape (E,), optional
            Weight of each edge in the softmax, in place of the batch's edge weights:
            these times an envelope, for example.

        Returns
        -------
        x : Tensor of shape (N, G)
            Without residual or activation.
        edge : Tensor of shape (E, K)
            Without residual.
        """
        value = self.value(x)
        total, edge = edge_attention_sum(
            self.of_center(x),
            self.of_source(x),
            self.of_edge(edge),
            value,
            self.attention,
            batch,
            weight,
            edge_values=self.edge_value is not None,
        )
        if self.edge_value is not None:
            # The map of a sum is the sum of maps, and there are more edges than atoms.
            total, of_edges = total.split([value.shape[1], edge.shape[1]], dim=1)
            total = total + self.edge_value(of_edges)
        return total, edge


class EdgeAttentionBlock(nn.Module):
    """Edge attention with residual paths of atoms and edges.

    Atoms become ``x_i + W silu(norm(x'_i)) + b``, edges ``e_ij + e'_ij``, where x' and
    e' are outputs of `EdgeAttentionLayer`.

    Parameters
    ----------
    hidden_dim : int
        Width F of the atom features, a multiple of `n_heads`.
    edge_dim : int
        Width K of the edge features, a multiple of `n_heads`.
    n_heads : int
        Number of attention heads.
    edge_values : bool, default=False
        Whether messages contain edge features.
    norm : {"layer", "batch"}, default="layer"
        Norm of aggregated messages.
    """

    def __init__(
        self,
        hidden_dim: int,
        edge_dim: int,
        n_heads: int,
        *,
        edge_values: bool = False,
        norm: str = "layer",
    ) -> None:
        super().__init__()
        self.attend = EdgeAttentionLayer(
            hidden_dim, edge_dim, hidden_dim, n_heads, edge_values=edge_values
        )
        self.norm = make_norm(norm, hidden_dim)
        self.mix_heads = nn.Linear(hidden_dim, hidden_dim)

    def forward(
        self,
        x: Tensor,
        edge: Tensor,
        batch: GraphBatch,
        weight: Tensor | None = None,
        dropout: Dropout = no_dropout,
    ) -> tuple[Tensor, Tensor]:
        """Atoms (N, F) and edges (E, K) to atoms and edges; weights as in the layer."""
        aggregated, added = self.attend(x, edge, batch, weight)
        x = x + dropout(self.mix_heads(F.silu(self.norm(aggregated, batch))))
        return x, edge + added


def edge_attention_sum(
    center: Tensor,
    source: Tensor,
    edge: Tensor,
    value: Tensor,
    attention: Tensor,
    batch: GraphBatch,
    weight: Tensor | None = None,
    *,
    edge_values: bool = False,
) -> tuple[Tensor, Tensor]:
    """Edge update and sum over neighbours by attention.

    ``z_ij = leaky_relu(center_i + source_j + edge_ij)``, and ``sum_j alpha_ij value_j``
    with the softmax alpha of ``a . z_ij`` over the neighbours of each atom.

    Parameters
    ----------
    center, source : Tensor of shape (N, K)
        Terms of an atom as target and as source of an edge.
    edge : Tensor of shape (E, K)
    value : Tensor of shape (N, G)
        Message of an atom to its neighbours.
    attention : Tensor of shape (H, K / H)
        The vector a of each head.
    batch : GraphBatch
    weight : Tensor of shape (E,), optional
        Multiplicity of each edge in softmax and sum; by default the batch's edge
        weights. An atom whose edges all have weight zero gets zeros.
    edge_values : bool, default=False
        Whether to give also ``sum_j alpha_ij z_ij``.

    Returns
    -------
    total : Tensor of shape (N, G), or (N, G + K) with `edge_values`
    z : Tensor of shape (E, K)
    """
    if weight is None:
        weight = batch.edge_weight
    tensors = promote_dtypes(center, source, edge, value, attention, weight)
    return _EdgeAttentionSum.apply(*tensors, batch, edge_values)


class _EdgeAttentionSum(Function):
    @staticmethod
    def forward(
        ctx: Any,
        center: Tensor,
        source: Tensor,
        edge: Tensor,
        value: Tensor,
        attention: Tensor,
        weight: Tensor | None,
        batch: GraphBatch,
        edge_values: bool,
    ) -> tuple[Tensor, Tensor]:
        z = center.index_select(0, batch.target)
        z += source.index_select(0, batch.neighbor)
        z += edge
        F.leaky_relu_(z, _SLOPE)  # preserves the sign, as its derivative needs
        score = (_split_heads(z, len(attention)) * attention).sum(-1)
        share = softmax_shares(score, weight, batch)
        alpha = share if weight is None else share * weight[:, None]
        ctx.save_for_backward(z, value, share, attention, weight)
        ctx.batch, ctx.edge_values = batch, edge_values
        messages = _scale_heads_(value.index_select(0, batch.neighbor), alpha)
        total = sum_runs(messages, batch.edge_ptr, batch.target)
        if edge_values:
            of_edges = sum_runs(
                _scale_heads_(z.clone(), alpha), batch.edge_ptr, batch.target
            )
            total = torch.cat([total, of_edges], dim=1)
        return total, z

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, grad_sum: Tensor, grad_edge: Tensor
    ) -> tuple[Tensor | None, ...]:
        z, value, share, attention, weight = ctx.saved_tensors
        batch, n_heads = ctx.batch, len(attention)
        alpha = share if weight is None else share * weight[:, None]
        grad_sum, grad_of_edges = grad_sum.tensor_split([value.shape[1]], dim=1)
        grad_message = grad_sum.index_select(0, batch.target)
        of_source = value.index_select(0, batch.neighbor)
        grad_alpha = _split_heads(of_source.mul_(grad_message), n_heads).sum(-1)
        if ctx.edge_values:
            grad_of_edges = grad_of_edges.index_select(0, batch.target)
            grad_alpha += _split_heads(grad_of_edges * z, n_heads).sum(-1)
        # Of a softmax: alpha times the deviation from the mean under alpha
        mean = sum_runs(grad_alpha * alpha, batch.edge_ptr, batch.target)
        grad_alpha -= mean.index_select(0, batch.target)
        grad_score = grad_alpha * alpha
        grad_weight = grad_attention = None
        if ctx.needs_input_grad[5]:
            grad_weight = (grad_alpha * share).sum(1)
        if ctx.needs_input_grad[4]:
            grad_attention = (_split_heads(z, n_heads) * grad_score[:, :, None]).sum(0)
        grad_z = (grad_score[:, :, None] * attention).view_as(z).add_(grad_edge)
        if ctx.edge_values:
            grad_z += _scale_heads_(grad_of_edges, alpha)
        grad_z = torch.ops.aten.leaky_relu_backward(grad_z, z, _SLOPE, True)
        grad_value = _scale_heads_(grad_message, alpha)
        return (
            scatter_sum("target", grad_z, batch),
            scatter_sum("neighbor", grad_z, batch),
            grad_z,
            scatter_sum("neighbor", grad_value, batch),
            grad_attention,
            grad_weight,
            None,
            None,
        )


def _split_heads(rows: Tensor, n_heads: int) -> Tensor:
    """Rows (E, F) as those of each head, (E, H, F / H)."""
    return rows.view(len(rows), n_heads, -1)


def _scale_heads_(value: Tensor, alpha: Tensor) -> Tensor:
    """Rows (E, F) times the factor (E, H) of each head, in place."""
    _split_heads(value, alpha.shape[1]).mul_(alpha[:, :, None])
    return value
