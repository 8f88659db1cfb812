"""Prints dead letters: for people as aligned lines, for programs as JSON. Reads no store."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal

import typer

from fleet_q.dead_letters import DeadLetter, LocalLetter
from fleet_q.step import StepError, StepInfo

__all__ = ["Group", "grouped", "many", "show_groups", "show_list", "show_local", "show_step", "show_verdicts"]

WIDTH = 100


@dataclass(frozen=True)
class Group:
    """Failed steps of one task with one kind of error."""

    task: str
    error: str
    count: int
    first: datetime
    last: datetime
    example: str
    """The latest step among them."""
    message: str


def grouped(found: Sequence[DeadLetter]) -> list[Group]:
    """Group failures, the largest group first; they come latest first."""
    groups: dict[tuple[str, str], list[DeadLetter]] = {}
    for letter in found:
        groups.setdefault((letter.task, letter.error_type or letter.kind or "unknown"), []).append(letter)
    made = [
        Group(task, error, len(ones), ones[-1].failed_ts, ones[0].failed_ts, ones[0].step_id, ones[0].reason)
        for (task, error), ones in groups.items()
    ]
    return sorted(made, key=lambda group: -group.count)


def many(count: int) -> str:
    """Say how many steps."""
    return "1 failed step" if count == 1 else f"{count} failed steps"


def show_list(found: Sequence[DeadLetter], *, limit: int | None, as_json: bool) -> None:
    """Print failed steps, one a line."""
    if as_json:
        _json([{**asdict(letter), "reason": letter.reason} for letter in found])
        return
    rows = [
        (one.step_id, _moment(one.failed_ts), one.task, one.queue, _tries(one), _short(one.reason)) for one in found
    ]
    _table(("step", "failed at", "task", "queue", "tries", "why"), rows)
    typer.echo(f"{many(len(found))}{'; there may be more, see --limit' if len(found) == limit else ''}", err=True)


def show_groups(groups: Sequence[Group], *, as_json: bool) -> None:
    """Print how many failed of what."""
    if as_json:
        _json([asdict(group) for group in groups])
        return
    rows = [
        (str(one.count), one.task, one.error, _moment(one.last), one.example, _short(one.message)) for one in groups
    ]
    _table(("count", "task", "error", "last", "latest step", "why"), rows)


def show_local(found: Sequence[LocalLetter], *, as_json: bool) -> None:
    """Print what leaders on this machine wrote down."""
    if as_json:
        _json([asdict(letter) for letter in found])
        return
    rows = [
        (one.step_id, _moment(one.at), one.kind, one.task, str(one.evidence.get("went_to", "")), _why_local(one))
        for one in found
    ]
    _table(("step", "at", "kind", "task", "went to", "why"), rows)
    typer.echo(f"{len(found)} local dead letters; the store decides: see `fleet-q dlq list`", err=True)


def show_step(step: StepInfo, *, as_json: bool) -> None:
    """Print one step: its row, its arguments, each failure, and the traceback of the last."""
    if as_json:
        _json(asdict(step))
        return
    for name in ("step_id", "task", "queue", "status", "unique_key", "created_ts", "finished_ts"):
        typer.echo(f"{name:<13}{getattr(step, name)}")
    typer.echo(
        f"{'tries':<13}{step.attempts} ({step.retry_count} of {step.max_retries} retries, {step.crash_count} crashes)"
    )
    typer.echo(f"{'payload':<13}{json.dumps(step.payload, ensure_ascii=False, default=repr)}")
    typer.echo("errors, oldest first")
    for error in step.errors:
        typer.echo(f"  {_moment(error.at)}  {error.kind:<8} {error.pod}  {_short(_said(error))}")
    if step.error is not None and step.error.traceback:
        typer.echo(f"\n{step.error.traceback.rstrip()}")


def show_verdicts(verdicts: Iterable[tuple[str, str]], *, done: Literal["replayed", "purged"], as_json: bool) -> None:
    """Print what became of each step, as it becomes known; exit with 1 unless all went as asked."""
    answers: list[dict[str, str]] = []
    try:
        for step_id, verdict in verdicts:
            answers.append(_answer(step_id, verdict, done))
            if not as_json:
                typer.echo(f"{step_id}  {_sentence(answers[-1])}")
    finally:
        # Should the store go away in between, what was done is told all the same.
        if as_json:
            _json(answers)
        well = sum(answer["outcome"] == done for answer in answers)
        typer.echo(f"{done} {well} of {len(answers)}", err=True)
    if well < len(answers):
        raise typer.Exit(1)


def _answer(step_id: str, verdict: str, done: str) -> dict[str, str]:
    outcome, _, holder = verdict.partition(":")
    if outcome == "conflict":
        return {"step_id": step_id, "outcome": outcome, "holder": holder}
    if outcome in (done, "unknown"):
        return {"step_id": step_id, "outcome": outcome}
    return {"step_id": step_id, "outcome": "not_failed", "status": outcome}


def _sentence(answer: dict[str, str]) -> str:
    if answer["outcome"] == "conflict":
        return f"stays failed: step {answer['holder']} holds its unique key; wait for it or cancel it"
    if answer["outcome"] == "not_failed":
        return f"left alone: it is {answer['status']}, not failed"
    if answer["outcome"] == "unknown":
        return "no such step is stored"
    return answer["outcome"]


def _why_local(letter: LocalLetter) -> str:
    said = letter.evidence
    if letter.kind == "orphan":
        return f"its pod {said.get('pod', '')} died, {said.get('crash_count', '?')} times so far"
    return _short(
        ": ".join(str(part) for part in (said.get("error_type") or said.get("kind"), said.get("message")) if part)
    )


def _said(error: StepError) -> str:
    return str(error) if error.error_type or error.message else f"the pod died under it; {error.kind}"


def _tries(letter: DeadLetter) -> str:
    crashes = f" +{letter.crash_count} crashed" if letter.crash_count else ""
    return f"{letter.retry_count + (letter.kind != 'crash')}{crashes}"


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    if not rows:
        return
    widths = [max(len(row[place]) for row in [head, *rows]) for place in range(len(head) - 1)]
    for row in [head, *rows]:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        typer.echo("  ".join([*cells, row[-1]]))


def _moment(at: datetime | None) -> str:
    return "" if at is None else at.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= WIDTH else f"{line[: WIDTH - 1]}…"


def _json(value: object) -> None:
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, default=_spelled))


def _spelled(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else repr(value)
