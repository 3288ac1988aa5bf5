"""Links that pages and docstrings leave out, or make for other readers."""

import os
import re
from pathlib import Path

from docutils import nodes
from reference import full_name
from sphinx.addnodes import pending_xref

# Files beside docs/ that a page is made of. Elsewhere pages link to the files, which
# code-hosting sites show; here such links lead to the page.
_PAGES_OF_FILES = {
    r"README\.md(#[\w-]+)?": "index.md",
    r"CHANGELOG\.md": "changelog.md",
    r"CONTRIBUTING\.md": "contributing.md",
    r"skcrystal/pretrained/materials-project/README\.md": "materials-project.md",
    r"examples(/README\.rst)?": "auto_examples/index.rst",
    r"examples/(plot_\w+)\.py": r"auto_examples/\1.rst",
}
_LINK = re.compile(r"\[([^\]]*)\]\(([^)\s]+)\)")
_INCLUDED = re.compile(r"```\{include\} (\S+)\n```\n")


def read_page(app, docname, source):
    """Read what a page includes, and lead links to where readers can follow them."""
    docs, page = Path(app.srcdir), Path(app.env.doc2path(docname))
    if page.suffix != ".md":
        return
    home = page.parent
    if included := _INCLUDED.fullmatch(source[0]):
        file = (home / included[1]).resolve()
        app.env.note_dependency(file)
        source[0], home = file.read_text(encoding="utf-8"), file.parent

    def lead(link):
        text, address = link.groups()
        if re.match(r"[a-z]+:|#", address):
            return link[0]
        target = os.path.relpath(home / address, docs.parent)
        if target.startswith("docs/"):
            target = target.removeprefix("docs/")
        else:
            for file, its_page in _PAGES_OF_FILES.items():
                if found := re.fullmatch(file, target):
                    target = found.expand(its_page)
                    break
            else:
                return text  # a file that only the repository has
        return f"[{text}]({os.path.relpath(docs / target, page.parent)})"

    source[0] = _LINK.sub(lead, source[0])


def find_public(app, env, node, contnode):
    """Resolve references in docstrings that leave out where a name is from."""
    name = full_name(node.get("reftarget", ""))
    if node.get("refdomain") != "py" or name is None:
        return None
    return env.get_domain("py").resolve_xref(
        env, node["refdoc"], app.builder, "obj", name, node, contnode
    )


def link_classes(app, doctree) -> None:
    """Make links of the names of classes that pages in Markdown write as code."""
    if app.env.doc2path(app.env.docname).suffix != ".md":
        return
    for literal in list(doctree.findall(nodes.literal)):
        text = literal.astext()
        if text.islower() or isinstance(literal.parent, nodes.reference):
            continue  # words such as `predict` mean many things
        if name := full_name(text):
            link = pending_xref(
                refdomain="py",
                reftype="obj",
                reftarget=name,
                refdoc=app.env.docname,
            )
            literal.replace_self(link)
            link += literal


def setup(app):
    """Register with Sphinx."""
    app.connect("source-read", read_page)
    app.connect("doctree-read", link_classes)
    app.connect("missing-reference", find_public)
    return {"parallel_read_safe": True}
