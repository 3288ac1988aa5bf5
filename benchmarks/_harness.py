"""Folders of results, records of single runs, and reports.

Results are written to ``results/``. A long study has a file there with a line of JSON
for each finished run, and does not repeat a run that has one.
"""

import argparse
import ast
import hashlib
import json
import os
from pathlib import Path

_HERE = Path(__file__).resolve().parent
DOCS = _HERE.parent / "docs"
RECORDS = _HERE / "records"  # of the runs that docs/ tells of
# `redraw.py` has tables and figures made of records somewhere else.
FOLDER = Path(os.environ.get("SKCRYSTAL_RESULTS") or _HERE / "results")


# The command line


def study_parser(doc, seeds, quick=None):
    """Parser with the options that resumable studies share.

    Parameters
    ----------
    doc : str
        Docstring of the script, whose first line describes it.
    seeds : list of int
        Default of ``--seeds``.
    quick : str, optional
        What ``--quick`` does; without it there is no such option.
    """
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--seeds", nargs="+", type=int, default=seeds)
    parser.add_argument("--report", action="store_true", help="run nothing")
    if quick is not None:
        parser.add_argument("--quick", action="store_true", help=quick)
    return parser


def assignments(texts):
    """Read ``name=value`` pairs; a value that is not a Python literal is text."""
    values = {}
    for text in texts:
        name, _, value = text.partition("=")
        try:
            values[name] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            values[name] = value
    return values


# Records of runs


def records_path(stem, quick=False):
    """File of the records of a study; quick runs have a file of their own."""
    return FOLDER / f"{stem}{'-quick' if quick else ''}.jsonl"


def identify(config):
    """Name of a run, from everything that decides its result."""
    text = json.dumps(config, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def read(path):
    """Records of finished runs, the latest of each."""
    if not path.exists():
        return []
    records = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return list({record["id"]: record for record in records}.values())


def append(path, record):
    """Add a line to the file, so that the run survives an interruption."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")


def run_missing(path, configs, measure, shown):
    """Run every configuration that the file has no record of, and record it.

    Parameters
    ----------
    path : Path
        File of the records.
    configs : iterable of dict
        What decides the result of each run, in the order in which to run them.
    measure : callable
        From a configuration to a dict of results that JSON can hold, or None if the run
        failed, which is then not recorded.
    shown : tuple of str
        Keys of a configuration that are printed with its result.
    """
    known = {record["id"] for record in read(path)}
    for config in configs:
        name = identify(config)
        if name in known:
            continue
        result = measure(config)
        if result is not None:
            append(path, {"id": name, "config": config, **result})
        text = ", ".join(f"{key} {config[key]}" for key in shown)
        print(f"{text}: {'failed' if result is None else result}", flush=True)


# Reports


def save_report(lines, path):
    """Write the lines of a report, and say where."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"\nsaved as {os.path.relpath(path)}", flush=True)


def print_report(lines, path):
    """Print the lines of a report, and write them to a file."""
    lines = [*lines]
    print("\n".join(lines))
    save_report(lines, path)


def mean_and_std(values, form, sign=""):
    """Text of a mean and, of several numbers, of their standard deviation.

    Parameters
    ----------
    values : Series
        NaN is left out.
    form : str
        Format of both.
    sign : str, default=""
        "+" for changes: the sign of the mean is then always written.
    """
    values = values.dropna()
    if values.empty:
        return ""
    std = f" ± {values.std():{form}}" if len(values) > 1 else ""
    return f"{values.mean():{sign}{form}}{std}"
