"""The FAISS file of an index: a cache that can always be made again, and is served only where it is ours and whole."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scanmill.cohort import parquet
from scanmill.cohort.hashing import sha256_of
from scanmill.cohort.identity import site_secret
from scanmill.errors import SpecError
from scanmill.retrieval.faiss_library import faiss_module
from scanmill.retrieval.flat import FlatMaster
from scanmill.retrieval.ivf import IvfMaster
from scanmill.retrieval.manifest import Manifest
from scanmill.retrieval.masters import Master

RECORD = "master.json"
LARGEST_RECORD_BYTES = 2**26
BYTES_PER_ENTRY = 16
"""Beside the vector: an id and room for the lists of cells."""


class _Digested:
    """A stream that digests what goes through it."""

    def __init__(self, stream: Any) -> None:
        self._stream, self.sha256, self.bytes = stream, hashlib.sha256(), 0

    def write(self, data: bytes) -> int:
        self.sha256.update(data)
        self.bytes += len(data)
        return int(self._stream.write(data))


def save_master(folder: Path, manifest: Manifest, master: Master) -> None:
    """Write the master of exactly what ``manifest`` names, then the record that vouches for it; remove the last one."""
    faiss = faiss_module()
    name = f"master-{manifest.generation:08d}.faiss"
    with parquet.atomic(folder / name) as stream:
        digested = _Digested(stream)
        faiss.write_index(master.index, faiss.PyCallbackIOWriter(digested.write))
    record = {
        **_facts(manifest),
        "count": len(master),
        "method": master.method,
        "n_probes": getattr(master, "n_probes", None),
        "n_learned": getattr(master, "n_learned", None),
        "recall": master.recall,
        "entries": [segment.name for segment in manifest.entries],
        "removed": [segment.name for segment in manifest.removed],
        "file": name,
        "bytes": digested.bytes,
        "sha256": digested.sha256.hexdigest(),
    }
    parquet.write_bytes(folder / RECORD, json.dumps({**record, "seal": seal(record)}, indent=1).encode())
    for path in folder.glob("*master-*.faiss*"):
        if path.name != name:
            path.unlink(missing_ok=True)


def seal(record: Mapping[str, Any]) -> str:
    """HMAC under the site's secret: a record that this site has not written vouches for nothing.

    FAISS's reader is not made for files of strangers, so a digest beside the file, which a stranger can write too,
    is not enough.
    """
    text = json.dumps(record, sort_keys=True, allow_nan=False)
    return hmac.new(site_secret(), f"scanmill index {text}".encode(), hashlib.sha256).hexdigest()


def saved_record(folder: Path, manifest: Manifest) -> Mapping[str, Any] | None:
    """The record of a FAISS file that was written here, for this index, and covers a part of its segments; or None."""
    path = folder / RECORD
    if path.is_symlink() or not path.is_file() or path.stat().st_size > LARGEST_RECORD_BYTES:
        return None
    try:
        record = json.loads(path.read_bytes())
        told = record.pop("seal")
        ours = isinstance(told, str) and hmac.compare_digest(told.encode(), seal(record).encode())
    except (ValueError, KeyError, AttributeError, TypeError, SpecError):
        return None
    fits = ours and all(record.get(word) == value for word, value in _facts(manifest).items())
    return record if fits and _covers_beginning(record, manifest) else None


def open_master(folder: Path, manifest: Manifest, record: Mapping[str, Any], numbers: Any) -> Master | None:
    """The master that a record vouches for, its file digested before it is read; None where they do not fit."""
    path = folder / record["file"]
    largest = (record["count"] + 2**16) * (4 * manifest.dimension + BYTES_PER_ENTRY) * 2
    if path.is_symlink() or not path.is_file() or path.stat().st_size > largest or len(numbers) != record["count"]:
        return None
    if sha256_of(path) != (record["sha256"], record["bytes"]):
        return None
    index = faiss_module().read_index(str(path))
    if (index.d, index.ntotal) != (manifest.dimension, record["count"]):
        return None
    if record["method"] == "flat":
        return FlatMaster(manifest.dimension, manifest.metric, index)
    master = IvfMaster(index, manifest.metric, numbers, record["n_probes"], record["n_learned"])
    master.recall = record["recall"]
    return master


def _facts(manifest: Manifest) -> dict[str, Any]:
    return {"embedding": manifest.digest, "dimension": manifest.dimension, "metric": manifest.metric}


def _covers_beginning(record: Mapping[str, Any], manifest: Manifest) -> bool:
    for word in ("entries", "removed"):
        names = [segment.name for segment in getattr(manifest, word)]
        if names[: len(record[word])] != record[word]:
            return False
    return True
