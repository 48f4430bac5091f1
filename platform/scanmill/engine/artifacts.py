"""The commit protocol: an attempt writes where nobody else writes; the ledger's transaction names the winner.

Files go to ``artifacts/<2 hex>/<unit>/<attempt>-<epoch>-<worker>/``, durably (fsync of file and folder, or PUT), and
never move. What the ledger does not name is garbage: a zombie worker can write as much of it as it likes.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from scanmill.arrays import HostArray
from scanmill.engine.outcome import Artifact
from scanmill.errors import InputError, SpecError
from scanmill.steps.contract import SavedFile
from scanmill.storage import Store

ARTIFACTS = "artifacts"
PARTIAL = "partial"
PICTURE = "png"
"""The kind of a picture."""


def commit_files(store: Store, folder: str, files: Iterable[SavedFile], scratch: Path) -> tuple[Artifact, ...]:
    """Put the files of an attempt in place and say what they are; a write step's file must lie in its scratch."""
    files = tuple(files)
    if len({saved.path for saved in files}) != len(files):
        raise SpecError("two steps saved a file of the same name", got=", ".join(saved.path.name for saved in files))
    return tuple(_commit(store, folder, saved, scratch) for saved in files)


def _commit(store: Store, folder: str, saved: SavedFile, scratch: Path) -> Artifact:
    try:
        name = saved.path.relative_to(scratch).as_posix()
    except ValueError as error:
        raise SpecError("a step saved a file outside its scratch folder", got=saved.output) from error
    path = f"{ARTIFACTS}/{folder}/{name}"
    with saved.path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    store.put_file(saved.path, path)
    return Artifact(saved.output, path, saved.kind, saved.path.stat().st_size, sha256, saved.voxel_digest)


def save_pictures(pictures: Mapping[str, HostArray], scratch: Path) -> list[SavedFile]:
    """Grey or RGB uint8 pictures as PNG files in the scratch folder."""
    from PIL import Image

    saved = []
    for name, pixels in pictures.items():
        if pixels.dtype != np.uint8 or pixels.ndim not in {2, 3}:
            raise SpecError("a picture is a grey or RGB uint8 array", where=name, got=f"{pixels.dtype} {pixels.shape}")
        path = scratch / "pictures" / f"{name}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.ascontiguousarray(pixels)).save(path, "PNG")
        saved.append(SavedFile(name, path, PICTURE))
    return saved


def save_partial(arrays: Mapping[str, HostArray], scratch: Path) -> SavedFile:
    """A partial of a reduction as an uncompressed npz (byte-deterministic: NumPy writes no time)."""
    path = scratch / f"{PARTIAL}.npz"
    np.savez(path, allow_pickle=False, **dict(arrays))
    return SavedFile(PARTIAL, path, "npz", arrays_digest(arrays))


def load_partial(path: Path) -> dict[str, HostArray]:
    """The inverse of `save_partial`; InputError when the file is not one."""
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (ValueError, OSError, EOFError, KeyError) as error:
        raise InputError("a partial cannot be read", where=path.name) from error


def arrays_digest(arrays: Mapping[str, HostArray]) -> str:
    """The sha256 of names, dtypes, shapes and values, whatever the file around them."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {array.shape};".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
