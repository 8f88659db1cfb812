"""Writes the curves as a page of Markdown. Its sentences hold whatever the figures are; the bends are computed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from curves import settings
from curves.knees import EDGE, ENOUGH, FALLEN, knee
from curves.plan import Curve
from figures import Figure
from postgres.results import Results
from tables import short, table

__all__ = ["written"]

HEAD = f"""# Curves on Postgres

How throughput and latency change with sizes, on one machine; and how to let yours draw them.
`make bench-curves` wrote this page; timings are never test assertions.

Server, callers and workers share the machine; commits wait for the disk, as Postgres does unless it is told otherwise.
{{figures}}

## How to read it
- **steps/s** is the rate of the bodies in the middle of a backlog: the first and the last {100 // EDGE} % of those that
  began are left out, for processes start and backlogs end one after the other.
- **p50 and p99** are of single steps, one every few ms, to pods that have nothing to do, from before the call to the
  body's first line in another process; or, where the table says so, of the calls that store.
- The **knee** is computed.
  *Enough* is the least x that gives {ENOUGH:.0%} of the best rate: whoever goes on gains at most the rest.
  *Fallen* is the first x beyond the best from which on every rate is below {FALLEN:.0%} of it.
  In the plots the first is a dashed line, the second a dotted one.
- Backlogs and ended steps were loaded by SQL.
"""

METRICS = {
    "rate": "steps/s",
    "p50": "p50 ms",
    "p99": "p99 ms",
    "mb": "MB/s",
    "most": "most",
    "share": "share",
    "connections": "connections",
}


def written(results: Results, curves: Sequence[Curve]) -> str:
    """Give the page."""
    times = max((len(runs) for by_name in results.samples.values() for runs in by_name.values()), default=0)
    facts = {**results.facts, "versions": ", ".join(results.versions), "command": f"`{settings.COMMAND}`"}
    parts = ["**A quick run: not for comparing.**\n"] if settings.QUICK else []
    parts += [HEAD.format(figures=_figures(times)), "## Where", ""]
    parts += table(["what", "which"], [[name, fact] for name, fact in facts.items()])
    parts += [f"\nNot measured: {what}: {why}" for what, why in results.missing.items()]
    parts += ["", "## The knees", "", *_knees(results, curves)]
    for curve in curves:
        parts += ["", f"## {curve.title}", "", *_curve(results, curve)]
    return "\n".join(parts) + "\n"


def _knees(results: Results, curves: Sequence[Curve]) -> list[str]:
    rows = []
    for curve in curves:
        if bend := knee(_medians(results, curve)):
            fallen = "–" if bend.fallen_at is None else short(bend.fallen_at)
            best = f"{short(bend.best)} at {short(bend.best_at)}"
            rows.append([f"{curve.title} ({curve.axis})", best, short(bend.enough_at), fallen])
    return table(["over", "best, steps/s", "enough", "fallen"], rows)


def _curve(results: Results, curve: Curve) -> Iterator[str]:
    lines = {metric: results.line(curve.name, metric) for metric in METRICS}
    known = [metric for metric in METRICS if lines[metric]]
    if not known:
        yield "Not measured."
        return
    if not settings.QUICK:
        yield f"![{curve.title}](postgres-curve-{curve.name}.svg)\n"
    yield f"{curve.means}\n"
    yield f"{_bend(results, curve)}\n"
    heads = [f"{curve.late}, {METRICS[one]}" if one in {"p50", "p99"} else METRICS[one] for one in known]
    rows = [[short(x) if x else "0", *(_cell(lines[metric].get(x)) for metric in known)] for x in lines["rate"]]
    yield from table([curve.axis, *heads], rows)


def _bend(results: Results, curve: Curve) -> str:
    """Say in a sentence where it bends."""
    bend = knee(_medians(results, curve))
    if bend is None:
        return ""
    best = f"The best is {short(bend.best)} steps/s at {short(bend.best_at)}"
    enough = f"{ENOUGH:.0%} of it is reached at **{short(bend.enough_at)}**"
    if bend.fallen_at is None:
        return f"{best}; {enough}; up to the last point it does not stay below {FALLEN:.0%}."
    return f"{best}; {enough}; from **{short(bend.fallen_at)}** on it is below {FALLEN:.0%}."


def _figures(times: int) -> str:
    if times == 1:
        return "Each figure is of one run: neighbours on a curve differ by a tenth and more from run to run."
    return f"Each figure is the median of {times} runs, least and most in brackets; points of one curve take turns."


def _medians(results: Results, curve: Curve) -> dict[float, float]:
    return {x: one.median for x, one in results.line(curve.name, "rate").items()}


def _cell(figure: Figure | None) -> str:
    return "–" if figure is None else str(figure)
