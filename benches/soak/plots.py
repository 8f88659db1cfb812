"""Draws the soak over time as SVG, beside the page. Judges nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes

from drawing import COLOURS, axes_of, from_zero, logarithmic, save
from postgres.results import Results

__all__ = ["PLOTS", "draw"]

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
    samples, kills = results.samples["soak"]["samples"], results.samples["soak"].get("kills", [])
    for name, (title, begins, is_logarithmic) in PLOTS.items():
        figure, (axis,) = axes_of(1)
        for kill in kills:
            axis.axvline(kill["t"] / 60, color=KILL, lw=0.6, zorder=0)
        most = _lines(axis, samples, begins)
        logarithmic(axis, title) if is_logarithmic else from_zero(axis, most, title)
        axis.set_xlabel("minutes; each line behind is a kill")
        save(figure, folder / f"soak-{name}.svg")


def _lines(axis: Axes, samples: Sequence[dict[str, float]], begins: tuple[str, ...]) -> float:
    """Draw what was seen, and give the most of it."""
    names = sorted({name for sample in samples for name in sample if name.startswith(begins)})
    for name, colour in zip(names, COLOURS, strict=False):
        seen = [sample for sample in samples if name in sample]
        axis.plot([one["t"] / 60 for one in seen], [one[name] for one in seen], color=colour, label=name, lw=1.0)
    if len(names) > 1:
        axis.legend(frameon=False, ncols=len(names))
    return max((sample[name] for sample in samples for name in names if name in sample), default=0.0)
