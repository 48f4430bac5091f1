"""Deadlines of phases, by the driver's monotonic clock: each runs from the start of its phase and ends with it."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush

from scanmill.engine.roster import Lease, Worker
from scanmill.steps.contract import Phase


class Clocks:
    """A heap of deadlines; one whose phase is over is dropped when it is met."""

    def __init__(self, timeout_s: dict[Phase, float | None]) -> None:
        self._timeout_s = timeout_s
        self._heap: list[tuple[float, int, Worker, Lease, int]] = []
        self._number = 0

    def start(self, worker: Worker, lease: Lease, phase: Phase, at: float) -> None:
        """A phase begins; the clock of the one before, if it still ran, is over."""
        lease.phase, lease.running = phase, True
        lease.clock += 1
        limit = self._timeout_s.get(phase)
        if limit is not None:
            self._number += 1
            heappush(self._heap, (at + limit, self._number, worker, lease, lease.clock))

    @staticmethod
    def stop(lease: Lease) -> None:
        """The phase is over, or the lease is."""
        lease.running = False
        lease.clock += 1

    def expired(self, at: float) -> Iterator[tuple[Worker, Lease]]:
        """Leases whose phase has run out of time, each once."""
        while self._heap and self._heap[0][0] <= at:
            _, _, worker, lease, clock = heappop(self._heap)
            if lease.running and lease.clock == clock:
                yield worker, lease

    def limit_s(self, phase: Phase) -> float | None:
        """How long a phase may take."""
        return self._timeout_s.get(phase)
