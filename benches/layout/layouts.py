"""Says which layouts are compared: whose tables, whose statements, where finished steps lie."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from layout import settings
from layout.statements import Statements

__all__ = ["Layout", "layouts"]

STORE = settings.ROOT / "src" / "store" / "postgres"
OWN = Path(__file__).parent / "sql"
LIVE = "step_tracker"
HISTORY = "step_history"
BOTH = "step_everywhere"


@dataclass(frozen=True)
class Layout:
    """A way to lay out STEP_TRACKER. A folder beside this file holds what differs from the store's own."""

    name: str
    title: str
    folder: str = ""
    # Where a step lies that is final.
    final_in: str = LIVE
    # Where a reader of all steps looks.
    all_in: str = LIVE
    # Taken from an earlier version of the store, to see what a change brought.
    is_before: bool = False

    @property
    def is_moved(self) -> bool:
        """Whether finished steps go to another table."""
        return self.final_in != LIVE

    def statements(self) -> Statements:
        """Give its statements."""
        renamed = {
            "finished": {LIVE: self.final_in},
            "prune": {LIVE: self.final_in},
            **{name: {LIVE: self.all_in} for name in ("get", "search", "stats")},
        }
        own = [OWN / self.folder] if self.folder else []
        return Statements([*own, STORE / "sql", STORE / "migrations", OWN], renamed if self.is_moved else {})


def layouts() -> list[Layout]:
    """Give the layouts, in the order in which they take turns."""
    every = [
        Layout("one", "one table, partial indexes"),
        Layout("partitioned", "a partition an hour by `step_id`", "partitioned"),
        Layout("moved", "finished steps moved to a second table", "moved", HISTORY, BOTH),
    ]
    before = OWN / "before"
    if before.exists():
        every.insert(0, Layout("before", "one table, as it was before", "before", is_before=True))
    return [layout for layout in every if not settings.LAYOUTS or layout.name in settings.LAYOUTS]
