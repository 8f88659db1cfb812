"""Takes turns through what is to be measured, and says how far it is. Measures and judges nothing itself."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

import machine
from postgres import settings
from postgres.results import Results
from postgres.scenes import Sample
from postgres.server import SETTINGS, Server
from processes import BenchError

__all__ = ["Bar", "Measured", "facts", "shown", "take_turns"]

Bar = Callable[[str, int], None]
"""Says what is being done, and how many measurements are done since the last call."""


class Measured(Protocol):
    """What is measured some times over: a repetition, or latencies in milliseconds."""

    @property
    def scene(self) -> str:
        """Name what is measured."""
        ...

    @property
    def name(self) -> str:
        """Name who, or where on a curve."""
        ...

    @property
    def measure(self) -> Callable[[], Sample | list[float]]:
        """Give a repetition."""
        ...

    @property
    def times(self) -> int:
        """Say how often."""
        ...


def take_turns(results: Results, planned: Sequence[Measured], bar: Bar, kept: Path) -> None:
    """Measure what the results lack, one repetition of each after the other; they are kept after each."""
    for turn in range(max((part.times for part in planned), default=0)):
        for part in planned:
            if turn >= part.times:
                continue
            bar(f"{part.scene}, {part.name}", 0)
            if turn >= results.done(part.scene, part.name):
                _repeat(results, part)
                results.write(kept)
            bar(f"{part.scene}, {part.name}", 1)


@contextmanager
def shown(total: int) -> Iterator[Bar]:
    """Show a bar of so many measurements."""
    columns = (TextColumn("{task.description:<36}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as progress:
        bar = progress.add_task("", total=total)

        def tell(what: str, done: int) -> None:
            progress.update(bar, description=what, advance=done)

        yield tell


def facts(server: Server, **more: str) -> dict[str, str]:
    """Say where it is measured, and with which settings of the server, `more` among them."""
    durable = "fsync, full_page_writes and synchronous_commit on"
    set_so = ", ".join(f"{name}={value}" for name, value in {**SETTINGS, **more}.items())
    where = machine.facts(settings.SCRATCH)
    return {**where, "Postgres": server.version(), "settings": f"{set_so}; else as initdb leaves it: {durable}"}


def _repeat(results: Results, part: Measured) -> None:
    what = f"{part.scene}, {part.name}"
    if what in results.missing:
        return
    try:
        found = part.measure()
    except (BenchError, subprocess.SubprocessError) as error:
        results.missing[what] = str(error)
        return
    if isinstance(found, list):
        results.late(part.scene, part.name, found)
    else:
        results.add(part.scene, part.name, found)
