"""Objects on Ray: asked all at once, their errors raised here, replaced when they die."""

import os
import signal
import time

import pytest

pytestmark = [pytest.mark.ray, pytest.mark.xdist_group("ray")]


@pytest.fixture
def residents(ray_session):
    from scanmill.engine.residents import Residents

    residents = Residents("fractions:Fraction", [(1, 2), (3, 4)], cpus=0.5)
    yield residents
    residents.close()


def test_all_are_asked_and_who_dies_is_replaced(residents):
    assert residents.call("limit_denominator", 2) == [0.5, 1.0]
    with pytest.raises(ValueError, match="at least 1"):
        residents.call("limit_denominator", 0)
    (_, pid), second = residents.where()
    os.kill(pid, signal.SIGKILL)
    assert residents.call("__float__") == [None, 0.75]
    assert set(residents.reasons) == {0}
    deadline = time.monotonic() + 60
    while (answers := residents.call("__float__"))[0] is None:
        assert time.monotonic() < deadline
    assert answers == [0.5, 0.75]
    assert residents.reasons == {}
    assert residents.where()[0][1] != pid
    assert residents.where()[1] == second


def test_one_that_cannot_be_made_leaves_its_place_empty(ray_session):
    from scanmill.engine.residents import Residents

    residents = Residents("fractions:Fraction", [(1, 2), (1, 0)], cpus=0.5)
    assert residents.call("__float__") == [0.5, None]
    assert "ZeroDivisionError" in residents.reasons[1]
    residents.close()


def test_one_that_is_slow_is_not_waited_for_and_not_replaced(ray_session):
    from scanmill.engine.residents import Residents

    residents = Residents("threading:Event", [()], cpus=0.5)
    ((_, pid),) = residents.where()
    assert residents.call("wait", 3.0, timeout_s=0.2) == [None]
    assert residents.reasons == {0: "it does not answer in time"}
    assert residents.call("is_set") == [False]
    assert residents.where()[0][1] == pid
    residents.close()
