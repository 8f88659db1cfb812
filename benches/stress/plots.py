"""Draws what stress did as SVG, beside the page. Judges nothing."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl

mpl.use("svg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from postgres.results import Results
from stress.scenes import WINDOWS

__all__ = ["draw"]

COLOURS = {"nothing": "#999999", "snapshot": "#0072b2"}


def draw(results: Results, folder: Path, held_s: float) -> None:
    """Write `postgres-stress-pods.svg` and `postgres-stress-snapshot.svg`."""
    # The same figures give the same file; text stays text.
    mpl.rcParams.update({"svg.hashsalt": "fleet-q", "svg.fonttype": "none", "font.size": 9})
    figure, axis = plt.subplots(figsize=(6.4, 2.8))
    rates = results.line("pods", "rate")
    medians = [one.median for one in rates.values()]
    spread = [[one.median - one.least for one in rates.values()], [one.most - one.median for one in rates.values()]]
    axis.errorbar(list(rates), medians, yerr=spread, color="#0072b2", marker="o", ms=3, lw=1.4, elinewidth=0.8)
    axis.set_xscale("log", base=2)
    axis.xaxis.set_major_formatter("{x:g}")
    axis.set_xlabel("pods on one queue")
    _save(figure, axis, folder / "postgres-stress-pods.svg")

    figure, axis = plt.subplots(figsize=(6.4, 2.8))
    minutes = [(n + 0.5) * held_s / WINDOWS / 60 for n in range(WINDOWS)]
    for name, colour in COLOURS.items():
        found = [results.figure(("held", name, f"window {n}")) for n in range(WINDOWS)]
        axis.plot(minutes, [one.median if one else 0.0 for one in found], color=colour, label=f"{name} held", lw=1.4)
    axis.legend(frameon=False)
    axis.set_xlabel("minutes of full load")
    _save(figure, axis, folder / "postgres-stress-snapshot.svg")


def _save(figure: plt.Figure, axis: Axes, file: Path) -> None:
    axis.set_ylim(bottom=0)
    axis.set_ylabel("steps/s")
    axis.yaxis.set_major_formatter("{x:,g}")
    axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(file, metadata={"Date": None})
    plt.close(figure)
