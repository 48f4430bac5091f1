"""What is wrong with a file's numbers is told with the file's name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from scanmill.errors import InputError


@contextmanager
def told_with_file(where: str) -> Iterator[None]:
    """An `InputError` of a noun that knows no file becomes one that names it.

    >>> with told_with_file("a.tfm"):
    ...     raise InputError("a mesh needs cells", got=0)
    Traceback (most recent call last):
    ...
    scanmill.errors.InputError: a mesh needs cells (a.tfm): got 0
    """
    try:
        yield
    except InputError as error:
        if error.where:
            raise
        raise InputError(error.what, where=where, expected=error.expected, got=error.got, do=error.do) from error
