"""Asks what a statement cost: buffers, microseconds, nodes. Runs it in a transaction that is rolled back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from layout.server import Connection
from layout.statements import Statements, Value

__all__ = ["Call", "Cost", "explain", "explained", "rolled_back"]

HEAD = "explain (analyze, buffers, wal, timing off, format json) "
Call = tuple[str, Mapping[str, Value]]


@dataclass(frozen=True)
class Cost:
    """What one execution took."""

    buffers: int
    read: int
    execution_us: float
    planning_buffers: int
    planning_us: float
    wal_bytes: int
    rows: int
    nodes: list[str]

    def as_dict(self) -> dict[str, Any]:
        """Give it as it is stored."""
        return asdict(self)


@contextmanager
def rolled_back(db: Connection, statements: Statements) -> Iterator[None]:
    """Open a transaction as the store does, and undo it."""
    db.execute("begin isolation level read committed read write")
    try:
        text, values = statements.spelled("limits", statement_timeout="600s", idle_timeout="600s")
        db.execute(text, values)
        yield
    finally:
        db.execute("rollback")


def explained(db: Connection, statements: Statements, calls: Sequence[Call]) -> dict[str, dict[str, Any]]:
    """Run statements one after the other in one transaction, and say what each took."""
    with rolled_back(db, statements):
        return {name: explain(db, statements, name.partition(":")[0], given).as_dict() for name, given in calls}


def explain(db: Connection, statements: Statements, name: str, given: Mapping[str, Value]) -> Cost:
    """Run a statement and say what it took."""
    text, values = statements.spelled(name, **given)
    told: dict[str, Any] = db.execute(HEAD + text, values).fetchall()[0][0][0]
    plan, planning = told["Plan"], told.get("Planning", {})
    return Cost(
        buffers=_buffers(plan),
        read=plan["Shared Read Blocks"],
        execution_us=told["Execution Time"] * 1000,
        planning_buffers=_buffers(planning) if planning else 0,
        planning_us=told["Planning Time"] * 1000,
        wal_bytes=plan.get("WAL Bytes", 0),
        rows=plan["Actual Rows"],
        nodes=_nodes(plan),
    )


def _buffers(node: dict[str, Any]) -> int:
    return int(node["Shared Hit Blocks"] + node["Shared Read Blocks"])


def _nodes(plan: dict[str, Any]) -> list[str]:
    """Name the nodes that touch tables and what sorts, once each, with how many rows they looked at in vain."""
    found: dict[str, None] = {}
    for node in _every(plan):
        kind = node["Node Type"]
        if "Scan" in kind and kind not in {"CTE Scan", "Function Scan", "Subquery Scan", "Values Scan"}:
            on = node.get("Index Name") or node.get("Relation Name") or ""
            if node.get("Actual Loops"):
                found[f"{kind} {on}".strip() + _filtered(node)] = None
        elif kind in {"Sort", "Incremental Sort", "Merge Append"} and node.get("Actual Loops"):
            found[kind] = None
    return list(found)


def _filtered(node: dict[str, Any]) -> str:
    removed = int(node.get("Rows Removed by Filter", 0) * node.get("Actual Loops", 1))
    return f" ({removed:,} filtered)" if removed > 1000 else ""


def _every(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", []):
        yield from _every(child)
