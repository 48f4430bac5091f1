"""SIGTERM and SIGINT: the first one drains, a second one stops at once. The ledger is safe either way."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

HEEDED = (signal.SIGTERM, signal.SIGINT)


@dataclass
class Signals:
    """What the world outside asks of the driver: ``drain``: units in hand end and no more start; ``stop``: now."""

    drain: bool = False
    stop: bool = False

    def listen(self) -> None:
        """Take the signals over, also from a library that has taken them; only the main thread can."""
        if threading.current_thread() is threading.main_thread():
            for number in HEEDED:
                signal.signal(number, self._hear)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        self.stop = self.drain
        self.drain = True


@contextmanager
def heeding_signals() -> Iterator[Signals]:
    """Listen for the length of a ``with`` block."""
    before = {number: signal.getsignal(number) for number in HEEDED}
    signals = Signals()
    signals.listen()
    try:
        yield signals
    finally:
        if threading.current_thread() is threading.main_thread():
            for number, handler in before.items():
                signal.signal(number, handler)
