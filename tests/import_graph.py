"""The imports between modules of a package, read from its source."""

import ast
from pathlib import Path
from typing import NamedTuple


class Import(NamedTuple):
    """One imported module; `within` says whether a function imports it."""

    source: str
    target: str
    within: bool


def imports_of(package: Path) -> list[Import]:
    """All imports at run time; those under ``TYPE_CHECKING`` are left out.

    A public name that a package imports lazily, by its stub ``__init__.pyi``, counts
    as an import of the module that defines it.
    """
    files = {_name(package, path): path for path in sorted(package.rglob("*.py"))}
    stubs = {
        module: _stub_names(module, path.with_suffix(".pyi"), files)
        for module, path in files.items()
        if path.name == "__init__.py"
    }
    found = []
    for module, path in files.items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        base = module if path.name == "__init__.py" else module.rpartition(".")[0]
        for node, within in _import_nodes(tree):
            for target in _targets(node, base, files, stubs):
                found.append(Import(module, target, within))
    return found


def circles(edges: list[Import]) -> list[list[str]]:
    """Sets of modules that import each other, directly or through others."""
    below: dict[str, set[str]] = {}
    for edge in edges:
        below.setdefault(edge.source, set()).add(edge.target)

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        stack = [start]
        while stack:
            for target in below.get(stack.pop(), set()) - seen:
                seen.add(target)
                stack.append(target)
        return seen

    reach = {module: reached(module) for module in below}
    found = {
        tuple(sorted(m for m in reach if m in reach[module] and module in reach[m]))
        for module in reach
        if module in reach[module]
    }
    return [list(circle) for circle in sorted(found)]


def _name(package: Path, path: Path) -> str:
    parts = path.relative_to(package.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _import_nodes(tree: ast.AST, within: bool = False):
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for other in node.orelse:
                yield from _import_nodes(ast.Module([other], []), within)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield node, within
        else:
            function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
            yield from _import_nodes(node, within or isinstance(node, function))


def _absolute(node: ast.ImportFrom, base: str) -> str:
    """Module that is imported from."""
    if not node.level:
        return node.module or ""
    parts = base.split(".")
    above = ".".join(parts[: len(parts) - node.level + 1])
    return f"{above}.{node.module}" if node.module else above


def _targets(node, base, files, stubs) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    module = _absolute(node, base)
    return [_defining(module, alias.name, files, stubs) for alias in node.names]


def _defining(module: str, name: str, files: dict, stubs: dict) -> str:
    """Module that defines what ``from module import name`` gives."""
    if f"{module}.{name}" in files:
        return f"{module}.{name}"
    above = stubs.get(module, {}).get(name)
    return module if above is None else _defining(above, name, files, stubs)


def _stub_names(module: str, stub: Path, files: dict) -> dict[str, str]:
    """Names in a package's stub, by the module that each is imported from."""
    names: dict[str, str] = {}
    if not stub.is_file():
        return names
    for node in ast.parse(stub.read_text(encoding="utf-8")).body:
        if not isinstance(node, ast.ImportFrom):
            continue
        source = _absolute(node, module)
        for alias in node.names:
            if alias.name == "*":
                folder = files[source].with_suffix(".pyi")
                names |= _stub_names(source, folder, files)
            elif f"{source}.{alias.name}" not in files:
                names[alias.name] = source
    return names
