"""Fills a layout with a load, once; a filled database is kept for the next run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from layout import settings
from layout.layouts import Layout
from layout.server import Connection, Server
from layout.statements import SCHEMA

__all__ = ["Load", "database", "fill", "loads", "prepare"]

HOUR_S = 3600
CLAIMED = 5000


@dataclass(frozen=True)
class Load:
    """What lies in the table before it is measured."""

    name: str
    title: str
    finished: int = 0
    pending: int = 0
    # How many, and between which seconds from now they are due.
    scheduled: tuple[int, int, int] | None = None
    # What is held open while steps are worked, before and during the measuring.
    held: str = ""
    # Steps worked before the measuring.
    worked: int = 0


def loads() -> list[Load]:
    """Give the loads in the order in which they are measured."""
    size = settings.SCHEDULED
    read = f"begin isolation level repeatable read; select count(*) from {SCHEMA}.step_tracker"
    write = "begin; select pg_current_xact_id()"
    worked = settings.WORKED
    every = [
        Load("empty", "empty"),
        Load("pending", f"{settings.PENDING:,} pending", pending=settings.PENDING),
        Load("scheduled", f"{size:,} scheduled, due later", scheduled=(size, HOUR_S, 2 * HOUR_S)),
        Load("overdue", f"{size:,} scheduled, overdue", scheduled=(size, -HOUR_S, -1)),
        Load("finished", f"{settings.FINISHED:,} finished", finished=settings.FINISHED),
        Load("worked", f"{worked:,} just worked", worked=worked),
        Load("snapshot", f"{worked:,} worked, an old snapshot held", held=read, worked=worked),
        Load("xid", f"{worked:,} worked, an old transaction held", held=write, worked=worked),
    ]
    return [load for load in every if not settings.LOADS or load.name in settings.LOADS]


def database(layout: Layout, load: Load) -> str:
    """Name the database of a layout under a load; the sizes are in the name, so that none is taken for another."""
    return f"{layout.name}_{load.name}_{settings.FINISHED}_{settings.PENDING}_{settings.WORKING}"


def prepare(server: Server, layout: Layout, load: Load, tell: Callable[[str], None]) -> None:
    """Make and fill the database unless it is there."""
    name = database(layout, load)
    if name in server.databases() and not load.worked:
        return
    tell(f"fill {layout.name}, {load.name}")
    making = f"{name}_making"
    server.create(making)
    with server.connect(making) as db:
        lay_out(db, layout)
        if load.finished:
            fill(db, layout, "finished", count_literal=load.finished)
        if load.scheduled:
            count, begin, end = load.scheduled
            fill(db, layout, "waiting", count_literal=count, from_s_literal=begin, to_s_literal=end)
        if load.pending:
            wait(db, layout, load.pending)
        fill(db, layout, "claimed", count_literal=CLAIMED)
        wait(db, layout, settings.WORKING)
        db.execute("vacuum (analyze)")
        db.execute("checkpoint")
    server.drop(name)
    server.rename(making, name)


def lay_out(db: Connection, layout: Layout) -> None:
    """Run the store's own migrations and the layout's changes to them."""
    statements = layout.statements()
    db.execute(f"create schema {SCHEMA}")
    db.execute(statements.text("0001_tables"))
    if statements.has("layout"):
        db.execute(statements.text("layout"))
    db.execute(statements.text("fleet"))


def fill(db: Connection, layout: Layout, name: str, **sizes: int) -> None:
    """Run one of our filling statements."""
    text, values = layout.statements().spelled(name, **sizes)
    db.execute(text, values)


def wait(db: Connection, layout: Layout, count: int) -> None:
    """Add steps that are pending."""
    if count:
        fill(db, layout, "waiting", count_literal=count, from_s_literal=0, to_s_literal=0)
