"""Drives the demo: submits over HTTP, watches, reads every result, judges. Prints through rich."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from .files import steps
from .server import DemoError, Server, place, serving
from .summary import Summary, summarise

__all__ = ["drive"]

SUBMITTERS = 8
STALL_TIMEOUT_S = 120.0


def drive(*, keep: bool, as_json: bool, limit: int | None, url: str | None = None) -> int:
    """Run the demo on the database at `url`; gives the exit code: 0 if every step ended as promised."""
    console = Console(stderr=as_json, quiet=as_json)
    with tempfile.TemporaryDirectory(prefix="fleet-q-demo-") as folder:
        try:
            with serving(Path(folder), url) as server:
                summary = _driven(server, steps(limit), console)
                _show(summary, server, console, keep=keep)
                if schema := place(url, Path(folder)).get("FLEET_Q_SCHEMA"):
                    console.print(f"Its tables stay in the schema {schema} of your database.")
                if as_json:
                    print(json.dumps(summary.as_dict(), indent=2))
                if keep:
                    _keep(server, console)
        except DemoError as error:
            Console(stderr=True).print(f"[red]the demo failed:[/] {error}", highlight=False)
            return 1
        except KeyboardInterrupt:
            return 130
    return 1 if summary.problems else 0


def _driven(server: Server, submissions: list[dict[str, object]], console: Console) -> Summary:
    console.print(f"An app serves at {server.url}; it gets {len(submissions)} steps over HTTP.")
    before = _ended(server)
    began = time.monotonic()
    with _progress(console) as progress, ThreadPoolExecutor(SUBMITTERS) as pool:
        submitted = progress.add_task("submitted", total=len(submissions))
        finished = progress.add_task("finished", total=len(submissions))

        def submit(submission: dict[str, object]) -> str:
            step_id = str(server.post("/submit", submission)["step_id"])
            progress.advance(submitted)
            return step_id

        def look(step_id: str) -> dict[str, object]:
            return server.get(f"/status/{step_id}")

        ids = pool.map(submit, submissions)
        _watch(server, len(submissions), before, lambda done: progress.update(finished, completed=done))
        seconds = time.monotonic() - began
        found = list(pool.map(look, list(ids)))
    return summarise(submissions, found, seconds)


def _watch(server: Server, total: int, before: int, show: Callable[[int], None]) -> None:
    """Wait until so many more are final than before. Raises DemoError if nothing moves any more."""
    done, moved = -1, time.monotonic()
    while done < total:
        now_done = _ended(server) - before
        if now_done != done:
            done, moved = now_done, time.monotonic()
            show(done)
        if server.process.poll() is not None:
            raise DemoError(f"the app ended; the end of its log:\n{server.log_tail()}")
        if time.monotonic() - moved > STALL_TIMEOUT_S:
            raise DemoError(f"nothing moved for {STALL_TIMEOUT_S:.0f} s after {done} steps\n{server.log_tail()}")
        time.sleep(0.1)


def _ended(server: Server) -> int:
    """Count the steps that are final. On a database that lasts, an earlier demo may have left some."""
    counts = server.get("/admin/queue")
    return sum(cast("int", counts[state]) for state in ("completed", "failed", "cancelled"))


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description:>10}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, disable=console.quiet)


def _show(summary: Summary, server: Server, console: Console, *, keep: bool) -> None:
    table = Table(title="Python's standard library, read by a queue", show_header=False)
    rows = {
        "files": f"{summary.files}, of which {summary.syntax_errors} are no valid Python (syntax_error)",
        "completed": f"{summary.completed} of {summary.files}",
        "functions": f"{summary.functions}, the longest {summary.longest_function} lines "
        f"({summary.longest_function_file})",
        "classes": str(summary.classes),
        "docstrings": f"{summary.docstring_coverage:.0%} of functions and classes",
        "time": f"{summary.seconds:.1f} s, {summary.steps_per_second:.0f} steps/s",
        "retries": f"{summary.retries}; {summary.told_to_fail} steps were told to fail at first",
    }
    for name, value in rows.items():
        table.add_row(name, value)
    for letter in summary.dead_letters:
        table.add_row("dead letter", f"{letter['step_id']} after {letter['tries']} tries\n{letter['reason']}")
    console.print(table)
    console.print("To look further:" if keep else "To look further, with `fleet-q demo --keep`:")
    for letter in summary.dead_letters:
        console.print(f"  the dead letter   {server.url}/fleet-q/status/{letter['step_id']}", soft_wrap=True)
    console.print(f"  queue counts      {server.url}/fleet-q/admin/queue")
    console.print(f"  health            {server.url}/fleet-q/health")
    console.print(f"  the whole API     {server.url}/docs")
    for problem in summary.problems:
        console.print(f"[red]not as promised:[/] {problem}")


def _keep(server: Server, console: Console) -> None:
    console.print("The app goes on; Ctrl-C ends it. Its files:", str(server.folder))
    server.process.wait()
