"""The one place where exceptions become Outcomes, with texts that name no path, no person and no quoted value."""

from __future__ import annotations

import errno
import re
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scanmill.engine.outcome import Outcome
from scanmill.errors import ScanmillError

DEVICE_MEMORY = frozenset({"OutOfMemoryError", "CudaAPIError.OUT_OF_MEMORY"})
"""By name, so that this process need not have a GPU library to know one of its errors."""
LOST_DEVICE = frozenset({"CUDARuntimeError", "CUDADriverError", "CudaAPIError"})
MACHINE_ERRNO = frozenset(
    {errno.ENOSPC, errno.EROFS, errno.EIO, errno.EDQUOT, errno.ENOMEM, errno.EMFILE, errno.ENFILE}
)
SMALLEST_TILE = 0.25
LONGEST_TEXT = 400
_PATH = re.compile(
    r"(?<![\w.…)\]])/(?=[^\s/])(?:[^\n'\"]*/)?[^\s'\":;()]*(?:[^\n'\"/]*\.[A-Za-z]\w{0,7}\b)?|\b[A-Za-z]:\\[^\s'\"]*"
)
"""From a first slash to the last one on the line, and on to a file's ending if one comes: names may have spaces."""
_QUOTED = re.compile(r"'[^'\n]*'|\"[^\"\n]*\"|`[^`\n]*`")
_PACKAGES = re.compile(r".*/(?:site-packages|dist-packages|lib/python3\.\d+)/")
_OURS = re.compile(r".*/(?=scanmill/)")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an exception means: its class for the results, its scrubbed text, and what the next try should get."""

    error_class: str
    error: str
    retryable: bool = True
    tile: float = 1.0
    exclusive: bool = False
    device_lost: bool = False

    def outcome(self, *, device: str, node: str, seconds: Mapping[str, float], warnings: tuple[str, ...]) -> Outcome:
        """The outcome of the attempt that raised it."""
        return Outcome(
            error_class=self.error_class,
            error=self.error,
            retryable=self.retryable,
            tile=self.tile,
            exclusive=self.exclusive,
            seconds=dict(seconds),
            warnings=warnings,
            device=device,
            node=node,
            extra={"device_lost": True} if self.device_lost else {},
        )


def conclude(error: BaseException, staged: Mapping[str, str] | None = None, *, tile: float = 1.0) -> Verdict:
    """Judge an exception. ``staged`` maps local paths to how they may be shown; ``tile`` is that of the attempt.

    >>> verdict = conclude(ValueError("cannot read '/home/doe/ct.dcm'"))
    >>> verdict.error_class, verdict.error, verdict.retryable
    ('ValueError', "cannot read '…'", True)
    >>> conclude(OSError(28, "No space left on device")).error_class
    'ResourceError'
    >>> conclude(ModuleNotFoundError("No module named 'cupy'", name="cupy")).error
    'the module cupy cannot be imported on this machine'
    """
    staged = staged or {}
    if isinstance(error, ScanmillError):
        kind = next(base for base in type(error).__mro__ if base.__module__ == "scanmill.errors")
        return Verdict(kind.__name__, scrubbed(str(error), staged, quotes=False), error.retryable, tile)
    text = scrubbed(str(error), staged) or type(error).__name__
    if type(error).__name__ in DEVICE_MEMORY:
        smaller = tile > SMALLEST_TILE
        text = f"the device is out of memory; next in {'smaller tiles' if smaller else 'full possession of the device'}"
        return Verdict("ResourceError", text, tile=tile / 2 if smaller else tile, exclusive=not smaller)
    if isinstance(error, ImportError) and error.name:
        text = f"the module {error.name} cannot be imported on this machine"
    if isinstance(error, MemoryError):
        return Verdict("ResourceError", "this machine is out of memory", tile=tile, exclusive=True)
    if isinstance(error, OSError) and error.errno in MACHINE_ERRNO:
        return Verdict("ResourceError", scrubbed(error.strerror or "the storage fails", staged), tile=tile)
    if type(error).__name__ in LOST_DEVICE:
        return Verdict("ResourceError", f"the device failed: {text}", tile=tile, device_lost=True)
    return Verdict(type(error).__name__, text, tile=tile)


def scrubbed(text: str, staged: Mapping[str, str] | None = None, *, quotes: bool = True) -> str:
    """``text`` without absolute paths (and, for foreign texts, without quoted values), on one line, of bounded length.

    >>> scrubbed("no such file: /data/DOE JOHN/ct/1.dcm")
    'no such file: <path>'
    >>> scrubbed("got 3 1/mm of '12345'")
    "got 3 1/mm of '…'"
    """
    for path in sorted(staged or {}, key=len, reverse=True):
        text = text.replace(path, (staged or {})[path])
    text = _QUOTED.sub(_hide, text) if quotes else text
    text = " ".join(_PATH.sub("<path>", text).split())
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"


def traceback_text(error: BaseException, staged: Mapping[str, str] | None = None) -> str:
    """The traceback for the run folder's logs: where and what, with scrubbed texts and no values of variables."""
    lines: list[str] = []
    for link in _chain(error):
        lines += ["" if lines else "Traceback, innermost call last; causes first:"]
        for frame in traceback.extract_tb(link.__traceback__):
            lines.append(f"  {_short(frame.filename)}:{frame.lineno} in {frame.name}")
            lines += [f"      {frame.line.strip()}"] if frame.line else []
        own = isinstance(link, ScanmillError)
        lines.append(f"{type(link).__name__}: {scrubbed(str(link), staged, quotes=not own)}")
    return "\n".join(lines) + "\n"


def _chain(error: BaseException) -> list[BaseException]:
    links: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in links:
        links.append(link)
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    return links[::-1]


def _short(filename: str) -> str:
    short = _OURS.sub("", _PACKAGES.sub("", filename))
    return Path(short).name if short.startswith("/") else short


def _hide(match: re.Match[str]) -> str:
    return f"{match[0][0]}…{match[0][-1]}"
