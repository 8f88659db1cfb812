"""Reads the store's own statements and gives them values, as `src/store/postgres/sql.rs` does.

A parameter is known by its name in `PARAMETERS`, with its type and what it is when a call says nothing.
A statement that asks for one that is not there is refused with its name: add it there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from layout.settings import CLAIM

__all__ = ["NEVER", "POD", "QUEUES", "SCHEMA", "TASKS", "Renamed", "Statements", "Value"]

Value = object
# By statement: what is put in place of what.
Renamed = Mapping[str, Mapping[str, str]]

SCHEMA = "fleet_q"
POD = "bench-00000000"
TASKS = [f"app.task_{n:02}" for n in range(20)]
QUEUES = [f"queue_{n}" for n in range(8)]
NAME = re.compile(r"(?<!:):([a-z][a-z0-9_]*)")
DAY_MS = 86_400_000
# Before every timestamp; the floor of who has seen nothing yet.
NEVER = -(2**61)


class Parameter(NamedTuple):
    """A parameter's type, and its value when the call gives none."""

    kind: str
    value: Value = None


PARAMETERS = {
    "now": Parameter("bigint"),
    "pod": Parameter("text", POD),
    "leader": Parameter("text", POD),
    "claim_id": Parameter("uuid"),
    "max_crashes": Parameter("bigint", 3),
    "tasks": Parameter("text[]", TASKS),
    "only": Parameter("text[]", QUEUES[:4]),
    "except": Parameter("text[]", []),
    "first_lane": Parameter("boolean", True),
    "call_limit": Parameter("bigint", CLAIM),
    "errors_kept": Parameter("bigint", 20),
    "keep_completed_ms": Parameter("bigint", DAY_MS),
    "keep_failed_ms": Parameter("bigint", 7 * DAY_MS),
    "keep_ms": Parameter("bigint", DAY_MS),
    "step_ids": Parameter("uuid[]"),
    "claim_ids": Parameter("uuid[]"),
    "kinds": Parameter("text[]"),
    "results": Parameter("bytea[]"),
    "content_types": Parameter("text[]"),
    "errors": Parameter("text[]"),
    "delays": Parameter("bigint[]"),
    "queues": Parameter("text[]"),
    "priorities": Parameter("integer[]"),
    "payloads": Parameter("bytea[]"),
    "max_retries": Parameter("bigint[]"),
    "moments": Parameter("bigint[]"),
    "timeouts": Parameter("bigint[]"),
    "unique_keys": Parameter("text[]"),
    "tags": Parameter("text[]"),
    "slots": Parameter("bigint", 10),
    "offered_tasks": Parameter("text[]", TASKS),
    "before": Parameter("uuid"),
    "queue": Parameter("text"),
    "task": Parameter("text"),
    "states": Parameter("text[]"),
    "tag": Parameter("text"),
    "below": Parameter("bigint[]", [2**31]),
    "at": Parameter("bigint[]", [-(2**31) - 1]),
    "since": Parameter("bigint[]", [NEVER]),
    "span_queues": Parameter("text[]", []),
    "trusted_from": Parameter("bigint", 0),
    "trusted_until": Parameter("bigint", NEVER),
    "due_floor": Parameter("bigint", NEVER),
    "due_from": Parameter("bigint", 0),
    "due_until": Parameter("bigint", NEVER),
    "older": Parameter("uuid[]", []),
    "floor": Parameter("bigint", NEVER),
    "completed_floor": Parameter("bigint", NEVER),
    "failed_floor": Parameter("bigint", NEVER),
    "cancelled_floor": Parameter("bigint", NEVER),
    "statement_timeout": Parameter("text", "10000ms"),
    "idle_timeout": Parameter("text", "10000ms"),
}
# Numbers that stand in the text.
LITERALS = {"looked_at_literal": 3000, "candidates_literal": 4 * CLAIM}
# The same name means a list where the statement takes a batch.
BATCHED = {"finish": {"max_crashes": Parameter("bigint[]")}}


class Statements:
    """The statements of one layout: its own where it has one, else the first of that name in the folders."""

    def __init__(self, folders: Sequence[Path], renamed: Renamed) -> None:
        self._folders, self._renamed = folders, renamed
        self._texts: dict[str, str] = {}

    def has(self, name: str) -> bool:
        """Say whether there is such a statement."""
        return any((folder / f"{name}.sql").exists() for folder in self._folders)

    def text(self, name: str) -> str:
        """Give a statement without its comments, in our schema, with `:name` for what a call gives."""
        if name not in self._texts:
            self._texts[name] = self._read(name)
        return self._texts[name]

    def _read(self, name: str) -> str:
        path = next(path for folder in self._folders if (path := folder / f"{name}.sql").exists())
        lines = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("--")]
        text = re.sub(r"\s--\s.*$", "", "\n".join(lines), flags=re.MULTILINE)
        for old, new in self._renamed.get(name, {}).items():
            text = text.replace(old, new)
        return text.replace("/*schema*/", f"{SCHEMA}.").rstrip().rstrip(";")

    def spelled(self, name: str, **given: Value) -> tuple[str, list[Value]]:
        """Give the text with `$n` and the values in that order."""
        values: list[Value] = []
        places: dict[str, int] = {}

        def place(found: re.Match[str]) -> str:
            parameter = found[1]
            if parameter.endswith("_literal"):
                return str(given.get(parameter, LITERALS.get(parameter, CLAIM)))
            known = BATCHED.get(name, {}).get(parameter) or PARAMETERS.get(parameter)
            if known is None:
                raise KeyError(f"{name}.sql asks for :{parameter}: add it to PARAMETERS in {__file__}")
            if parameter not in places:
                values.append(given.get(parameter, known.value))
                places[parameter] = len(values)
            return f"cast(${places[parameter]} as {known.kind})"

        return NAME.sub(place, self.text(name)), values
