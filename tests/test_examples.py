"""Examples run as a user would run them, and keep what they promise."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


def run(name, folder):
    """What an example prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", EXAMPLES / name],
        cwd=folder,
        # Also where the tests run beside a package that is not installed
        env={**os.environ, "PYTHONPATH": str(EXAMPLES.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def assert_picture(path):
    picture = path.read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) > 20_000


def test_quickstart_predicts_unseen_formulas(tmp_path):
    told = run("plot_quickstart.py", tmp_path)
    energy, gap = [float(r) for r in re.findall(r"ratio (\d\.\d+)", told)]
    assert energy < 0.33
    assert gap < 0.42
    assert_picture(tmp_path / "demo-output" / "parity.png")


def test_uncertainty_is_calibrated_on_unseen_formulas(tmp_path):
    told = run("plot_uncertainty.py", tmp_path)
    raw, calibrated = told.split("calibrated by")
    pattern = r"(?:formation_energy_per_atom|band_gap) +\S+ +(\d\.\d+)"
    assert all(float(c) < 0.6 for c in re.findall(pattern, raw))
    # Two standard errors of 272 labels that calibrate and 289 that judge
    covered = [float(c) for c in re.findall(pattern, calibrated)]
    assert covered == pytest.approx([0.68, 0.68], abs=0.08)
    inside = [float(share) for share in re.findall(r"asked, (\d+)% found", told)]
    assert inside == pytest.approx([90, 90], abs=5)
    assert_picture(tmp_path / "demo-output" / "uncertainty.png")


def test_active_learning_learns(tmp_path):
    told = run("plot_active_learning.py", tmp_path)
    rows = re.findall(r"^ +(\d) +(\d+) +(\d\.\d+) +(\d\.\d+)", told, re.MULTILINE)
    assert [int(row[1]) for row in rows] == [60, 100, 140, 180, 220, 260]
    for column in (2, 3):
        assert float(rows[-1][column]) < 0.85 * float(rows[0][column])
    assert told.count("labels saved at random's last error") == 2
    for name in ("learning-curves.png", "queried.png"):
        assert_picture(tmp_path / "demo-output" / name)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda p: p.name)
def test_examples_are_short_and_titled(path):
    text = path.read_text(encoding="utf-8")
    assert re.match(r'"""\n.+\n=+\n', text)
    assert len(text.splitlines()) < 100
