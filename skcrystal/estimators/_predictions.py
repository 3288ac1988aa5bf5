"""What a fitted regressor says of crystals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, cast, overload

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from ..graphs import CrystalGraphs
from ._moments import Moments, check_spread, drops
from ._running import Running
from ._sites import SiteValues

if TYPE_CHECKING:
    from ._scaling import TargetScaler


class Predictions(Running):
    """What a fitted regressor says of crystals; mixed into it."""

    if TYPE_CHECKING:  # what `fit` leaves
        pooling_: str
        _scaler: TargetScaler
        _is_1d: bool

    @overload
    def predict(
        self,
        X: Any,
        return_std: Literal[False] = False,
        return_components: Literal[False] = False,
    ) -> NDArray[np.float64]: ...

    @overload
    def predict(
        self,
        X: Any,
        return_std: Literal[True],
        return_components: Literal[False] = False,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]: ...

    @overload
    def predict(
        self,
        X: Any,
        return_std: Literal[False] = False,
        *,
        return_components: Literal[True],
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]: ...

    @overload
    def predict(
        self, X: Any, return_std: bool = False, return_components: bool = False
    ) -> NDArray[np.float64] | tuple[NDArray[np.float64], ...]: ...

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
            dropout, the mean over the thinned networks. With ``target_level="atom"``,
            a list of m arrays (n_sites,) or (n_sites, n_targets), in the order of each
            crystal's sites; all below likewise.
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
        parts = [found.mean]
        if return_components:
            parts += found.components
        elif return_std:
            parts.append(found.std)
        parts = [self._of_crystals(part, graphs) for part in parts]
        return tuple(parts) if len(parts) > 1 else parts[0]

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
        # Without dropout, there is no other spread.
        mean, aleatoric = found.mean, found.std
        return self._of_crystals(mean, graphs), self._of_crystals(aleatoric, graphs)

    # Steps of predict

    def _moments(self, graphs: CrystalGraphs, sampled: bool) -> Moments:
        """Predictions in units, as `_of_crystals` takes them.

        By the network as it is, or by thinned ones.
        """
        if sampled:
            outputs = self._sample(graphs)
        else:
            outputs = self._run(graphs, lambda network, b: network(b))[:, None]
        return Moments.of(outputs, self._scaler)

    def _of_crystals(self, values: NDArray, graphs: CrystalGraphs) -> NDArray:
        """Give what the network says the meaning and the shape of `y`.

        Types speak of targets of crystals; those of atoms come as `SiteValues`.
        """
        if self.pooling_ == "sum":
            values = values * graphs.n_sites[:, None]
        values = values[:, 0] if self._is_1d else values
        if self.pooling_ == "none":
            return cast("NDArray", SiteValues.of(values, graphs.site_ptr))
        return values
