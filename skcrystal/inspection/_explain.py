"""Which atoms and neighbours a prediction rests on."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch_geometric.explain import Explainer, ExplainerAlgorithm, ModelConfig

from ..estimators._base import GNNEstimator
from ..estimators._classifier import GNNClassifier
from ..estimators._pipelines import networks_of
from ..estimators.targets._targets import column_of
from ..nn import GraphBatch
from ._algorithms import MaskGradients, SteadyGNNExplainer
from ._explanation import CrystalExplanation
from ._masked import MaskedNetwork, ScaledNetwork
from ._neighborhood import Neighborhood, images_of

_N_STEPS = {"integrated_gradients": 50, "gradient": None, "gnn_explainer": 200}
# Not zero: where edges share out attention, there is a limit but no value.
_NEAR_ZERO = 1e-6


def explain(
    model: Any,
    structure: Any,
    atom: int | None = None,
    *,
    target: Any = None,
    method: Literal[
        "integrated_gradients", "gradient", "gnn_explainer"
    ] = "integrated_gradients",
    n_steps: int | None = None,
) -> CrystalExplanation:
    """Ask which atoms and which neighbours a prediction rests on.

    Each edge, from a neighbour to the atom that receives its message, has a mask: a
    factor of its messages in every layer, one as it is, zero as if it was not there. So
    is the element of each site. The graph is that of the fit with no atoms merged.

    An explanation is of the network, be it right or wrong; it does not predict the
    effect of a change of the crystal.

    Parameters
    ----------
    model : fitted estimator
        A regressor or classifier, or a pipeline, search, or augmented or calibrated
        model about one. Of an ensemble, importance is the mean over its members.
    structure : pymatgen Structure, IStructure or ASE Atoms
        The crystal.
    atom : int, optional
        Of models with targets of atoms: number of the site whose prediction it is.
    target : str, int or label, optional
        Name or number of the target, if the model has several. Of a classifier, the
        class whose probability is explained; by default the most probable one.
    method : {"integrated_gradients", "gradient", "gnn_explainer"}, \
default="integrated_gradients"
        - "integrated_gradients" [1]_: the mean gradient while all masks of edges (then
          all masks of elements) grow from zero to one. Signed shares in the unit of the
          target, that add up to the contribution of edges (elements): ``prediction -
          without_edges``, ``prediction - without_elements``.
        - "gradient": the gradient where all masks are one: to first order, how much the
          prediction falls if this mask alone is taken away. Fifty times faster.
        - "gnn_explainer" [2]_: the smallest masks, from 0 to 1, that preserve
          the prediction, by gradient descent on all of them together. They show the
          part that is enough, without its sign.
    n_steps : int, optional
        Points of the path of integrated gradients (50 by default), or steps of descent
        of the explainer (200).

    Returns
    -------
    CrystalExplanation

    Raises
    ------
    NotFittedError
        If the model was not fitted.
    TypeError
        If `model` is of a kind that cannot be explained, or `structure` no crystal.
    ValueError
        If the atom, target, class or method does not exist; if `atom` is missing or
        given where the model predicts crystals; or if the model could not predict the
        structure.

    References
    ----------
    .. [1] M. Sundararajan, A. Taly, Q. Yan, ICML 2017, arXiv:1703.01365.
    .. [2] R. Ying, D. Bourgeois, J. You, M. Zitnik, J. Leskovec, NeurIPS 2019,
       arXiv:1903.03894.

    Examples
    --------
    >>> from skcrystal import SchNetRegressor
    >>> from skcrystal.datasets import load_pbe_prototypes
    >>> from skcrystal.inspection import explain
    >>> X, y = load_pbe_prototypes(return_X_y=True)
    >>> model = SchNetRegressor(max_epochs=2, random_state=0).fit(X[:64], y[:64, 0])
    >>> explanation = explain(model, X[0])
    >>> explanation.atom_importance.shape == (len(X[0]),)
    True
    >>> shares = explanation.edge_importance
    >>> brought = explanation.prediction - explanation.without_edges
    >>> bool(abs(shares.sum() - brought) < 1e-3 * abs(shares).sum())
    True
    """
    algorithm = _algorithm(method, n_steps)
    members = networks_of(model)
    first = members[0]
    around = Neighborhood.of(structure, first, _check_atom(atom, first, structure))
    column, name = _find_target(target, first, around)
    found = [_explain_one(member, around, column, algorithm) for member in members]
    mean = [np.mean(values, axis=0) for values in zip(*found, strict=True)]
    prediction, without_edges, without_elements, of_atoms, of_edges = mean
    of_sites = np.zeros(int(around.graphs.n_sites[0]))
    of_sites[around.sites] = of_atoms
    edge_index, edge_vector = around.edge_index(), around.edge_vector()
    return CrystalExplanation(
        structure=structure,
        method=method,
        target=name,
        atom=around.atom,
        prediction=float(prediction),
        without_edges=float(without_edges),
        without_elements=float(without_elements),
        atom_importance=of_sites,
        edge_index=edge_index,
        edge_image=images_of(structure, edge_index, edge_vector),
        edge_vector=edge_vector,
        edge_importance=of_edges,
    )


class _Found(NamedTuple):
    prediction: float
    without_edges: float
    without_elements: float
    of_atoms: NDArray[np.float64]
    of_edges: NDArray[np.float64]


def _explain_one(
    model: GNNEstimator,
    around: Neighborhood,
    column: int,
    algorithm: ExplainerAlgorithm,
) -> _Found:
    """Explain the prediction of one network."""
    network, batch = ScaledNetwork(model.net_.module_), around.batch(model)
    n_sites = int(around.graphs.n_sites[0])
    read = _reader(model, column, n_sites)
    references = _reference_predictions(network, batch, read)
    prediction, without_edges, without_elements = references
    scaled = read
    if isinstance(algorithm, SteadyGNNExplainer):
        # Its costs are weighed against errors of a prediction that is about one.
        edges, elements = prediction - without_edges, prediction - without_elements
        scale = np.hypot(edges, elements) or 1.0

        def scaled(outputs: Tensor) -> Tensor:
            return read(outputs) / scale

    masked = MaskedNetwork(network, batch, scaled)
    explainer = Explainer(
        masked,
        algorithm,
        explanation_type="model",
        model_config=ModelConfig(mode="regression", task_level="graph"),
        node_mask_type="object",
        edge_mask_type="object",
    )
    explanation = explainer(*masked.inputs())
    of_atoms, of_edges = (
        mask.detach().cpu().double().numpy()
        for mask in (explanation.node_mask[:, 0], explanation.edge_mask)
    )
    return _Found(prediction, without_edges, without_elements, of_atoms, of_edges)


@torch.no_grad()
def _reference_predictions(
    network: ScaledNetwork, batch: GraphBatch, read: Callable[[Tensor], Tensor]
) -> list[float]:
    """The prediction as it is, without edges, and without elements."""
    atoms = torch.ones(len(batch.atomic_numbers), 1, device=batch.target.device)
    edges = torch.ones(len(batch.target), device=batch.target.device)
    masks = (atoms, edges), (atoms, _NEAR_ZERO * edges), (0 * atoms, edges)
    return [read(network(batch, *pair)).item() for pair in masks]


def _reader(
    model: GNNEstimator, column: int, n_sites: int
) -> Callable[[Tensor], Tensor]:
    """Function from outputs (R, K) of a network to predictions (R,)."""
    task = model._task
    return lambda outputs: task.decode(outputs, n_sites)[:, column]


def _algorithm(method: str, n_steps: int | None) -> ExplainerAlgorithm:
    if method not in _N_STEPS:
        raise ValueError(
            f"method is {method!r}; it must be one of {', '.join(map(repr, _N_STEPS))}."
        )
    if n_steps is None:
        n_steps = _N_STEPS[method]
    elif method == "gradient":
        raise ValueError(
            f'n_steps={n_steps!r} was given, but method="gradient" takes no steps; '
            'leave it at None, or use "integrated_gradients".'
        )
    elif not isinstance(n_steps, Integral) or isinstance(n_steps, bool) or n_steps < 1:
        raise ValueError(f"n_steps is {n_steps!r}; it must be an integer from 1 on.")
    if method == "gnn_explainer":
        assert n_steps is not None  # the gradient alone has none
        return SteadyGNNExplainer(n_steps)
    return MaskGradients(n_steps)


def _check_atom(atom: Any, model: GNNEstimator, structure: Any) -> int | None:
    if getattr(model, "target_level_", "crystal") != "atom":
        if atom is not None:
            raise ValueError(
                f"atom={atom!r} was given, but the model predicts targets of crystals; "
                "leave it at None. The importance of each atom comes with any "
                "explanation."
            )
        return None
    n_sites = len(structure)
    if atom is None:
        raise ValueError(
            "the model predicts targets of atoms, and atom is None; say which of the "
            f"{n_sites} sites is to be explained."
        )
    if (
        not isinstance(atom, Integral)
        or isinstance(atom, bool)
        or not 0 <= int(atom) < n_sites
    ):
        raise ValueError(
            f"atom is {atom!r}, but the sites of the structure are numbered 0 to "
            f"{n_sites - 1}."
        )
    return int(atom)


def _find_target(
    target: Any, model: GNNEstimator, around: Neighborhood
) -> tuple[int, Any]:
    """Column of the network's outputs, and its name."""
    if isinstance(model, GNNClassifier):
        classes = model.classes_
        if target is None:
            column = int(model._logits(around.graphs)[0].argmax())
        else:
            (matches,) = np.nonzero(classes == target)
            if len(matches) != 1:
                raise ValueError(
                    f"target is {target!r}, which is none of the model's classes: "
                    f"{', '.join(map(repr, classes.tolist()))}."
                )
            column = int(matches[0])
        return column, classes[column].item()
    names = list(model.target_names_)
    if target is None:
        if len(names) > 1:
            raise ValueError(
                f"the model predicts {len(names)} targets, and target is None; give "
                f"one of {', '.join(map(repr, names))}."
            )
        target = 0
    column = column_of(target, names, "target")
    return column, names[column]
