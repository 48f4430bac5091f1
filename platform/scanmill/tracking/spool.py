"""A durable queue in one file: what was put in survives a crash and is handed out again until it was sent."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class Spool:
    """Lines of JSON in ``path``, and beside it (``.sent``) how many bytes of them were sent.

    >>> import tempfile
    >>> spool = Spool(Path(tempfile.mkdtemp()) / "spool.jsonl")
    >>> spool.put({"kind": "metrics"})
    >>> [(item["kind"], end) for item, end in spool.unsent()]
    [('metrics', 20)]
    >>> spool.mark_sent(20)
    >>> list(spool.unsent())
    []
    """

    def __init__(self, path: Path) -> None:
        self.path, self.cursor = path, path.with_suffix(".sent")
        self._lock = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._cut_torn_line()

    def put(self, item: dict[str, Any]) -> None:
        """Append one item."""
        line = json.dumps(item, separators=(", ", ": ")) + "\n"
        with self._lock, self.path.open("a", encoding="utf-8") as file:
            file.write(line)

    def unsent(self) -> Iterator[tuple[dict[str, Any], int]]:
        """The items after the cursor, each with the position that :meth:`mark_sent` wants once it went out."""
        with self.path.open("rb") as file:
            file.seek(self._position())
            while (line := file.readline()).endswith(b"\n"):
                yield json.loads(line), file.tell()

    def mark_sent(self, position: int) -> None:
        """Everything up to ``position`` was sent; atomically replaced, so that a crash repeats at most one item."""
        fresh = self.cursor.with_suffix(".sent-new")
        fresh.write_text(str(position), encoding="ascii")
        fresh.replace(self.cursor)

    @property
    def is_empty(self) -> bool:
        """Whether everything was sent."""
        return self._position() >= self.path.stat().st_size

    def _position(self) -> int:
        return int(self.cursor.read_text(encoding="ascii")) if self.cursor.exists() else 0

    def _cut_torn_line(self) -> None:
        """A crash in mid-write leaves half a line at the end; what comes after must not be glued to it."""
        self.path.touch()
        data = self.path.read_bytes()
        if data and not data.endswith(b"\n"):
            os.truncate(self.path, data.rfind(b"\n") + 1)
