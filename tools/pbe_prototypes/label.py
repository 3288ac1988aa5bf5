"""Label crystals with plane-wave PBE: total energy of the cell, Kohn-Sham band gap.

Usage, with a Python that has GPAW: python3 label.py jobs.json labels.jsonl --workers 4

Each finished or failed job is one line of JSON at once, so the run can be stopped and
started again. Settings: PBE, 400 eV, gamma-centred even mesh of at least 3 points per
1/Å, Fermi-Dirac 0.05 eV, no spin polarisation (the O2 reference excepted). The gap is
the conduction band minimum minus the valence band maximum over that mesh.
"""

import argparse
import json
import multiprocessing
import os
import signal
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # one core a worker; before numpy

import numpy as np
from ase import Atoms
from ase.build import bulk, molecule
from prototypes import PROTOTYPES, cell

MOLECULES = ("N", "O", "F", "Cl", "S")
SECONDS_CRYSTAL, SECONDS_ELEMENT = 90, 600


class TooSlow(Exception):
    """A calculation ran past its time."""


def prototype_atoms(job):
    kind, sites = PROTOTYPES[job["prototype"]]
    return Atoms(
        job["species"], scaled_positions=sites, cell=cell(kind, job["a"]), pbc=True
    )


def hexagonal(symbol, a, c, sites):
    vectors = [[a, 0, 0], [-a / 2, a * 3**0.5 / 2, 0], [0, 0, c]]
    return Atoms([symbol] * len(sites), cell=vectors, scaled_positions=sites, pbc=True)


def a7(symbol, a, c, z):
    """Rhombohedral cell of grey arsenic's structure, from hexagonal a, c and 6c's z."""
    s = 3**0.5
    vectors = [
        [a / 2, -a / (2 * s), c / 3],
        [0, a / s, c / 3],
        [-a / 2, -a / (2 * s), c / 3],
    ]
    return Atoms(
        [symbol] * 2, cell=vectors, scaled_positions=[[z] * 3, [-z] * 3], pbc=True
    )


def cmce(symbol, a, b, c, y, z):
    """Primitive cell of Cmce with 8f (0, y, z): the halogens' structure."""
    vectors = [[a / 2, b / 2, 0], [-a / 2, b / 2, 0], [0, 0, c]]
    sites = [[0, y, z], [0, -y, -z], [0, 0.5 - y, 0.5 + z], [0, 0.5 + y, 0.5 - z]]
    atoms = Atoms(
        [symbol] * 4, cell=vectors, positions=np.array(sites) * [a, b, c], pbc=True
    )
    atoms.wrap()
    return atoms


def sulphur_ring():
    k = np.arange(8)
    angle = k * np.pi / 4
    positions = np.c_[2.345 * np.cos(angle), 2.345 * np.sin(angle), 0.495 * (-1.0) ** k]
    atoms = Atoms("S8", positions=positions, cell=[11.0, 11.0, 8.0], pbc=True)
    atoms.center()
    return atoms


def alpha_boron():
    a, alpha = 5.057, np.radians(58.06)
    c, s = np.cos(alpha), np.sin(alpha)
    v = (c - c * c) / s
    vectors = a * np.array([[1, 0, 0], [c, s, 0], [c, v, (1 - c * c - v * v) ** 0.5]])
    sites = []
    for x, z in ((0.010, 0.654), (0.221, 0.630)):
        for sign in (1, -1):
            x_, z_ = sign * x, sign * z
            sites += [[x_, x_, z_], [x_, z_, x_], [z_, x_, x_]]
    atoms = Atoms("B12", cell=vectors, scaled_positions=sites, pbc=True)
    atoms.wrap()
    return atoms


def element_atoms(symbol):
    """Reference phase of an element, at its experimental lattice constants."""
    if symbol in ("N", "O", "F", "Cl"):
        atoms = molecule(symbol + "2", cell=[8.0, 8.1, 9.2], pbc=True)
        atoms.center()
        return atoms
    chain = 1 / 3
    references = {
        "Br": lambda: cmce("Br", 6.67, 4.48, 8.72, 0.135, 0.110),
        "I": lambda: cmce("I", 7.18, 4.71, 9.81, 0.1543, 0.1174),
        "P": lambda: cmce("P", 3.3136, 10.478, 4.3763, 0.10168, 0.08056),
        "Ga": lambda: cmce("Ga", 4.523, 7.661, 4.524, 0.1525, 0.0785),
        "As": lambda: a7("As", 3.760, 10.548, 0.2271),
        "Sb": lambda: a7("Sb", 4.307, 11.273, 0.2336),
        "Se": lambda: hexagonal(
            "Se",
            4.366,
            4.954,
            [(0.225, 0, chain), (0, 0.225, 2 * chain), (-0.225, -0.225, 0)],
        ),
        "Te": lambda: hexagonal(
            "Te",
            4.457,
            5.927,
            [(0.263, 0, chain), (0, 0.263, 2 * chain), (-0.263, -0.263, 0)],
        ),
        "C": lambda: hexagonal(
            "C",
            2.464,
            6.711,
            [(0, 0, 0.25), (0, 0, 0.75), (1 / 3, 2 / 3, 0.25), (2 / 3, 1 / 3, 0.75)],
        ),
        "S": sulphur_ring,
        "B": alpha_boron,
        "Sn": lambda: bulk("Sn", "diamond", a=6.49),
        "In": lambda: bulk("In", "bct", a=3.253, c=4.947),
        "La": lambda: bulk("La", "fcc", a=5.30),
    }
    return references[symbol]() if symbol in references else bulk(symbol)


def mesh(vectors):
    """Even gamma-centred mesh of at least 3 points per 1/Å."""
    reciprocal = 2 * np.pi * np.linalg.norm(np.linalg.inv(vectors).T, axis=1)
    return [max(2, 2 * int(np.ceil(3.0 * b / 2))) for b in reciprocal]


def band_gap(calculator):
    """Gap in eV over the mesh; 0 for an odd number of electrons or a metal."""
    n_electrons = round(calculator.get_number_of_electrons())
    if n_electrons % 2:
        return 0.0
    bands = np.array(
        [
            calculator.get_eigenvalues(kpt=k)
            for k in range(len(calculator.get_ibz_k_points()))
        ]
    )
    top = bands[:, n_electrons // 2 - 1].max()
    bottom = bands[:, n_electrons // 2].min()
    return float(max(0.0, bottom - top))


def label(job):
    from gpaw import GPAW, PW, FermiDirac

    start = time.time()
    element = job.get("element")
    atoms = element_atoms(element) if element else prototype_atoms(job)
    is_molecule = element in MOLECULES
    kpts = (1, 1, 1) if is_molecule else mesh(atoms.cell[:])
    spin = {}
    if element == "O":
        atoms.set_initial_magnetic_moments([1, 1])
        spin = {"spinpol": True, "hund": False}
    atoms.calc = GPAW(
        mode=PW(400),
        xc="PBE",
        nbands=-6,
        kpts={"size": kpts, "gamma": True},
        txt=None,
        maxiter=120,
        occupations=FermiDirac(0.05, fixmagmom=element == "O"),
        **spin,
    )
    energy = atoms.get_potential_energy(force_consistent=False)
    return {
        **job,
        "energy": float(energy),
        "natoms": len(atoms),
        "gap": None if is_molecule else band_gap(atoms.calc),
        "kpts": [int(k) for k in kpts],
        "seconds": round(time.time() - start, 1),
    }


def label_or_fail(job):
    """Label a job; a failed or slow one is recorded, and the rest go on."""

    def too_slow(*_):
        raise TooSlow("time ran out")

    signal.signal(signal.SIGALRM, too_slow)
    signal.alarm(SECONDS_ELEMENT if job.get("element") else SECONDS_CRYSTAL)
    try:
        return label(job)
    except Exception as error:
        return {**job, "failed": f"{type(error).__name__}: {error}"[:200]}
    finally:
        signal.alarm(0)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("jobs", type=Path)
    parser.add_argument("labels", type=Path)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    options = parser.parse_args()

    jobs = json.loads(options.jobs.read_text(encoding="utf-8"))
    done = set()
    if options.labels.exists():
        lines = options.labels.read_text(encoding="utf-8").splitlines()
        done = {json.loads(line)["id"] for line in lines}
    todo = [job for job in jobs if job["id"] not in done]
    with (
        # Fresh processes now and then: the calculator's memory grows.
        multiprocessing.Pool(options.workers, maxtasksperchild=40) as pool,
        options.labels.open("a", encoding="utf-8") as file,
    ):
        for row in pool.imap_unordered(label_or_fail, todo):
            file.write(json.dumps(row) + "\n")
            file.flush()


if __name__ == "__main__":
    main()
