"""ITK's transforms as text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from scanmill.arrays import HostArray
from scanmill.errors import InputError
from scanmill.io.itk_parameters import MAX_PARTS, StoredTransform
from scanmill.io.text_table import MAX_TEXT_BYTES
from scanmill.storage.faults import storage_faults

FIRST_LINE = "#Insight Transform File V1.0"


def read(path: Path) -> list[StoredTransform]:
    """The entries of the file; at most 64 MiB of text."""
    entries: list[tuple[str, dict[str, HostArray]]] = []
    for line in _lines(path):
        key, _, value = line.partition(":")
        if key == "Transform":
            entries.append((value.strip(), {}))
        elif key in ("Parameters", "FixedParameters") and entries:
            entries[-1][1][key] = _numbers(value, path)
        elif line and not line.startswith("#"):
            raise InputError("not a line of a transform file", where=path.name, got=line[:40])
        if len(entries) > MAX_PARTS:
            raise InputError("the file holds too many transforms", where=path.name, expected=f"at most {MAX_PARTS}")
    none = np.empty(0)
    return [
        StoredTransform(kind, found.get("Parameters", none), found.get("FixedParameters", none))
        for kind, found in entries
    ]


def write(path: Path, entries: Sequence[StoredTransform]) -> None:
    """Numbers with as many digits as bring them back to the bit."""
    lines = [FIRST_LINE]
    for number, entry in enumerate(entries):
        lines += [f"#Transform {number}", f"Transform: {entry.kind}"]
        if entry.parameters.size or len(entries) == 1:
            lines += [f"Parameters: {_text(entry.parameters)}", f"FixedParameters: {_text(entry.fixed)}"]
    with storage_faults(path.name):
        path.write_text("\n".join(lines) + "\n", encoding="ascii", newline="\n")


def _lines(path: Path) -> list[str]:
    with storage_faults(path.name), path.open("rb") as stream:
        content = stream.read(MAX_TEXT_BYTES + 1)
    if len(content) > MAX_TEXT_BYTES:
        raise InputError(
            "the text file is too large", where=path.name, expected=f"at most {MAX_TEXT_BYTES} bytes",
            do="write the transform as .h5",
        )  # fmt: skip
    lines = [line.strip() for line in content.decode("utf-8", "replace").splitlines()]
    if not lines or lines[0] != FIRST_LINE:
        raise InputError("not a transform file of ITK", where=path.name, expected=FIRST_LINE)
    return lines


def _numbers(text: str, path: Path) -> HostArray:
    try:
        return np.array(text.split(), dtype=np.float64)
    except ValueError as error:
        raise InputError("the parameters are not numbers", where=path.name) from error


def _text(values: HostArray) -> str:
    return " ".join(repr(float(value)) for value in values)
