"""Decides as whom the servers of tests run, and sees that they end with us. Knows nothing of what they serve."""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from debian_parts import Brought


class Account:
    """Who runs a server: we ourselves, or, if we are root, somebody who may do nothing else."""

    def __init__(self, name: str) -> None:
        self._entry = pwd.getpwnam(name) if os.geteuid() == 0 else None

    def own(self, folder: Path) -> None:
        """Give a folder to the account; others may pass through to what they know by name."""
        folder.mkdir(exist_ok=True)
        folder.chmod(0o711)
        if self._entry is not None:
            os.chown(folder, self._entry.pw_uid, self._entry.pw_gid)

    def reachable(self, programs: Brought, folder: Path) -> Brought:
        """Give the programs where the account can run them: copied, with all beside them, from a closed home."""
        closed = any(not place.stat().st_mode & 0o001 for place in [programs.root, *programs.root.parents])
        if self._entry is None or not closed:
            return programs
        # All of it: Postgres looks for its files where they stand relative to its programs.
        copied = folder / "programs"
        if not copied.exists():
            shutil.copytree(programs.root, copied, symlinks=True)
            if programs.libraries is not None:
                shutil.copytree(programs.libraries, copied / programs.libraries.name, symlinks=True)
        return programs.moved(copied)

    def start(
        self, command: list[str], log: Any, environment: dict[str, str], folder: Path, *, output: int | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a program that ends when we end."""
        who: dict[str, Any] = {}
        if self._entry is not None:
            who = {"user": self._entry.pw_uid, "group": self._entry.pw_gid, "extra_groups": []}
        return subprocess.Popen(
            command,
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output if output is not None else log,
            stderr=log if log is not None else subprocess.DEVNULL,
            start_new_session=True,  # a Ctrl-C is for the tests; they end us
            preexec_fn=_ends_with_parent(),
            **who,
        )


def _ends_with_parent() -> Callable[[], None] | None:
    """SIGINT, a fast shutdown, from the kernel when our parent dies, however it dies. Linux alone has it."""
    if not sys.platform.startswith("linux"):
        return None
    prctl, set_death_signal = ctypes.CDLL(None).prctl, 1
    return lambda: prctl(set_death_signal, int(signal.SIGINT))
