"""Analytic k-space as files of scanners: oblique stacks of slices as ISMRMRD, and in fastMRI's and BART's layouts."""

import h5py
import ismrmrd
import numpy as np
from ismrmrd import xsd

from ismrmrd_files import Writer, encoding
from scanmill.geometry import VolumeGeometry
from scanmill.phantoms import Ellipsoid, Phantom
from scanmill.phantoms.coils import CoilArray
from scanmill.phantoms.kspace import acquire_kspace
from scanmill.phantoms.sampling_masks import regular

COILS = CoilArray.loops(6, body_mm=70.0)
SPOTS = {"left": (31.0, -6.0, 4.0), "back": (-8.0, 33.0, -5.0), "head": (5.0, -9.0, 30.0)}
"""Centres of three balls, each a different value: they tell every axis and its sense. LPS mm."""


def turned(*angles_deg):
    """A rotation about x, then y, then z."""
    total = np.eye(3)
    for axis, angle in enumerate(np.deg2rad(angles_deg)):
        c, s = np.cos(angle), np.sin(angle)
        i, j = [k for k in range(3) if k != axis]
        turn = np.eye(3)
        turn[i, i], turn[i, j], turn[j, i], turn[j, j] = c, -s, s, c
        total = turn @ total
    return total


AXIAL = np.eye(3)
SAGITTAL = np.array([[0, 0, 1.0], [1, 0, 0], [0, -1, 0]])  # columns: x to the back, y to the feet, z to the left
CORONAL = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])  # x to the left, y to the feet, z to the back
ORIENTATIONS = {
    "axial": AXIAL,
    "sagittal": SAGITTAL,
    "coronal": CORONAL,
    "oblique": turned(25.0, -35.0, 50.0),
    "oblique sagittal": turned(10.0, 15.0, -20.0) @ SAGITTAL,
    "oblique coronal, mirrored": turned(-15.0, 10.0, 20.0) @ CORONAL @ np.diag([1, 1, -1.0]),
}


def spots():
    """Three balls in a large one."""
    body = Ellipsoid((3.0, 2.0, -4.0), (62.0, 62.0, 62.0), 0.2)
    balls = [Ellipsoid(place, (9.0, 9.0, 9.0), 1.0 + number) for number, place in enumerate(SPOTS.values())]
    return Phantom((body, *balls))


def grid(direction, shape=(22, 44, 50), spacing=(3.0, 3.4, 6.0), middle=(6.0, -4.0, 7.0)):
    """An off-centre grid around ``middle``."""
    axes = np.asarray(direction)
    half = (np.array(shape[::-1]) - 1) / 2 * spacing
    return VolumeGeometry(shape, spacing, tuple(np.array(middle) - axes @ half), tuple(map(tuple, axes)))


def scan_of(
    geometry,
    *,
    acceleration=1,
    n_calibration=16,
    noise=0.0,
    n_noise=0,
    seed=0,
    encodes_z=False,
    phantom=None,
    coils=COILS,
    independent=False,
):
    """What six coils measure of the balls; their noise is correlated unless ``independent``."""
    mask = None
    if acceleration > 1:
        lines = regular(geometry.shape[1], acceleration, n_calibration=n_calibration)
        mask = lines[None, None, None, :, None]
    shared = 0.0 if independent else 0.3
    covariance = noise**2 * ((1 - shared) * np.eye(coils.n_coils) + shared) if noise else None
    return acquire_kspace(
        phantom or spots(), geometry, coils, sampling_mask=mask, noise_covariance=covariance, n_noise_samples=n_noise,
        encodes_z=encodes_z, seed=seed,
    )  # fmt: skip


def write_ismrmrd(path, scan):
    """The k-space as acquisitions, a line each, with positions and directions in their headers; readouts are twice
    oversampled, as scanners have them."""
    geometry = scan.geometry
    nz, ny, nx = geometry.shape
    fov = tuple(float(e) for e in geometry.extent)
    matrix = (2 * nx, ny, 1)
    one = (2 * fov[0], fov[1], geometry.spacing[2])
    writer = Writer(
        [encoding(matrix, one, (nx, ny, 1), (*fov[:2], geometry.spacing[2]))], np.asarray(geometry.direction)
    )
    if scan.noise is not None:
        for block in np.split(scan.noise[: len(scan.noise) // (2 * nx) * 2 * nx], len(scan.noise) // (2 * nx)):
            writer.add(block.T, flags=[ismrmrd.ACQ_IS_NOISE_MEASUREMENT])
    sampled = scan.sampled()
    for number in range(nz):
        position = geometry.to_points([nx // 2, ny // 2, number])
        lines = _oversampled(scan.array[0, number, :, 0])
        for line in np.flatnonzero(sampled[0, number, 0].any(axis=1)):
            writer.add(lines[:, line], position=position, slice=number, kspace_encode_step_1=int(line))
    return writer.write(path)


def _oversampled(kspace):
    """Lines (coil, y, x) as if read out over twice the field of view, at the same scale of a sample's noise: the image
    between zeros, transformed with the orthonormal transform."""
    n = kspace.shape[-1]
    image = np.fft.fftshift(np.fft.ifft(np.fft.ifftshift(kspace, axes=-1), axis=-1, norm="ortho"), axes=-1)
    before = n - n // 2
    padded = np.pad(image, [(0, 0)] * (kspace.ndim - 1) + [(before, n - before)])
    return np.fft.fftshift(np.fft.fft(np.fft.ifftshift(padded, axes=-1), axis=-1, norm="ortho"), axes=-1)


def write_fastmri(path, scan, *, mask_of_columns=None, reference=None):
    """fastMRI's layout: (slice, coil, readout, phase), readout y, phase x."""
    _, ny, nx = scan.geometry.shape
    fov = tuple(float(e) for e in scan.geometry.extent)
    one = encoding((ny, nx, 1), (fov[1], fov[0], scan.geometry.spacing[2]))
    header = xsd.ismrmrdHeader(
        experimentalConditions=xsd.experimentalConditionsType(H1resonanceFrequency_Hz=123_000_000), encoding=[one]
    )
    kspace = scan.array[0, :, :, 0]
    with h5py.File(path, "w") as file:
        if mask_of_columns is not None:
            kspace = kspace * mask_of_columns
            file["mask"] = mask_of_columns.astype(np.float32)
        file["kspace"] = kspace.astype(np.complex64)
        file["ismrmrd_header"] = xsd.ToXML(header).encode()
        if reference is not None:
            file["reconstruction_rss"] = np.asarray(reference, np.float32)
    return path


def write_cfl(path, scan):
    """BART's pair: (READ, PHS1, PHS2, COIL) and SLICE in Fortran's order, for ``path`` without an ending."""
    array = scan.array[0]  # slice, coil, z, y, x
    sizes = [1] * 16
    sizes[0], sizes[1], sizes[2], sizes[3], sizes[13] = (array.shape[a] for a in (4, 3, 2, 1, 0))
    stored = array.transpose(4, 3, 2, 1, 0)
    path.with_suffix(".hdr").write_text("# Dimensions\n" + " ".join(map(str, sizes)) + "\n")
    stored.ravel(order="F").astype(np.complex64).tofile(path.with_suffix(".cfl"))
    return path.with_suffix(".cfl")
