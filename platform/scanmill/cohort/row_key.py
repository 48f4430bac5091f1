"""Row keys: what a row is called for ever, whatever its content and wherever its files lie."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from scanmill.errors import SpecError
from scanmill.io.identity import pseudonym

SERIES_DIGITS = 24
"""Hexadecimal digits kept of a series' hash: 96 bits, no two alike in any archive."""

_STRANGE = re.compile(r"[^\w.=+-]+")
_SCAN_ENDINGS = (".nii.gz", ".nii", ".mat", ".h5", ".hdf5", ".mrd", ".cfl", ".npy", ".npz", ".tif", ".tiff")


def series_row_key(secret: bytes, series_instance_uid: str, *, project: str = "") -> str:
    """The key of a DICOM series: project and a keyed hash of its SeriesInstanceUID.

    >>> series_row_key(b"0123456789abcdef", "1.2.3", project="lung")
    'lung/series-47ccf478478336a82b15c117'
    """
    digits = pseudonym(secret, f"series {series_instance_uid.strip()}")[:SERIES_DIGITS]
    return row_key(project, f"series-{digits}")


def path_row_key(relative_path: str, *, project: str = "") -> str:
    """The key of a lone file that carries no identity of its own: its path without root and ending.

    >>> path_row_key("sub-01/anat/sub-01_T1w.nii.gz", project="brains")
    'brains/sub-01/anat/sub-01_T1w'
    """
    path = PurePosixPath(relative_path)
    ending = next((e for e in _SCAN_ENDINGS if path.name.lower().endswith(e)), path.suffix)
    stem = path.name.removesuffix(path.name[len(path.name) - len(ending) :]) if ending else path.name
    return row_key(project, *path.parts[:-1], stem)


def row_key(project: str, *parts: str) -> str:
    """Project and parts joined by ``/``; letters, digits and ``_ . = + -`` stay, runs of others become ``_``."""
    kept = [_STRANGE.sub("_", part).strip("/") for part in (project, *parts) if part]
    if not kept or any(part in ("", ".", "..") for part in kept):
        raise SpecError("no row key can be made", got="/".join((project, *parts)))
    return "/".join(kept)
