"""Examples run as a user would run them, and keep what they promise."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


def test_quickstart_predicts_unseen_formulas(tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", EXAMPLES / "plot_quickstart.py"],
        cwd=tmp_path,
        # Also where the tests run beside a package that is not installed
        env={**os.environ, "PYTHONPATH": str(EXAMPLES.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    ratios = [float(r) for r in re.findall(r"ratio (\d\.\d+)", done.stdout)]
    energy, gap = ratios
    assert energy < 0.33
    assert gap < 0.42
    picture = (tmp_path / "demo-output" / "parity.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) > 20_000


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda p: p.name)
def test_examples_are_short_and_titled(path):
    text = path.read_text(encoding="utf-8")
    assert re.match(r'"""\n.+\n=+\n', text)
    assert len(text.splitlines()) < 100
