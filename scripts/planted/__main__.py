"""Plants each defect and demands that its scenarios fail by their own word, on Postgres: `make planted`.

`python -m planted CACHE [NAME…]`: names pick defects by a part of theirs. First the same scenarios must pass on
the tree as it is. All of them caught, the table of docs/concepts/planted-defects.md is written anew.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from planted import page
from planted.defects import DEFECTS, Defect
from planted.tree import Tree
from planted.verdict import Verdict, read

# They mostly wait. More at once than there are cores, and their timings begin to tear.
AT_ONCE = 2
PROBE = "import fleet_q._core as core; print(core.__file__)"


class Ran(NamedTuple):
    """The scenarios of one defect, or of none."""

    verdicts: list[Verdict]
    said: str


class Bench:
    """Runs scenarios with what was built before the installed wheel."""

    def __init__(self, tree: Tree, reports: Path) -> None:
        self._tree, self._reports = tree, reports
        reports.mkdir(parents=True, exist_ok=True)

    def run(self, name: str, built: Path, scenarios: Sequence[str]) -> Ran:
        """Run these scenarios; what they import must come from there."""
        environment = {key: value for key, value in os.environ.items() if not key.startswith("FLEET_Q_")}
        environment |= {"FLEET_Q_TEST_STORE": "postgres", "PYTHONPATH": str(built), "PYTHONDONTWRITEBYTECODE": "1"}
        probe = [sys.executable, "-c", PROBE]
        found = subprocess.run(probe, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout
        if not found.startswith(str(built)):
            raise SystemExit(f"{name}: not what was built is imported, but {found}")
        report = self._reports / f"{name}.xml"
        report.unlink(missing_ok=True)
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}"]
        tests = [f"tests/python/acceptance/{scenario}" for scenario in scenarios]
        done = subprocess.run(
            [*command, *tests],
            cwd=self._tree.copy,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
        return Ran(read(report), done.stdout)


def main() -> int:
    """Build, run, judge, tell."""
    began = time.monotonic()
    cache, wanted = Path(sys.argv[1]), sys.argv[2:]
    chosen = [defect for defect in DEFECTS if not wanted or any(part in defect.name for part in wanted)]
    if not chosen:
        print(f"no such defect; there are {', '.join(defect.name for defect in DEFECTS)}", file=sys.stderr)
        return 2
    tree = Tree(cache)
    bench = Bench(tree, cache / "reports")
    sound = _built(tree, None)
    planted = [(defect, _built(tree, defect)) for defect in chosen]
    scenarios = sorted({scenario for defect in chosen for scenario in defect.scenarios})
    with ThreadPoolExecutor(AT_ONCE) as pool:
        clean = list(pool.map(lambda one: bench.run(_slug(one), sound, [one]), scenarios))
        green = [_is_green(*pair) for pair in zip(scenarios, clean, strict=True)]
        if not all(green):
            return 1
        ran = list(pool.map(lambda pair: _planted(bench, *pair), planted))
    rows = [page.row(defect, one.verdicts) for (defect, _), one in zip(planted, ran, strict=True)]
    print("\n" + page.table(rows))
    missed = [defect.name for (defect, _), one in zip(planted, ran, strict=True) if not _is_caught(defect, one)]
    print(f"{len(chosen) - len(missed)} of {len(chosen)} caught, in {time.monotonic() - began:.0f} s")
    if missed:
        print(f"NOT CAUGHT: {', '.join(missed)}", file=sys.stderr)
        return 1
    if len(chosen) == len(DEFECTS):
        page.write(rows)
    return 0


def _built(tree: Tree, defect: Defect | None) -> Path:
    began = time.monotonic()
    name = defect.name if defect else "none"
    built = tree.built(name, defect.edits if defect else ())
    print(f"built with defect {name}: {time.monotonic() - began:.0f} s", flush=True)
    return built


def _slug(scenario: str) -> str:
    return "none-" + re.sub(r"\W+", "-", scenario)


def _is_green(scenario: str, ran: Ran) -> bool:
    green = bool(ran.verdicts) and all(verdict.how == "passed" for verdict in ran.verdicts)
    took = sum(verdict.seconds for verdict in ran.verdicts)
    print(f"without a defect, {scenario}: {'passed' if green else 'NOT PASSED'} in {took:.0f} s", flush=True)
    if not green:
        print(ran.said, flush=True)
    return green


def _planted(bench: Bench, defect: Defect, built: Path) -> Ran:
    ran = bench.run(defect.name, built, defect.scenarios)
    for verdict in ran.verdicts:
        found = f": {verdict.findings[0]}" if verdict.findings else ""
        print(f"{defect.name}, {verdict.test}: {verdict.how} in {verdict.seconds:.0f} s{found}", flush=True)
    if not _is_caught(defect, ran):
        print(f"--- {defect.name} was not caught\n{ran.said}", flush=True)
    return ran


def _is_caught(defect: Defect, ran: Ran) -> bool:
    """Say whether each scenario failed, by a finding that is about what is missing."""
    telling = [any(re.search(defect.shows, found) for found in verdict.findings) for verdict in ran.verdicts]
    failed = [verdict.how == "failed" for verdict in ran.verdicts]
    return bool(failed) and all(failed) and all(telling)


if __name__ == "__main__":
    sys.exit(main())
