"""The parameter `output_transform`: a link function for each target."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from ._targets import Targets, column_of

LINKS = ("softplus", "log")

Link = Literal["softplus", "log"] | None


def read_links(output_transform: Any, names: Sequence[str]) -> tuple[Link, ...]:
    """Read the parameter for the T targets that there are.

    Parameters
    ----------
    output_transform : {"softplus", "log"}, dict, list or None
    names : sequence of T str

    Returns
    -------
    tuple of T links

    Raises
    ------
    ValueError
        If it names a target that is not there, or one twice; if a list has not one
        entry a target; or if an entry is not a transform.
    """
    links: list[Any] = [None] * len(names)
    if isinstance(output_transform, dict):
        keys: dict[int, Any] = {}
        for key, link in output_transform.items():
            t = column_of(key, names, "output_transform")
            if t in keys:
                raise ValueError(
                    f"output_transform names the target {names[t]} twice, as "
                    f"{keys[t]!r} and {key!r}; leave one out."
                )
            keys[t], links[t] = key, link
    elif output_transform is None or isinstance(output_transform, str):
        links = [output_transform] * len(names)
    else:
        links = list(output_transform)
    if len(links) != len(names):
        raise ValueError(
            f"output_transform has {len(links)} entries for {len(names)} targets "
            f"({', '.join(names)}); one each is needed, or a dict for some of them."
        )
    for name, link in zip(names, links, strict=True):
        if link is not None and link not in LINKS:
            raise ValueError(
                f"output_transform of {name} is {link!r}; it must be "
                f"{', '.join(map(repr, LINKS))} or None."
            )
    return tuple(links)


def check_not_negative(targets: Targets, links: Sequence[Link]) -> None:
    """Check the labels of targets whose link makes predictions that are not negative.

    Raises
    ------
    ValueError
        If one is negative.
    """
    refused = (targets.values < 0) & np.array([link is not None for link in links])
    if refused.any():
        i, t = np.argwhere(refused)[0]
        raise ValueError(
            f"y[{i}] of {targets.names[t]} is {targets.values[i, t]}, but "
            f"output_transform={links[t]!r} is for targets that are never negative; "
            "correct the label, set it to NaN if it is wrong, or set "
            f"output_transform to None for {targets.names[t]}."
        )
