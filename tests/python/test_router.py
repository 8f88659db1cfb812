"""The REST face: both of the seeds' bodies, status, cancel, counts, health, errors, the key."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import datetime

import httpx
import pytest
from fastapi import FastAPI

from fleet_q import FleetQ

NOBODY = "0190163d-8694-739b-aea5-966c26f8ad91"


def client_of(fq: FleetQ) -> httpx.AsyncClient:
    app = FastAPI()
    app.include_router(fq.router(), prefix="/fleet-q")
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test/fleet-q")


@pytest.fixture
async def client(fq: FleetQ) -> AsyncIterator[httpx.AsyncClient]:
    @fq.task
    async def process_data(file: str, rows: int = 0) -> str:
        return file

    async with client_of(fq) as client:
        yield client


async def test_a_step_by_type_is_stored_and_shown(client: httpx.AsyncClient) -> None:
    body = {
        "type": "process_data",
        "args": {"file": "a.csv"},
        "metadata": {"user": "alice"},
        "priority": 2,
        "max_retries": 1,
    }
    answer = await client.post("/submit", json=body)
    assert (answer.status_code, answer.json()["status"]) == (201, "submitted")
    shown = (await client.get(f"/status/{answer.json()['step_id']}")).json()
    assert (shown["status"], shown["priority"], shown["max_retries"], shown["claimed_by"]) == ("pending", 2, 1, None)
    assert shown["payload"] == {"type": "process_data", "args": {"file": "a.csv"}, "metadata": {"user": "alice"}}
    assert datetime.fromisoformat(shown["created_ts"]).tzinfo is not None


async def test_a_step_by_payload_is_stored_and_echoed_as_given(client: httpx.AsyncClient) -> None:
    payload = {"task_type": "process_data", "file": "data.csv"}
    step_id = (await client.post("/submit", json={"payload": payload, "priority": 1})).json()["step_id"]
    shown = (await client.get(f"/status/step-{step_id}")).json()
    assert (shown["step_id"], shown["payload"], shown["priority"]) == (step_id, payload, 1)


async def test_a_step_that_ran_shows_its_result(fq: FleetQ, client: httpx.AsyncClient) -> None:
    async with fq:
        step_id = (await client.post("/submit", json={"type": "process_data", "args": ["a"]})).json()["step_id"]
        await fq.handle(step_id).result(timeout=20)
        shown = (await client.get(f"/status/{step_id}")).json()
    assert (shown["status"], shown["result"], shown["error"]) == ("completed", "a", None)


@pytest.mark.parametrize(
    ("body", "error_type"),
    [
        ({}, "InvalidArguments"),
        ({"type": "process_data", "payload": {"task_type": "process_data"}}, "InvalidArguments"),
        ({"type": "process_data", "args": {"file": 5}}, "InvalidArguments"),
        ({"type": "process_data", "args": {}}, "InvalidArguments"),
        ({"type": "process_data", "args": {"file": "a"}, "priority": "high"}, "InvalidArguments"),
        ({"type": "process_data", "args": {"file": "a"}, "max_retries": -1}, "InvalidArguments"),
        ({"type": "process_data", "args": {"file": "a\0"}}, "InvalidArguments"),
        ({"type": "process_data", "args": {"file": "a"}, "surprise": 1}, "InvalidArguments"),
        ({"payload": {"file": "a"}}, "InvalidArguments"),
        ({"type": "nobody"}, "UnknownTask"),
    ],
    ids=str,
)
async def test_a_bad_submission_is_told_and_not_stored(
    fq: FleetQ, client: httpx.AsyncClient, body: dict[str, object], error_type: str
) -> None:
    answer = await client.post("/submit", json=body)
    told = answer.json()
    assert (answer.status_code, told["error_type"], told["path"]) == (422, error_type, "/fleet-q/submit")
    assert set(told) == {"detail", "error_type", "timestamp", "path"}
    assert (await fq.stats()).counts == {}


@pytest.mark.parametrize(
    "text", [b"{", b'{"type": "process_data", "args": {"rows": NaN, "file": "a"}}', b"[" * 100_000]
)
async def test_a_body_that_is_no_json_is_told(fq: FleetQ, client: httpx.AsyncClient, text: bytes) -> None:
    answer = await client.post("/submit", content=text, headers={"Content-Type": "application/json"})
    assert 400 <= answer.status_code < 500
    assert (await fq.stats()).counts == {}


@pytest.mark.parametrize(("path", "code"), [(f"/status/{NOBODY}", 404), ("/status/nonsense", 422)])
async def test_a_step_that_is_not_there_is_told(client: httpx.AsyncClient, path: str, code: int) -> None:
    answer = await client.get(path)
    assert answer.status_code == code
    assert set(answer.json()) == {"detail", "error_type", "timestamp", "path"}


async def test_a_step_can_be_cancelled_once(client: httpx.AsyncClient) -> None:
    step_id = (await client.post("/submit", json={"type": "process_data", "args": ["a"]})).json()["step_id"]
    for path in (f"/steps/{step_id}/cancel", f"/steps/step-{step_id}/cancel"):
        answer = await client.post(path)
        assert (answer.status_code, answer.json()) == (200, {"step_id": step_id, "status": "cancelled"})
    assert (await client.post(f"/steps/{NOBODY}/cancel")).status_code == 404


async def test_the_counts_are_flat_and_by_queue(client: httpx.AsyncClient) -> None:
    await client.post("/submit", json={"type": "process_data", "args": ["a"]})
    counts = (await client.get("/admin/queue")).json()
    assert (counts["pending"], counts["claimed"], counts["completed"], counts["failed"]) == (1, 0, 0, 0)
    assert (counts["queues"], counts["paused"]) == ({"default": {"pending": 1}}, [])


async def test_health_answers_before_during_and_after(fq: FleetQ, client: httpx.AsyncClient) -> None:
    async def codes() -> list[int]:
        return [(await client.get(path)).status_code for path in ("/health", "/health/live", "/health/ready")]

    before = await codes()
    async with fq:
        during = await codes()
        assert (await client.get("/health")).json()["status"] == "up"
    after = await codes()
    assert (before, during, after[2]) == ([200, 200, 503], [200, 200, 200], 503)


async def test_the_key_guards_all_but_health(make: Callable[..., FleetQ]) -> None:
    async with client_of(make(api_key="s3cret")) as client:
        assert (await client.get("/health")).status_code == 200
        wrong: list[dict[bytes, bytes]] = [
            {},
            {b"X-API-Key": b"wrong"},
            {b"Authorization": b"Bearer wrong"},
            {b"X-API-Key": "é".encode()},
        ]
        for none in wrong:
            refused = await client.get("/admin/queue", headers=none)
            assert refused.status_code == 401
            assert "s3cret" not in refused.text
        for headers in ({"X-API-Key": "s3cret"}, {"Authorization": "Bearer s3cret"}):
            assert (await client.get("/admin/queue", headers=headers)).status_code == 200


async def test_the_openapi_page_names_every_route_and_its_errors(fq: FleetQ) -> None:
    app = FastAPI()
    app.include_router(fq.router())
    paths = app.openapi()["paths"]
    assert set(paths) == {
        "/submit",
        "/status/{step_id}",
        "/steps/{step_id}/cancel",
        "/admin/queue",
        "/health",
        "/health/live",
        "/health/ready",
    }
    assert paths["/submit"]["post"]["responses"]["422"]["content"]["application/json"]["schema"]["$ref"].endswith(
        "Problem"
    )


async def test_an_unreachable_store_answers_503(make: Callable[..., FleetQ]) -> None:
    stopped = make()
    await stopped.stop()
    async with client_of(stopped) as client:
        answer = await client.get("/admin/queue")
    assert (answer.status_code, answer.json()["error_type"]) == (503, "Stopped")
