"""Every table and figure of measured results, out of the records of the runs.

    python benchmarks/redraw.py          # tables of docs/ and the figures; a minute
    python benchmarks/redraw.py --check  # writes nothing; fails if they differ

The records are in records/: a line or row a run, as the scripts wrote them. What a
script prints once and does not record run by run, such as timings, is there as it was
printed. To measure anew, run the command that the page gives, then copy what it wrote
in results/ to records/.
"""

import argparse
import difflib
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks._harness import DOCS, RECORDS
from benchmarks._page_tables import fill, missing_numbers, reports_of

_HERE = Path(__file__).resolve().parent
PAGE = DOCS / "results.md"


@dataclass(frozen=True)
class Study:
    """What was measured, and how it is measured and drawn again."""

    title: str
    claim: str  # of which numbers stand on the page
    record: str  # file in records/
    page: str  # of docs/, with tables, figures and what they mean
    command: str  # measures anew
    takes: str
    tables: tuple[str, ...] = ()
    figures: dict[str, str] = field(default_factory=dict)  # file, name in docs/
    redraw: str | None = None  # makes tables and figures out of records


STUDIES = [
    Study(
        "Errors on unseen formulas",
        "CoGN trained on 29,052 crystals has errors of 0.0424 eV/atom and "
        "0.2522 eV on formulas not seen in training, CGCNN of 0.0490 and "
        "0.2782.",
        "accuracy.jsonl",
        "accuracy.md",
        "accuracy/accuracy.py run --rows 5000 10000 all --epochs 50",
        "half an hour to an hour a model on all rows, one thread; resumes",
        ("accuracy.md",),
        {"accuracy.png": "accuracy.png"},
        "accuracy/accuracy.py report",
    ),
    Study(
        "Effects of the training recipe",
        "Absolute errors as the loss are the largest single gain for formation "
        "energies: with squared or Huber losses they are 17.6 and 18.0 % higher.",
        "recipe.jsonl",
        "accuracy.md",
        "studies/recipe.py --epochs 30 --seeds 0",
        "half an hour; resumes",
        ("recipe.md",),
        redraw="studies/recipe.py --report --epochs 30 --seeds 0",
    ),
    Study(
        "Effect of the split",
        "Errors by formula are 4 % (energies) and 7 % (gaps) larger than in "
        "random folds; without an element or a cluster, far larger.",
        "splitting.md",
        "splitting.md",
        "studies/splitting.py",
        "five minutes",
        ("splitting.md",),
    ),
    Study(
        "Standard deviations",
        "Calibrated standard deviations cover 64 to 72 % of errors on unseen "
        "formulas; an ensemble of Gaussian members orders errors best.",
        "uncertainty_quality.md",
        "uncertainty.md",
        "studies/uncertainty.py --only quality",
        "20 minutes",
        ("uncertainty_quality.md",),
        {"uncertainty.png": "uncertainty.png"},
    ),
    Study(
        "Cost of ensembles and queries",
        "Five members on two workers cost 2.97 times one model.",
        "uncertainty_cost.md",
        "uncertainty.md",
        "studies/uncertainty.py --only cost",
        "5 minutes",
        ("uncertainty_cost.md",),
    ),
    Study(
        "Active learning: four networks, four strategies, two sets",
        "The largest uncertainties of Monte Carlo dropout are worse queries "
        "than random ones; `largest_cluster` saves 4 to 20 % of labels for "
        "energies.",
        "active_learning.csv",
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
        "A shared trunk saves cost, not errors: with equal weights formation "
        "energies are 10 to 13 % worse and gaps 1 to 2 % better than alone.",
        "multitask.jsonl",
        "multi-task.md",
        "studies/multitask.py",
        "four hours; resumes",
        ("multitask.md",),
        redraw="studies/multitask.py --report",
    ),
    Study(
        "Metals against crystals with a gap",
        "A classifier is one to two points ahead of a threshold on a predicted gap.",
        "classification.jsonl",
        "classification.md",
        "studies/classification.py",
        "half an hour; resumes",
        ("classification.md",),
        redraw="studies/classification.py --report",
    ),
    Study(
        "Transfer from a trained network",
        "Pre-training lowers errors by 13 % with 50 labels and 5 % with 400; a "
        "frozen trunk is worse than none.",
        "transfer.jsonl",
        "transfer.md",
        "studies/transfer.py",
        "an hour; resumes",
        ("transfer.md",),
        {"transfer.png": "transfer.png"},
        "studies/transfer.py --report",
    ),
    Study(
        "Perturbed copies of crystals",
        "Perturbed copies do not lower errors on Materials Project crystals; on "
        "ideal cubic prototypes strained copies do, by 8 to 10 %.",
        "augmentation.jsonl",
        "periodic-graphs.md",
        "studies/augmentation.py",
        "an hour; resumes",
        ("augmentation.md",),
        redraw="studies/augmentation.py --report",
    ),
    Study(
        "Energy barriers in a metallic glass",
        "CoGN orders the barriers of unseen configurations best, r = 0.800.",
        "glass.md",
        "glass.md",
        "studies/glass.py",
        "three hours; resumes",
        ("glass.md",),
    ),
    Study(
        "Rings around important edges",
        "Important edges lie in more rings than random ones, but not in more "
        "than edges of their length (p = 0.51).",
        "glass_rings.md",
        "glass.md",
        "studies/glass_rings.py",
        "ten minutes, after studies/glass.py",
        ("glass_rings.md",),
        {"glass.png": "glass.png"},
    ),
    Study(
        "Speed and memory relative to PyTorch Geometric",
        "Networks train 3.90 to 11.54 times as fast as the same networks of "
        "PyTorch Geometric (12 neighbours).",
        "speed.md",
        "benchmarks.md",
        "speed/speed.py --threads 2",
        "ten minutes",
        ("speed.md",),
    ),
    Study(
        "Speed relative to other packages",
        "On a CPU networks train 11.69 to 20.19 times as fast as those of "
        "MatGL, SchNetPack and ALIGNN without angles.",
        "peers.md",
        "benchmarks.md",
        "speed/peers.py --threads 2 --crystals 200",
        "half an hour, with their environments",
        ("peers.md",),
    ),
    Study(
        "Reading CIF files",
        "`parse_structures` reads 1,856 crystals/s where pymatgen reads 327.",
        "parsing.md",
        "benchmarks.md",
        "speed/parsing.py",
        "two minutes",
        ("parsing.md",),
    ),
    Study(
        "Half precision and compilation",
        "Neither bfloat16 nor `torch.compile` pays on a CPU.",
        "precision.md",
        "benchmarks.md",
        "speed/precision.py --threads 1 --crystals 128",
        "ten minutes",
        ("precision.md",),
    ),
    Study(
        "Scaling of cost",
        "Cost grows with the number of edges; crystals/s do not depend on the "
        "size of the data set.",
        "growth.csv",
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

Findings, the page with tables and figures of each, and the command that measures it
anew, with its time on two cores. `benchmarks/README.md` lists the
crystals, and where the scripts look for them.

Records of the runs are in `benchmarks/records/`. `make results` draws this page, the
marked tables of the others and their figures from them, and a check before every change
compares all with the records. Where no command redraws a table, its script measures and
prints at once, and the record is what it printed.

| finding | measured by `python benchmarks/...` | record |
| --- | --- | --- |
"""
FOOT = """
Drawn by examples: bonds of a perovskite by importance, in
[explanation.md](explanation.md), by `python examples/plot_explanation.py`; parity of a
first model, by `make demo`.

The table of networks trained on unfiltered data, in [benchmarks.md](benchmarks.md), is
made by `python benchmarks/studies/stability.py --threads 1` (one to two hours); records
of its single runs do not exist.
"""


def main():
    """Redraw all, or see whether the pages are what the records give."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "results"
        shutil.copytree(RECORDS, folder)
        for study in STUDIES:
            if study.redraw:
                redraw(study, folder)
        pages = make_pages(folder)
        if options.check:
            sys.exit(difference(pages))
        for page, text in pages.items():
            (DOCS / page).write_text(text, encoding="utf-8")
        for study in STUDIES:
            for file, known_as in study.figures.items():
                if (folder / file).exists():
                    shutil.copy(folder / file, DOCS / known_as)
    print(f"written: {', '.join(sorted(pages))}")


def redraw(study, folder):
    """Run a script that reads the records in `folder` and writes beside them."""
    script, *arguments = study.redraw.split()
    subprocess.run(
        [sys.executable, _HERE / script, *arguments],
        env={**os.environ, "SKCRYSTAL_RESULTS": str(folder), "MPLBACKEND": "agg"},
        stdout=subprocess.DEVNULL,
        check=True,
    )


def make_pages(folder):
    """Texts of results.md and of all pages with marked tables, by file name."""
    pages, rows = {}, []
    for study in STUDIES:
        if study.page not in pages:
            text = (DOCS / study.page).read_text(encoding="utf-8")
            pages[study.page] = fill(text, folder)
        page = pages[study.page]
        if lost := set(study.tables) - reports_of(page):
            sys.exit(f"docs/{study.page} has no block for {sorted(lost)}")
        if wrong := missing_numbers(study.claim, page):
            sys.exit(f"docs/{study.page} does not have {sorted(wrong)}: {study.claim}")
        rows.append(
            f"| [{study.title}]({study.page}). {study.claim} "
            f"| `{study.command}` ({study.takes}) | `{study.record}` |\n"
        )
    return {**pages, PAGE.name: "".join([HEAD, *rows, FOOT])}


def difference(pages):
    """Lines of pages in docs/ that differ from these texts, or None."""
    lines = []
    for page, text in pages.items():
        old = (DOCS / page).read_text(encoding="utf-8").splitlines()
        lines += difflib.unified_diff(old, text.splitlines(), page, lineterm="", n=0)
    return "\n".join(lines) or None


if __name__ == "__main__":
    main()
