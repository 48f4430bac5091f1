"""The scheduler's settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from scanmill.steps.contract import Phase


@dataclass(frozen=True, kw_only=True, slots=True)
class SchedulerSettings:
    """``attempts`` that may count against a unit; limits of phases in seconds (None: no limit); the breaker's window
    and fraction; ``in_flight`` units on a worker (one computing, one read ahead); ``device_strikes`` different units
    that a device may fail in a row; how long a kill waits for a neighbour's write, and a starving run for a worker."""

    attempts: int = 3
    timeout_s: Mapping[Phase, float | None] = field(
        default_factory=lambda: {"read": 3600.0, "compute": 6 * 3600.0, "write": 3600.0}
    )
    breaker_window: int = 50
    breaker_fraction: float = 0.2
    in_flight: int = 2
    device_strikes: int = 3
    write_grace_s: float = 120.0
    start_patience_s: float = 30.0
