"""What must hold of the scheduler after every turn; tests ask after each event."""

from __future__ import annotations

from collections import Counter

from scanmill.engine.book import Book
from scanmill.engine.dispatch import Dispatch
from scanmill.engine.roster import Roster, Worker
from scanmill.engine.waiting import Waiting


def check(book: Book, roster: Roster, waiting: Waiting, dispatch: Dispatch, in_flight: int, *, ended: bool) -> None:
    """AssertionError names the first thing that does not hold."""
    _counts_add_up(book)
    _nothing_is_lost(book, roster, waiting, dispatch)
    for worker in roster.workers.values():
        _worker_is_sound(worker, in_flight)
    usable = Counter(worker.device for worker in roster.workers.values() if not worker.leaving)
    assert usable == roster.usable, f"usable workers: {roster.usable}, found {usable}"
    assert not ended or not book.n_open, "ended with open units"


def _counts_add_up(book: Book) -> None:
    found = Counter(task.state for task in book.tasks.values())
    told = {state: count for state, count in book.counts.items() if count}
    assert told == found, f"counts: {told}, found {dict(found)}"
    assert sum(book.counts.values()) == len(book.tasks)


def _nothing_is_lost(book: Book, roster: Roster, waiting: Waiting, dispatch: Dispatch) -> None:
    leased = Counter(unit_id for worker in roster.workers.values() for unit_id in worker.leases)
    claims = dispatch.claimed()
    queued = 0
    for unit_id, task in book.tasks.items():
        assert leased[unit_id] == (task.state == "leased"), f"{unit_id} is {task.state} on {leased[unit_id]} workers"
        assert task.charges <= book.attempts, f"{unit_id} charged {task.charges} times"
        assert task.charges <= task.tries, f"{unit_id}: {task.charges} charges in {task.tries} tries"
        queued += bool(task.queued)
        if task.state == "waiting" and not task.open_needs:
            assert bool(task.queued) != (unit_id in claims), f"{unit_id} waits in no line, or in two"
        else:
            assert not task.queued, f"{unit_id} is {task.state} and stands in a line"
    assert queued == len(waiting), f"{queued} queued, the lines say {len(waiting)}"
    for unit_id, workers in claims.items():
        assert workers, f"{unit_id} claims no worker"
        assert all(worker.claim is book.tasks[unit_id] for worker in workers), f"{unit_id}: a claim not returned"


def _worker_is_sound(worker: Worker, in_flight: int) -> None:
    assert len(worker.leases) <= in_flight, f"{worker.name} has {len(worker.leases)} units"
    if any(lease.alone for lease in worker.leases.values()):
        assert len(worker.leases) == 1, f"{worker.name}: not alone"
