"""Makes the virtual environments of the peers on demand. One that cannot be made is told, never hidden."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

__all__ = ["NotInstalled", "python_of", "versions_of"]


class NotInstalled(Exception):
    """This peer could not be installed; the sentence goes into the table."""


def python_of(venvs: Path, *packages: str) -> Path:
    """Give the interpreter of an environment that holds these packages. Raises NotInstalled."""
    folder = venvs / packages[0]
    python = folder / "bin" / "python"
    stamp = folder / ".installed"
    if stamp.exists():
        return python
    for command in (
        [sys.executable, "-m", "venv", str(folder)],
        [str(python), "-m", "pip", "install", "-q", *packages],
    ):
        made = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        if made.returncode != 0:
            said = (made.stderr or made.stdout).strip().splitlines()
            raise NotInstalled(said[-1] if said else f"exit code {made.returncode}")
    stamp.touch()
    return python


def versions_of(python: Path, packages: list[str]) -> list[str]:
    """Say which versions an environment holds."""
    script = "import importlib.metadata as m, sys; print(*(m.version(name) for name in sys.argv[1:]))"
    told = subprocess.run([str(python), "-c", script, *packages], capture_output=True, text=True, check=True)
    return [f"{name} {version}" for name, version in zip(packages, told.stdout.split(), strict=True)]
