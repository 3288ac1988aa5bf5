"""Base of all graph network classifiers."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, overload

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax, softmax
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from ..graphs import CrystalGraphs
from ..utils._bases import ClassifierMixin
from ..utils._validation import StrOptions
from ._base import GNNEstimator
from ._inference import run, sample
from ._parameters import SharedParameters
from ._predictive import has_dropout
from .targets._classification_task import ClassificationTask
from .targets._targets import Targets

# Ends the docstrings of all classifiers; those of regressors describe the networks.
_SECTIONS = """

Parameters
----------
%(parameters)s

Attributes
----------
%(attributes)s

See Also
--------
%(architecture)sRegressor : The network, and its source.

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
        Weight of a crystal of each class: one for all; by a dict from classes to
        weights, and one for those left out; or with "balanced" such that all classes
        have the same total weight. Multiplies `sample_weight`.

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

    def _make_task(
        self, y: Any, n_sites: NDArray, sample_weight: NDArray, resumes: bool
    ) -> tuple[ClassificationTask, Targets]:
        return ClassificationTask.read(
            y,
            sample_weight,
            class_weight=self.class_weight,
            known=self.classes_ if resumes else None,
        )

    @property
    def _task(self) -> ClassificationTask:
        return ClassificationTask(self.target_names_, self.classes_)

    @_task.setter
    def _task(self, task: ClassificationTask) -> None:
        self.target_names_: list[str] = task.names
        self.classes_: NDArray = task.classes
