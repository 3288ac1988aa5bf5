"""The package as a whole: import, layers, what is installed."""

import subprocess
import sys
import zipfile
from importlib.resources import files
from pathlib import Path

import pytest
from import_graph import find_circle, read_imports

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


# Packages, and within some of them modules and folders, each of which imports only
# those before it.
ORDER = {
    "": """
        _version utils graphs nn datasets model_selection estimators uncertainty
        inspection active pretrained _cli __main__
        """,
    "nn": """
        _batch _dropout layers _head _loss _store _network _task_networks architectures
        """,
    "estimators": """
        _parameters _graph_inputs targets training _predictive _pipelines _inference
        saving _ensemble _augmented _warm_start _base _regressor _classifier
        architectures
        """,
    "active": "_oracles strategies _query _learner campaign _compare _plots _plot_labels",
    "datasets": """
        _download _json_stream _safe_pickle _labels _bunch parsing cleaning
        materials_project _pbe_prototypes _table _cif_folder _cgcnn_checkpoints _jarvis
        _matbench _metallic_glass
        """,
}
# Networks know nothing of crystals, and readers of files nothing of networks.
FORBIDDEN = {
    "nn": {
        "skcrystal.graphs",
        "sklearn",
        "skorch",
        "pandas",
        "pymatgen.core.structure",
    },
    "graphs": {"skcrystal.nn", "skorch"},
    "datasets": {"skcrystal.nn", "torch"},
    "model_selection": {"skcrystal.datasets", "torch"},
    "utils": {"torch", "pymatgen.core.structure"},
}
OPTIONAL = "not installed for everyone"
LATE = "takes long to import, and few calls need it"
# Modules that may be imported inside functions, and why
IN_FUNCTIONS = {
    "accelerate": OPTIONAL,
    "ase": OPTIONAL,
    "gudhi": OPTIONAL,
    "matplotlib": OPTIONAL,
    "mpl_toolkits": OPTIONAL,
    "mp_api": OPTIONAL,
    "skcrystal.inspection._picture": "needs matplotlib",
    "fcntl": "not on Windows",
    "pooch": LATE,
    "pymatgen": LATE,
    "torch": LATE,
    "torch_geometric": LATE,
    "skcrystal.pretrained._files": LATE,
}


@pytest.fixture(scope="module")
def imports():
    return read_imports(Path(skcrystal.__file__).parent)


def test_no_module_imports_itself_in_a_circle(imports):
    edges = {}
    for found in imports:
        if not found.for_types:
            edges.setdefault(found.module, set()).add(found.target)
    assert find_circle(edges) == []


def test_imports_in_functions_have_a_reason(imports):
    inside = {found for found in imports if found.in_function and not found.for_types}
    names = {
        found: found.target
        if found.target in IN_FUNCTIONS
        else found.target.split(".")[0]
        for found in inside
    }
    assert [found for found, name in names.items() if name not in IN_FUNCTIONS] == []
    # A reason that is no longer needed is to be struck.
    assert set(IN_FUNCTIONS) == set(names.values())


@pytest.mark.parametrize("package", ORDER)
def test_imports_point_one_way(imports, package):
    place = f"skcrystal.{package}".rstrip(".") + "."
    order = ORDER[package].split()

    def rank(module):
        return order.index(module.removeprefix(place).split(".")[0])

    within = {
        (found.module, found.target)
        for found in imports
        if found.module.startswith(place) and found.target.startswith(place)
        if not found.for_types
    }
    assert within
    assert [pair for pair in within if rank(pair[0]) < rank(pair[1])] == []


@pytest.mark.parametrize("package", FORBIDDEN)
def test_packages_keep_to_their_subject(imports, package):
    wrong = [
        found
        for found in imports
        if f"{found.module}.".startswith(f"skcrystal.{package}.")
        and not found.for_types
        and any(f"{found.target}.".startswith(f"{n}.") for n in FORBIDDEN[package])
    ]
    assert wrong == []


def test_no_folder_is_too_full_to_find_ones_way():
    root = Path(skcrystal.__file__).parents[1]
    folders = [
        p
        for top in ("skcrystal", "tests", "benchmarks")
        for p in (root / top).rglob("*")
    ]
    counts = {
        str(path.relative_to(root)): len(list(path.glob("*.py")))
        for path in [root / "skcrystal", *folders]
        if path.is_dir()
    }
    assert {name: n for name, n in counts.items() if n > 20} == {}


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
