"""Conversion of crystals in any form to graphs that a network can read."""

from dataclasses import asdict, replace
from typing import Any

import numpy as np
from torch import nn

from ..graphs import CrystalGraphs, CrystalGraphTransformer, GraphSettings
from ..graphs._compositions import holds_data
from ..nn import PublishedCGCNN


def as_graphs(
    X: Any,
    *,
    settings: GraphSettings | None = None,
    vectors: bool = False,
    merged: bool = True,
    build: bool = True,
) -> CrystalGraphs:
    """Return the graphs of `X`, building them if need be.

    Parameters
    ----------
    X : CrystalGraphs, or sequence of n PyG Data or crystals
        Crystals are transformed with `settings`.
    settings : GraphSettings, optional
        How the graphs of a fitted model were made. Ready graphs must agree with it
        where they know how they were made. By default, the transformer's defaults.
    vectors : bool, default=False
        Whether the network reads displacement vectors.
    merged : bool, default=True
        Whether it can read graphs whose equal atoms are merged.
    build : bool, default=True
        Whether crystals may be given, or ready graphs alone.

    Returns
    -------
    CrystalGraphs

    Raises
    ------
    TypeError
        If an entry is neither graph nor crystal.
    ValueError
        If `X` is empty, holds crystals though `build` is False, the graphs lack
        vectors that the network reads or have atoms merged though it cannot read
        that, were made otherwise than those of the fit, or a crystal is unfit for a
        graph.
    """
    if isinstance(X, CrystalGraphs):
        graphs = X
    elif holds_data(X):
        graphs = CrystalGraphs.from_data_list(list(X))
    elif not build:
        raise ValueError(
            "X holds crystals, but the model was fitted on PyG graphs that do not say "
            "how they were made; pass graphs made the same way, or fit on "
            "CrystalGraphs.from_data_list(..., settings=GraphSettings(...))."
        )
    else:
        settings = replace(settings or GraphSettings(), vectors=vectors)
        if not merged:
            settings = replace(settings, reduce=None)
        return CrystalGraphTransformer(**asdict(settings)).transform(X)
    if len(graphs) == 0:
        raise ValueError("X is empty: at least one crystal is needed.")
    if vectors and graphs.vector is None:
        raise ValueError(
            "X holds graphs without displacement vectors, which this model reads; "
            "make them with CrystalGraphTransformer(vectors=True)."
        )
    if not merged and graphs.site_atom is not None:
        raise ValueError(
            "X holds graphs whose equal atoms are merged, which this model cannot read;"
            " make them with CrystalGraphTransformer(vectors=True, reduce=None)."
        )
    if settings is not None and graphs.settings is not None:
        if not _compatible(settings, graphs.settings):
            raise ValueError(
                f"X holds graphs made with {graphs.settings}, but the model was fitted "
                f"on graphs made with {settings}; transform X with the same parameters."
            )
    return graphs


def check_described(graphs: CrystalGraphs, network: nn.Module) -> None:
    """Check that a network knows all elements of crystals.

    Ours describe every element by its place in the periodic table; the published CGCNN
    has a table of vectors, and gives NaN for others.

    Raises
    ------
    ValueError
        If an element has no vector; the message names the first crystal with one.
    """
    if not isinstance(network, PublishedCGCNN):
        return
    lacking = np.flatnonzero(network.elements.lacking(graphs.atomic_numbers))
    if len(lacking):
        from pymatgen.core import Element

        atom = lacking[0]
        i = np.searchsorted(np.cumsum(graphs.n_atoms), atom, side="right")
        symbol = Element.from_Z(int(graphs.atomic_numbers[atom])).symbol
        raise ValueError(
            f"X[{i}]: {symbol} has no vector in the atom_init of this published CGCNN; "
            "leave such crystals out, or train a network of your own: a clone, without "
            "warm_start and pretrained."
        )


def _compatible(one: GraphSettings, other: GraphSettings) -> bool:
    """Whether ordinary crystals have the same edges, up to merging."""
    if one == other:
        return True
    # Merging by itself changes the cost of a graph, not its content.
    same: dict[str, Any] = {"on_isolated": "error", "vectors": False, "reduce": None}
    if replace(one, **same) != replace(other, **same):
        return False
    merged = one.reduce == other.reduce == "symmetry"
    return not merged or one.tolerance == other.tolerance
