"""How a trained network is run over crystals, whatever its outputs mean."""

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
from ..nn import GraphBatch
from ..utils._warnings import UnseenElementsWarning
from ._graph_inputs import as_graphs, check_described
from .training._loader import prediction_batches, store_of
from .training._subgraphs import site_batches

if TYPE_CHECKING:
    from ..graphs import GraphSettings
    from .training._net import GraphNet


class Running:
    """What all fitted estimators can do; mixed into them."""

    if TYPE_CHECKING:  # what `fit` leaves
        net_: GraphNet
        graph_settings_: GraphSettings | None
        elements_: NDArray[np.int64]
        n_mc_samples: int
        _mc_seed: int

    def embed(self, X: Any) -> NDArray[np.float32]:
        """Pooled features of crystals: their place in what the network has learned.

        Parameters
        ----------
        X : CrystalGraphs, or sequence of m crystals or PyG Data

        Returns
        -------
        ndarray of shape (m, hidden_dim)
            The mean over atom features; not scaled. With a trunk for each target,
            (m, n_targets * hidden_dim).

        Raises
        ------
        NotFittedError
            If the model was not fitted.
        """
        graphs = self._check_predict(X)
        if self.net_.module_.pooling != "none":
            return self._run_crystals(graphs, lambda network, b: network.embed(b))
        # Crystals of any size: features of sites come in parts.
        of_sites = self._run_sites(graphs, lambda network, b: network.embed_rows(b))
        sums = np.add.reduceat(of_sites, graphs.site_ptr[:-1], axis=0)
        n_sites: NDArray[np.float32] = graphs.n_sites[:, None].astype(np.float32)
        return np.divide(sums, n_sites)

    @property
    def _needs_vectors(self) -> bool:
        """Whether the network reads displacement vectors."""
        return False

    @property
    def _reads_merged(self) -> bool:
        """Whether it says the same of graphs whose equal atoms are merged."""
        return True

    @property
    def fitted_(self) -> bool:
        """True; absent before `fit`. MAPIE and others look for such an attribute."""
        if "net_" not in vars(self):
            raise AttributeError(f"this {type(self).__name__} is not fitted yet.")
        return True

    # Steps of predictions

    def _check_predict(self, X: Any) -> CrystalGraphs:
        check_is_fitted(self, "net_")
        graphs = as_graphs(
            X,
            settings=self.graph_settings_,
            vectors=self._needs_vectors,
            merged=self._reads_merged,
            build=self.graph_settings_ is not None,
        )
        check_described(graphs, self.net_.module_)
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

    def _sample(self, graphs: CrystalGraphs) -> NDArray[np.float32]:
        """Outputs (m, S, K) of thinned networks, the same ones at each call."""
        thinned = self.net_.module_.thin(self.n_mc_samples, self._mc_seed)
        return self._run(graphs, lambda network, b: network.sample(b, thinned))

    def _run(
        self,
        graphs: CrystalGraphs,
        function: Callable[[Any, GraphBatch], Tensor],
    ) -> NDArray[np.float32]:
        """What a function of the network gives, of all crystals or of all sites."""
        if self.net_.module_.pooling == "none":
            return self._run_sites(graphs, function)
        return self._run_crystals(graphs, function)

    def _run_crystals(
        self,
        graphs: CrystalGraphs,
        function: Callable[[Any, GraphBatch], Tensor],
    ) -> NDArray[np.float32]:
        network = self.net_.module_.eval()
        store = store_of(graphs, self.net_.device)
        with torch.inference_mode():
            parts = [
                function(network, store.gather(rows)).cpu()
                for rows in prediction_batches(graphs, self.net_.device)
            ]
        return torch.cat(parts).numpy()

    def _run_sites(
        self,
        graphs: CrystalGraphs,
        function: Callable[[Any, GraphBatch], Tensor],
    ) -> NDArray[np.float32]:
        network = self.net_.module_.eval()
        store = store_of(graphs, self.net_.device, sites=True)
        found: NDArray | None = None
        with torch.inference_mode():
            for batch, sites in site_batches(graphs, store, network.hops):
                outputs = function(network, batch).cpu().numpy()
                if found is None:
                    shape = (graphs.site_ptr[-1], *outputs.shape[1:])
                    found = np.empty(shape, outputs.dtype)
                found[sites] = outputs
        assert found is not None  # there is a crystal at least
        return found
