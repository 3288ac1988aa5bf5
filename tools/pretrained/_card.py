"""What the shipped model is worth on unseen formulas, and where it is weak."""

import re
import textwrap
from pathlib import Path

import numpy as np
import pandas as pd
from pymatgen.core import Element
from scipy.stats import spearmanr
from sklearn.metrics import balanced_accuracy_score, brier_score_loss, roc_auc_score

from skcrystal.datasets import load_pbe_prototypes
from skcrystal.pretrained import METAL_BELOW, metal_probability

_FEWEST = 60  # test crystals of a kind, below which its error says little
_N_WORST = 5  # elements a target
UNITS = {"formation_energy_per_atom": "eV/atom", "band_gap": "eV", "efermi": "eV"}


def judge(model, metal, rows):
    """Errors, coverage, and how metals are told, on the test set; fit for JSON."""
    mean, std = model.predict(rows.graphs[rows.test], return_std=True)
    labels = rows.labels.iloc[rows.test]
    error = (mean - labels).abs()
    targets = {}
    for t, name in enumerate(labels.columns):
        known = labels[name].notna().to_numpy()
        off, spread = error[name].to_numpy()[known], std[known, t]
        targets[name] = {
            "n_test": int(known.sum()),
            "mae": float(off.mean()),
            "median_absolute_error": float(np.median(off)),
            "mae_of_median": float(
                (labels[name] - rows.labels[name].iloc[rows.train].median())
                .abs()
                .mean()
            ),
            "within_one_std": float(np.mean(off <= spread)),
            "within_two_std": float(np.mean(off <= 2 * spread)),
            "spearman_of_std": float(spearmanr(off, spread).statistic),
        }
    gap = list(labels.columns).index("band_gap")
    probability = metal_probability(metal, mean[:, gap], std[:, gap])
    is_metal = labels["band_gap"].to_numpy() < METAL_BELOW
    return {
        "targets": targets,
        "metal": {
            "roc_auc": float(roc_auc_score(is_metal, probability)),
            "balanced_accuracy": float(
                balanced_accuracy_score(is_metal, probability > 0.5)
            ),
            "accuracy": float(np.mean(is_metal == (probability > 0.5))),
            "brier_score": float(brier_score_loss(is_metal, probability)),
            "share_of_metals": float(is_metal.mean()),
        },
        "weak_spots": _weak_spots(error, rows),
        "hypothetical": _hypothetical(model),
    }


def _hypothetical(model):
    """Errors on crystals that are mostly unstable, and computed otherwise."""
    crystals = load_pbe_prototypes()
    found = {"n_crystals": len(crystals.data)}
    predicted = pd.DataFrame(model.predict(crystals.data), columns=model.target_names_)
    for name in crystals.target_names:
        error = predicted[name].to_numpy() - crystals.frame[name].to_numpy()
        found[name] = {
            "mae": float(np.abs(error).mean()),
            "mean_error": float(error.mean()),
            "spearman": float(spearmanr(predicted[name], crystals.frame[name])[0]),
        }
    return found


def _weak_spots(error, rows):
    """Mean errors by kind of crystal: by element the worst, by size, by gap."""
    graphs, labels = rows.graphs[rows.test], rows.labels.iloc[rows.test]
    crystal = np.repeat(np.arange(len(graphs)), graphs.n_atoms)
    has = np.zeros((len(graphs), 119), dtype=bool)
    has[crystal, graphs.atomic_numbers] = True
    kinds = {
        f"with {Element.from_Z(z).symbol}": has[:, z]
        for z in np.flatnonzero(has.sum(axis=0) >= _FEWEST)
    }
    rows_of = {name: error[mask].mean() for name, mask in kinds.items()}
    by_element = pd.DataFrame(rows_of).T
    chosen = set()
    for name in error.columns:
        chosen |= set(by_element[name].nlargest(_N_WORST).index)
    sites, gap = graphs.n_sites, labels["band_gap"].to_numpy()
    others = {
        "up to 10 sites": sites <= 10,
        "more than 50 sites": sites > 50,
        "elements": has.sum(axis=1) == 1,
        "gap below 0.025 eV": gap < METAL_BELOW,
        "gap above 4 eV": gap > 4,
        "above 0 eV/atom": labels["formation_energy_per_atom"].to_numpy() > 0,
    }
    table = {}
    for name, mask in {**{k: kinds[k] for k in kinds if k in chosen}, **others}.items():
        table[name] = {
            "n_test": int(mask.sum()),
            **{key: round(float(x), 4) for key, x in error[mask].mean().items()},
        }
    return table


def write_card(path, model, rows, findings):
    """Write what a user should know of the model, for people to read."""
    template = (Path(__file__).parent / "card.md").read_text()
    targets = findings["targets"]
    n_labels = rows.labels.iloc[rows.train].notna().sum()
    weak_spots = pd.DataFrame(findings["weak_spots"]).T
    text = template.format(
        n_members=len(model.estimator_.estimator.estimators_),
        metal_below=METAL_BELOW,
        n_train=f"{len(rows.train):,}",
        labels=", ".join(f"{name} {n_labels[name]:,}" for name in targets),
        n_calibration=f"{len(rows.calibration):,}",
        n_test=f"{len(rows.test):,}",
        targets=_table(pd.DataFrame(targets).T, UNITS),
        weak_spots=_table(weak_spots, {}),
        hypothetical=findings["hypothetical"],
        **findings["metal"],
    )
    path.write_text(_wrapped(text))


def _wrapped(text):
    """Fill the lines of paragraphs and items, whatever numbers stand in them."""
    blocks = []
    for block in text.strip().split("\n\n"):
        if block.startswith(("#", "|")):
            blocks.append(block)
            continue
        items = [
            " ".join(item.split()) for item in re.split(r"^(?=- )", block, flags=re.M)
        ]
        indent = "  " if block.startswith("- ") else ""
        filled = [textwrap.fill(i, 88, subsequent_indent=indent) for i in items if i]
        blocks.append("\n".join(filled))
    return "\n\n".join(blocks) + "\n"


def _table(frame, units):
    """A Markdown table: whole numbers as they are, others to three digits."""
    lines = [
        "| | " + " | ".join(name.replace("_", " ") for name in frame.columns) + " |",
        "| --- |" + " ---: |" * len(frame.columns),
    ]
    for name, row in frame.iterrows():
        unit = f" ({units[name]})" if name in units else ""
        cells = [f"{x:,.0f}" if x == int(x) and x > 1 else f"{x:.3f}" for x in row]
        lines.append(f"| {name}{unit} | {' | '.join(cells)} |")
    return "\n".join(lines)
