"""The Materials Project over HTTP: its real client, a server on this machine."""

import gzip
import multiprocessing
import os
import signal
import sys
import warnings

import numpy as np
import pytest
from mp_server import KEY, real_documents, serving
from pymatgen.core import SETTINGS, Structure

from skcrystal.datasets import fetch_materials_project
from skcrystal.datasets.materials_project import _client as _mp_client
from skcrystal.datasets.materials_project._query import order
from skcrystal.datasets.materials_project._store import Store, compact, expand


@pytest.fixture(scope="module")
def documents():
    return real_documents()


@pytest.fixture
def server(documents, monkeypatch):
    monkeypatch.setattr(_mp_client, "WAITS", (0, 0))
    with serving([dict(document) for document in documents], monkeypatch) as server:
        yield server


@pytest.fixture
def fetch(server, tmp_path):
    """Fetch into a folder of this test. Some thirty of the crystals, in two chunks."""

    def fetch(**given):
        given = {"num_elements": 2, "chunk_size": 20, "data_home": tmp_path, **given}
        return fetch_materials_project(**given)

    return fetch


def wanted(server, rule=lambda document: document["nelements"] == 2):
    """What should come, by id."""
    found = {
        document["material_id"]: document
        for document in server.documents
        if rule(document) and not (document["deprecated"] or document["batch_id"])
    }
    assert found
    return found


def nan(value):
    return np.nan if value is None else float(value)


def test_crystals_and_labels_come_as_they_are_there(server, fetch):
    names = ["band_gap", "is_metal", "formation_energy_per_atom", "bulk_modulus.vrh"]
    bunch = fetch(fields=names)
    there = wanted(server)
    assert 20 < len(bunch.data) == len(there)
    assert bunch.target_names == names
    for material_id, crystal, row, formula in zip(
        bunch.frame.index, bunch.data, bunch.target, bunch.groups, strict=True
    ):
        document = there[material_id]
        assert crystal == Structure.from_dict(document["structure"])
        assert [*crystal.site_properties] == ["magmom"]
        modulus = (document["bulk_modulus"] or {}).get("vrh")
        values = [*(document[name] for name in names[:3]), modulus]
        np.testing.assert_array_equal(row, [nan(value) for value in values])
        assert formula == document["formula_pretty"]
    assert bunch.target.dtype == np.float64
    assert np.isnan(bunch.target).any(axis=0).tolist() == [True, True, False, True]
    for text in ("is_metal (1 if so", "band_gap (eV", "2026.10.1", "CC BY 4.0"):
        assert text in bunch.DESCR
    assert bunch.database_version == "2026.10.1"
    assert bunch.missing == []


def test_ids_are_in_the_order_of_their_numbers(fetch):
    index = fetch(num_elements=None, chunk_size=100).frame.index.tolist()
    old = [int(one.removeprefix("mp-")) for one in index[:-2]]
    assert old == sorted(old)
    assert index[-2:] == ["mp-hilze", "mp-vwyxj"]
    assert order("mp-ft") == order("mp-149")
    assert order("mp-3347529") < order("mp-hilze") < order("mp-vwyxj")


@pytest.mark.parametrize(
    ("given", "sent", "rule"),
    [
        ({"elements": "O"}, {"elements": "O"}, lambda d: "O" in d["elements"]),
        (
            {"exclude_elements": ["O", "Na"], "is_metal": True},
            {"exclude_elements": "Na,O", "is_metal": "True"},
            lambda d: not {"O", "Na"} & {*d["elements"]} and d["is_metal"],
        ),
        (
            {"num_sites": (None, 3), "theoretical": np.False_},
            {"nsites_max": "3", "theoretical": "False"},
            lambda d: d["nsites"] <= 3 and not d["theoretical"],
        ),
        (
            {"band_gap": (0.5, 6), "is_stable": True},
            {"band_gap_min": "0.5", "band_gap_max": "6", "is_stable": "True"},
            lambda d: d["band_gap"] and 0.5 <= d["band_gap"] <= 6 and d["is_stable"],
        ),
        (
            {"formation_energy": (None, -0.5), "energy_above_hull": (0.06, None)},
            {"formation_energy_per_atom_max": "-0.5", "energy_above_hull_min": "0.06"},
            lambda d: d["formation_energy_per_atom"] <= -0.6,
        ),
        (
            {"num_elements": np.int64(3), "has_props": "elasticity"},
            {"nelements_min": "3", "nelements_max": "3", "has_props": "elasticity"},
            lambda d: d["nelements"] == 3 and d["has_props"],
        ),
    ],
    ids=lambda given: "-".join(given) if isinstance(given, dict) else "",
)
def test_filters_reach_the_server(server, fetch, given, sent, rule):
    bunch = fetch(**{"num_elements": None, "chunk_size": 100, **given})
    assert set(bunch.frame.index) == {*wanted(server, rule)}
    asked = next(query for _, query in server.asked if "_limit" in query)
    assert sent.items() <= asked.items()
    assert asked["deprecated"] == "False"


def test_formulas_systems_and_ids(server, fetch):
    some = list(wanted(server).values())[:3]
    for name, key in [("formula", "formula_pretty"), ("chemsys", "chemsys")]:
        names = [one[key] for one in some]
        bunch = fetch(**{name: names})
        assert {*bunch.frame.index} == {*wanted(server, lambda d: d[key] in names)}  # noqa: B023
    ids = [one["material_id"] for one in some]
    assert {*fetch(material_ids=ids).frame.index} == {*ids}


def test_ids_that_do_not_match_are_told(server, fetch):
    known = next(iter(wanted(server)))
    deprecated = server.documents[3]["material_id"]
    asked = [known, deprecated, "mp-123456"]
    for _ in range(2):  # from the server, and from disk
        with pytest.warns(UserWarning, match="2 of the `material_ids` do not match"):
            bunch = fetch(material_ids=asked, num_elements=None)
        assert bunch.frame.index.tolist() == [known]
        assert bunch.missing == [deprecated, "mp-123456"]


def test_a_material_without_a_structure_is_told(server, fetch):
    lost = next(one for one in server.documents if one["nelements"] == 2)
    lost["structure"] = None
    with pytest.warns(UserWarning, match="1 materials came without a structure"):
        bunch = fetch()
    assert bunch.missing == [lost["material_id"]]
    assert {*bunch.frame.index} == {*wanted(server)} - {lost["material_id"]}


def test_gnome_is_left_out_unless_asked_for(server, fetch):
    gnome = server.documents[4]["material_id"]
    given = {"num_elements": None, "chunk_size": 100}
    assert gnome not in fetch(**given).frame.index
    assert gnome in fetch(**given, include_gnome=True).frame.index


def test_a_second_call_asks_for_nothing(server, fetch, monkeypatch):
    first = fetch()
    assert server.chunks == [20, len(first.data) - 20]
    assert server.keys == {KEY}
    n_asked = len(server.asked)
    monkeypatch.delenv("MP_API_KEY")
    second = fetch(chunk_size=7, fields=["band_gap", "formation_energy_per_atom"])
    assert len(server.asked) == n_asked
    assert second.data == first.data
    np.testing.assert_array_equal(second.target, first.target[:, ::-1])


def test_refresh_asks_again(server, fetch):
    before = fetch()
    server.version, changed = "2026.12", server.documents[0]
    changed["formation_energy_per_atom"] = 77.0
    assert 77 not in fetch().target
    server.down = 500
    with pytest.raises(OSError, match="No answer"):
        fetch(refresh=True)
    server.down = None
    assert fetch().database_version == "2026.10.1"  # which no failure replaces
    after = fetch(refresh=True, num_elements=(2, 2))
    assert after.database_version == "2026.12"
    assert 77 in after.target
    assert len(after.data) == len(before.data)


@pytest.mark.parametrize("fault", ["broken", "page", 500, 503])
def test_a_failure_that_passes_is_not_seen(server, fetch, fault):
    server.faults = [None, fault]
    assert {*fetch().frame.index} == {*wanted(server)}


def test_what_broke_off_goes_on(server, fetch, tmp_path):
    n = len(wanted(server))
    server.faults = [None] + 20 * ["broken"]
    with pytest.raises(OSError, match="after 3 tries") as error:
        fetch()
    message = str(error.value)
    assert f"20 of {n} crystals" in message
    assert str(tmp_path) in message
    assert "Call again" in message
    assert len(message) < 600  # no list of ids
    server.faults = []
    asked = len(server.asked)
    bunch = fetch(chunk_size=3)
    assert {*bunch.frame.index} == {*wanted(server)}
    assert server.chunks[0] == 20
    assert set(server.chunks[1:]) == {n - 20}  # what had come was not asked for again
    paths = [path for path, _ in server.asked[asked:]]
    assert paths.count("/materials/summary/") == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="asks for two processes")
def test_a_killed_fetch_goes_on(server, fetch):
    fork = multiprocessing.get_context("fork")  # which need not import all again
    ready = fork.Event()
    child = fork.Process(target=lambda: ready.wait() and fetch())
    with warnings.catch_warnings():
        # Newer Pythons warn of forks beside threads: this one's only serves.
        warnings.simplefilter("ignore", DeprecationWarning)
        child.start()
    server.faults = [None, child.kill]
    ready.set()
    child.join(60)
    assert child.exitcode == -signal.SIGKILL
    assert {*fetch().frame.index} == {*wanted(server)}
    n = len(wanted(server))
    assert server.chunks == [20, n - 20, n - 20]


def test_a_damaged_file_is_fetched_again(server, fetch, tmp_path):
    before = fetch()
    (first, second) = sorted(tmp_path.glob("*/chunk-*"))
    for path, content in [
        (first, first.read_bytes()[:200]),
        (second, gzip.compress(b'{"id": "mp-1"}\n')),
    ]:
        whole = path.read_bytes()
        path.write_bytes(content)
        n_chunks = len(server.chunks)
        assert fetch().data == before.data
        assert len(server.chunks) == n_chunks + 1
        assert path.read_bytes() == whole


def test_a_full_disk_keeps_what_was_there_and_no_scraps(tmp_path):
    """A limit on the size of files stands for a disk that is full."""
    resource = pytest.importorskip("resource")
    store = Store(tmp_path)
    rows = [{"id": f"mp-{i * i}"} for i in range(500)]
    ids = [row["id"] for row in rows]
    store.write(0, rows)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            store.write(0, rows[::-1])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert store.read(0, ids) == rows
    assert len([*tmp_path.iterdir()]) == 1


def test_two_fetches_at_once_both_end_well(server, fetch):
    """The second begins the same query anew while the first is at its last chunk."""
    others = []
    server.faults = [None, lambda: others.append(fetch())]
    one = fetch(refresh=True)
    assert others[0].data == one.data == fetch().data


def test_labels_of_two_releases_are_never_mixed(server, fetch):
    def release():
        server.version = "2026.12"
        for document in server.documents:
            document["formation_energy_per_atom"] += 1

    server.faults = [None] + 20 * [500]  # more than the client may try by itself
    with pytest.raises(OSError, match="No answer"):
        fetch()
    server.faults = []
    release()
    with pytest.warns(UserWarning, match=r"from 2026\.10\.1 to 2026\.12.*starts over"):
        bunch = fetch()
    there = wanted(server)
    expected = [there[i]["formation_energy_per_atom"] for i in bunch.frame.index]
    np.testing.assert_array_equal(bunch.target[:, 0], expected)
    server.version, server.faults = "2026.11", [None, release]
    with pytest.warns(UserWarning, match=r"from 2026\.11 to 2026\.12"):
        bunch = fetch(refresh=True)
    np.testing.assert_allclose(bunch.target[:, 0], np.add(expected, 1))
    assert bunch.database_version == "2026.12"


def test_draws_are_random_repeatable_and_nested(server, fetch):
    everything = fetch(num_elements=None, chunk_size=100).frame.index.tolist()
    draws = {
        (n, seed): fetch(num_elements=None, max_structures=n, random_state=seed)
        for n, seed in [(8, 0), (20, 0), (8, 1)]
    }
    small, large, other = (draw.frame.index.tolist() for draw in draws.values())
    assert len(small) == len(other) == 8
    assert set(small) < set(large) < set(everything)
    assert set(small) != set(other)
    assert small != everything[:8]
    assert small == [one for one in everything if one in small]
    assert sum(server.chunks) == len(everything) + 8 + 20 + 8
    assert f"drawn from {len(everything)} that match" in draws[8, 0].DESCR
    assert len(fetch(num_elements=None, max_structures=1000).data) == len(everything)


def test_forms_of_the_answer(fetch):
    X, y = fetch(return_X_y=True)
    assert all(isinstance(crystal, Structure) for crystal in X)
    assert y.shape == (len(X), 2)
    bunch = fetch(as_frame=True, fields="is_metal")
    assert bunch.data.index.name == "material_id"
    assert bunch.target.index.equals(bunch.data.index)
    assert bunch.target.dtype == np.float64
    assert set(bunch.target.dropna()) <= {0.0, 1.0}
    assert fetch(fields=()).target is None


def test_the_formula_of_sodium_nitride_is_no_missing_value(server, fetch):
    lattice = server.documents[0]["structure"]["lattice"]["matrix"]
    nitride = Structure(lattice, ["Na", "N"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    server.documents[0] |= {"structure": nitride.as_dict(), "nelements": 2}
    for _ in range(2):
        bunch = fetch()
        assert "NaN" in bunch.groups.tolist()
        assert not bunch.frame["formula"].isna().any()


@pytest.mark.parametrize("place", ["argument", "environment", "pymatgen"])
def test_places_of_the_key(server, fetch, tmp_path, monkeypatch, place, capfd):
    monkeypatch.delenv("MP_API_KEY")
    monkeypatch.delitem(SETTINGS, "PMG_MAPI_KEY", raising=False)
    with pytest.raises(ValueError, match=r"materialsproject\.org/api.*MP_API_KEY"):
        fetch()
    given = {}
    if place == "argument":
        given = {"api_key": KEY}
        monkeypatch.setenv("MP_API_KEY", "x" * 32)
    elif place == "environment":
        monkeypatch.setenv("MP_API_KEY", KEY)
        monkeypatch.setitem(SETTINGS, "PMG_MAPI_KEY", "x" * 32)
    else:
        monkeypatch.setitem(SETTINGS, "PMG_MAPI_KEY", KEY)
    bunch = fetch(**given)
    assert server.keys == {KEY}
    for path in tmp_path.glob("*/*"):
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
        assert KEY.encode() not in content
    assert KEY not in repr(bunch)
    assert capfd.readouterr() == ("", "")


def test_a_refused_key_is_not_shown_and_not_tried_again(server, fetch):
    wrong = "z" * 32
    with pytest.raises(PermissionError, match=r"key \(HTTP 401\)") as error:
        fetch(api_key=wrong)
    assert wrong not in str(error.value)
    assert "credentials <key>" in str(error.value)
    asked = [path for path, _ in server.asked if "summary" in path]
    assert len(asked) == 1


@pytest.mark.parametrize("key", ["secret-thing", "s" * 31 + "\n", "ü" * 32])
def test_what_is_no_key_is_not_sent_and_not_shown(server, fetch, key):
    with pytest.raises(ValueError, match="32 letters and digits") as error:
        fetch(api_key=key)
    assert key not in str(error.value)
    assert server.asked == []


def test_without_a_network(server, fetch):
    fetch()
    server.stop()
    assert len(fetch().data) > 20
    with pytest.raises(OSError, match="No answer from the Materials Project") as error:
        fetch(fields="efermi")
    assert "Connection refused" in str(error.value)
    assert "0 of an unknown number of crystals" in str(error.value)


def test_without_the_client(fetch, monkeypatch):
    fetch()
    monkeypatch.setitem(sys.modules, "mp_api.client", None)
    assert len(fetch().data) > 20
    with pytest.raises(ImportError, match=r'pip install "skcrystal\[mp\]"'):
        fetch(fields="efermi")


def test_a_query_that_the_server_does_not_accept(server, fetch):
    many = "Tc Pm Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No Lr".split()
    with pytest.raises(ValueError, match="exclude_elements - String should have at"):
        fetch(exclude_elements=many)
    assert len([path for path, _ in server.asked if "summary" in path]) == 1


def test_nothing_matches(server, fetch, tmp_path):
    with pytest.raises(ValueError, match=r"No material .* matches .*'chemsys'"):
        fetch(chemsys="He-Ne")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"fields": ["band_gap", "gap"]}, r"fields\[1\]='gap' is none of .*band_gap"),
        ({"fields": ["efermi", "efermi"]}, r"fields\[1\]='efermi' is there twice"),
        ({"band_gap": (3, 1)}, r"band_gap=\(3, 1\) is not a range"),
        ({"band_gap": (0, np.nan)}, "is not a range"),
        ({"num_sites": "3"}, "num_sites='3' is not a range"),
        ({"material_ids": ["mp-1", "149"]}, r"material_ids\[1\]='149' is not an id"),
        ({"elements": []}, "elements is empty"),
        ({"elements": "Na,Cl"}, r"elements\[0\]='Na,Cl'"),
        ({"chunk_size": 5000}, "chunk_size=5000 is not a whole number from 1 to 1000"),
        ({"max_structures": 0}, "max_structures=0 is not a whole number from 1"),
        ({"random_state": -1}, "random_state=-1 is not a whole number from 0"),
        (
            {"max_structures": 3, "random_state": None},
            "random_state=None is not a whole",
        ),
        ({"spacegroup_number": 231}, "spacegroup_number=231 .* from 1 to 230"),
        ({"is_metal": "no"}, "is_metal='no' is neither True, False nor None"),
    ],
)
def test_parameters_are_checked_first(server, fetch, given, message):
    with pytest.raises(ValueError, match=message):
        fetch(**given)
    assert server.asked == []


@pytest.mark.parametrize(
    "species",
    [["Na", "Cl"], ["Na+", "Cl-"], [{"Na": 0.5, "K": 0.25}, "Cl"]],
    ids=["plain", "ions", "disordered"],
)
@pytest.mark.parametrize("noted", [{}, {"magmom": [0.0, 1.5]}], ids=["", "magmom"])
def test_crystals_are_kept_without_loss(species, noted):
    crystal = Structure(
        [[3.1, 0, 0.1], [0, 4.2, 0], [0, 0.3, 5.3]],
        species,
        [[1 / 3, 0, -0.2], [0.5, 1.5, 2 / 3]],
        site_properties=noted,
    )
    assert ("sites" in compact(crystal.as_dict())) == (species != ["Na", "Cl"])
    for one in (crystal, crystal * (1, 2, 1), crystal.copy(properties={"spin": 1})):
        again = expand(compact(one.as_dict()))
        assert again == one
        assert again.properties == one.properties
        assert again.site_properties == one.site_properties
        assert again.labels == one.labels
        np.testing.assert_array_equal(again.frac_coords, one.frac_coords)
        np.testing.assert_array_equal(again.lattice.matrix, one.lattice.matrix)
