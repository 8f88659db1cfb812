"""Writes what was measured as a page of Markdown, beside what was before. Judges nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from figures import Figure
from postgres.results import Results
from postgres.targets import OURS, PEER, Verdict, judged
from tables import short, table

__all__ = ["kept", "read_kept", "written"]

HEAD = """# Benchmarks on Postgres

What one machine did, and how to let yours do it.
`make bench STORE=postgres` wrote this page; timings are never test assertions.

Server, caller and workers share the machine; commits wait for the disk, as Postgres does unless it is told otherwise.
Contenders take turns within each repetition, each in a fresh database; compare only figures of one page.
Each figure is the median of {times} runs, with least and most in brackets.
The task is an `async def` that does nothing, with a small JSON argument.
"""

READING = """
## How to read it
- The **limit** is what the same machine did in the same run without a queue: for drains and latency the bare loop,
  for single enqueues a plain `insert` by pgbench with 1 or 32 clients, for bulk `insert … select unnest` and `copy` by
  psycopg, for the hand-off one commit of pgbench, for bodies outside the event loop Python's own executor of the same
  size, without any database.
- The **bare loop** is no queue: asyncpg and a table, without retries, beats, fences or logs.
- **drain** is a stored backlog, from the first body's begin until the last outcome is stored.
  Its statements, transactions, bytes of write-ahead log and processor time of the workers are per step.
- **Statements** are counted in the server's log, transactions in `pg_stat_database`.
- **WAL** holds the images of pages that Postgres writes after a checkpoint; there is one before each enqueue.
- **enqueue → start** is from before the call to the body's first line in an idle worker of another process, one step
  every 50 ms.
- **RSS** is of one worker and its children, after one step, and at the end of a drain of {long} steps, made once.
- **Threads and processes**: fleet-q and the executor each have the same number of them.
"""

METRICS = {
    "rate": "steps/s",
    "p50": "p50 ms",
    "p95": "p95 ms",
    "p99": "p99 ms",
    "statements": "statements",
    "transactions": "transactions",
    "wal": "WAL bytes",
    "cpu_us": "CPU µs",
    "rss": "RSS MiB",
}
SCENES = {
    "enqueue one": "Enqueue one by one",
    "enqueue sync": "`enqueue_sync` one by one",
    "enqueue callers": "Enqueue, 100 callers at once",
    "enqueue bulk": "Bulk enqueue, a thousand at once",
    "drain 1": "Drain, 1 process",
    "drain 2": "Drain, 2 processes",
    "latency": "Enqueue → start, another process",
    "latency inside": "Enqueue → start, the same process",
    "idle": "Idle worker (transactions per second)",
    "bodies thread": "`def` in 8 threads",
    "bodies process": '`run="process"`, 2 processes',
    "long": "A long drain",
}


def written(results: Results, before: dict[str, Any], *, command: str, quick: bool, long: int) -> str:
    """Give the page; `before` is what `kept` gave of an earlier run."""
    times = max((len(runs) for by_name in results.samples.values() for runs in by_name.values()), default=0)
    parts = ["**A quick run: a small part of the work. Not for comparing.**\n"] if quick else []
    parts += [HEAD.format(times=times), "## Where", ""]
    facts = {**results.facts, "versions": ", ".join(results.versions), "command": f"`{command}`"}
    parts += table(["what", "which"], [[name, fact] for name, fact in facts.items()])
    parts += ["", *table(["who", "how it ran"], [[f"**{name}**", how] for name, how in results.how.items()])]
    verdicts = judged(results)
    parts += ["", "## Targets", "", *_targets(results, verdicts)]
    parts += [f"\nNot measured: {what}: {why}" for what, why in results.missing.items()]
    if not quick:
        parts += ["", *(f"![{what}](postgres-{what}.svg)" for what in ("throughput", "latency", "costs"))]
    parts += _before_and_after(results, before, verdicts)
    for scene, title in SCENES.items():
        if results.samples.get(scene):
            parts += ["", f"## {title}", "", *_scene(results, scene)]
    return "\n".join(parts) + "\n" + READING.format(long=f"{long:,}")


def kept(results: Results) -> dict[str, Any]:
    """Give what the page of a later change is compared with."""
    rows = {
        verdict.target.what: [verdict.ours.median, verdict.to_limit()] for verdict in judged(results) if verdict.ours
    }
    return {"commit": results.facts.get("commit", "unknown"), "rows": rows}


def read_kept(file: Path) -> dict[str, Any]:
    """Read what was kept, if anything was."""
    return dict(json.loads(file.read_text())) if file.exists() else {}


def _targets(results: Results, verdicts: Sequence[Verdict]) -> list[str]:
    head = ["", "limit", PEER, "gylo", f"**{OURS}**", "÷ limit", f"÷ {PEER}", "target", "reached"]
    rows = []
    for verdict in verdicts:
        target = verdict.target
        gylo = results.figure((target.scene, "gylo", target.metric))
        row = [target.what, _median(verdict.limit), _median(verdict.peer), _median(gylo), f"**{verdict.ours or '–'}**"]
        reached = {True: "yes", False: "**no**", None: "–"}[verdict.reached]
        rows.append([*row, _times(verdict.to_limit()), _times(verdict.to_peer()), target.asked(), reached])
    return table(head, rows)


def _before_and_after(results: Results, before: dict[str, Any], verdicts: Sequence[Verdict]) -> Iterator[str]:
    """Compare ratios to the limit of the same run: two runs are not of one pace."""
    if not before or before["commit"] == results.facts.get("commit"):
        return
    yield from ["", f"## Before and after: {before['commit']} and {results.facts.get('commit')}", ""]
    rows = []
    for verdict in verdicts:
        then = before["rows"].get(verdict.target.what)
        if then and verdict.ours:
            now = [short(verdict.ours.median), _times(verdict.to_limit())]
            rows.append([verdict.target.what, short(then[0]), _times(then[1]), *now])
    yield from table(["", "before", "÷ limit", "now", "÷ limit"], rows)


def _scene(results: Results, scene: str) -> list[str]:
    by_name = results.samples[scene]
    metrics = [metric for metric in METRICS if any(metric in runs[0] for runs in by_name.values())]
    rows = [
        [f"**{name}**" if name == OURS else name, *(str(results.figure((scene, name, one)) or "–") for one in metrics)]
        for name in by_name
    ]
    return table(["", *(METRICS[metric] for metric in metrics)], rows)


def _median(figure: Figure | None) -> str:
    return short(figure.median) if figure else "–"


def _times(ratio: float | None) -> str:
    return "–" if ratio is None else f"{ratio:.2f}"
