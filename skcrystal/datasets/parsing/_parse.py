"""Crystals out of texts, files and dictionaries."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Hashable, Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from joblib import delayed
from pymatgen.core import IStructure, Structure
from tqdm.auto import tqdm

from ...graphs._structures import _is_ase
from ...utils._parallel import parallel_in_order
from ._cache import ParseCache, discard_if_damaged
from ._packed import unpack
from ._text import Text, pack_atoms, parse_dict, parse_text, read_text

_CHUNK = 200  # texts a task: enough to hide the overhead of a task
_SHOWN = 10  # crystals that a message names
# Warnings are caught for the whole process: threads, such as Dask's, would take those
# of others for their own. Python's lock lets only one of them parse in any case.
_TURNS = threading.Lock()


class Parsed(NamedTuple):
    """Structure, error or remark of each source."""

    structures: list[Structure | None]  # None where parsing failed
    failed: dict[int, str]  # why, by position
    remarks: dict[int, str]  # guesses and repairs, by position


def parse_structures(
    sources: Sequence[Any],
    *,
    names: Sequence[Hashable] | None = None,
    errors: str = "raise",
    disordered: str = "error",
    n_jobs: int | None = None,
    verbose: bool | int = False,
    cache: str | PathLike | None = None,
) -> Parsed:
    """Parse crystals of any known form, in parallel.

    Parameters
    ----------
    sources : sequence of n
        Each a CIF, a POSCAR, an extended XYZ or the JSON of a dictionary as text; a
        ``Path`` to a file with such text, compressed or not; a dictionary of pymatgen's
        (``Structure.as_dict``) or JARVIS's form; ASE Atoms; or a Structure. Forms may
        be mixed, and are recognised by content, not by names of files. Text is
        never taken for the name of a file.
    names : sequence of n, optional
        Names of the crystals in messages; by default, files' names and positions.
    errors : {"raise", "skip"}, default="raise"
        How to treat crystals that cannot be read: raise one error that lists them,
        or leave None in their place and warn once.
    disordered : {"error", "keep"}, default="error"
        Whether a crystal with partial occupancies counts as one that cannot be read:
        no graph can be made of it.
    n_jobs : int, optional
        Number of joblib workers, which read texts and files. The result does not
        depend on it.
    verbose : bool or int, default=False
        Whether to show a progress bar.
    cache : str or Path, optional
        Cache folder for the crystal of each text.

    Returns
    -------
    Parsed
        structures : list of n Structures, in order. Those given as Structures are the
        same objects; others have lattice, species and places, but no labels or
        properties of sites. failed : dict, reasons by position. remarks : dict, guesses
        and repairs of pymatgen, by position.

    Raises
    ------
    TypeError
        If `sources` is one source alone.
    ValueError
        If a crystal cannot be read and ``errors="raise"``, or a parameter is none of
        its values.
    OSError
        If the cache cannot be used.
    """
    _check_choice("errors", errors, ("raise", "skip"))
    _check_choice("disordered", disordered, ("error", "keep"))
    if isinstance(sources, str | bytes | Path | Mapping | IStructure) or _is_ase(
        sources
    ):
        raise TypeError(
            f"sources is a single {type(sources).__name__}; give a list: [source]."
        )
    sources = list(sources)
    names = _names(sources, names)
    structures: list[Structure | None] = [None] * len(sources)
    failed: dict[int, str] = {}
    remarks: dict[int, list[str]] = {}
    store = None if cache is None else ParseCache(cache)
    if store is not None:
        discard_if_damaged(store)
    with tqdm(
        total=len(sources), unit="crystal", desc="parsing", disable=not verbose
    ) as bar:
        for i, outcome in _outcomes(sources, n_jobs, store):
            bar.update()
            try:
                structures[i] = _structure(outcome, disordered)
            except Exception as error:  # readers of formats raise anything
                failed[i] = _reason(error)
            if isinstance(outcome, Text) and outcome.remarks:
                remarks[i] = list(dict.fromkeys(outcome.remarks))
    _report(failed, remarks, names, errors)
    return Parsed(
        structures,
        dict(sorted(failed.items())),
        {i: "; ".join(remarks[i]) for i in sorted(remarks)},
    )


def _outcomes(
    sources: list[Any], n_jobs: int | None, cache: ParseCache | None
) -> Iterator[tuple[int, Any]]:
    """Yield position and outcome: a Structure, a parsed text, or an error."""
    texts = [i for i, source in enumerate(sources) if isinstance(source, str | Path)]
    chunks = [texts[i : i + _CHUNK] for i in range(0, len(texts), _CHUNK)]
    results = parallel_in_order(n_jobs)(
        delayed(_parse_chunk)([sources[i] for i in chunk], cache) for chunk in chunks
    )
    for chunk, outcomes in zip(chunks, results, strict=True):
        yield from zip(chunk, outcomes, strict=True)
    for i, source in enumerate(sources):
        if not isinstance(source, str | Path):
            yield i, _parse_object(source)


def _parse_object(source: Any) -> IStructure | Text | Exception:
    if isinstance(source, IStructure):
        return source
    try:
        if isinstance(source, dict):
            return Text(parse_dict(source), [])
        if _is_ase(source):
            return Text(pack_atoms(source), [])
    except Exception as error:
        return error
    if source is None or source is pd.NA or isinstance(source, float):
        return ValueError("it is missing")
    return TypeError(
        f"a {type(source).__name__} is not a crystal; give text, a Path, a dictionary, "
        "ASE Atoms or a Structure"
    )


def _parse_chunk(
    sources: list[str | Path], cache: ParseCache | None
) -> list[Text | Exception]:
    """Parse texts and files; runs in a worker."""
    outcomes: list[Any] = []
    for source in sources:
        try:
            outcomes.append(source if isinstance(source, str) else read_text(source))
        except Exception as error:
            outcomes.append(error)
    keys: list[bytes | None] = [None] * len(outcomes)
    known: dict[bytes, Text] = {}
    if cache is not None:
        keys = [cache.key(o) if isinstance(o, str) else None for o in outcomes]
        known = cache.get([key for key in keys if key is not None])
    new = {}
    with _TURNS, warnings.catch_warnings(record=True) as log:
        warnings.simplefilter("always")
        for i, (text, key) in enumerate(zip(outcomes, keys, strict=True)):
            if not isinstance(text, str):
                continue
            if key is not None and key in known:
                outcomes[i] = known[key]
                continue
            outcomes[i] = _parse_one(text, log)
            if key is not None and isinstance(outcomes[i], Text):
                new[key] = outcomes[i]
    if cache is not None and new:
        cache.put(new)
    return outcomes


def _parse_one(text: str, log: list[Any]) -> Text | Exception:
    log.clear()
    try:
        packed, remarks = parse_text(text)
        for warning in log:
            message = str(warning.message)
            # pymatgen repeats its other warnings in the first of these; the others, and
            # other kinds of warnings, do not concern the crystal.
            if issubclass(warning.category, UserWarning) and not message.startswith(
                ("Issues encountered", "No Pauling", "Ignoring selective dynamics")
            ):
                remarks = [*remarks, message]
    except Exception as error:
        return error
    return Text(packed, remarks)


def _structure(outcome: Any, disordered: str) -> Structure:
    if isinstance(outcome, Exception):
        raise outcome
    structure = unpack(outcome.packed) if isinstance(outcome, Text) else outcome
    if disordered == "error" and not structure.is_ordered:
        site = next(site for site in structure if not site.is_ordered)
        raise ValueError(
            f"it is disordered ({site.species_string} at one site): order it, for "
            "example with pymatgen's OrderDisorderedStructureTransformation"
        )
    return structure


def _reason(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return f"the file {error.filename} does not exist"
    text = " ".join(str(error).split()) or "no reason given"
    if isinstance(error, ValueError | TypeError | OSError | ImportError):
        return text
    return f"{type(error).__name__}: {text}"


def _names(sources: list[Any], names: Sequence[Hashable] | None) -> list[str]:
    if names is None:
        return [
            str(source) if isinstance(source, Path) else f"sources[{i}]"
            for i, source in enumerate(sources)
        ]
    if len(names) != len(sources):
        raise ValueError(f"{len(names)} names, but {len(sources)} sources.")
    return [str(name) for name in names]


def _report(
    failed: dict[int, str],
    remarks: dict[int, list[str]],
    names: Sequence[Hashable],
    errors: str,
) -> None:
    if failed:
        count = f"{len(failed)} of {len(names)} crystals"
        message = f"{count} cannot be read:{_list(failed, names)}"
        if errors == "raise":
            raise ValueError(f'{message}\nerrors="skip" leaves them out.')
        warnings.warn(message, stacklevel=3)
    telling = {}
    for i, texts in remarks.items():
        # Rounding 0.3333 to a third is wanted
        worrying = [text for text in texts if "rounded to ideal" not in text]
        if worrying and i not in failed:
            telling[i] = "; ".join(worrying)
    if telling:
        warnings.warn(
            f"{len(telling)} of {len(names)} crystals may differ from their files, by "
            f"remarks:{_list(telling, names)}",
            stacklevel=3,
        )


def _list(reasons: dict[int, str], names: Sequence[Hashable]) -> str:
    rows = [f"\n  {names[i]}: {reasons[i]}" for i in sorted(reasons)[:_SHOWN]]
    if len(reasons) > _SHOWN:
        rows.append(f"\n  and {len(reasons) - _SHOWN} more.")
    return "".join(rows)


def _check_choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{name}={value!r} is none of {', '.join(choices)}.")
