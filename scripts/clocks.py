"""Makes the clock of a server of tests lie, by an amount that may change while it runs. Starts nothing."""

from __future__ import annotations

from pathlib import Path

from debian_parts import Brought

SETTING = "acceptance.clock"
"""A setting of Postgres's that none of its parts reads: where a statement learns by how much the clock lies."""


class LyingClock:
    """libfaketime, and the file in which it looks, at every question, how many seconds to add."""

    def __init__(self, library: Brought, folder: Path) -> None:
        self._library = library.programs[0]
        self._file = folder / "ahead"
        self.ahead("0")

    def ahead(self, seconds: str) -> None:
        """Have every process say so many seconds more than the truth, from its next look at the clock on."""
        told = self._file.with_suffix(".new")
        told.write_text(f"{int(seconds):+d}")
        told.chmod(0o644)
        # In one move, for it may be read at this very moment.
        told.replace(self._file)

    def settings(self) -> dict[str, str]:
        """Give what Postgres is told, so that tests can ask it for the truth."""
        return {SETTING: str(self._file)}

    def environment(self) -> dict[str, str]:
        """Give what a process needs in its environment to believe us."""
        return {
            "LD_PRELOAD": str(self._library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            # As on a machine whose wall clock is set: what counts elapsed time knows nothing of it.
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }
