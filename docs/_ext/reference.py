"""Pages of the API reference, made of what the package calls public.

Names come from ``__all__`` of the package and its folders, so that none is forgotten. A
name is documented once, where it is imported from with the fewest words; a method once,
with the most general public class that has it.
"""

import importlib
import inspect
import pkgutil
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

import skcrystal


@dataclass(frozen=True)
class Theme:
    """A page of names: those of `modules` that end with `ending`."""

    page: str
    title: str
    text: str
    modules: tuple[str, ...]
    ending: str = ""


THEMES = (
    Theme(
        "pretrained",
        "Predictions at once",
        "Models that come with the package, or were saved before.",
        ("pretrained",),
    ),
    Theme(
        "graphs",
        "From crystals to graphs",
        "The first step of every pipeline.",
        ("graphs",),
    ),
    Theme(
        "regressors",
        "Regressors",
        "Numbers of crystals, or of their atoms. All share parameters and methods of "
        ":class:`~skcrystal.GNNRegressor`.",
        ("estimators",),
        "Regressor",
    ),
    Theme(
        "classifiers",
        "Classifiers",
        "Classes of crystals, or of their atoms. All share parameters and methods of "
        ":class:`~skcrystal.GNNClassifier`.",
        ("estimators",),
        "Classifier",
    ),
    Theme(
        "estimators",
        "Bases, and saved models",
        "What all estimators have, and how saved ones are read.",
        ("estimators",),
    ),
    Theme(
        "model_selection",
        "Splits and searches",
        "Honest tests of models, and searches among them.",
        ("model_selection",),
    ),
    Theme(
        "uncertainty",
        "Standard deviations",
        "Given, calibrated, measured, drawn.",
        ("uncertainty",),
    ),
    Theme(
        "active",
        "Active learning",
        "Which crystals to compute next.",
        ("active",),
    ),
    Theme(
        "inspection",
        "What predictions rest on",
        "Which atoms, which neighbours, which rings of them.",
        ("inspection",),
    ),
    Theme(
        "datasets",
        "Data sets",
        "``load_*`` ships with the package, ``fetch_*`` downloads once.",
        ("datasets",),
    ),
)
# Parts of networks, for those who add one: a table is enough, sources say the rest.
_NETWORKS = "nn"
_SPELLED = {"sklearn": "scikit-learn"}


def public_modules() -> dict[str, ModuleType]:
    """The package and its folders that have public names, by their short names."""
    modules = {"": skcrystal}
    for found in pkgutil.iter_modules(skcrystal.__path__):
        if not found.name.startswith("_"):
            module = importlib.import_module(f"skcrystal.{found.name}")
            if hasattr(module, "__all__"):
                modules[found.name] = module
    return modules


def address(name: str, module: ModuleType) -> str:
    """Where to import a public name of `module` from, in the fewest words."""
    short = getattr(skcrystal, name, None) is getattr(module, name)
    return f"skcrystal.{name}" if short else f"{module.__name__}.{name}"


@cache
def names_by_page() -> dict[str, list[str]]:
    """Full names on each theme's page; every public name is on one."""
    modules, taken, pages = public_modules(), set(), {}
    for theme in THEMES:
        pages[theme.page] = []
        for module in (modules[name] for name in theme.modules if name in modules):
            for name in sorted(module.__all__, key=str.lower):
                full = address(name, module)
                if name.endswith(theme.ending) and full not in taken:
                    taken.add(full)
                    pages[theme.page].append(full)
    for short, module in modules.items():
        left = {address(name, module) for name in module.__all__} - taken
        if left and short != _NETWORKS:
            raise ValueError(
                f"no theme in docs/_ext/reference.py takes {sorted(left)}; add one"
            )
    return {page: names for page, names in pages.items() if names}


def public_classes() -> dict[str, type]:
    """Public classes by full name."""
    names = [name for names in names_by_page().values() for name in names]
    found = {name: resolve(name) for name in names}
    return {name: thing for name, thing in found.items() if inspect.isclass(thing)}


def resolve(full_name: str):
    """The object of a full name."""
    module, _, name = full_name.rpartition(".")
    return getattr(importlib.import_module(module), name)


def members(cls: type, classes: dict[str, type]) -> dict[str, list]:
    """Public methods and properties of a class, by where they are documented.

    ``own`` : (directive, name) of those with `cls`; ``inherited`` : full names of those
    with a more general public class; ``elsewhere`` : names by other packages.
    """
    addresses = {thing: name for name, thing in classes.items()}
    found = {"own": [], "inherited": [], "elsewhere": {}}
    for name in dir(cls):
        static = inspect.getattr_static(cls, name)
        if name.startswith("_") or not _is_member(static):
            continue
        home = _function(static).__module__.partition(".")[0]
        if home != "skcrystal":
            if not _is_routing(name):
                found["elsewhere"].setdefault(_SPELLED.get(home, home), []).append(name)
            continue
        general = [
            base
            for base in cls.__mro__
            if base in addresses and inspect.getattr_static(base, name, None) is static
        ][-1]
        if general is cls:
            kind = "property" if isinstance(static, property) else "method"
            found["own"].append((f"auto{kind}", name))
        else:
            found["inherited"].append(f"{addresses[general]}.{name}")
    return found


def _is_member(static) -> bool:
    kinds = (property, classmethod, staticmethod)
    return isinstance(static, kinds) or inspect.isfunction(static)


def _function(static):
    return getattr(static, "fget", None) or getattr(static, "__func__", static)


def _is_routing(name: str) -> bool:
    return name == "get_metadata_routing" or name.endswith("_request")


def heading(text: str) -> str:
    return f"{text}\n{'=' * len(text)}\n\n"


def table(names: list[str], *options: str) -> str:
    lines = [*(f":{option}" for option in options), "", *names]
    return ".. autosummary::\n" + "\n".join(f"   {line}".rstrip() for line in lines)


def make_pages() -> dict[str, str]:
    """Text of the page of each theme, and of the table of networks."""
    themes, pages = {theme.page: theme for theme in THEMES}, {}
    for page, names in names_by_page().items():
        theme = themes[page]
        listed = table(names, "toctree:", "nosignatures:")
        pages[page] = f"{heading(theme.title)}{theme.text}\n\n{listed}\n"
    pages[_NETWORKS] = (
        heading("Networks, in PyTorch")
        + "What ``skcrystal.nn`` has for those who add an architecture: what each "
        "takes is in its source. Only these may change between minor versions.\n\n"
        + networks()
    )
    return pages


def networks() -> str:
    """Layers and networks with their first sentences, which cite nothing here."""
    module, entries = public_modules()[_NETWORKS], []
    for name in sorted(module.__all__, key=str.lower):
        thing = getattr(module, name)
        if inspect.isclass(thing) or inspect.isfunction(thing):
            summary = inspect.getdoc(thing).partition("\n\n")[0].replace("\n", " ")
            summary = re.sub(r" *\[\d+\]_", "", summary)
            entries.append(f"``{name}``\n   {summary}\n")
    return "\n".join(entries)


def write_pages(app, config) -> None:
    """Write pages that changed, and remove those whose names are gone."""
    folder = Path(app.srcdir) / "api" / "generated"
    folder.mkdir(parents=True, exist_ok=True)
    names = names_by_page()
    pages = make_pages()
    kept = {*pages, *(name for listed in names.values() for name in listed)}
    for path in folder.glob("*.rst"):
        if path.stem not in kept:
            path.unlink()
    for page, text in pages.items():
        path = folder / f"{page}.rst"
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    classes = public_classes()
    config.autosummary_context = {
        "documented": {name: members(cls, classes) for name, cls in classes.items()}
    }


def full_name(said: str) -> str | None:
    """Where a name as people write it leads: "predict", "ActiveLearner.query"."""
    said = said.removesuffix("()").removeprefix("~")
    for name in (name for names in names_by_page().values() for name in names):
        short = name.rpartition(".")[2]
        first, _, rest = said.removeprefix(name.removesuffix(short)).partition(".")
        if first == short and (not rest or hasattr(resolve(name), rest)):
            return f"{name}.{rest}" if rest else name
    return None


def setup(app):
    """Register with Sphinx."""
    app.connect("config-inited", write_pages)
    return {"parallel_read_safe": True}
