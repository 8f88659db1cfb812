"""Tests one wheel on every Python we promise, on asyncio's loop and on uvloop: `make test-versions`.

`versions.py WHEEL CACHE short|full`. Short: the files that touch loops, threads and forks; full: all that is
neither docs nor acceptance. Pythons that are not installed are listed; under CI=true fewer than two fail.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
LOOPS = ("asyncio", "uvloop")
FEWEST_IN_CI = 2
SHORT_TASKS = ("test_runner_base_exceptions.py", "test_runner_tasks.py")
SHORT_LIVES = ("test_app.py", "test_lifespan.py", "test_core_life.py", "compat")
SHORT = [f"tests/python/{name}" for name in (*SHORT_TASKS, *SHORT_LIVES)]
# Most of a test is waiting; more at once than there are cores, and timings begin to tear.
AT_ONCE = {"short": 4, "full": 2}


class Ran(NamedTuple):
    """One Python on one loop."""

    python: str
    loop: str
    seconds: float
    code: int
    said: str


def main() -> int:
    """Install, run, tell."""
    wheel, cache, form = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    found = {version: python for version in PYTHONS if (python := _interpreter(version))}
    for version in PYTHONS:
        if version not in found:
            print(f"*** Python {version} IS NOT INSTALLED HERE; the wheel was not tested on it ***", flush=True)
    if len(found) < FEWEST_IN_CI and os.environ.get("CI") == "true":
        print(f"CI needs at least {FEWEST_IN_CI} of {', '.join(PYTHONS)}", file=sys.stderr)
        return 1
    with ThreadPoolExecutor(AT_ONCE[form]) as pool:
        pythons = list(pool.map(lambda item: _installed(item[0], item[1], wheel, cache), found.items()))
        pairs = [(version, python, loop) for version, python in zip(found, pythons, strict=True) for loop in LOOPS]
        ran = list(pool.map(lambda pair: _tested(pair[0], pair[1], pair[2], form), pairs))
    return _told(ran)


def _interpreter(version: str) -> str | None:
    """Find a Python of this version that can make an environment; a shim that only says no is passed over."""
    script = f"import sys, venv, ensurepip; sys.exit('%d.%d' % sys.version_info[:2] != '{version}')"
    for python in _candidates(version):
        try:
            if subprocess.run([python, "-c", script], capture_output=True, check=False).returncode == 0:
                return python
        except OSError:
            continue
    return None


def _candidates(version: str) -> Iterator[str]:
    yield f"python{version}"
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    for folder in sorted(root.glob(f"versions/{version}.*"), reverse=True):
        yield str(folder / "bin" / "python")


def _installed(version: str, python: str, wheel: Path, cache: Path) -> Path:
    """Give the interpreter of an environment with the wheel and what the tests need."""
    folder = cache / version
    own = folder / "bin" / "python"
    pip = [str(own), "-m", "pip", "install", "--quiet"]
    needs = ROOT / "requirements-versions.txt"
    stamp = folder / ".needs"
    if not stamp.exists() or stamp.read_text() != needs.read_text():
        _done([python, "-m", "venv", "--clear", str(folder)])
        _done([*pip, "--requirement", str(needs), f"{wheel}[fastapi,pydantic]"])
        stamp.write_text(needs.read_text())
    _done([*pip, "--force-reinstall", "--no-deps", str(wheel)])
    return own


def _done(command: list[str]) -> None:
    subprocess.run(command, check=True)


def _tested(version: str, python: Path, loop: str, form: str) -> Ran:
    began = time.monotonic()
    chosen = SHORT if form == "short" else ["--ignore=tests/python/acceptance", "tests/python"]
    command = [
        str(python),
        "-m",
        "pytest",
        "-q",
        "-m",
        "not docs and not acceptance",
        "-p",
        "no:cacheprovider",
        *chosen,
    ]
    environment = {**os.environ, "TEST_LOOP": loop, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    ran = Ran(version, loop, time.monotonic() - began, done.returncode, done.stdout + done.stderr)
    print(f"Python {version} on {loop}: {_last_line(done.stdout)}", flush=True)
    return ran


def _told(ran: list[Ran]) -> int:
    failed = [one for one in ran if one.code != 0]
    for one in failed:
        print(f"\n=== Python {one.python} on {one.loop}\n{one.said}", flush=True)
    print(f"\n{'python':<8} {'loop':<8} {'seconds':>8}")
    for one in ran:
        print(f"{one.python:<8} {one.loop:<8} {one.seconds:>8.0f}  {'FAILED' if one.code else 'passed'}")
    return 1 if failed or not ran else 0


def _last_line(text: str) -> str:
    return text.strip().rpartition("\n")[2]


if __name__ == "__main__":
    sys.exit(main())
