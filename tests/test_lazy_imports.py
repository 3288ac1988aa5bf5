"""Public names are imported on first use, and only what they need."""

import importlib
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import skcrystal
from skcrystal.utils._lazy import attach_stub

ROOT = Path(skcrystal.__file__).parents[1]
PACKAGES = [
    "skcrystal",
    *(
        f"skcrystal.{name}"
        for name in sorted(set(dir(skcrystal)))
        if name.islower() and (ROOT / "skcrystal" / name).is_dir()
    ),
]
# Statement, and the libraries that it must not load
LIGHT = {
    "import skcrystal": {"numpy", "torch", "sklearn", "pandas", "pymatgen"},
    "from skcrystal import CrystalGraphTransformer": {"torch"},
    "from skcrystal.datasets import parse_structures": {"torch", "pooch"},
    "from skcrystal.inspection import persistence": {"torch", "sklearn"},
    "from skcrystal.nn import CGCNN, MEGNet, SymGNN": {"torch_geometric", "skorch"},
    "from skcrystal.model_selection import FormulaKFold": {"torch"},
}


def run(code):
    """Run code in a new process; its standard output, and seconds of CPU."""
    before = os.times()
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    after = os.times()
    seconds = after.children_user + after.children_system
    return done.stdout, seconds - before.children_user - before.children_system


@pytest.mark.parametrize("statement", LIGHT)
def test_only_needed_libraries_are_loaded(statement):
    printed, _ = run(
        f"{statement}\nimport sys, json; print(json.dumps([*sys.modules]))"
    )
    loaded = {name for name in json.loads(printed) if "." not in name}
    assert not loaded & LIGHT[statement]


def test_version_and_help_take_no_time():
    for option in ("--version", "--help"):
        code = f"import sys; sys.argv = ['skcrystal', {option!r}]"
        printed, seconds = run(
            f"{code}\nimport runpy\nrunpy.run_module('skcrystal', run_name='__main__')"
        )
        assert printed
        assert seconds < 0.7


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_is_there(package):
    module = importlib.import_module(package)
    assert module.__all__ == sorted(set(module.__all__))
    assert set(module.__all__) <= set(dir(module))
    for name in dir(module):
        assert getattr(module, name) is not None
    with pytest.raises(AttributeError, match="misspelt"):
        module.misspelt


def test_architectures_are_public_at_the_top():
    """A line in the stub of architectures is all that a new one needs."""
    from skcrystal.estimators import architectures

    assert len(architectures.__all__) > 20
    for name in architectures.__all__:
        assert getattr(skcrystal, name) is getattr(skcrystal.estimators, name)


def test_package_may_be_in_a_zip_file(tmp_path):
    with zipfile.ZipFile(tmp_path / "whole.zip", "w") as archive:
        for path in sorted((ROOT / "skcrystal").rglob("*.py*")):
            if path.suffix in {".py", ".pyi"}:
                archive.write(path, path.relative_to(ROOT))
    printed, _ = run(
        f"import sys; sys.path.insert(0, {str(tmp_path / 'whole.zip')!r})\n"
        "from skcrystal import CrystalGraphTransformer, __file__; print(__file__)"
    )
    assert "whole.zip" in printed


def test_missing_stub_is_named(tmp_path, monkeypatch):
    package = tmp_path / "bare"
    package.mkdir()
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    importlib.import_module("bare")
    with pytest.raises(ImportError, match=r"bare .* its file __init__.pyi"):
        attach_stub("bare")
