"""`fleet-q dlq`: look through the steps that failed for good, run them again, delete them.

Reads the store, so it says the same on every machine; only `--local` reads files.
Exits with 0 when all went as asked, 1 when some steps did not, 2 when it could not be asked.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import typer

from fleet_q.client import Client
from fleet_q.dead_letters import DeadLetter, DeadLetters, failure_filter
from fleet_q.handle import Handle
from fleet_q.settings import as_texts

from . import letters
from .since import since_of
from .target import Url, refuse

if TYPE_CHECKING:
    from fleet_q._core import FailureFilter

__all__ = ["dlq"]

dlq = typer.Typer(no_args_is_help=True, help="Look through failed steps, run them again, delete them.")

Ids = Annotated[list[str] | None, typer.Argument(metavar="[STEP_ID]...", help="These steps.")]
Task = Annotated[str | None, typer.Option("--task", help="Only this task.")]
Queue = Annotated[str | None, typer.Option("--queue", help="Only this queue.")]
Error = Annotated[
    str | None, typer.Option("--error", help="Only with this text in the last error's kind, type or message.")
]
SinceOption = Annotated[
    str | None, typer.Option("--since", help="Only failed since: 30m, 2h, 7d, or 2026-05-01T08:00.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else.")]
All = Annotated[bool, typer.Option("--all", help="Every failed step that the filters let through.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Local = Annotated[bool, typer.Option("--local", help="Read what leaders on this machine wrote down, not the store.")]
LocalPath = Annotated[str | None, typer.Option("--local-path", help="Their folder; FLEET_Q_LOCAL_PATH without it.")]

Verdicts: TypeAlias = Callable[[DeadLetters, Sequence[str]], Iterator[tuple[str, str]]]


@dataclass(frozen=True)
class Deed:
    """What is done to many steps."""

    verb: str
    done: Literal["replayed", "purged"]
    run: Verdicts


REPLAY = Deed("replay", "replayed", DeadLetters.replay_sync)
PURGE = Deed("purge", "purged", DeadLetters.purge_sync)


@dlq.command("list")
def list_(
    task: Task = None,
    queue: Queue = None,
    error: Error = None,
    since: SinceOption = None,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1)] = 50,
    by_error: Annotated[bool, typer.Option("--by-error", help="Count all of them by task and error.")] = False,
    local: Local = False,
    local_path: LocalPath = None,
    as_json: Json = False,
    url: Url = None,
) -> None:
    """List failed steps, the latest failure first."""
    with _opened(url, local_path) as client:
        if local:
            if any((task, queue, error, since, by_error)):
                refuse("--local takes no filters; it shows every orphan and failure that was written down here")
            letters.show_local(DeadLetters(client).local(limit), as_json=as_json)
            return
        filters = _filters(task, queue, error, since)
        found = DeadLetters(client).find_sync(filters, limit=None if by_error else limit)
    if by_error:
        letters.show_groups(letters.grouped(found), as_json=as_json)
    else:
        letters.show_list(found, limit=limit, as_json=as_json)


@dlq.command()
def show(
    step_id: Annotated[str, typer.Argument(help="The step's id.")],
    local: Local = False,
    local_path: LocalPath = None,
    as_json: Json = False,
    url: Url = None,
) -> None:
    """Show all that is known of one step: arguments, every failure, the last traceback."""
    with _opened(url, local_path) as client:
        if local:
            wanted = step_id.removeprefix("step-").lower()
            found = [letter for letter in DeadLetters(client).local(2**31 - 1) if letter.step_id == wanted]
            letters.show_local(found, as_json=as_json)
            raise typer.Exit(0 if found else 1)
        letters.show_step(Handle[object](client, step_id, None).info_sync(), as_json=as_json)


@dlq.command()
def replay(
    step_ids: Ids = None,
    every: All = False,
    task: Task = None,
    queue: Queue = None,
    error: Error = None,
    since: SinceOption = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
    url: Url = None,
) -> None:
    """Put failed steps back to `pending`: retries anew, error history kept. By id, or `--all` with filters."""
    with _opened(url) as client:
        filters = _chosen(step_ids, _filters(task, queue, error, since), every=every)
        _do(REPLAY, DeadLetters(client), step_ids, filters, ask=_Ask(dry_run=dry_run, yes=yes, as_json=as_json))


@dlq.command()
def purge(
    step_ids: Ids = None,
    every: All = False,
    task: Task = None,
    queue: Queue = None,
    error: Error = None,
    since: SinceOption = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
    url: Url = None,
) -> None:
    """Delete failed steps now, before KEEP_FAILED would. By id, or `--all` with filters."""
    with _opened(url) as client:
        filters = _chosen(step_ids, _filters(task, queue, error, since), every=every)
        _do(PURGE, DeadLetters(client), step_ids, filters, ask=_Ask(dry_run=dry_run, yes=yes, as_json=as_json))


@dataclass(frozen=True)
class _Ask:
    """How sure the caller is, and who reads the answer."""

    dry_run: bool
    yes: bool
    as_json: bool


def _do(deed: Deed, dead: DeadLetters, step_ids: Sequence[str] | None, filters: FailureFilter, *, ask: _Ask) -> None:
    if step_ids:
        if ask.dry_run:
            refuse("--dry-run goes with --all; of steps named by id, `fleet-q dlq show` says what they are")
        ids: Sequence[str] = list(dict.fromkeys(step_ids))
    else:
        ids = _agreed(deed, dead.find_sync(filters, limit=None), ask)
    letters.show_verdicts(deed.run(dead, ids), done=deed.done, as_json=ask.as_json)


def _agreed(deed: Deed, found: Sequence[DeadLetter], ask: _Ask) -> list[str]:
    """Show what would be done, and ask. What is agreed on is these steps, not the filter."""
    if ask.dry_run and ask.as_json:
        letters.show_list(found, limit=None, as_json=True)
        raise typer.Exit
    if not ask.as_json:
        letters.show_groups(letters.grouped(found), as_json=False)
    if ask.dry_run:
        typer.echo(f"would {deed.verb} {letters.many(len(found))}")
        raise typer.Exit
    if found and not ask.yes:
        if ask.as_json or not sys.stdin.isatty():
            refuse(f"this would {deed.verb} {letters.many(len(found))}; nobody can be asked here, so add --yes")
        if not typer.confirm(f"{deed.verb} {letters.many(len(found))}?"):
            refuse("nothing was done")
    return [letter.step_id for letter in found]


def _chosen(step_ids: Sequence[str] | None, filters: FailureFilter, *, every: bool) -> FailureFilter:
    narrowed = set(filters) - {"limit"}
    if step_ids and (every or narrowed):
        refuse("name steps by id, or choose them by --all and filters, not both")
    if not step_ids and not every:
        refuse("name steps by id, or say --all" + (" with these filters" if narrowed else ""))
    return filters


def _filters(task: str | None, queue: str | None, error: str | None, since: str | None) -> FailureFilter:
    return failure_filter(task=task, queue=queue, error=error, since=None if since is None else since_of(since))


@contextmanager
def _opened(url: str | None, local_path: str | None = None) -> Generator[Client, None, None]:
    client = Client(as_texts({"url": url, "role": "producer", "local_path": local_path}))
    try:
        yield client
    finally:
        client.close_now()
