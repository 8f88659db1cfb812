"""`fleet-q migrate`: brings a database to the schema this version speaks, or says what that would take.

Decides what to print and which code to end with; the SQL and the migration are the core's.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from fleet_q.client import Client
from fleet_q.settings import as_texts
from fleet_q.views import Schema

from .target import refuse

if TYPE_CHECKING:
    from fleet_q._core import Engine

__all__ = ["migrate"]

EXIT_CODES = {"current": 0, "newer": 0, "pending": 3, "too_new": 4}
SENTENCES = {
    "current": "up to date",
    "newer": "made by a newer fleet-q, which admits this one: nothing to do",
    "pending": "pending: run `fleet-q migrate`",
    "too_new": "too new for this fleet-q: upgrade it",
}


def migrate(
    url: Annotated[str | None, typer.Option("--url", help="The database; FLEET_Q_URL without it.")] = None,
    schema: Annotated[str | None, typer.Option("--schema", help="Where the tables are; FLEET_Q_SCHEMA.")] = None,
    status: Annotated[
        bool, typer.Option("--status", help="Change nothing; end with 0, 3 (pending), 4 (too new).")
    ] = False,
    sql: Annotated[bool, typer.Option("--sql", help="Print what would be run, for psql or sqlite3.")] = False,
    since: Annotated[int | None, typer.Option("--from", help="With --sql: from this version, unasked.", min=0)] = None,
    grants: Annotated[str | None, typer.Option(metavar="ROLE", help="Print what lets a role work without DDL.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the schema's versions as JSON.")] = False,
) -> None:
    """Create or upgrade the tables: whole or not at all, safe while pods run and start."""
    if sum((status, sql, grants is not None)) > 1 or (since is not None and not sql):
        refuse("give one of --status, --sql and --grants; --from goes with --sql")
    client = Client(as_texts({"url": url, "schema": schema, "role": "producer"}))
    engine = client.engine()
    if sql:
        typer.echo(engine.migration_sql_sync(_known(engine) if since is None else since), nl=False)
    elif grants is not None:
        typer.echo(engine.grants_sql_sync(grants), nl=False)
    elif status:
        _tell(Schema.read(engine.schema_sync()), as_json=as_json)
    else:
        _apply(engine, as_json=as_json)


def _known(engine: Engine) -> int:
    """Ask the database for its version. Ends the command if there is no way from there."""
    found = Schema.read(engine.schema_sync())
    if found.state == "too_new":
        refuse(f"the database has schema version {found.version}; {SENTENCES['too_new']}")
    return found.version


def _apply(engine: Engine, *, as_json: bool) -> None:
    before = engine.schema_sync()["version"]
    after = Schema.read(engine.migrate_sync())
    if as_json:
        _tell(after, as_json=True)
    moved = f"version {before} -> {after.version}" if before != after.version else f"version {after.version}"
    typer.echo(f"schema: {moved}, {SENTENCES[after.state]}")


def _tell(found: Schema, *, as_json: bool) -> NoReturn:
    if as_json:
        typer.echo(json.dumps({**asdict(found), "state": found.state}))
    else:
        pending = ", ".join(map(str, found.pending)) or "nothing"
        typer.echo(f"found           version {found.version}" + ("" if found.version else " (no tables)"))
        typer.echo(f"min_compatible  {found.min_compatible}")
        typer.echo(f"speaks          {found.speaks}")
        typer.echo(f"pending         {pending}")
        typer.echo(SENTENCES[found.state])
    raise typer.Exit(EXIT_CODES[found.state])
