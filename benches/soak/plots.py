"""Draws the soak over time as SVG, beside the page. Judges nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from postgres.results import Results

__all__ = ["PLOTS", "draw"]

COLOURS = ("#0072b2", "#e69f00", "#cc79a7", "#009e73", "#999999", "#56b4e9", "#d55e00", "#000000")
KILL = "#dddddd"
PLOTS = {
    "rate": ("steps/s", ("rate",), False),
    "latency": ("enqueue → start, ms", ("p50", "p99"), True),
    "memory": ("RSS of each worker, MiB", ("rss ",), False),
    "size": ("MiB", ("table", "indexes"), False),
    "dead": ("rows", ("dead", "rows"), False),
}
"""For each plot what its axis says, how the names of its lines begin, and whether it is logarithmic."""


def draw(results: Results, folder: Path) -> None:
    """Write `soak-NAME.svg` for each."""
    # The same figures give the same file; text stays text.
    mpl.rcParams.update({"svg.hashsalt": "fleet-q", "svg.fonttype": "none", "font.size": 9})
    samples, kills = results.samples["soak"]["samples"], results.samples["soak"].get("kills", [])
    for name, (says, begins, logarithmic) in PLOTS.items():
        figure, axis = plt.subplots(figsize=(6.4, 2.4))
        for kill in kills:
            axis.axvline(kill["t"] / 60, color=KILL, lw=0.6, zorder=0)
        _lines(axis, samples, begins)
        if logarithmic:
            axis.set_yscale("log")
        else:
            axis.set_ylim(bottom=0)
        axis.yaxis.set_major_formatter("{x:,g}")
        axis.set_ylabel(says)
        axis.set_xlabel("minutes; each line behind is a kill")
        axis.spines[["top", "right"]].set_visible(False)
        figure.tight_layout()
        figure.savefig(folder / f"soak-{name}.svg", metadata={"Date": None})
        plt.close(figure)


def _lines(axis: Axes, samples: Sequence[dict[str, float]], begins: tuple[str, ...]) -> None:
    names = sorted({name for sample in samples for name in sample if name.startswith(begins)})
    for name, colour in zip(names, COLOURS, strict=False):
        seen = [sample for sample in samples if name in sample]
        axis.plot([one["t"] / 60 for one in seen], [one[name] for one in seen], color=colour, label=name, lw=1.0)
    if len(names) > 1:
        axis.legend(frameon=False, ncols=len(names))
