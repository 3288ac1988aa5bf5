"""How fast CIFs become crystals: pymatgen, ours, ours with two workers, the cache.

Every crystal is compared with pymatgen's.
"""

import argparse
import tempfile
import time
import warnings

import numpy as np
import pandas as pd
from pymatgen.core import Structure
from pymatgen.io.cif import CifWriter

from benchmarks._data import data_folder, source
from benchmarks._harness import FOLDER, print_report
from skcrystal.datasets import load_pbe_prototypes, parse_structures

RESULT = FOLDER / "parsing.md"
NAME = "mp_cgcnn_36k"


def load_texts(n):
    """At most n CIFs: real ones of every site, or the prototypes'."""
    path = data_folder() / NAME / f"{NAME}.csv.xz"
    if not path.exists():
        return [str(CifWriter(s)) for s in load_pbe_prototypes().data[:n]]
    # Sodium nitride's formula reads "NaN", which pandas takes for a missing value.
    table = pd.read_csv(path, keep_default_na=False, usecols=["cif"])
    return table["cif"].sample(min(n, len(table)), random_state=0).tolist()


def with_symmetry(structures):
    """The same crystals as their asymmetric unit with symmetry operations."""
    return [str(CifWriter(s, symprec=0.01)) for s in structures]


def by_pymatgen(texts):
    return [Structure.from_str(text, fmt="cif") for text in texts]


def timed(function, *args, **kwargs):
    start = time.perf_counter()
    result = function(*args, **kwargs)
    return time.perf_counter() - start, result


def largest_difference(ours, theirs):
    """Largest difference of lattices (Å) and places; inf, if sites differ."""
    largest = 0.0
    for a, b in zip(ours, theirs, strict=True):
        if a.species != b.species:
            return np.inf
        largest = max(
            largest,
            np.abs(a.lattice.matrix - b.lattice.matrix).max(),
            np.abs(a.frac_coords - b.frac_coords).max(),
        )
    return largest


def compare(texts, label):
    """Rows of the table for one kind of CIF."""
    parse_structures(texts[:2])  # tables of elements are made at first use
    rows = []
    seconds, theirs = timed(by_pymatgen, texts)
    rows.append(("pymatgen", seconds, ""))
    seconds, ours = timed(parse_structures, texts)
    difference = largest_difference(ours.structures, theirs)
    rows.append(("parse_structures", seconds, f"{difference:.1g}"))
    parse_structures(texts[:400], n_jobs=2)  # starts the workers
    rows.append(("n_jobs=2", timed(parse_structures, texts, n_jobs=2)[0], ""))
    with tempfile.TemporaryDirectory() as folder:
        seconds, _ = timed(parse_structures, texts, cache=folder)
        rows.append(("filling the cache", seconds, ""))
        seconds, kept = timed(parse_structures, texts, cache=folder)
        difference = largest_difference(kept.structures, theirs)
        rows.append(("out of the cache", seconds, f"{difference:.1g}"))
    return [
        f"| {label} | {name} | {len(texts) / seconds:,.0f} | {difference} |"
        for name, seconds, difference in rows
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--crystals", type=int, default=5000)
    parser.add_argument("--quick", action="store_true", help="300 crystals")
    options = parser.parse_args()
    n = 300 if options.quick else options.crystals
    warnings.simplefilter("ignore")  # pymatgen's, on rounded coordinates
    texts = load_texts(n)
    some = by_pymatgen(texts[: n // 5])
    lines = [
        f"{len(texts)} CIFs of {source(NAME)}; {len(some)} of them with symmetry.",
        "",
        "| CIFs | reader | crystals/s | differs from pymatgen by |",
        "| --- | --- | ---: | ---: |",
        *compare(texts, "every site"),
        *compare(with_symmetry(some), "symmetry"),
    ]
    print_report(lines, RESULT)


if __name__ == "__main__":
    main()
