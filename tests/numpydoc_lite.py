"""The parameters that a docstring names, without a documentation builder."""

import inspect
import re


def documented_parameters(docstring):
    """Map parameter names to their type lines."""
    text = inspect.cleandoc(docstring)
    section = text.partition("Parameters\n----------\n")[2]
    section = re.split(r"\n\n[A-Z][\w ]*\n-{3,}\n", section)[0]
    found = {}
    for line in section.splitlines():
        match = re.match(r"^(\w[\w, ]*) : (.*)$", line)
        if match:
            for name in match[1].split(", "):
                found[name] = match[2]
    return found
