"""Keeps what was measured in a file beside the data, sample by sample, so that a run can be taken up again."""

from __future__ import annotations

import json
import os
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import machine
from layout.server import Server, scalar
from layout.settings import SERVER

__all__ = ["Results", "Sample"]

Sample = dict[str, Any]
# Settings that one asks for first.
SHOWN = ("fsync", "synchronous_commit", "autovacuum")


class Results:
    """Samples by layout, load and what was measured."""

    def __init__(self, path: Path) -> None:
        self._path = path
        stored = json.loads(path.read_text()) if path.exists() else {"facts": {}, "samples": {}}
        self._samples: dict[str, list[Sample]] = stored["samples"]
        self.facts: dict[str, str] = stored["facts"]

    def describe(self, server: Server) -> None:
        """Note where and on what it is measured."""
        with server.connect("postgres") as db:
            named = ", ".join(f"{name}={scalar(db, f'show {name}')}" for name in (*SERVER, *SHOWN))
            self.facts = {
                **machine.facts(server.data),
                "Postgres": str(scalar(db, "select version()")).partition(" (")[0],
                "settings": f"{named}; else as initdb leaves it",
            }
        self._store()

    def count(self, layout: str, load: str, what: str) -> int:
        """Say how often it was measured."""
        return len(self.samples(layout, load, what))

    def samples(self, layout: str, load: str, what: str) -> list[Sample]:
        """Give all samples."""
        return self._samples.get(f"{layout}/{load}/{what}", [])

    def add(self, layout: str, load: str, what: str, sample: Sample) -> None:
        """Keep a sample, on disk at once."""
        noted = {**sample, "load_average": os.getloadavg()[0]}
        self._samples.setdefault(f"{layout}/{load}/{what}", []).append(noted)
        self._store()

    def _store(self) -> None:
        making = self._path.with_suffix(".making")
        making.write_text(json.dumps({"facts": self.facts, "samples": self._samples}))
        making.replace(self._path)

    def median(self, layout: str, load: str, what: str, *path: str) -> float | None:
        """Give the median of a figure over all samples that have it."""
        found = list(_found(self.samples(layout, load, what), path))
        return statistics.median(found) if found else None

    def first(self, layout: str, load: str, what: str, *path: str) -> float | None:
        """Give a figure of the first sample that has it: before any repetition left its traces."""
        return next(_found(self.samples(layout, load, what), path), None)

    def span(self, what: str) -> tuple[float, float] | None:
        """Give the least and the greatest load average during these measurements."""
        averages = [
            sample["load_average"]
            for key, samples in self._samples.items()
            if key.endswith(f"/{what}")
            for sample in samples
        ]
        return (min(averages), max(averages)) if averages else None


def _found(samples: list[Sample], path: tuple[str, ...]) -> Iterator[float]:
    for sample in samples:
        value: Any = sample
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        if isinstance(value, (int, float)):
            yield value
