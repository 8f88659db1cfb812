"""Reads what a run of scenarios said: which failed, by whose word. Only an assertion of theirs counts."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import NamedTuple

__all__ = ["Verdict", "read"]

UUID = re.compile(r"\b[0-9a-f]{8}(?:-?[0-9a-f]{4}){3}-?[0-9a-f]{12}\b")


class Verdict(NamedTuple):
    """How one test ended."""

    test: str
    how: str
    """`passed`, `failed`, or why that cannot be said: `broken`, `skipped`."""
    findings: tuple[str, ...]
    """What it found, the first first."""
    seconds: float


def read(report: Path) -> list[Verdict]:
    """Read a report in JUnit's form; without one, nothing can be said of anything."""
    if not report.exists():
        return []
    # Our own pytest wrote it.
    return [_verdict(case) for case in ET.parse(report).iter("testcase")]  # noqa: S314


def _verdict(case: ET.Element) -> Verdict:
    name, seconds = case.get("name", ""), float(case.get("time", "0"))
    failure = case.find("failure")
    if failure is None:
        how = next((kind for kind in ("error", "skipped") if case.find(kind) is not None), "passed")
        return Verdict(name, "broken" if how == "error" else how, (), seconds)
    said = failure.get("message") or ""
    # A scenario that could not make its fault proves nothing, and neither does any other exception.
    proves = said.startswith(("AssertionError: ", "assert ")) and "inconclusive" not in said.partition("\n")[0]
    return Verdict(name, "failed" if proves else "broken", _findings(said.removeprefix("AssertionError: ")), seconds)


def _findings(said: str) -> tuple[str, ...]:
    lines = [UUID.sub("…", line) for line in said.splitlines() if line.strip()]
    # The checker counts its findings first, and gives the ends of the logs last.
    if lines and re.fullmatch(r"\d+ findings", lines[0]):
        del lines[0]
    logs = next((n for n, line in enumerate(lines) if line.startswith("--- ")), len(lines))
    return tuple(lines[:logs])
