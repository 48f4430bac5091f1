"""Objects that live on Ray, each in an actor of its own: asked all at once, replaced when one dies.

What they are is told by name, ``module:function`` and its arguments, so that any floor's objects can live here.
"""

from __future__ import annotations

import importlib
import os
import time
from collections.abc import Sequence
from typing import Any

from scanmill.engine.conclude import scrubbed
from scanmill.engine.ray_session import secure_environment

secure_environment()  # Ray reads these variables when it is imported

import ray  # noqa: E402
from ray.exceptions import GetTimeoutError, RayError, RayTaskError  # noqa: E402

ANSWER_S = 60.0


class Resident:
    """In the actor: makes its object and passes calls on."""

    def __init__(self, factory: str, arguments: Sequence[Any]) -> None:
        module, _, name = factory.partition(":")
        self._object = getattr(importlib.import_module(module), name)(*arguments)

    def call(self, method: str, arguments: Sequence[Any], named: dict[str, Any]) -> Any:
        """What the object's method returns."""
        return getattr(self._object, method)(*arguments, **named)

    def where(self) -> tuple[str, int]:
        """The node's id and the process."""
        return ray.get_runtime_context().get_node_id(), os.getpid()


class Residents:
    """One object for each tuple of ``arguments``, spread over the nodes of the Ray that this process is connected to.

    An actor that has died is replaced by one that makes its object anew; until that answers, its place is None.
    """

    def __init__(self, factory: str, arguments: Sequence[Sequence[Any]], *, cpus: float = 1.0) -> None:
        self._factory, self._arguments, self._cpus = factory, list(arguments), cpus
        self.reasons: dict[int, str] = {}
        self._actors = [self._started(i) for i in range(len(self._arguments))]

    def call(self, method: str, *arguments: Any, timeout_s: float = ANSWER_S, **named: Any) -> list[Any]:
        """What each object's method returns, in their order; None for one that is away, starting, or too slow.

        An error that the method itself raises is raised here.
        """
        calls = [actor.call.remote(method, arguments, named) for actor in self._actors]
        return self._answers(calls, timeout_s)

    def where(self, timeout_s: float = ANSWER_S) -> list[tuple[str, int] | None]:
        """The node and the process of each."""
        return self._answers([actor.where.remote() for actor in self._actors], timeout_s)

    def close(self) -> None:
        """End all of them."""
        for actor in self._actors:
            ray.kill(actor)
        self._actors = []

    def _started(self, i: int) -> Any:
        options = {"num_cpus": self._cpus, "max_restarts": 0, "max_task_retries": 0, "scheduling_strategy": "SPREAD"}
        return ray.remote(Resident).options(**options).remote(self._factory, self._arguments[i])

    def _answers(self, calls: Sequence[Any], timeout_s: float) -> list[Any]:
        until = time.monotonic() + timeout_s
        answers = [self._answer(i, call, until) for i, call in enumerate(calls)]
        for answer in answers:
            if isinstance(answer, RayTaskError):
                raise answer.cause from answer
        return answers

    def _answer(self, i: int, call: Any, until: float) -> Any:
        try:
            answer = ray.get(call, timeout=max(0.0, until - time.monotonic()))
        except GetTimeoutError:
            self.reasons[i] = "it does not answer in time"
        except RayTaskError as error:
            return error
        except RayError as error:
            self.reasons[i] = scrubbed(str(error).strip().rpartition("\n")[2])[:200] or type(error).__name__
            self._actors[i] = self._started(i)
        else:
            self.reasons.pop(i, None)
            return answer
        return None
