"""What docstrings say in a form that Sphinx and numpydoc do not read by themselves."""

import re
import sys

from sphinx.pycode import ModuleAnalyzer

_ENTRY = re.compile(r"    (\w+) : (.+)")


def list_entries(app, what, name, obj, options, lines):
    """Make a list of the entries of a Bunch, in the section on what is returned.

    They stand there as parameters do, ``name : type`` with text below, which
    reStructuredText does not know inside of such a section.
    """
    if "Returns" not in lines:
        return
    start = lines.index("Returns") + 2
    underlines = (i for i in range(start, len(lines)) if re.match("---+$", lines[i]))
    stop = next(underlines, len(lines) + 1) - 1
    inside, text = False, []
    for line in lines[start:stop]:
        if entry := _ENTRY.fullmatch(line):
            text += ["", f"    * **{entry[1]}** : {entry[2]}", ""]
            inside = True
        elif inside and line.startswith(" " * 8):
            text.append(line[2:])  # below the text of its list item
        else:
            inside = inside and not line
            text.append(line)
    lines[start:stop] = text


def find_comment(app, what, name, obj, options, lines):
    """Take what is said of a constant, by ``#:``, from where it is defined."""
    if what != "data":
        return
    package, _, constant = name.rpartition(".")
    for module in sorted(m for m in sys.modules if m.startswith(f"{package}._")):
        comments = ModuleAnalyzer.for_module(module).find_attr_docs()
        if ("", constant) in comments:
            lines[:] = comments["", constant]


def setup(app):
    """Register with Sphinx, before numpydoc reads the docstring."""
    app.connect("autodoc-process-docstring", find_comment, priority=400)
    app.connect("autodoc-process-docstring", list_entries, priority=400)
    return {"parallel_read_safe": True}
