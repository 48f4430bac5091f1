"""The operating system's and the store's errors, told as ours."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from scanmill.errors import InputError, ResourceError, ScanmillError

MISSING = (FileNotFoundError, IsADirectoryError, NotADirectoryError)
ADVICE = {
    errno.ENOSPC: ("the disk is full", "free space or choose another output folder"),
    errno.EDQUOT: ("the disk quota is used up", "free space or choose another output folder"),
    errno.EROFS: ("the storage is read-only", "choose an output folder that can be written"),
    errno.EACCES: ("the storage denies access", "check the owner, the mode or the keys"),
    errno.EPERM: ("the storage denies access", "check the owner, the mode or the keys"),
    errno.ETIMEDOUT: ("the storage does not answer in time", "check that it is reachable"),
    errno.EMFILE: ("too many open files", "raise the limit of open files (ulimit -n)"),
    errno.ENFILE: ("too many open files", "raise the limit of open files"),
}


def translated(error: Exception, where: str) -> ScanmillError:
    """What ``error`` means for a row: a missing file is bad input, all else is the machine's fault.

    The lower message is dropped, for it quotes full paths; ``where`` is the relative path.

    >>> print(translated(OSError(errno.ENOSPC, "No space left", "/home/a"), "out/image.nii"))
    the disk is full (out/image.nii); free space or choose another output folder
    """
    if isinstance(error, MISSING):
        return InputError("there is no such file", where=where)
    number = _number(error)
    what, advice = ADVICE.get(number, ("the storage fails", "check that it is reachable"))
    reason = None if number in ADVICE else _reason(error, number)
    return ResourceError(what, where=where, got=reason, do=advice)


@contextmanager
def storage_faults(where: str, *others: type[Exception]) -> Iterator[None]:
    """Raise OSError, and the ``others`` of a remote library, as InputError or ResourceError."""
    kinds: tuple[type[Exception], ...] = (OSError, *others)
    try:
        yield
    except kinds as error:
        raise translated(error, where) from error


def _number(error: Exception) -> int:
    if isinstance(error, PermissionError):
        return errno.EACCES
    if isinstance(error, TimeoutError) or "Timeout" in type(error).__name__:
        return errno.ETIMEDOUT
    number = getattr(error, "errno", None)
    return number if isinstance(number, int) else 0


def _reason(error: Exception, number: int) -> str:
    return os.strerror(number) if number else type(error).__name__
