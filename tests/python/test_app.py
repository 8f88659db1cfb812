"""FleetQ over a real core and a real SQLite file: enqueue, run, ask, stop, fork."""

from __future__ import annotations

import asyncio
import contextvars
import subprocess
import threading
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

import pytest

import fleet_q
from fleet_q import (
    ConfigError,
    Context,
    Discard,
    FleetQ,
    ResultTimeout,
    Retry,
    RetryPolicy,
    Snooze,
    StepCancelled,
    StepFailed,
    StepTimeout,
    Stopped,
    UniqueConflict,
    UnknownTask,
)

MakeFleetQ = Callable[..., FleetQ]
Script = Callable[..., "subprocess.CompletedProcess[str]"]
SOON = RetryPolicy(max_retries=3, base=0.01, cap=0.02)


async def test_async_and_sync_tasks_run_and_give_their_results(fq: FleetQ) -> None:
    @fq.task
    async def add(a: int, b: int = 2) -> int:
        return a + b

    @fq.task
    def shout(text: str) -> str:
        return text.upper() + threading.current_thread().name[:6]

    async with fq:
        first, second = await add.enqueue(1), await shout.enqueue(text="a")
        assert await first.result(timeout=20) == 3
        assert await second.result(timeout=20) == "Afleet-"
        assert await first.status() == "completed"


async def test_a_direct_call_is_the_plain_function(fq: FleetQ) -> None:
    @fq.task
    async def double(x: int) -> int:
        return 2 * x

    @fq.task
    def who(ctx: Context, x: int) -> tuple[str, int]:
        return ctx.task, x

    assert await double(2) == 4
    assert who(5) == ("who", 5)


async def test_a_step_survives_between_two_lives_of_the_app(make: MakeFleetQ) -> None:
    producer, worker = make(role="producer"), make()

    def task(fq: FleetQ) -> fleet_q.Task[[int], int]:
        @fq.task(name="double")
        async def double(x: int) -> int:
            return 2 * x

        return double

    handle = await task(producer).enqueue(21)
    assert await handle.status() == "pending"
    task(worker)
    async with worker:
        assert await handle.result(timeout=20) == 42
    await producer.stop()


def test_the_sync_twins_do_the_same(make: MakeFleetQ, python: Script) -> None:
    done = python(
        """
import threading, asyncio
from fleet_q import FleetQ
fq = FleetQ("sqlite:///q.db", local_path="local")

@fq.task
def double(x: int) -> int:
    return 2 * x

async def serve(started, stop):
    async with fq:
        started.set()
        await asyncio.to_thread(stop.wait)

started, stop = threading.Event(), threading.Event()
thread = threading.Thread(target=lambda: asyncio.run(serve(started, stop)))
thread.start()
started.wait()
handles = [double.enqueue_sync(3), *fq.enqueue_many_sync([double.job(4)])]
print([handle.result_sync(timeout=20) for handle in handles], handles[0].status_sync(), handles[0].cancel_sync())
stop.set()
thread.join()
"""
    )
    assert (done.stdout, done.returncode) == ("[6, 8] completed completed\n", 0), done.stderr


async def test_enqueue_many_keeps_the_order_and_mixes_tasks(fq: FleetQ) -> None:
    @fq.task
    async def number(x: int) -> int:
        return x

    @fq.task
    async def text(x: str) -> str:
        return x

    handles = await fq.enqueue_many([number.job(1), text.job("a"), number.using(priority=9).job(2)])
    async with fq:
        assert [await handle.result(timeout=20) for handle in handles] == [1, "a", 2]


async def test_module_level_tasks_belong_to_the_first_fleetq(python: Script) -> None:
    done = python(
        """
import asyncio, fleet_q
from fleet_q import ConfigError, FleetQ

@fleet_q.task(retries=1)
async def early(x: int) -> int:
    return x + 1

try:
    early.enqueue_sync(1)
except ConfigError as error:
    print(error)

fq = FleetQ("sqlite:///q.db", local_path="local")
other = FleetQ("sqlite:///other.db", local_path="local")

async def main():
    async with fq:
        print(await (await early.enqueue(1)).result(timeout=20), sorted(fq.tasks()), sorted(other.tasks()))

asyncio.run(main())
"""
    )
    assert done.stdout == "@fleet_q.task needs a FleetQ in this process: make one, `fq = FleetQ()`\n2 ['early'] []\n", (
        done.stderr
    )


async def test_the_seeds_example_works_word_for_word(make: MakeFleetQ) -> None:
    app = make()
    assert fleet_q.FleetQApplication is FleetQ

    @app.task
    async def data_processing(input_file: str) -> str:
        return input_file

    step_id = await app.submit_step(
        {"type": "data_processing", "args": {"input_file": "data.csv"}, "metadata": {"user": "alice"}}
    )
    status = await app.get_step_status(step_id)
    assert (status.status, status.claimed_by, status.retry_count) == ("pending", None, 0)
    assert status.payload == {
        "type": "data_processing",
        "args": {"input_file": "data.csv"},
        "metadata": {"user": "alice"},
    }
    async with app:
        assert await app.handle(step_id).result(timeout=20) == "data.csv"


async def test_a_task_of_another_pod_can_be_submitted_by_name(make: MakeFleetQ) -> None:
    worker, producer = make(), make(role="producer")

    @worker.task
    async def far_away(x: int) -> int:
        return x

    async with worker:
        step_id = await producer.submit_step({"type": "far_away", "args": [7]}, priority=3, max_retries=0)
        assert await producer.handle(step_id).result(timeout=20) == 7
        with pytest.raises(UnknownTask, match="far_away"):
            await producer.submit_step({"type": "nobody"})
    await producer.stop()


async def test_options_of_a_call_reach_the_row(fq: FleetQ) -> None:
    @fq.task(queue="mail", priority=5, retries=7, timeout=60)
    async def send(x: int) -> None: ...

    at = datetime.now(timezone.utc) + timedelta(hours=1)
    plain, later = (
        await send.enqueue(1),
        await send.using(at=at, queue="slow", priority=-1, unique="u", tags=["a"], metadata={"k": "v"}).enqueue(2),
    )
    one, two = await plain.info(), await later.info()
    assert (one.queue, one.priority, one.max_retries, one.timeout, one.status) == ("mail", 5, 7, 60.0, "pending")
    assert (two.queue, two.priority, two.unique_key, two.tags, two.status) == ("slow", -1, "u", ("a",), "scheduled")
    assert two.available_ts is not None
    assert abs(two.available_ts - at) < timedelta(seconds=2)
    assert two.payload == {"type": "send", "args": [2], "metadata": {"k": "v"}}


async def test_a_unique_key_that_is_held_names_its_holder(fq: FleetQ) -> None:
    @fq.task
    async def send() -> None: ...

    first = await send.using(unique="inv-42").enqueue()
    with pytest.raises(UniqueConflict) as caught:
        await send.using(unique="inv-42").enqueue()
    assert (caught.value.key, caught.value.holder) == ("inv-42", first.id)


async def test_the_same_step_id_twice_stores_one_step(fq: FleetQ) -> None:
    @fq.task
    async def send(x: int) -> None: ...

    own = "0190163d-8694-739b-aea5-966c26f8ad91"
    ids = [(await send.using(step_id=own).enqueue(1)).id for _ in range(2)]
    assert ids == [own, own]
    assert (await fq.stats()).counts == {"default": {"pending": 1}}


async def test_failures_are_retried_and_the_last_one_is_told(fq: FleetQ) -> None:
    seen: list[tuple[int, str, str]] = []

    @fq.task(retries=SOON)
    async def flaky(ctx: Context) -> int:
        seen.append((ctx.retry_count, ctx.idempotency_key, ctx.fence))
        if ctx.retry_count < 2:
            raise ValueError("not yet")
        return ctx.retry_count

    @fq.task(retries=RetryPolicy(max_retries=1, base=0.01))
    def hopeless() -> None:
        raise KeyError("lost")

    async with fq:
        handle = await flaky.enqueue()
        assert await handle.result(timeout=20) == 2
        with pytest.raises(StepFailed) as caught:
            await (await hopeless.enqueue()).result(timeout=20)
    assert [retry for retry, _, _ in seen] == [0, 1, 2]
    assert {key for _, key, _ in seen} == {handle.id}
    assert len({fence for _, _, fence in seen}) == 3
    error = caught.value
    assert (error.error_type, error.message, error.attempts) == ("KeyError", "'lost'", 2)
    assert 'raise KeyError("lost")' in error.traceback
    assert "fleet_q/runner.py" not in error.traceback


async def test_errors_say_when_they_happened(fq: FleetQ) -> None:
    @fq.task(retries=0)
    async def fails() -> None:
        raise ValueError("no")

    async with fq:
        handle = await fails.enqueue()
        with pytest.raises(StepFailed):
            await handle.result(timeout=20)
        step = await handle.info()
    (error,) = step.errors
    assert error.at is not None
    assert step.finished_ts is not None
    assert step.created_ts <= error.at <= step.finished_ts


async def test_a_body_steers_with_retry_snooze_and_discard(fq: FleetQ) -> None:
    snoozed: list[int] = []

    @fq.task(retries=3)
    async def again(ctx: Context) -> int:
        if ctx.retry_count == 0:
            raise Retry("later", after=0.01)
        return ctx.retry_count

    @fq.task(retries=0)
    def nap(ctx: Context) -> int:
        if not snoozed:
            snoozed.append(1)
            raise Snooze(0.01)
        return ctx.retry_count

    @fq.task(retries=9)
    async def never() -> None:
        raise Discard("the order was deleted")

    async with fq:
        assert await (await again.enqueue()).result(timeout=20) == 1
        assert await (await nap.enqueue()).result(timeout=20) == 0
        with pytest.raises(StepFailed, match="the order was deleted"):
            await (await never.enqueue()).result(timeout=20)


async def test_a_timeout_is_told_as_one(fq: FleetQ) -> None:
    release = threading.Event()

    @fq.task(timeout=0.1, retries=0)
    async def slow() -> None:
        await asyncio.Event().wait()

    @fq.task(timeout=0.1, retries=0)
    def stuck() -> None:
        release.wait(20)

    async with fq:
        handles = [await slow.enqueue(), await stuck.enqueue()]
        for handle in handles:
            with pytest.raises(StepTimeout):
                await handle.result(timeout=20)
        release.set()


async def test_waiting_for_a_result_ends_with_the_callers_patience(fq: FleetQ) -> None:
    @fq.task
    async def send() -> None: ...

    handle = await send.enqueue()
    with pytest.raises(ResultTimeout):
        await handle.result(timeout=0.05)
    assert await handle.status() == "pending"


async def test_cancelling_what_waits_and_what_runs(fq: FleetQ) -> None:
    running, thread_running = asyncio.Event(), threading.Event()

    @fq.task
    async def wait() -> None:
        running.set()
        await asyncio.Event().wait()

    @fq.task
    def spin(ctx: Context) -> None:
        thread_running.set()
        while not ctx.cancelled:
            threading.Event().wait(0.01)
        raise StepCancelled("gave up")

    @fq.task
    async def later() -> None: ...

    async with fq:
        waiting = await later.using(delay=3600).enqueue()
        assert await waiting.cancel() == "cancelled"
        handles = [await wait.enqueue(), await spin.enqueue()]
        await running.wait()
        await asyncio.to_thread(thread_running.wait)
        for handle in handles:
            assert await handle.cancel() == "requested"
            with pytest.raises(StepCancelled):
                await handle.result(timeout=20)


async def test_progress_is_stored(fq: FleetQ) -> None:
    told, seen = asyncio.Event(), asyncio.Event()

    @fq.task
    async def work(ctx: Context) -> None:
        ctx.progress(0.4, "nearly half")
        told.set()
        await seen.wait()

    async with fq:
        handle = await work.enqueue()
        await told.wait()

        async def stored() -> None:
            while (await handle.info()).progress is None:
                pass

        await asyncio.wait_for(stored(), 20)
        assert (await handle.info()).progress == {"fraction": 0.4, "message": "nearly half"}
        seen.set()
        await handle.result(timeout=20)


async def test_bodies_see_the_context_variables_of_who_started_the_pod(fq: FleetQ) -> None:
    tenant = contextvars.ContextVar("tenant", default="none")

    @fq.task
    async def on_loop() -> str:
        before = tenant.get()
        tenant.set("changed")
        return before

    @fq.task
    def in_thread() -> str:
        before = tenant.get()
        tenant.set("changed")
        return before

    tenant.set("acme")
    async with fq:
        for task in (on_loop, in_thread, on_loop, in_thread):
            assert await (await task.enqueue()).result(timeout=20) == "acme"


async def test_after_stop_everything_says_stopped_and_start_opens_again(fq: FleetQ) -> None:
    @fq.task
    async def send() -> int:
        return 1

    async with fq:
        pass
    with pytest.raises(Stopped):
        await send.enqueue()
    with pytest.raises(Stopped):
        send.enqueue_sync()
    async with fq:
        assert await (await send.enqueue()).result(timeout=20) == 1


async def test_starting_twice_is_refused(fq: FleetQ) -> None:
    @fq.task
    async def send() -> None: ...

    async with fq:
        with pytest.raises(ConfigError, match="already started"):
            await fq.start()


async def test_a_second_event_loop_is_refused(fq: FleetQ) -> None:
    def elsewhere() -> str:
        with pytest.raises(ConfigError) as caught:
            asyncio.run(fq.start())
        return str(caught.value)

    async with fq:
        assert "another event loop" in await asyncio.to_thread(elsewhere)


async def test_run_inside_a_loop_is_refused(fq: FleetQ) -> None:
    with pytest.raises(ConfigError, match=r"await start\(\)"):
        fq.run()


def test_one_fleetq_serves_one_loop_after_another(fq: FleetQ) -> None:
    @fq.task
    async def double(x: int) -> int:
        return 2 * x

    async def once(x: int) -> int:
        async with fq:
            return await (await double.enqueue(x)).result(timeout=20)

    assert [asyncio.run(once(x)) for x in (1, 2)] == [2, 4]


async def test_pods_stats_pause_and_health_tell_what_is(fq: FleetQ) -> None:
    @fq.task(queue="mail")
    async def send() -> None: ...

    assert fq.health()["ready"] is False
    async with fq:
        await fq.pause("mail")
        assert (await fq.stats()).paused == ("mail",)
        (pod,) = await fq.pods()
        assert pod.status == "up"
        assert fq.health()["pod_id"] == pod.pod_id
        await fq.resume("mail")
        await (await send.enqueue()).result(timeout=20)
        assert (await fq.stats()).counts == {"mail": {"completed": 1}}


async def test_a_producer_is_no_pod(make: MakeFleetQ) -> None:
    async with make(role="producer") as fq:
        assert await fq.pods() == []


def test_run_drains_on_a_signal(python: Script) -> None:
    done = python(
        """
import os, signal
from fleet_q import FleetQ
fq = FleetQ("sqlite:///q.db", local_path="local")

@fq.task
async def finish_me() -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    import asyncio
    await asyncio.sleep(0.2)

handle = finish_me.enqueue_sync()
fq.run()
print(FleetQ("sqlite:///q.db", role="producer").handle(handle.id).status_sync())
"""
    )
    assert (done.stdout, done.returncode) == ("completed\n", 0), done.stderr


def test_forgetting_to_stop_hangs_nothing_and_gives_the_step_back(python: Script) -> None:
    done = python(
        """
import asyncio
from fleet_q import FleetQ
fq = FleetQ("sqlite:///q.db", local_path="local")
running = None

@fq.task(retries=0)
async def for_ever() -> None:
    running.set()
    await asyncio.Event().wait()

async def main():
    global running
    running = asyncio.Event()
    await fq.start()
    handle = await for_ever.enqueue()
    await running.wait()
    open("id", "w").write(handle.id)

asyncio.run(main())
"""
    )
    assert done.returncode == 0, done.stderr
    looked = python(
        'from fleet_q import FleetQ; print(FleetQ("sqlite:///q.db").handle(open("id").read()).status_sync())'
    )
    assert looked.stdout == "pending\n", looked.stderr + done.stderr


def test_importing_starts_nothing(python: Script) -> None:
    done = python(
        """
import os, threading, fleet_q
fq = fleet_q.FleetQ("sqlite:///q.db")
print(threading.active_count(), len(os.listdir("/proc/self/task")), os.path.exists("q.db"))
"""
    )
    assert done.stdout == "1 1 False\n", done.stderr


def test_a_second_signal_ends_the_drain(python: Script) -> None:
    done = python(
        """
import asyncio, os, signal, time
from fleet_q import FleetQ
from fleet_q.signals import ECHO_S
fq = FleetQ("sqlite:///q.db", local_path="local", shutdown_grace=50)

@fq.task
async def never_mind() -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    while fq.health()["status"] != "draining":
        await asyncio.sleep(0.01)
    await asyncio.sleep(ECHO_S)
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.Event().wait()

handle = never_mind.enqueue_sync()
began = time.monotonic()
fq.run()
print(time.monotonic() - began < 20, FleetQ("sqlite:///q.db", role="producer").handle(handle.id).status_sync())
"""
    )
    assert (done.stdout, done.returncode) == ("True pending\n", 0), done.stderr


def test_a_child_of_a_running_pod_is_told_how_to_fork_and_never_hangs(python: Script) -> None:
    done = python(
        """
import asyncio, os, warnings
from fleet_q import ConfigError, FleetQ
warnings.simplefilter("ignore")  # Python 3.12 warns of forks beside threads; that is what this is about
fq = FleetQ("sqlite:///q.db", local_path="local")

@fq.task
async def double(x: int) -> int:
    return 2 * x

def child():
    # As a prefork server's worker would: the parent's loop is not ours.
    asyncio.set_event_loop(None)
    asyncio.events._set_running_loop(None)
    print(fq.health()["status"], flush=True)
    try:
        double.enqueue_sync(3)
    except ConfigError as error:
        print("spawn" in str(error), "fork" in str(error), flush=True)
    os._exit(0)

async def main():
    async with fq:
        pid = os.fork()
        if pid == 0:
            child()
        _, code = await asyncio.to_thread(os.waitpid, pid, 0)
        print(os.waitstatus_to_exitcode(code), await (await double.enqueue(4)).result(timeout=20))

asyncio.run(main())
"""
    )
    assert (done.stdout, done.returncode) == ("not started\nTrue True\n0 8\n", 0), done.stderr


def test_a_child_forked_before_the_first_use_or_after_the_close_serves(python: Script) -> None:
    done = python(
        """
import asyncio, os
from fleet_q import FleetQ
fq = FleetQ("sqlite:///q.db", local_path="local")

@fq.task
async def double(x: int) -> int:
    return 2 * x

async def serve(x):
    async with fq:
        return await (await double.enqueue(x)).result(timeout=20)

def in_child(x):
    pid = os.fork()
    if pid == 0:
        print(asyncio.run(serve(x)), flush=True)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

print(in_child(1), flush=True)
print(asyncio.run(serve(2)), flush=True)
print(in_child(3), flush=True)
"""
    )
    assert (done.stdout, done.returncode) == ("2\n0\n4\n6\n0\n", 0), done.stderr
