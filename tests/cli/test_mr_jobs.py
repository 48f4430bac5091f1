"""The MR jobs that we ship run from raw files to results; images are near the truth and lie where the object lay."""

from pathlib import Path

import nibabel
import numpy as np
import pyarrow.parquet as pq
import pytest

from mr_scans import AXIAL, COILS, ORIENTATIONS, grid, scan_of, spots, write_fastmri, write_ismrmrd
from raw_scans import scanmill
from scanmill.geometry import VolumeGeometry
from scanmill.phantoms.demo_kspace import write_demo_kspace

JOBS = Path(__file__).parents[2] / "jobs"


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scans").mkdir()
    return tmp_path


def run(job, place, *words, card=()):
    """Cohort and job by the command; rows of the results by key."""
    cards = [word for name in card for word in ("--card", name)]
    built = scanmill("cohort", "build", "scans", *cards, "--project", "p", "--workers", "1")
    assert built.exit_code == 0, built.output
    found = scanmill("run", JOBS / f"{job}.yaml", "--cohort", "cohort.parquet", "--workers", "0", *words)
    assert found.exit_code == 0, found.output
    (results,) = (place / "runs").glob("*/results.parquet")
    rows = {row["row_key"]: row for row in pq.read_table(results).to_pylist()}
    assert {row["status"] for row in rows.values()} == {"done"}, rows
    return rows, results.parent


def seen(geometry):
    """The balls as all coils see them."""
    shade = np.sqrt((abs(COILS.values(geometry.voxel_points())) ** 2).sum(axis=0))
    return spots().voxels(geometry).array * shade  # at the centres: slices are planes


def image_at(row, name, folder):
    """Voxels (z, y, x), and the affine in LPS mm."""
    image = nibabel.load(folder / row[f"output.{name}"]["uri"])
    return image.get_fdata().T, np.diag([-1, -1, 1, 1]) @ image.affine


def test_fastmri_files_thinned(place):
    for number in range(2):
        scan = scan_of(grid(AXIAL, shape=(3, 96, 96), spacing=(1.6, 1.6, 6.0)), noise=1e-4, seed=number)
        image = np.fft.fftshift(np.fft.ifft2(np.fft.ifftshift(scan.array[0, :, :, 0], axes=(-2, -1)), norm="ortho"),
                                axes=(-2, -1))  # fmt: skip
        write_fastmri(place / "scans" / f"file{number}.h5", scan, reference=np.sqrt((abs(image) ** 2).sum(axis=1)))
    fewer = "mr.prepare.undersample={acceleration: 3, axis: x, n_calibration: 16}"  # the matrix is small
    rows, _ = run("mr_fastmri_cs", place, "--set", fewer)
    assert len(rows) == 2
    for row in rows.values():
        assert row["metric.nrmse"] < 0.6 * row["metric.zero_filled_nrmse"]
        assert row["metric.psnr"] > row["metric.zero_filled_psnr"] + 3
        assert row["metric.acceleration"] == pytest.approx(3, abs=0.1)


def test_few_spokes_with_late_gradients_found(place):
    write_demo_kspace(place / "scans")
    rows, _ = run("mr_radial_cs", place, "--where", "scheme = 'radial'", card=["phantom_trajectory"])
    row = rows["p/radial-sparse-3"]
    assert row["metric.nrmse"] < 0.14
    assert row["metric.nrmse"] <= row["metric.sense_nrmse"]
    assert abs(row["metric.delay_x"]) < 0.1
    assert set(rows) == {"p/radial-full-2", "p/radial-sparse-3"}


def test_accelerated_ismrmrd_files_lie_where_they_lay_and_keep_one_scale(place):
    geometry = grid(ORIENTATIONS["oblique"])
    for visit, noise in enumerate((2e-4, 1e-3)):
        scan = scan_of(geometry, acceleration=2, noise=noise, n_noise=2000, seed=visit, independent=True)
        write_ismrmrd(place / "scans" / f"visit-{visit}.h5", scan)
    rows, folder = run("mr_ismrmrd_grappa", place)
    images = []
    for row in rows.values():
        assert row["metric.scale"] == 1000.0
        voxels, affine = image_at(row, "image_frame_0", folder)
        grid_there = VolumeGeometry(voxels.shape, geometry.spacing, tuple(affine[:3, 3]), geometry.direction)
        assert grid_there.is_close(geometry, tolerance_mm=1e-3)
        truth = 1000 * seen(geometry)
        assert np.linalg.norm(voxels - truth) < 0.18 * np.linalg.norm(truth)
        assert (voxels * truth).sum() / (truth**2).sum() == pytest.approx(1, abs=0.05)
        images.append(voxels)
        assert row["output.series"]["kind"] == "dicom"
    assert np.linalg.norm(images[0] - images[1]) < 0.03 * np.linalg.norm(images[0])
