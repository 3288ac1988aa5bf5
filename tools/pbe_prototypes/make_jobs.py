"""Draw prototype crystals and give each the lattice constant that CHGNet prefers.

Usage: python make_jobs.py jobs.json
"""

import itertools
import json
import random
import sys

import numpy as np
from prototypes import PROTOTYPES, cell

CATIONS = (
    "Li Na K Rb Cs Be Mg Ca Sr Ba Sc Y La Ti Zr Hf Zn Cd Cu Ag Au Al Ga In Tl Si Ge Sn "
    "Pb B"
).split()
ANIONS = "N P As Sb O S Se Te F Cl Br I C".split()

# Oxidation states by which perovskites are called charge-balanced
CATION_CHARGE = {
    **dict.fromkeys("Li Na K Rb Cs Ag Tl Cu".split(), 1),
    **dict.fromkeys("Be Mg Ca Sr Ba Zn Cd Pb Sn Ge".split(), 2),
    **dict.fromkeys("Sc Y La Al Ga In".split(), 3),
    **dict.fromkeys("Ti Zr Hf Si".split(), 4),
}
ANION_CHARGE = {"F": 1, "Cl": 1, "Br": 1, "I": 1, "O": 2, "S": 2, "N": 3}


def draw_candidates(rng):
    """List of (prototype, species in the order of its sites), shuffled."""

    def some(crystals, n):
        rng.shuffle(crystals)
        return crystals[:n]

    binaries = [
        (prototype, pair)
        for pair in itertools.product(CATIONS, ANIONS)
        for prototype in ("rocksalt", "zincblende", "cscl")
    ]
    fluorites = [
        ("fluorite", (a, x, x)) for a in CATIONS for x in "F Cl Br I O S Se".split()
    ] + [
        ("fluorite", (x, a, a))
        for a in "Li Na K Rb Mg Cu Ag Be Cs".split()
        for x in "O S Se Te C Si Ge Sn N".split()
    ]
    candidates = some(binaries, 760) + some(fluorites, 230)

    perovskites = [
        ("perovskite", (a, b, x, x, x))
        for a in "Li Na K Rb Cs Ag Tl Mg Ca Sr Ba Cd Pb Sn Y La In".split()
        for b in (
            "Be Mg Ca Sr Zn Cd Ge Sn Pb Ti Zr Hf Al Ga In Sc Y Li Na Ag Cu Si".split()
        )
        for x in "F Cl Br I O S N".split()
        if a != b
    ]
    balanced, rest = [], []
    for crystal in perovskites:
        a, b, x, *_ = crystal[1]
        is_balanced = CATION_CHARGE[a] + CATION_CHARGE[b] == 3 * ANION_CHARGE[x]
        (balanced if is_balanced else rest).append(crystal)
    rng.shuffle(balanced)
    rng.shuffle(rest)
    candidates += balanced[:210] + rest[:60]

    half_heuslers = [
        ("half-heusler", (x, y, z))
        for x in "Li Na K Mg Ca Sr Sc Y Ti Zr Hf La".split()
        for y in "Li Mg Zn Cd Cu Ag Au Al Ga Be".split()
        for z in "N P As Sb Si Ge Sn Pb Te Se".split()
        if x != y
    ]
    candidates += some(half_heuslers, 190)
    rng.shuffle(candidates)
    return candidates


def first_guess(prototype, species):
    """Lattice constant in Å from atomic radii."""
    from pymatgen.core import Element

    radius = [float(Element(e).atomic_radius or 1.3) for e in species]
    bond = radius[0] + radius[1]
    if prototype == "perovskite":
        return 2 * (radius[1] + radius[2])
    return {"rocksalt": 2 * bond, "cscl": 2 * bond / 3**0.5}.get(
        prototype, 4 * bond / 3**0.5
    )


def relax(candidates):
    """Lattice constants in Å at the lowest energy of three ever finer grids."""
    from chgnet.model import CHGNet
    from pymatgen.core import Lattice, Structure

    model = CHGNet.load()
    model.graph_converter.set_isolated_atom_response("ignore")
    a = np.array([first_guess(*candidate) for candidate in candidates])
    fine = [1 + np.linspace(-width, width, 7) for width in (0.05, 0.012)]
    for scales in (np.linspace(0.78, 1.3, 14), *fine):
        structures = [
            Structure(
                Lattice(cell(PROTOTYPES[prototype][0], a_i * scale)),
                species,
                PROTOTYPES[prototype][1],
            )
            for (prototype, species), a_i in zip(candidates, a, strict=True)
            for scale in scales
        ]
        predicted = model.predict_structure(structures, task="e", batch_size=256)
        energy = np.array([p["e"] for p in predicted], float)
        best = energy.reshape(len(candidates), -1).argmin(axis=1)
        on_edge = np.isin(best, [0, len(scales) - 1]).sum()
        print(f"{on_edge} of {len(a)} minima lie on the edge of the grid", flush=True)
        a = a * scales[best]
    return a


def main(path):
    from pymatgen.core import Composition

    candidates = draw_candidates(random.Random(0))
    jobs = []
    for i, ((prototype, species), a) in enumerate(
        zip(candidates, relax(candidates), strict=True)
    ):
        formula = Composition("".join(species)).reduced_formula
        jobs.append(
            {
                "id": f"{prototype}-{formula}-{i:04d}",
                "prototype": prototype,
                "species": list(species),
                "a": float(a),
            }
        )
    elements = sorted({e for job in jobs for e in job["species"]})
    # References first: without them no formation energy can be told.
    jobs = [{"id": f"element-{e}", "element": e} for e in elements] + jobs
    with open(path, "w", encoding="utf-8") as file:
        json.dump(jobs, file)
    print(f"{len(jobs)} jobs")


if __name__ == "__main__":
    main(*sys.argv[1:])
