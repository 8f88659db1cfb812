"""Draws each curve as SVG beside the page: medians with least and most, the knee, and latency below. Judges nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes

from curves.knees import knee
from curves.plan import Curve
from drawing import COLOURS, PALE, axes_of, from_zero, logarithmic, save, spread
from postgres.results import Results

__all__ = ["draw"]


def draw(results: Results, curves: Sequence[Curve], folder: Path) -> None:
    """Write `postgres-curve-NAME.svg` for each."""
    for curve in curves:
        _draw(results, curve, folder / f"postgres-curve-{curve.name}.svg")


def _draw(results: Results, curve: Curve, file: Path) -> None:
    rates = results.line(curve.name, "rate")
    late = {metric: results.line(curve.name, metric) for metric in ("p50", "p99")}
    figure, axes = axes_of(2 if any(late.values()) else 1)
    spread(axes[0], rates, COLOURS[0])
    from_zero(axes[0], max((one.most for one in rates.values()), default=0.0), "steps/s")
    if bend := knee({x: one.median for x, one in rates.items()}):
        axes[0].axvline(bend.enough_at, color=PALE, lw=0.8, ls="--")
        if bend.fallen_at is not None:
            axes[0].axvline(bend.fallen_at, color=PALE, lw=0.8, ls=":")
    for below in axes[1:]:
        for (metric, line), colour in zip(late.items(), COLOURS[1:], strict=False):
            spread(below, line, colour, metric)
        logarithmic(below, f"{curve.late}, ms")
        below.legend(frameon=False)
    _sizes(axes[-1], curve, list(rates))
    save(figure, file)


def _sizes(axis: Axes, curve: Curve, xs: Sequence[float]) -> None:
    """Let each step to the right be a factor, from nothing on if there is a point at nothing."""
    axis.set_xlabel(curve.axis)
    if 0 in xs:
        least = min((x for x in xs if x), default=1.0)
        axis.set_xscale("symlog", linthresh=least, linscale=0.5)
        axis.set_xlim(left=-0.1 * least)
        axis.set_xticks(xs)
    else:
        axis.set_xscale("log")
    axis.xaxis.set_major_formatter("{x:,g}")
