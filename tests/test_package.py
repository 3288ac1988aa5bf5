"""The package as a whole: import, layers, what is installed."""

import subprocess
import sys
import zipfile
from importlib.resources import files
from pathlib import Path

import pytest
from import_graph import circles, imports_of

import skcrystal


def test_import_prints_and_writes_nothing(tmp_path):
    code = "import skcrystal, os; print(os.listdir('.'))"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        env={
            "PYTHONPATH": str(Path(skcrystal.__file__).parents[1]),
            "HOME": str(tmp_path),
        },
    )
    assert done.stdout == "[]\n"
    assert done.stderr == ""


PACKAGE = Path(skcrystal.__file__).parent
IMPORTS = imports_of(PACKAGE)

# Folders and modules, the lower ones first: each imports from rows above its own, and
# from itself, but not from others of its row. The longest name that fits counts.
ORDER = [
    ("_version",),
    ("utils",),
    ("graphs",),
    ("datasets._bunch",),
    ("datasets.parsing",),
    ("datasets", "datasets.cleaning", "datasets.materials_project"),
    ("model_selection",),
    ("nn._batch", "nn._dropout"),
    ("nn.layers",),
    ("nn",),
    ("nn.architectures",),
    ("estimators._parameters", "estimators._graph_inputs", "estimators.targets"),
    ("estimators.training", "estimators._predictive", "estimators._pipelines"),
    ("estimators.saving", "estimators._inference"),
    ("estimators._ensemble", "estimators._augmented", "estimators._warm_start"),
    ("estimators._base",),
    ("estimators._regressor", "estimators._classifier"),
    ("estimators.architectures",),
    ("estimators",),
    ("uncertainty", "inspection", "pretrained"),
    ("active.strategies",),
    ("active",),
    ("active.campaign",),
    ("active._compare",),
    ("_cli",),
    ("__main__",),
    ("",),
]

# Beyond the order: what a package can be used without.
WITHOUT = {
    "graphs": ("torch", "torch_geometric"),
    "nn": ("skcrystal.graphs", "skcrystal.datasets", "sklearn", "skorch"),
    "datasets": ("torch",),
    "model_selection": ("torch", "skcrystal.datasets"),
    "estimators": ("skcrystal.datasets", "skcrystal.model_selection"),
}

# What functions may import, and why not their module.
IMPORTED_WITHIN = {
    "accelerate": "optional",
    "ase": "optional",
    "fcntl": "not on every platform",
    "gudhi": "optional",
    "matplotlib": "optional",
    "mp_api": "optional",
    "mpl_toolkits": "optional, comes with matplotlib",
    "pooch": "import time",
    "pymatgen": "import time",
    "skcrystal.pretrained": "import time: the command line answers without torch",
    "torch": "import time",
    "torch_geometric": "import time",
}

# Not yet in order.
OWED = {
    ("skcrystal.estimators.training._devices", "skcrystal.estimators.training._net"),
    ("skcrystal.estimators.training._devices", "skorch.hf"),
}


def owed(edge):
    return (edge.source, edge.target) in OWED


def starts(module, name):
    return f"{module}.".startswith(f"{name}.")


def place(module):
    """Row and name of a module in the order."""
    inner = module.partition(".")[2]
    rows = [(i, name) for i, row in enumerate(ORDER) for name in row]
    fits = [(i, name) for i, name in rows if not name or starts(inner, name)]
    return max(fits, key=lambda fit: len(fit[1]))


def test_no_modules_import_each_other():
    own = [e for e in IMPORTS if starts(e.target, "skcrystal") and not owed(e)]
    assert len(own) > 500  # the imports were found
    assert circles(own) == []


def test_imports_follow_the_order_of_folders():
    wrong = []
    for edge in IMPORTS:
        if not starts(edge.target, "skcrystal"):
            continue
        (row, name), (below, other) = place(edge.source), place(edge.target)
        if name != other and below >= row:
            wrong.append(f"{edge.source} imports {edge.target}")
    assert wrong == []


def test_every_folder_of_the_order_exists():
    for name in (name for row in ORDER for name in row):
        path = PACKAGE.joinpath(*name.split("."))
        assert path.is_dir() or path.with_suffix(".py").is_file(), name


@pytest.mark.parametrize("package", WITHOUT)
def test_packages_import_without(package):
    wrong = [
        f"{edge.source} imports {edge.target}"
        for edge in IMPORTS
        if starts(edge.source, f"skcrystal.{package}") and not edge.within
        if any(starts(edge.target, name) for name in WITHOUT[package])
    ]
    assert wrong == []


def test_functions_import_only_with_a_reason():
    within = [edge for edge in IMPORTS if edge.within and not owed(edge)]
    without_reason = [
        f"{edge.source} imports {edge.target}"
        for edge in within
        if not any(starts(edge.target, name) for name in IMPORTED_WITHIN)
    ]
    assert without_reason == []
    not_needed = [
        name
        for name in IMPORTED_WITHIN
        if not any(starts(edge.target, name) for edge in within)
    ]
    assert not_needed == []


def test_import_graph_sees_every_form_of_import(tmp_path):
    package = tmp_path / "p"
    (package / "low").mkdir(parents=True)
    for name, text in {
        "__init__.py": "",
        "low/__init__.py": "",
        "low/__init__.pyi": "from ._lazy import Lazy as Lazy",
        "low/_lazy.py": "import p.user",
        "low/other.py": "from .. import user",
        "user.py": """
from typing import TYPE_CHECKING
from .low import Lazy, other
if TYPE_CHECKING:
    from . import typed
def function():
    from p import typed
""",
        "typed.py": "",
    }.items():
        (package / name).write_text(text)
    found = imports_of(package)
    assert set(found) == {
        ("p.low._lazy", "p.user", False),
        ("p.low.other", "p.user", False),
        ("p.user", "p.low._lazy", False),
        ("p.user", "p.low.other", False),
        ("p.user", "typing", False),
        ("p.user", "p.typed", True),
    }
    assert circles(found) == [["p.low._lazy", "p.low.other", "p.user"]]


@pytest.mark.parametrize("top", ["skcrystal", "tests", "benchmarks"])
def test_no_folder_has_more_than_twenty_modules(top):
    folder = PACKAGE.parent / top
    if not folder.is_dir():
        pytest.skip(f"an installed package has no folder {top}")
    places = [folder, *(path for path in folder.rglob("*") if path.is_dir())]
    counts = {str(path): len(list(path.glob("*.py"))) for path in places}
    assert {path: n for path, n in counts.items() if n > 20} == {}


def test_wheel_holds_code_data_and_type_marker(tmp_path):
    root = Path(skcrystal.__file__).parents[1]
    if not (root / "pyproject.toml").is_file():
        pytest.skip("tests of an installed package have no source to build")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path],
        cwd=root,
        capture_output=True,
        check=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert "skcrystal/datasets/data/pbe_prototypes.csv" in names
    assert "skcrystal/datasets/data/pbe_prototypes.md" in names
    assert "skcrystal/py.typed" in names
    assert "skcrystal/estimators/_base.py" in names
    model = "skcrystal/pretrained/materials-project"
    for file in ("model.safetensors", "config.json", "metal.json", "README.md"):
        assert f"{model}/{file}" in names
    assert wheel.stat().st_size < 8e6
    assert not any(name.startswith(("tests", "benchmarks")) for name in names)
    assert not any(name.endswith((".pkl", ".pickle", ".joblib")) for name in names)


def test_data_and_type_marker_are_part_of_the_package():
    package = files("skcrystal")
    assert (package / "datasets" / "data" / "pbe_prototypes.csv").is_file()
    assert (package / "datasets" / "data" / "pbe_prototypes.md").is_file()
    assert (package / "py.typed").is_file()


def test_who_cites_cites_this_version():
    path = Path(skcrystal.__file__).parents[1] / "CITATION.cff"
    if not path.is_file():
        pytest.skip("tests of an installed package have no source to cite")
    lines = path.read_text(encoding="utf-8").splitlines()
    assert f"version: {skcrystal.__version__}" in lines
