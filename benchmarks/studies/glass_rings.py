"""Are the edges that decide on a barrier in more rings than others?

    python benchmarks/studies/glass_rings.py          # about ten minutes on a core
    python benchmarks/studies/glass_rings.py --quick  # six atoms, nothing is written

Takes the most exact model that glass.py has trained. Of the atoms in the middle
of a test configuration those with the highest, middle and lowest predicted barriers are
explained, and the ten edges that count most for each are looked up among the rings of
persistent homology: against as many random edges, as published, and against edges of
their own length. Writes results/glass_rings.md and docs/glass.png.
"""

import argparse

import numpy as np

from benchmarks._harness import DOCS, FOLDER, read, records_path, save_report
from benchmarks.studies.glass import load_glass, saved
from skcrystal import load_pretrained
from skcrystal.inspection import compare_cycles, explain, permutation_test

GROUPS = ("low", "middle", "high")
CONTROLS = ("random", "length")
COLORS = dict(zip(GROUPS, ("#0072B2", "#999999", "#D55E00"), strict=True))


def main():
    """Explain, count, test, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--atoms", type=int, default=20, help="of each group")
    parser.add_argument("--edges", type=int, default=10, help="that count most")
    parser.add_argument("--radius", type=float, default=10.0, help="of rings, Å")
    parser.add_argument("--configuration", default="test0")
    parser.add_argument("--model", help="name in glass.py; default: the best")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    if options.quick:
        options.atoms = 2
    record = best(options.model)
    model = load_pretrained(saved(record["config"]))
    crystals, labels = load_glass()
    glass = crystals[options.configuration]
    truth = labels[options.configuration]
    (guess,) = model.predict([glass])
    centers = pick(glass, guess, options.atoms)
    counts = rings(model, glass, centers, options)
    lines = report(record, options, counts)
    print("\n".join(lines))
    if not options.quick:
        save_report(lines, FOLDER / "glass_rings.md")
        draw(glass, truth, guess, centers, counts, DOCS / "glass.png")


def best(name):
    """Record of the run with the best correlation on the watched configuration."""
    records = read(records_path("glass"))
    records = [
        r
        for r in records
        if saved(r["config"]).exists()
        and "r_train2" in r
        and name in (None, r["config"]["model"])
    ]
    if not records:
        raise SystemExit("no trained model; run glass.py first")
    return max(records, key=lambda record: record["r_train2"])


def pick(glass, guess, n):
    """Atoms of each group, by prediction, of the 300 next to the middle of the box."""
    offset = glass.frac_coords - 0.5
    offset -= np.rint(offset)
    distance = np.linalg.norm(offset @ glass.lattice.matrix, axis=1)
    near = np.argsort(distance)[:300]
    ranked = near[np.argsort(guess[near])]
    middle = len(ranked) // 2 - n // 2
    return {
        "low": ranked[:n],
        "middle": ranked[middle : middle + n],
        "high": ranked[-n:],
    }


def rings(model, glass, centers, options):
    """Rings through important edges and through others, of all atoms of a group."""
    counts = {}
    for group, atoms in centers.items():
        for atom in atoms.tolist():
            why = explain(model, glass, atom, n_steps=20)
            top = np.argsort(-np.abs(why.edge_importance))[: options.edges]
            for control in CONTROLS:
                found = compare_cycles(
                    glass,
                    atom,
                    why.edge_index[::-1].T,
                    top,
                    radius=options.radius,
                    images=why.edge_image,
                    control=control,
                    n_resamples=9,
                    random_state=atom,
                )
                pair = counts.setdefault((group, control), ([], []))
                pair[0].append(found.important_counts)
                pair[1].append(found.other_counts)
            print(f"{group}, atom {atom}: done", flush=True)
    return {
        key: tuple(np.concatenate(part) for part in pair)
        for key, pair in counts.items()
    }


def report(record, options, counts):
    """Lines of Markdown."""
    lines = [
        f"{record['config']['model']} (r = {record['r']:.3f} on the test set), "
        f"{options.configuration}, {options.atoms} atoms of each group, the "
        f"{options.edges} edges of each that count most, rings within "
        f"{options.radius:g} Å.",
        "",
        "| predicted barrier | compared with | rings an important edge | rings another "
        "| difference | p |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for group in (*GROUPS, "all"):
        for control in CONTROLS:
            important, others = joined(counts, group, control)
            test = permutation_test(
                important, others, paired=control == "length", random_state=0
            )
            name = "random edges" if control == "random" else "edges of equal length"
            lines.append(
                f"| {group} | {name} | {important.mean():.2f} | {others.mean():.2f} | "
                f"{important.mean() - others.mean():+.2f} | {test.p_value:.4f} |"
            )
    return lines


def joined(counts, group, control):
    """Counts of a group, or of all."""
    chosen = GROUPS if group == "all" else (group,)
    pairs = [counts[name, control] for name in chosen]
    return tuple(np.concatenate(part) for part in zip(*pairs, strict=True))


def draw(glass, truth, guess, centers, counts, path):
    """Parity, where atoms of each kind are, and rings an edge."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(12.5, 4.4), layout="constrained")
    cells = axes[0].hexbin(truth, guess, gridsize=45, mincnt=1, cmap="viridis")
    figure.colorbar(cells, ax=axes[0], label="atoms")
    ends = [truth.min(), truth.max()]
    axes[0].plot(ends, ends, color="black", linewidth=0.8)
    r = np.corrcoef(truth, guess)[0, 1]
    axes[0].set(
        xlabel="energy barrier (eV)", ylabel="predicted (eV)", title=f"r = {r:.3f}"
    )
    slab = np.abs(glass.frac_coords[:, 2] - 0.5) * glass.lattice.c < 3
    low, high = np.quantile(guess, [1 / 3, 2 / 3])
    part = np.digitize(guess, [low, high])
    for k, group in enumerate(GROUPS):
        here = slab & (part == k)
        xy = (glass.frac_coords[here] % 1) @ glass.lattice.matrix
        axes[1].scatter(xy[:, 0], xy[:, 1], s=40, color=COLORS[group], label=group)
    axes[1].set(
        xlabel="x (Å)",
        ylabel="y (Å)",
        aspect="equal",
        title="thirds by predicted barrier, a slab of 6 Å",
    )
    axes[1].legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=3)
    width, names = 0.27, [*GROUPS, "all"]
    place = np.arange(len(names))
    bars = {
        "that count most": [joined(counts, g, "random")[0].mean() for g in names],
        "random": [joined(counts, g, "random")[1].mean() for g in names],
        "of equal length": [joined(counts, g, "length")[1].mean() for g in names],
    }
    shades = ("#000000", "#BBBBBB", "#56B4E9")
    for k, ((name, heights), shade) in enumerate(
        zip(bars.items(), shades, strict=True)
    ):
        axes[2].bar(place + (k - 1) * width, heights, width, color=shade, label=name)
    axes[2].set_xticks(place, names)
    axes[2].set(xlabel="predicted barrier", ylabel="rings an edge", title="edges ...")
    axes[2].legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=3)
    figure.savefig(path, dpi=130)


if __name__ == "__main__":
    main()
