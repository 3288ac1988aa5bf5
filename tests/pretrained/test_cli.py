"""The command line, on files as people have them."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from crystals import crystal_of
from small_model import save_small_model

import skcrystal
from skcrystal import predict
from skcrystal._cli import main
from skcrystal.pretrained._files import _number

SALT = """\
data_NaCl
_symmetry_space_group_name_H-M   'F m -3 m'
_cell_length_a   5.69(1)
_cell_length_b   5.69(1)
_cell_length_c   5.69(1)
_cell_angle_alpha   90
_cell_angle_beta   90
_cell_angle_gamma   90
loop_
 _atom_site_label
 _atom_site_fract_x
 _atom_site_fract_y
 _atom_site_fract_z
  Na1+ 0 0 0
  Cl1- 0.5 0.5 0.5
"""
# Rounded thirds, and perhaps a partly filled site, as databases have them
WURTZITE = """\
data_ZnS
_symmetry_space_group_name_H-M   'P 1'
_cell_length_a   3.82
_cell_length_b   3.82
_cell_length_c   6.26
_cell_angle_alpha   90
_cell_angle_beta   90
_cell_angle_gamma   120
loop_
 _symmetry_equiv_pos_as_xyz
  'x, y, z'
loop_
 _atom_site_label
 _atom_site_type_symbol
 _atom_site_fract_x
 _atom_site_fract_y
 _atom_site_fract_z
 _atom_site_occupancy
  Zn1 Zn 0.3333 0.6667 0.0 {occupancy}
  Zn2 Zn 0.6667 0.3333 0.5 1.0
  S1 S 0.3333 0.6667 0.374 1.0
  S2 S 0.6667 0.3333 0.874 1.0
"""


@pytest.fixture(scope="module")
def saved(prototypes, tmp_path_factory):
    return save_small_model(tmp_path_factory.mktemp("pretrained") / "small", prototypes)


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Salt and wurtzite as CIF, rutile as POSCAR; in the folder of the command."""
    monkeypatch.chdir(tmp_path)
    Path("salt.cif").write_text(SALT)
    Path("wurtzite.cif").write_text(WURTZITE.format(occupancy=1.0))
    crystal_of("tetragonal").to(filename="POSCAR", fmt="poscar")
    return ["salt.cif", "wurtzite.cif", "POSCAR"]


def run(capsys, *arguments):
    status = main([str(argument) for argument in arguments])
    return status, *capsys.readouterr()


def test_files_of_all_kinds_become_a_table(files, saved, capsys):
    status, out, err = run(
        capsys, "predict", *files, "--model", saved, "--csv", "out.csv"
    )
    assert status == 0
    assert "skcrystal: wurtzite.cif: note: 8 fractional coordinates rounded" in err
    assert [line.split()[1] for line in err.splitlines()] == [
        "salt.cif:",
        "wurtzite.cif:",
    ]
    header, units, *rows = out.splitlines()
    assert header.split("  ")[0] == "file"
    assert "formation energy per atom" in header
    assert units.split() == ["eV/atom", "eV"]
    assert [row.split()[:2] for row in rows] == [
        ["salt.cif", "NaCl"],
        ["wurtzite.cif", "ZnS"],
        ["POSCAR", "TiO2"],
    ]
    assert all(row.count(" ± ") == 2 for row in rows)
    table = pd.read_csv("out.csv")
    assert list(table.columns[:3]) == ["file", "formula", "formation_energy_per_atom"]
    direct = predict(crystal_of("cubic"), model=saved)
    np.testing.assert_allclose(table.iloc[:1, 2:].astype(float), direct, rtol=1e-4)


def test_what_cannot_be_used_is_named_and_the_rest_goes_on(files, saved, capsys):
    Path("alloy.cif").write_text(WURTZITE.format(occupancy=0.5))
    Path("broken.cif").write_text("data_nothing\n")
    Path("notes.txt").write_text("salt")
    given = [*files, "alloy.cif", "broken.cif", "notes.txt", "missing.cif"]
    status, out, err = run(capsys, "predict", *given, "--model", saved)
    assert status == 1
    assert [row.split()[0] for row in out.splitlines()[2:]] == files
    assert re.search(r"alloy\.cif: not predicted: site \d is disordered", err)
    for name in given[4:]:
        assert f"skcrystal: {name}: not read: " in err
    status, out, _ = run(capsys, "predict", "missing.cif", "--model", saved)
    assert (status, out) == (1, "")


def test_elements_that_the_model_has_not_seen_are_named(files, saved, capsys):
    crystal_of("rhombohedral").to(filename="bi2te3.cif")
    status, _, err = run(capsys, "predict", "salt.cif", "bi2te3.cif", "--model", saved)
    assert status == 0
    assert "bi2te3.cif: note: the model was not trained on Bi" in err
    assert "salt.cif: note: the model" not in err


def test_what_people_should_know_may_be_deleted(files, saved, tmp_path, capsys):
    folder = shutil.copytree(saved, tmp_path / "model")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    for name in ("trained_on", "units", "card"):
        del config[name]
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    status, out, _ = run(capsys, "predict", "salt.cif", "--model", folder)
    assert status == 0
    assert out.splitlines()[1].startswith("salt.cif")


def test_a_model_that_is_nowhere_stops_it(files, saved, capsys):
    status, out, err = run(capsys, "predict", *files, "--model", "mp")
    assert (status, out) == (2, "")
    assert err.startswith("skcrystal: error: there is no saved model at 'mp'")
    status, _, err = run(
        capsys, "predict", "salt.cif", "--model", saved, "--csv", "no/such/folder.csv"
    )
    assert status == 2
    assert "no/such" in err


@pytest.mark.parametrize(
    ("value", "std", "finest", "shown"),
    [
        (-1.2717, 0.27574, 3, "-1.27 ± 0.28"),
        (0.41234, 0.00512, 3, "0.412 ± 0.005"),
        (4e-8, 1.4e-7, 3, "0.000 ± 0.000"),  # a metal's gap
        (4.2e-6, 1.4e-6, 9, "0.0000042 ± 0.0000014"),
        (0.96367, None, 9, "0.9637"),
    ],
)
def test_the_screen_shows_digits_that_mean_something(value, std, finest, shown):
    assert _number(value, std, finest) == shown


def test_help_says_what_to_give(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    assert "predict" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out.strip() == skcrystal.__version__
    with pytest.raises(SystemExit, match="2"):
        main(["predict"])


def test_the_module_runs(files, saved):
    command = ["skcrystal", "predict", "salt.cif", "missing.cif", "--model", saved]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", *command],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        env={
            "PYTHONPATH": str(Path(skcrystal.__file__).parents[1]),
            "PYTHONUTF8": "1",
            "OMP_NUM_THREADS": "1",
        },
    )
    assert done.returncode == 1, done.stderr
    assert "NaCl" in done.stdout
    assert "missing.cif: not read" in done.stderr
