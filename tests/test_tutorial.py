"""The tutorial: every block, one after the other, as a reader would paste them."""

import re
from pathlib import Path

import pandas as pd
import pytest

from skcrystal._cli import main

PAGE = Path(__file__).parents[1] / "docs" / "tutorial.md"


@pytest.mark.slow
@pytest.mark.skipif(not PAGE.exists(), reason="an installed package has no docs")
def test_every_block_runs_and_does_what_the_text_says(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    text = PAGE.read_text(encoding="utf-8")
    session = {}
    for block in re.findall(r"^```python\n(.*?)^```", text, re.M | re.S):
        exec(compile(block, PAGE.name, "exec"), session)
    told = capsys.readouterr().out
    # The errors that the text expects
    for name, said in re.findall(r"^(\w+): MAE (\d\.\d+)", told, re.M):
        unit = {"formation_energy_per_atom": "eV/atom", "band_gap": "eV"}[name]
        expected = float(re.search(rf"(\d\.\d+) {unit} against", text).group(1))
        assert float(said) == pytest.approx(expected, rel=0.15)
    ranked = pd.read_csv("ranked.csv", dtype={"id": str})
    assert ranked["probability"].is_monotonic_decreasing
    assert ranked["probability"].between(0, 1).all()
    # As the last command does
    names = ranked["id"].head(3).tolist()
    files = [f"new/{name}.cif" for name in names]
    assert main(["predict", *files, "--model", "gap-model", "--csv", "out.csv"]) == 0
    predicted = pd.read_csv("out.csv")
    assert predicted["band_gap"].round(6).tolist() == pytest.approx(
        ranked["gap"].head(3).tolist(), abs=1e-4
    )
