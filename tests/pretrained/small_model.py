"""A small model of the form of the one that is shipped."""

import json

import numpy as np
from sklearn.frozen import FrozenEstimator

from skcrystal import (
    CalibratedRegressor,
    CoGNRegressor,
    CrystalGraphTransformer,
    EnsembleRegressor,
)
from skcrystal.pretrained import METAL_BELOW, fit_metal_probability


def save_small_model(folder, prototypes):
    """Save a calibrated ensemble, with coefficients of metals beside it."""
    rows = np.random.RandomState(0).permutation(len(prototypes.data))[:240]
    frame = prototypes.frame.iloc[rows]
    graphs = CrystalGraphTransformer().transform(frame["structure"])
    labels = frame[prototypes.target_names]
    member = CoGNRegressor(
        hidden_dim=16,
        edge_dim=8,
        n_layers=2,
        max_epochs=8,
        lr=0.01,
        output_transform={"band_gap": "softplus"},
    )
    ensemble = EnsembleRegressor(member, 2, random_state=0)
    ensemble.fit(graphs[:160], labels.iloc[:160])
    model = CalibratedRegressor(FrozenEstimator(ensemble))
    model.fit(graphs[160:], labels.iloc[160:])
    mean, std = model.predict(graphs[160:], return_std=True)
    is_metal = labels["band_gap"].iloc[160:] < METAL_BELOW
    metal = fit_metal_probability(mean[:, 1], std[:, 1], is_metal)
    units = {"formation_energy_per_atom": "eV/atom", "band_gap": "eV"}
    model.save_pretrained(folder, units=units)
    (folder / "metal.json").write_text(json.dumps(metal), encoding="utf-8")
    return folder
