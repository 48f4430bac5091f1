"""Sixty mixed rows of raw MR data through the command on Ray: the counts add up, and other tools open the results.

And the demo: CT and MR in one cohort.
"""

import json
from collections import Counter
from itertools import cycle

import nibabel
import numpy as np
import pyarrow.parquet as pq
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813
import yaml

from ismrmrd_files import Writer, encoding
from mr_scans import AXIAL, ORIENTATIONS, grid, scan_of, write_cfl, write_fastmri, write_ismrmrd
from raw_scans import scanmill
from scanmill.cohort import Cohort
from scanmill.geometry import VolumeGeometry

SHAPE, SPACING = (3, 40, 44), (3.4, 3.6, 9.0)
N_EACH = {"ismrmrd": 30, "fastmri": 14, "cfl": 14}
JOB = {
    "name": "mixed",
    "stages": [{"name": "main", "steps": [
        "mr.prepare", {"mr.calibrate": {"method": "walsh", "width": 16}},
        {"mr.reconstruct": {"method": "cg-sense", "n_iterations": 6, "scale": 1000}},
        "save", {"use": "save", "params": {"output": "series", "format": "dicom"}},
    ]}],
}  # fmt: skip
LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def write_rows(folder):
    """58 sound scans, the grid of each by its name, one file cut off and one without its header."""
    folder.mkdir()
    written = {}
    for number, direction in zip(range(N_EACH["ismrmrd"]), cycle(ORIENTATIONS.values()), strict=False):
        name = f"ismrmrd-{number:02d}"
        written[name] = grid(direction, SHAPE, SPACING)
        scan = scan_of(written[name], acceleration=1 + number % 2, noise=2e-4, n_noise=1000 * (number % 3), seed=number)
        write_ismrmrd(folder / f"{name}.h5", scan)
    axial = grid(AXIAL, SHAPE, SPACING, middle=(0.0, 0.0, 0.0))
    for number in range(N_EACH["fastmri"]):
        name = f"fastmri-{number:02d}"
        columns = np.arange(SHAPE[2]) % 2 == 0
        columns[SHAPE[2] // 2 - 9 : SHAPE[2] // 2 + 9] = True
        written[name] = VolumeGeometry.centered(SHAPE, SPACING)  # the format knows no place
        scan = scan_of(axial, noise=2e-4, seed=number)
        write_fastmri(folder / f"{name}.h5", scan, mask_of_columns=columns if number % 2 else None)
    for number in range(N_EACH["cfl"]):
        name = f"cfl-{number:02d}"
        written[name] = VolumeGeometry.centered(SHAPE)  # nor does this one know of voxels
        write_cfl(folder / name, scan_of(axial, acceleration=1 + number % 2, noise=2e-4, seed=number))
    whole = (folder / "ismrmrd-00.h5").read_bytes()
    (folder / "broken-cut.h5").write_bytes(whole[: len(whole) // 2])
    writer = Writer([encoding((8, 8, 1), (80.0, 80.0, 5.0))])
    writer.add(np.ones((2, 8)))
    writer.write(folder / "broken-headless.h5", with_header=False)
    return written


def affine_of(geometry):
    """From (x, y, z) indices to LPS mm."""
    affine = np.eye(4)
    affine[:3, :3] = np.asarray(geometry.direction) * geometry.spacing
    affine[:3, 3] = geometry.origin
    return affine


def by_simpleitk(image):
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    return affine


def check_files(row, folder, geometry):
    """NIfTI by nibabel and SimpleITK, DICOM by pydicom and SimpleITK, against the geometry that was written."""
    nifti = folder / row["output.image"]["uri"]
    affines = [LPS @ nibabel.load(nifti).affine, by_simpleitk(sitk.ReadImage(str(nifti)))]
    first = folder / row["output.series"]["uri"]
    series = first if first.is_dir() else first.parent
    names = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(series))
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(names)
    affines.append(by_simpleitk(reader.Execute()))
    slices = sorted(map(pydicom.dcmread, names), key=lambda one: int(one.InstanceNumber))
    assert len(slices) == SHAPE[0]
    assert {one.Modality for one in slices} == {"MR"}
    assert {one.pixel_array.shape for one in slices} == {SHAPE[1:]}
    for one in slices:
        np.testing.assert_allclose(np.array(one.PixelSpacing, float), geometry.spacing[1::-1], rtol=1e-4)
    for affine in affines:
        # a mirrored stack is stored in the order of its positions: the same voxels, counted from the other end
        np.testing.assert_allclose(np.linalg.norm(affine[:3, :3], axis=0), geometry.spacing, rtol=1e-4)
        wanted = affine_of(geometry)
        if np.dot(affine[:3, 2], wanted[:3, 2]) < 0:
            wanted[:3, 3] += wanted[:3, 2] * (SHAPE[0] - 1)
            wanted[:3, 2] *= -1
        np.testing.assert_allclose(affine, wanted, atol=2e-3)


@pytest.mark.long
@pytest.mark.ray
@pytest.mark.timeout(900)
def test_sixty_mixed_rows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written = write_rows(tmp_path / "scans")
    (tmp_path / "job.yaml").write_text(yaml.safe_dump(JOB, sort_keys=False))
    built = scanmill("cohort", "build", "scans", "--project", "p")
    assert built.exit_code == 0, built.output
    assert "60 rows" in built.output
    found = scanmill("run", "job.yaml", "--cohort", "cohort.parquet", "--workers", "2", "--json")
    assert found.exit_code == 0, found.output
    told = json.loads(found.stdout)
    counts = {state: n for state, n in told["counts"]["main"].items() if n}
    assert counts == {"done": 58, "failed": 2}
    (results,) = (tmp_path / "runs").glob("*/results.parquet")
    rows = {row["row_key"].removeprefix("p/"): row for row in pq.read_table(results).to_pylist()}
    assert Counter(row["status"] for row in rows.values()) == {"done": 58, "failed": 2}
    assert "not a readable HDF5 file" in rows["broken-cut"]["error"]
    assert "no header" in rows["broken-headless"]["error"]
    assert {rows[name]["metric.scale"] for name in written} == {1000.0}
    for name, geometry in written.items():
        check_files(rows[name], results.parent, geometry)
    assert scanmill("runs", "verify", results.parent).exit_code == 0


@pytest.mark.long
@pytest.mark.ray
@pytest.mark.timeout(600)
def test_the_demo_has_ct_and_mr_in_one_cohort(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = scanmill("demo", "--workers", "2")
    assert found.exit_code == 0, found.output
    cohort = Cohort.open(tmp_path / "demo" / "cohort.parquet")
    assert Counter(cohort.table["Modality"].to_pylist()) == {"CT": 13, "MR": 6}
    (run,) = (path.parent for path in (tmp_path / "demo" / "runs").glob("*/run.json"))
    states = {
        stage: Counter(pq.read_table(run / "stages" / stage / "results.parquet")["status"].to_pylist())
        for stage in ("ct", "mr")
    }
    assert states == {"ct": {"done": 12, "failed": 1}, "mr": {"done": 6}}
    for row in pq.read_table(run / "stages" / "mr" / "results.parquet").to_pylist():
        if "sparse" in row["row_key"]:
            assert row["metric.nrmse"] < 0.95 * row["metric.plain_nrmse"], row["row_key"]
    page = (run / "report.html").read_text("utf-8")
    assert "demo/spiral-sparse-5" in page
    assert "demo/cone-full-6" in page
