"""The tables of the page, each from the samples of one kind. Gives only rows for what was measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from layout.layouts import Layout, layouts
from layout.loads import CLAIMED, Load, loads
from layout.results import Results, Sample
from layout.wishing import WISHES
from layout.working import BATCH

__all__ = ["BATCH", "CLAIMED", "every", "table"]

Table = tuple[str, str, list[str]]

CYCLE = ["pod_alive", "promote", "claim", "next_due"]
LEADER = [
    "mine",
    "cancel_requested",
    "suspect_waits",
    "claim_suspect",
    "recover",
    "prune",
    "prune:expired",
    "prune_pods",
]


def every(results: Results) -> Iterator[Table]:
    """Give title, text and rows of each table."""
    yield _claims(results, "claim", "Claim of 100 steps, all queues")
    yield _claims(results, "claim:full look", "The same when it is time for a full look")
    yield _claims(results, "claim_in_queues", "Claim of 100 steps, four queues")
    yield _claims(results, "claim:foreign tasks", "Claim of a pod that knows none of the tasks that wait")
    yield _claims(results, "claim_in_queues:quiet queue", "Claim from a queue in which nothing waits")
    yield _claims(results, "hand_off:one", "Enqueue of one step with a hand-off")
    yield _claims(results, "enqueue:hundred", "Enqueue of 100 steps")
    yield _cycles(results)
    yield _drains(results)
    yield _statements(results, "cycle", ["promote", "next_due"], "What a cycle sends beside the claim")
    yield _statements(results, "leader", LEADER, "What the leader and reconciliation send")
    yield _lookups(results)
    yield from _wishes(results)
    yield from _logs(results)
    yield _retention(results)
    yield _sizes(results)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Write a table."""
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]


def _measured(results: Results, what: str) -> tuple[list[Layout], list[Load]]:
    having = [one for one in layouts() if any(results.count(one.name, load.name, what) for load in loads())]
    under = [one for one in loads() if any(results.count(layout.name, one.name, what) for layout in having)]
    return having, under


def _claims(results: Results, name: str, title: str) -> Table:
    having, under = _measured(results, "cycle")
    rows = []
    for load in under:
        cells = [load.title]
        for layout in having:
            first = results.first(layout.name, load.name, "cycle", name, "first_buffers")
            empty = results.first(layout.name, "empty", "cycle", name, "first_buffers")
            again = results.median(layout.name, load.name, "cycle", name, "buffers")
            us = results.median(layout.name, load.name, "cycle", name, "execution_us")
            cells.append(f"{_number(first)} ({_ratio(first, empty)}), {_number(again)}; {_us(us)}" if us else "–")
        rows.append(cells)
    text = (
        "Buffers when it ran first (as a multiple of the same layout when empty), and when it was repeated; "
        "execution time, planning apart."
    )
    return title, text, table(["load", *(layout.name for layout in having)], rows)


def _cycles(results: Results) -> Table:
    having, under = _measured(results, "cycle")

    def total(layout: Layout, load: Load, *figures: str) -> float:
        found = [results.median(layout.name, load.name, "cycle", name, figure) for name in CYCLE for figure in figures]
        return sum(one for one in found if one is not None)

    def cell(layout: Layout, load: Load) -> str:
        if not results.count(layout.name, load.name, "cycle"):
            return "–"
        buffers = total(layout, load, "buffers", "planning_buffers")
        spent, planned = total(layout, load, "execution_us"), total(layout, load, "planning_us")
        return f"{_number(buffers)}; {_us(spent)} + {_us(planned)}"

    rows = [[load.title, *(cell(layout, load) for layout in having)] for load in under]
    text = "Buffers with those of planning; execution + planning."
    return "A whole cycle of 100 steps", text, table(["load", *(layout.name for layout in having)], rows)


def _drains(results: Results) -> Table:
    having, under = _measured(results, "drained")
    rows = []
    for load in under:
        cells = [load.title]
        for layout in having:
            rate = results.median(layout.name, load.name, "drained", "per_s")
            first = results.median(layout.name, load.name, "drained", "first_quarter")
            last = results.median(layout.name, load.name, "drained", "last_quarter")
            worked = results.median(layout.name, load.name, "worked", "per_s")
            before = f"; before it {_number(worked)}" if worked else ""
            cells.append(f"{_number(rate)} ({_number(first)} → {_number(last)}){before}" if rate else "–")
        rows.append(cells)
    text = (
        "Claimed and finished per second, in brackets in the first and in the last quarter of the time; "
        "where steps were worked before, also the rate of that, enqueue included."
    )
    return "Drain", text, table(["load", *(layout.name for layout in having)], rows)


def _statements(results: Results, what: str, names: Sequence[str], title: str) -> Table:
    having, under = _measured(results, what)
    rows = []
    for load in under:
        for layout in having:
            if not results.count(layout.name, load.name, what):
                continue
            costs = []
            for name in names:
                buffers = results.median(layout.name, load.name, what, name, "buffers")
                costs.append(
                    f"{_number(buffers)}; {_us(results.median(layout.name, load.name, what, name, 'execution_us'))}"
                )
            rows.append([f"{load.title}, {layout.name}", *costs])
    return title, "Buffers; execution time.", table(["load, layout", *(f"`{name}`" for name in names)], rows)


def _wishes(results: Results) -> Iterator[Table]:
    """Give what the indexes that lookups lack would cost and bring, by layout and load."""
    having, under = _measured(results, "wished")
    for load in under:
        for layout in having:
            for sample in results.samples(layout.name, load.name, "wished")[:1]:
                rows = [["`" + name + "`", *_wish(sample, name)] for name in WISHES.values()]
                rows += [
                    [name, f"{_number(one['buffers'])} buffers; {_us(one['execution_us'])}", ", ".join(one["nodes"])]
                    for name, one in sample["lookup"].items()
                    if "task" in name or "tag" in name
                ]
                title = f"With indexes by task and by tag: {layout.name}, {load.title}"
                yield title, "", table(["index or lookup", "cost", ""], rows)


def _wish(sample: Sample, name: str) -> list[str]:
    parts = [sample["written"][f"{part} warm"]["records"].get(name, 0) for part in ("enqueue", "claim and finish")]
    made = f"{sample[name]['bytes'] / 2**20:,.0f} MiB, made in {sample[name]['seconds']:.0f} s"
    return [f"{sum(parts):,.0f} bytes of log per step", made]


def _lookups(results: Results) -> Table:
    having, under = _measured(results, "lookup")
    found = [
        (load, name)
        for load in under
        for name in next(iter(results.samples(having[0].name, load.name, "lookup")), {})
        if name != "load_average"
    ]
    rows = []
    for load, name in found:
        cells = [load.title, name]
        for layout in having:
            buffers = results.median(layout.name, load.name, "lookup", name, "buffers")
            us = results.median(layout.name, load.name, "lookup", name, "execution_us")
            cells.append(f"{_number(buffers)}; {_us(us)}")
        sample = results.samples(having[0].name, load.name, "lookup")[-1]
        cells.append(", ".join(sample[name]["nodes"]))
        rows.append(cells)
    head = ["load", "lookup", *(layout.name for layout in having), f"nodes of {having[0].name}" if having else "nodes"]
    return "Lookups: the first page of 50, and counting", "Buffers; execution time.", table(head, rows)


def _logs(results: Results) -> Iterator[Table]:
    having, under = _measured(results, "written")
    parts = ["enqueue", "claim and finish", "move"]
    rows = []
    for load in under:
        for layout in having:
            sample = next(iter(results.samples(layout.name, load.name, "written")), None)
            if sample is None:
                continue
            cells = [f"{load.title}, {layout.name}"]
            for part in parts:
                warm, cold = sample.get(f"{part} warm"), sample.get(f"{part} cold")
                sums = [sum(one[kind].values()) for one in (warm, cold) if one for kind in ("records", "images")]
                cells.append("; ".join(_number(one) for one in (sums[0], sums[1], sums[3])) if sums else "–")
            rows.append(cells)
    text = "Bytes per step: records; images of whole pages a while after a checkpoint; images right after one."
    yield "Write-ahead log", text, table(["load, layout", *parts], rows)
    for layout in having:
        sample = next(iter(results.samples(layout.name, "empty", "written")), None)
        if sample:
            names = sorted({name for part in parts for name in sample.get(f"{part} warm", {}).get("records", {})})
            per = [sample.get(f"{part} warm", {}).get("records", {}) for part in parts]
            lines = [[f"`{name}`", *(_number(one.get(name)) for one in per)] for name in names]
            title = f"Write-ahead log of {layout.name}, by table and index"
            yield title, "Bytes per step without images.", table(["relation", *parts], lines)


def _retention(results: Results) -> Table:
    having, under = _measured(results, "retained")
    rows = []
    for load in under:
        for layout in having:
            for name, one in next(iter(results.samples(layout.name, load.name, "retained")), {}).items():
                if name != "load_average":
                    figures = [
                        _number(one["steps"]),
                        f"{one['seconds']:.2f}",
                        _us(one["us_per_step"]),
                        _number(one["wal_per_step"]),
                    ]
                    rows.append([layout.name, name, *figures])
    return (
        "Letting go of finished steps",
        "",
        table(["layout", "how", "steps", "seconds", "per step", "WAL bytes per step"], rows),
    )


def _sizes(results: Results) -> Table:
    having, under = _measured(results, "sizes")
    rows = []
    for load in under:
        for layout in having:
            sample = next(iter(results.samples(layout.name, load.name, "sizes")), None)
            if sample is None:
                continue
            parts = {name: one["bytes"] for name, one in sample.items() if name != "load_average"}
            large = sorted(((size, name) for name, size in parts.items() if size >= 2**20), reverse=True)
            named = ", ".join(f"`{name}` {size / 2**20:,.0f}" for size, name in large)
            rows.append([load.title, layout.name, f"{sum(parts.values()) / 2**20:,.0f}", named])
    return "Sizes", "MiB; what is below one is left out.", table(["load", "layout", "all", "of which"], rows)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}"


def _ratio(value: float | None, base: float | None) -> str:
    if value is None or not base:
        return "–"
    times = value / base
    return f"{times:.2f}×" if times < 100 else f"{times:,.0f}×"


def _us(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f} µs" if value < 10_000 else f"{value / 1000:,.0f} ms"
