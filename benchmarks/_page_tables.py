"""Marked blocks of the pages in docs/, filled with tables of the studies' reports.

A block begins with a comment that names a report, and may name one of its tables, in
order, and the columns to show. It ends with another comment:

    <!-- accuracy.md, table 2, columns 1-10 -->
    <!-- end of table -->
"""

import re

_BLOCK = re.compile(
    r"(?P<begin><!-- (?P<report>\w+\.md)(, table (?P<table>\d+))?"
    r"(, columns (?P<columns>\d+-\d+))? -->\n)"
    r".*?(?P<end><!-- end of table -->)",
    re.DOTALL,
)


def fill(page, folder):
    """Text of a page with its blocks taken from the reports in `folder`."""

    def block(found):
        report = (folder / found["report"]).read_text(encoding="utf-8")
        text = re.sub(r"\A# .*\n+", "", report.strip())  # the page has its own title
        if found["table"]:
            tables = re.findall(r"^\|.*\|$(?:\n\|.*\|$)*", text, flags=re.MULTILINE)
            text = tables[int(found["table"]) - 1]
        if found["columns"]:
            first, last = map(int, found["columns"].split("-"))
            rows = [line.strip("|").split("|") for line in text.splitlines()]
            text = "\n".join(f"|{'|'.join(row[first - 1 : last])}|" for row in rows)
        text = re.sub(r"(\b[A-Z]\w*Error): [^|]*", r"\1 ", text)  # without the message
        return f"{found['begin']}\n{text}\n\n{found['end']}"

    return _BLOCK.sub(block, page)


def reports_of(page):
    """Names of the reports of which a page shows tables."""
    return {found["report"] for found in _BLOCK.finditer(page)}


def missing_numbers(claim, page):
    """Numbers of a claim that the page does not have."""
    numbers = r"\d+(?:[.,]\d+)*"
    return set(re.findall(numbers, claim)) - set(re.findall(numbers, page))
