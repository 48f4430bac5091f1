"""The golden kernel and the number of threads."""

import numba
import numpy as np
import pytest

from scanmill.errors import ResourceError, SpecError
from scanmill.kernels import launch


def test_warm_up_is_silent_on_a_good_device():
    launch.warm_up()


def test_warm_up_names_a_bad_device(monkeypatch):
    monkeypatch.setattr(launch, "GOLDEN", lambda n, values, out: out.fill(1.0))
    with pytest.raises(ResourceError, match="golden"):
        launch.warm_up()


def test_no_owner_is_no_work():
    launch.GOLDEN(0, np.zeros((0, 3), np.float32), np.zeros(0, np.float32))


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="needs two cores")
@pytest.mark.parametrize(("n_owners", "n_threads"), [(1, 1), (2, 2)])
def test_one_owner_wakes_no_other_thread(n_owners, n_threads, monkeypatch):
    monkeypatch.setattr(launch, "KERNELS", {})
    seen = []
    with launch.threads(2):
        launch.Kernel("any", None, lambda *_: seen.append(numba.get_num_threads()))(n_owners)
        assert numba.get_num_threads() == 2
    assert seen == [n_threads]


def test_threads_are_given_back():
    before = numba.get_num_threads()
    with launch.threads(1):
        assert numba.get_num_threads() == 1
    assert numba.get_num_threads() == before


@pytest.mark.parametrize("n", [0, 10_000])
def test_an_impossible_number_of_threads_is_refused(n):
    with pytest.raises(SpecError), launch.threads(n):
        pass
