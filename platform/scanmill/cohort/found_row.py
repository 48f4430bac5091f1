"""What a search of a folder brings: rows, and what could not become one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scanmill.errors import InputError, ScanmillError


@dataclass(frozen=True)
class Root:
    """A folder that is searched, under its name in the cohort; ``only`` these of its files, where files were given."""

    name: str
    folder: Path
    only: frozenset[str] = frozenset()


@dataclass(frozen=True)
class FoundFile:
    """A file of a row: its role, who reads it, and its path relative to the root."""

    role: str
    reader: str
    path: str


@dataclass(frozen=True)
class FoundRow:
    """A row before its files are hashed.

    ``identity`` goes to the protected table and nowhere else; ``contains_identity`` is None where nobody can tell.
    ``problem`` says what is wrong with a row that is kept nevertheless, so that it is accounted for when it is run.
    ``patient_key`` is the pseudonym itself, where the files hold no PatientID any more.
    """

    row_key: str
    root: Root
    files: tuple[FoundFile, ...]
    columns: Mapping[str, Any] = field(default_factory=dict)
    identity: Mapping[str, str] = field(default_factory=dict)
    contains_identity: bool | None = None
    card: str = ""
    problem: str = ""
    patient_key: str = ""


@dataclass(frozen=True)
class Problem:
    """What could not be read, and why; a line of the problems table."""

    root: str
    path: str
    error_class: str
    problem: str

    @classmethod
    def of(cls, error: Exception, root: Root, path: str) -> Problem:
        """The problem that an exception is: our own in words, others by their kind, since they quote paths and values.

        >>> Problem.of(ValueError("Doe^Jane"), Root("data", Path("/home/doe")), "a.dcm").problem
        'unreadable (ValueError)'
        """
        if isinstance(error, ScanmillError):
            return cls(root.name, path, type(error).__name__, scrubbed(str(error), root))
        reason = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
        return cls(root.name, path, InputError.__name__, f"unreadable ({reason})")


Found = FoundRow | Problem


def scrubbed(text: str, root: Root) -> str:
    """The text without where the root lies on this machine."""
    for folder in {str(root.folder), str(root.folder.resolve())}:
        text = re.sub(re.escape(folder) + r"/?", "", text)
    return text
