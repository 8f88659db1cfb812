"""Draws what was measured as SVG, beside the page. Colours are told apart without seeing red or green."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from postgres.results import Results

__all__ = ["draw"]

COLOURS = {
    "fleet-q": "#0072b2",
    "bare loop": "#999999",
    "bare loop, awaiting": "#cccccc",
    "pgqueuer": "#e69f00",
    "gylo": "#cc79a7",
}
OTHER = "#dddddd"
RATES = {
    "drain 1": "drain, 1 process",
    "drain 2": "drain, 2 processes",
    "enqueue bulk": "bulk enqueue",
    "enqueue one": "enqueue one by one",
    "enqueue callers": "enqueue, 100 callers",
    "bodies thread": "def in 8 threads",
}
ROW = 3
COSTS = {"statements": "statements", "wal": "WAL bytes", "cpu_us": "worker CPU, µs"}


def draw(results: Results, folder: Path) -> None:
    """Write `postgres-throughput.svg`, `postgres-latency.svg` and `postgres-costs.svg`."""
    # The same figures give the same file; text stays text.
    mpl.rcParams.update({"svg.hashsalt": "fleet-q", "svg.fonttype": "none", "font.size": 9})
    _bars(
        results, [(scene, "rate", f"{title}, steps/s") for scene, title in RATES.items()], _file(folder, "throughput")
    )
    _latency(results, _file(folder, "latency"))
    _bars(
        results, [("drain 1", metric, f"{title} per step") for metric, title in COSTS.items()], _file(folder, "costs")
    )


def _file(folder: Path, name: str) -> Path:
    return folder / f"postgres-{name}.svg"


def _bars(results: Results, panels: Sequence[tuple[str, str, str]], file: Path) -> None:
    rows = -(-len(panels) // ROW)
    figure, axes = plt.subplots(rows, ROW, figsize=(3.6 * ROW, 2.2 * rows), squeeze=False)
    for axis, (scene, metric, title) in zip(axes.flat, panels, strict=True):
        _panel(results, axis, scene, metric)
        axis.set_title(title)
    _save(figure, file)


def _panel(results: Results, axis: Axes, scene: str, metric: str) -> None:
    """Draw medians as bars, with least and most as whiskers."""
    found = {name: results.figure((scene, name, metric)) for name in results.samples.get(scene, {})}
    known = {name: one for name, one in found.items() if one}
    medians = [one.median for one in known.values()]
    spread = [[one.median - one.least for one in known.values()], [one.most - one.median for one in known.values()]]
    colours = [COLOURS.get(name, OTHER) for name in known]
    axis.barh(list(known), medians, xerr=spread, color=colours, error_kw={"lw": 0.8})
    axis.invert_yaxis()
    axis.xaxis.set_major_locator(MaxNLocator(4))
    axis.xaxis.set_major_formatter("{x:,g}")
    axis.spines[["top", "right"]].set_visible(False)


def _latency(results: Results, file: Path) -> None:
    """Draw how many steps had started after so many milliseconds."""
    figure, axis = plt.subplots(figsize=(6.4, 3.2))
    for scene, style in (("latency", "-"), ("latency inside", "--")):
        for name, values in results.latencies.get(scene, {}).items():
            label = f"{name}{', same process' if style == '--' else ''}"
            shares = [(rank + 1) / len(values) for rank in range(len(values))]
            axis.plot(sorted(values), shares, style, color=COLOURS.get(name, OTHER), label=label, lw=1.4)
    axis.set_xscale("log")
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.xaxis.set_major_formatter("{x:g}")
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.set_xlabel("ms from enqueue to start, idle worker")
    axis.set_ylabel("share of steps")
    axis.legend(frameon=False)
    axis.spines[["top", "right"]].set_visible(False)
    _save(figure, file)


def _save(figure: plt.Figure, file: Path) -> None:
    figure.tight_layout()
    figure.savefig(file, metadata={"Date": None})
    plt.close(figure)
