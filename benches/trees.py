"""Looks at processes and all their descendants: memory and processor time. Starts and ends none."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

__all__ = ["cpu_s", "rss_mib", "tree"]

TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


def rss_mib(pid: int) -> float:
    """Give the resident memory of a process and its descendants; what they share counts for each."""
    sizes = (re.search(r"^VmRSS:\s+(\d+) kB", _read(one, "status"), re.MULTILINE) for one in tree(pid))
    return sum(int(found[1]) for found in sizes if found) / 1024


def cpu_s(pid: int) -> float:
    """Give the processor time that a process, its descendants and its ended children have used."""
    return sum(_cpu_ticks(one) for one in tree(pid)) / TICKS_A_SECOND


def tree(pid: int) -> Iterable[int]:
    """Name a process and its descendants."""
    yield pid
    # Any thread may have started one.
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in _read(pid, children.relative_to(f"/proc/{pid}")).split():
            yield from tree(int(child))


def _cpu_ticks(pid: int) -> int:
    # Behind the name, which may hold anything: utime, stime, cutime, cstime are the 14th to the 17th field.
    fields = _read(pid, "stat").rpartition(")")[2].split()
    return sum(map(int, fields[11:15]))


def _read(pid: int, name: str | Path) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text()
    except OSError:  # it has ended
        return ""
