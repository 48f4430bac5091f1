"""A made DICOM-CT-PD scan of a phantom, one file a view, from literal tags: it shares nothing with the reader.

After the DICOM-CT-PD User Manual, version 3 (2020). The patient's frame of the manual is left-handed: seen from the
table, x points to the right, y up and z away, into the gantry; phi is 0 at 12 o'clock and grows counter-clockwise,
so x = -rho sin(phi) and y = rho cos(phi). With the detector at 6 o'clock column 1 is the leftmost, row 1 the farthest.
"""

import math
import struct
from pathlib import Path

import numpy as np

from scanmill.phantoms.ellipsoid import lines

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
ROOT = "1.2.826.0.1.3680043.8.498.7"
DISTANCES = {"SIEMENS": (595.0, 1085.6), "GE MEDICAL SYSTEMS": (541.0, 949.0)}
ANODE = math.radians(7.0)
TO_LPS = {"HFS": (1.0, -1.0, 1.0), "FFS": (-1.0, -1.0, 1.0)}
"""What the axes of the manual are for a supine patient: see docs/ct-pd.md for the second."""
LONG = {"OB", "OW", "UN"}


def write_scan(
    folder,
    phantom,
    *,
    vendor="SIEMENS",
    ffs="FFSNONE",
    n_rows=16,
    n_columns=128,
    views_per_turn=180,
    turns=3.0,
    pitch=0.8,
    photons=None,
    seed=0,
    patient_position="HFS",
    central_offset=(0.375, 0.0),
    collimation=38.4,
    fov_radius=250.0,
    start_deg=25.0,
    rotation=1,
    table=-1,
    water=0.02,
    supersampling=1,
    explicit=False,
    swapped=True,
    ordered_names=False,
    detector_shape="CYLINDRICAL",
    spot_offset=0.0,
    series="1",
    patient="LDCT-001",
    missing=(),
    edit=None,
    truncated=None,
):
    """Write a helical scan around z = 0; the paths in the order of acquisition.

    Lengths in mm. ``photons`` (None: no noise) is the number per pixel at the middle of the bowtie, drawn with
    ``seed``; ``central_offset`` says how many columns and rows the central element lies off the middle; ``pitch`` is
    table feed per turn over ``collimation`` (total, at the isocentre); ``rotation`` and ``table`` are the signs of the
    change of phi and z. ``spot_offset`` is an angular shift of the focal spot in all views. Faults: ``missing``
    (instance numbers), ``edit(tags, instance)`` changes the dictionary {(group, element): (VR, bytes)} of a file,
    ``truncated`` (an instance whose file is cut short).
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    rho, d0 = (np.float32(d) for d in DISTANCES[vendor])
    d_column = np.float32(2 * math.asin(fov_radius / rho) * d0 / n_columns)
    d_row = np.float32(collimation / n_rows * d0 / rho)
    middle = ((n_columns - 1) / 2 + central_offset[0], (n_rows - 1) / 2 + central_offset[1])
    n_views = round(turns * views_per_turn)
    k = np.arange(n_views)
    phi = np.mod(math.radians(start_deg) + rotation * 2 * np.pi * k / views_per_turn, 2 * np.pi).astype(np.float32)
    z = (table * pitch * collimation * (k - (n_views - 1) / 2) / views_per_turn).astype(np.float32)
    shift = _shifts(ffs, k, d_column, d_row, rho, d0)
    shift[0] += np.float32(spot_offset)
    bowtie = np.exp(-1.5 * np.linspace(-1, 1, n_columns) ** 2).astype(np.float32)
    rng = np.random.default_rng(seed)
    names = k + 1 if ordered_names else np.random.default_rng(seed + 1).permutation(n_views) + 1
    paths = []
    chunk = max(1, 60_000 // (n_rows * n_columns))
    for start in range(0, n_views, chunk):
        v = k[start : start + chunk]
        pose = (phi[v], z[v], *(s[v] for s in shift))
        p = np.mean(
            [
                _integrals(
                    phantom, pose, rho, d0, d_column, d_row, (middle[0] - off, middle[1]), n_rows, n_columns,
                    TO_LPS[patient_position], detector_shape,
                )
                for off in (np.arange(supersampling) + 0.5) / supersampling - 0.5
            ],
            axis=0,
        )  # fmt: skip
        if photons:
            mean = photons * bowtie
            p = -np.log(np.maximum(rng.poisson(mean * np.exp(-p)), 0.5) / mean)
        for view, integral in zip(v, p, strict=True):
            instance = int(view) + 1
            low = min(0.0, float(integral.min()))
            slope = max(float(integral.max()) - low, 1e-3) / 65_000 * (1 + 0.001 * (view % 7))
            intercept, slope = float(f"{low:.9g}"), float(f"{slope:.9g}")
            raw = np.clip(np.rint((integral - intercept) / slope), 0, 65_535).astype("<u2")
            tags = _tags(vendor, instance, raw, intercept, slope, swapped=swapped)
            tags |= {
                (0x0010, 0x0020): ("LO", _text(patient)),
                (0x0018, 0x5100): ("CS", _text(patient_position)),
                (0x0018, 0x9311): ("FD", struct.pack("<d", pitch)),
                (0x0020, 0x000D): ("UI", _uid(f"{ROOT}.1.{series}")),
                (0x0020, 0x000E): ("UI", _uid(f"{ROOT}.2.{series}")),
                (0x7029, 0x1002): ("FL", _f4(d_column)),
                (0x7029, 0x1006): ("FL", _f4(d_row)),
                (0x7029, 0x100B): ("CS", _text(detector_shape)),
                (0x7031, 0x1001): ("FL", _f4(phi[view])),
                (0x7031, 0x1002): ("FL", _f4(z[view])),
                (0x7031, 0x1003): ("FL", _f4(rho)),
                (0x7031, 0x1031): ("FL", _f4(d0)),
                (0x7031, 0x1033): ("FL", _f4(*_central_element(vendor, middle, n_columns))),
                (0x7033, 0x100B): ("FL", _f4(shift[0][view])),
                (0x7033, 0x100C): ("FL", _f4(shift[1][view])),
                (0x7033, 0x100D): ("FL", _f4(shift[2][view])),
                (0x7033, 0x100E): ("CS", _text(ffs)),
                (0x7033, 0x1013): ("US", struct.pack("<H", views_per_turn)),
                (0x7033, 0x1065): ("FL", _f4(*((photons or 1e5) * bowtie))),
                (0x7037, 0x1009): ("CS", _text("HELICAL" if pitch else "AXIAL")),
                (0x7041, 0x1001): ("DS", _text(f"{water:.9g}")),
            }
            if edit:
                edit(tags, instance)
            path = folder / f"{names[view]:06d}.dcm"
            if instance not in missing:
                data = _encoded(tags, f"{ROOT}.3.{series}.{instance}", explicit=explicit)
                path.write_bytes(data if instance != truncated else data[: len(data) - raw.nbytes // 2])
                paths.append(path)
    return paths


def _shifts(ffs, k, d_column, d_row, rho, d0):
    """(dphi, dz, drho): a quarter of a column to each side; on the slanted anode, half a row down and out."""
    zero = np.zeros(len(k), np.float32)
    dphi = 0.25 * d_column / (d0 - rho) * np.where(k % 2, 1, -1)
    down = k // 2 % 2 if ffs == "FFSXYZ" else k % 2
    dz = -0.5 * d_row * rho / (d0 - rho) * down
    drho = -dz / math.tan(ANODE)
    in_plane, axial = ffs in ("FFSXY", "FFSXYZ"), ffs in ("FFSZ", "FFSXYZ")
    chosen = (dphi if in_plane else zero, dz if axial else zero, drho if axial else zero)
    return [np.array(s, np.float32) for s in chosen]


def _integrals(phantom, pose, rho, d0, d_column, d_row, middle, n_rows, n_columns, to_lps, shape):
    """Exact line integrals (view, row, column) between focal spot and element, float64."""
    phi, z, dphi, dz, drho = (np.asarray(a, np.float64)[:, None, None] for a in pose)
    rho, d0, d_column, d_row = map(float, (rho, d0, d_column, d_row))
    across = (np.arange(n_columns) - middle[0]) * d_column
    up = -(np.arange(n_rows) - middle[1])[:, None] * d_row
    flat = shape == "FLAT"
    along, aside = (d0, across) if flat else (d0 * np.cos(across / d0), d0 * np.sin(across / d0))
    element = _points(
        -rho * np.sin(phi) + along * np.sin(phi) + aside * np.cos(phi),
        rho * np.cos(phi) - along * np.cos(phi) + aside * np.sin(phi),
        z + up,
        to_lps,
    )
    spot = _points(-(rho + drho) * np.sin(phi + dphi), (rho + drho) * np.cos(phi + dphi), z + dz, to_lps)
    direction = element - spot
    direction /= np.linalg.norm(direction, axis=-1, keepdims=True)
    points, directions = lines(np.broadcast_to(spot, direction.shape), direction)
    total = sum(e.value * e.chords_of_lines(points, directions) for e in phantom.ellipsoids)
    return total.reshape(direction.shape[:-1])


def _points(x, y, z, to_lps):
    return np.stack(np.broadcast_arrays(to_lps[0] * x, to_lps[1] * y, to_lps[2] * z), axis=-1)


def _central_element(vendor, middle, n_columns):
    """The manual counts from 1. GE counts from 0 and from the other end: its detector, 1.25 columns off the middle
    (443.5 of 0 to 887), stands as 444.75 in the tag and at column 442.25 of the pixels."""
    column = n_columns - 1 - middle[0] if vendor.startswith("GE") else middle[0] + 1
    return column, middle[1] + 1


def _tags(vendor, instance, raw, intercept, slope, *, swapped):
    n_rows, n_columns = raw.shape
    stored = raw.T if swapped else raw
    yes = ("CS", _text("YES"))
    return {
        (0x0008, 0x0016): ("UI", _uid(CT_IMAGE)),
        (0x0008, 0x0060): ("CS", _text("CT")),
        (0x0008, 0x0070): ("LO", _text(vendor)),
        (0x0012, 0x0062): ("CS", _text("YES")),
        (0x0018, 0x0060): ("DS", _text("120")),
        (0x0018, 0x0090): ("DS", _text("500")),
        (0x0018, 0x1150): ("IS", _text("500")),
        (0x0018, 0x1151): ("IS", _text("200")),
        (0x0020, 0x0013): ("IS", _text(str(instance))),
        (0x0028, 0x0002): ("US", struct.pack("<H", 1)),
        (0x0028, 0x0004): ("CS", _text("MONOCHROME2")),
        (0x0028, 0x0010): ("US", struct.pack("<H", stored.shape[0])),
        (0x0028, 0x0011): ("US", struct.pack("<H", stored.shape[1])),
        (0x0028, 0x0100): ("US", struct.pack("<H", 16)),
        (0x0028, 0x0101): ("US", struct.pack("<H", 16)),
        (0x0028, 0x0102): ("US", struct.pack("<H", 15)),
        (0x0028, 0x0103): ("US", struct.pack("<H", 0)),
        (0x0028, 0x1052): ("DS", _text(f"{intercept:.9g}")),
        (0x0028, 0x1053): ("DS", _text(f"{slope:.9g}")),
        (0x7029, 0x0010): ("LO", _text("DetectorSystemArrangementModule")),
        (0x7029, 0x1010): ("US", struct.pack("<H", n_rows)),
        (0x7029, 0x1011): ("US", struct.pack("<H", n_columns)),
        (0x7031, 0x0010): ("LO", _text("DetectorDynamicsModule")),
        (0x7033, 0x0010): ("LO", _text("SourceDynamicsModule")),
        (0x7033, 0x1061): ("US", struct.pack("<H", 1)),
        (0x7033, 0x1063): ("US", struct.pack("<H", 1)),
        (0x7033, 0x1067): ("FL", _f4(0.25 * instance)),
        (0x7037, 0x0010): ("LO", _text("ProjectionDataDefinitions")),
        (0x7037, 0x100A): ("CS", _text("FANBEAM")),
        (0x7039, 0x0010): ("LO", _text("PreprocessingFlagsModule")),
        **{(0x7039, element): yes for element in range(0x1003, 0x100A)},
        (0x7041, 0x0010): ("LO", _text("WaterAttenuationModule")),
        (0x7FE0, 0x0010): ("OW", np.ascontiguousarray(stored).tobytes()),
    }


def _encoded(tags, instance_uid, *, explicit):
    """The bytes of the file: preamble, meta group (always explicit), data set in the order of its tags."""
    meta = {
        (0x0002, 0x0002): ("UI", _uid(CT_IMAGE)),
        (0x0002, 0x0003): ("UI", _uid(instance_uid)),
        (0x0002, 0x0010): ("UI", _uid(EXPLICIT if explicit else IMPLICIT)),
        (0x0002, 0x0012): ("UI", _uid(ROOT)),
    }
    group = b"".join(_element(tag, *value, explicit=True) for tag, value in sorted(meta.items()))
    length = _element((0x0002, 0x0000), "UL", struct.pack("<I", len(group)), explicit=True)
    body = {**tags, (0x0008, 0x0018): ("UI", _uid(instance_uid))}
    data = b"".join(_element(tag, *value, explicit=explicit) for tag, value in sorted(body.items()))
    return b"\0" * 128 + b"DICM" + length + group + data


def _element(tag, vr, value, *, explicit):
    head = struct.pack("<HH", *tag)
    if not explicit:
        return head + struct.pack("<I", len(value)) + value
    if vr in LONG:
        return head + vr.encode() + b"\0\0" + struct.pack("<I", len(value)) + value
    return head + vr.encode() + struct.pack("<H", len(value)) + value


def _text(words):
    data = words.encode()
    return data + b" " * (len(data) % 2)


def _uid(uid):
    data = uid.encode()
    return data + b"\0" * (len(data) % 2)


def _f4(*values):
    return struct.pack(f"<{len(values)}f", *map(float, values))
