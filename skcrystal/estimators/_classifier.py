"""What makes a graph network estimator a classifier."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, overload

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax, softmax
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted
from skorch.callbacks import Callback

from ..graphs import CrystalGraphs
from ..nn import ClassLoss
from ..utils._bases import ClassifierMixin
from ..utils._validation import StrOptions
from ._base import GNNEstimator
from ._inference import run, sample
from ._parameters import SharedParameters
from ._predictive import has_dropout
from ._warm_start import goes_on
from .targets._class_labels import (
    check_classes,
    listed,
    name_of,
    number_classes,
    weigh_classes,
)
from .targets._targets import Targets
from .training._callbacks import ClassErrors

# The docstrings of all classifiers; what their network is, their regressors say.
_SECTIONS = """

Parameters
----------
%(parameters)s

Attributes
----------
%(attributes)s

See Also
--------
%(architecture)sRegressor : What the network is, and where it comes from.

Examples
--------
>>> from skcrystal import %(architecture)sClassifier
>>> from skcrystal.datasets import load_pbe_prototypes
>>> bunch = load_pbe_prototypes()
>>> kind = bunch.frame["band_gap"].gt(0.025).map({True: "gap", False: "metal"})
>>> model = %(architecture)sClassifier(max_epochs=2, random_state=0)
>>> model = model.fit(bunch.data[:64], kind[:64])
>>> model.classes_.tolist()
['gap', 'metal']
>>> model.predict_proba(bunch.data[:3]).shape
(3, 2)
"""


class GNNClassifier(ClassifierMixin, GNNEstimator):
    """Base of all graph network classifiers.

    Parameters
    ----------
    class_weight : {"balanced"}, dict or None, default=None
        How much a crystal of each class counts: all alike; as a dict from classes to
        weights says, and one where it says nothing; or with "balanced" so much that
        each class as a whole counts alike. Multiplies `sample_weight`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes, sorted: the columns of `predict_proba`.
    """

    _sections: ClassVar[str] = _SECTIONS
    _saved_state: ClassVar[tuple[str, ...]] = (*GNNEstimator._saved_state, "classes_")

    _parameter_constraints: ClassVar[dict[str, list]] = {
        "class_weight": [StrOptions({"balanced"}), dict, None],
    }
    _training_parameters: ClassVar[frozenset[str]] = (
        SharedParameters._training_parameters | {"class_weight"}
    )

    class_weight: Any = None

    def predict(self, X: Any) -> NDArray:
        """Predict the class of crystals: the most probable one.

        Parameters
        ----------
        X : CrystalGraphs, or sequence of m crystals or PyG Data
            Crystals are turned into graphs as in `fit`.

        Returns
        -------
        ndarray of shape (m,)
            Entries of `classes_`.

        Raises
        ------
        NotFittedError
            If the model was not fitted.
        ValueError
            If graphs were made otherwise than those of `fit`.
        """
        check_is_fitted(self, "net_")
        graphs = self._graphs_for_prediction(X)
        return self.classes_[self._logits(graphs).argmax(axis=1)]

    @overload
    def predict_proba(
        self, X: Any, return_std: Literal[False] = False
    ) -> NDArray[np.float64]: ...

    @overload
    def predict_proba(
        self, X: Any, return_std: Literal[True]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]: ...

    @overload
    def predict_proba(
        self, X: Any, return_std: bool
    ) -> NDArray[np.float64] | tuple[NDArray[np.float64], NDArray[np.float64]]: ...

    def predict_proba(
        self, X: Any, return_std: bool = False
    ) -> NDArray[np.float64] | tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Predict the probability of each class.

        Parameters
        ----------
        X : CrystalGraphs, or sequence of m crystals or PyG Data
            Crystals are turned into graphs as in `fit`.
        return_std : bool, default=False
            Whether to use Monte Carlo dropout: the mean over `n_mc_samples` masks of
            `dropout` and `dropout_conv`, the same at each call, and their spread. Needs
            a model that was fitted with dropout.

        Returns
        -------
        probability : ndarray of shape (m, n_classes)
            In the order of `classes_`; rows add up to one.
        std : ndarray of shape (m, n_classes)
            Standard deviation over the masks; only if `return_std` is True.

        Raises
        ------
        NotFittedError
            If the model was not fitted.
        ValueError
            If graphs were made otherwise than those of `fit`, or `return_std` is True
            and the model has no dropout.
        """
        check_is_fitted(self, "net_")
        network = self.net_.module_
        if return_std and not has_dropout(network):
            raise ValueError(
                "return_std=True needs a model that was fitted with dropout; fit one "
                "with, for example, dropout=0.1 and dropout_conv=0.1."
            )
        graphs = self._graphs_for_prediction(X)
        if not return_std:
            return softmax(self._logits(graphs), axis=1)
        logits = sample(network, graphs, self.n_mc_samples, self._mc_seed)
        samples = softmax(logits.astype(np.float64), axis=2)
        return samples.mean(axis=1), samples.std(axis=1, ddof=1)

    def predict_log_proba(self, X: Any) -> NDArray[np.float64]:
        """Predict the logarithm of the probability of each class.

        It is finite, also where the probability is too small for a number.

        Parameters
        ----------
        X : CrystalGraphs, or sequence of m crystals or PyG Data
            Crystals are turned into graphs as in `fit`.

        Returns
        -------
        ndarray of shape (m, n_classes)
            In the order of `classes_`.

        Raises
        ------
        NotFittedError
            If the model was not fitted.
        ValueError
            If graphs were made otherwise than those of `fit`.
        """
        check_is_fitted(self, "net_")
        return log_softmax(self._logits(self._graphs_for_prediction(X)), axis=1)

    def _logits(self, graphs: CrystalGraphs) -> NDArray[np.float64]:
        return run(self.net_.module_, graphs).astype(np.float64)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        return tags

    # What the fit path asks for

    def _read_labels(self, y: Any, graphs: CrystalGraphs, watched: bool) -> Targets:
        labels = check_classes(y, len(graphs))
        known = self.classes_ if goes_on(self) else None
        # Become the model's with the scale, once all is checked.
        found, numbers = number_classes(
            labels, self._found_classes if watched else known
        )
        self._found_classes: NDArray = found
        return Targets(numbers[:, None].astype(np.float64), [name_of(y)], True)

    def _weigh_labels(
        self, targets: Targets, weights: NDArray, watched: bool
    ) -> NDArray:
        numbers = targets.values[:, 0].astype(np.int64)
        if not watched:
            self._class_factors = weigh_classes(
                self.class_weight, self._found_classes, numbers, weights
            )
        return (weights * self._class_factors[numbers])[:, None]

    def _check_goes_on(self, targets: Targets) -> None:
        self._check_same_architecture(targets)

    def _learn_scale(
        self, targets: Targets, label_weights: NDArray, n_sites: NDArray
    ) -> None:
        classes = self._found_classes
        there = targets.values[label_weights > 0].astype(np.int64)
        missing = np.setdiff1d(np.arange(len(classes)), there)
        if len(missing):
            raise ValueError(
                f"nothing is left to train the class {listed(classes[missing[:1]])} "
                "on: all its crystals have sample_weight 0 or were held back; check "
                "sample_weight, lower `validation_fraction`, or set "
                "early_stopping=False."
            )
        self.classes_: NDArray = classes
        self.target_names_ = targets.names

    def _scale_labels(self, targets: Targets, n_sites: NDArray) -> NDArray:
        return targets.values

    def _outputs(self) -> dict[str, Any]:
        return {
            "n_targets": len(self.classes_),
            "dropout": self.dropout,
            "dropout_conv": self.dropout_conv,
            "pooling": "mean",
        }

    def _criterion(self) -> ClassLoss:
        return ClassLoss()

    def _error_callback(self) -> Callback:
        return ClassErrors()

    def _describe(self, targets: Targets) -> dict[str, Any]:
        counts = np.bincount(targets.values[:, 0].astype(np.int64))
        pairs = zip(self.classes_.tolist(), counts.tolist(), strict=False)
        classes = {str(name): count for name, count in pairs}
        return {"n_crystals": len(targets.values), "classes": classes}

    def _finish(self) -> None:
        del self._found_classes, self._class_factors
