"""Tables of ``multitask.py``."""

import numpy as np
import pandas as pd

from benchmarks._harness import mean_and_std

_UNITS = {"FE": "eV/atom", "BG": "eV", "EF": "eV"}
_ALONE = "each alone"
_LOOSE = "soft, strength 0"
_TWICE = ", twice the epochs"


def report(records):
    """Yield lines of Markdown: tables for each size there is."""
    if not records:
        yield "no run yet"
        return
    frame = pd.DataFrame(rows(records))
    for (crystals, epochs), mine in frame.groupby(["crystals", "epochs"], sort=False):
        yield (
            f"{crystals:,} crystals, about {mine['most'].median():,.0f} to train on, "
            f"{epochs} epochs; mean and standard deviation over seeds, changes seed by "
            "seed: to each target alone, with all labels."
        )
        yield ""
        yield from sharing_table(mine)
        yield from labels_table(mine)
        yield from choice(mine)


def rows(records):
    """A row for each run and target."""
    for record in records:
        config, targets = record["config"], record["config"]["targets"].split("+")
        for t, target in enumerate(targets):
            yield {
                "crystals": config["crystals"],
                "epochs": config["max_epochs"],
                "seed": config["seed"],
                "of": config["targets"],
                "target": target,
                "label": label(config),
                "train": config["train"],
                "gaps": config["gaps"],
                "steps": config["epochs"],
                "strength": config["strength"],
                "most": max(record["n_labels"]),
                "test": record["mae_test"][t],
                "choice": record["mae_choice"][t],
            }


def label(config):
    """What a reader calls an arm, without its targets and labels."""
    if "+" not in config["targets"]:
        return _ALONE if config["epochs"] == 1 else f"{_ALONE}{_TWICE}"
    if config["sharing"] == "one head":
        return "CGCNN, one head for all"
    weights = config["weights"]
    if isinstance(weights, list):
        weights = ":".join(map(str, weights))
    name = config["sharing"]
    if config["strength"] is not None:
        name += f", strength {config['strength']:g}"
    if weights is not None:
        name += f", {weights}"
    return name + _TWICE if config["epochs"] == 2 else name


def sharing_table(frame):
    """Errors of what shares, with all labels, next to each target alone."""
    whole = frame[(frame["train"] == 60) & (frame["gaps"] == 60)]
    # Networks that nothing holds together are alone, too.
    base_label = _ALONE if (whole["label"] == _ALONE).any() else _LOOSE
    base = whole[whole["label"] == base_label]
    several = whole["of"].str.contains("+", regex=False)
    for of, mine in whole[several & (whole["label"] != base_label)].groupby("of"):
        targets = of.split("+")
        heads = [c for t in targets for c in (f"{t} ({_UNITS[t]})", "change")]
        yield f"| {of} | seeds | {' | '.join(heads)} |"
        yield f"| --- | {'---: | ' * len(heads)}---: |"
        mine = mine.sort_values("strength", kind="stable", na_position="first")
        known = base[base["seed"].isin(mine["seed"])]
        arms = [(base_label, known), *mine.groupby("label", sort=False)]
        longer = whole[whole["label"] == _ALONE + _TWICE]
        if longer["target"].isin(targets).any():
            arms.insert(1, (_ALONE + _TWICE, longer))
        for name, arm in arms:
            errors = [of_target(arm, target) for target in targets]
            cells = [name, str(max(map(len, errors)))]
            for target, error in zip(targets, errors, strict=True):
                own = name == base_label
                moved = "" if own else change(error, of_target(base, target))
                cells += [mean_and_std(error, ".4f"), moved]
            yield row(cells)
        yield ""


def of_target(frame, target):
    """Test errors of a target, by seed."""
    return frame[frame["target"] == target].set_index("seed")["test"]


def labels_table(frame):
    """Errors from fewer labels, alone and beside the other target."""
    as_many = frame["gaps"] >= frame["train"]
    once = frame["steps"] == 1
    together = (frame["of"] == "FE+BG") & as_many
    kinds = {
        "alone": lambda t: (frame["of"] == t) & once,
        "alone, twice the epochs": lambda t: (frame["of"] == t) & ~once,
        "both of the same crystals": lambda t: together & (frame["label"] == "hard"),
        "the same, uncertainty": lambda t: (
            together & (frame["label"] == "hard, uncertainty")
        ),
        "with FE of 60 %": lambda t: (
            plain(frame) & (frame["train"] == 60) & (t == "BG")
        ),
    }
    for target in ("FE", "BG"):
        mine = frame[frame["target"] == target]
        found = {name: mine[rows(target)[mine.index]] for name, rows in kinds.items()}
        base = share_of(found["alone"], 60)
        if len(base):
            yield from shares(target, found, base)
            yield ""


def shares(target, found, base):
    """A table of what saw a share of the labels of a target."""
    percents = (30, 40, 50, 60)
    names = [f"{percent} %" for percent in percents]
    yield f"| {target} ({_UNITS[target]}), labels of | {' | '.join(names)} |"
    yield f"| --- | {'---: | ' * (len(percents) - 1)}---: |"
    for name, mine in found.items():
        errors = [share_of(mine, percent) for percent in percents]
        cells = [
            mean_and_std(e, ".4f")
            if e.equals(base) or e.empty
            else f"{mean_and_std(e, '.4f')} ({change(e, base)})"
            for e in errors
        ]
        if any(cells):
            yield row([name, *cells])


def plain(frame):
    """Rows of hard sharing of two targets that count alike."""
    return (frame["of"] == "FE+BG") & (frame["label"] == "hard")


def share_of(frame, percent):
    """Errors by seed of what saw a share of labels."""
    labels = frame[["train", "gaps"]].min(axis=1)
    return frame[labels == percent].set_index("seed")["test"]


def choice(frame):
    """Say which weights the part to choose by would have picked, seed by seed."""
    whole = frame[(frame["train"] == 60) & (frame["gaps"] == 60)]
    alone = whole[(whole["label"] == _ALONE) & (whole["steps"] == 1)]
    alone = alone.set_index(["target", "seed"])
    hard = whole[whole["label"].str.startswith("hard") & (whole["steps"] == 1)]
    for of, mine in hard.groupby("of"):
        key = pd.MultiIndex.from_frame(mine[["target", "seed"]])
        if not key.isin(alone.index).all():
            continue
        mine = mine.assign(
            **{
                part: np.log(mine[part].to_numpy() / alone.loc[key, part].to_numpy())
                for part in ("choice", "test")
            }
        )
        # Of several targets, the geometric mean of errors relative to each alone.
        found = mine.groupby(["label", "seed"])[["choice", "test"]].mean().reset_index()
        best = found.loc[found.groupby("seed")["choice"].idxmin()]
        picks = ", ".join(f"{b.label} (seed {b.seed})" for b in best.itertuples())
        gain = 100 * (np.exp(best["test"]) - 1)
        yield (
            f"Of weights for {of}, the part to choose by takes: {picks}; test errors "
            f"are then {gain.mean():+.1f} % in the mean of targets to each alone."
        )
        yield ""


def change(values, base):
    """Change in %, seed by seed: on the same crystals."""
    text = mean_and_std(100 * (values / base - 1), ".1f", "+")
    return text and f"{text} %"


def row(cells):
    """Write a line of a table."""
    return f"| {' | '.join(cells)} |"
