"""Stories of what goes wrong: deaths, clocks, bad devices, bad days."""

from engine.story import (
    AWAY,
    BAD_ROW,
    BUG,
    DrainDevice,
    KillWorker,
    PauseRun,
    ReleaseWorker,
    StartWorker,
    Story,
    UnpauseRun,
    of,
)
from scanmill.engine.outcome import Outcome

LIMITS = {"read": 10.0, "compute": 100.0, "write": 10.0}


# --- deaths


def test_a_death_makes_suspects_of_those_that_had_started_and_charges_nobody():
    story = Story("u1 u2 u3", in_flight=3)
    story.up("a1")
    story.starts("u1", "u2")
    story.dies("a1")
    assert [story.last(name).suspect for name in ("u1", "u2", "u3")] == [True, True, False]
    assert [story.last(name).charges for name in ("u1", "u2", "u3")] == [0, 0, 0]
    assert story.counts() == {"waiting": 3}


def test_who_kills_before_its_start_is_heard_is_found_all_the_same():
    """The word of its start may die with the process; then every worker that got it would die, for ever."""
    story = Story("killer u2 u3 u4", attempts=2, in_flight=2)
    story.up("a1")
    for n in range(2, 40):
        if not story.held:
            break
        worker = next(iter(story.held.values())).worker
        if "killer" in story.on(worker):
            story.dies(worker)
            story.up(f"{'abc'[n % 3]}{n}")
        else:
            story.runs(next(iter(story.held)))
    assert story.counts() == {"done": 3, "quarantined": 1}
    assert story.state("killer") == "quarantined"
    assert story.last("killer").charges == 2
    assert not story.ever(DrainDevice)


def test_one_death_before_a_start_is_heard_makes_no_suspect():
    story = Story("u1 u2", in_flight=2)
    story.up("a1")
    story.dies("a1")
    assert [story.last(name).suspect for name in ("u1", "u2")] == [False, False]
    story.up("a2")
    story.dies("a2")
    assert [story.last(name).suspect for name in ("u1", "u2")] == [True, True]
    assert [story.last(name).charges for name in ("u1", "u2")] == [0, 0]


def test_suspects_run_alone_and_elsewhere():
    story = Story("u1 u2 u3 u4 u5 u6")
    story.up("a1", "b1")
    suspects = story.on("a1")
    story.starts(*suspects)
    story.dies("a1")
    story.up("a2")
    while story.held:
        name = next(iter(story.held))
        if name in suspects:
            assert story.held[name].worker == "b1"
            assert story.held[name].alone
            assert story.on("b1") == [name]
        story.runs(name)
    assert story.counts() == {"done": 6}


def test_with_one_device_only_suspects_run_there():
    story = Story("u1 u2")
    story.up("a1")
    story.starts("u1", "u2")
    story.dies("a1")
    story.up("a2")
    assert len(story.held) == 1
    story.runs(next(iter(story.held)))
    story.runs(next(iter(story.held)))
    assert story.counts() == {"done": 2}


def test_only_who_dies_alone_is_charged_and_at_last_quarantined():
    story = Story("killer good", device_strikes=100)
    story.up("a1", "b1")
    deaths = []
    number = 1
    while story.state("killer") != "quarantined":
        if "killer" in story.held:
            worker = story.held["killer"].worker
            story.starts("killer")
            story.dies(worker)
            deaths.append((worker[0], story.last("killer").charges))
            number += 1
            story.up(f"{worker[0]}{number}")
        elif "good" in story.held:
            story.runs("good")
    assert [charges for _, charges in deaths] == [0, 1, 2, 3]
    assert deaths[-1][0] != deaths[-2][0], "the last two deaths on different devices"
    assert story.last("killer").outcome.error_class == "WorkerDied"
    assert "signal 11" in story.last("killer").outcome.error
    assert story.last("good").charges <= 1


def test_a_death_alone_but_not_asked_to_be_alone_is_not_charged():
    story = Story("u1")
    story.up("a1")
    story.starts("u1")
    story.dies("a1")
    assert (story.last("u1").charges, story.last("u1").suspect) == (0, True)


def test_a_dead_worker_is_replaced():
    story = Story("u1 u2")
    story.up("a1")
    story.starts("u1")
    assert len(of(StartWorker, story.dies("a1"))) == 1
    assert "a" in of(StartWorker, story.everything)[0].not_on, "rather on a device that nothing stands against"


def test_a_worker_that_had_not_started_anything_harms_nobody():
    story = Story("u1 u2")
    story.up("a1")
    story.dies("a1")
    assert not story.last("u1").suspect
    assert story.counts() == {"waiting": 2}


def test_a_device_whose_workers_die_idle_is_drained():
    story = Story("u1")
    story.up("b1")
    story.starts("u1")
    for number in range(6):
        assert not story.ever(DrainDevice)
        story.up(f"a{number}")
        story.dies(f"a{number}")
    assert [one.device for one in story.ever(DrainDevice)] == ["a"]


def test_a_release_that_was_asked_for_is_no_death():
    story = Story("u1 u2")
    story.up("a1")
    story.revoke("a1")
    story.runs("u1")
    story.runs("u2")
    assert not story.dies("a1", "released")


def test_a_revoked_worker_that_dies_leaves_suspects_but_its_device_is_not_blamed():
    story = Story("u1 u2 u3", device_strikes=1)
    story.up("a1", "b1")
    name = story.on("a1")[0]
    story.starts(name)
    story.revoke("a1")
    story.dies("a1", "node preempted")
    assert story.last(name).suspect
    assert not story.ever(DrainDevice)


# --- clocks


def test_no_clock_runs_before_the_phase_starts_nor_after_it_has_ended():
    story = Story("u1", timeout_s=LIMITS)
    story.up("a1")
    story.wait(1000)
    story.starts("u1", phase="read")
    story.wait(9)
    story.stops("u1", "read")
    story.wait(1000)
    story.starts("u1", phase="compute")
    story.wait(99)
    story.stops("u1")
    assert not story.ever(KillWorker)


def test_a_unit_that_hangs_is_killed_charged_and_at_last_quarantined():
    story = Story("u1", timeout_s=LIMITS, device_strikes=100)
    story.up("a1")
    for number in range(1, 4):
        story.starts("u1", phase="read")
        assert not story.wait(9)
        assert of(KillWorker, story.wait(2))
        story.dies(f"a{number}", "killed")
        assert story.last("u1").outcome.error_class == "Timeout"
        assert story.last("u1").outcome.error == "read took longer than 10 s"
        assert story.last("u1").charges == number
        if number < 3:
            story.up(f"a{number + 1}")
    assert story.state("u1") == "quarantined"


def test_a_neighbour_of_one_that_hangs_comes_back_without_mark():
    story = Story("hangs reads", timeout_s=LIMITS)
    story.up("a1")
    story.starts("hangs")
    story.wait(95)
    story.starts("reads", phase="read")
    assert of(KillWorker, story.wait(6))
    story.dies("a1", "killed")
    assert (story.last("reads").charges, story.last("reads").suspect) == (0, False)
    assert story.last("hangs").charges == 1


def test_a_neighbours_write_may_end_first():
    story = Story("writes hangs later", timeout_s=LIMITS | {"write": 1000.0}, write_grace_s=50.0)
    story.up("a1")
    story.starts("hangs")
    story.wait(95)
    story.starts("writes", phase="write")
    assert not of(KillWorker, story.wait(10))
    story.add("more")
    assert "later" not in story.held, "a worker that is to be killed gets nothing more"
    assert of(KillWorker, story.ends("writes"))
    assert story.state("writes") == "done"


def test_a_neighbours_write_is_not_waited_for_without_end():
    story = Story("writes hangs", timeout_s=LIMITS | {"write": 1000.0}, write_grace_s=50.0)
    story.up("a1")
    story.starts("hangs")
    story.wait(95)
    story.starts("writes", phase="write")
    story.wait(10)
    assert not story.wait(40)
    assert of(KillWorker, story.wait(10))


def test_who_ends_late_but_before_the_kill_has_ended():
    story = Story("writes slow", timeout_s=LIMITS | {"write": 1000.0})
    story.up("a1")
    story.starts("slow")
    story.wait(95)
    story.starts("writes", phase="write")
    story.wait(10)
    story.ends("slow")
    assert story.state("slow") == "done"
    out = story.ends("writes")
    assert not of(KillWorker, story.everything)
    assert of(ReleaseWorker, out)


def test_a_late_result_between_kill_and_death_counts():
    story = Story("u1", timeout_s=LIMITS)
    story.up("a1")
    story.starts("u1")
    assert of(KillWorker, story.wait(101))
    story.ends("u1")
    assert story.counts() == {"done": 1}
    story.dies("a1", "killed")
    assert story.counts() == {"done": 1}


def test_no_limit_is_no_limit():
    story = Story("u1", timeout_s=LIMITS | {"compute": None})
    story.up("a1")
    story.starts("u1")
    assert not story.wait(1e9)


# --- devices


def fail_on(story: Story, device: str, outcome: Outcome, rounds: int = 200) -> None:
    """Whatever that device gets fails; everything else succeeds."""
    for _ in range(rounds):
        for name in list(story.held):
            if name in story.held:
                bad = story.held[name].worker.startswith(device)
                story.runs(name, outcome if bad else None)


def test_a_device_that_fails_whatever_it_gets_is_drained_and_named():
    story = Story(" ".join(f"u{number}" for number in range(40)))
    story.up("a1", "b1", "c1", "d1")
    fail_on(story, "a", AWAY)
    assert [one.device for one in story.ever(DrainDevice)] == ["a"]
    assert [one.worker for one in story.ever(ReleaseWorker)] == ["a1"]
    assert story.counts() == {"done": 40}
    assert list(story.scheduler.drained) == ["a"]
    assert not story.ever(PauseRun)


def test_those_that_a_drained_device_has_failed_get_their_attempts_back():
    story = Story("u1 u2 u3 u4 u5 u6", in_flight=3)
    story.up("a1", "b1")
    mine = story.on("a1")
    for name in mine:
        story.runs(name, AWAY)
    assert not story.ever(DrainDevice), "it may still be the units"
    assert mine[0] in story.on("b1") or story.runs(story.on("b1")[0])
    story.runs(mine[0])
    assert story.ever(DrainDevice), "it is not: one has succeeded elsewhere"
    assert [story.last(name).charges for name in mine] == [1, 0, 0]


def test_one_that_a_bad_device_had_quarantined_waits_again():
    story = Story(" ".join(f"u{number}" for number in range(12)), attempts=1)
    story.up("a1", "b1")
    mine = story.on("a1")
    story.runs(mine[0], AWAY)
    assert story.state(mine[0]) == "quarantined"
    for _ in range(5):
        story.runs(story.on("a1")[0], AWAY)
    while story.held:
        story.runs(next(iter(story.held)))
    assert story.counts() == {"done": 12}


def test_a_device_whose_process_dies_whatever_it_gets_is_drained():
    story = Story(" ".join(f"u{number}" for number in range(30)))
    story.up("a1", "b1")
    for number in range(2, 60):
        for name in [name for name in story.held if story.held[name].worker[0] == "b"]:
            story.runs(name)
        worker = next((held.worker for held in story.held.values() if held.worker[0] == "a"), None)
        if worker:
            story.starts(*story.on(worker))
            story.dies(worker)
            if not story.ever(DrainDevice):
                story.up(f"a{number}")
    assert [one.device for one in story.ever(DrainDevice)] == ["a"]
    assert story.counts() == {"done": 30}


def test_a_drained_device_that_comes_back_is_sent_away():
    story = Story(" ".join(f"u{number}" for number in range(20)))
    story.up("a1", "b1")
    for name in list(story.held):
        if story.held[name].worker == "b1":
            story.runs(name)
    fail_on(story, "a", AWAY, rounds=5)
    assert [one.worker for one in of(ReleaseWorker, story.up("a2"))] == ["a2"]
    assert not story.on("a2")


def test_several_workers_of_a_bad_device_all_go():
    story = Story(" ".join(f"u{number}" for number in range(30)))
    story.up("a1", "a2", "b1")
    fail_on(story, "a", AWAY)
    assert {one.worker for one in story.ever(ReleaseWorker)} == {"a1", "a2"}
    assert story.counts() == {"done": 30}


def test_a_success_in_between_clears_a_device():
    story = Story(" ".join(f"u{number}" for number in range(12)), in_flight=1)
    story.up("a1", "b1")
    for turn in range(10):
        for name in story.on("a1"):
            story.runs(name, AWAY if turn % 3 else None)
    assert not story.ever(DrainDevice)


def test_bad_rows_speak_against_no_device():
    story = Story(" ".join(f"u{number}" for number in range(20)))
    story.up("a1", "b1")
    fail_on(story, "a", BAD_ROW)
    assert not story.ever(DrainDevice)
    assert not story.ever(PauseRun)


def test_a_step_that_raises_only_on_one_device_gives_it_away_when_the_rows_succeed_elsewhere():
    story = Story(" ".join(f"u{number}" for number in range(60)))
    story.up("a1", "b1", "c1")
    fail_on(story, "a", BUG)
    assert [one.device for one in story.ever(DrainDevice)] == ["a"]
    assert story.counts() == {"done": 60}


def test_rows_that_fail_everywhere_speak_against_themselves():
    names = [f"u{number}" for number in range(30)]
    bad = set(names[:6])
    story = Story(" ".join(names))
    story.up("a1", "b1")
    for _ in range(200):
        for name in list(story.held):
            if name in story.held:
                story.runs(name, AWAY if name in bad else None)
    assert not story.ever(DrainDevice)
    assert story.counts() == {"quarantined": 6, "done": 24}


def test_the_last_device_is_not_drained_but_the_run_pauses_and_says_why():
    story = Story("u1 u2 u3 u4 u5")
    story.up("a1")
    while not story.ever(PauseRun):
        story.runs(next(iter(story.held)), AWAY)
    assert not story.ever(DrainDevice)
    assert "a failed 3 different units" in story.scheduler.paused
    assert story.scheduler.counts()["quarantined"] == 0
    assert all(story.last(name).charges == 0 for name in ("u1", "u2", "u3"))
    story.asks("unpause")
    while story.held:
        story.runs(next(iter(story.held)))
    assert story.counts() == {"done": 5}


def test_units_that_kill_the_only_device_are_quarantined_in_the_end_when_somebody_lets_the_run_go_on():
    story = Story("k1 k2 k3 k4 good")
    number = 1
    story.up("a1")
    while story.counts().get("waiting") or story.held:
        if story.scheduler.paused and not story.held:
            story.asks("unpause")
        bad = [name for name in story.held if name != "good"]
        if bad:
            worker = story.held[bad[0]].worker
            story.starts(*story.on(worker))
            story.dies(worker)
            number += 1
            story.up(f"a{number}")
        elif story.held:
            story.runs("good")
        assert number < 60
    assert story.counts() == {"quarantined": 4, "done": 1}
    assert 1 <= len(story.ever(PauseRun)) <= 6


def test_when_only_a_drained_device_offers_itself_the_run_pauses():
    story = Story(" ".join(f"u{number}" for number in range(9)))
    story.up("a1", "b1")
    fail_on(story, "a", AWAY, rounds=1)
    fail_on(story, "a", AWAY, rounds=1)
    assert story.ever(DrainDevice)
    story.revoke("b1")
    while story.held:
        story.runs(next(iter(story.held)))
    story.dies("b1")
    if story.counts().get("waiting"):
        story.up("a7")
        assert "only drained devices" in story.scheduler.paused


# --- bad days


def test_many_that_fail_alike_pause_the_run_and_come_back_uncharged():
    names = [f"u{number}" for number in range(100)]
    story = Story(" ".join(names), device_strikes=1000)
    story.up(*(f"{letter}1" for letter in "abcdefgh"))
    for _ in range(40):
        for name in list(story.held):
            if name in story.held and not story.scheduler.paused:
                story.runs(name)
        if story.counts()["done"] >= 40:
            break
    while not story.scheduler.paused:
        story.runs(next(iter(story.held)), AWAY)
    assert "storage is away" in story.scheduler.paused
    assert story.counts().get("quarantined", 0) == 0
    assert all(
        story.last(name).charges == 0 for name in names if story.state(name) == "waiting" and story.records(name)
    )
    while story.held:
        story.runs(next(iter(story.held)))
    assert of(UnpauseRun, story.asks("unpause"))
    while story.held:
        story.runs(next(iter(story.held)))
    assert story.counts() == {"done": 100}


def test_different_failures_do_not_pause_the_run():
    names = [f"u{number}" for number in range(100)]
    story = Story(" ".join(names), device_strikes=1000)
    story.up(*(f"{letter}1" for letter in "abcdefgh"))
    for number in range(400):
        if story.held:
            name = next(iter(story.held))
            kind = "".join(chr(97 + int(digit)) for digit in str(number // 7))
            story.runs(name, Outcome("ResourceError", f"fault {kind}", retryable=True) if number % 3 == 0 else None)
    assert not story.ever(PauseRun)


def test_a_few_units_that_fail_again_and_again_do_not_pause_a_long_run():
    names = [f"u{number}" for number in range(60)]
    story = Story(" ".join(names), device_strikes=1000, attempts=6)
    story.up("a1", "b1", "c1")
    for _ in range(100):
        for name in list(story.held):
            if name in story.held:
                story.runs(name, AWAY if name in names[:4] else None)
    assert not story.ever(PauseRun)
    assert story.counts() == {"quarantined": 4, "done": 56}


def test_the_failures_of_a_drained_device_do_not_pause_the_run_as_well():
    story = Story(" ".join(f"u{number}" for number in range(30)), breaker_window=10, breaker_fraction=0.4, in_flight=1)
    story.up("a1", "b1", "c1")
    fail_on(story, "a", AWAY, rounds=100)
    assert story.ever(DrainDevice)
    assert not story.ever(PauseRun)


def test_nothing_is_started_while_paused_not_even_a_worker():
    story = Story("u1 u2")
    story.up("a1")
    story.asks("pause")
    story.starts("u1")
    assert not of(StartWorker, story.dies("a1"))
    assert not of(StartWorker, story.wait(1000))
    assert len(of(StartWorker, story.asks("unpause"))) == 1
