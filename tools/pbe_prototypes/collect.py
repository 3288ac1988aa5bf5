"""Turn labels into the data set: formation energies against the elements.

Usage: python collect.py labels.jsonl pbe_prototypes.csv
"""

import json
import sys
from pathlib import Path

import pandas as pd
from pymatgen.core import Composition

# One lattice constant came out spurious (CsCl-type BeF); no real crystal lies so high.
HIGHEST = 4.0  # eV/atom


def main(labels, table):
    lines = Path(labels).read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    failed = [row for row in rows if "failed" in row]
    done = [row for row in rows if "failed" not in row]
    reference = {
        row["element"]: row["energy"] / row["natoms"]
        for row in done
        if "element" in row
    }
    missing, crystals = set(), []
    for row in done:
        if "element" in row:
            continue
        if without := set(row["species"]) - set(reference):
            missing |= without
            continue
        of_elements = sum(reference[element] for element in row["species"])
        crystals.append(
            {
                "material_id": row["id"],
                "formula": Composition("".join(row["species"])).reduced_formula,
                "prototype": row["prototype"],
                "species": " ".join(row["species"]),
                "lattice_constant": round(row["a"], 5),
                "energy_per_atom": round(row["energy"] / row["natoms"], 5),
                "formation_energy_per_atom": round(
                    (row["energy"] - of_elements) / row["natoms"], 5
                ),
                "band_gap": round(row["gap"], 4),
            }
        )
    frame = pd.DataFrame(crystals).sort_values("material_id")
    frame = frame[frame["formation_energy_per_atom"] < HIGHEST]
    frame.to_csv(table, index=False)
    print(f"{len(frame)} crystals, {len(failed)} failed, no reference for {missing}")
    print(frame.describe().to_string())


if __name__ == "__main__":
    main(*sys.argv[1:])
