"""Draws lines the same way on every page: axes, colours, files that change only with figures. Knows no figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullFormatter

from figures import Figure

__all__ = ["COLOURS", "PALE", "axes_of", "from_zero", "logarithmic", "save", "spread"]

COLOURS = ("#0072b2", "#e69f00", "#cc79a7", "#009e73", "#56b4e9", "#d55e00", "#000000")
"""Told apart without seeing red or green."""

PALE = "#999999"
HEADROOM = 1.08


def axes_of(rows: int, height: float = 2.6) -> tuple[plt.Figure, Sequence[Axes]]:
    """Give axes one above the other, which share what is below."""
    # The same figures give the same file; text stays text.
    mpl.rcParams.update({"svg.hashsalt": "fleet-q", "svg.fonttype": "none", "font.size": 9})
    figure, axes = plt.subplots(rows, 1, figsize=(6.4, height * rows), squeeze=False, sharex=True)
    return figure, list(axes[:, 0])


def spread(axis: Axes, line: Mapping[float, Figure], colour: str, label: str = "") -> None:
    """Draw medians, with least and most as whiskers."""
    medians = [one.median for one in line.values()]
    around = [[one.median - one.least for one in line.values()], [one.most - one.median for one in line.values()]]
    axis.errorbar(list(line), medians, yerr=around, color=colour, label=label, marker="o", ms=3, lw=1.4, elinewidth=0.8)


def from_zero(axis: Axes, most: float, title: str) -> None:
    """Let what goes up begin at nothing."""
    axis.set_ylim(0, most * HEADROOM or 1)
    axis.yaxis.set_major_formatter("{x:,g}")
    axis.set_ylabel(title)


def logarithmic(axis: Axes, title: str) -> None:
    """Let each step up be a factor."""
    axis.set_yscale("log")
    axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.yaxis.set_major_formatter("{x:,g}")
    axis.yaxis.set_minor_formatter(NullFormatter())
    axis.set_ylabel(title)


def save(figure: plt.Figure, file: Path) -> None:
    """Write the file."""
    for axis in figure.axes:
        axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(file, metadata={"Date": None})
    plt.close(figure)
