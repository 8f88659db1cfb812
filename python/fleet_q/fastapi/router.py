"""The routes of `fq.router()`: submit, status, cancel, health, queue counts. Asks the FleetQ for all of it."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, cast

from fastapi import APIRouter, Depends, Header, HTTPException, Path, Response
from fastapi.params import Depends as Dependency

from fleet_q.exceptions import StepNotFound

from .errors import RESPONSES, ProblemRoute
from .models import Cancelled, HealthReport, QueueCounts, Status, Submission, Submitted

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Literal

    from fleet_q.app import FleetQ

__all__ = ["make_router"]

StepId = Annotated[str, Path(description="The step's id, with or without the prefix `step-`.")]


def make_router(fq: FleetQ, *, api_key: str | None, dependencies: Sequence[Dependency]) -> APIRouter:
    """Make the routes over one FleetQ. With a key all but health ask for it."""
    guards = [*dependencies, *([Depends(_key_guard(api_key))] if api_key else [])]
    router = APIRouter()
    router.include_router(_steps(fq, guards))
    router.include_router(_health(fq))
    return router


def _steps(fq: FleetQ, guards: Sequence[Dependency]) -> APIRouter:
    # RESPONSES is typed for reading; FastAPI's own alias wants Any.
    router = APIRouter(route_class=ProblemRoute, dependencies=guards, responses=RESPONSES, tags=["steps"])

    @router.post("/submit", status_code=201)
    async def submit(body: Submission) -> Submitted:
        """Store one step."""
        step_id = await fq.submit_step(body.step(), priority=body.priority, max_retries=body.max_retries)
        return Submitted(step_id=step_id)

    @router.get("/status/{step_id}")
    async def status(step_id: StepId) -> Status:
        """Show a step."""
        return Status.of(await fq.get_step_status(step_id))

    @router.post("/steps/{step_id}/cancel")
    async def cancel(step_id: StepId) -> Cancelled:
        """Cancel a step that waits; ask one that runs to end."""
        answer = await fq.handle(step_id).cancel()
        if answer == "unknown":
            raise StepNotFound(f"no step {step_id} is stored", step_id=step_id)
        return Cancelled(step_id=step_id.removeprefix("step-"), status=answer)

    @router.get("/admin/queue")
    async def queue() -> QueueCounts:
        """Count the steps by state."""
        return QueueCounts.of(await fq.stats())

    return router


def _health(fq: FleetQ) -> APIRouter:
    router = APIRouter(route_class=ProblemRoute, tags=["health"])

    @router.get("/health")
    async def health() -> HealthReport:
        """Say how this process is; asks no database."""
        return _report(fq)

    @router.get("/health/live")
    async def live(response: Response) -> HealthReport:
        """Answer 503 when only a restart would help."""
        return _judged(response, _report(fq), "live")

    @router.get("/health/ready")
    async def ready(response: Response) -> HealthReport:
        """Answer 503 while this pod claims nothing."""
        return _judged(response, _report(fq), "ready")

    return router


def _report(fq: FleetQ) -> HealthReport:
    return HealthReport.model_validate(fq.health())


def _judged(response: Response, health: HealthReport, signal: Literal["live", "ready"]) -> HealthReport:
    if not (health.live if signal == "live" else health.ready):
        response.status_code = 503
    return health


def _key_guard(api_key: str) -> Callable[..., None]:
    expected = api_key.encode()

    def check(
        x_api_key: Annotated[str | None, Header()] = None, authorization: Annotated[str | None, Header()] = None
    ) -> None:
        """Compare in constant time, so that the time taken tells nothing of the key."""
        given = x_api_key or (authorization or "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), expected):
            raise HTTPException(401, "send the API key as X-API-Key or as Authorization: Bearer")

    return cast("Callable[..., None]", check)
