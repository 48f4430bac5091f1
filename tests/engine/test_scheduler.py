"""Stories of ordinary runs: order, feeding, retries, requests, needs."""

import pytest

from engine.story import (
    AWAY,
    BAD_ROW,
    BUG,
    TOO_BIG,
    Assign,
    PauseRun,
    Record,
    ReleaseWorker,
    StageEnded,
    StartWorker,
    Story,
    UnpauseRun,
    of,
    unit,
)
from scanmill.engine.messages import PhaseStarted, UnitEnded, UnitsAdded, WorkerDied
from scanmill.engine.outcome import Outcome


def test_the_largest_goes_first_and_a_worker_has_two():
    story = Story()
    story.tell(UnitsAdded((unit("small", 1), unit("large", 9), unit("middle", 5), unit("tiny", 0.1))))
    story.up("a1")
    assert story.on("a1") == ["large", "middle"]
    story.runs("large")
    assert story.on("a1") == ["middle", "small"]


def test_nobody_gets_a_second_unit_before_all_have_one():
    story = Story("u1 u2 u3")
    story.up("a1", "b1", "c1")
    assert [len(story.on(worker)) for worker in ("a1", "b1", "c1")] == [1, 1, 1]


def test_equal_units_go_in_the_order_in_which_they_came():
    story = Story("u1 u2 u3 u4", in_flight=1)
    story.up("a1")
    order = []
    while story.held:
        order += story.on("a1")
        story.runs(order[-1])
    assert order == ["u1", "u2", "u3", "u4"]


def test_every_unit_done_ends_the_stage_once():
    story = Story("u1 u2")
    story.up("a1")
    story.runs("u1")
    assert not story.ever(StageEnded)
    story.runs("u2")
    story.wait(1)
    assert story.counts() == {"done": 2}
    assert len(story.ever(StageEnded)) == 1


def test_a_stage_without_units_ends_at_once():
    story = Story()
    assert story.tell(UnitsAdded(())) == [StageEnded()]


def test_a_record_stands_before_its_assignment():
    story = Story("u1")
    out = story.up("a1")
    assert [type(one) for one in out] == [Record, Assign]
    assert out[0].state == "leased"
    assert out[1].attempt == out[0].attempt == 1


def test_the_first_phase_of_a_unit_is_recorded():
    story = Story("u1")
    story.up("a1")
    assert [one.started for one in of(Record, story.starts("u1", phase="read"))] == [True]
    assert not story.starts("u1", phase="compute")


def test_a_bad_row_fails_without_a_retry():
    story = Story("u1 u2")
    story.up("a1")
    story.runs("u1", BAD_ROW)
    assert story.last("u1").state == "failed"
    assert story.last("u1").outcome == BAD_ROW
    assert story.last("u1").charges == 1
    story.runs("u2")
    assert story.counts() == {"failed": 1, "done": 1}


def test_what_is_not_retryable_fails():
    story = Story("u1")
    story.up("a1")
    story.runs("u1", Outcome("Whatever", "no hope"))
    assert story.state("u1") == "failed"


@pytest.mark.parametrize("outcome", [AWAY, BUG])
def test_a_retryable_failure_is_tried_thrice_elsewhere_and_last_alone(outcome):
    story = Story("u1 u2 u3 u4 u5 u6 u7 u8")
    story.up("a1", "b1", "c1")
    where = []
    while story.state("u1") != "quarantined":
        for name in [name for name in story.held if name != "u1"]:
            story.runs(name)
        if "u1" in story.held:
            where.append((story.held["u1"].worker, story.held["u1"].alone, story.held["u1"].attempt))
            story.runs("u1", outcome)
    assert len({worker for worker, _, _ in where}) == 3
    assert [alone for _, alone, _ in where] == [False, False, True]
    assert [attempt for _, _, attempt in where] == [1, 2, 3]
    assert story.last("u1").charges == 3
    assert story.counts() == {"quarantined": 1, "done": 7}


def test_with_one_device_it_is_tried_there_again():
    story = Story("u1", attempts=2)
    story.up("a1")
    story.runs("u1", AWAY)
    story.runs("u1", AWAY)
    assert story.state("u1") == "quarantined"


def test_a_unit_that_failed_only_on_one_device_is_tried_once_more_where_another_has_come():
    story = Story("u1", attempts=2)
    story.up("a1")
    story.runs("u1", AWAY)
    story.up("b1")
    assert story.on("a1") == ["u1"]
    story.runs("u1", AWAY)
    assert story.on("b1") == ["u1"]
    assert story.last("u1").charges == 1
    story.runs("u1", AWAY)
    assert story.state("u1") == "quarantined"
    assert story.last("u1").charges == 2


def test_success_after_a_failure():
    story = Story("u1")
    story.up("a1", "b1")
    story.runs("u1", AWAY)
    story.runs("u1")
    assert (story.last("u1").state, story.last("u1").charges, story.last("u1").attempt) == ("done", 2, 2)


def test_out_of_memory_gets_smaller_tiles_then_the_device():
    story = Story("u1 u2")
    story.up("a1", "a2")
    asked = []
    while story.state("u1") != "quarantined":
        asked.append((story.held["u1"].tile, story.held["u1"].exclusive))
        story.runs("u1", Outcome("ResourceError", "out of memory", retryable=True, tile=story.held["u1"].tile / 2))
        if "u2" in story.held and len(asked) == 2:
            assert "u1" not in story.held, "an exclusive unit waits until the whole device is empty"
            story.runs("u2")
    assert asked == [(1.0, False), (0.5, False), (0.25, True)]


def test_an_exclusive_unit_keeps_the_device_to_itself():
    story = Story("u1 u2 u3 u4 u5 u6")
    story.up("a1", "a2", "b1")
    story.runs("u1", Outcome("ResourceError", "out of memory", retryable=True, exclusive=True))
    while "u1" not in story.held:
        story.runs(next(iter(story.held)))
    device = story.held["u1"].worker[0]
    story.up(f"{device}3")
    beside = [held.unit.unit_id for held in story.held.values() if held.worker[0] == device]
    assert beside == ["u1"]
    story.runs("u1")
    while story.held:
        story.runs(next(iter(story.held)))
    assert story.counts() == {"done": 6}


def test_too_large_rows_neither_drain_a_device_nor_break_the_circuit():
    names = [f"u{number}" for number in range(40)]
    story = Story(" ".join(names), breaker_window=20, in_flight=1)
    story.up("a1", "b1")
    for _ in range(120):
        for name in list(story.held):
            story.runs(name, TOO_BIG if story.held[name].tile == 1 else None)
    assert story.counts() == {"done": 40}


def test_a_revoked_worker_ends_what_it_has_and_goes():
    story = Story("u1 u2 u3")
    story.up("a1")
    story.revoke("a1")
    story.runs("u1")
    assert story.on("a1") == ["u2"]
    assert of(ReleaseWorker, story.runs("u2"))
    assert story.state("u3") == "waiting"


def test_an_idle_worker_that_is_revoked_goes_at_once():
    story = Story()
    story.up("a1")
    assert of(ReleaseWorker, story.revoke("a1"))


def test_no_worker_for_long_and_work_waiting_asks_for_one():
    story = Story("u1", start_patience_s=10)
    assert not story.wait(1)
    assert not story.wait(5)
    assert of(StartWorker, story.wait(10))
    assert not story.wait(1)
    assert of(StartWorker, story.wait(20))


def test_pause_and_unpause():
    story = Story("u1 u2 u3")
    story.up("a1")
    assert of(PauseRun, story.asks("pause"))
    story.runs("u1")
    assert story.on("a1") == ["u2"]
    assert story.scheduler.paused
    assert of(UnpauseRun, story.asks("unpause"))
    assert story.on("a1") == ["u2", "u3"]


def test_a_low_disk_pauses_until_it_is_back_whatever_is_asked():
    story = Story("u1")
    assert of(PauseRun, story.disk(low=True))
    story.up("a1")
    assert not story.held
    assert not of(UnpauseRun, story.asks("unpause"))
    assert of(UnpauseRun, story.disk(low=False))
    assert story.held


def test_cancel_all_lets_those_that_run_end():
    story = Story("u1 u2 u3 u4")
    story.up("a1")
    story.asks("cancel")
    assert story.counts() == {"leased": 2, "cancelled": 2}
    story.runs("u1")
    assert of(StageEnded, story.runs("u2", AWAY))
    assert story.counts() == {"done": 1, "cancelled": 3}


def test_cancel_one():
    story = Story("u1 u2")
    story.asks("cancel", "u1", "unheard-of")
    story.up("a1")
    assert list(story.held) == ["u2"]


def test_a_cancelled_unit_whose_worker_dies_is_cancelled():
    story = Story("u1")
    story.up("a1")
    story.starts("u1")
    story.asks("cancel")
    story.dies("a1")
    assert story.counts() == {"cancelled": 1}


def test_retry_begins_with_fresh_attempts_and_new_numbers():
    story = Story("u1 u2 u3", attempts=1)
    story.up("a1")
    story.runs("u1", AWAY)
    story.runs("u2", BAD_ROW)
    story.runs("u3")
    assert story.ever(StageEnded)
    story.asks("retry")
    assert story.held["u1"].attempt == 2
    assert story.records("u1")[-1].charges == 0
    story.runs("u1")
    story.runs("u2")
    assert story.counts() == {"done": 3}
    assert len(story.ever(StageEnded)) == 2


def test_what_the_ledger_remembers_counts():
    story = Story()
    story.tell(UnitsAdded((unit("u1"), unit("u2")), attempts=(2, 0), suspects=frozenset({"u2"}), tries=(5, 1)))
    story.up("a1", "b1")
    assert story.held["u1"].attempt == 6
    assert story.held["u1"].alone
    story.runs("u1", AWAY)
    assert story.state("u1") == "quarantined"
    assert (story.held["u2"].attempt, story.held["u2"].alone) == (2, True)


def test_a_unit_waits_for_what_it_needs():
    story = Story()
    story.tell(UnitsAdded((unit("p1"), unit("p2"), unit("root", needs=("p1", "p2", "done-long-ago")))))
    story.up("a1")
    assert list(story.held) == ["p1", "p2"]
    story.runs("p1")
    story.runs("p2")
    assert list(story.held) == ["root"]
    story.runs("root")
    assert story.counts() == {"done": 3}


@pytest.mark.parametrize(("how", "state"), [("fails", "failed"), ("cancelled", "cancelled")])
def test_a_need_that_ends_badly_takes_along_what_needs_it(how, state):
    story = Story()
    story.tell(UnitsAdded((unit("p1"), unit("mid", needs=("p1",)), unit("root", needs=("mid",)))))
    if how == "cancelled":
        story.asks("cancel", "p1")
    else:
        story.up("a1")
        story.runs("p1", BAD_ROW)
        assert story.last("root").outcome.error_class == "InputError"
        assert "mid" in story.last("root").outcome.error
    assert story.counts() == {state: 3}
    assert story.last("root").charges == 0


def test_to_retry_a_need_is_to_retry_what_failed_for_its_sake():
    story = Story()
    story.tell(UnitsAdded((unit("p1"), unit("p2"), unit("root", needs=("p1", "p2")))))
    story.up("a1")
    story.runs("p1", BAD_ROW)
    story.runs("p2")
    story.asks("retry", "p1")
    story.runs("p1")
    story.runs("root")
    assert story.counts() == {"done": 3}


def test_to_retry_only_what_failed_for_another_fails_again():
    story = Story()
    story.tell(UnitsAdded((unit("p1"), unit("root", needs=("p1",)))))
    story.up("a1")
    story.runs("p1", BAD_ROW)
    story.asks("retry", "root")
    assert story.counts() == {"failed": 2}
    assert len(story.ever(StageEnded)) == 2


def test_news_of_the_past_is_passed_over():
    story = Story("u1")
    story.up("a1")
    late = UnitEnded("a1", "u1", 1, Outcome(), 0.0)
    story.starts("u1")
    story.dies("a1")
    assert not story.tell(late)
    story.up("b1")
    assert not story.tell(late, PhaseStarted("a1", "u1", "write", 0.0), WorkerDied("a1", "again", 0.0))
    assert not story.tell(UnitEnded("b1", "u1", 1, Outcome(), 0.0)), "an attempt of that worker, but not this one"
    assert story.state("u1") == "leased"


def test_units_added_twice_are_there_once():
    story = Story("u1")
    story.add("u1", "u2")
    assert story.counts() == {"waiting": 2}
