"""The performer on Ray: one actor a device, never restarted by Ray; its events are fetched by a waiting call.

Ray gives placement, processes, GPUs and the network. What is retried, where and when is the scheduler's affair, so
actors have ``max_restarts=0`` and ``max_task_retries=0``. Only paths and numbers pass through Ray.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from scanmill.engine.conclude import scrubbed
from scanmill.engine.messages import CapacityGranted, WorkerDied
from scanmill.engine.performer import Claim, Heard, best_place
from scanmill.engine.places import Place, places_of
from scanmill.engine.ray_session import connect, disconnect, secure_environment
from scanmill.engine.ray_worker import RayWorker
from scanmill.engine.task import StageWork, Task
from scanmill.errors import ResourceError

secure_environment()  # Ray reads these variables when it is imported

import ray  # noqa: E402
from ray.exceptions import RayError  # noqa: E402
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy  # noqa: E402

POLL_S = 10.0
ENVIRONMENT_S = 60.0
SECONDS_BETWEEN_NODE_CHECKS = 5.0
MOST_FAILED_STARTS = 3
"""In a row, before any worker has come up since: then the run ends with the reason."""


@dataclass
class Hand:
    """A worker's actor and the call that is under way: ``prepare`` until it is ready, then ``poll``."""

    name: str
    place: Place
    actor: Any
    call: Any
    doing: Literal["prepare", "poll"] = "prepare"
    device: str = ""
    sent: list[Any] = field(default_factory=list)


class OnRay:
    """Workers on a Ray cluster: as many as fit, or ``workers`` at most."""

    def __init__(self, *, address: str | None = None, workers: int | None = None) -> None:
        self._address, self._wanted = address, workers
        self._claim = Claim()
        self._work: StageWork | None = None
        self._hands: dict[str, Hand] = {}
        self._parked: list[Hand] = []
        self._heard: list[Heard] = []
        self._drained: set[str] = set()
        self._environments: dict[str, Mapping[str, Any]] = {}
        self._nodes: dict[str, Any] = {}
        self._known_places: set[str] = set()
        self._started = self._failed_starts = 0
        self._looked = 0.0
        self._ours: bool | None = None

    # --- what the driver asks ---------------------------------------------------------------------------------------

    def open_stage(self, work: StageWork, claim: Claim) -> None:
        """Start workers, or give those that are there the next stage; another size of worker means new ones."""
        if self._ours is None:
            wanted = self._wanted or claim.workers
            self._ours = connect(self._address, _slots(wanted, claim))
        if (claim.cpus, claim.gpus) != (self._claim.cpus, self._claim.gpus):
            for name in list(self._hands):
                self._end(name)
        self._work, self._claim = work, claim
        for hand in self._hands.values():
            hand.sent.append(hand.actor.set_stage.remote(work))
            if hand.device:
                self._heard.append(CapacityGranted(hand.name, hand.device, hand.place.node, 0.0))
        places = self._places()
        if not places and self._ours:
            size = f"{claim.cpus:g} CPUs" + (f" and {claim.gpus:g} GPUs" if claim.gpus else "")
            raise ResourceError("this machine has no room for a worker", expected=size, do="change cpus: or gpus:")
        self._fill(places)

    def start_worker(self, not_on: frozenset[str]) -> None:
        """Start one more, somewhere else if it can be helped."""
        if len(self._hands) < self._limit():
            self._start(self._places(), not_on)

    def assign(self, worker: str, tasks: Sequence[Task]) -> None:
        """One call for all of them; if the worker has died meanwhile, its death is heard by the call that waits."""
        hand = self._hands.get(worker)
        if hand is not None:
            hand.sent.append(hand.actor.submit.remote(list(tasks)))

    def kill(self, worker: str, why: str) -> None:
        """End the process; Ray frees its cores and GPU."""
        if self._end(worker):
            self._heard.append(WorkerDied(worker, why, 0.0))

    def release(self, worker: str, why: str) -> None:
        """Let it go. On a drained GPU the actor stays, idle, so that Ray does not give that GPU out again."""
        hand = self._hands.get(worker)
        if hand is not None and self._claim.gpus and hand.device in self._drained:
            self._parked.append(self._hands.pop(worker))
            self._heard.append(WorkerDied(worker, why, 0.0))
        else:
            self.kill(worker, why)

    def drain(self, device: str) -> None:
        """No new worker there."""
        self._drained.add(device)

    def poll(self, timeout_s: float) -> list[Heard]:
        """Events of all workers, deaths, and workers that are ready."""
        self._look_at_nodes()
        calls = {hand.call: hand for hand in self._hands.values()}
        if self._heard:
            timeout_s = 0.0
        if calls:
            first, _ = ray.wait(list(calls), num_returns=1, timeout=timeout_s)
            ready = ray.wait(list(calls), num_returns=len(calls), timeout=0)[0] if first else []
            for call in ready:
                self._hear(calls[call])
        elif timeout_s:
            time.sleep(timeout_s)
        heard, self._heard = self._heard, []
        return heard

    def environments(self) -> Mapping[str, Mapping[str, Any]]:
        """By node."""
        for node, call in list(self._nodes.items()):
            try:
                self._environments[node] = ray.get(call, timeout=ENVIRONMENT_S)
            except RayError:  # that worker died before it had told; the next one on the node is asked
                del self._nodes[node]
        return dict(self._environments)

    def close(self) -> None:
        """End all actors, and the local Ray if we started it."""
        for name in list(self._hands):
            self._end(name)
        for hand in self._parked:
            ray.kill(hand.actor, no_restart=True)
        self._parked.clear()
        if self._ours:
            disconnect()
        self._ours = None

    # --- hearing ----------------------------------------------------------------------------------------------------

    def _hear(self, hand: Hand) -> None:
        try:
            told = ray.get(hand.call)
        except RayError as error:
            self._lost(hand, error)
            return
        if hand.doing == "prepare":
            self._ready(hand, told)
        else:
            self._heard += told
            if any(getattr(getattr(one, "outcome", None), "extra", {}).get("device_lost") for one in told):
                self.kill(hand.name, "its device failed and the process cannot use it any more")
                return
        if self._took_all(hand):
            hand.doing = "poll"
            hand.call = hand.actor.poll.remote(POLL_S)

    def _took_all(self, hand: Hand) -> bool:
        """Whether the worker took what it was sent: units in a call that failed would never be heard of again."""
        if hand.sent:
            told, hand.sent = ray.wait(hand.sent, num_returns=len(hand.sent), timeout=0)
            try:
                ray.get(told)
            except RayError as error:
                self._lost(hand, error)
                return False
        return True

    def _ready(self, hand: Hand, told: Mapping[str, Any]) -> None:
        hand.device = told["device"]
        self._nodes.setdefault(hand.place.node, hand.actor.environment.remote())
        self._failed_starts = 0
        self._heard.append(CapacityGranted(hand.name, hand.device, hand.place.node, 0.0))

    def _lost(self, hand: Hand, error: RayError) -> None:
        """The process is gone, or raised where nothing may raise: it is not used again."""
        self._end(hand.name)
        reason = _reason(error)
        if hand.doing == "prepare":
            self._failed_starts += 1
            if self._failed_starts >= MOST_FAILED_STARTS:
                raise ResourceError("no worker can be started", got=reason, do="see `scanmill doctor`")
            self._start(self._places(), frozenset({hand.place.name}))
        self._heard.append(WorkerDied(hand.name, reason, 0.0))

    # --- starting and ending ----------------------------------------------------------------------------------------

    def _fill(self, places: Sequence[Place]) -> None:
        self._known_places.update(place.name for place in places)
        while len(self._hands) < self._limit() and self._start(places, frozenset()):
            pass

    def _limit(self) -> int:
        asked = [n for n in (self._wanted, self._claim.workers) if n is not None]
        return min(asked) if asked else 1_000_000

    def _start(self, places: Sequence[Place], not_on: frozenset[str]) -> bool:
        taken = {hand.place.name for hand in (*self._hands.values(), *self._parked)}
        free = {place.name: place for place in places if place.name not in taken}
        chosen = best_place(list(free), not_on, self._drained, others=bool(self._hands))
        if chosen is None:
            return False
        self._started += 1
        name = f"w{self._started}"
        place, claim = free[chosen], self._claim
        worker_class: Any = ray.remote(RayWorker)
        actor = worker_class.options(
            num_cpus=claim.cpus,
            num_gpus=claim.gpus,
            max_restarts=0,
            max_task_retries=0,
            max_concurrency=4,
            scheduling_strategy=NodeAffinitySchedulingStrategy(place.node_id, soft=False),
        ).remote(name, place.node, place.name, claim.cpus)
        self._hands[name] = Hand(name, place, actor, actor.prepare.remote(self._work))
        return True

    def _end(self, worker: str) -> bool:
        hand = self._hands.pop(worker, None)
        if hand is None:
            return False
        ray.kill(hand.actor, no_restart=True)
        return True

    def _places(self) -> list[Place]:
        nodes: Any = ray.nodes()  # type: ignore[no-untyped-call]
        return places_of(nodes, self._claim)

    def _look_at_nodes(self) -> None:
        """Nodes may join while a run goes on: their places are filled. Of dead nodes' workers their calls tell."""
        now = time.monotonic()
        if now - self._looked < SECONDS_BETWEEN_NODE_CHECKS:
            return
        self._looked = now
        places = self._places()
        if any(place.name not in self._known_places for place in places):
            self._fill([place for place in places if place.name not in self._known_places])


def _slots(workers: int | None, claim: Claim) -> int | None:
    """CPU slots of a local Ray: enough for the workers that are wanted, else the machine's."""
    return None if workers is None else max(int(workers * claim.cpus + 0.999), 1)


def _reason(error: RayError) -> str:
    """In a few words: Ray's own texts name processes, addresses and paths over many lines."""
    cause = getattr(error, "cause", None)
    name = type(cause or error).__name__
    known = {"ActorDiedError": "its process died", "ActorUnavailableError": "its process does not answer"}
    return known.get(name, f"{name}: {scrubbed(str(cause or error))[:200]}")
