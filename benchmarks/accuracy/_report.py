"""Tables and a figure of recorded runs: errors, what they cost, how they fall."""

import json
from itertools import cycle

import numpy as np
import pandas as pd

from benchmarks._harness import print_report
from benchmarks.accuracy._models import MODELS
from skcrystal.utils._plotting import COLOURS, MARKERS, add_legend

TITLES = {  # of targets, in the order of columns
    "formation_energy_per_atom": ("FE", "eV/atom"),
    "band_gap": ("BG", "eV"),
    "heat_all": ("heat of formation", "eV/atom"),
    "ind_gap": ("gap", "eV"),
}
MODES = {"both": "One network for both targets", "alone": "A network for each target"}
COSTS = ["train_rate", "predict_rate", "n_parameters", "memory_mb"]
_SERIES = ["label", "settings"]  # what has a row of the table and a line of the figure


def write_report(records, results):
    """Write tables and figure beside the file of records."""
    if not records:
        raise SystemExit(f"{results} has no runs: accuracy.py run makes them.")
    runs = tabulate(records)
    lines = ["# Accuracy\n", *header(runs)]
    parts = list(runs.groupby(["data", "mode"], sort=False))
    for (data, mode), part in parts:
        lines += [f"\n## {data}: {MODES[mode].lower()}\n", *about(part), ""]
        lines += table(part, results.with_suffix(""))
    notes = dict.fromkeys(record["config"]["model"] for record in records)
    lines += ["", *(f"- {n}: {MODELS[n].note}" for n in notes if MODELS[n].note)]
    draw(parts, results.with_suffix(".png"))
    print_report(lines, results.with_suffix(".md"))


def tabulate(records):
    """One row a run and target; networks of one output are wherever others are."""
    rows, others = [], {}
    for record in records:
        config = record["config"]
        if not MODELS[config["model"]].single:
            others.setdefault(config["data"], set()).add(_mode(config))
    for record in records:
        config = record["config"]
        settings = [config[key] for key in ("model", "parameters", "graphs")]
        row = {
            "label": record["label"] or name(config),
            "settings": json.dumps([*settings, config["ensemble"]], sort_keys=True),
            **{key: config[key] for key in ("data", "rows", "seed", "ensemble")},
            **{key: record.get(key, np.nan) for key in COSTS},
            **{key: record[key] for key in ("id", "n_train", "n_test", "threads")},
            "date": record["date"],
            "version": f"skcrystal {record['skcrystal']}, torch {record['torch']}",
        }
        modes = {_mode(config)}
        if MODELS[config["model"]].single:
            modes = others.get(config["data"], modes)
        for mode in modes:
            # A run that diverged has no errors, but a place.
            for target in record.get("mae", {"": None}):
                errors = {
                    key: record[key][target] if target else np.nan
                    for key in ("mae", "mae_of_median")
                }
                rows.append({**row, "mode": mode, "target": target, **errors})
    runs = pd.DataFrame(rows)
    order = [runs["data"], runs["mode"].map([*MODES].index), runs["n_train"]]
    return runs.iloc[np.lexsort(order[::-1])].reset_index(drop=True)


def _mode(config):
    return "both" if config["targets"] == "both" else "alone"


def name(config):
    """Name a model by what differs from its defaults."""
    model = MODELS[config["model"]]
    graphs = {
        k: v for k, v in config["graphs"].items() if model.graphs.get(k, ...) != v
    }
    changes = {**config["parameters"], **graphs}
    parts = [config["model"], *(f"{key}={value}" for key, value in changes.items())]
    if config["ensemble"]:
        parts.append(f"ensemble of {config['ensemble']}")
    return ", ".join(parts)


def header(runs):
    """Say what all tables have in common."""
    threads = ", ".join(map(str, sorted(runs["threads"].unique())))
    days = sorted({runs["date"].min(), runs["date"].max()})
    yield f"- {' to '.join(days)}; {'; '.join(runs['version'].unique())}"
    yield (
        "- Errors are mean absolute errors on a tenth of the reduced formulas, the "
        "same for all; ± is their standard deviation over seeds (n − 1 in the "
        "denominator). A seed decides initial weights, order of batches, and which "
        "rows are trained on where these are not all."
    )
    yield (
        f"- Speed (crystals/s on ready graphs, {threads} torch thread(s)) and memory "
        "are those of the largest training set, means over seeds. Memory is the "
        "highest resident size above that before graphs were opened."
    )


def about(part):
    """Say what is tested on."""
    n_test = ", ".join(f"{n:,}" for n in part["n_test"].unique())
    sizes = sorted(part["n_train"].unique())
    yield f"{n_test} test crystals; trained on {', '.join(f'{n:,}' for n in sizes)}."


# Tables


def table(part, folder):
    """Lines of a table: a row a model, a column a target and training size."""
    targets = [key for key in TITLES if key in set(part["target"])]
    sizes = sorted(part["n_train"].unique())
    columns = [(target, n) for target in targets for n in sizes]
    heads = ["{} MAE ({})".format(*TITLES[t]) + f", {n:,}" for t, n in columns]
    heads = ["model", "seeds", *heads, "trained/s", "predicted/s", "parameters", "MB"]
    yield f"| {' | '.join(heads)} |"
    yield f"| --- |{' ---: |' * (len(heads) - 1)}"
    yield line("median of the training labels", "", part, columns, "mae_of_median")
    for (label, _), runs in part.groupby(_SERIES, sort=False):
        mark = " (a network a target)" if _is_split(runs) else ""
        seeds = runs["seed"].nunique()
        yield line(label + mark, seeds, runs, columns, "mae", costs(runs))
        if (joint := mean_of_seeds(runs, folder)) is not None:
            k = joint["members"].iloc[0]
            yield line(f"{label}, mean of {k} seeds{mark}", k, joint, columns, "mae")


def line(label, seeds, runs, columns, what, costs=("", "", "", "")):
    """One line of a table."""
    cells = [
        cell(runs.loc[(runs["target"] == target) & (runs["n_train"] == n), what])
        for target, n in columns
    ]
    return f"| {' | '.join([label, str(seeds), *cells, *costs])} |"


def cell(errors):
    """Mean ± standard deviation, as far as there are such."""
    errors = errors.dropna()
    if errors.empty:
        return ""
    varied = len(errors) > 1 and np.ptp(errors) > 1e-9
    return f"{errors.mean():.4f}" + (f" ± {errors.std():.4f}" if varied else "")


def costs(runs):
    """Speed, size and memory on the largest training set."""
    largest = runs[runs["n_train"] == runs["n_train"].max()]
    return [
        "" if np.isnan(value) else f"{value:,.0f}"
        for value in largest[COSTS].astype(float).mean()
    ]


def mean_of_seeds(runs, folder):
    """Errors of the mean prediction of networks trained on the same rows, or None."""
    rows = []
    runs = runs[(runs["rows"] == "all") & (runs["ensemble"] == 0)].dropna(subset="mae")
    for target, members in runs.groupby("target"):
        if len(members) < 2:
            continue
        files = [folder / f"{run}.npz" for run in members["id"]]
        if not all(file.exists() for file in files):
            continue  # predictions are too large to be kept with every record
        saved = [np.load(file) for file in files]
        column = 0 if saved[0]["truth"].shape[1] == 1 else [*TITLES].index(target) % 2
        mean = np.mean([file["predicted"][:, column] for file in saved], axis=0)
        rows.append(
            {
                "target": target,
                "n_train": members["n_train"].iloc[0],
                "members": len(members),
                "mae": np.abs(mean - saved[0]["truth"][:, column]).mean(),
            }
        )
    return pd.DataFrame(rows) if rows else None


def _is_split(runs):
    return (
        runs["mode"].iloc[0] == "both"
        and (runs.groupby("id")["target"].size() < 2).all()
    )


# Figure


def draw(parts, path):
    """Error against training size on logarithmic axes, a column a target."""
    from matplotlib import use

    use("Agg")
    from matplotlib import pyplot as plt

    # Without a curve there is nothing to see that the table does not say.
    sizes = [part.groupby(_SERIES)["n_train"].nunique().max() for _, part in parts]
    parts = [part for part, most in zip(parts, sizes, strict=True) if most > 1]
    if not parts:
        path.unlink(missing_ok=True)
        return
    figure, axes = plt.subplots(
        len(parts),
        2,
        figsize=(10.6, 4.6 * len(parts)),
        layout="constrained",
        squeeze=False,
    )
    labels = {key: None for _, part in parts for key, _ in part.groupby(_SERIES)}
    looks = dict(zip(labels, zip(cycle(COLOURS), cycle(MARKERS)), strict=False))
    for row, ((data, mode), part) in zip(axes, parts, strict=True):
        targets = [key for key in TITLES if key in set(part["target"])]
        for axis, target in zip(row, targets, strict=False):
            learning_curves(axis, part[part["target"] == target], looks)
            title, unit = TITLES[target]
            axis.set(
                title=f"{data}: {MODES[mode].lower()}",
                xlabel="training crystals",
                ylabel=f"MAE of {title} ({unit})",
            )
        for axis in row[len(targets) :]:
            axis.set_axis_off()
    figure.savefig(path, dpi=130)
    plt.close(figure)


def learning_curves(axis, runs, looks):
    """Mean error of each model, and the power of the training size that it follows."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    axis.set(xscale="log", yscale="log")
    for key, model in runs.groupby(_SERIES, sort=False):
        errors = model.groupby("n_train")["mae"].agg(["mean", "std"])
        x, mean = errors.index.to_numpy(), errors["mean"].to_numpy()
        colour, marker = looks[key]
        label = key[0]
        if len(x) > 1:
            slope, offset = np.polyfit(np.log(x), np.log(mean), 1)
            axis.plot(x, np.exp(offset) * x**slope, "--", color=colour, lw=1)
            label += f": ∝ n$^{{{slope:.2f}}}$".replace("-", "−")
        style = {"color": colour, "marker": marker, "label": label, "capsize": 3}
        axis.errorbar(
            x,
            mean,
            errors["std"].fillna(0.0),
            ls="none",
            markeredgecolor="white",
            markeredgewidth=0.6,
            **style,
        )
    sizes = sorted(runs["n_train"].unique())
    axis.set_xticks(sizes, [f"{n:,}" for n in sizes])
    axis.set_xlim(0.8 * sizes[0], 1.25 * sizes[-1])
    axis.xaxis.set_minor_formatter(NullFormatter())
    plain = FuncFormatter(lambda value, _: f"{value:.3g}")
    axis.yaxis.set_major_formatter(plain)
    axis.yaxis.set_minor_formatter(plain)
    axis.tick_params(axis="y", which="minor", labelsize="small")
    add_legend(axis)
