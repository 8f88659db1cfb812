"""Draws what stress did as SVG, beside the page. Judges nothing."""

from __future__ import annotations

from pathlib import Path

from drawing import COLOURS, PALE, axes_of, from_zero, save, spread
from postgres.results import Results
from stress.scenes import RATES, WINDOWS

__all__ = ["draw"]

LINES = {"nothing": PALE, "snapshot": COLOURS[0]}


def draw(results: Results, folder: Path, held_s: float) -> None:
    """Write `postgres-stress-pods.svg` and `postgres-stress-snapshot.svg`."""
    _pods(results, folder / "postgres-stress-pods.svg")
    _held(results, folder / "postgres-stress-snapshot.svg", held_s)


def _pods(results: Results, file: Path) -> None:
    figure, (axis,) = axes_of(1)
    most = 0.0
    for (metric, when), colour in zip(RATES.items(), COLOURS, strict=False):
        rates = results.line("pods", metric)
        spread(axis, rates, colour, when)
        most = max(most, *(one.most for one in rates.values()), 0.0)
    from_zero(axis, most, "steps/s")
    axis.legend(frameon=False)
    axis.set_xscale("log", base=2)
    axis.xaxis.set_major_formatter("{x:g}")
    axis.set_xlabel("pods on one queue")
    save(figure, file)


def _held(results: Results, file: Path, held_s: float) -> None:
    figure, (axis,) = axes_of(1)
    minutes = [(n + 0.5) * held_s / WINDOWS / 60 for n in range(WINDOWS)]
    most = 0.0
    for name, colour in LINES.items():
        found = [results.figure(("held", name, f"window {n}")) for n in range(WINDOWS)]
        rates = [one.median if one else 0.0 for one in found]
        axis.plot(minutes, rates, color=colour, label=f"{name} held", lw=1.4)
        most = max(most, *rates)
    from_zero(axis, most, "steps/s")
    axis.legend(frameon=False)
    axis.set_xlabel("minutes of full load")
    save(figure, file)
