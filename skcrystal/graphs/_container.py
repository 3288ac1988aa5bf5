"""Many crystal graphs in a few arrays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from ._cache import map_state, write_state
from ._columns import COLUMNS, Joiner, State, assemble
from ._pyg import read_data_list, to_data
from ._ragged import ragged_arange, rows_of, to_pointer
from ._settings import GraphSettings

if TYPE_CHECKING:
    from torch_geometric.data import Data

Scalar = TypeVar("Scalar", bound=np.generic)


class CrystalGraphs(Sequence["Data"]):
    """Graphs of n crystals: one immutable container of columns.

    N atoms and E directed edges of all crystals lie behind one another. Every edge
    points from a neighbour (its source) to the atom that it belongs to (its target).
    Periodic images are separate edges, so that two atoms may share several. Edges of
    a crystal that are equally long share one entry of ``distances``: there are several
    times fewer distances than edges, and functions of a distance alone are computed
    once.

    Where the graphs were made with ``reduce="symmetry"``, an atom stands for all sites
    of its crystal with equal surroundings, and an edge for all that join it to such
    atoms at one distance; multiplicities say for how many. Networks here count them.
    With vectors, atoms are merged whose bonds also enclose equal angles, and each has
    all its edges; they name the atom that stands for the neighbour, while ``vector``
    leads to the neighbour itself. For networks that ignore multiplicities, or that pass
    directions on from atom to atom, make graphs with ``reduce=None``.

    Instances come from :class:`CrystalGraphTransformer`, :meth:`from_data_list`,
    :meth:`concatenate` or :meth:`open`.

    Attributes
    ----------
    atomic_numbers : ndarray of shape (N,), uint8
    atom_ptr : ndarray of shape (n + 1,), int64
        Crystal i owns atoms ``atom_ptr[i]:atom_ptr[i + 1]``.
    edge_ptr : ndarray of shape (N + 1,), int64
        Atom a is the target of edges ``edge_ptr[a]:edge_ptr[a + 1]``.
    neighbor : ndarray of shape (E,), int32
        Source atom, numbered within its crystal.
    distance_class : ndarray of shape (E,), int32
        Position of the edge's length in its crystal's part of ``distances``.
    distance_ptr : ndarray of shape (n + 1,), int64
        Crystal i owns ``distances[distance_ptr[i]:distance_ptr[i + 1]]``.
    distances : ndarray of shape (D,), float32
        Distinct edge lengths in Å, ascending within a crystal.
    vector : ndarray of shape (E, 3), float32, or None
        Displacement from target to source in Å, if made with ``vectors=True``.
    atom_multiplicity : ndarray of shape (N,), int32, or None
        Sites that each atom stands for; None if all are one.
    edge_multiplicity : ndarray of shape (E,), int16, or None
        Edges of its target that each edge stands for; None if all are one, as they are
        with ``vector``.
    site_ptr : ndarray of shape (n + 1,), int64
        Crystal i owns sites ``site_ptr[i]:site_ptr[i + 1]``.
    site_atom : ndarray of shape (S,), int32, or None
        The atom that stands for each site, numbered within its crystal.
    settings : GraphSettings or None
        The parameters that made the graphs; None if they came from elsewhere.

    Examples
    --------
    >>> from pymatgen.core import Lattice, Structure
    >>> from skcrystal import CrystalGraphTransformer
    >>> salt = Structure.from_spacegroup(
    ...     "Fm-3m", Lattice.cubic(5.69), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]]
    ... )
    >>> graphs = CrystalGraphTransformer(cutoff=4.1).transform([salt, salt])
    >>> graphs
    CrystalGraphs(2 crystals, 4 of 16 atoms, 8 edges; cutoff=4.1 Å)
    >>> graphs.distances[:2]  # Na-Cl, Na-Na
    array([2.845..., 4.023...], dtype=float32)
    >>> graphs.edge_multiplicity[:2]
    array([ 6, 12], dtype=int16)
    >>> len(graphs[:1])
    1
    """

    _is_crystal_graphs: ClassVar[bool] = True  # for code below this package

    atomic_numbers: NDArray[np.uint8]
    neighbor: NDArray[np.int32]
    distance_class: NDArray[np.int32]
    distances: NDArray[np.float32]
    vector: NDArray[np.float32] | None
    atom_multiplicity: NDArray[np.int32] | None
    edge_multiplicity: NDArray[np.int16] | None
    site_atom: NDArray[np.int32] | None

    def __init__(
        self,
        columns: dict[str, NDArray],
        *,
        counts: dict[str, NDArray],
        settings: GraphSettings | None,
    ) -> None:
        self.settings = settings
        self.atom_ptr = _frozen(to_pointer(counts["atom"]))
        self.distance_ptr = _frozen(to_pointer(counts["distance"]))
        # Where no atoms are merged, every site has its atom.
        merged = "site" in counts
        self.site_ptr = _frozen(to_pointer(counts["site"])) if merged else self.atom_ptr
        self.edge_ptr = _frozen(to_pointer(columns["degree"]))
        self._crystal_edge_ptr = self.edge_ptr[self.atom_ptr]
        for name, (dtype, _, tail) in COLUMNS.items():
            column = columns.get(name)
            if name == "degree":  # stored as edge_ptr
                continue
            if column is not None:
                column = _frozen(np.asarray(column, dtype=dtype).reshape(-1, *tail))
            setattr(self, name, column)

    # Shape and rows, as scikit-learn's splitters index them

    def __len__(self) -> int:
        return len(self.atom_ptr) - 1

    @property
    def shape(self) -> tuple[int]:
        """Number of crystals, as a shape: ``(n,)``."""
        return (len(self),)

    @property
    def ndim(self) -> int:
        """Number of axes: one, over crystals."""
        return 1

    @property
    def n_sites(self) -> NDArray[np.int64]:
        """Sites of each crystal, (n,), as counted in the formula of its cell."""
        return np.diff(self.site_ptr)

    @property
    def n_atoms(self) -> NDArray[np.int64]:
        """Atoms of each crystal's graph, of shape (n,); equal ones may be merged."""
        return np.diff(self.atom_ptr)

    @property
    def n_edges(self) -> NDArray[np.int64]:
        """Directed edges of each crystal's graph, of shape (n,)."""
        return np.diff(self._crystal_edge_ptr)

    @property
    def distance(self) -> NDArray[np.float32]:
        """Length of each edge in Å, of shape (E,)."""
        offset = np.repeat(self.distance_ptr[:-1], self.n_edges)
        return self.distances[self.distance_class + offset]

    @property
    def nbytes(self) -> int:
        """Memory held by all columns, in bytes."""
        held = [getattr(self, name, None) for name in COLUMNS]
        held += [self.atom_ptr, self.edge_ptr, self.distance_ptr]
        if self.site_ptr is not self.atom_ptr:
            held.append(self.site_ptr)
        return self._crystal_edge_ptr.nbytes + sum(
            array.nbytes for array in held if array is not None
        )

    def columns(self) -> dict[str, NDArray]:
        """The columns that are present.

        Returns
        -------
        dict of str to ndarray
            By name, as in the class; ``degree`` stands for ``edge_ptr``.
        """
        values = {
            name: np.diff(self.edge_ptr).astype(dtype)
            if name == "degree"
            else getattr(self, name)
            for name, (dtype, _, _) in COLUMNS.items()
        }
        return {name: value for name, value in values.items() if value is not None}

    def to_sites(self, values: NDArray) -> NDArray:
        """Spread values of atoms over the sites that they stand for.

        Parameters
        ----------
        values : ndarray of shape (N, ...)
            One row an atom, of all crystals.

        Returns
        -------
        ndarray of shape (S, ...)
            One row a site, in the order of the structures: crystal i owns rows
            ``site_ptr[i]:site_ptr[i + 1]``.
        """
        values = np.asarray(values)
        if len(values) != len(self.atomic_numbers):
            raise ValueError(
                f"values has {len(values)} rows, but the graphs have "
                f"{len(self.atomic_numbers)} atoms."
            )
        if self.site_atom is None:
            return values
        return values[self.site_atom + np.repeat(self.atom_ptr[:-1], self.n_sites)]

    @overload
    def __getitem__(self, key: int | np.integer) -> Data: ...

    @overload
    def __getitem__(
        self, key: slice | Sequence[int] | Sequence[bool] | NDArray
    ) -> CrystalGraphs: ...

    def __getitem__(self, key: Any) -> Data | CrystalGraphs:
        rows = rows_of(key, len(self))
        return self._take(rows) if isinstance(rows, np.ndarray) else to_data(self, rows)

    def __iter__(self) -> Iterator[Data]:
        return (to_data(self, i) for i in range(len(self)))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray:
        # Without this, numpy would iterate over the graphs; this gives a 1-D array
        # that every estimator accepts.
        if dtype is not None and np.dtype(dtype) != object:
            raise TypeError(f"graphs cannot be converted to {np.dtype(dtype)}.")
        array = np.empty(len(self), dtype=object)
        for i, data in enumerate(self):
            array[i] = data
        return array

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, CrystalGraphs):
            return NotImplemented
        mine, others = self.columns(), other.columns()
        return (
            self.settings == other.settings
            and mine.keys() == others.keys()
            and np.array_equal(self.atom_ptr, other.atom_ptr)
            and np.array_equal(self.distance_ptr, other.distance_ptr)
            and np.array_equal(self.site_ptr, other.site_ptr)
            and all(np.array_equal(mine[name], others[name]) for name in mine)
        )

    def __repr__(self) -> str:
        made = f"; {self.settings}" if self.settings is not None else ""
        atoms = f"{len(self.atomic_numbers)}"
        if self.site_atom is not None:
            atoms += f" of {self.site_ptr[-1]}"
        edges = len(self.neighbor)
        return (
            f"CrystalGraphs({len(self)} crystals, {atoms} atoms, {edges} edges{made})"
        )

    def __reduce__(self) -> tuple:
        # Pointers are rebuilt from counts: a third of the bytes.
        return CrystalGraphs._from_state, (self._state(),)

    @classmethod
    def _from_state(cls, state: State) -> CrystalGraphs:
        columns, counts, settings = state
        return cls(columns, counts=counts, settings=settings)

    def _state(self) -> State:
        counts = {name: np.diff(ptr) for name, ptr in self._pointers().items()}
        del counts["edge"]
        return State(
            self.columns(),
            {name: count.astype(np.int32) for name, count in counts.items()},
            self.settings,
        )

    def _pointers(self) -> dict[str, NDArray[np.int64]]:
        """First row of each crystal, by the owner of rows."""
        pointers = {
            "atom": self.atom_ptr,
            "edge": self._crystal_edge_ptr,
            "distance": self.distance_ptr,
        }
        if self.site_atom is not None:
            pointers["site"] = self.site_ptr
        return pointers

    def _take(self, rows: NDArray[np.int64]) -> CrystalGraphs:
        pointers = self._pointers()
        counts = {name: np.diff(ptr)[rows] for name, ptr in pointers.items()}
        index = {
            name: ragged_arange(ptr[rows], counts[name])
            for name, ptr in pointers.items()
        }
        return CrystalGraphs(
            {
                name: column[index[COLUMNS[name][1]]]
                for name, column in self.columns().items()
            },
            counts=counts,
            settings=self.settings,
        )

    # Other forms

    @classmethod
    def from_data_list(
        cls, data_list: Sequence[Data], *, settings: GraphSettings | None = None
    ) -> CrystalGraphs:
        """Gather PyG graphs, such as ``graphs[i]`` gives, into one container.

        Parameters
        ----------
        data_list : sequence of torch_geometric.data.Data
            Each with ``z`` (N,) atomic numbers, ``edge_index`` (2, E) from neighbour
            to atom, ``distance`` (E,) in Å, and optionally ``vector`` (E, 3) in Å.
            Multiplicities are read where they are.
        settings : GraphSettings, optional
            How the graphs were made, if known. If they say so, equal atoms of graphs
            without multiplicities are merged.

        Returns
        -------
        CrystalGraphs

        Raises
        ------
        TypeError
            If an entry is not a ``Data``.
        ValueError
            If `data_list` is empty, an entry lacks a field that it needs or the others
            have, or a field has the wrong shape.
        """
        return cls._from_state(assemble(read_data_list(data_list), settings))

    @classmethod
    def concatenate(cls, parts: Sequence[CrystalGraphs]) -> CrystalGraphs:
        """Put containers behind one another.

        Parameters
        ----------
        parts : sequence of CrystalGraphs
            At least one; all made with the same settings.

        Returns
        -------
        CrystalGraphs

        Raises
        ------
        ValueError
            If the settings differ: one model cannot read both.
        """
        joiner = Joiner()
        for part in parts:
            joiner.append(part._state())
        return cls._from_state(joiner.result())

    def save(self, path: str | Path) -> None:
        """Write all graphs to one file, in the safetensors format.

        Parameters
        ----------
        path : str or Path
            File to write; it is complete or absent, never half written.
        """
        write_state(Path(path), self._state())

    @classmethod
    def open(cls, path: str | Path) -> CrystalGraphs:
        """Open a file written by :meth:`save`, memory-mapped.

        Parameters
        ----------
        path : str or Path

        Returns
        -------
        CrystalGraphs
            Its columns stay on disk and are read where they are used.

        Raises
        ------
        ValueError
            If the file is not one of ours, or is cut short.
        """
        return cls._from_state(map_state(Path(path)))


def _frozen(array: NDArray[Scalar]) -> NDArray[Scalar]:
    array = array.view()
    array.flags.writeable = False
    return array
