"""Turns exceptions into the one error body of the REST face. Decides the status code, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime, timezone

from fastapi import HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute

from fleet_q.exceptions import (
    FleetQError,
    InvalidArguments,
    PayloadTooLarge,
    StepNotFound,
    Stopped,
    StoreUnavailable,
    UniqueConflict,
    UnknownTask,
)

from .models import Problem

__all__ = ["RESPONSES", "ProblemRoute"]

_STATUS: tuple[tuple[type[FleetQError], int], ...] = (
    (StepNotFound, 404),
    (UnknownTask, 422),
    (InvalidArguments, 422),
    (PayloadTooLarge, 413),
    (UniqueConflict, 409),
    (StoreUnavailable, 503),
    (Stopped, 503),
)

RESPONSES: dict[int | str, dict[str, object]] = {
    code: {"model": Problem, "description": description}
    for code, description in (
        (401, "The API key is missing or wrong"),
        (413, "Longer than PAYLOAD_LIMIT"),
        (422, "Refused; nothing was stored"),
        (503, "The database cannot be reached"),
    )
}


class ProblemRoute(APIRoute):
    """A route whose errors all have one shape; an app that includes the router keeps its own handlers."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[object, None, Response]]:
        """Wrap FastAPI's handler."""
        inner = super().get_route_handler()

        async def handler(request: Request) -> Response:
            try:
                return await inner(request)
            except FleetQError as error:
                return _answer(request, _status(error), error.message or str(error), type(error).__name__)
            except RequestValidationError as error:
                return _answer(request, 422, _told(error), "InvalidArguments")
            except HTTPException as error:
                return _answer(request, error.status_code, str(error.detail), "HTTPException", error.headers)

        return handler


def _status(error: FleetQError) -> int:
    return next((code for kind, code in _STATUS if isinstance(error, kind)), 500)


def _told(error: RequestValidationError) -> str:
    # The place and the reason, not the input: it may be a secret, and errors get logged.
    return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())


def _answer(
    request: Request, status: int, detail: str, error_type: str, headers: Mapping[str, str] | None = None
) -> Response:
    problem = Problem(
        detail=detail,
        error_type=error_type,
        timestamp=datetime.now(timezone.utc).isoformat(),
        path=request.url.path,
    )
    return JSONResponse(problem.model_dump(), status_code=status, headers=headers)
