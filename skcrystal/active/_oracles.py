"""Oracles, which label crystals: known labels, or a calculator of energies."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..estimators.targets._targets import check_targets


class SimulatedOracle:
    """Labels known beforehand, for studies of the labels that a strategy saves.

    Parameters
    ----------
    y : array-like of shape (n_pool,) or (n_pool, n_targets)
        Labels of the pool, row by row; NaN where one was not measured. A DataFrame's
        columns name the targets.

    Raises
    ------
    ValueError
        If `y` is not numeric or infinite somewhere.
    """

    def __init__(self, y: Any) -> None:
        targets = check_targets(y, len(y), allow_empty=True)
        self.values = targets.values
        self.target_names = targets.names

    def label_row(self, row: int) -> NDArray[np.float64]:
        """Look up the labels of a crystal of the pool.

        Parameters
        ----------
        row : int
            Its number in the pool.

        Returns
        -------
        ndarray of shape (n_targets,)
            NaN where a label is missing.
        """
        return self.values[row]

    def __len__(self) -> int:
        return len(self.values)


def _energy(atoms: Any) -> float:
    return atoms.get_potential_energy()


def _energy_per_atom(atoms: Any) -> float:
    return atoms.get_potential_energy() / len(atoms)


def _max_force(atoms: Any) -> float:
    return float(np.linalg.norm(atoms.get_forces(), axis=1).max())


def _volume_per_atom(atoms: Any) -> float:
    return atoms.get_volume() / len(atoms)


PROPERTIES: dict[str, Callable[[Any], float]] = {
    "energy": _energy,
    "energy_per_atom": _energy_per_atom,
    "max_force": _max_force,
    "volume_per_atom": _volume_per_atom,
}


class CalculatorOracle:
    """Labels computed by an ASE calculator: density functional theory or a potential.

    Parameters
    ----------
    calculator : ase.calculators.calculator.Calculator or callable
        A calculator, or a function that makes one, ``calculator()``, for each crystal.
    properties : sequence of str, or mapping of names to functions
        Targets, in order. By name: ``"energy"`` (eV a cell), ``"energy_per_atom"``
        (eV/atom), ``"formation_energy_per_atom"`` (eV/atom, wants `references`),
        ``"max_force"`` (eV/Å), ``"volume_per_atom"`` (Å^3/atom). A mapping gives
        functions of the ASE ``Atoms`` that carry the calculator.
    references : mapping of str to float, optional
        Energy of each element's reference crystal in eV/atom, of the same calculator.
    relax : bool, default=False
        Whether to relax positions and cell first. Labels are then of the relaxed
        crystal, and go with the given one.
    fmax : float, default=0.05
        Largest force at which relaxation ends, in eV/Å.
    max_steps : int, default=200
        Steps after which relaxation is given up, with an error.

    Raises
    ------
    ValueError
        If a property is unknown, or wants references that are not there.

    Examples
    --------
    >>> from ase.calculators.emt import EMT
    >>> from pymatgen.core import Lattice, Structure
    >>> from skcrystal.active import CalculatorOracle
    >>> oracle = CalculatorOracle(EMT, properties=["volume_per_atom"])
    >>> copper = Structure(Lattice.cubic(3.6), ["Cu"], [[0, 0, 0]])
    >>> oracle(copper).round(1)
    array([46.7])
    """

    def __init__(
        self,
        calculator: Any,
        properties: Sequence[str] | Mapping[str, Callable] = ("energy_per_atom",),
        *,
        references: Mapping[str, float] | None = None,
        relax: bool = False,
        fmax: float = 0.05,
        max_steps: int = 200,
    ) -> None:
        self.calculator = calculator
        self.references = references
        self.relax = relax
        self.fmax = fmax
        self.max_steps = max_steps
        if isinstance(properties, str):
            properties = [properties]
        if isinstance(properties, Mapping):
            self._functions = list(properties.values())
        else:
            self._functions = [self._function(name) for name in properties]
        self.target_names = [str(name) for name in properties]
        if not self.target_names:
            raise ValueError("properties is empty; name at least one.")

    def __call__(self, crystal: Any) -> NDArray[np.float64]:
        """Labels of one crystal.

        Parameters
        ----------
        crystal : pymatgen Structure or ASE Atoms
            Stays as it is.

        Returns
        -------
        ndarray of shape (n_targets,)

        Raises
        ------
        TypeError
            If it is not a crystal; a graph has no positions.
        RuntimeError
            If relaxation does not end. Errors of the calculator are raised as they are.
        """
        if hasattr(crystal, "to_ase_atoms"):
            atoms = crystal.to_ase_atoms()
        elif hasattr(crystal, "get_potential_energy"):
            atoms = crystal.copy()
        else:
            raise TypeError(
                f"a {type(crystal).__name__} cannot be computed; give the campaign a "
                "pool of structures, not of graphs."
            )
        # A calculator has one too; a class or function that makes one does not.
        is_ready = not isinstance(self.calculator, type) and hasattr(
            self.calculator, "get_potential_energy"
        )
        atoms.calc = self.calculator if is_ready else self.calculator()
        if self.relax:
            self._relax(atoms)
        return np.array([function(atoms) for function in self._functions], float)

    def _function(self, name: str) -> Callable[[Any], float]:
        if name == "formation_energy_per_atom":
            if self.references is None:
                raise ValueError(
                    'properties has "formation_energy_per_atom", which needs '
                    "`references`: the energy of each element in eV/atom."
                )
            return self._formation_energy
        if name not in PROPERTIES:
            known = ", ".join([*PROPERTIES, "formation_energy_per_atom"])
            raise ValueError(
                f"properties has {name!r}, but only {known} are known by name; give a "
                "mapping from your name to a function of ASE Atoms."
            )
        return PROPERTIES[name]

    def _formation_energy(self, atoms: Any) -> float:
        assert self.references is not None  # see `_function`
        symbols = atoms.get_chemical_symbols()
        missing = sorted(set(symbols) - set(self.references))
        if missing:
            raise ValueError(
                f"references has no energy of {', '.join(missing)}; add it in eV/atom."
            )
        of_elements = sum([self.references[symbol] for symbol in symbols])
        return (atoms.get_potential_energy() - of_elements) / len(atoms)

    def _relax(self, atoms: Any) -> None:
        from ase.filters import FrechetCellFilter
        from ase.optimize import BFGS

        cell_and_atoms: Any = FrechetCellFilter(atoms)  # ASE's types know no filters
        optimizer = BFGS(cell_and_atoms, logfile=None)
        if not optimizer.run(fmax=self.fmax, steps=self.max_steps):
            raise RuntimeError(
                f"relaxation did not reach fmax={self.fmax} eV/Å in {self.max_steps} "
                "steps; raise `max_steps`, or look at the crystal."
            )


def ask(oracle: Any, row: int, pool: Sequence[Any]) -> NDArray[np.float64]:
    """Labels (n_targets,) of one crystal of a pool.

    Raises
    ------
    ValueError
        If the oracle gives not a number, or an infinite one. Its own exceptions
        propagate.
    """
    if hasattr(oracle, "label_row"):
        answer = oracle.label_row(row)
    else:
        answer = oracle(getattr(pool, "iloc", pool)[row])
    labels = np.atleast_1d(np.asarray(answer, dtype=np.float64))
    if labels.ndim != 1 or np.isnan(labels).all() or np.isinf(labels).any():
        raise ValueError(f"the oracle gave {answer!r}, which is not a label.")
    return labels
