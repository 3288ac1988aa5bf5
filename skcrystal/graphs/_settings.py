"""The parameters that decide a graph."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class GraphSettings:
    """Parameters that graphs were made with: part of their identity, stored with them.

    Parameters
    ----------
    cutoff : float, default=5.0
        Neighbour radius in Å.
    max_neighbors : int or None, default=None
        Number of nearest neighbours within the cutoff; None takes all.
    whole_shells : bool, default=False
        Whether ``max_neighbors`` may be passed to complete a shell of equal distance.
    on_isolated : {"error", "nearest"}, default="error"
        Treatment of an atom without neighbours inside the cutoff.
    vectors : bool, default=False
        Whether edges have displacements besides distances.
    reduce : {"symmetry", None}, default="symmetry"
        Whether atoms of equal surroundings are merged, which with vectors are those
        whose bonds also enclose equal angles.
    tolerance : float, default=1e-4
        Lengths in Å that count as equal in merging.
    """

    cutoff: float = 5.0
    max_neighbors: int | None = None
    whole_shells: bool = False
    on_isolated: str = "error"
    vectors: bool = False
    reduce: str | None = "symmetry"
    tolerance: float = 1e-4

    def __post_init__(self) -> None:
        # Numbers from numpy would print, hash into the cache and save otherwise.
        for name, kind in (
            ("cutoff", float),
            ("whole_shells", bool),
            ("vectors", bool),
            ("tolerance", float),
        ):
            object.__setattr__(self, name, kind(getattr(self, name)))
        if self.max_neighbors is None:
            # Without a limit it has no effect.
            object.__setattr__(self, "whole_shells", False)
        else:
            object.__setattr__(self, "max_neighbors", int(self.max_neighbors))
        if self.reduce is None:  # and no tolerance matters
            object.__setattr__(self, "tolerance", type(self).tolerance)

    def __str__(self) -> str:
        parts = [f"cutoff={self.cutoff:g} Å"]
        if self.max_neighbors is not None:
            parts.append(f"max_neighbors={self.max_neighbors}")
            if self.whole_shells:
                parts.append("whole_shells=True")
        if self.vectors:
            parts.append("vectors=True")
        if self.reduce is None:
            parts.append("reduce=None")
        if self.tolerance != type(self).tolerance:
            parts.append(f"tolerance={self.tolerance:g} Å")
        return ", ".join(parts)
