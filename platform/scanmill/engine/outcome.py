"""How an attempt at a unit ended: the facts that the ledger keeps and the results manifest shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Artifact:
    """A committed file: ``path`` is relative to the run's store; ``digest`` is that of the voxels."""

    output: str
    path: str
    kind: str
    bytes: int
    sha256: str
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """An attempt's end. ``error_class`` is "" when it is done; ``retryable`` says whether another try may help.

    ``seconds`` maps a step's name (and the phases ``read``, ``compute``, ``write``) to seconds. ``error`` is scrubbed
    text. ``exclusive`` asks that the next try get the device to itself, ``tile`` that it work in smaller pieces.
    """

    error_class: str = ""
    error: str = ""
    retryable: bool = False
    artifacts: tuple[Artifact, ...] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    reuse_key: str = ""
    device: str = ""
    node: str = ""
    tile: float = 1.0
    exclusive: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def done(self) -> bool:
        """Whether the attempt reached its end and its files are in place."""
        return not self.error_class
