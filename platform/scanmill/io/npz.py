"""Our own values in ``.npz``: any of them, exactly, with its geometry; equal values give equal bytes."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from scanmill.arrays import HostArray, to_host
from scanmill.data import Entries, KSpace, Labels, Projections, Volume
from scanmill.errors import InputError
from scanmill.geometry import ScanGeometry, Trajectory, VolumeGeometry
from scanmill.io.array_info import PARSER_FAULTS, unreadable
from scanmill.io.arrays import read_array
from scanmill.storage.faults import storage_faults

FORMAT = 1
COMPRESSION_LEVEL = 4
MAX_HEAD_BYTES = 256 * 2**20
POSES = ("source", "detector", "column_step", "row_step", "arc_center")

KSPACE = ("sampling_mask", "noise", "calibration")
ENTRY_WORDS = ("kinds", "labels")

Value = Volume | Labels | Projections | KSpace | Entries


def write_npz(path: Path, value: Value) -> None:
    """Write ``value``: its arrays under their names, the rest as JSON in ``head``."""
    head, arrays = _parts(value)
    text = json.dumps({"format": FORMAT, **head}, sort_keys=True).encode()
    arrays = {"head": np.frombuffer(text, dtype=np.uint8), **arrays}
    with storage_faults(path.name), zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            buffer = BytesIO()
            np.lib.format.write_array(buffer, np.asarray(to_host(array), order="C"), allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy")
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o600 << 16
            archive.writestr(entry, buffer.getbuffer(), compresslevel=COMPRESSION_LEVEL)


def read_npz(path: Path) -> Value:
    """The value in a file of :func:`write_npz`; InputError for any other file."""
    try:
        head = json.loads(bytes(read_array(path, "head", max_bytes=MAX_HEAD_BYTES)))
        if head["format"] != FORMAT:
            raise InputError("another format version", where=path.name, expected=FORMAT, got=head["format"])
        return _value(head, path)
    except PARSER_FAULTS as error:
        raise unreadable(path, "Scanmill npz", error) from error


def _parts(value: Value) -> tuple[dict[str, Any], dict[str, HostArray]]:
    if isinstance(value, Volume):
        return {"kind": "volume", "geometry": value.geometry.to_dict(), "unit": value.unit}, {"array": value.array}
    if isinstance(value, Labels):
        names = {str(label): name for label, name in value.names.items()}
        return {"kind": "labels", "geometry": value.geometry.to_dict(), "names": names}, {"array": value.array}
    if isinstance(value, KSpace):
        return _kspace_parts(value)
    if isinstance(value, Entries):
        told = {name: getattr(value, name) for name in (*ENTRY_WORDS, "embedding", "description")}
        return {"kind": "entries", **told}, {"array": value.vectors, "boxes": value.boxes}
    fields = {name: getattr(value, name) for name in ("dark", "flat") if getattr(value, name) is not None}
    head: dict[str, Any] = {"kind": "projections", "beam": value.geometry.beam, "quantity": value.quantity}
    head["water_attenuation"] = value.water_attenuation
    if value.photons is None or isinstance(value.photons, float | int):
        head["photons"] = value.photons
    else:
        fields["photons"] = value.photons
    return head, {"array": value.array, **fields, **value.geometry.poses}


def _value(head: Mapping[str, Any], path: Path) -> Value:
    array = read_array(path, "array")
    if head["kind"] == "volume":
        return Volume(array, VolumeGeometry.from_dict(head["geometry"]), head["unit"])
    if head["kind"] == "labels":
        names = {int(label): name for label, name in head["names"].items()}
        return Labels(array, VolumeGeometry.from_dict(head["geometry"]), names)
    if head["kind"] == "entries":
        words = {name: tuple(str(word) for word in head[name]) for name in ENTRY_WORDS}
        boxes = read_array(path, "boxes")
        return Entries(array, boxes=boxes, embedding=head["embedding"], description=head["description"], **words)
    with zipfile.ZipFile(path) as archive:
        there = set(archive.namelist())
    if head["kind"] == "kspace":
        return _kspace(
            head, array, {name: read_array(path, name) for name in (*KSPACE, "points") if f"{name}.npy" in there}
        )
    poses = {name: read_array(path, name) for name in POSES if name != "arc_center" or "arc_center.npy" in there}
    scan = ScanGeometry(head["beam"], **poses, n_rows=array.shape[1], n_columns=array.shape[2])
    fields = {name: read_array(path, name) for name in ("dark", "flat", "photons") if f"{name}.npy" in there}
    known = {name: head[name] for name in ("photons", "water_attenuation") if name in head}
    return Projections(array, scan, head["quantity"], **{**known, **fields})


def _kspace_parts(value: KSpace) -> tuple[dict[str, Any], dict[str, HostArray]]:
    arrays = {name: getattr(value, name) for name in KSPACE if getattr(value, name) is not None}
    if value.trajectory is not None:
        arrays["points"] = value.trajectory.points
    head = {
        "kind": "kspace",
        "geometry": value.geometry.to_dict(),
        "recon": None if value.recon is None else value.recon.to_dict(),
        "is_whitened": value.is_whitened,
        "frame_names": list(value.frame_names),
    }
    return head, {"array": value.array, **arrays}


def _kspace(head: Mapping[str, Any], array: HostArray, arrays: Mapping[str, HostArray]) -> KSpace:
    return KSpace(
        array,
        VolumeGeometry.from_dict(head["geometry"]),
        Trajectory(arrays["points"]) if "points" in arrays else None,
        recon=None if head["recon"] is None else VolumeGeometry.from_dict(head["recon"]),
        is_whitened=bool(head["is_whitened"]),
        frame_names=tuple(head["frame_names"]),
        **{name: arrays[name] for name in KSPACE if name in arrays},
    )
