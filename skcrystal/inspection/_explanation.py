"""Explanation of a prediction: importance of atoms and edges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pymatgen.core import Element

from ._neighborhood import arrays_of
from ._picture import plot_explanation

if TYPE_CHECKING:
    from mpl_toolkits.mplot3d import Axes3D


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class CrystalExplanation:
    """How much the sites of a crystal and their edges matter for a prediction.

    Made by `explain`. An edge leads from a neighbour to the target of its message;
    periodic images of a neighbour are edges of their own.

    Parameters
    ----------
    structure : pymatgen Structure, IStructure or ASE Atoms
        The crystal, of S sites.
    method : str
        How importance was found.
    target : str or label
        Name of the target, or the class, that was predicted.
    atom : int or None
        The site whose target it is; None if it is the crystal's.
    prediction : float
        In the unit of the target; the probability of a class.
    without_edges : float
        The prediction without any message: the limit in which the weights of all edges
        go to zero together.
    without_elements : float
        The prediction without the elements of all sites.
    atom_importance : ndarray of shape (S,)
        Importance of the element of each site; zero out of reach.
    edge_index : ndarray of shape (2, E)
        Sites of the neighbour and of the target of each edge within reach.
    edge_image : ndarray of shape (E, 3)
        Lattice translation that leads from the neighbour, where `structure` has it, to
        the image that the edge comes from, the target being where `structure` has it.
    edge_vector : ndarray of shape (E, 3)
        Displacement from target to that image in Å.
    edge_importance : ndarray of shape (E,)
    """

    structure: Any
    method: str
    target: Any
    atom: int | None
    prediction: float
    without_edges: float
    without_elements: float
    atom_importance: NDArray[np.float64]
    edge_index: NDArray[np.int64]
    edge_image: NDArray[np.int64]
    edge_vector: NDArray[np.float64]
    edge_importance: NDArray[np.float64]

    @property
    def edge_distance(self) -> NDArray[np.float64]:
        """Length of each edge in Å, (E,)."""
        return np.linalg.norm(self.edge_vector, axis=1)

    def to_frame(self) -> pd.DataFrame:
        """Edges as a table, the most important first.

        Returns
        -------
        DataFrame of E rows
            ``target`` and ``neighbor`` (sites), ``target_element`` and
            ``neighbor_element``, ``image`` (a tuple), ``distance`` in Å, and
            ``importance``.
        """
        numbers = arrays_of(self.structure).atomic_numbers
        symbols = np.array([Element.from_Z(int(z)).symbol for z in numbers])
        neighbor, target = self.edge_index
        table = pd.DataFrame(
            {
                "target": target,
                "neighbor": neighbor,
                "target_element": symbols[target],
                "neighbor_element": symbols[neighbor],
                "image": list(map(tuple, self.edge_image.tolist())),
                "distance": self.edge_distance,
                "importance": self.edge_importance,
            }
        )
        return table.sort_values(
            "importance", key=np.abs, ascending=False, kind="stable", ignore_index=True
        )

    def plot(
        self,
        *,
        n_edges: int = 60,
        unit: str | None = None,
        ax: Axes3D | None = None,
    ) -> Axes3D:
        """Draw atoms and edges by importance.

        Parameters
        ----------
        n_edges : int, default=60
            The strongest are drawn; more, if others are as strong as the last.
        unit : str, optional
            Unit of the target, such as "eV/atom", for the title and the colour bars.
        ax : Axes3D, default=None
            Where to draw. None makes a figure.

        Returns
        -------
        Axes3D
            The axes drawn on.

        See Also
        --------
        plot_explanation : The same as a function.
        """
        return plot_explanation(self, n_edges=n_edges, unit=unit, ax=ax)

    def __repr__(self) -> str:
        of_atom = "" if self.atom is None else f" of site {self.atom}"
        n_edges, n_sites = len(self.edge_importance), len(self.atom_importance)
        return (
            f"CrystalExplanation({self.target}{of_atom} = {self.prediction:.4g} by "
            f"{self.method}; {n_sites} sites, {n_edges} edges)"
        )
