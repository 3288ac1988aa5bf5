"""The package as a whole: import, layers, what is installed."""

import subprocess
import sys
import zipfile
from importlib.resources import files
from pathlib import Path

import pytest

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


@pytest.mark.parametrize(
    ("package", "forbidden"),
    [
        ("graphs", ("nn", "estimators", "datasets")),
        ("nn", ("graphs", "estimators", "datasets", "sklearn", "skorch")),
        ("datasets", ("nn", "estimators", "torch")),
        ("model_selection", ("nn", "estimators", "datasets", "uncertainty", "active")),
        ("estimators", ("uncertainty", "active")),
        ("uncertainty", ("active", "inspection")),
        ("inspection", ("active", "pretrained")),
        ("utils", ("graphs", "nn", "estimators", "uncertainty", "active")),
    ],
)
def test_imports_point_one_way(package, forbidden):
    for path in Path(skcrystal.__file__).parent.joinpath(package).glob("*.py"):
        for line in path.read_text(encoding="utf-8").splitlines():
            words = line.split()
            if words[:1] not in (["from"], ["import"]):
                continue
            module = words[1].lstrip(".").partition(".")[0]
            assert module not in forbidden, f"{path.name}: {line}"


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
