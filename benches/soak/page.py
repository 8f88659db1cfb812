"""Writes the soak as a page of Markdown. Judges nothing: `verdicts` does."""

from __future__ import annotations

from collections.abc import Iterator

from postgres.results import Results
from soak import settings
from soak.plots import PLOTS
from soak.verdicts import SKIPPED, judged
from tables import short, table

__all__ = ["written"]

HEAD = f"""# A soak on Postgres

Whether anything grows while pods work and die: memory, latency, tables.
`make soak` wrote this page; timings are never test assertions.

Server, the one who stores steps and {settings.WORKERS} worker processes share the machine; commits wait for the disk.
The peak is measured first, with steps stored and worked as fast as both go.
Then {settings.SHARE:.0%} of it is asked for, at an even pace; each {settings.KILL_S:.0f} s a worker process, drawn by
lot from all but the first, is ended by `kill -9` and replaced at once.
Ended steps are kept for {settings.KEEP_S} s, so that the tables have a size at which they stay.

## How to read it
- **Growth** is the median slope of all pairs of samples, times the time; the first {SKIPPED:.0%} of it are left out.
  A median, for steps that a dead pod held wait for its rescue, and those few seconds are no trend.
- **Lost** are steps whose `enqueue` returned and which have not ended once the queue is empty.
  **Recorded twice** are ended steps whose row was written again.
  Both are counted by triggers in the database, whatever fleet-q says.
- **RSS** is of each worker; only the first, `rss 0`, lives through all of it.
- **Dead rows** are the server's estimate; vacuum comes when there are enough of them.
"""

METRICS = {
    "rate": "steps/s",
    "p50": "enqueue → start, p50 ms",
    "p99": "enqueue → start, p99 ms",
    "waiting": "steps that wait",
    "rss 0": "RSS of the first worker, MiB",
    "table": "tables, MiB",
    "indexes": "indexes, MiB",
    "dead": "dead rows",
}


def written(results: Results) -> str:
    """Give the page."""
    facts = {**results.facts, "versions": ", ".join(results.versions), "command": f"`{settings.COMMAND}`"}
    short_run = f"**{settings.MINUTES:g} minutes only, which is too short for the verdicts on growth.**\n"
    parts = [short_run] if settings.QUICK else []
    parts += [HEAD, "## Where", ""]
    parts += table(["what", "which"], [[name, fact] for name, fact in facts.items()])
    samples = results.samples["soak"].get("samples", [])
    end = results.samples["soak"].get("end", [{}])[-1]
    rows = [[one.what, one.found, one.asked, "yes" if one.holds else "**no**"] for one in judged(samples, end)]
    parts += ["", "## Verdicts", "", *table(["", "measured", "limit", "holds"], rows)]
    parts += ["", "## What happened", "", *_happened(results), "", *_spread(results)]
    if not settings.QUICK:
        parts += ["", *(f"![{name}](soak-{name}.svg)\n" for name in PLOTS)]
    return "\n".join(parts) + "\n"


def _happened(results: Results) -> list[str]:
    found = {**results.samples["soak"].get("peak", [{}])[-1], **results.samples["soak"].get("end", [{}])[-1]}
    names = {
        "peak": "peak, steps/s",
        "asked": "asked for, steps/s",
        "accepted": "accepted",
        "completed": "completed",
        "otherwise": "failed or cancelled",
        "again": "begun once more, after a kill",
    }
    rows = [[title, f"{found[name]:,.0f}"] for name, title in names.items() if name in found]
    return table(["what", "how many"], [*rows, ["kills", f"{len(results.samples['soak'].get('kills', []))}"]])


def _spread(results: Results) -> Iterator[str]:
    """Show each measure at the begin, in the middle of all samples, at its highest and at the end."""
    samples = results.samples["soak"].get("samples", [])
    rows = []
    for metric, title in METRICS.items():
        figure = results.figure(("soak", "samples", metric))
        seen = [sample[metric] for sample in samples if metric in sample]
        if figure and seen:
            rows.append([title, *map(short, (seen[0], figure.median, figure.most, seen[-1]))])
    yield from table(["", "first", "median", "most", "last"], rows)
