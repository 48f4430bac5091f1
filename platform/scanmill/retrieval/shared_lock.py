"""Many searches at a time, or one change: what threads of one process hold while they use an index's memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class SharedLock:
    """Readers together, a writer alone; a waiting writer goes before readers that come later.

    >>> lock = SharedLock()
    >>> with lock.reading(), lock.reading():
    ...     pass
    """

    def __init__(self) -> None:
        self._free = threading.Condition()
        self._readers, self._writers_waiting, self._writing = 0, 0, False

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Nothing changes inside the block."""
        with self._free:
            self._free.wait_for(lambda: not self._writing and not self._writers_waiting)
            self._readers += 1
        try:
            yield
        finally:
            with self._free:
                self._readers -= 1
                self._free.notify_all()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Nobody reads inside the block."""
        with self._free:
            self._writers_waiting += 1
            self._free.wait_for(lambda: not self._writing and not self._readers)
            self._writers_waiting, self._writing = self._writers_waiting - 1, True
        try:
            yield
        finally:
            with self._free:
                self._writing = False
                self._free.notify_all()
