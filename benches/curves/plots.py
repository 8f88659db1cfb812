"""Draws each curve as SVG beside the page: medians with least and most, the knee, and latency below. Judges nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from curves.knees import knee
from curves.plan import Curve
from figures import Figure
from postgres.results import Results

__all__ = ["draw"]

LINE, LATE, MARK = "#0072b2", ("#e69f00", "#cc79a7"), "#999999"


def draw(results: Results, curves: Sequence[Curve], folder: Path) -> None:
    """Write `postgres-curve-NAME.svg` for each."""
    # The same figures give the same file; text stays text.
    mpl.rcParams.update({"svg.hashsalt": "fleet-q", "svg.fonttype": "none", "font.size": 9})
    for curve in curves:
        _draw(results, curve, folder / f"postgres-curve-{curve.name}.svg")


def _draw(results: Results, curve: Curve, file: Path) -> None:
    rates = results.line(curve.name, "rate")
    late = {metric: results.line(curve.name, metric) for metric in ("p50", "p99")}
    rows = 2 if any(late.values()) else 1
    figure, axes = plt.subplots(rows, 1, figsize=(6.4, 2.6 * rows), squeeze=False, sharex=True)
    above, below = axes[0][0], axes[-1][0]
    _line(above, rates, LINE, "steps/s")
    above.set_ylim(bottom=0)
    above.yaxis.set_major_formatter("{x:,g}")
    above.set_ylabel("steps/s")
    if bend := knee({x: one.median for x, one in rates.items()}):
        above.axvline(bend.enough_at, color=MARK, lw=0.8, ls="--")
        if bend.fallen_at is not None:
            above.axvline(bend.fallen_at, color=MARK, lw=0.8, ls=":")
    if rows == 2:
        for (metric, line), colour in zip(late.items(), LATE, strict=True):
            _line(below, line, colour, metric)
        below.set_yscale("log")
        below.yaxis.set_major_formatter("{x:g}")
        below.set_ylabel(f"{curve.late}, ms")
        below.legend(frameon=False)
    below.set_xlabel(curve.axis)
    below.set_xscale("symlog" if 0 in rates else "log")
    below.xaxis.set_major_formatter("{x:,g}")
    for axis in (above, below):
        axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(file, metadata={"Date": None})
    plt.close(figure)


def _line(axis: Axes, line: dict[float, Figure], colour: str, label: str) -> None:
    """Draw medians, with least and most as whiskers."""
    medians = [one.median for one in line.values()]
    spread = [[one.median - one.least for one in line.values()], [one.most - one.median for one in line.values()]]
    axis.errorbar(list(line), medians, yerr=spread, color=colour, label=label, marker="o", ms=3, lw=1.4, elinewidth=0.8)
