"""What is in a Python file? A web app that finds out in the background: `uvicorn app:app`."""

import ast
import json
import os
from pathlib import Path
from typing import Literal

from fastapi import FastAPI
from pydantic import BaseModel

from fleet_q import Context, FleetQ, RetryPolicy

fq = FleetQ()  # FLEET_Q_URL, else sqlite:///fleet_q.db
app = FastAPI(title="fleet-q demo", lifespan=fq.lifespan)  # this process is a pod while it serves
app.include_router(fq.router(), prefix="/fleet-q")  # submit, status, health, queue counts
SOON = RetryPolicy(max_retries=3, base=0.2, cap=2)


class Report(BaseModel):
    """What a file holds."""

    verdict: Literal["ok", "syntax_error"]
    functions: int = 0
    classes: int = 0
    longest_function: int = 0
    documented: int = 0


@fq.task(retries=SOON)
def analyse(ctx: Context, path: str, fail_first: bool = False) -> Report:
    """Count what is in a file; a `def` runs in a thread, so the event loop stays free."""
    note(ctx)
    if fail_first and ctx.retry_count == 0:
        raise ConnectionError("told to fail at first")
    try:
        tree = ast.parse(Path(path).read_bytes())
    except (SyntaxError, ValueError):  # a ValueError for bytes that are no text
        return Report(verdict="syntax_error")
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    longest = max(((node.end_lineno or 0) - node.lineno + 1 for node in functions), default=0)
    documented = sum(ast.get_docstring(node, clean=False) is not None for node in [*functions, *classes])
    count = {"functions": len(functions), "classes": len(classes)}
    return Report(verdict="ok", longest_function=longest, documented=documented, **count)


@fq.task(retries=RetryPolicy(max_retries=1, base=0.2))
async def hopeless(ctx: Context) -> None:
    """Fail every time, to end as a dead letter."""
    note(ctx)
    raise RuntimeError("this task always fails: it shows what a dead letter looks like")


def note(ctx: Context) -> None:
    """Write down that a body ran, for the tests that kill this process."""
    if log := os.environ.get("FLEET_Q_DEMO_LOG"):
        with Path(log).open("a") as file:
            file.write(json.dumps([ctx.step_id, ctx.fence, os.getpid()]) + "\n")
