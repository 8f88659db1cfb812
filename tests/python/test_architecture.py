"""ARCHITECTURE.md traces a step in eight hops: each name in it exists, and a real step passes them in order."""

import asyncio
import json
import logging
import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from clean_room import ROOT, run_script

pytestmark = pytest.mark.docs

PAGE = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
HOPS = re.findall(r"^\| (\d) \| (.+) \|$", PAGE, flags=re.MULTILINE)
PLACES = [(int(hop), place) for hop, cells in HOPS for place in re.findall(r"`([\w/]+\.[\w:.]+)`", cells)]
DEFINITION = {".py": r"^\s*(?:async )?def {}\b", ".rs": r"^\s*(?:pub(?:\([a-z]+\))? )?(?:async )?fn {}\b"}
PATIENCE_S = 30


def test_trace_has_eight_hops_in_order() -> None:
    assert [int(hop) for hop, _ in HOPS] == list(range(1, 9))


@pytest.mark.parametrize(("hop", "place"), PLACES, ids=str)
def test_place_in_the_trace_exists(hop: int, place: str) -> None:
    path, _, function = place.partition("::")
    file = ROOT / path

    assert file.is_file(), f"hop {hop} names a file that is not there"
    if function:
        pattern = DEFINITION[file.suffix].format(function)
        assert re.search(pattern, file.read_text(encoding="utf-8"), flags=re.MULTILINE), f"hop {hop}: no such function"


async def test_real_step_passes_the_hops_in_order(tmp_path: Path) -> None:
    # Imported here, so that the page can be checked where the core is not built.
    from fleet_q import Context, FleetQ

    database = tmp_path / "fleet_q.db"
    fq = FleetQ(f"sqlite:///{database}", local_path=str(tmp_path / "local"), log_level="DEBUG")
    seen: dict[str, object] = {}

    @fq.task
    async def double(ctx: Context, number: int) -> int:
        seen["row while the body runs"] = row_of(database, ctx.step_id)
        seen["fence"] = ctx.fence
        seen["called by"] = {Path(frame.filename).name for frame in traceback.extract_stack()} & {"runner.py"}
        return 2 * number

    with facts() as facts_seen:
        handle = await double.enqueue(21)
        seen["row after enqueue"] = row_of(database, handle.id)
        async with fq:
            seen["result"] = await handle.result(timeout=PATIENCE_S)
            finished = await facts_seen.first("step finished")
        seen["row at the end"] = row_of(database, handle.id)

    fence = seen["fence"]
    claimed = await facts_seen.first("steps claimed")
    assert seen == {
        "row after enqueue": ("pending", None),  # hops 1 to 4
        "row while the body runs": ("claimed", fence),  # hops 5 and 6
        "fence": claimed["claim_id"],
        "called by": {"runner.py"},  # hop 7
        "result": 42,
        "row at the end": ("completed", fence),  # hop 8; the claim stays as a receipt
    }
    assert (finished["step_id"], finished["to"]) == (handle.id, "completed")
    assert facts_seen.order("steps enqueued", "steps claimed", "step finished") == [0, 1, 2]


def row_of(database: Path, step_id: str) -> tuple[str, str | None]:
    """Read a row from a process of its own.

    Python's sqlite3 is a second SQLite beside the core's. In one process the two would undo each
    other's locks on the file, and the core would go on with a write-ahead log that is no longer there.
    """
    status, claim_id = json.loads(run_script(database.parent, "-c", READ, str(database), step_id))
    return status, claim_id


READ = """
import json, sqlite3, sys

query = "select status, claim_id from step_tracker where step_id = ?"
print(json.dumps(sqlite3.connect(sys.argv[1]).execute(query, sys.argv[2:]).fetchone()))
"""


class Facts(logging.Handler):
    """Keeps what the core logs: one record per fact, its fields in the attribute `fleet_q`."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.records: list[tuple[str, dict[str, object]]] = []
        self._loop = asyncio.get_running_loop()
        self._more = asyncio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append((record.getMessage(), getattr(record, "fleet_q", {})))
        self._loop.call_soon_threadsafe(self._more.set)

    async def first(self, message: str) -> dict[str, object]:
        """Wait for a fact; records come on a thread of their own."""
        while (fields := dict(reversed(self.records)).get(message)) is None:
            self._more.clear()
            await asyncio.wait_for(self._more.wait(), PATIENCE_S)
        return fields

    def order(self, *messages: str) -> list[int]:
        """Say in which order these facts came first."""
        came = [text for text, _ in self.records]
        return [sorted(messages, key=came.index).index(message) for message in messages]


@contextmanager
def facts() -> Iterator[Facts]:
    logger = logging.getLogger("fleet_q")
    handler, level = Facts(), logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield handler
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
