"""Three ways to test an app with a queue. None of them sleeps, and none leaves anything behind."""

import asyncio

import pytest
import shop
from fastapi.testclient import TestClient

from fleet_q import FleetQ, StepFailed
from fleet_q.testing import drain, drain_sync, steps_sync


def test_a_task_is_a_plain_function() -> None:
    assert asyncio.run(shop.send_invoice(7)) == "invoice for order 7 sent"


def test_the_route_enqueues_and_nothing_runs_until_the_test_says_so(fleet_q: FleetQ) -> None:
    client = TestClient(shop.app)  # without `with`, the app's lifespan does not start: this process is no pod
    step_id = client.post("/orders/7").json()["step_id"]

    (step,) = steps_sync(fleet_q, shop.send_invoice)
    assert (step.step_id, step.payload["args"], step.tags) == (step_id, [7], ("orders",))

    drain_sync(fleet_q)
    assert client.get(f"/fleet-q/status/{step_id}").json()["status"] == "completed"


def test_the_app_as_it_is_served_runs_its_own_steps(fleet_q: FleetQ) -> None:
    with TestClient(shop.app) as client:
        step_id = client.post("/orders/8").json()["step_id"]
        drain_sync(fleet_q)
        assert client.get(f"/fleet-q/status/{step_id}").json()["result"] == "invoice for order 8 sent"


def test_what_fails_is_retried_at_once_and_then_kept(fleet_q: FleetQ) -> None:
    async def scenario() -> int:
        hopeless = await shop.send_invoice.enqueue(-1)
        later = await shop.send_invoice.using(delay=3600).enqueue(9)
        counts = await drain(fleet_q)
        assert (counts.total("failed"), counts.total("scheduled")) == (1, 1)
        assert await later.status() == "scheduled"
        with pytest.raises(StepFailed, match="there is no order -1"):
            await hopeless.result()
        return (await hopeless.info()).attempts

    assert asyncio.run(scenario()) == 3
