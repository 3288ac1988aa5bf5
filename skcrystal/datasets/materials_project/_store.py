"""Answers to one query of the Materials Project, on disk in chunks."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pymatgen.core import Structure

from ...utils._files import write_atomically

_DAMAGE = (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError)


class Store:
    """A folder with a plan, and the chunks of it that have come.

    The plan, ``plan.json``, has the query, its date, and the ids that match. Chunk
    k, ``chunk-<k>.jsonl.gz``, has a line of JSON for each of its ids. Files appear
    whole or not at all, so that a process may be killed at any time.

    Parameters
    ----------
    folder : Path
        Made when something is written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def plan(self) -> dict[str, Any] | None:
        """The plan on disk; None without one."""
        try:
            plan = json.loads((self.folder / "plan.json").read_text(encoding="utf-8"))
            chunks(plan)
        except _DAMAGE:
            return None
        return plan

    def begin(self, plan: Mapping[str, Any]) -> None:
        """Forget all chunks, and keep a new plan."""
        # Not those that another process is about to finish
        for path in self.folder.glob("chunk-*.jsonl.gz"):
            path.unlink(missing_ok=True)
        self.write_plan(plan)

    def write_plan(self, plan: Mapping[str, Any]) -> None:
        """Keep the plan, and the chunks there are."""
        self._write("plan.json", json.dumps(plan).encode())

    def write(self, k: int, rows: Sequence[Mapping[str, Any]]) -> None:
        """Keep chunk k: dicts with an "id", from the ids of the plan, in order."""
        lines = "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows)
        self._write(_name(k), gzip.compress(lines.encode(), 6, mtime=0))

    def read(self, k: int, ids: Sequence[str]) -> list[dict[str, Any]] | None:
        """Rows of chunk k; None if it has not come, is damaged, or has other ids."""
        try:
            lines = gzip.decompress((self.folder / _name(k)).read_bytes()).splitlines()
            rows = [json.loads(line) for line in lines]
            return rows if [row["id"] for row in rows] == list(ids) else None
        except _DAMAGE:
            return None

    def _write(self, name: str, content: bytes) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        with write_atomically(self.folder / name) as part:
            part.write_bytes(content)


def chunks(plan: Mapping[str, Any]) -> list[list[str]]:
    """Ids of each chunk of a plan."""
    ids, size = plan["ids"], plan["chunk_size"]
    return [ids[start : start + size] for start in range(0, len(ids), size)]


def _name(k: int) -> str:
    return f"chunk-{k:05d}.jsonl.gz"


def compact(structure: Mapping[str, Any]) -> Mapping[str, Any]:
    """A crystal as the server writes it, in a third of the space if it is ordered.

    No information is lost: crystals with partial occupation or charge stay as they are.
    """
    sites = structure["sites"]
    properties = [site.get("properties") or {} for site in sites]
    names = list(properties[0])
    lattice = structure["lattice"]
    plain = (
        not structure.get("charge")
        and not structure.get("properties")
        and all(lattice.get("pbc", [True]))
        and all(list(found) == names for found in properties)
        and all(_is_one_element(site) for site in sites)
    )
    if not plain:
        return structure
    species = [site["species"][0]["element"] for site in sites]
    packed = {
        "lattice": lattice["matrix"],
        "species": species,
        "coords": [site["abc"] for site in sites],
        "site_properties": {name: [p[name] for p in properties] for name in names},
    }
    labels = [site.get("label", one) for site, one in zip(sites, species, strict=True)]
    return packed if labels == species else {**packed, "labels": labels}


def expand(packed: Mapping[str, Any]) -> Structure:
    """The crystal that `compact` was given."""
    if "sites" in packed:
        return Structure.from_dict(dict(packed))
    # The constructor is a third faster than `from_dict`.
    return Structure(**packed)


def _is_one_element(site: Mapping[str, Any]) -> bool:
    (first, *others) = site["species"]
    return not others and first == {"element": first["element"], "occu": 1}
