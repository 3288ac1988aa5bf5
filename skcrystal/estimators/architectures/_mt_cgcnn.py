"""MT-CGCNN: several targets, and how much their networks share."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, ClassVar

from ...nn import TaskNetworks
from ...utils._declared import share_parameters
from ...utils._validation import Interval, StrOptions
from .._regressor import GNNRegressor
from ..targets._task import Task
from ._cgcnn import CGCNNArchitecture


class MTCGCNNArchitecture(CGCNNArchitecture, GNNRegressor):
    """Parameters of the architecture, and the network that they describe.

    Parameters
    ----------
    sharing : {"hard", "soft"}, default="hard"
        Parameters that the networks of the targets share: all message passing, with a
        head of its own for each target; or none, but the weights of their trunks are
        pulled towards each other. Soft sharing takes as long as a network for each
        target.
    sharing_strength : float, default=0.0001
        Of soft sharing: times the squared distance of the trunks from their mean, it is
        added to the loss. ``train_loss`` contains it.
    n_task_layers : int, default=1
        Number of hidden layers of each target's head.
    """

    _parameter_constraints: ClassVar[dict[str, list]] = {
        "sharing": [StrOptions({"hard", "soft"})],
        "sharing_strength": [Interval(Real, 0, None, closed="left")],
        "n_task_layers": [Interval(Integral, 1, None, closed="left")],
    }

    sharing: str = "hard"
    sharing_strength: float = 1e-4
    n_task_layers: int = 1

    def _make_network(self, *, cutoff: float, **shared: Any) -> Any:
        one = super()._make_network
        if self.sharing == "hard":
            return one(cutoff=cutoff, **shared)
        n_targets = shared.pop("n_targets")
        softplus_start = shared.pop("softplus_start")
        return TaskNetworks(
            lambda start: one(
                cutoff=cutoff, n_targets=1, softplus_start=start, **shared
            ),
            n_targets,
            self.sharing_strength,
            softplus_start,
        )

    def _outputs(self, task: Task) -> dict[str, Any]:
        return super()._outputs(task) | {"task_layers": self.n_task_layers}

    def _trunk_kind(self) -> str:
        return CGCNNArchitecture.__name__


@share_parameters
class MTCGCNNRegressor(MTCGCNNArchitecture, GNNRegressor):
    """Multi-task CGCNN: a trunk that targets share, then layers of each target's own.

    Targets that are related, such as formation energy and band gap, help each other:
    features learned for one serve the next [1]_. Labels may be missing target
    by target, so that targets measured on different crystals train together. The
    errors of the targets are weighted by `task_weights`.

    All regressors take several targets, on one head; here each has its own.

    Parameters
    ----------
    %(parameters)s

    Attributes
    ----------
    %(attributes)s

    See Also
    --------
    CGCNNRegressor : The same trunk with one head for all targets.

    References
    ----------
    .. [1] S. Sanyal, J. Balachandran, N. Yadati, A. Kumar, P. Rajagopalan, S. Sanyal,
       P. Talukdar, "MT-CGCNN: Integrating Crystal Graph Convolutional Neural Network
       with Multitask Learning for Material Property Prediction", arXiv:1811.05660.

    Examples
    --------
    >>> from skcrystal import MTCGCNNRegressor
    >>> from skcrystal.datasets import load_pbe_prototypes
    >>> X, y = load_pbe_prototypes(return_X_y=True)
    >>> model = MTCGCNNRegressor(
    ...     task_weights="uncertainty", max_epochs=2, random_state=0
    ... )
    >>> model.fit(X[:64], y[:64]).predict(X[:3]).shape
    (3, 2)
    """
