"""Relative paths that cannot leave their root."""

from __future__ import annotations

from scanmill.errors import InputError

MAX_LENGTH = 1024
"""The longest path in bytes, which is also S3's longest key."""
FORBIDDEN = {"", ".", ".."}


def confined(relative: str) -> str:
    """Return ``relative`` unchanged if it stays below its root whatever the store, else raise InputError.

    Forward slashes only; no empty part (so neither an absolute path nor ``a//b``), no ``.`` or ``..``, no backslash,
    no colon in the first part (a drive or a scheme), no control character, at most 1024 bytes of UTF-8.

    >>> confined("artifacts/3f/image.nii.gz")
    'artifacts/3f/image.nii.gz'
    >>> confined("../secret")
    Traceback (most recent call last):
    ...
    scanmill.errors.InputError: a path may not leave its root: expected relative, without '..', got '../secret'
    """
    parts = relative.split("/")
    if FORBIDDEN.intersection(parts):
        raise _refusal(relative, "relative, without '..'")
    if "\\" in relative or ":" in parts[0] or any(ord(c) < 32 or ord(c) == 127 for c in relative):
        raise _refusal(relative, "forward slashes and plain characters")
    try:
        length = len(relative.encode())
    except UnicodeEncodeError as error:
        raise _refusal(relative, "characters that UTF-8 can write") from error
    if length > MAX_LENGTH:
        raise InputError("a path is too long", expected=f"at most {MAX_LENGTH} bytes", got=length)
    return relative


def _refusal(relative: str, expected: str) -> InputError:
    return InputError("a path may not leave its root", expected=expected, got=ascii(relative[:200]))
