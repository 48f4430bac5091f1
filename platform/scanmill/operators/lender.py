"""Things that only one thread may use at a time: plans, scratch arrays."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

T = TypeVar("T")


class Lender(Generic[T]):
    """Lends alike things, made as they are needed, and keeps them for the next: as many as were ever out at once.

    >>> lender = Lender(list)
    >>> with lender.lease() as first:
    ...     first.append(1)
    >>> with lender.lease() as again:
    ...     again
    [1]
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make, self._idle, self._lock = make, list[T](), threading.Lock()

    @contextmanager
    def lease(self) -> Iterator[T]:
        """One that nobody else has inside the ``with`` block, as its last user left it."""
        with self._lock:
            thing = self._idle.pop() if self._idle else None
        thing = self._make() if thing is None else thing
        try:
            yield thing
        finally:
            with self._lock:
                self._idle.append(thing)
