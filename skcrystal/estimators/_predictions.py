"""The one predict path of all regressors."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from ..graphs import CrystalGraphs
from ..nn import CrystalNetwork, GraphBatch
from ..utils._warnings import UnseenElementsWarning
from ._data import prediction_batches, store_of
from ._inputs import as_graphs
from ._moments import Moments, check_spread, drops

if TYPE_CHECKING:
    from ._net import GraphNet
    from ._scaling import TargetScaler


class Predictions:
    """What a fitted regressor says of crystals; mixed into it."""

    if TYPE_CHECKING:  # what `fit` leaves
        net_: GraphNet
        _scaler: TargetScaler
        _mc_seed: int
        _is_1d: bool

    def predict(
        self, X: Any, return_std: bool = False, return_components: bool = False
    ) -> NDArray[np.float64] | tuple[NDArray[np.float64], ...]:
        """Predict the targets of crystals.

        An element that training has not seen is described by its place and properties
        in the periodic table alone, with a warning.

        Standard deviations have two parts, of which a model has those it was fitted
        for. The epistemic part says what the model does not know: by Monte Carlo
        dropout [1]_, the spread of `n_mc_samples` networks thinned by `dropout` and
        `dropout_conv`. The same ones are drawn at each call, and for every crystal. The
        aleatoric part says how far labels scatter where the model cannot tell crystals
        apart: what a network learns with ``loss="gaussian_nll"``. Their squares add up
        [2]_.

        Parameters
        ----------
        X : CrystalGraphs, or sequence of m crystals or PyG Data
            Crystals are turned into graphs as in `fit`.
        return_std : bool, default=False
            Whether to also give standard deviations. Needs dropout, whose part is all
            there is with any other loss, or ``loss="gaussian_nll"``, whose part is all
            there is without dropout; or both.
        return_components : bool, default=False
            Whether to also give both parts by themselves. Needs dropout and
            ``loss="gaussian_nll"``.

        Returns
        -------
        mean : ndarray of shape (m,) or (m, n_targets)
            In the units and the shape of the `y` of `fit`. With standard deviations by
            dropout, the mean over the thinned networks.
        std : ndarray of the shape of `mean`
            In the units of `y`; only if `return_std` is True.
        epistemic, aleatoric : ndarray of the shape of `mean`
            In the units of `y`; only if `return_components` is True.

        Raises
        ------
        NotFittedError
            If the model was not fitted.
        ValueError
            If graphs were made otherwise than those of `fit`, or crystals are given
            but it is not known how the graphs of `fit` were made; or if standard
            deviations are asked of a model that was not fitted for them.

        References
        ----------
        .. [1] Y. Gal, Z. Ghahramani, ICML 2016, arXiv:1506.02142.
        .. [2] A. Kendall, Y. Gal, NeurIPS 2017, arXiv:1703.04977.
        """
        check_is_fitted(self, "net_")
        check_spread(self.net_.module_, return_std, return_components)
        graphs = self._check_predict(X)
        sampled = (return_std or return_components) and drops(self.net_.module_)
        found = self._moments(graphs, sampled)
        if return_components:
            return found.mean, found.epistemic, found.aleatoric
        return (found.mean, found.std) if return_std else found.mean

    def _predict_gaussian(
        self, X: Any
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Means and aleatoric standard deviations, without dropout.

        Parameters
        ----------
        X : CrystalGraphs, or sequence of m crystals or PyG Data

        Returns
        -------
        mean, aleatoric : ndarray of shape (m,) or (m, n_targets)
            In the units and the shape of the `y` of `fit`.

        Raises
        ------
        ValueError
            If the model was not fitted with ``loss="gaussian_nll"``.
        """
        graphs = self._check_predict(X)
        if not self.net_.module_.gaussian:
            raise ValueError(
                "an aleatoric standard deviation needs a model that was fitted with "
                f'loss="gaussian_nll", which this {type(self).__name__} was not.'
            )
        found = self._moments(graphs, sampled=False)
        return found.mean, found.aleatoric

    def embed(self, X: Any) -> NDArray[np.float32]:
        """Pooled features of crystals: their place in what the network has learned.

        Parameters
        ----------
        X : CrystalGraphs, or sequence of m crystals or PyG Data

        Returns
        -------
        ndarray of shape (m, hidden_dim)
            The mean over atom features; not scaled.

        Raises
        ------
        NotFittedError
            If the model was not fitted.
        """
        graphs = self._check_predict(X)
        return self._run(graphs, lambda network, batch: network.embed(batch))

    @property
    def fitted_(self) -> bool:
        """True; absent before `fit`. MAPIE and others look for such an attribute."""
        if "net_" not in vars(self):
            raise AttributeError(f"this {type(self).__name__} is not fitted yet.")
        return True

    # Steps of predict

    def _check_predict(self, X: Any) -> CrystalGraphs:
        check_is_fitted(self, "net_")
        graphs = as_graphs(
            X,
            settings=self.graph_settings_,
            vectors=self._needs_vectors,
            build=self.graph_settings_ is not None,
        )
        unseen = np.setdiff1d(graphs.atomic_numbers, self.elements_)
        if len(unseen):
            from pymatgen.core import Element

            symbols = ", ".join(Element.from_Z(int(z)).symbol for z in unseen)
            warnings.warn(
                f"X holds elements that the model was not trained on: {symbols}. Only "
                "their place and properties in the periodic table speak for them; "
                "treat these predictions with care.",
                UnseenElementsWarning,
                stacklevel=3,
            )
        return graphs

    def _moments(self, graphs: CrystalGraphs, sampled: bool) -> Moments:
        """Predictions in units, by the network as it is or by thinned ones."""
        if sampled:
            thinned = self.net_.module_.thin(self.n_mc_samples, self._mc_seed)
            outputs = self._run(graphs, lambda network, b: network.sample(b, thinned))
        else:
            outputs = self._run(graphs, lambda network, b: network(b))[:, None]
        found = Moments.of(outputs, self._scaler)
        return Moments(
            *(
                None if values is None else self._of_crystals(values, graphs)
                for values in (found.mean, found.epistemic, found.aleatoric)
            )
        )

    def _of_crystals(self, values: NDArray, graphs: CrystalGraphs) -> NDArray:
        """Give what the network says the meaning and the shape of `y`."""
        if self.pooling_ == "sum":
            values = values * graphs.n_sites[:, None]
        return values[:, 0] if self._is_1d else values

    def _run(
        self,
        graphs: CrystalGraphs,
        function: Callable[[CrystalNetwork, GraphBatch], Tensor],
    ) -> NDArray[np.float32]:
        network = self.net_.module_.eval()
        store = store_of(graphs, self.net_.device)
        with torch.inference_mode():
            parts = [
                function(network, store.gather(rows)).cpu()
                for rows in prediction_batches(graphs, self.net_.device)
            ]
        return torch.cat(parts).numpy()
