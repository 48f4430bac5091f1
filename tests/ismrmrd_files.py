"""ISMRMRD files, written by the ismrmrd package: nothing of them passes through Scanmill's own code."""

from dataclasses import dataclass, field

import ismrmrd
import numpy as np
from ismrmrd import xsd


def space(matrix, fov):
    """An encoding space; (x, y, z)."""
    return xsd.encodingSpaceType(
        matrixSize=xsd.matrixSizeType(x=matrix[0], y=matrix[1], z=matrix[2]),
        fieldOfView_mm=xsd.fieldOfViewMm(x=fov[0], y=fov[1], z=fov[2]),
    )


def limit(n, center=None):
    return xsd.limitType(minimum=0, maximum=n - 1, center=n // 2 if center is None else center)


def encoding(
    matrix,
    fov,
    recon_matrix=None,
    recon_fov=None,
    *,
    trajectory="cartesian",
    centers=(None, None),
    calibration=None,
    description=None,
    multiband=None,
):
    """One encoding of a header; ``description`` makes a ConventionalEPI trajectory description."""
    limits = xsd.encodingLimitsType(
        kspace_encoding_step_1=limit(matrix[1], centers[0]), kspace_encoding_step_2=limit(matrix[2], centers[1])
    )
    made = xsd.encodingType(
        encodedSpace=space(matrix, fov),
        reconSpace=space(recon_matrix or matrix, recon_fov or fov),
        encodingLimits=limits,
        trajectory=xsd.trajectoryType(trajectory),
    )
    if calibration or multiband:
        made.parallelImaging = xsd.parallelImagingType(
            accelerationFactor=xsd.accelerationFactorType(kspace_encoding_step_1=2, kspace_encoding_step_2=1)
        )
        if calibration:
            made.parallelImaging.calibrationMode = xsd.calibrationModeType(calibration)
        if multiband:
            made.parallelImaging.multiband = xsd.multibandType(
                spacing=[xsd.multibandSpacingType(dZ=[0.0, 20.0])],
                deltaKz=1.0,
                multiband_factor=multiband,
                calibration=xsd.multibandCalibrationType.OTHER,
                calibration_encoding=0,
            )
    if description:
        made.trajectoryDescription = xsd.trajectoryDescriptionType(
            identifier="ConventionalEPI",
            userParameterDouble=[xsd.userParameterDoubleType(name=k, value=float(v)) for k, v in description.items()],
        )
    return made


@dataclass
class Writer:
    """Collects acquisitions and writes them with their header."""

    encodings: list
    axes: np.ndarray = field(default_factory=lambda: np.eye(3))
    position: np.ndarray = field(default_factory=lambda: np.zeros(3))
    acquisitions: list = field(default_factory=list)
    extra: dict = field(default_factory=dict)

    def add(self, samples, *, flags=(), center=None, trajectory=None, encoding=0, dwell_us=5.0, position=None, **idx):
        """One readout: ``samples`` (coil, sample); ``idx`` are encoding counters."""
        data = np.ascontiguousarray(samples, np.complex64)
        acquisition = ismrmrd.Acquisition.from_array(
            data, None if trajectory is None else np.ascontiguousarray(trajectory, np.float32)
        )
        acquisition.center_sample = data.shape[1] // 2 if center is None else center
        acquisition.sample_time_us = dwell_us
        acquisition.encoding_space_ref = encoding
        acquisition.scan_counter = len(self.acquisitions)
        where = self.position if position is None else position
        for name, value in zip(("read_dir", "phase_dir", "slice_dir"), np.asarray(self.axes).T, strict=True):
            getattr(acquisition, name)[:] = value
        acquisition.position[:] = where
        for name, value in idx.items():
            setattr(acquisition.idx, name, value)
        for flag in flags:
            acquisition.set_flag(flag)
        self.acquisitions.append(acquisition)

    def header(self):
        return xsd.ismrmrdHeader(
            experimentalConditions=xsd.experimentalConditionsType(H1resonanceFrequency_Hz=63_870_000),
            encoding=self.encodings,
            **self.extra,
        )

    def write(self, path, measurement="dataset", *, with_header=True):
        with ismrmrd.File(path) as file:
            group = file[measurement]
            if with_header:
                group.header = self.header()
            group.acquisitions = self.acquisitions
        return path


def blob(points, position, axes, fov, k, sigma=3.0):
    """The k-space of Gaussian blobs (width ``sigma`` mm) at LPS ``points``, in the scale of an orthonormal transform of
    pixels of 1 at their middles: k (..., d) in cycles per field of view along the first d axes."""
    k = np.asarray(k, dtype=np.float64)
    d = k.shape[-1]
    per_mm = k / np.asarray(fov, dtype=np.float64)[:d]
    total = np.zeros(k.shape[:-1], complex)
    for point in np.atleast_2d(points):
        offset = ((np.asarray(point) - position) @ np.asarray(axes))[:d]
        total += np.exp(-2j * np.pi * per_mm @ offset)
    return total * np.exp(-2 * (np.pi * sigma) ** 2 * (per_mm**2).sum(axis=-1)) * (2 * np.pi * sigma**2) ** (d / 2)
