"""Becomes a command whose disk can be full: RLIMIT_FSIZE bounds every file that it writes, and nothing else.

What the command prints and notes leaves through pipes, which know no bound. `full` bounds it from the start;
otherwise the test does, with `prlimit`, when it likes. Python ignores SIGXFSZ, so a write fails with EFBIG.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from typing import IO

FULL = 0


def piped(target: int | IO[bytes]) -> int:
    """Give the writing end of a pipe to a process that nobody bounds, which ends when this one has."""
    writer = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=target, start_new_session=True)
    assert writer.stdin is not None
    return os.dup(writer.stdin.fileno())


def main(how: str, effects: str, *command: str) -> None:
    """Lay the pipes, and become the command."""
    with open(effects, "ab") as file:  # noqa: PTH123 - the place is a name from the command line
        noted = piped(file)
    said = piped(1)
    os.dup2(said, 1)
    os.dup2(said, 2)
    os.set_inheritable(noted, True)
    os.environ["ACCEPTANCE_LOG"] = f"/dev/fd/{noted}"
    if how == "full":
        resource.setrlimit(resource.RLIMIT_FSIZE, (FULL, resource.RLIM_INFINITY))
    os.execv(command[0], command)


if __name__ == "__main__":
    main(*sys.argv[1:])
