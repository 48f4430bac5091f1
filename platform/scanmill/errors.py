"""The exceptions that Scanmill raises, and nothing else.

ScanmillError
├─ InputError        this row is bad: unreadable, irregular, mismatched, a column missing   -> failed, no retry
├─ ResourceError     out of device memory, storage away, worker lost                        -> retried, elsewhere
├─ ConvergenceError  an iteration diverged                                                  -> failed, no retry
└─ SpecError         the job, its parameters or the manifest are wrong                      -> refused before the start

Messages say what, where, expected, got and what to do; never a patient's name.
"""

from __future__ import annotations

from typing import ClassVar


class ScanmillError(Exception):
    """The root: a sentence, and where, expected, got and what to do where they are known.

    >>> print(InputError("wrong number of angles", where="tb_30.mat", expected=61, got=60, do="check `angles:`"))
    wrong number of angles (tb_30.mat): expected 61, got 60; check `angles:`
    """

    retryable: ClassVar[bool] = False

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        expected: object = None,
        got: object = None,
        do: str | None = None,
    ) -> None:
        super().__init__(what)
        self.what, self.where, self.expected, self.got, self.do = what, where, expected, got, do

    def __str__(self) -> str:
        text = f"{self.what} ({self.where})" if self.where else self.what
        facts = [
            f"{word} {fact}" for word, fact in (("expected", self.expected), ("got", self.got)) if fact is not None
        ]
        if facts:
            text += ": " + ", ".join(facts)
        return f"{text}; {self.do}" if self.do else text


class InputError(ScanmillError):
    """This row's data is bad; trying again cannot help."""


class ResourceError(ScanmillError):
    """The machine, not the row, was at fault; the row is worth another try elsewhere."""

    retryable: ClassVar[bool] = True


class ConvergenceError(ScanmillError):
    """An iteration diverged; the message names the iteration and the residual."""


class SpecError(ScanmillError):
    """The job, its parameters or the manifest are wrong; nothing has been started."""
