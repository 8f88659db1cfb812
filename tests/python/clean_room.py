"""Runs scripts the way a reader would: in a folder of their own, with a queue of their own."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 90


def run_script(folder: Path, *arguments: str) -> str:
    """Run Python with these arguments in `folder` and give back what it printed."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment(folder),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, f"exit {done.returncode}\n--- stdout\n{done.stdout}\n--- stderr\n{done.stderr}"
    return done.stdout


def environment(folder: Path) -> dict[str, str]:
    """Make the variables of a fresh user: no settings of the tester's own, everything inside `folder`."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("FLEET_Q_")}
    return {
        **inherited,
        "FLEET_Q_URL": f"sqlite:///{folder / 'fleet_q.db'}",
        "FLEET_Q_LOCAL_PATH": str(folder / "local"),
        "PYTHONUNBUFFERED": "1",
    }
