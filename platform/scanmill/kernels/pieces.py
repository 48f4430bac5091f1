"""Work that library calls do, shared out in pieces over the threads that the kernels may use."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable

import numba

from scanmill.kernels import launch


def n_threads() -> int:
    """How many cores the work of this thread may use: what `launch.threads` set, else what Numba found.

    >>> with launch.threads(1):
    ...     n_threads()
    1
    """
    return int(numba.get_num_threads())


def share_out(work: Callable[[int], None], n_pieces: int) -> None:
    """Call ``work(piece)`` for 0 ... ``n_pieces`` - 1, on as many pieces at once as there are threads.

    For library calls that leave the interpreter free (FFTs, large array expressions). A piece must own what it writes;
    within it `n_threads` is 1. Which thread takes a piece is left open, so a result that depends on it is a mistake of
    ``work``. The first error of a piece is raised here once every thread has ended.

    >>> squares = [0, 0, 0]
    >>> share_out(lambda piece: squares.__setitem__(piece, piece**2), 3)
    >>> squares
    [0, 1, 4]
    """
    others = min(n_threads(), n_pieces) - 1
    if others < 1:
        for piece in range(n_pieces):
            work(piece)
        return
    pieces, errors = itertools.count(), list[BaseException]()

    def take() -> None:
        with launch.threads(1):
            try:
                while not errors and (piece := next(pieces)) < n_pieces:
                    work(piece)
            except BaseException as error:  # noqa: BLE001 - handed to the thread that asked
                errors.append(error)

    crew = [threading.Thread(target=take) for _ in range(others)]
    for thread in crew:
        thread.start()
    take()
    for thread in crew:
        thread.join()
    if errors:
        raise errors[0]
