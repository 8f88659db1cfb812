"""Writes what stress did as a page of Markdown. Judges nothing: `verdicts` does."""

from __future__ import annotations

from collections.abc import Iterator

from postgres.results import Results
from stress import settings
from stress.scenes import RATES, WINDOWS
from stress.verdicts import Verdict, handful, held, many_pods
from tables import short, table

__all__ = ["judged", "written"]

HEAD = f"""# Under stress on Postgres

Whether throughput degrades or collapses: many pods on one queue, one step for many idle pods, an old snapshot.
`make bench-stress` wrote this page; timings are never test assertions.

Server, callers and workers share the machine; commits wait for the disk, as Postgres does unless it is told otherwise.
Pods are in up to eight processes, from eight pods on with several pods each; bodies do nothing.

## How to read it
- **Pods on one queue**: all are there and idle when a backlog appears, which is stored in one transaction.
  Of the bodies in the order of their beginnings the first and the last tenth are left out.
  *Up to speed* is the same of those that begin in the later half of the time: a pod takes what it has places for at
  first, and more as it sees how fast bodies end. Statements and transactions are counted in the server's log.
- **One step for idle pods**: a step is stored by SQL, with one notification.
  *after* are the transactions of all pods in the second from then on, *idle* those of a second without it.
- **An old snapshot**: a transaction that has read the steps stays open, as that of a report or a dump does, while
  steps are stored and worked as fast as both go. Postgres may not remove any dead row meanwhile.
  The last rate is that of the last fifth of the time, when most has gathered; the time has {WINDOWS} parts in the plot.
"""


def judged(results: Results) -> list[Verdict]:
    """Give the verdicts of what was measured."""
    found = [many_pods(_medians(results, metric), when) for metric, when in RATES.items()]
    found.append(handful(_median(results, "wakes", "idle pods", "woken")))
    for metric, what in (("rate", "whole time"), ("last", "last fifth")):
        beside, without = (_median(results, "held", name, metric) for name in ("snapshot", "nothing"))
        found.append(held(beside, without, what))
    return [one for one in found if one]


def written(results: Results) -> str:
    """Give the page."""
    facts = {**results.facts, "versions": ", ".join(results.versions), "command": f"`{settings.COMMAND}`"}
    parts = ["**A quick run: not for comparing.**\n"] if settings.QUICK else []
    parts += [HEAD, "## Where", ""]
    parts += table(["what", "which"], [[name, fact] for name, fact in facts.items()])
    parts += [f"\nNot measured: {what}: {why}" for what, why in results.missing.items()]
    parts += ["", "## Targets", ""]
    rows = [[one.what, one.found, one.asked, "yes" if one.reached else "**no**"] for one in judged(results)]
    parts += table(["", "measured", "target", "reached"], rows)
    parts += _pods(results)
    parts += _wakes(results)
    parts += _held(results)
    return "\n".join(parts) + "\n"


def _pods(results: Results) -> Iterator[str]:
    counted = ("statements", "transactions")
    lines = {metric: results.line("pods", metric) for metric in (*RATES, *counted)}
    best = {metric: max(_medians(results, metric).values(), default=0.0) for metric in RATES}
    if not all(best.values()):
        return
    yield "\n## Pods on one queue\n"
    if not settings.QUICK:
        yield "![Pods on one queue](postgres-stress-pods.svg)\n"
    rows = []
    for x in lines["rate"]:
        rates = [(lines[metric][x], f"{lines[metric][x].median / best[metric]:.2f}") for metric in RATES]
        cost = [str(lines[metric].get(x, "–")) for metric in counted]
        rows.append([short(x), *(str(cell) for pair in rates for cell in pair), *cost])
    heads = [head for when in RATES.values() for head in (f"{when}, steps/s", "÷ best")]
    yield from table(["pods", *heads, *(f"{metric} per step" for metric in counted)], rows)


def _wakes(results: Results) -> Iterator[str]:
    figures = [results.figure(("wakes", "idle pods", metric)) for metric in ("idle", "after", "woken")]
    if not all(figures):
        return
    yield "\n## One step for idle pods\n"
    heads = ["idle, transactions/s", "after, in a second", "more than idle"]
    yield from table(["pods", *heads], [[results.facts["idle pods"], *map(str, figures)]])


def _held(results: Results) -> Iterator[str]:
    if not results.samples.get("held"):
        return
    yield "\n## An old snapshot\n"
    if not settings.QUICK:
        yield "![Beside an old snapshot](postgres-stress-snapshot.svg)\n"
    yield f"Full load for {results.facts['held']}.\n"
    rows = []
    for name in results.samples["held"]:
        figures = [results.figure(("held", name, metric)) for metric in ("rate", "last", "dead")]
        rows.append([name, *(short(one.median) if one else "–" for one in figures)])
    yield from table(["held", "steps/s", "last, steps/s", "dead rows at the end"], rows)


def _medians(results: Results, metric: str) -> dict[float, float]:
    return {x: one.median for x, one in results.line("pods", metric).items()}


def _median(results: Results, scene: str, name: str, metric: str) -> float | None:
    found = results.figure((scene, name, metric))
    return found.median if found else None
