"""The threads that run `def` bodies: started as needed, never too many, and they let go of what they ran."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING

from fleet_q.executors import Outbox, Threads

if TYPE_CHECKING:
    from fleet_q._core import Report


def ours(name: str) -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith(name)]


def test_no_more_threads_run_than_were_allowed() -> None:
    pool = Threads(2, name="limit")
    at_once, most, done = threading.Semaphore(2), [0], threading.Barrier(3)

    def work() -> None:
        assert at_once.acquire(blocking=False), "a third thread ran"
        most[0] = max(most[0], len(ours("limit")))
        at_once.release()

    for _ in range(20):
        pool.submit(work)
    for _ in range(2):
        pool.submit(lambda: [None, done.wait(10)][0])  # type: ignore[arg-type]
    done.wait(10)
    assert 1 <= most[0] <= 2
    pool.close()


def test_a_free_thread_is_used_before_another_is_started() -> None:
    pool = Threads(8, name="reuse")
    for _ in range(5):
        ran = threading.Event()
        pool.submit(ran.set)
        assert ran.wait(10)
        # The thread counts as free right after its work; wait until it says so.
        while pool.free < 1:
            pass
    assert len(ours("reuse")) == 1
    pool.close()


def test_threads_end_when_the_pool_closes() -> None:
    pool = Threads(2, name="end")
    ran = threading.Event()
    pool.submit(ran.set)
    assert ran.wait(10)
    threads = ours("end")
    pool.close()
    for thread in threads:
        thread.join(10)
    assert ours("end") == []


def test_what_a_body_held_is_let_go_when_it_ended() -> None:
    class Big:
        pass

    pool = Threads(1, name="hold")
    big = Big()
    gone = weakref.ref(big)
    ran = threading.Event()

    def work(held: Big = big) -> None:
        ran.set()

    pool.submit(work)
    assert ran.wait(10)
    del big, work
    while pool.free < 1:
        pass
    gc.collect()
    assert gone() is None
    pool.close()


def test_reports_that_come_while_one_is_sent_go_together() -> None:
    sent: list[list[int]] = []
    sending, go_on = threading.Event(), threading.Event()

    def send(reports: Sequence[Report]) -> None:
        sent.append([slot for slot, *_ in reports])
        sending.set()
        go_on.wait(10)

    outbox = Outbox(send)
    first = threading.Thread(target=outbox.put, args=((1, "stopped", None, None),))
    first.start()
    assert sending.wait(10)
    outbox.put((2, "stopped", None, None))
    outbox.put((3, "stopped", None, None))
    go_on.set()
    first.join(10)
    assert sent == [[1], [2, 3]]


def test_who_ends_a_body_begins_the_newest_that_follows_and_passes_the_others_on() -> None:
    pool = Threads(2, name="chain")
    ran: dict[str, int] = {}
    first_is_over, done = threading.Event(), threading.Barrier(3)

    def last(name: str) -> None:
        ran[name] = threading.get_ident()
        done.wait(10)

    def first() -> None:
        ran["first"] = threading.get_ident()
        pool.submit(lambda: last("older"))
        pool.submit(lambda: last("newer"))
        first_is_over.set()

    pool.submit(first)
    assert first_is_over.wait(10)
    done.wait(10)
    assert ran["newer"] == ran["first"] != ran["older"]
    pool.close()


def test_a_chain_of_bodies_wakes_no_other_thread() -> None:
    pool = Threads(8, name="alone")
    ran: list[int] = []
    done = threading.Event()

    def step() -> None:
        ran.append(threading.get_ident())
        if len(ran) < 100:
            pool.submit(step)
        else:
            done.set()

    pool.submit(step)
    assert done.wait(10)
    assert (len(ran), len(set(ran)), len(ours("alone"))) == (100, 1, 1)
    pool.close()
