"""A folder of made raw scans for the demo: three beams, three doses, and one file that is corrupt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scanmill.geometry import ScanGeometry, VolumeGeometry
from scanmill.geometry.scanner import Beam
from scanmill.phantoms.acquisition import Detector, acquire
from scanmill.phantoms.anatomy import chest
from scanmill.phantoms.phantom import Phantom
from scanmill.phantoms.random_phantom import random_phantom
from scanmill.phantoms.shepp_logan import shepp_logan_2d, shepp_logan_3d

N_COLUMNS, COLUMN_MM = 128, 4.0
CONE_COLUMNS, CONE_ROWS, CONE_MM = 64, 32, 8.0
SOURCE_TO_ISOCENTER, SOURCE_TO_DETECTOR = 500.0, 1000.0
PHOTONS = {"full": 1e6, "low": 2e4, "sparse": 1e6}
VIEWS = {"full": 180, "low": 180, "sparse": 36}
CORRUPT = "parallel-full-12.npz"


@dataclass(frozen=True)
class DemoScan:
    """One scan of the demo: what is scanned, how, and where its reference image lies."""

    name: str
    phantom: Phantom
    scan: ScanGeometry
    grid: VolumeGeometry
    photons: float


def write_demo_scans(folder: Path, *, seed: int = 0) -> list[Path]:
    """Write twelve scans and a thirteenth that is cut off in the middle; the card ``phantom`` reads them.

    Each ``{beam}-{dose}-{number}.npz`` holds counts (view, row, column), dark and flat frames, angles in degrees and
    the scanner's lengths in mm; ``reference/`` holds the true images on the grid of the reconstruction. Equal seeds
    give equal arrays.
    """
    (folder / "reference").mkdir(parents=True, exist_ok=True)
    paths = [_write(folder, demo, seed + number) for number, demo in enumerate(demo_scans(seed))]
    whole = paths[0].read_bytes()
    corrupt = folder / CORRUPT
    corrupt.write_bytes(whole[: len(whole) * 2 // 3])
    return [*paths, corrupt]


def demo_scans(seed: int = 0) -> Iterator[DemoScan]:
    """The twelve scans in the order of their names' numbers."""
    objects = {
        "parallel": [random_phantom(seed + 1, flat=True), shepp_logan_2d(), random_phantom(seed + 2, flat=True)],
        "fan": [chest().scaled(size=0.5), random_phantom(seed + 3, flat=True), shepp_logan_2d()],
        "cone": [shepp_logan_3d(), shepp_logan_3d(), shepp_logan_3d()],
    }
    beams: tuple[Beam, ...] = ("parallel", "fan", "cone")
    plan: list[tuple[Beam, str]] = [(beam, dose) for beam in beams for dose in VIEWS]
    plan += [("parallel", "low"), ("fan", "low"), ("fan", "sparse")]
    for number, (beam, dose) in enumerate(plan):
        phantom = objects[beam][number % 3]
        scan, grid = _geometry(beam, VIEWS[dose])
        yield DemoScan(f"{beam}-{dose}-{number}", phantom, scan, grid, PHOTONS[dose])


def _geometry(beam: Beam, n_views: int) -> tuple[ScanGeometry, VolumeGeometry]:
    turn = np.pi if beam == "parallel" else 2 * np.pi
    angles = np.arange(n_views) * turn / n_views
    shrink = SOURCE_TO_ISOCENTER / SOURCE_TO_DETECTOR
    if beam == "parallel":
        step = COLUMN_MM * shrink
        grid = VolumeGeometry.centered((1, N_COLUMNS, N_COLUMNS), (step, step, 1.0))
        return ScanGeometry.parallel(angles, N_COLUMNS, step), grid
    if beam == "fan":
        step = COLUMN_MM * shrink
        grid = VolumeGeometry.centered((1, N_COLUMNS, N_COLUMNS), (step, step, 1.0))
        return ScanGeometry.fan(
            angles,
            N_COLUMNS,
            COLUMN_MM,
            source_to_isocenter=SOURCE_TO_ISOCENTER,
            source_to_detector=SOURCE_TO_DETECTOR,
        ), grid
    step = CONE_MM * shrink
    grid = VolumeGeometry.centered((CONE_ROWS, CONE_COLUMNS, CONE_COLUMNS), (step, step, step))
    scan = ScanGeometry.cone(
        angles,
        CONE_COLUMNS,
        CONE_MM,
        n_rows=CONE_ROWS,
        row_spacing=CONE_MM,
        source_to_isocenter=SOURCE_TO_ISOCENTER,
        source_to_detector=SOURCE_TO_DETECTOR,
    )
    return scan, grid


def _write(folder: Path, demo: DemoScan, seed: int) -> Path:
    detector = Detector(
        photons=demo.photons, gain=0.05, gain_spread=0.05, vignetting=0.2, dark=100.0, electronic_noise=1.0
    )
    raw = acquire(demo.phantom, demo.scan, detector, seed=seed, supersampling=1 if demo.scan.beam == "cone" else 2)
    assert raw.dark is not None
    assert raw.flat is not None
    truth = demo.phantom.voxels(demo.grid, supersampling=2)
    path = folder / f"{demo.name}.npz"
    np.savez(
        path,
        counts=raw.array,
        dark=raw.dark[None],
        flat=raw.flat[None],
        angles_deg=np.rad2deg(np.unwrap(demo.scan.angles)),
        column_mm=demo.scan.column_spacing[0],
        row_mm=demo.scan.row_spacing[0],
        source_to_isocenter_mm=SOURCE_TO_ISOCENTER,
        source_to_detector_mm=SOURCE_TO_DETECTOR,
        photons=demo.photons,
    )
    np.savez(folder / "reference" / path.name, image=truth.array, spacing_mm=np.asarray(demo.grid.spacing))
    return path
