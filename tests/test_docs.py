"""Documentation: what it promises is there, and docstrings say what they must.

The build itself, `make docs-quick`, finds what is wrong with markup.
"""

import importlib.util
import inspect
import re
from pathlib import Path

import pytest
from numpydoc.docscrape import NumpyDocString
from numpydoc.validate import validate

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
if not DOCS.is_dir():
    pytest.skip("tests of an installed package have no docs", allow_module_level=True)


def _load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


reference = _load(DOCS / "_ext" / "reference.py")
NAMES = [name for names in reference.names_by_page().values() for name in names]
CLASSES = reference.public_classes()
MEMBERS = [
    f"{name}.{member}"
    for name, cls in CLASSES.items()
    for _, member in reference.members(cls, CLASSES)["own"]
]
DOCUMENTED = [
    name for name in [*NAMES, *MEMBERS] if not name.rpartition(".")[2].isupper()
]

# Of numpydoc's checks those that catch a reader being misled or left alone. Not asked
# for: an extended summary, See Also and an example of everything (ES01, SA01, EX01); a
# line about each parameter whose type line says all, such as "list of n crystals"
# (PR07, RT03); and where in a line words stand (GL01 to GL03, PR08, PR09, RT02 to RT05,
# SS02, SS05, SS06).
CHECKS = {
    "GL06": "a section that numpydoc does not know, which is shown as plain text",
    "GL07": "sections in another order than everywhere else",
    "GL08": "no docstring",
    "PR01": "a parameter is not documented",
    "PR02": "a parameter is documented that is not there",
    "PR03": "parameters in another order than they are taken in",
    "PR04": "a parameter without type",
    "PR10": "no space before the colon, so that name and type are taken for a name",
    "RT01": "something is returned, and not said what",
    "SS01": "no summary",
    "SS03": "a summary that is no sentence",
    "SS04": "a summary that is indented",
    "SA04": "a See Also that does not say why",
    "YD01": "something is yielded, and not said what",
}


def test_docstrings_say_what_they_must():
    faults = []
    for name in DOCUMENTED:
        found = dict(validate(name)["errors"])
        asked = CHECKS.keys()
        cls = CLASSES.get(name)
        if cls is not None and (
            inspect.isabstract(cls) or name.endswith("CrystalGraphs")
        ):
            asked -= {"PR01"}  # neither is made by calling it
        faults += [f"{name}: {code} {found[code]}" for code in asked & found.keys()]
    assert not faults, "\n".join(faults)


def _is_documented(default, shown):
    """Whether a default of a signature is that of the documented type."""
    if default is inspect.Parameter.empty or isinstance(default, tuple):
        return True
    if default is None and "optional" in shown:
        return True
    said = shown.partition("default=")[2].strip('"')
    default = getattr(default, "__name__", default)
    try:
        return str(default) == said or float(default) == float(said)
    except (TypeError, ValueError):
        return False


def test_documented_defaults_are_those_of_the_signature():
    faults = []
    for name in NAMES:
        thing = reference.resolve(name)
        if not callable(thing):
            continue
        called = thing.__init__ if inspect.isclass(thing) else thing
        parameters = inspect.signature(called).parameters
        for names, shown, _ in NumpyDocString(inspect.getdoc(thing))["Parameters"]:
            for parameter in names.split(", "):
                default = parameters[parameter.lstrip("*")].default
                if not _is_documented(default, shown):
                    faults.append(f"{name}: {parameter} : {shown}, is {default!r}")
    assert not faults, "\n".join(faults)


def test_see_also_leads_somewhere():
    faults = []
    for name in NAMES:
        docstring = NumpyDocString(inspect.getdoc(reference.resolve(name)) or "")
        for names, _ in docstring["See Also"]:
            for other, _ in names:
                if not (reference.full_name(other) or other.startswith("sklearn.")):
                    faults.append(f"{name}: {other}")
    assert not faults, "\n".join(faults)


def test_every_public_name_is_in_the_reference():
    # `names_by_page` refuses names that no page takes; pages must be reachable too.
    listed = (DOCS / "api" / "index.md").read_text(encoding="utf-8")
    for page in reference.make_pages():
        assert f"generated/{page}\n" in listed, page


# Pages

PAGES = sorted(
    path
    for path in DOCS.rglob("*.md")
    if not {"_build", "generated", "auto_examples"} & set(path.parts)
)
OTHERS = [ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")]
GENERATED = ("auto_examples/", "api/generated/")


def _prose(path):
    """Text of a page, without blocks of code."""
    text = path.read_text(encoding="utf-8")
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def _anchors(path):
    """What headings of a page are called in addresses, as code-hosting sites do."""
    titles = re.findall(r"^#+ (.+)$", _prose(path), flags=re.MULTILINE)
    words = [re.sub(r"[^\w\- ]", "", title).strip().lower() for title in titles]
    return {title.replace(" ", "-") for title in words}


def _leads_somewhere(page, link):
    """Whether the file of a relative link, and the heading in it, is there."""
    file, _, anchor = link.partition("#")
    target = (page.parent / file).resolve() if file else page
    return target.exists() and (not anchor or anchor in _anchors(target))


def test_links_and_pictures_are_there():
    faults = []
    for page in [path for path in [*PAGES, *OTHERS] if path.is_file()]:
        for link in re.findall(r"\]\(([^)\s]+)\)", _prose(page)):
            if re.match(r"[a-z]+:", link) or _leads_somewhere(page, link):
                continue
            faults.append(f"{page.relative_to(ROOT)}: {link}")
    assert not faults, "\n".join(faults)


def test_every_page_is_in_the_table_of_contents():
    found, waiting = set(), [DOCS / "index.md"]
    while waiting:
        page = waiting.pop()
        found.add(page)
        text = page.read_text(encoding="utf-8")
        for tree in re.findall(r"```\{toctree\}\n(.*?)```", text, flags=re.DOTALL):
            for line in tree.splitlines():
                if not line or line.startswith(":"):
                    continue
                entry = re.sub(r".*<(.*)>", r"\1", line)
                target = (page.parent / entry).resolve()
                if target.relative_to(DOCS).as_posix().startswith(GENERATED):
                    continue
                target = target.with_name(target.name + ".md")
                assert target.is_file(), f"{page.name}: {line}"
                waiting.append(target)
    assert found == set(PAGES)
