"""Words of docstrings, comments and messages: the field's, no private language."""

import re
from collections import Counter
from pathlib import Path

import pytest

import skcrystal

ROOT = Path(skcrystal.__file__).parent
FOLDERS = sorted(
    {path.parent.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py")}
)
# Words for which the field has better ones: messages are aggregated, not heard.
PRIVATE = re.compile(
    r"\b(hears?|heard|alike|told|tells|taught|asked|whatever|nobody)\b"
    # "is not a number", but "there is no number"
    r"|(?<!there )\b(?:is|are|was|were) no (?!longer|more|less)\w+",
    re.IGNORECASE,
)
# Right in a sentence now and then, a riddle in every one; at most so many together in
# a thousand lines.
SPARSE = {"what": r"what", "others": r"kept|keeps|says|said|nothing|beside"}
MOST = 3
# Text in which a private word is the right one, by file
ALLOWED: dict[str, tuple[str, ...]] = {}


def join_lines(text):
    """Text with line breaks, and the signs of comments behind them, as spaces."""
    return re.sub(r"\s+(?:# )?", " ", text)


def texts(folder):
    """Names and texts of the modules of a folder."""
    for path in sorted((ROOT / folder).glob("*.py")):
        yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_private_words(folder):
    found = [
        f"{name}: ...{text[max(0, match.start() - 30) : match.end() + 30]}..."
        for name, lines in texts(folder)
        for text in [join_lines(lines)]
        for match in PRIVATE.finditer(text)
        if not any(
            part in text[max(0, match.start() - 60) : match.end() + 60]
            for part in ALLOWED.get(name, ())
        )
    ]
    assert found == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_sparse_words_are_sparse(folder):
    counts, n_lines = Counter(), 0
    for _, text in texts(folder):
        n_lines += text.count("\n")
        for kind, words in SPARSE.items():
            counts[kind] += len(re.findall(rf"\b(?:{words})\b", text, re.IGNORECASE))
    most = max(2, MOST * n_lines / 1000)  # two in a folder of any size
    assert {kind: n for kind, n in counts.items() if n > most} == {}


def test_allowed_lines_exist():
    for name, parts in ALLOWED.items():
        text = join_lines((ROOT / name).read_text(encoding="utf-8"))
        assert all(part in text for part in parts)


def test_words_are_found_across_line_breaks():
    assert PRIVATE.search("an atom hears of it")
    assert PRIVATE.search(join_lines("    # which is\n    # no norm"))
    assert not PRIVATE.search("there is no norm, which is no longer shown")
