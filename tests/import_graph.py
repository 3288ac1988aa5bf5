"""Imports of a package among its own modules, read from its source."""

import ast
from pathlib import Path
from typing import NamedTuple


class Import(NamedTuple):
    """An import in a module.

    Attributes
    ----------
    module : str
        Where it stands.
    line : int
    target : str
        Module of the package, or a top-level name from elsewhere.
    in_function : bool
    for_types : bool
        Whether it stands under ``if TYPE_CHECKING``.
    """

    module: str
    line: int
    target: str
    in_function: bool
    for_types: bool


def read_imports(root: Path) -> list[Import]:
    """All imports of the package in the folder `root`, those in functions too."""
    paths = {_name(path, root): path for path in root.rglob("*.py")}
    public = {name: _public(path) for name, path in paths.items()}
    return [
        found
        for name, path in paths.items()
        for found in _imports_of(name, path, public)
    ]


def find_circle(edges: dict[str, set[str]]) -> list[str]:
    """Modules of a circle, each imported by the one before; empty if there is none."""
    done: set[str] = set()

    def visit(module: str, way: list[str]) -> list[str]:
        if module in way:
            return [*way[way.index(module) :], module]
        if module not in done:
            for target in sorted(edges.get(module, ())):
                if circle := visit(target, [*way, module]):
                    return circle
            done.add(module)
        return []

    for module in sorted(edges):
        if circle := visit(module, []):
            return circle
    return []


def _name(path: Path, root: Path) -> str:
    parts = path.relative_to(root.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _public(path: Path) -> dict[str, str]:
    """Modules of the names in the stub of a package, relative to it."""
    stub = path.with_suffix(".pyi")
    names: dict[str, str] = {}
    for node in ast.parse(stub.read_text("utf-8")).body if stub.is_file() else []:
        if not isinstance(node, ast.ImportFrom) or node.module is None:
            continue
        if node.names[0].name == "*":
            below = _public(
                path.parent.joinpath(*node.module.split("."), "__init__.py")
            )
            names |= {name: f"{node.module}.{m}" for name, m in below.items()}
        else:
            names |= {alias.name: node.module for alias in node.names}
    return names


def _imports_of(
    module: str, path: Path, public: dict[str, dict[str, str]]
) -> list[Import]:
    found: list[Import] = []
    package = module.split(".") if path.stem == "__init__" else module.split(".")[:-1]

    def targets(node: ast.AST) -> list[str]:
        if isinstance(node, ast.Import):
            return [alias.name for alias in node.names]
        assert isinstance(node, ast.ImportFrom)
        base = package[: len(package) - node.level + 1] if node.level else []
        source = ".".join([*base, *([node.module] if node.module else [])])
        return [_target(source, alias.name, public) for alias in node.names]

    def visit(node: ast.AST, in_function: bool, for_types: bool) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import | ast.ImportFrom):
                found.extend(
                    Import(module, child.lineno, target, in_function, for_types)
                    for target in targets(child)
                )
            inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
            typing = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(
                child.test
            )
            visit(child, in_function or inside, for_types or typing)

    visit(ast.parse(path.read_text("utf-8")), False, False)
    return found


def _target(source: str, name: str, public: dict[str, dict[str, str]]) -> str:
    """Module that ``from source import name`` reads."""
    if f"{source}.{name}" in public:
        return f"{source}.{name}"
    if name in public.get(source, {}):
        return f"{source}.{public[source][name]}"
    return source
