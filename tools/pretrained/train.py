"""Train, calibrate and judge the model that the package ships, and write its files.

    python tools/pretrained/train.py [--members 4] [--epochs 40] [--threads 1]

Needs the data sets of ``_rows.py``. Members are kept in the benchmarks' cache folder as
they are done, a quarter of an hour each on one thread: what is stopped goes on there.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from _card import UNITS, judge, write_card
from _rows import GRAPHS, TARGETS, cache_folder, load_rows
from sklearn.frozen import FrozenEstimator

from skcrystal import CalibratedRegressor, CoGNRegressor, EnsembleRegressor
from skcrystal.pretrained import METAL_BELOW, fit_metal_probability

NAME = "materials-project"


def make(epochs, seed):
    return CoGNRegressor(
        # By the study of recipes, beside the defaults: errors a few percent smaller.
        lr_schedule="cosine",
        output_transform={"band_gap": "softplus"},
        max_epochs=epochs,
        random_state=seed,
        verbose=1,
    )


def train_member(rows, epochs, seed):
    """Train one member, or read the one that was trained before."""
    path = cache_folder() / "pretrained" / f"{NAME}-{epochs}-{seed}"
    if path.exists():
        return CoGNRegressor.from_pretrained(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    model = make(epochs, seed)
    model.fit(rows.graphs[rows.train], rows.labels.iloc[rows.train])
    model.set_params(verbose=0).save_pretrained(path, units=UNITS)
    return model


def join(members, epochs):
    """An ensemble of members that are trained already."""
    ensemble = EnsembleRegressor(make(epochs, None).set_params(verbose=0), len(members))
    ensemble.estimators_ = members
    ensemble.target_names_ = members[0].target_names_
    return ensemble


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--members", type=int, default=4)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--threads", type=int, default=1)
    package = Path(__file__).resolve().parents[2] / "skcrystal"
    parser.add_argument("--out", type=Path, default=package / "pretrained" / NAME)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)

    rows = load_rows()
    members = [train_member(rows, given.epochs, s) for s in range(given.members)]
    held = rows.graphs[rows.calibration], rows.labels.iloc[rows.calibration]
    model = CalibratedRegressor(FrozenEstimator(join(members, given.epochs)))
    model.fit(*held)

    gap = TARGETS.index("band_gap")
    mean, std = (part[:, gap] for part in model.predict(held[0], return_std=True))
    is_metal = held[1]["band_gap"].to_numpy() < METAL_BELOW
    metal = fit_metal_probability(mean, std, is_metal)

    findings = judge(model, metal, rows)
    card = {
        "description": (
            f"{given.members} coGN networks, trained on Materials Project crystals; "
            "standard deviations from their spread, calibrated on formulas held out"
        ),
        "source": "Materials Project, CC-BY-4.0 (Jain et al., APL Mater. 1, 011002)",
        "graphs": GRAPHS,
        **findings,
    }
    model.save_pretrained(given.out, units=UNITS, card=card)
    (given.out / "metal.json").write_text(json.dumps(metal, indent=2) + "\n")
    write_card(given.out / "README.md", model, rows, findings)
    print(json.dumps(findings, indent=2))
    size = sum(file.stat().st_size for file in given.out.iterdir())
    print(f"{given.out}: {size / 1e6:.1f} MB; errors of members:")
    test = rows.labels.iloc[rows.test]
    for member in members:
        error = np.abs(member.predict(rows.graphs[rows.test]) - test)
        print(error.mean().round(4).to_dict())


if __name__ == "__main__":
    main()
