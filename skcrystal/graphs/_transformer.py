"""Crystals to graphs, as a scikit-learn transformer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from numbers import Integral, Real
from typing import Any, ClassVar, Self

from joblib import Memory, delayed
from sklearn.utils import Tags
from tqdm.auto import tqdm

from ..utils._bases import BaseEstimator, TransformerMixin
from ..utils._parallel import parallel_in_order
from ..utils._validation import Interval, StrOptions, validate_params_of
from ._cache import GraphCache
from ._columns import Joiner, RawGraph, State, assemble, join, split
from ._container import CrystalGraphs
from ._neighbors import find_edges
from ._settings import GraphSettings
from ._structures import CrystalArrays, PackedCrystals, check_sequence, iter_crystals

# Crystals and sites of a task: enough to hide its overhead, and few enough to keep
# several workers busy and to bound the memory between them.
_TASK = 512, 16_384
# Computed at once: enough to hide the overhead of numpy, and few enough
# that their edges stay in the cache.
_CHUNK = 64, 2048


class CrystalGraphTransformer(TransformerMixin, BaseEstimator):
    """Turn crystal structures into graphs.

    Atoms are nodes. Every pair of atoms closer than `cutoff`, periodic images
    included, gives two directed edges, one for each end. The transformer has
    no state: `fit` only checks the parameters.

    Parameters
    ----------
    cutoff : float, default=5.0
        Neighbour radius in Å.
    max_neighbors : int or None, default=None
        Take only this many nearest neighbours of each atom; None takes all within
        the cutoff. ``cutoff=8.0, max_neighbors=12`` is the graph of CGCNN [1]_
        (which pads atoms with fewer neighbours; here they just have fewer). Where the
        last places are contested by neighbours at equal distance, the lighter
        element goes first, then the lower site number.
    whole_shells : bool, default=False
        Let `max_neighbors` be passed to complete the last shell of neighbours at
        equal distance. Then the graph cannot depend on the order of the sites or on
        the choice of cell.
    on_isolated : {"error", "nearest"}, default="error"
        Treatment of an atom that has no neighbour within the cutoff: raise, or
        join it to its nearest shell of neighbours beyond. Messages fade out towards
        the cutoff in most networks, which see a joined atom as a free one; for its
        surroundings to count, raise `cutoff`.
    vectors : bool, default=False
        Also store the displacement vector of each edge (12 bytes an edge more), for
        models that see angles. It changes which atoms `reduce` merges.
    reduce : {"symmetry", None}, default="symmetry"
        Merge the atoms of a crystal that have equal surroundings, however far one
        looks, and the edges that join an atom to equal ones at one distance; count
        both. Predictions of an invariant network are unchanged, and take a fraction of
        the time: Materials Project cells have some three times fewer
        such atoms and edges. With `vectors`, atoms are equal only if angles between
        their bonds are, too, and a merged atom has all its edges. Networks
        whose atom features are scalars, made of distances and of sums over pairs of
        bonds of Legendre polynomials up to the fourth, predict as for every
        site. Where `max_neighbors` cuts through shells, equal atoms are left with
        different angles; `whole_shells` makes them equal. None keeps every site, which
        networks from elsewhere need, and those that pass on directions.
    tolerance : float, default=1e-4
        Lengths within this many Å are equal in merging, and become equal; so are
        angles that moving atoms as far could make equal. Relaxed structures keep their
        symmetry to about this.
    n_jobs : int or None, default=None
        Number of joblib workers; None is 1 outside a ``joblib.parallel_config``
        context, -1 is all cores. The result does not depend on it.
    memory : str, Path, joblib.Memory or None, default=None
        Cache folder for graphs by the fingerprint of their crystal, so that
        cross-validation and grid search build each graph once. None does not cache.
    verbose : bool or int, default=False
        Whether to show a progress bar.

    See Also
    --------
    CrystalGraphs : Returned by `transform`.

    References
    ----------
    .. [1] T. Xie, J. C. Grossman, Phys. Rev. Lett. 120, 145301 (2018).

    Examples
    --------
    >>> from pymatgen.core import Lattice, Structure
    >>> from skcrystal import CrystalGraphTransformer
    >>> sites = [[0, 0, 0], [0.5, 0.5, 0.5]]
    >>> iron = Structure(Lattice.cubic(2.87), ["Fe", "Fe"], sites)
    >>> CrystalGraphTransformer(cutoff=3.0).fit_transform([iron])
    CrystalGraphs(1 crystals, 1 of 2 atoms, 2 edges; cutoff=3 Å)
    """

    _parameter_constraints: ClassVar[dict[str, list]] = {
        "cutoff": [Interval(Real, 0, 100, closed="right")],
        "max_neighbors": [Interval(Integral, 1, None, closed="left"), None],
        "whole_shells": ["boolean"],
        "on_isolated": [StrOptions({"error", "nearest"})],
        "vectors": ["boolean"],
        "reduce": [StrOptions({"symmetry"}), None],
        "tolerance": [Interval(Real, 1e-6, 0.1, closed="both")],
        "n_jobs": [Integral, None],
        "memory": [str, Memory, "path", None],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        *,
        cutoff: float = 5.0,
        max_neighbors: int | None = None,
        whole_shells: bool = False,
        on_isolated: str = "error",
        vectors: bool = False,
        reduce: str | None = "symmetry",
        tolerance: float = 1e-4,
        n_jobs: int | None = None,
        memory: Any = None,
        verbose: bool | int = False,
    ) -> None:
        self.cutoff = cutoff
        self.max_neighbors = max_neighbors
        self.whole_shells = whole_shells
        self.on_isolated = on_isolated
        self.vectors = vectors
        self.reduce = reduce
        self.tolerance = tolerance
        self.n_jobs = n_jobs
        self.memory = memory
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None) -> Self:
        """Check the parameters.

        Parameters
        ----------
        X : sequence of n crystals
            Not looked at.
        y : ignored

        Returns
        -------
        self : CrystalGraphTransformer

        Raises
        ------
        ValueError
            If a parameter is out of range.
        """
        validate_params_of(self)
        return self

    def transform(self, X: Any) -> CrystalGraphs:
        """Build the graph of every crystal.

        Parameters
        ----------
        X : sequence of n pymatgen Structure, IStructure or ASE Atoms
            List, tuple, 1-D object array or pandas Series of ordered crystals.

        Returns
        -------
        CrystalGraphs
            n graphs, in the order of `X`.

        Raises
        ------
        TypeError
            If an entry is not a crystal.
        ValueError
            If a crystal is disordered, has no volume, holds two sites in one place,
            or has an isolated atom and ``on_isolated="error"``. The message names
            its index.
        """
        validate_params_of(self)
        settings = GraphSettings(
            cutoff=float(self.cutoff),
            max_neighbors=self.max_neighbors,
            whole_shells=self.whole_shells,
            on_isolated=self.on_isolated,
            vectors=self.vectors,
            reduce=self.reduce,
            tolerance=self.tolerance,
        )
        folder = (
            self.memory.location if isinstance(self.memory, Memory) else self.memory
        )
        cache = None if folder is None else GraphCache(folder, settings)
        check_sequence(X)
        crystals = iter_crystals(X)
        build = parallel_in_order(self.n_jobs)(
            delayed(_build_task)(PackedCrystals.join(task), start, settings, cache)
            for start, task in _cut(crystals, *_TASK)
        )
        joiner = Joiner()
        with tqdm(
            total=len(X), unit="crystal", desc="graphs", disable=not self.verbose
        ) as bar:
            for state in build:
                joiner.append(state)
                bar.update(len(state.counts["atom"]))
        return CrystalGraphs._from_state(joiner.result())

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.requires_fit = False
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return True


def _cut(
    crystals: Iterable[CrystalArrays], most: int, most_sites: int, start: int = 0
) -> Iterator[tuple[int, list[CrystalArrays]]]:
    """Cut crystals in pieces of bounded size, with the number of each piece's first."""
    n_sites, piece = 0, []
    for crystal in crystals:
        piece.append(crystal)
        n_sites += len(crystal.atomic_numbers)
        if len(piece) == most or n_sites >= most_sites:
            yield start, piece
            start, n_sites, piece = start + len(piece), 0, []
    if piece:
        yield start, piece


def _build_task(
    crystals: PackedCrystals,
    start: int,
    settings: GraphSettings,
    cache: GraphCache | None,
) -> State:
    """State of a container with some crystals' graphs; `start` numbers the first."""
    joiner = Joiner()
    for first, chunk in _cut(crystals.split(), *_CHUNK, start):
        joiner.append(_build_chunk(chunk, first, settings, cache))
    return joiner.result()


def _build_chunk(
    crystals: list[CrystalArrays],
    start: int,
    settings: GraphSettings,
    cache: GraphCache | None,
) -> State:
    if cache is None:
        return assemble(
            [_find_graph(c, settings, start + i) for i, c in enumerate(crystals)],
            settings,
        )
    keys = [cache.key(crystal) for crystal in crystals]
    graphs = cache.get(keys)
    found = {
        key: _find_graph(crystal, settings, start + i)
        for i, (key, crystal) in enumerate(zip(keys, crystals, strict=True))
        if key not in graphs
    }
    if found:
        columns = split(assemble(list(found.values()), settings))
        new = dict(zip(found, columns, strict=True))
        cache.put(new)
        graphs.update(new)
    return join([graphs[key] for key in keys], settings)


def _find_graph(crystal: CrystalArrays, settings: GraphSettings, i: int) -> RawGraph:
    edges = find_edges(crystal, settings, i)
    vector = None
    if settings.vectors:
        assert edges.image is not None  # `find_edges` returns them for vectors
        vector = (
            crystal.positions[edges.neighbor]
            + edges.image @ crystal.lattice
            - crystal.positions[edges.target]
        )
    return RawGraph(
        crystal.atomic_numbers, edges.target, edges.neighbor, edges.distance, vector
    )
