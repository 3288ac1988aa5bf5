"""Crystals of a query: those on disk, then the others from the server, in chunks."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from pymatgen.core import Structure
from tqdm.auto import tqdm

from ._client import Server, ServerError, connect
from ._query import order, value
from ._store import Store, chunks, compact, expand

# Id, crystal (None if the server has none), and values of the fields, in their order
Row = tuple[str, Structure | None, list[float | None]]
_AT_ONCE = 500  # ids whose request fits in an address of 8 kB


def from_disk(store: Store) -> tuple[dict[str, Any] | None, dict[int, list[Row]]]:
    """The plan there is, and those of its chunks that are whole."""
    plan, loaded = store.plan(), {}
    for k, ids in enumerate(chunks(plan) if plan else []):
        if (rows := store.read(k, ids)) is not None:
            loaded[k] = _load(rows)
    return plan, loaded


def is_complete(plan: Mapping[str, Any] | None, loaded: Mapping[int, Any]) -> bool:
    """Whether all chunks of the plan are on disk."""
    return plan is not None and plan["complete"] and len(loaded) == len(chunks(plan))


def from_server(
    store: Store,
    wanted: Mapping[str, Any],
    *,
    plan: dict[str, Any] | None,
    loaded: dict[int, list[Row]],
    key: str,
    chunk_size: int,
    verbose: bool,
) -> tuple[dict[str, Any], dict[int, list[Row]]]:
    """Download the chunks that are not on disk.

    Parameters
    ----------
    store : Store
        Folder of the query.
    wanted : mapping
        "endpoint", "query", "fields", "max_structures" and "random_state".
    plan, loaded : dict
        State on disk, as `from_disk` returns it. A plan of another release of
        the database is dropped.
    key : str
    chunk_size : int
        Of a new plan.
    verbose : bool

    Returns
    -------
    plan, loaded : dict
        Complete.

    Raises
    ------
    OSError
        If the server does not answer (a PermissionError, if it refuses the key).
    """
    try:
        with connect(key, wanted["endpoint"]) as server:
            version = None
            # Requested again in the end, so that all is of one release
            while version != (version := server.database_version()):
                if plan is not None and plan["database_version"] != version:
                    warnings.warn(
                        f"The Materials Project's database went from "
                        f"{plan['database_version']} to {version}, so this query "
                        "starts over.",
                        stacklevel=3,
                    )
                    plan = None
                if plan is None:
                    plan, loaded = _plan(server, wanted, version, chunk_size), {}
                    store.begin(plan)
                _ask_for_chunks(server, store, plan, loaded, verbose)
    except ServerError as error:
        n_rows = sum(map(len, loaded.values()))
        total = len(plan["ids"]) if plan else "an unknown number of"
        raise (PermissionError if error.refused else OSError)(
            f"{error} {n_rows} of {total} crystals have come and are saved in "
            f"{store.folder}. Call again to go on."
        ) from None
    assert plan is not None  # the loop ran
    finished = {**plan, "complete": True}
    store.write_plan(finished)
    return finished, loaded


def _plan(
    server: Server, wanted: Mapping[str, Any], version: str, chunk_size: int
) -> dict[str, Any]:
    """Plan of a download: the ids that match and are drawn, date and release."""
    query = dict(wanted["query"])
    requested = query.pop("material_ids", None)
    found: set[str] = set()
    if requested is None:
        found.update(server.ids(query))
    for start in range(0, len(requested or []), _AT_ONCE):
        some = requested[start : start + _AT_ONCE]
        found.update(server.ids({**query, "material_ids": some}))
    if not found:
        raise ValueError(
            f"No material of the Materials Project {version} matches {wanted['query']}."
        )
    ids = sorted(found, key=order)
    known = {order(material_id) for material_id in ids}
    n_matching = len(ids)
    if (limit := wanted["max_structures"]) is not None:
        drawn = np.random.RandomState(wanted["random_state"]).permutation(n_matching)
        ids = [ids[i] for i in sorted(drawn[:limit])]
    return {
        "wanted": wanted,
        "database_version": version,
        "date": datetime.now(UTC).date().isoformat(),
        "n_matching": n_matching,
        "unmatched": [one for one in requested or [] if order(one) not in known],
        "chunk_size": chunk_size,
        "complete": False,
        "ids": ids,
    }


def _ask_for_chunks(
    server: Server,
    store: Store,
    plan: Mapping[str, Any],
    loaded: dict[int, list[Row]],
    verbose: bool,
) -> None:
    """Add to `loaded`, and to the disk, the chunks of the plan that are not there."""
    fields = plan["wanted"]["fields"]
    # The server gives all of "bulk_modulus" for "bulk_modulus.vrh".
    requested = ["structure", *sorted({name.partition(".")[0] for name in fields})]
    with tqdm(
        total=len(plan["ids"]),
        initial=sum(map(len, loaded.values())),
        desc=f"Materials Project {plan['database_version']}",
        unit=" crystals",
        disable=not verbose,
    ) as progress:
        for k, ids in enumerate(chunks(plan)):
            if k in loaded:
                continue
            documents = server.documents(ids, requested)
            rows = [_row(one, documents.get(one, {}), fields) for one in ids]
            store.write(k, rows)
            loaded[k] = _load(rows)
            progress.update(len(ids))


def _row(
    material_id: str, document: Mapping[str, Any], fields: Sequence[str]
) -> dict[str, Any]:
    structure = document.get("structure")
    return {
        "id": material_id,
        "structure": compact(structure) if structure else None,
        "values": [value(document, name) for name in fields],
    }


def _load(rows: Sequence[Mapping[str, Any]]) -> list[Row]:
    return [
        (
            row["id"],
            expand(row["structure"]) if row["structure"] else None,
            row["values"],
        )
        for row in rows
    ]
