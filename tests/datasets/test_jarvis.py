"""JARVIS's files over HTTP, from a server on this machine, in the published form."""

import io
import json
import zipfile

import numpy as np
import pytest
from file_server import serving
from numpy.testing import assert_array_equal
from pymatgen.core import Lattice, Structure

from skcrystal.datasets import _jarvis as module, fetch_jarvis

NAME = "dft_3d_2021"


def row(i, structure, energy, gap, cartesian=False, **more):
    """A crystal as the files have it."""
    coords = structure.cart_coords if cartesian else structure.frac_coords
    lattice = structure.lattice
    return {
        "jid": f"JVASP-{100 + i}",
        "spg_number": "225",
        "spg_symbol": "Fm-3m",
        "formula": structure.composition.reduced_formula,
        "formation_energy_peratom": energy,
        "func": "OptB88vdW",
        "optb88vdw_bandgap": gap,
        "mbj_bandgap": "na",
        "atoms": {
            "lattice_mat": lattice.matrix.tolist(),
            "coords": coords.tolist(),
            "elements": [site.species_string for site in structure],
            "abc": list(lattice.abc),
            "angles": list(lattice.angles),
            "cartesian": cartesian,
            "props": [""] * len(structure),
        },
        "elastic_tensor": "na",
        "effective_masses_300K": {"p": "na", "n": "na"},
        "modes": [1.0, 2.0],
        "exfoliation_energy": "na",
        **more,
    }


def zipped(rows, member):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(member, json.dumps(rows))
    return archive.getvalue()


def publish(server, monkeypatch, rows, name=NAME, member=None):
    """Serve a zip of these rows in place of the published one."""
    known = module._SETS[name]._replace(n_crystals=len(rows))
    monkeypatch.setitem(module._SETS, name, known)
    content = zipped(rows, member or known.member)
    server.files[f"/{known.number}"] = content
    return content


@pytest.fixture
def server(monkeypatch):
    with serving(module, monkeypatch) as server:
        yield server


@pytest.fixture
def rows(small):
    structures, target, _ = small
    rows = [
        row(i, structure, energy, gap, cartesian=i % 2 == 1)
        for i, (structure, (energy, gap)) in enumerate(
            zip(structures, target.tolist(), strict=True)
        )
    ]
    rows[3]["mbj_bandgap"] = 1.25
    rows[5]["optb88vdw_bandgap"] = "na"
    return rows


@pytest.fixture
def published(server, monkeypatch, rows):
    publish(server, monkeypatch, rows)
    return server


def test_crystals_and_labels_come_back(published, small, tmp_path):
    structures, target, formulas = small
    bunch = fetch_jarvis(data_home=tmp_path / "new" / "folder")
    for i, (found, made) in enumerate(zip(bunch.data, structures, strict=True)):
        assert found.species == made.species
        # Cartesian coordinates, of every other crystal, become fractional ones.
        tolerance = 1e-12 if i % 2 else 0
        np.testing.assert_allclose(found.lattice.matrix, made.lattice.matrix, rtol=0)
        np.testing.assert_allclose(found.frac_coords, made.frac_coords, 0, tolerance)
    expected = target.copy()
    expected[5, 1] = np.nan
    assert_array_equal(bunch.target, expected)
    assert bunch.target_names == ["formation_energy_peratom", "optb88vdw_bandgap"]
    assert_array_equal(bunch.groups, formulas)
    assert bunch.frame.index[0] == "JVASP-100"
    for word in (NAME, "40 crystals", "eV/atom", "npj Comput. Mater."):
        assert word in bunch.DESCR


def test_a_name_that_stands_twice_makes_no_further_rows(
    server, monkeypatch, rows, tmp_path
):
    rows[1]["jid"] = rows[0]["jid"]
    publish(server, monkeypatch, rows)
    bunch = fetch_jarvis(data_home=tmp_path)
    assert len(bunch.data) == len(bunch.frame) == len(rows)
    assert bunch.target[:2, 0].tolist() == [
        row["formation_energy_peratom"] for row in rows[:2]
    ]


def test_any_column_of_numbers_can_be_a_target(published, tmp_path):
    frame = fetch_jarvis(data_home=tmp_path).frame
    # Text, lists, dictionaries, and what nothing was computed of are no columns.
    assert list(frame.columns) == [
        "structure",
        "formula",
        "spg_number",
        "formation_energy_peratom",
        "optb88vdw_bandgap",
        "mbj_bandgap",
    ]
    assert (frame["spg_number"] == 225).all()
    X, y = fetch_jarvis(target="mbj_bandgap", data_home=tmp_path, return_X_y=True)
    assert y.shape == (len(X),)
    assert np.isnan(y).sum() == 39
    X, y = fetch_jarvis(
        target="mbj_bandgap", dropna=True, data_home=tmp_path, return_X_y=True
    )
    assert len(X) == 1
    assert y.tolist() == [1.25]
    both = fetch_jarvis(
        target=["mbj_bandgap", "spg_number"], data_home=tmp_path, as_frame=True
    )
    assert list(both.target.columns) == ["mbj_bandgap", "spg_number"]
    assert both.data.index.equals(both.target.index)
    assert len(published.asked) == 1
    for unknown in ("gap", "spg_symbol", "exfoliation_energy"):
        with pytest.raises(ValueError, match=f"'{unknown}'.*formation_energy_peratom"):
            fetch_jarvis(target=["mbj_bandgap", unknown], data_home=tmp_path)
    with pytest.raises(ValueError, match=r"target=\[\]"):
        fetch_jarvis(target=[], data_home=tmp_path)


def test_formulas_that_read_like_numbers(server, monkeypatch, rows, tmp_path):
    """Sodium nitride and indium fluoride are neither missing nor infinite."""
    cell, sites = Lattice.cubic(5), [[0, 0, 0], [0.5, 0.5, 0.5]]
    odd = [
        row(40, Structure(cell, ["Na", "N"], sites), "nan", "inf"),
        row(41, Structure(cell, ["In", "F"], sites), "", None),
    ]
    publish(server, monkeypatch, [*rows, *odd])
    bunch = fetch_jarvis(data_home=tmp_path)
    assert bunch.groups.tolist()[-2:] == ["NaN", "InF"]
    assert np.isnan(bunch.target[-2:]).all()
    assert not bunch.frame["formula"].isna().any()


def test_rows_need_not_have_the_same_columns(server, monkeypatch, rows, tmp_path):
    del rows[0]["optb88vdw_bandgap"], rows[-1]["formation_energy_peratom"]
    rows[20]["new"] = 7
    publish(server, monkeypatch, rows)
    frame = fetch_jarvis(data_home=tmp_path).frame
    assert np.isnan(frame["optb88vdw_bandgap"].iloc[[0, 5]]).all()
    assert np.isnan(frame["formation_energy_peratom"].iloc[-1])
    assert frame["new"].dropna().to_dict() == {"JVASP-120": 7.0}


def test_layers_and_megnet(server, monkeypatch, rows, tmp_path):
    layers = [{**row, "exfoliation_energy": 80.5} for row in rows]
    publish(server, monkeypatch, layers, "dft_2d")
    bunch = fetch_jarvis("dft_2d", target="exfoliation_energy", data_home=tmp_path)
    assert set(bunch.target) == {80.5}
    megnet = [
        {"id": f"mp-{i}", "atoms": row["atoms"], "e_form": -1.5, "gap pbe": 0.25}
        for i, row in enumerate(rows)
    ]
    publish(server, monkeypatch, megnet, "megnet")
    bunch = fetch_jarvis("megnet", data_home=tmp_path)
    assert bunch.frame.index[-1] == "mp-39"
    assert bunch.target_names == ["e_form", "gap pbe"]
    assert bunch.target.tolist() == [[-1.5, 0.25]] * 40


def test_the_second_call_neither_asks_nor_parses(published, tmp_path, monkeypatch):
    first = fetch_jarvis(data_home=tmp_path)
    assert len(published.asked) == 1
    published.stop()
    monkeypatch.setattr(module, "JsonStream", None)
    again = fetch_jarvis(data_home=str(tmp_path))
    assert again.data == first.data
    assert_array_equal(again.target, first.target)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "jdft_3d-8-18-2021.json.zip",
        "jdft_3d-8-18-2021.npz",
    ]


def test_a_file_that_was_replaced_is_parsed_again(published, rows, tmp_path):
    fetch_jarvis(data_home=tmp_path)
    path = tmp_path / "jdft_3d-8-18-2021.json.zip"
    path.write_bytes(zipped(rows[::-1], "jdft_3d-8-18-2021.json"))
    assert fetch_jarvis(data_home=tmp_path).frame.index[0] == "JVASP-139"
    assert len(published.asked) == 1


def test_a_file_that_was_damaged_later_is_fetched_again(published, tmp_path):
    fetch_jarvis(data_home=tmp_path)
    path = tmp_path / "jdft_3d-8-18-2021.json.zip"
    whole = path.read_bytes()
    for damaged in (b"", whole[:-50], whole[:90] + b"xyz" + whole[93:]):
        path.write_bytes(damaged)
        assert len(fetch_jarvis(data_home=tmp_path).data) == 40
        assert path.read_bytes() == whole


@pytest.mark.parametrize("fault", ["broken", "damaged"])
def test_bad_transfers_leave_no_file(published, tmp_path, fault):
    published.fault = fault
    if fault == "damaged":  # within a crystal, which only the zip's checksum shows
        key, content = next(iter(published.files.items()))
        member = json.dumps([{"x": 1}]).encode()
        published.files[key] = content[:200] + member + content[200 + len(member) :]
        published.fault = None
    with pytest.raises(OSError, match="could not be downloaded") as error:
        fetch_jarvis(data_home=tmp_path)
    assert published.url + "29204826" in str(error.value)
    assert str(tmp_path / "jdft_3d-8-18-2021.json.zip") in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_a_transfer_that_breaks_once_is_tried_again(published, tmp_path, monkeypatch):
    from skcrystal.datasets import _download

    monkeypatch.setattr(_download, "RETRIES", 1)
    published.breaks = 1
    assert len(fetch_jarvis(data_home=tmp_path).data) == 40
    assert len(published.asked) == 2


def test_other_contents_are_not_taken(server, monkeypatch, rows, tmp_path):
    def refused(rows, message, **form):
        publish(server, monkeypatch, rows, **form)
        with pytest.raises(OSError, match=message):
            fetch_jarvis(data_home=tmp_path)
        assert list(tmp_path.iterdir()) == []

    refused(rows, "There is no item named", member="other.json")
    refused({"rows": rows}, "instead of")
    refused([{"jid": "JVASP-1"}], "'atoms'")
    refused(
        [{**row, "jid2": 1, "atoms": {"elements": []}} for row in rows], "crystal 0"
    )
    refused([{"jid": "1", "atoms": rows[0]["atoms"]}], "no numbers of 'formation")
    monkeypatch.setitem(
        module._SETS, NAME, module._SETS[NAME]._replace(n_crystals=55_723)
    )
    server.files["/29204826"] = zipped(rows, "jdft_3d-8-18-2021.json")
    with pytest.raises(OSError, match="holds 40 crystals, not about 55,723"):
        fetch_jarvis(data_home=tmp_path)


def test_offline_it_says_where_a_file_may_be_put(published, tmp_path):
    published.stop()
    path = tmp_path / "jdft_3d-8-18-2021.json.zip"
    with pytest.raises(OSError, match="by hand") as error:
        fetch_jarvis(data_home=tmp_path)
    assert str(path) in str(error.value)
    path.write_bytes(published.files["/29204826"])
    assert len(fetch_jarvis(data_home=tmp_path).data) == 40


def test_names():
    with pytest.raises(ValueError, match=r"'qm9' is none of dft_3d_2021"):
        fetch_jarvis("qm9")
