"""Keeps what was measured in a file, so that a run that was broken off can go on. Interprets nothing."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from figures import Figure, figure

__all__ = ["Key", "Results"]

Key: TypeAlias = tuple[str, str, str]
"""A scene, who was in it, and what was measured."""


@dataclass
class Results:
    """Repetitions by scene and contender; what failed, with its reason."""

    facts: dict[str, str] = field(default_factory=dict[str, str])
    samples: dict[str, dict[str, list[dict[str, float]]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )
    latencies: dict[str, dict[str, list[float]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))
    missing: dict[str, str] = field(default_factory=dict[str, str])
    versions: list[str] = field(default_factory=list[str])
    how: dict[str, str] = field(default_factory=dict[str, str])

    @classmethod
    def read(cls, file: Path) -> Results:
        """Give what a run left."""
        found, kept = cls(), json.loads(file.read_text())
        found.facts |= kept["facts"]
        found.how |= kept["how"]
        found.versions += kept["versions"]
        found.missing |= kept["missing"]
        for scene, by_name in kept["samples"].items():
            found.samples[scene].update(by_name)
        for scene, by_name in kept["latencies"].items():
            found.latencies[scene].update(by_name)
        return found

    def write(self, file: Path) -> None:
        """Keep it."""
        told = {"facts": self.facts, "how": self.how, "versions": self.versions, "missing": self.missing}
        kept = {**told, "samples": self.samples, "latencies": self.latencies}
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(kept))

    def add(self, scene: str, name: str, sample: Mapping[str, float]) -> None:
        """Keep a repetition."""
        self.samples[scene].setdefault(name, []).append(dict(sample))

    def late(self, scene: str, name: str, values: Sequence[float]) -> None:
        """Keep a repetition of latencies in milliseconds."""
        ranked = sorted(values)
        at = {f"p{part}": ranked[min(len(ranked) - 1, len(ranked) * part // 100)] for part in (50, 95, 99)}
        self.add(scene, name, at)
        self.latencies[scene].setdefault(name, []).extend(round(value, 3) for value in values)

    def done(self, scene: str, name: str) -> int:
        """Say how many repetitions there are."""
        return len(self.samples.get(scene, {}).get(name, []))

    def figure(self, key: Key) -> Figure | None:
        """Sum up, if it was measured."""
        scene, name, what = key
        values = [sample[what] for sample in self.samples.get(scene, {}).get(name, []) if what in sample]
        return figure(values) if values else None

    def line(self, scene: str, what: str) -> dict[float, Figure]:
        """Give what was measured at each point of a scene whose names are numbers, in order."""
        found = {float(name): self.figure((scene, name, what)) for name in self.samples.get(scene, {})}
        return {x: one for x, one in sorted(found.items()) if one}
