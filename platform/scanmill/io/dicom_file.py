"""One DICOM file: opened safely, its faults told as ours and without its values."""

from __future__ import annotations

import logging
import struct
import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import pydicom
from pydicom import config
from pydicom.errors import BytesLengthException, InvalidDicomError

from scanmill.arrays import HostArray
from scanmill.errors import InputError
from scanmill.io.array_info import MAX_BYTES
from scanmill.storage.faults import storage_faults

if TYPE_CHECKING:
    from pydicom import Dataset

config.settings.reading_validation_mode = config.IGNORE  # its warnings and its log quote values, names among them
logging.getLogger("pydicom").setLevel(logging.CRITICAL)

DEFLATED = b"1.2.840.10008.1.2.1.99"
GROUP_LENGTH_END = 144
"""Preamble, ``DICM`` and the group length: the file meta group goes on for that length from here."""
CONTENT_ERRORS = (
    InvalidDicomError, BytesLengthException, EOFError, ValueError, TypeError, KeyError, IndexError, AttributeError,
    NotImplementedError, RuntimeError, OverflowError, struct.error, zlib.error,
)  # fmt: skip
"""What pydicom and its decoders raise at bad content."""


def read_header(path: Path, where: str, keywords: Sequence[str]) -> Dataset:
    """The file's meta group and the wanted attributes; pixels stay on the disk.

    InputError if it is not DICOM, not an image, or shorter than its uncompressed pixels must be.
    """
    with storage_faults(where), path.open("rb") as file, content_faults(where, "not a readable DICOM file"):
        _refuse_deflated_bomb(file, where)
        wanted: list[Any] = [*keywords, "Rows", "Columns", "NumberOfFrames", "BitsAllocated", "SamplesPerPixel"]
        dataset = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=wanted)
        left = path.stat().st_size - file.tell()
        _refuse_without_pixels(dataset, left, where)
    return dataset


def read_whole(path: Path, where: str, max_bytes: int = MAX_BYTES) -> Dataset:
    """Everything in a file that holds no image; InputError if it is not DICOM, or larger than ``max_bytes``."""
    with storage_faults(where), path.open("rb") as file, content_faults(where, "not a readable DICOM file"):
        if (size := path.stat().st_size) > max_bytes:
            raise InputError("the file is too large", where=where, expected=f"at most {max_bytes} bytes", got=size)
        _refuse_deflated_bomb(file, where)
        return pydicom.dcmread(file)


def sop_class(path: Path, where: str) -> str:
    """What kind of object a file holds, by UID; InputError if it is not DICOM."""
    with storage_faults(where), path.open("rb") as file, content_faults(where, "not a readable DICOM file"):
        _refuse_deflated_bomb(file, where)
        return str(pydicom.dcmread(file, stop_before_pixels=True, specific_tags=["SOPClassUID"]).get("SOPClassUID"))


def read_frames(path: Path, where: str, indices: Sequence[int]) -> Iterator[HostArray]:
    """The stored values (rows, columns) of the frames ``indices``, decoded one by one."""
    from pydicom.pixels.utils import iter_pixels

    with storage_faults(where), content_faults(where, "not a readable DICOM file"):
        dataset = pydicom.dcmread(path)
    name = syntax_of(dataset)
    with content_faults(where, f"pixels cannot be decoded, transfer syntax {name}"):
        chosen = list(indices) if int(dataset.get("NumberOfFrames") or 1) > 1 else None
        frames = iter_pixels(dataset, indices=chosen)
    for _ in indices:
        with content_faults(where, f"pixels cannot be decoded, transfer syntax {name}"):
            pixels = next(frames, None)
        if pixels is None:
            raise InputError("there are fewer frames than the header says", where=where)
        yield pixels


def syntax_of(dataset: Dataset) -> str:
    """The transfer syntax by name and UID."""
    uid = dataset.file_meta.get("TransferSyntaxUID")
    return f"{uid.name} ({uid})" if uid is not None else "unknown"


def numbers(dataset: Dataset, keyword: str, count: int, where: str) -> tuple[float, ...]:
    """``count`` finite numbers; InputError if the attribute is missing or is something else."""
    try:
        value = dataset.get(keyword)
        found = tuple(float(v) for v in ([value] if count == 1 and value is not None else value or ()))
    except (ValueError, TypeError, OverflowError) as error:
        raise InputError(f"{keyword} is not a number", where=where) from error
    if len(found) != count or not all(abs(v) < float("inf") for v in found):
        raise InputError(f"{keyword} is missing or wrong", where=where, expected=f"{count} numbers", got=len(found))
    return found


def whole(dataset: Dataset, keyword: str, where: str, default: int | None = None) -> int:
    """A whole number; InputError if it is missing and there is no default."""
    if default is not None and dataset.get(keyword) in (None, ""):
        return default
    return int(numbers(dataset, keyword, 1, where)[0])


@contextmanager
def content_faults(where: str, what: str) -> Iterator[None]:
    """Raise what bad content makes pydicom raise as InputError, without quoting it; its warnings quote too."""
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"pydicom\b")
            yield
    except (*CONTENT_ERRORS, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the storage's; pydicom's own, of a truncated sequence, have no number
        raise InputError(what, where=where, got=type(error).__name__) from error


def _refuse_deflated_bomb(file: BinaryIO, where: str) -> None:
    """Some 1000 bytes inflate from one: look at how many before pydicom keeps them all."""
    head = file.read(2048)
    if DEFLATED in head and head[128:132] == b"DICM":
        file.seek(GROUP_LENGTH_END + struct.unpack_from("<I", head, GROUP_LENGTH_END - 4)[0])
        inflater, left = zlib.decompressobj(-zlib.MAX_WBITS), MAX_BYTES
        while (packed := file.read(2**20)) and left >= 0:
            while packed and left >= 0:
                left -= len(inflater.decompress(packed, 2**24))
                packed = inflater.unconsumed_tail
        if left < 0:
            raise InputError("the file inflates to too much", where=where, expected=f"at most {MAX_BYTES} bytes")
    file.seek(0)


def _refuse_without_pixels(dataset: Dataset, left: int, where: str) -> None:
    if "Rows" not in dataset or "Columns" not in dataset:
        raise InputError("the file holds no image", where=where)
    syntax = dataset.file_meta.get("TransferSyntaxUID")
    if syntax is not None and (syntax.is_compressed or syntax.is_deflated):
        return
    names = ("Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "BitsAllocated")
    rows, columns, n_frames, samples, bits = (whole(dataset, name, where, default=1) for name in names)
    expected = rows * columns * n_frames * samples * bits // 8
    if left - (8 if syntax is None or syntax.is_implicit_VR else 12) < expected:
        raise InputError("the file is truncated", where=where, expected=f"{expected} bytes of pixels", got=left)
