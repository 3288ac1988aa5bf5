"""What type checkers and editors see of the package."""

import inspect
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NotRequired, get_origin, get_type_hints

import pytest

import skcrystal.estimators
from skcrystal.estimators import GNNEstimator
from skcrystal.nn import CrystalNetwork
from skcrystal.nn._network import NetworkParameters

pytest.importorskip("mypy")

ROOT = Path(__file__).parents[1]

# Every line is right, and every type as it is asserted.
RIGHT = """
from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Structure
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skcrystal import *
from skcrystal.active import ActiveLearningCampaign, SimulatedOracle, max_std
from skcrystal.datasets import load_pbe_prototypes

Floats = NDArray[np.float64]

X, y = load_pbe_prototypes(return_X_y=True)
assert_type(X, list[Structure])
assert_type(y, Floats)
bunch = load_pbe_prototypes()
bunch.frame["band_gap"].gt(0.025)

graphs = CrystalGraphTransformer(cutoff=5.0, max_neighbors=12).fit(X).transform(X)
assert_type(graphs, CrystalGraphs)
assert_type(graphs.distances, NDArray[np.float32])
assert_type(graphs.vector, NDArray[np.float32] | None)
assert_type(graphs[:8], CrystalGraphs)
assert_type(graphs[np.arange(8)], CrystalGraphs)
assert_type(graphs[[0, 1]], CrystalGraphs)
assert_type(graphs[y[:, 0] < 0], CrystalGraphs)
graphs[0].edge_index, [data.z for data in graphs]

pipeline = make_pipeline(CrystalGraphTransformer(), CGCNNRegressor(max_epochs=2))
pipeline.fit(X[:64], y[:64]).predict(X[:3])
search = GridSearchCV(SchNetRegressor(), {"lr": [1e-3, 3e-3]})

model = CGCNNRegressor(
    hidden_dim=32,
    n_basis=20,
    pooling="sum",
    loss="gaussian_nll",
    dropout=0.1,
    lr=1e-3,
    early_stopping=True,
    callbacks=[],
    random_state=0,
)
assert_type(model.fit(graphs, y), CGCNNRegressor)
assert_type(model.hidden_dim, int)
assert_type(model.predict(graphs), Floats)
assert_type(model.predict(graphs, return_std=True), tuple[Floats, Floats])
mean, epistemic, aleatoric = model.predict(graphs, return_components=True)
assert_type(aleatoric, Floats)
assert_type(model.embed(graphs), NDArray[np.float32])
assert_type(CGCNNRegressor.from_pretrained("here"), CGCNNRegressor)


def ask(sure: bool) -> None:
    model.predict(graphs, return_std=sure)


classifier = GCNClassifier(class_weight="balanced", edge_weight="uniform")
assert_type(classifier.fit(graphs, y[:, 1] > 0), GCNClassifier)
assert_type(classifier.predict_proba(graphs), Floats)
assert_type(classifier.predict_proba(graphs, return_std=True), tuple[Floats, Floats])

ensemble = EnsembleRegressor(EGATRegressor(n_heads=4), n_estimators=3).fit(graphs, y)
assert_type(ensemble.predict(graphs, return_std=True), tuple[Floats, Floats])
calibrated = CalibratedRegressor(ensemble).fit(graphs, y)
assert_type(calibrated.predict(graphs), Floats)

learner = ActiveLearner(model, max_std, X_training=graphs[:8], y_training=y[:8])
rows, crystals = learner.query(graphs[8:], n_instances=4)
learner.teach(crystals, y[8:][rows])
campaign = ActiveLearningCampaign(model, max_std, SimulatedOracle(y), n_cycles=3)
assert_type(campaign.run(X, X[:9], y[:9]), ActiveLearningCampaign)
campaign.history_.plot()
"""

# Each line is wrong, for the reason behind it.
WRONG = """
import numpy as np
from skcrystal import *
from skcrystal.active import ActiveLearningCampaign, SimulatedOracle, max_std
from skcrystal.datasets import load_pbe_prototypes

CGCNNRegressor(max_epoch=3)  # call-arg
CGCNNRegressor(lr="high")  # arg-type
CGCNNRegressor(norm=1)  # arg-type
CGCNNRegressor(64)  # call-arg
GCNClassifier(pooling="sum")  # call-arg
GCNRegressor(class_weight="balanced")  # call-arg
SchNetRegressor(conv="gated")  # call-arg
SymGNNRegressor(n_heads=2.5)  # arg-type
GNNRegressor()  # abstract
CrystalGraphTransformer(cutof=5.0)  # call-arg
CrystalGraphTransformer(max_neighbors="all")  # arg-type
EnsembleRegressor(GCNRegressor(), n_estimator=3)  # call-arg
ActiveLearningCampaign(GCNRegressor(), max_std, len, n_cycle=3)  # call-arg
CGCNNRegressor().predict([], return_std=True).mean()  # attr-defined
load_pbe_prototypes(return_Xy=True)  # call-overload
graphs = CrystalGraphTransformer().transform([])
graphs.distancs  # attr-defined
graphs["first"]  # index
graphs.vector[0]  # index
"""

# PyTorch is half of what there is to read, and no type here is of it.
CONFIG = """
[mypy]
cache_dir = cache
follow_imports = silent
ignore_missing_imports = true

[mypy-torch.*]
follow_imports = skip
"""

ESTIMATORS = {
    name: thing
    for name in skcrystal.estimators.__all__
    if inspect.isclass(thing := getattr(skcrystal.estimators, name))
    and issubclass(thing, GNNEstimator)
    and not inspect.isabstract(thing)
}


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """What mypy says of each file, line by line: one run, which takes a while."""
    folder = tmp_path_factory.mktemp("typing")
    revealed = [f"reveal_type({name})" for name in ESTIMATORS]
    sources = {
        "right": RIGHT,
        "wrong": WRONG,
        "signatures": "\n".join(["from skcrystal import *", *revealed]),
    }
    for name, source in sources.items():
        (folder / f"{name}.py").write_text(source)
    (folder / "mypy.ini").write_text(CONFIG)
    options = ["--hide-error-context", "--no-pretty", "--no-error-summary"]
    found = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", "mypy.ini", *options, "."],
        cwd=folder,
        env={**os.environ, "MYPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not found.stderr, found.stderr
    lines: dict[str, dict[int, list[str]]] = {name: {} for name in sources}
    for report in found.stdout.splitlines():
        place, number, message = re.match(r"(.+?):(\d+): (.+)", report).groups()
        lines[Path(place).stem].setdefault(int(number), []).append(message)
    return lines


def test_types_of_the_public_api(reports):
    assert reports["right"] == {}


def test_mistakes_are_reported(reports):
    expected = {
        number: line.partition("  # ")[2]
        for number, line in enumerate(WRONG.splitlines(), 1)
        if "  # " in line
    }
    found = {
        number: re.search(r"\[([\w-]+)\]$", messages[0])[1]
        for number, messages in reports["wrong"].items()
    }
    assert found == expected


def test_checkers_see_all_parameters(reports):
    seen = {}
    for messages in reports["signatures"].values():
        (message,) = messages
        parameters, name = re.search(
            r'def \(\*, (.*)\) -> [\w.]+\.(\w+)"', message
        ).groups()
        seen[name] = re.findall(r"(\w+): (?:[^=])+ =", parameters)
    assert seen.keys() == ESTIMATORS.keys()
    for name, parameters in seen.items():
        assert set(parameters) == set(inspect.signature(ESTIMATORS[name]).parameters)


def test_networks_hand_on_what_they_all_take():
    taken = inspect.signature(CrystalNetwork).parameters
    assert NetworkParameters.__annotations__.keys() == taken.keys()
    hints = get_type_hints(NetworkParameters, include_extras=True)
    optional = {name for name, hint in hints.items() if get_origin(hint) is NotRequired}
    assert optional == {n for n, p in taken.items() if p.default is not p.empty}
