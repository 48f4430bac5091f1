"""Work in pieces: all of them once, errors told, one thread within a piece."""

import threading

import numpy as np
import pytest

from scanmill.kernels import launch
from scanmill.kernels.pieces import n_threads, share_out


@pytest.mark.parametrize("n_pieces", [0, 1, 7, 100])
def test_every_piece_is_done_once(n_pieces):
    done = np.zeros(n_pieces, int)

    def work(piece):
        done[piece] += 1

    share_out(work, n_pieces)
    np.testing.assert_array_equal(done, 1)


def test_within_a_piece_there_is_one_thread():
    before, within = n_threads(), []
    share_out(lambda piece: within.append(n_threads()), 3)
    assert set(within) == {1}
    assert n_threads() == before


def test_one_thread_works_where_it_stands():
    where = []
    with launch.threads(1):
        share_out(lambda piece: where.append(threading.get_ident()), 5)
    assert set(where) == {threading.get_ident()}


def test_the_error_of_a_piece_is_raised_here():
    def work(piece):
        if piece == 3:
            raise ValueError(piece)

    with pytest.raises(ValueError, match="3"):
        share_out(work, 1000)
