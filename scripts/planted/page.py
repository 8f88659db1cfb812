"""Spells the table of planted defects, and keeps it on its page of the docs. Judges nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from textwrap import shorten

from planted.defects import Defect
from planted.tree import ROOT
from planted.verdict import Verdict

__all__ = ["PAGE", "row", "table", "write"]

PAGE = ROOT / "docs" / "concepts" / "planted-defects.md"
HEAD = "| guard taken out | the change, in words | found by | how it showed |\n|---|---|---|---|\n"
FINDING_MAX = 120
TABLE = re.compile(r"(?<=<!-- make planted -->\n).*?(?=<!-- end -->)", re.DOTALL)


def row(defect: Defect, verdicts: Sequence[Verdict]) -> str:
    """Spell one line of the table."""
    files = dict.fromkeys(scenario.partition("::")[0] for scenario in defect.scenarios)
    found = dict.fromkeys(finding for verdict in verdicts for finding in _telling(defect, verdict))
    shown = "; ".join(shorten(finding, FINDING_MAX, placeholder=" …") for finding in found) or "NOT CAUGHT"
    places = ", ".join(f"`tests/python/acceptance/{file}`" for file in files)
    return f"| {defect.guard} | {defect.change} | {places} | {shown.replace('|', '/')} |\n"


def _telling(defect: Defect, verdict: Verdict) -> list[str]:
    """Give the first finding that is about the guard."""
    return [finding for finding in verdict.findings if re.search(defect.shows, finding)][:1]


def table(rows: Sequence[str]) -> str:
    """Put the lines together."""
    return HEAD + "".join(rows)


def write(rows: Sequence[str]) -> None:
    """Put the table on its page."""
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(TABLE.sub(lambda _: table(rows), page), encoding="utf-8")
