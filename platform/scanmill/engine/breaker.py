"""The circuit breaker: when too many of the last attempts failed for the same reason, it is not the rows' fault."""

from __future__ import annotations

import math
import re
from collections import Counter, deque
from dataclasses import dataclass

from scanmill.engine.outcome import Outcome

MACHINE_FAULTS = frozenset({"ResourceError", "Timeout", "WorkerDied"})
"""Error classes that speak of the machine; others (a ValueError in a step) are retried but break no circuit."""


@dataclass(slots=True)
class Attempt:
    """An attempt that has ended; ``kind`` is "" when it did not fail for the machine's sake."""

    unit_id: str
    device: str
    kind: str
    charged: bool


class Breaker:
    """The last ``window`` attempts. It trips on different units, so one unit's retries do not stop a run."""

    def __init__(self, window: int, fraction: float) -> None:
        self._window, self._least = window, math.ceil(fraction * window)
        self._last: deque[Attempt] = deque(maxlen=window)
        self._kinds: Counter[str] = Counter()

    def add(self, unit_id: str, device: str, kind: str = "", *, charged: bool = True) -> None:
        """An attempt has ended."""
        if len(self._last) == self._window:
            self._count(self._last[0].kind, -1)
        self._last.append(Attempt(unit_id, device, kind, charged))
        self._count(kind, 1)

    def tripped(self) -> tuple[str, Counter[str]] | None:
        """The kind of failure, and how often its units were charged, when they are too large a share of the window."""
        for kind, count in self._kinds.items():
            if count >= self._least:
                failed = [one for one in self._last if one.kind == kind]
                if len({one.unit_id for one in failed}) >= self._least:
                    return kind, Counter(one.unit_id for one in failed if one.charged)
        return None

    def excuse(self, device: str) -> None:
        """The failures on a device were the device's; they do not count again."""
        for one in self._last:
            if one.device == device and one.kind:
                self._count(one.kind, -1)
                one.kind = ""

    def clear(self) -> None:
        """Begin anew."""
        self._last.clear()
        self._kinds.clear()

    def _count(self, kind: str, change: int) -> None:
        if kind:
            self._kinds[kind] += change
            if not self._kinds[kind]:
                del self._kinds[kind]


def fault_of(outcome: Outcome) -> str:
    """What kind of machine failure an outcome tells of: its class and the what of its message; "" if of none.

    >>> fault_of(Outcome("ResourceError", "storage is away (row 7): got 503; is it up?", retryable=True))
    'ResourceError: storage is away'
    >>> fault_of(Outcome("InputError", "no such file"))
    ''
    """
    if outcome.error_class not in MACHINE_FAULTS:
        return ""
    what = re.split(r" \(|[:;]", outcome.error, maxsplit=1)[0]
    return f"{outcome.error_class}: {re.sub(r'[0-9]+', '#', what)}".strip(": ")
