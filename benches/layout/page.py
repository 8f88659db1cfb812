"""Writes what was measured as a page of Markdown. Judges nothing."""

from __future__ import annotations

from collections.abc import Mapping

from layout import settings, tables
from layout.layouts import layouts
from layout.loads import loads
from layout.results import Results
from layout.tables import table

__all__ = ["written"]

HEAD = """# Layouts of STEP_TRACKER on Postgres

What the ways to lay out the queue's table cost under the loads that make queues slow.
`make bench-layout` wrote this page; what was decided from it is in
[decision 0006](../decisions/0006-postgres-layout.md).

The statements are the store's own, with the values a pod sends, each planned anew as the store has it planned.
Buffers are 8 KiB pages touched, in memory or not, as `explain (analyze, buffers)` counts them for the whole statement.
Buffers and bytes of write-ahead log hardly vary; microseconds do, for other work shared the two cores.
Layouts took turns, so that this hit all alike; each figure is a median, of {repeats} where a load is quick to measure.
A dash is what was not measured.
"""

READING = """
## How to read it
- In every load {working:,} steps are pending and {claimed:,} claimed by eleven living pods, beside what it names.
  Tasks, queues and priorities are mixed: 20 tasks, 8 queues, three priorities.
- A **cycle** is what a pod sends when it wants work: `pod_alive`, `promote`, `claim`, `next_due`.
- Each run is rolled back. What it wrote stays as dead versions, so a repetition reads a little more, and hints that
  the first run set are there for it.
- **An old snapshot** is a repeatable-read transaction that has read the table before the steps were worked.
  **An old transaction** has written, and reads nothing. Both stay open while {worked:,} steps are enqueued, claimed
  and finished, for at least {hold} s, through a `vacuum`, and during all that is measured.
- **Drain** is two connections that claim {batch} and finish {batch} in each transaction, for up to {seconds} s.
  `moved` moves finished steps on a third connection meanwhile, as a leader would.
- A run that was taken up again measured some layouts later than others. Compare their buffers, but rates only where
  they ran by turns; the decision names which did.
- **WAL** is read record by record from the log; images of whole pages, which the first change of a page after a
  checkpoint writes, stand apart.
"""


def written(results: Results) -> str:
    """Give the page."""
    parts = [HEAD.format(repeats=settings.ROUNDS * settings.REPEATS).rstrip("\n")]
    if not settings.IS_FULL:
        parts.insert(0, "**A quick run: a part of the rows. Not for comparing.**\n")
    parts += ["", "## Where", "", *table(["what", "which"], [[name, fact] for name, fact in _facts(results).items()])]
    parts += ["", "## The layouts", ""]
    parts += [f"- **{layout.name}**: {layout.title}{_day(layout.commit)}." for layout in layouts()]
    for title, text, rows in tables.every(results):
        parts += ["", f"## {title}", "", *([text, ""] if text else []), *rows]
    text = READING.format(
        working=settings.WORKING,
        claimed=tables.CLAIMED,
        worked=settings.WORKED,
        hold=settings.HOLD_SECONDS,
        batch=tables.BATCH,
        seconds=settings.DRAIN_SECONDS,
    )
    return "\n".join(parts) + "\n" + text


def _day(commit: str) -> str:
    return f", with the statements of {commit}" if commit else ", with today's statements"


def _facts(results: Results) -> Mapping[str, str]:
    spans = {what: results.span(what) for what in ("cycle", "drained", "lookup")}
    averages = ", ".join(f"{what} {span[0]:.1f}–{span[1]:.1f}" for what, span in spans.items() if span)
    sizes = (
        f"LAYOUT_FINISHED={settings.FINISHED} LAYOUT_PENDING={settings.PENDING} LAYOUT_SCHEDULED={settings.SCHEDULED}"
    )
    return {
        **results.facts,
        "load average while measuring": averages,
        "loads": ", ".join(load.name for load in loads()),
        "command": f"`{sizes} make bench-layout`",
    }
