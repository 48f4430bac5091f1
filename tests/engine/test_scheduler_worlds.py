"""Whole worlds of units, workers and misfortunes: whatever happens, the books balance and the innocent get through."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from engine.story import AWAY, BAD_ROW, BUG, Assign, DrainDevice, KillWorker, ReleaseWorker, StartWorker, Story, unit
from scanmill.engine.messages import UnitsAdded
from scanmill.engine.outcome import Outcome

LIMITS = {"read": 10.0, "compute": 10.0, "write": 10.0}
ENDS = {"ok": "done", "bad row": "failed", "bug": "quarantined", "kills": "quarantined", "hangs": "quarantined"}
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@dataclass
class World:
    """Plays the machines. ``fates`` of units: ok, bad row, bug, kills, hangs; of devices: ok, fails, kills."""

    fates: dict[str, str]
    devices: dict[str, str]
    kills: int
    chance: random.Random
    story: Story = field(init=False)
    phases: dict[str, int] = field(default_factory=dict)
    number: int = 0

    def __post_init__(self) -> None:
        self.story = Story(timeout_s=LIMITS, start_patience_s=20.0, write_grace_s=15.0)
        self.story.tell(UnitsAdded(tuple(unit(name, self.chance.choice((1, 5, 20))) for name in self.fates)))
        for device in self.devices:
            self.start(device)

    def start(self, device: str) -> None:
        self.number += 1
        self.story.up(f"{device}{self.number}")

    def workers(self) -> list[str]:
        return sorted(self.story.scheduler._roster.workers)

    def turn(self) -> None:
        """One small thing happens."""
        before = len(self.story.everything)
        if self.kills and self.workers() and self.chance.random() < 0.05:
            self.kills -= 1
            self.story.dies(self.chance.choice(self.workers()), "killed by chance")
        elif able := [name for name in sorted(self.story.held) if not self.hangs(name)]:
            self.advance(self.chance.choice(able))
        else:
            self.story.wait(3.0)
        self.perform(self.story.everything[before:])

    def hangs(self, name: str) -> bool:
        held = self.story.held[name]
        device = self.devices[held.worker.rstrip("0123456789")]
        return self.fates[name] == "hangs" and device == "ok" and self.phases.get(f"{name} {held.attempt}", 0) > 1

    def advance(self, name: str) -> None:
        held = self.story.held[name]
        fate, device = self.fates[name], self.devices[held.worker.rstrip("0123456789")]
        key = f"{name} {held.attempt}"
        phase = self.phases.get(key, 0)
        self.phases[key] = phase + 1
        if phase == 0:
            self.story.starts(name, phase="read")
        elif phase == 1:
            self.story.stops(name, "read")
            self.story.starts(name, phase="compute")
        elif "kills" in (fate, device):
            self.story.dies(held.worker, "segmentation fault")
        elif phase == 2 and fate == "ok" and device == "ok":
            self.story.stops(name)
            self.story.starts(name, phase="write")
        else:
            outcome = {"bad row": BAD_ROW, "bug": BUG}.get(fate, Outcome())
            self.story.ends(name, AWAY if device == "fails" else outcome)

    def perform(self, said: list) -> None:
        for one in said:
            if isinstance(one, KillWorker):
                self.story.dies(one.worker, "killed by us")
            elif isinstance(one, ReleaseWorker):
                self.story.dies(one.worker, "released")
            elif isinstance(one, StartWorker):
                self.start(self.chance.choice(sorted(set(self.devices) - one.not_on) or sorted(self.devices)))

    def let_go_on(self) -> None:
        """Somebody unpauses the run as often as it pauses, which is not for ever."""
        for _ in range(3 * len(self.fates)):
            if self.story.scheduler.paused:
                self.story.asks("unpause")
                self.play()
        assert not self.story.scheduler.paused

    def play(self, turns: int = 6000) -> None:
        for _ in range(turns):
            counts = self.story.scheduler.counts()
            if not counts["waiting"] + counts["leased"]:
                return
            if self.story.scheduler.paused and not self.story.held:
                return
            self.turn()
        raise AssertionError(f"no end: {self.story.counts()}, paused: {self.story.scheduler.paused!r}")


@QUICK
@given(
    fates=st.lists(st.sampled_from(["ok"] * 12 + ["bad row", "bug", "kills", "hangs"]), min_size=1, max_size=40),
    devices=st.integers(1, 5),
    kills=st.integers(0, 2),
    seed=st.integers(0, 1 << 30),
)
def test_good_units_get_through_and_bad_ones_do_not(fates, devices, kills, seed):
    names = {f"u{number}": fate for number, fate in enumerate(fates)}
    world = World(names, {"abcde"[index]: "ok" for index in range(devices)}, kills, random.Random(seed))
    world.play()
    world.let_go_on()
    assert {name: world.story.state(name) for name in names} == {name: ENDS[fate] for name, fate in names.items()}


@QUICK
@given(
    n_units=st.integers(1, 60),
    bad=st.sampled_from(["fails", "kills"]),
    misfortunes=st.sampled_from([(0, 2), (1, 1), (1, 0), (2, 0)]),
    seed=st.integers(0, 1 << 30),
)
def test_a_bad_device_costs_no_good_unit(n_units, bad, misfortunes, seed):
    """Three attempts outlast two misfortunes: bad devices and kills by chance together."""
    n_bad, kills = misfortunes
    devices = {letter: bad if index < n_bad else "ok" for index, letter in enumerate("abcd")}
    world = World({f"u{number}": "ok" for number in range(n_units)}, devices, kills, random.Random(seed))
    world.play()
    world.let_go_on()
    assert world.story.counts() == {"done": n_units}
    drained = {one.device for one in world.story.ever(DrainDevice)}
    assert all(devices[one] == bad for one in drained)


@QUICK
@given(n_units=st.integers(1, 30), seed=st.integers(0, 1 << 30), bad=st.sampled_from(["fails", "kills"]))
def test_where_every_device_is_bad_the_run_pauses_and_loses_nothing(n_units, seed, bad):
    world = World({f"u{number}": "ok" for number in range(n_units)}, {"a": bad}, 0, random.Random(seed))
    world.play()
    counts = world.story.scheduler.counts()
    if n_units >= 3:
        assert world.story.scheduler.paused
        assert counts["waiting"] == n_units
    assert sum(counts.values()) == n_units
    assert not world.story.ever(DrainDevice)


class AnyEvents(RuleBasedStateMachine):
    """Events in any order, sensible or not. `Story.tell` validates after each; then all can still come to an end."""

    @initialize()
    def begin(self) -> None:
        self.story = Story(timeout_s=LIMITS, breaker_window=10, attempts=2)
        self.units = self.number = 0

    @rule(count=st.integers(1, 4), chained=st.booleans(), cost=st.sampled_from((1.0, 2.0)))
    def add(self, count: int, chained: bool, cost: float) -> None:
        fresh = []
        for _ in range(count):
            needs = (f"u{self.units - 1}",) if chained and self.units else ()
            fresh.append(unit(f"u{self.units}", cost, needs))
            self.units += 1
        self.story.tell(UnitsAdded(tuple(fresh)))

    @rule(device=st.sampled_from("abc"))
    def up(self, device: str) -> None:
        self.number += 1
        self.story.up(f"{device}{self.number}")

    def worker(self, index: int) -> str:
        names = sorted(self.story.scheduler._roster.workers)
        return names[index % len(names)] if names else "nobody"

    def unit(self, index: int) -> str:
        return sorted(self.story.held)[index % len(self.story.held)]

    @rule(index=st.integers(0, 9))
    def dies(self, index: int) -> None:
        self.story.dies(self.worker(index))

    @rule(index=st.integers(0, 9))
    def revoke(self, index: int) -> None:
        self.story.revoke(self.worker(index))

    @precondition(lambda self: self.story.held)
    @rule(index=st.integers(0, 9), phase=st.sampled_from(("read", "compute", "write")), stops=st.booleans())
    def phase(self, index: int, phase: str, stops: bool) -> None:
        (self.story.stops if stops else self.story.starts)(self.unit(index), phase=phase)

    @precondition(lambda self: self.story.held)
    @rule(index=st.integers(0, 9), kind=st.sampled_from(("done", "bad", "away", "bug", "memory", "alone")))
    def ends(self, index: int, kind: str) -> None:
        name = self.unit(index)
        outcomes = {
            "bad": BAD_ROW,
            "away": AWAY,
            "bug": BUG,
            "memory": Outcome("ResourceError", "memory", retryable=True, tile=self.story.held[name].tile / 2),
            "alone": Outcome("ResourceError", "memory", retryable=True, exclusive=True),
        }
        self.story.ends(name, outcomes.get(kind))

    @rule(seconds=st.sampled_from((0.0, 1.0, 11.0, 200.0)))
    def wait(self, seconds: float) -> None:
        self.story.wait(seconds)

    @rule(low=st.booleans())
    def disk(self, low: bool) -> None:
        self.story.disk(low=low)

    @rule(what=st.sampled_from(("pause", "unpause", "retry", "cancel")), index=st.integers(-1, 12))
    def ask(self, what: str, index: int) -> None:
        self.story.asks(what, *((f"u{index}",) if index >= 0 or what == "cancel" else ()))

    @invariant()
    def nothing_is_given_to_the_dead(self) -> None:
        if hasattr(self, "story"):
            workers = self.story.scheduler._roster.workers
            assert all(held.worker in workers for held in self.story.held.values())
            assert all(isinstance(held, Assign) for held in self.story.held.values())

    def teardown(self) -> None:
        if not hasattr(self, "story"):
            return
        self.story.disk(low=False)
        for _ in range(8 * self.units + 20):
            counts = self.story.scheduler.counts()
            if not counts["waiting"] + counts["leased"]:
                break
            if self.story.scheduler.paused:
                self.story.asks("unpause")
            for name in sorted(self.story.scheduler._roster.workers):
                if self.story.scheduler._roster.workers[name].leaving:
                    self.story.dies(name, "asked to")
            if not self.story.scheduler._roster.usable:
                self.number += 1
                self.story.up(f"d{self.number}")
            for name in sorted(self.story.held):
                if name in self.story.held:
                    self.story.runs(name)
        counts = self.story.scheduler.counts()
        assert not counts["waiting"] + counts["leased"], self.story.counts()
        assert sum(counts.values()) == self.units


TestAnyEvents = AnyEvents.TestCase
TestAnyEvents.settings = settings(
    max_examples=60, stateful_step_count=50, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
