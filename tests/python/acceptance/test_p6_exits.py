"""P6, P4 and P10 for processes that end in other ways than by a signal, and for processes that fork."""

from __future__ import annotations

import os
import signal
import sys
import time

import pytest

from acceptance import fleet as kit
from acceptance.conftest import MakeFleet
from acceptance.fleet import Fleet, Worker, order
from acceptance.judge import judge, runs
from acceptance.waiting import eventually

pytestmark = pytest.mark.acceptance

FORKS = """
import asyncio, multiprocessing, warnings
from acceptance.bodies import fq
warnings.simplefilter("ignore")  # Python 3.12 warns of forks beside threads; that is what this is about

def use_the_queue(n):
    return fq.submit_step_sync({"type": "noop"})

def in_child(method):
    with multiprocessing.get_context(method).Pool(2) as pool:
        return pool.map_async(use_the_queue, range(4)).get(30)

async def main():
    async with fq:
        try:
            await asyncio.to_thread(in_child, "fork")
        except Exception as error:
            print(type(error).__name__, "spawn" in str(error), flush=True)
        print("spawned", len(await asyncio.to_thread(in_child, "spawn")), flush=True)
        handle = await fq.tasks()["noop"].enqueue()
        await handle.result(timeout=20)
        print("parent", await handle.status(), flush=True)

if __name__ == "__main__":
    asyncio.run(main())
"""

PREFORK = """
import os, signal
from acceptance.bodies import fq

alive = set()

def spawn():
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        fq.run()
        os._exit(0)
    alive.add(pid)

def on_term(*_):
    for pid in alive:
        os.kill(pid, signal.SIGTERM)

signal.signal(signal.SIGTERM, on_term)
for _ in range(3):
    spawn()
codes = []
while alive:
    pid, status = os.wait()
    alive.discard(pid)
    codes.append(os.waitstatus_to_exitcode(status))
    if codes[-1] == -signal.SIGKILL:
        spawn()  # as gunicorn's master does for a worker that died
print(sorted(codes), flush=True)
"""

FORGETFUL = """
import asyncio, threading
from acceptance.bodies import fq

async def main():
    await fq.start()
    for name, args in (("nap", (30.0, 30.0)), ("nap_in_thread", (1.0,))):
        for _ in range(3):
            await fq.tasks()[name].enqueue(*args)
    while fq.health()["in_flight"] < 6:
        await asyncio.sleep(0.01)

threading.Thread(target=lambda: [fq.submit_step_sync({"type": "noop"}) for _ in range(100_000)], daemon=True).start()
asyncio.run(main())
print("last line", flush=True)
"""

INTERRUPTED = """
from acceptance.bodies import fq

task = fq.tasks()["noop"]
task.enqueue_sync()
print("ready", flush=True)
try:
    while True:
        task.enqueue_sync()
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


def script(fleet: Fleet, name: str, text: str, **settings: str) -> Worker:
    """Start a script as a process of the fleet."""
    file = fleet.folder / f"{name}.py"
    file.write_text(text)
    return fleet.start(name, [sys.executable, str(file)], **settings)


def said(worker: Worker) -> list[str]:
    """Give what a script printed, without the log."""
    return [line for line in worker.log.read_text().splitlines() if line and not line.startswith("{")]


@pytest.mark.timeout(90)
def test_p11_children_of_multiprocessing_get_a_clear_error_or_a_queue_of_their_own(fleet: Fleet) -> None:
    """P11: a forked pool beside a running pod is refused with a way out; a spawned one works; the parent goes on."""
    parent = script(fleet, "forks", FORKS)
    assert parent.wait() == 0, parent.tail()
    assert said(parent) == ["ConfigError True", "spawned 4", "parent completed"], parent.tail()
    fleet.settled(10)
    judge(fleet, once=True)


@pytest.mark.timeout(120)
def test_p6_prefork_server_runs_a_pod_per_child_and_replaces_the_one_that_dies(fleet: Fleet) -> None:
    """P6, P10: master imports the app and forks, as gunicorn does; a child is killed, the rest drains on SIGTERM."""
    master = script(fleet, "master", PREFORK)
    eventually(lambda: len(up(fleet)) == 3, "three children are up")
    first = up(fleet)
    fleet.produce([order("nap", 60, least=0.2, most=0.6)])
    victim = eventually(lambda: next((run.pid for run in runs(fleet) if run.how == "none"), None), "a child is busy")
    assert victim in first.values()
    died_at = time.monotonic()
    os.kill(victim, signal.SIGKILL)
    fleet.settled()
    eventually(lambda: len(set(up(fleet)) - set(first)) == 1, "a fourth child is up")
    ids = [pod for pod, _, _ in fleet.pods()]
    assert len(ids) == len(set(ids)) == 4
    master.told_to_end = True
    os.kill(master.pid, signal.SIGTERM)
    assert master.wait() == 0, master.tail()
    assert said(master)[-1] == "[-9, 0, 0, 0]", master.tail()
    # The children are not processes this test started: say how they ended.
    for pid in {pid for _, _, pid in fleet.pods()}:
        fleet.forked(pid, died_at if pid == victim else time.monotonic())
    judge(fleet)


def up(fleet: Fleet) -> dict[str, int]:
    """Give the pods that are up, and their processes."""
    return {pod: pid for pod, status, pid in fleet.pods() if status == "up"}


@pytest.mark.timeout(90)
def test_p6_os_exit_in_a_body_costs_one_crash_and_no_neighbour(make_fleet: MakeFleet) -> None:
    """P6, P14: `os._exit` with steps in flight: they are back in time, and the step that did it is failed alone."""
    fleet = make_fleet(MAX_CRASHES="1")
    fleet.worker("calm", tasks="nap,nap_in_thread")
    doomed = fleet.worker("doomed", tasks="leave,nap")
    fleet.produce([order("nap", 30, least=0.5, most=1.0), order("leave", 1)])
    assert doomed.wait() == 7, doomed.tail()
    died_at = time.monotonic()
    sql = "select count(*) from step_tracker where status = 'claimed' and claimed_by like 'doomed-%'"
    eventually(lambda: fleet.scalar(sql) == 0, "its orphans are back")
    took = time.monotonic() - died_at
    print(f"orphans of os._exit were back after {took:.2f} s")
    assert took <= kit.THRESHOLD_S + kit.RECOVERY_S + kit.BEAT_S + 1
    others = "select count(*) from step_tracker where task = 'nap' and status not in ('completed')"
    eventually(lambda: fleet.scalar(others) == 0, "its neighbours are done")
    again = fleet.worker("again", tasks="leave", ready=False)  # it may be gone before it could be seen
    assert again.wait() == 7, again.tail()
    failed = "select count(*) from step_tracker where task = 'leave' and status = 'failed' and crash_count = 2"
    # The leader gives a step its last chance, and says so when that too was a crash.
    eventually(lambda: fleet.scalar(failed) == 1, "the step that ends its process is failed", 30)


@pytest.mark.timeout(90)
def test_p10_interpreter_that_ends_with_steps_in_flight_hangs_nowhere(fleet: Fleet) -> None:
    """P10: a script whose last line comes with bodies on the loop and in threads, and a thread that enqueues."""
    forgetful = script(fleet, "forgetful", FORGETFUL)
    code = forgetful.wait(30)
    assert (code, said(forgetful)[0]) == (0, "last line"), forgetful.tail()
    assert fleet.scalar("select count(*) from step_tracker where status = 'claimed'") == 0
    assert fleet.scalar("select sum(retry_count + crash_count) from step_tracker") == 0
    fleet.worker("heir")
    fleet.query("delete from step_tracker where task = 'nap'")
    fleet.settled()


@pytest.mark.timeout(60)
def test_p11_ctrl_c_reaches_a_caller_whose_database_is_locked(fleet: Fleet) -> None:
    """P11: SIGINT during `enqueue_sync` while another process holds the lock: KeyboardInterrupt, at once."""
    caller = script(fleet, "caller", INTERRUPTED, FLEET_Q_CONNECT_TIMEOUT="60")
    eventually(lambda: "ready" in said(caller), "it enqueues")
    unlock = fleet.store.lock()
    stuck = counted(fleet)
    time.sleep(0.5)  # real time: lets the next call of enqueue begin, and wait for the store
    assert counted(fleet) == stuck
    began = time.monotonic()
    caller.signal(signal.SIGINT)
    eventually(lambda: "interrupted" in said(caller), "KeyboardInterrupt", 5)
    print(f"interrupted after {time.monotonic() - began:.2f} s")
    assert time.monotonic() - began < 2
    unlock()
    assert caller.wait(30) == 0, caller.tail()


def counted(fleet: Fleet) -> int:
    """Count the steps, where a store that is locked can be read."""
    return fleet.scalar("select count(*) from step_tracker") if fleet.store.answers_while_locked else 0
