"""Words of docstrings, comments and messages: the field's, no private language."""

import re
from collections import Counter
from pathlib import Path

import pytest

import skcrystal

ROOT = Path(skcrystal.__file__).parent
# Folders whose prose is still to be edited; strike a folder when it passes.
NOT_DONE = {
    "estimators",
    "estimators/targets",
    "estimators/training",
}
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
# Lines with a private word that is right there: by file, parts of the text
ALLOWED: dict[str, tuple[str, ...]] = {}


def texts(folder):
    """Text of each module of a folder, in which a line break is a space."""
    for path in sorted((ROOT / folder).glob("*.py")):
        text = path.read_text(encoding="utf-8")
        yield path.relative_to(ROOT).as_posix(), re.sub(r"\s+(?:# )?", " ", text), text


def each_folder():
    return [
        pytest.param(
            folder,
            marks=pytest.mark.skipif(folder in NOT_DONE, reason="not edited yet"),
        )
        for folder in FOLDERS
    ]


@pytest.mark.parametrize("folder", each_folder())
def test_no_private_words(folder):
    found = [
        f"{name}: ...{text[max(0, match.start() - 30) : match.end() + 30]}..."
        for name, text, _ in texts(folder)
        for match in PRIVATE.finditer(text)
        if not any(
            part in text[max(0, match.start() - 60) : match.end() + 60]
            for part in ALLOWED.get(name, ())
        )
    ]
    assert found == []


@pytest.mark.parametrize("folder", each_folder())
def test_sparse_words_are_sparse(folder):
    counts, n_lines = Counter(), 0
    for _, joined, text in texts(folder):
        n_lines += text.count("\n")
        for kind, words in SPARSE.items():
            counts[kind] += len(re.findall(rf"\b(?:{words})\b", joined, re.IGNORECASE))
    # Two in a folder of any size
    assert all(count <= max(2, MOST * n_lines / 1000) for count in counts.values())


def test_exceptions_exist():
    assert set(FOLDERS) >= NOT_DONE
    for name, parts in ALLOWED.items():
        text = (ROOT / name).read_text(encoding="utf-8")
        assert all(part in re.sub(r"\s+(?:# )?", " ", text) for part in parts)


def test_words_are_found_across_line_breaks():
    assert PRIVATE.search("an atom hears of it")
    assert PRIVATE.search("norm='group' is no norm")
    assert not PRIVATE.search("there is no norm, which is no longer shown")
