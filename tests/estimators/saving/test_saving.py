"""Models saved without pickle: what comes back, and what is refused."""

import builtins
import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from dense_cgcnn import random_content, random_vectors
from hypothesis import given, settings, strategies as st
from models import MODELS, QUICK, name_of
from pymatgen.core import Lattice, Structure
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from skorch.callbacks import Callback

import skcrystal
from skcrystal import (
    CalibratedRegressor,
    CGCNNClassifier,
    CGCNNRegressor,
    CoGNRegressor,
    CrystalGraphTransformer,
    EnsembleRegressor,
    GCNClassifier,
    GCNRegressor,
    GNNClassifier,
    GNNRegressor,
    MTCGCNNRegressor,
    SchNetRegressor,
    load_pretrained,
)
from skcrystal.estimators.saving._folder import _canonical, _digest, pretrained_names
from skcrystal.estimators.saving._save import read_about
from skcrystal.estimators.saving._values import Reader, Writer

CLASSES = ["metal", "semiconductor", "insulator"]


def checkpoint(cls, task, tmp_path):
    path = tmp_path / f"{task}.pth.tar"
    torch.save(random_content(task), path)
    return cls.from_cgcnn_checkpoint(path, random_vectors())


def shells(network, **parameters):
    return make_pipeline(
        CrystalGraphTransformer(cutoff=6.0, max_neighbors=8, **parameters), network
    )


REGRESSORS = {
    **{name_of(model): model for model in MODELS},
    "hard": MTCGCNNRegressor(**QUICK, task_weights=[1, 2]),
    "soft": MTCGCNNRegressor(
        **QUICK, sharing="soft", task_weights="uncertainty", early_stopping=True
    ),
    "noise": CGCNNRegressor(
        **QUICK, loss="gaussian_nll", dropout=0.2, dropout_conv=0.1, n_mc_samples=3
    ),
    "links": GCNRegressor(**QUICK, output_transform={1: "softplus"}),
    "log": GCNRegressor(**QUICK, output_transform=[None, "log"]),
    "extensive": SchNetRegressor(
        **QUICK, pooling="sum", task_weights={"band_gap": 2.0, 0: 0.5}
    ),
    "dropped": CoGNRegressor(**QUICK, dropout=0.2, n_mc_samples=3, ema_decay=0.9),
    "ensemble": EnsembleRegressor(shells(GCNRegressor(**QUICK)), 2, random_state=1),
    "calibrated": CalibratedRegressor(
        shells(EnsembleRegressor(GCNRegressor(**QUICK), 2)),
        calibration_fraction=0.5,
        random_state=1,
    ),
}


@pytest.fixture(scope="module")
def labelled(prototypes):
    rows = np.random.RandomState(0).permutation(len(prototypes.data))[:40]
    frame = prototypes.frame.iloc[rows]
    return frame["structure"].tolist(), frame[prototypes.target_names]


@pytest.fixture(scope="module")
def plain(labelled, tmp_path_factory):
    """A fitted regressor and its folder; not to be changed."""
    model = GCNRegressor(**QUICK).fit(*labelled)
    folder = tmp_path_factory.mktemp("saved") / "plain"
    model.save_pretrained(folder)
    return model, folder


@pytest.fixture
def copied(plain, tmp_path):
    """The folder of a saved regressor, to be damaged."""
    return Path(shutil.copytree(plain[1], tmp_path / "copied"))


def forge(folder, change):
    """Change what a file says of its model, by one who knows the format."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    change(config)
    config["sha256"]["model"] = _digest(_canonical(config["model"]))
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")


def saved_and_loaded(model, folder):
    model.save_pretrained(folder)
    return load_pretrained(folder)


def assert_same_output(one, other):
    one, other = (x if isinstance(x, tuple) else (x,) for x in (one, other))
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.filterwarnings("ignore:X holds elements:UserWarning")
@pytest.mark.parametrize("kind", REGRESSORS)
def test_a_regressor_comes_back_as_it_was(kind, labelled, tmp_path):
    X, y = labelled
    model = clone(REGRESSORS[kind]).fit(X, y)
    state = torch.get_rng_state()
    loaded = saved_and_loaded(model, tmp_path / "model")
    assert torch.equal(torch.get_rng_state(), state)
    assert type(loaded) is type(model)
    assert vars(loaded).keys() == vars(model).keys()
    assert repr(loaded) == repr(model)
    assert_same_output(loaded.predict(X), model.predict(X))
    assert_same_output(loaded.embed(X), model.embed(X))
    if kind in ("noise", "dropped", "ensemble", "calibrated"):
        assert_same_output(
            loaded.predict(X, return_std=True), model.predict(X, return_std=True)
        )
    if kind == "noise":
        assert_same_output(
            loaded.predict(X, return_components=True),
            model.predict(X, return_components=True),
        )
    if hasattr(model, "history_"):
        assert loaded.history_.equals(model.history_)
        assert list(loaded.history_.dtypes) == list(model.history_.dtypes)
        assert loaded._architecture == model._architecture
    # What was loaded is a model like any other.
    again = pickle.loads(pickle.dumps(loaded))
    assert_same_output(again.predict(X), model.predict(X))
    # And a model saved again is the same file.
    loaded.save_pretrained(tmp_path / "again")
    for name in ("model.safetensors", "config.json"):
        first, second = (tmp_path / f / name for f in ("model", "again"))
        assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize(
    "classes",
    [CLASSES, [3, 1, 2], [False, True, True]],
    ids=["strings", "ints", "bools"],
)
def test_a_classifier_comes_back_as_it_was(classes, labelled, tmp_path):
    X, y = labelled
    kinds = np.array(classes)[np.digitize(y["band_gap"], [0.025, 2.0])]
    model = GCNClassifier(
        **QUICK, dropout=0.3, class_weight=dict.fromkeys(kinds, 2.0)
    ).fit(X, kinds)
    loaded = saved_and_loaded(model, tmp_path / "model")
    assert loaded.classes_.dtype == model.classes_.dtype
    assert loaded.class_weight == model.class_weight
    assert_same_output(loaded.predict(X), model.predict(X))
    assert_same_output(
        loaded.predict_proba(X, return_std=True),
        model.predict_proba(X, return_std=True),
    )
    assert type(GNNClassifier.from_pretrained(tmp_path / "model")) is GCNClassifier


@pytest.mark.parametrize("how", [True, "trunk"])
@pytest.mark.parametrize("task", ["regression", "classification"])
def test_published_weights_come_back_and_train_on(task, how, labelled, tmp_path):
    X, y = labelled
    if task == "regression":
        model = checkpoint(CGCNNRegressor, task, tmp_path)
        y = y["band_gap"]
    else:
        model = checkpoint(CGCNNClassifier, task, tmp_path)
        y = (y["band_gap"] < 0.025).astype(int)
    loaded = saved_and_loaded(model, tmp_path / "model")
    assert_same_output(loaded.predict(X), model.predict(X))
    trained = loaded.set_params(warm_start=how, max_epochs=1, random_state=0)
    trained.fit(X, y)
    again = saved_and_loaded(trained, tmp_path / "trained")
    assert_same_output(again.predict(X), trained.predict(X))
    if task == "classification":
        assert_same_output(again.predict_proba(X), trained.predict_proba(X))


@pytest.mark.parametrize("task", ["regression", "classification"])
def test_published_weights_refuse_elements_without_a_vector(task, tmp_path):
    classes = {"regression": CGCNNRegressor, "classification": CGCNNClassifier}
    model = checkpoint(classes[task], task, tmp_path)  # vectors up to bismuth
    cells = [
        Structure(Lattice.cubic(4), [metal, "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
        for metal in ("Cs", "Rb", "U", "Th")
    ]
    assert np.isfinite(model.predict(cells[:2])).all()
    start = CGCNNRegressor(
        hidden_dim=model.hidden_dim,
        n_layers=model.n_layers,
        pretrained=FrozenEstimator(model),
    )
    onwards = clone(model).set_params(max_epochs=1)
    for ask in (
        model.predict,
        model.embed,
        lambda X: start.fit(X, [0, 1, 0, 1]),
        lambda X: model.set_params(warm_start=True).fit(X, [0, 1, 0, 1]),
    ):
        with pytest.raises(
            ValueError, match=r"X\[2\]: U has no vector in the atom_init"
        ):
            ask(cells)
    assert np.isfinite(model.predict(cells[:2])).all()  # still fitted
    onwards.fit(cells, [0, 1, 0, 1]).predict(cells)  # as the message says


def test_a_checkpoint_of_the_other_task_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"CGCNNRegressor\.from_cgcnn_checkpoint"):
        checkpoint(CGCNNClassifier, "regression", tmp_path)


def test_a_calibrated_fitted_ensemble_comes_back(labelled, tmp_path):
    X, y = labelled
    ensemble = EnsembleRegressor(shells(GCNRegressor(**QUICK)), 2).fit(X, y)
    model = CalibratedRegressor(FrozenEstimator(ensemble)).fit(X, y)
    model.save_pretrained(tmp_path / "model", units={"band_gap": "eV"})
    loaded = CalibratedRegressor.from_pretrained(tmp_path / "model")
    assert loaded.estimator is loaded.estimator_
    assert_same_output(
        loaded.predict(X, return_std=True), model.predict(X, return_std=True)
    )
    # The weights of a frozen model are in the file once.
    ensemble.save_pretrained(tmp_path / "ensemble")
    sizes = [
        (tmp_path / f / "model.safetensors").stat().st_size
        for f in ("model", "ensemble")
    ]
    assert sizes[0] < 1.05 * sizes[1]
    loaded.fit(X, y)
    np.testing.assert_array_equal(loaded.scale_, model.scale_)


def test_a_clone_trains_as_that_of_the_original(labelled, tmp_path):
    X, y = labelled
    model = EnsembleRegressor(shells(GCNRegressor(**QUICK)), 2, random_state=0).fit(
        X, y
    )
    loaded = saved_and_loaded(model, tmp_path / "model")
    assert_same_output(clone(loaded).fit(X, y).predict(X), model.predict(X))


@pytest.mark.filterwarnings("ignore:X holds elements:UserWarning")
@pytest.mark.parametrize("kind", ["links", "soft"])
def test_training_goes_on_as_from_the_original(kind, labelled, tmp_path):
    X, y = labelled
    model = clone(REGRESSORS[kind]).fit(X, y)
    loaded = saved_and_loaded(model, tmp_path / "model")
    for each in (model, loaded):
        each.set_params(warm_start=True).fit(X, y)
    assert_same_output(loaded.predict(X), model.predict(X))
    with pytest.raises(ValueError, match="hidden_dim=8"):
        loaded.set_params(hidden_dim=4).fit(X, y)


def test_a_saved_model_is_a_start_for_others(plain, labelled):
    X, y = labelled
    model, folder = plain
    frozen = GCNRegressor(**QUICK, pretrained=folder, freeze="trunk")
    frozen.fit(X, y["band_gap"])
    np.testing.assert_array_equal(frozen.embed(X), model.embed(X))


def test_parameters_set_after_fit_do_not_touch_the_network(labelled, tmp_path):
    X, y = labelled
    model = GCNRegressor(**QUICK, dropout=0.1).fit(X, y)
    expected = model.predict(X)
    model.set_params(hidden_dim=20, dropout=0.0, pooling="sum", loss="gaussian_nll")
    loaded = saved_and_loaded(model, tmp_path / "model")
    assert loaded.hidden_dim == 20
    np.testing.assert_array_equal(loaded.predict(X), expected)
    assert loaded.net_.module_.dropout == 0.1


def test_people_can_read_what_a_model_is(plain, labelled, tmp_path):
    X, y = labelled
    card = {"source": "PBE, ü", "mae": [0.1, 0.2]}
    plain[0].save_pretrained(tmp_path / "m", units={"band_gap": "eV"}, card=card)
    config = json.loads((tmp_path / "m" / "config.json").read_text(encoding="utf-8"))
    assert config["card"] == card
    assert config["units"] == {"band_gap": "eV"}
    assert config["written_by"]["skcrystal"] == skcrystal.__version__
    assert config["trained_on"]["n_crystals"] == len(X)
    assert config["trained_on"]["targets"]["band_gap"]["max"] == y["band_gap"].max()
    assert config["trained_on"]["elements"].startswith("Li Be")
    # Cards may be corrected by hand.
    config["card"] = "see README"
    (tmp_path / "m" / "config.json").write_text(json.dumps(config), encoding="utf-8")
    load_pretrained(tmp_path / "m")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"units": {"gap": "eV"}}, "'gap', but there are only formation"),
        ({"units": {"band_gap": 1}}, "must be text"),
        ({"card": {"mae": np.nan}}, "does not fit JSON"),
        ({"card": {"mae": np.zeros(2)}}, "does not fit JSON"),
        ({"card": 3}, "card is a int"),
    ],
)
def test_what_cannot_be_told_is_refused_before_writing(plain, given, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        plain[0].save_pretrained(tmp_path / "model", **given)
    assert not list(tmp_path.iterdir())


def test_nothing_is_dropped_silently(labelled, tmp_path):
    X, y = labelled
    model = GCNRegressor(**{**QUICK, "random_state": np.random.RandomState(0)})
    model.set_params(callbacks=[Callback()])
    model.set_params(pretrained=FrozenEstimator(GCNRegressor(**QUICK).fit(X, y)))
    model.fit(X, y)
    with pytest.warns(UserWarning, match="not saved") as caught:
        loaded = saved_and_loaded(model, tmp_path / "model")
    assert {str(w.message).split()[0] for w in caught} == {"callbacks", "random_state"}
    assert loaded.callbacks is loaded.random_state is loaded.pretrained is None
    assert_same_output(loaded.predict(X), model.predict(X))

    model.set_params(random_state=0, callbacks=None, task_weights=lambda: 1)
    with pytest.raises(TypeError, match="task_weights of GCNRegressor cannot be saved"):
        model.save_pretrained(tmp_path / "other")
    assert [entry.name for entry in tmp_path.iterdir()] == ["model"]


class Derived(GCNRegressor):
    """A user's model."""


def test_models_of_others_are_refused(labelled, tmp_path):
    X, y = labelled
    with pytest.raises(TypeError, match="a Derived cannot be saved"):
        Derived(**QUICK).fit(X, y).save_pretrained(tmp_path / "model")
    pipeline = make_pipeline(FunctionTransformer(), shells(GCNRegressor(**QUICK)))
    ensemble = EnsembleRegressor(pipeline, 2).fit(X, y)
    with pytest.raises(TypeError, match="FunctionTransformer cannot be saved"):
        ensemble.save_pretrained(tmp_path / "model")
    noisy = Derived(**QUICK, loss="gaussian_nll").fit(X, y)
    model = CalibratedRegressor(FrozenEstimator(noisy)).fit(X, y)
    with pytest.raises(TypeError, match="a Derived cannot be saved"):
        model.save_pretrained(tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_a_model_that_is_not_fitted_is_refused(tmp_path):
    for model in (GCNRegressor(), EnsembleRegressor(GCNRegressor())):
        with pytest.raises(ValueError, match="not fitted"):
            model.save_pretrained(tmp_path / "model")


# Folders


def test_a_model_is_replaced_and_what_lies_beside_it_stays(plain, labelled, tmp_path):
    X, _ = labelled
    folder = tmp_path / "below" / "model"
    saved_and_loaded(SchNetRegressor(**QUICK).fit(*labelled), folder)
    (folder / "README.md").write_text("by hand", encoding="utf-8")
    (folder / "data").symlink_to(tmp_path / "gone")
    plain[0].save_pretrained(folder)
    assert_same_output(load_pretrained(folder).predict(X), plain[0].predict(X))
    assert (folder / "README.md").read_text(encoding="utf-8") == "by hand"
    assert (folder / "data").is_symlink()
    assert [entry.name for entry in folder.parent.iterdir()] == ["model"]


def test_other_folders_and_files_are_left_alone(plain, tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").touch()
    (tmp_path / "file").touch()
    (tmp_path / "program").mkdir()
    (tmp_path / "program" / "config.json").write_text('{"mine": 1}', encoding="utf-8")
    for name in ("notes", "file", "program"):
        with pytest.raises(FileExistsError, match="is not a saved model"):
            plain[0].save_pretrained(tmp_path / name)
    assert (tmp_path / "notes" / "a.txt").exists()
    config = tmp_path / "program" / "config.json"
    assert config.read_text(encoding="utf-8") == '{"mine": 1}'


def test_a_damaged_model_can_be_replaced(plain, copied):
    config = copied / "config.json"
    config.write_bytes(config.read_bytes()[:300])
    plain[0].save_pretrained(copied)
    load_pretrained(copied)


def test_a_folder_of_data_does_not_hide_a_model_of_the_package(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in pretrained_names():
        (tmp_path / name).mkdir()
        assert read_about(name)["trained_on"]["n_crystals"] > 0


def test_a_name_that_is_nowhere_says_which_there_are():
    with pytest.raises(ValueError, match=r"no saved model at 'nothing'.* package has"):
        load_pretrained("nothing")
    with pytest.raises(ValueError, match="is a file"):
        load_pretrained(__file__)


def test_another_class_names_both(plain):
    assert type(GNNRegressor.from_pretrained(plain[1])) is GCNRegressor
    message = r"a GCNRegressor, not a CGCNNRegressor; load it with GCNRegressor\.from"
    with pytest.raises(ValueError, match=message):
        CGCNNRegressor.from_pretrained(plain[1])


# Damage


@pytest.mark.parametrize("place", [0, 9, 500, -1])
def test_a_flipped_byte_of_the_weights_is_seen(copied, place):
    content = bytearray((copied / "model.safetensors").read_bytes())
    content[place] ^= 1
    (copied / "model.safetensors").write_bytes(content)
    with pytest.raises(ValueError, match="SHA-256"):
        load_pretrained(copied)


def test_a_changed_number_of_the_model_is_seen(copied):
    text = (copied / "config.json").read_text(encoding="utf-8")
    assert text.count('"cutoff_": 5.0') == 1
    text = text.replace('"cutoff_": 5.0', '"cutoff_": 5.5')
    (copied / "config.json").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="damaged: its part `model`"):
        load_pretrained(copied)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_files_cut_short_or_missing_are_seen(copied, name):
    content = (copied / name).read_bytes()
    (copied / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match="damaged"):
        load_pretrained(copied)
    (copied / name).unlink()
    with pytest.raises(ValueError, match=f"has no {name}"):
        load_pretrained(copied)


@pytest.mark.parametrize("text", ["", "[]", "{}", "[" * 100_000, '{"format": NaN}'])
def test_other_json_is_no_model(copied, text):
    (copied / "config.json").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="damaged or not of a saved model"):
        load_pretrained(copied)


def later(config):
    config["format"] = 2
    config["written_by"]["skcrystal"] = "9.0"


FORGERIES = {
    "format": (later, r"written by skcrystal 9\.0 in the format 2.*Update skcrystal"),
    "class": (
        lambda c: c["model"].update({"class": "posix.system"}),
        "'posix.system' is not a class",
    ),
    "no name": (
        lambda c: c["model"].update({"class": ["GCNRegressor"]}),
        "holds no model",
    ),
    "abstract": (
        lambda c: c["model"].update({"class": "GNNRegressor"}),
        "'GNNRegressor' is not a class",
    ),
    "parameter": (
        lambda c: c["model"]["parameters"].update(spin=1),
        "GCNRegressor has no parameter 'spin'.*update",
    ),
    "value": (
        lambda c: c["model"]["parameters"].update(n_layers=0),
        "'n_layers' parameter of GCNRegressor must be",
    ),
    "network's value": (
        lambda c: c["model"]["state"]["_architecture"].update(dropout=1.0),
        "'dropout' parameter of GCNRegressor must be",
    ),
    "callback": (
        lambda c: c["model"]["parameters"].update(callbacks=["x"]),
        "no parameter 'callbacks'",
    ),
    "state": (
        lambda c: c["model"]["state"].update(predict=1),
        "GCNRegressor has no predict",
    ),
    "absent": (lambda c: c["model"]["state"].pop("_mc_seed"), "needs _mc_seed"),
    "network": (lambda c: c["model"].pop("network"), "needs a network"),
    "shape": (
        lambda c: c["model"]["state"]["_architecture"].update(hidden_dim=9),
        "size mismatch",
    ),
    "layers": (
        lambda c: c["model"]["state"]["_architecture"].update(n_layers=30),
        r"Missing key.{,400} \[\.\.\.\]\. It was written by",
    ),
    "kind": (
        lambda c: c["model"]["state"].update(cutoff_={"$eval": "1"}),
        "unknown kind '\\$eval'",
    ),
    "array": (
        lambda c: c["model"]["state"].update(elements_={"$array": "gone"}),
        "array 'gone' is missing",
    ),
    "record": (
        lambda c: c["model"]["state"].update(
            graph_settings_={"$record": "Popen", "fields": {}}
        ),
        "Popen",
    ),
    "nothing": (lambda c: c.update(model=None), "holds no model"),
}


@pytest.mark.parametrize("what", FORGERIES)
def test_what_does_not_describe_a_model_is_refused(copied, what):
    change, message = FORGERIES[what]
    forge(copied, change)
    with pytest.raises(ValueError, match=message):
        load_pretrained(copied)


@pytest.mark.parametrize("device", ["cuda:77", "xpu:77", "hpu", "there"])
def test_a_device_that_is_not_here_is_replaced(device, plain, labelled, copied):
    forge(copied, lambda c: c["model"]["parameters"].update(device=device))
    with pytest.warns(UserWarning, match=f"device='{device}', which is not here"):
        loaded = load_pretrained(copied)
    assert loaded.device == "auto"
    assert_same_output(loaded.predict(labelled[0]), plain[0].predict(labelled[0]))


def test_loading_unpickles_and_runs_nothing(plain, labelled, monkeypatch):
    model, folder = plain
    load_pretrained(folder)  # so that nothing is left to import

    def refuse(*args, **kwargs):
        raise AssertionError("something in the file was about to run")

    with monkeypatch.context() as patched:
        for name in ("load", "loads", "Unpickler"):
            patched.setattr(pickle, name, refuse)
        patched.setattr(torch, "load", refuse)
        for name in ("eval", "exec"):
            patched.setattr(builtins, name, refuse)
        loaded = load_pretrained(folder)
    assert_same_output(loaded.predict(labelled[0]), model.predict(labelled[0]))


# Values

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats()
    | st.text()
    | st.builds(np.array, st.lists(st.floats()))
    | st.builds(np.array, st.lists(st.integers(-99, 99), min_size=1))
    | st.builds(np.array, st.lists(st.text("äb$ ", min_size=1), min_size=1))
)
KEYS = st.text() | st.integers(-9, 9) | st.booleans()


@settings(max_examples=60, deadline=None)
@given(
    st.recursive(
        LEAVES,
        lambda inner: (
            st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(KEYS, inner)
        ),
        max_leaves=9,
    )
)
def test_values_survive_json(value):
    writer = Writer()
    written = json.loads(json.dumps(writer.write(value, "it"), allow_nan=False))
    arrays = {name: torch.from_numpy(array) for name, array in writer.arrays.items()}
    assert_same_value(Reader(arrays).read(written), value)


def assert_same_value(found, value):
    assert type(found) is type(value)
    if isinstance(value, dict):
        assert list(found) == list(value)
        assert [type(key) for key in found] == [type(key) for key in value]
        found, value = list(found.values()), list(value.values())
    if isinstance(value, list | tuple):
        assert len(found) == len(value)
        for pair in zip(found, value, strict=True):
            assert_same_value(*pair)
    elif isinstance(value, np.ndarray):
        assert found.dtype == value.dtype
        np.testing.assert_array_equal(found, value)
    else:
        assert found == value or (found != found and value != value)
