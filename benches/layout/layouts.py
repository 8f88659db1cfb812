"""Says which layouts are compared: whose tables, whose statements, where finished steps lie.

Each was measured with the statements of its day, and stays with them: `BEFORE`, `FLOORS`.
"""

from __future__ import annotations

import subprocess
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path

from layout import settings
from layout.statements import Renamed, Statements

__all__ = ["Layout", "layouts"]

# The last commit whose claim walked past every dead entry of its index.
BEFORE = "f71cca4"
# The first one with floors, as measured for docs/decisions/0006; today's statements are those of 0010.
FLOORS = "2e378c2"
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
    # The commit whose statements it takes.
    commit: str = BEFORE

    @property
    def is_moved(self) -> bool:
        """Whether finished steps go to another table."""
        return self.final_in != LIVE

    def statements(self, more: Renamed | None = None) -> Statements:
        """Give its statements; in some, texts are put in place of others."""
        renamed: dict[str, Mapping[str, str]] = {
            "finished": {LIVE: self.final_in},
            **{name: {LIVE: self.final_in} for name in ("prune", "task", "tag")},
            **{name: {LIVE: self.all_in} for name in ("get", "search", "stats")},
        }
        own = [OWN / self.folder] if self.folder else []
        store = _at(self.commit)
        changes = {**(renamed if self.is_moved else {}), **(more or {})}
        return Statements([*own, store / "sql", store / "migrations", OWN], changes)


def layouts() -> list[Layout]:
    """Give the layouts, in the order in which they take turns."""
    every = [
        Layout("before", "one table, partial indexes"),
        Layout("one", "the same with floors", commit=FLOORS),
        Layout("partitioned", "a partition an hour by `step_id`", "partitioned"),
        Layout("moved", "finished steps moved to a second table", "moved", HISTORY, BOTH),
    ]
    return [layout for layout in every if not settings.LAYOUTS or layout.name in settings.LAYOUTS]


@cache
def _at(commit: str) -> Path:
    """Give a folder with the store's sources as they were."""
    folder = settings.FOLDER / "sources" / commit
    inside = Path("src") / "store" / "postgres"
    if not folder.exists():
        command = ["git", "archive", commit, str(inside)]
        packed = subprocess.run(command, cwd=settings.ROOT, capture_output=True, check=True).stdout
        with tarfile.open(fileobj=BytesIO(packed)) as archive:
            archive.extractall(folder, filter="data")
    return folder / inside
