"""Telling listeners, and not being hurt by them."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from scanmill.engine.conclude import scrubbed
from scanmill.engine.events import Listener, RunEvent, RunSummary

logger = logging.getLogger(__name__)


class Audience:
    """All listeners of a run. One that raises is logged the first time and heard of no more; it is still told."""

    def __init__(self, listeners: Sequence[Listener]) -> None:
        self._listeners = tuple(listeners)
        self._complained: set[int] = set()

    def tell(self, event: RunEvent) -> None:
        """Pass an event on."""
        for listener in self._listeners:
            try:
                listener.on_event(event)
            except Exception as error:  # noqa: BLE001  (a listener may raise anything; the job goes on)
                self._complain(listener, error)

    def end(self, summary: RunSummary) -> None:
        """Pass the summary on."""
        for listener in self._listeners:
            try:
                listener.on_end(summary)
            except Exception as error:  # noqa: BLE001  (a listener may raise anything; the run is over anyway)
                self._complain(listener, error)

    def _complain(self, listener: Listener, error: Exception) -> None:
        if id(listener) not in self._complained:
            self._complained.add(id(listener))
            name, kind = type(listener).__name__, type(error).__name__
            logger.warning("the listener %s failed (%s: %s); the run goes on", name, kind, scrubbed(str(error)))
