"""Writes what was measured as a page of Markdown. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from measuring import Measured

__all__ = ["written"]

HEAD = """# Benchmarks on SQLite

What one machine did, and how to let yours do it.
`make bench` wrote this page; timings are never test assertions.

Every queue ran with WAL and `synchronous=FULL` on the same file system, one after the other.
fleet-q's workers ran with `CAPACITY_THRESHOLD=1.0` instead of 0.8, so that `max_parallelism` is the number of slots.
Each figure is the median of {times} runs, with least and most in brackets; compare only figures of one page.

## Where
"""

READING = """
## How to read it
- **enqueue** is one process: *one by one* waits for each step, *100 callers* are coroutines that each wait too.
- **drain** is a backlog of steps that do nothing, from the first body's begin until the last outcome is stored.
  For huey and raquel it ends at the last body's begin.
- **latency** is milliseconds from before `enqueue` to the body's first line in an idle worker of another process.
  It is p50 / p99, with one step every 20 ms.
- **RSS** is MiB of one worker, idle and at the end of a drain.
- The **bare loop** is no queue: Python's `sqlite3`, no retries, beats, fences or logs.
  It claims so many rows at once and finishes them with the next claim, so it bounds what batching can give.
- huey and raquel run one job at a time in one worker and poll every 20 ms.
- All of it waits for the disk: a commit is acknowledged when it would survive a power cut.
"""


def written(facts: Mapping[str, str], measured: Sequence[Measured], times: int, *, quick: bool) -> str:
    """Give the page."""
    parts = [HEAD.format(times=times).rstrip("\n")]
    if quick:
        parts.insert(0, "**A quick run: a quarter of the work, once. Not for comparing.**\n")
    versions = [version for one in measured for version in one.versions]
    rows = {**facts, "versions": ", ".join(versions), "command": f"`{'BENCH_QUICK=1 ' if quick else ''}make bench`"}
    parts += ["", *_table(["what", "which"], [[name, fact] for name, fact in rows.items()])]
    parts += ["", "## Steps per second", "", *_table(COMPARED, [_compared(one) for one in measured])]
    parts += [f"\n`{one.name}` is not complete: {one.missing}" for one in measured if one.missing]
    for one in measured:
        if one.is_ours:
            parts += ["", "## fleet-q in detail", "", *_table(["what", "figure"], list(_details(one)))]
    return "\n".join(parts) + "\n" + READING


COMPARED = ["", "enqueue one by one", "100 callers", "bulk", "drain, 1 process", "2 processes", "latency ms", "RSS MiB"]


def _compared(one: Measured) -> list[str]:
    if "batch 1" in one.rates:
        by_batch = "; ".join(f"{label}: {one.rates[label]}" for label in ("batch 1", "batch 100", "batch 1000"))
        return [f"**{one.name}**", _rate(one, "one"), "–", _rate(one, "bulk"), by_batch, "–", "–", "–"]
    parallelism = 1000 if one.is_ours else 1
    drains = [one.drains.get(f"drain {workers} of {parallelism}") for workers in (1, 2)]
    after = f"{drains[0].rss_mib.median:.0f}" if drains[0] else "–"
    return [
        f"**{one.name}**",
        *(_rate(one, label) for label in ("one", "callers", "bulk")),
        *(str(drain.rate) if drain else "–" for drain in drains),
        str(one.latency or "–"),
        f"{one.idle_mib.median:.0f} → {after}" if one.idle_mib else "–",
    ]


def _details(one: Measured) -> Iterator[list[str]]:
    yield ["`enqueue_sync`, one by one", f"{_rate(one, 'sync')} per second"]
    if one.latency_inside:
        yield ["latency inside the pod, p50 / p99", f"{one.latency_inside} ms"]
    for label, drain in one.drains.items():
        workers, _, parallelism = label.removeprefix("drain ").partition(" of ")
        asked = ""
        if drain.statements and drain.commits:
            asked = f"; {drain.statements.median:.3g} statements and {drain.commits.median:.2g} commits per step"
        what = f"drain, {workers} process{'es' if workers != '1' else ''}, `max_parallelism={parallelism}`"
        yield [what, f"{drain.rate} per second{asked}; RSS {drain.rss_mib.median:.0f} MiB"]


def _rate(one: Measured, label: str) -> str:
    return str(one.rates.get(label, "–"))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]
