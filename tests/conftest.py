"""What many tests share."""

import os
import time
from collections import Counter
from numbers import Integral
from pathlib import Path

# On small arrays a second thread costs more than it brings. Before numpy is imported,
# and for the processes that tests start.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest
import sklearn.utils
import torch
from pymatgen.core import Lattice, Structure


def _shift_seeds(shift):
    """Have the package draw other numbers wherever a test gives it an int.

    A claim about learning must not rest on the luck of one seed on one processor:
    ``SKCRYSTAL_TEST_SEED_SHIFT=1 pytest -m learning`` tries others. Seeds of the data
    that tests make up stay, as do those of processes and examples that they start.
    Tests that draw beside the package what it draws from a seed fail when shifted.
    """
    check, seed_torch = sklearn.utils.check_random_state, torch.manual_seed

    def shifted_check(seed):
        return check(int(seed) + shift if isinstance(seed, Integral) else seed)

    sklearn.utils.check_random_state = shifted_check
    torch.manual_seed = lambda seed: seed_torch(int(seed) + shift)


# Before the package is imported, whose modules take the function by name.
if "SKCRYSTAL_TEST_SEED_SHIFT" in os.environ:
    _shift_seeds(1000 * int(os.environ["SKCRYSTAL_TEST_SEED_SHIFT"]))

from skcrystal import CrystalGraphTransformer, GCNRegressor  # noqa: E402
from skcrystal.datasets import load_pbe_prototypes  # noqa: E402

torch.set_num_threads(int(os.environ.get("SKCRYSTAL_TEST_THREADS", "1")))


def _slowness():
    """Time of a small computation, in units of that on the machine of reference.

    The best of several, at least one: a fast machine has no stricter limit.
    """
    times = []
    for _ in range(5):
        before = time.process_time()
        x = torch.ones(64, 64)
        for _ in range(1000):
            x = torch.tanh(x @ x)
        times.append(time.process_time() - before)
    return max(1.0, min(times) / 0.016)


# Most seconds of CPU time that a test may take on the machine of reference (one core of
# an AMD EPYC of 2024), unless it is marked as slow; 0 for no limit.
MOST_SECONDS = float(os.environ.get("SKCRYSTAL_TEST_SECONDS", "5")) * _slowness()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    """With several workers, start with files of many slow tests, then of many tests.

    A worker runs whole files (``--dist loadfile``), as their fixtures are shared; with
    the longest first, workers end at about the same time.
    """
    if hasattr(config, "workerinput"):
        sizes = Counter(item.path for item in items)
        slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
        items.sort(key=lambda item: (-slow[item.path], -sizes[item.path]))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Fail a test that takes long, fixtures apart: some are shared by many tests.

    Time of this process alone: workers may outlive the test that started them.
    """
    before = time.process_time()
    result = yield
    taken = time.process_time() - before
    if MOST_SECONDS and taken > MOST_SECONDS and not item.get_closest_marker("slow"):
        pytest.fail(
            f"took {taken:.1f} s of CPU time, more than {MOST_SECONDS:g}: make it "
            "smaller, or mark it with pytest.mark.slow",
            pytrace=False,
        )
    return result


@pytest.fixture(scope="session")
def prototypes():
    return load_pbe_prototypes()


@pytest.fixture(scope="session")
def small(prototypes):
    """Forty crystals, labels and formulas, all prototypes among them."""
    rows = np.random.RandomState(0).permutation(len(prototypes.data))[:40]
    structures = [prototypes.data[i] for i in rows]
    return structures, prototypes.target[rows], prototypes.groups[rows]


@pytest.fixture(scope="session")
def small_graphs(small):
    return CrystalGraphTransformer().transform(small[0])


@pytest.fixture
def model():
    """A network that is quick, and unsure of itself."""
    return GCNRegressor(
        hidden_dim=8, n_layers=2, max_epochs=2, dropout=0.2, random_state=0
    )


@pytest.fixture(scope="session")
def skewed():
    """Triclinic cell with three elements, sites outside the cell included."""
    return Structure(
        Lattice.from_parameters(3.1, 4.7, 6.3, 55, 108, 117),
        ["Na", "Cl", "O"],
        [[0.1, 0.2, 0.3], [0.55, -0.4, 0.9], [1.4, 0.7, 0.12]],
    )


@pytest.fixture(scope="session")
def shared_data():
    """Folder with the large real data sets; tests are skipped where it is absent."""
    folder = Path(
        os.environ.get("SKCRYSTAL_DATA", Path(__file__).parents[2] / "shared" / "data")
    )
    if not folder.is_dir():
        message = f"no folder {folder}; set SKCRYSTAL_DATA to run this test"
        if os.environ.get("SKCRYSTAL_REQUIRE_DATA"):
            pytest.fail(message)
        pytest.skip(message)
    return folder
