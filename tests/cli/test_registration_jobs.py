"""The registration jobs that we ship run from scans to results: T1 and T2 fused as DICOM, a template of hippocampi."""

import shutil
import tarfile
from pathlib import Path

import nibabel
import numpy as np
import pyarrow.parquet as pq
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813
import yaml

from raw_scans import scanmill
from registration_blobs import FIXED, GRID, MOTION, MOVED
from scanmill.data import Volume
from scanmill.geometry import VolumeGeometry
from scanmill.io.dicom_series import open_series
from scanmill.io.itk_transform import read_itk_transform
from scanmill.io.nifti import write_nifti

JOBS = Path(__file__).parents[2] / "jobs"
HIPPOCAMPI = "seg_hippocampus_msd"
PAIR_JOB = """
version: 1
name: pairs
stages:
  - name: pairs
    steps:
      - register.linear
      - register.apply
      - {use: save, in: {image: warped}}
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scans").mkdir()
    return tmp_path


def ran(*words):
    found = scanmill(*words)
    assert found.exit_code == 0, found.output
    return found


def stages(place):
    """Rows by stage and row key, and the run's folder."""
    (folder,) = (path.parent for path in (place / "runs").glob("*/results.parquet"))
    found = {}
    for path in (folder / "stages").glob("*/results.parquet"):
        found[path.parent.name] = {row["row_key"]: row for row in pq.read_table(path).to_pylist()}
    return found, folder


def copy_crops(data_folder, place, count):
    for kind in ("images", "labels"):
        (place / "scans" / kind).mkdir()
        for path in sorted((data_folder / HIPPOCAMPI / kind).glob("*.nii.gz"))[:count]:
            shutil.copy(path, place / "scans" / kind)


def shorter_template_job(place):
    """The shipped job, with one round and rigid maps only: seconds for a few crops."""
    job = yaml.safe_load((JOBS / "labelled_template.yaml").read_text())
    linear = {"use": "register.linear", "in": {"moving": "image"}, "params": {"model": "rigid"}}
    for stage in (*job["stages"][2]["stages"][:1], job["stages"][3]):
        stage["steps"] = [linear, *stage["steps"][2:]]
    job["stages"][2]["repeat"] = 1
    (place / "job.yaml").write_text(yaml.safe_dump(job))
    return place / "job.yaml"


def check_template(found, folder, keys):
    """Every row is done in every stage, and labels agree better after than before; the gain in Dice."""
    assert all(row["status"] == "done" for stage in found.values() for row in stage.values()), found
    assert set(found["placed"]) == set(found["registered"]) == set(keys)
    before = np.array([found["placed"][key]["metric.before_dice"] for key in keys])
    after = np.array([found["registered"][key]["metric.dice"] for key in keys])
    for row in found["registered"].values():
        transform = read_itk_transform(folder / row["output.transform"]["uri"])
        assert np.isfinite(transform.map(np.zeros(3))).all()
    return before, after


def test_a_template_of_four_crops(data_folder, place):
    copy_crops(data_folder, place, 4)
    ran("cohort", "build", "scans", "--workers", "1")
    ran("run", shorter_template_job(place), "--cohort", "cohort.parquet", "--workers", "0")
    found, folder = stages(place)
    keys = sorted(found["placed"])
    assert len(keys) == 4
    before, after = check_template(found, folder, keys)
    assert after.mean() > before.mean() + 0.02
    (template,) = found["template.1"].values()
    assert template["metric.n_images"] == 4
    assert nibabel.load(folder / template["output.image"]["uri"]).shape == (34, 48, 34)


def test_bad_pairs_fail_by_name_beside_good_ones_and_what_found_nothing_leaves_its_pictures(place):
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 1, GRID.shape).astype(np.float32)
    images = {
        "good": MOVED,
        "noise": Volume(noise, GRID),
        "constant": Volume(np.full(GRID.shape, 7, np.float32), GRID),
        "nan": Volume(np.where(MOVED.array > 20, np.nan, MOVED.array).astype(np.float32), GRID),
        "plane": Volume(MOVED.array[12:13], VolumeGeometry((1, *GRID.shape[1:]), GRID.spacing)),
    }
    for name, image in images.items():
        write_nifti(place / "scans" / f"{name}.nii.gz", image)
    write_nifti(place / "atlas.nii.gz", FIXED)
    (place / "job.yaml").write_text(PAIR_JOB)
    ran("cohort", "build", "scans", "--workers", "1")
    ran("cohort", "pair", "cohort.parquet", "--atlas", "atlas.nii.gz", "--moving", "true", "-o", "pairs.parquet")
    ran("run", "job.yaml", "--cohort", "pairs.parquet", "--workers", "0")
    found, folder = stages(place)
    rows = {key.removeprefix("atlas+"): row for key, row in found["pairs"].items()}
    assert {name: row["error_class"] or "" for name, row in rows.items()} == {
        "good": "", "noise": "ConvergenceError", "constant": "InputError", "nan": "InputError", "plane": "InputError"
    }  # fmt: skip
    assert rows["good"]["status"] == "done"
    for name, words in {
        "noise": "cannot be trusted",
        "constant": "constant",
        "nan": "finite",
        "plane": "plane",
    }.items():
        assert words in rows[name]["error"]
    picture = rows["noise"]["output.linear_checkerboard"]
    assert (folder / picture["uri"]).read_bytes().startswith(b"\x89PNG")
    assert rows["noise"]["metric.linear_similarity"] < 1.01
    page = (folder / "report.html").read_text()
    assert "Failed rows with pictures" in page
    assert 'alt="linear_overlay of atlas+noise"' in page


def test_an_image_comes_onto_an_atlas(place):
    write_nifti(place / "scans" / "moved.nii.gz", MOVED)
    write_nifti(place / "atlas.nii.gz", FIXED)
    ran("cohort", "build", "scans", "--workers", "1")
    ran("cohort", "pair", "cohort.parquet", "--atlas", "atlas.nii.gz", "--moving", "true", "-o", "pairs.parquet")
    ran("run", JOBS / "register_to_atlas.yaml", "--cohort", "pairs.parquet", "--workers", "0")
    found, folder = stages(place)
    row = found["subjects"]["atlas+moved"]
    assert row["status"] == "done"
    warped = nibabel.load(folder / row["output.image"]["uri"]).get_fdata().T
    inside = FIXED.array > 10
    assert np.corrcoef(warped[inside], FIXED.array[inside])[0, 1] > 0.99
    points = GRID.voxel_points()[inside]
    off = read_itk_transform(folder / row["output.transform"]["uri"]).map(points) - MOTION.map(points)
    assert np.sqrt((off**2).sum(axis=-1).mean()) < 0.5


@pytest.mark.long
@pytest.mark.ray
@pytest.mark.timeout(1800)
def test_thirty_hippocampi_in_a_template_built_from_them_over_ray(data_folder, place):
    copy_crops(data_folder, place, 30)
    ran("cohort", "build", "scans", "--workers", "1")
    ran("run", JOBS / "labelled_template.yaml", "--cohort", "cohort.parquet", "--workers", "2")
    found, folder = stages(place)
    keys = sorted(found["placed"])
    assert [len(found[name]) for name in ("placed", "aligned.1", "aligned.2", "registered")] == [30] * 4
    before, after = check_template(found, folder, keys)
    assert after.mean() > before.mean() + 0.1
    assert (after > before).mean() > 0.9
    moves = [next(iter(found[f"template.{n}"].values()))["metric.shape_mm"] for n in (1, 2)]
    assert moves[1] < moves[0]


@pytest.mark.long
def test_t1_and_t2_of_one_subject_are_registered_and_fused_as_dicom(data_folder, place):
    for name in ("t1", "t2"):
        with tarfile.open(data_folder / "mr_t1_t2_same_subject" / f"{name}.tar.xz") as archive:
            archive.extractall(place / "scans" / name, filter="data")
    ran("cohort", "build", "scans", "--workers", "1")
    ran("cohort", "pair", "cohort.parquet", "--fixed", "EchoTime < 9", "--moving", "EchoTime > 9", "-o", "p.parquet")
    ran("run", JOBS / "t1_t2_fusion.yaml", "--cohort", "p.parquet", "--workers", "0")
    found, folder = stages(place)
    (row,) = found["pairs"].values()
    assert row["status"] == "done"
    assert sum("missing and interpolated" in text for text in row["warnings"]) == 2
    transform = read_itk_transform(folder / row["output.transform"]["uri"])
    head = head_in_both(place)
    ways = np.linalg.norm(transform.map(head) - head, axis=-1)
    assert np.sqrt((ways**2).mean()) < 2  # from the scanner's own alignment: the head moves between scans
    check_dicom(folder, row)


def head_in_both(place):
    """Points of the head in T1 that T2 covers, in mm."""
    t1, t2 = (open_series(sorted((place / "scans" / name).rglob("*.dcm"))) for name in ("t1", "t2"))
    image = t1.volume(missing="interpolate")
    points = image.geometry.voxel_points()[::4, ::4, ::4][image.array[::4, ::4, ::4] > 60]
    places = t2.geometry.to_indices(points)
    return points[((places >= 0) & (places <= np.array(t2.geometry.shape[::-1]) - 1)).all(axis=-1)]


def check_dicom(folder, row):
    fused = sorted((folder / row["output.fused"]["uri"]).glob("*.dcm"))
    colour = sorted((folder / row["output.overlay"]["uri"]).glob("*.dcm"))
    assert len(fused) == len(colour) == 176
    one, other = pydicom.dcmread(fused[100]), pydicom.dcmread(colour[100])
    assert (other.SOPClassUID.name, other.PhotometricInterpretation) == ("Secondary Capture Image Storage", "RGB")
    assert one.ImagePositionPatient == other.ImagePositionPatient
    assert one.FrameOfReferenceUID == other.FrameOfReferenceUID
    assert one.StudyInstanceUID == other.StudyInstanceUID
    assert row["fixed_row_key"] in other.DerivationDescription
    assert row["moving_row_key"] in other.DerivationDescription
    read = sitk.ReadImage([str(path) for path in colour])
    assert read.GetNumberOfComponentsPerPixel() == 3
    assert read.GetSpacing()[2] == pytest.approx(1.0, abs=1e-2)
