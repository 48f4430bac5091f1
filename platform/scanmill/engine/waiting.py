"""The units that wait: the largest predicted cost first; those that must run alone stand in a line of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from heapq import heapify, heappop, heappush

from scanmill.engine.roster import Task

LOOK_AHEAD = 64
"""How many units may be passed over for one that may run on the device at hand."""


Entry = tuple[float, int, int, Task]


class Line:
    """A heap with lazy removal: an entry whose task is no longer queued under its number is dropped when met.

    With equal costs the first comes first, and one that comes back keeps its place: what its next try shows, whether
    it or the device was at fault, is worth knowing soon. ``sign`` is that of the numbers, so that one tells the line.
    """

    def __init__(self, sign: int) -> None:
        self._heap: list[Entry] = []
        self._sign, self._number, self._length = sign, 0, 0

    def __len__(self) -> int:
        return self._length

    def add_all(self, tasks: Iterable[Task]) -> None:
        """Queue many at once."""
        entries = [self._entry(task) for task in tasks]
        if len(entries) * 8 < len(self._heap):
            for entry in entries:
                heappush(self._heap, entry)
        else:
            self._heap += entries
            heapify(self._heap)

    def remove(self, task: Task) -> None:
        """Take a task out, wherever it stands."""
        task.queued = 0
        self._length -= 1

    def take(self, fits: Callable[[Task], bool]) -> Task | None:
        """The costliest task that fits, out of the first `LOOK_AHEAD`."""
        passed: list[Entry] = []
        found = None
        while self._heap and found is None and len(passed) < LOOK_AHEAD:
            entry = heappop(self._heap)
            task = entry[3]
            if task.queued != self._sign * entry[2]:
                continue
            if fits(task):
                found = task
                self.remove(found)
            else:
                passed.append(entry)
        for entry in passed:
            heappush(self._heap, entry)
        return found

    def _entry(self, task: Task) -> Entry:
        self._number += 1
        self._length += 1
        task.queued = self._sign * self._number
        return (-task.unit.predicted.seconds, task.place, self._number, task)


class Waiting:
    """Both lines."""

    def __init__(self) -> None:
        self.together, self.alone = Line(1), Line(-1)

    def __len__(self) -> int:
        return len(self.together) + len(self.alone)

    def add(self, task: Task, *, alone: bool) -> None:
        """Queue a task."""
        (self.alone if alone else self.together).add_all((task,))

    def remove(self, task: Task) -> None:
        """Take a task out of the line in which it stands, if it stands in one."""
        if task.queued:
            (self.together if task.queued > 0 else self.alone).remove(task)
