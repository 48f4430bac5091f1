"""What the scheduler hears (events) and what it answers (instructions): plain values, no Ray, no I/O, no clock.

Seconds come in as ``at``, from the driver's monotonic clock. The performers (`in_process`, `on_ray`) turn the world
into events and carry the instructions out; the driver writes every `Record` to the ledger before anything that
depends on it is started.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from scanmill.engine.outcome import Outcome
from scanmill.engine.unit import Unit, UnitState
from scanmill.steps.contract import Phase

# --- events -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class UnitsAdded:
    """Units that wait; ``attempts`` (those that count), ``tries`` (all) and ``suspects`` are the ledger's on resume.

    A unit's ``needs`` come with it or before it; a need that was never added has been done in an earlier life.
    """

    units: tuple[Unit, ...]
    attempts: tuple[int, ...] = ()
    suspects: frozenset[str] = frozenset()
    tries: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class CapacityGranted:
    """A worker is up and warm. ``device`` is unique in the cluster, e.g. ``"node-1/cuda:0"`` or ``"node-1/cpu:2"``."""

    worker: str
    device: str
    node: str
    at: float


@dataclass(frozen=True, slots=True)
class CapacityRevoked:
    """The worker must be given back: it ends its current unit and gets no more."""

    worker: str
    at: float


@dataclass(frozen=True, slots=True)
class PhaseStarted:
    """A worker has started reading, computing or writing a unit; its clock runs from here."""

    worker: str
    unit_id: str
    phase: Phase
    at: float


@dataclass(frozen=True, slots=True)
class PhaseEnded:
    """A phase is over and the unit waits for its next one; no clock of the unit runs until that starts."""

    worker: str
    unit_id: str
    phase: Phase
    at: float


@dataclass(frozen=True, slots=True)
class UnitEnded:
    """A worker has reached the end of an attempt, well or badly."""

    worker: str
    unit_id: str
    attempt: int
    outcome: Outcome
    at: float


@dataclass(frozen=True, slots=True)
class WorkerDied:
    """The process is gone (crash, kill, node lost); ``expected`` when we asked for it."""

    worker: str
    reason: str
    at: float


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""

    at: float


@dataclass(frozen=True, slots=True)
class DiskReserve:
    """Free space fell below the reserve, or is back."""

    low: bool
    at: float


@dataclass(frozen=True, slots=True)
class Requested:
    """Somebody outside asked for something through the ledger's requests; ``unit_ids`` empty means all."""

    what: Literal["cancel", "pause", "unpause", "retry"]
    unit_ids: tuple[str, ...]
    at: float


Event: TypeAlias = (
    UnitsAdded
    | CapacityGranted
    | CapacityRevoked
    | PhaseStarted
    | PhaseEnded
    | UnitEnded
    | WorkerDied
    | Tick
    | DiskReserve
    | Requested
)

# --- instructions -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Assign:
    """Give a worker a unit. ``attempt`` counts every try from 1, whether charged or not, so no number comes twice.

    ``alone``: nothing else on that worker until it ends."""

    worker: str
    unit: Unit
    attempt: int
    alone: bool = False
    tile: float = 1.0
    exclusive: bool = False


@dataclass(frozen=True, slots=True)
class KillWorker:
    """Kill the process now (a unit ran out of time); a `WorkerDied` follows."""

    worker: str
    why: str


@dataclass(frozen=True, slots=True)
class ReleaseWorker:
    """The worker is no longer needed or its device is drained; let it go."""

    worker: str
    why: str


@dataclass(frozen=True, slots=True)
class StartWorker:
    """A worker is wanted, on another device than those in ``not_on``."""

    not_on: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class DrainDevice:
    """The device has failed several different units; it gets no more, and its name goes into the report."""

    device: str
    why: str


@dataclass(frozen=True, slots=True)
class Record:
    """A change of state for the ledger. ``charged`` is False when the attempt does not count against the unit.

    ``charges`` is how many attempts count against the unit from now on (a refund makes it smaller); ``started`` marks
    the record of a leased unit whose first phase has begun.
    """

    unit_id: str
    state: UnitState
    attempt: int
    worker: str = ""
    device: str = ""
    outcome: Outcome | None = None
    charged: bool = True
    suspect: bool = False
    why: str = ""
    charges: int = 0
    started: bool = False


@dataclass(frozen=True, slots=True)
class PauseRun:
    """Nothing new is started until somebody unpauses (or the reserve is back); the reason is for people."""

    why: str


@dataclass(frozen=True, slots=True)
class UnpauseRun:
    """Work goes on."""


@dataclass(frozen=True, slots=True)
class StageEnded:
    """Every unit that was added has reached an end."""


Instruction: TypeAlias = (
    Assign | KillWorker | ReleaseWorker | StartWorker | DrainDevice | Record | PauseRun | UnpauseRun | StageEnded
)
