"""The command `fleet-q`. Reads the command line and prints; the work is done elsewhere in the package."""

from __future__ import annotations

import json
import os
import sys
from typing import Annotated, Literal, cast

import typer

from fleet_q import __version__
from fleet_q.app import FleetQ
from fleet_q.exceptions import FleetQError
from fleet_q.logs import configure
from fleet_q.types import JsonIn

from .dlq import dlq
from .doctor import doctor
from .migrate import migrate
from .target import Url, load, refuse

__all__ = ["main"]

cli = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

cli.add_typer(dlq, name="dlq")


def main() -> None:
    """Run the command line. A refusal prints its sentence and exits with 2."""
    try:
        cli()
    except FleetQError as error:
        refuse(str(error))


@cli.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and go.", is_eager=True)] = False,
) -> None:
    """Queue work in your database; run it in your processes."""
    if version:
        typer.echo(f"fleet-q {__version__}")
        raise typer.Exit


cli.command()(migrate)


@cli.command()
def worker(target: Annotated[str, typer.Argument(metavar="MODULE:FQ", help="Where the FleetQ is.")]) -> None:
    """Run the tasks of a FleetQ until Ctrl-C or SIGTERM, then drain; a second signal ends at once."""
    fq = load(target)
    settings = fq.settings
    configure(str(settings["log_level"]), _log_style(settings))
    if not fq.tasks():
        refuse(f"{target} has no tasks; put @fq.task above a function that this module imports")
    fq.run()


@cli.command()
def submit(
    task: Annotated[str, typer.Argument(help="The name of a task that some pod knows.")],
    args: Annotated[str, typer.Option("--args", help="A JSON object of named arguments, or a JSON list.")] = "{}",
    priority: Annotated[int | None, typer.Option(help="Higher goes first.")] = None,
    max_retries: Annotated[int | None, typer.Option(help="How often to try again.")] = None,
    app: Annotated[str | None, typer.Option(metavar="MODULE:FQ", help="Check against this app's tasks.")] = None,
    url: Url = None,
) -> None:
    """Store one step and print its id."""
    try:
        arguments = cast("JsonIn", json.loads(args))
    except ValueError as cause:
        refuse(f"--args is not JSON: {cause}")
    fq = load(app) if app is not None else FleetQ(url, role="producer")
    typer.echo(fq.submit_step_sync({"type": task, "args": arguments}, priority=priority, max_retries=max_retries))


@cli.command()
def status(step_id: Annotated[str, typer.Argument(help="The step's id.")], url: Url = None) -> None:
    """Print what is known of a step, as JSON."""
    step = FleetQ(url, role="producer").handle(step_id).info_sync()
    shown = {name: value for name, value in vars(step).items() if name != "errors"}
    shown["errors"] = [vars(error) for error in step.errors]
    typer.echo(json.dumps(shown, indent=2, default=str))


@cli.command()
def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave the app running afterwards, until Ctrl-C.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON, and nothing else.")] = False,
    limit: Annotated[int | None, typer.Option(help="Take this many files only.", min=1)] = None,
    url: Annotated[str | None, typer.Option("--url", help="Where; else by FLEET_Q_URL if Postgres, or a file.")] = None,
) -> None:
    """Run a FastAPI app and give it one step per file of Python's standard library."""
    try:
        from fleet_q.demo.drive import drive
    except ImportError as cause:
        refuse(f"the demo needs FastAPI and uvicorn: pip install fleet-q[fastapi] ({cause})")
    raise typer.Exit(drive(keep=keep, as_json=as_json, limit=limit, url=url))


cli.command()(doctor)


def _log_style(settings: dict[str, object]) -> Literal["json", "console"]:
    # People at a terminal read lines; whoever asked for JSON gets it there too.
    at_terminal = sys.stderr.isatty() and not os.environ.get("FLEET_Q_LOG_FORMAT")
    return "console" if at_terminal or settings["log_format"] == "console" else "json"
