"""Every table and figure of measured results, out of the records of the runs.

    python benchmarks/redraw.py          # docs/results.md and the figures; a minute
    python benchmarks/redraw.py --check  # writes nothing; fails if all is not so

The records are in records/: a line or row a run, as the scripts wrote them. What a
script prints once and does not record run by run, such as timings, is there as it was
printed. To measure anew, run the command that the page gives, then copy what it wrote
in results/ to records/.
"""

import argparse
import difflib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks._harness import DOCS, RECORDS

_HERE = Path(__file__).resolve().parent
PAGE = DOCS / "results.md"


@dataclass(frozen=True)
class Study:
    """What was measured, and how it is measured and drawn again."""

    title: str
    page: str  # of docs/ that tells what it means
    command: str  # measures anew
    takes: str
    tables: tuple[str, ...] = ()
    figures: dict[str, str] = field(default_factory=dict)  # file, name in docs/
    redraw: str | None = None  # makes tables and figures out of records


STUDIES = [
    Study(
        "Errors on unseen formulas",
        "accuracy.md",
        "accuracy/accuracy.py run --rows 5000 10000 all --epochs 50",
        "half an hour to an hour a model on all rows, one thread; resumes",
        ("accuracy.md",),
        {"accuracy.png": "accuracy.png"},
        "accuracy/accuracy.py report",
    ),
    Study(
        "What the training recipe brings",
        "accuracy.md",
        "studies/recipe.py --epochs 30 --seeds 0",
        "half an hour; resumes",
        ("recipe.md",),
        redraw="studies/recipe.py --report --epochs 30 --seeds 0",
    ),
    Study(
        "What a split is worth",
        "splitting.md",
        "studies/splitting.py",
        "five minutes",
        ("splitting.md",),
    ),
    Study(
        "Standard deviations",
        "uncertainty.md",
        "studies/uncertainty.py --only quality",
        "20 minutes",
        ("uncertainty_quality.md",),
        {"uncertainty.png": "uncertainty.png"},
    ),
    Study(
        "What ensembles and queries cost",
        "uncertainty.md",
        "studies/uncertainty.py --only cost",
        "5 minutes",
        ("uncertainty_cost.md",),
    ),
    Study(
        "Active learning: four networks, four ways to choose, two sets",
        "active-learning.md",
        "studies/active_learning.py",
        "a day; resumes",
        ("active_learning.md",),
        {
            "active_learning_filtered.png": "active-learning-filtered.png",
            "active_learning_unfiltered.png": "active-learning-unfiltered.png",
        },
        "studies/active_learning.py --report",
    ),
    Study(
        "Several targets at once",
        "multi-task.md",
        "studies/multitask.py",
        "four hours; resumes",
        ("multitask.md",),
        redraw="studies/multitask.py --report",
    ),
    Study(
        "Metals against crystals with a gap",
        "classification.md",
        "studies/classification.py",
        "half an hour; resumes",
        ("classification.md",),
        redraw="studies/classification.py --report",
    ),
    Study(
        "Starting from a trained network",
        "transfer.md",
        "studies/transfer.py",
        "an hour; resumes",
        ("transfer.md",),
        {"transfer.png": "transfer.png"},
        "studies/transfer.py --report",
    ),
    Study(
        "Perturbed copies of crystals",
        "periodic-graphs.md",
        "studies/augmentation.py",
        "an hour; resumes",
        ("augmentation.md",),
        redraw="studies/augmentation.py --report",
    ),
    Study(
        "Energy barriers in a metallic glass",
        "glass.md",
        "studies/glass.py",
        "three hours; resumes",
        ("glass.md",),
    ),
    Study(
        "Rings around important edges",
        "glass.md",
        "studies/glass_rings.py",
        "ten minutes, after glass.py",
        ("glass_rings.md",),
        {"glass.png": "glass.png"},
    ),
    Study(
        "Speed and memory beside plain PyTorch Geometric",
        "benchmarks.md",
        "speed/speed.py --threads 2",
        "ten minutes",
        ("speed.md",),
    ),
    Study(
        "Speed beside other packages",
        "benchmarks.md",
        "speed/peers.py --threads 2 --crystals 200",
        "half an hour, with their environments",
        ("peers.md",),
    ),
    Study(
        "Reading CIF files",
        "benchmarks.md",
        "speed/parsing.py",
        "two minutes",
        ("parsing.md",),
    ),
    Study(
        "Half precision and compilation",
        "benchmarks.md",
        "speed/precision.py --threads 1 --crystals 128",
        "ten minutes",
        ("precision.md",),
    ),
    Study(
        "How cost grows",
        "growth.md",
        "speed/growth.py --threads 1",
        "five minutes",
        (),
        {"growth.png": "growth.png"},
        "speed/growth.py --threads 1 --redraw",
    ),
]

HEAD = """\
# All results

Every table and figure of measured results in these pages, with the command that
measures it anew, and what that takes on two cores. `benchmarks/README.md` says which
crystals are used, and where the scripts look for them.

This page and its figures are made by one command, `make results`, out of the records of
the runs in `benchmarks/records/`. Where no command redraws a table, its script measures
and prints at once, and the record is what it printed. The other pages tell what the
numbers mean, and what they do not.

"""
FOOT = """\
## Drawn by examples

- Bonds of a perovskite by importance, in [explanation.md](explanation.md):
  `python examples/plot_explanation.py`.
- Parity of a first model: `make demo`.

The table of networks on crystals that nobody picked, in [benchmarks.md](benchmarks.md),
is made by `python benchmarks/studies/stability.py --threads 1` (one to two hours); its
single runs were not kept.
"""


def main():
    """Redraw all, or see whether the page is what the records give."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "results"
        shutil.copytree(RECORDS, folder)
        for study in STUDIES:
            if study.redraw:
                redraw(study, folder)
        page = write_page(folder)
        if options.check:
            sys.exit(difference(PAGE.read_text(encoding="utf-8"), page))
        PAGE.write_text(page, encoding="utf-8")
        for study in STUDIES:
            for file, known_as in study.figures.items():
                if (folder / file).exists():
                    shutil.copy(folder / file, DOCS / known_as)
    print(f"written: {os.path.relpath(PAGE)}")


def redraw(study, folder):
    """Run a script that reads the records in `folder` and writes beside them."""
    script, *arguments = study.redraw.split()
    subprocess.run(
        [sys.executable, _HERE / script, *arguments],
        env={**os.environ, "SKCRYSTAL_RESULTS": str(folder), "MPLBACKEND": "agg"},
        stdout=subprocess.DEVNULL,
        check=True,
    )


def write_page(folder):
    """Text of docs/results.md."""
    parts = [HEAD]
    for study in STUDIES:
        parts += [
            f"## {study.title}\n\n",
            f"Measured by `python benchmarks/{study.command}` ({study.takes}). ",
            f"What it means: [{study.page}]({study.page}).\n\n",
        ]
        for table in study.tables:
            parts.append(below(2, (folder / table).read_text(encoding="utf-8")))
        for figure in study.figures.values():
            parts.append(f"![{study.title}]({figure})\n\n")
    return "".join([*parts, FOOT])


def below(level, text):
    """A script's report as part of a page: headings lower, its title left out."""
    text = re.sub(r"\A# .*\n+", "", text.strip() + "\n")
    return re.sub(r"^(#+) ", rf"{'#' * (level - 1)}\1 ", text, flags=re.M) + "\n"


def difference(old, new):
    """Lines that differ, or None."""
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=0)
    return "\n".join(lines) or None


if __name__ == "__main__":
    main()
