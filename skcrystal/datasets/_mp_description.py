"""What is said of crystals and labels of the Materials Project."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd

from ._mp_query import UNITS

_TEXT = """\
{n:,} crystals of the Materials Project

Database version {version}, asked on {date}{draw}.
Query: {query}; no deprecated materials.

Targets, and how many crystals have them:
{targets}

Limits
- Labels change from release to release, with corrections, functionals and the hull:
  quote the version, and do not join sets of two.
- Formation energies and distances to the hull mix GGA, GGA+U and r2SCAN calculations
  (thermo type GGA_GGA+U_R2SCAN). Band gaps are of one of these functionals, not always
  the same, and as a rule too small.
- A target that is not reported is NaN. Flags are 1 and 0.
- Polymorphs of one formula resemble each other: split by `groups`.

Licence: CC BY 4.0{gnome}.
Source: materialsproject.org. Cite

A. Jain et al., "Commentary: The Materials Project: A materials genome approach to
accelerating materials innovation", APL Materials 1, 011002 (2013),
doi:10.1063/1.4812323.
"""


def describe(plan: Mapping[str, Any], targets: pd.DataFrame) -> str:
    """Describe an answer.

    Parameters
    ----------
    plan : mapping
        What was asked, when, of which release.
    targets : DataFrame
        A column a target, NaN where it is not reported.
    """
    query = plan["wanted"]["query"]
    n_matching, reported = plan["n_matching"], targets.notna().sum()
    return _TEXT.format(
        n=len(targets),
        version=plan["database_version"],
        date=plan["date"],
        draw=f", drawn from {n_matching:,} that match"
        if n_matching > len(plan["ids"])
        else "",
        query=json.dumps(query),
        targets="\n".join(
            f"- {name} ({UNITS[name]}): {reported[name]:,}" for name in targets
        ),
        gnome="; of materials from GNoME, CC BY-NC 4.0"
        if query["include_gnome"]
        else "",
    )
