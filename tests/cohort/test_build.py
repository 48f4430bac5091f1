"""Folders become cohorts: every file looked at, every fault written down, the same cohort each time."""

import os
import tarfile

import nibabel
import numpy as np
import pydicom
import pytest
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from scanmill.cohort import Cohort, dicom_rows
from scanmill.cohort.build import build_cohort
from scanmill.cohort.check import check_cohort
from scanmill.cohort.identity import patient_key
from scanmill.cohort.pair import pair_cohort
from scanmill.cohort.protected import read_protected
from scanmill.cohort.show import summarise
from scanmill.errors import SpecError

SECRET = "a secret of the test site"
NAME, PATIENT = "Doe^Jane", "MRN-4711"


@pytest.fixture(autouse=True)
def _secret(monkeypatch):
    monkeypatch.setenv("SCANMILL_SITE_SECRET", SECRET)


def write_slice(path, number, *, series="1.2.3", patient=PATIENT):
    dataset = pydicom.Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = CTImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = f"{series}.{number + 1}"
    dataset.PatientID, dataset.PatientName, dataset.Modality = patient, NAME, "CT"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2", series
    dataset.FrameOfReferenceUID = "1.2.9"
    dataset.KVP, dataset.SliceThickness, dataset.ConvolutionKernel = 120, 2.5, "B30f"
    dataset.Rows, dataset.Columns, dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 4, 5, 16, 12, 11
    dataset.SamplesPerPixel, dataset.PixelRepresentation, dataset.PhotometricInterpretation = 1, 0, "MONOCHROME2"
    dataset.PixelSpacing, dataset.ImageOrientationPatient = [0.5, 0.75], [1, 0, 0, 0, 1, 0]
    dataset.ImagePositionPatient = [0, 0, 2.5 * number]
    dataset.PixelData = np.full((4, 5), number, np.uint16).tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)


def write_nifti(path, shape=(3, 4, 5)):
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(np.zeros(shape, np.int16), np.diag([1.0, 2.0, 3.0, 1.0])), path)


@pytest.fixture
def scans(tmp_path):
    root = tmp_path / "scans"
    for number in range(4):
        write_slice(root / "ct" / f"{number}.dcm", number)
        if number != 2:
            write_slice(root / "gap" / f"{number}", number, series="1.2.4", patient="MRN-1")
    write_nifti(root / "sub-01" / "T1w.nii.gz")
    (root / "notes.txt").write_text("nothing")
    return root


def build(root, tmp_path, **more):
    summary = build_cohort([root], out=tmp_path / "out" / "cohort.parquet", project="lung", **more)
    return summary, Cohort.open(tmp_path / "out" / "cohort.parquet")


def test_series_and_images_become_rows_with_what_is_public(scans, tmp_path):
    seen = []
    summary, cohort = build(scans, tmp_path, progress=lambda *done: seen.append(done))
    assert (summary.n_rows, summary.n_files, summary.n_problems, summary.n_with_identity) == (3, 8, 1, 2)
    assert summary.skipped == {".txt": 1}
    assert summary.contains_identity
    assert seen[-1] == (8, 8, summary.bytes)
    ct = next(row for row in cohort.table.to_pylist() if row["size_z"] == 4 and not row["missing_slices"])
    assert ct["row_key"].startswith("lung/series-")
    assert (ct["Modality"], ct["KVP"], ct["SliceThickness"], ct["ConvolutionKernel"]) == ("CT", 120, 2.5, "B30f")
    assert (ct["size_y"], ct["size_x"], ct["spacing_x"], ct["spacing_y"], ct["spacing_z"]) == (4, 5, 0.75, 0.5, 2.5)
    assert ct["patient_key"] == patient_key(SECRET.encode(), PATIENT)
    assert ct["contains_identity"]
    assert [file["path"] for file in cohort.files_of(ct["row_key"])] == [f"ct/{n}.dcm" for n in range(4)]
    nifti = cohort.row("lung/sub-01/T1w")
    assert (nifti["size_z"], nifti["size_x"], nifti["spacing_z"], nifti["patient_key"]) == (5, 3, 3.0, None)
    assert nifti["contains_identity"] is None
    assert summarise(cohort).identity == {"with": 2, "not known": 1}


def test_a_row_with_a_fault_is_kept_and_told(scans, tmp_path):
    _, cohort = build(scans, tmp_path)
    problem = cohort.problems.to_pylist()[0]
    assert problem["path"] == "gap/0"
    assert problem["error_class"] == "InputError"
    assert "missing" in problem["problem"]


def test_nothing_identifying_leaves_the_protected_table(scans, tmp_path):
    summary, cohort = build(scans, tmp_path)
    shown = repr((summary, cohort.table.to_pylist(), cohort.files.to_pylist(), cohort.problems.to_pylist()))
    for secret in (NAME, "Jane", PATIENT, "MRN-1", "1.2.3.", str(tmp_path / "scans"), SECRET):
        assert secret not in shown
    for file in (tmp_path / "out").iterdir():
        content = file.read_bytes()
        assert (NAME.encode() in content) == (file.name == "cohort.protected.parquet")
    protected = tmp_path / "out" / "cohort.protected.parquet"
    assert protected.stat().st_mode & 0o777 == 0o600
    row = next(row for row in read_protected(tmp_path / "out" / "cohort.parquet").to_pylist() if row["PatientName"])
    assert row["SeriesInstanceUID"] in ("1.2.3", "1.2.4")
    protected.chmod(0o644)
    with pytest.raises(SpecError, match="others may read"):
        read_protected(tmp_path / "out" / "cohort.parquet")


def test_row_keys_are_independent_of_content_and_place_and_bytes_are_equal(scans, tmp_path):
    _, one = build(scans, tmp_path)
    first = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    build(scans, tmp_path, workers=1)
    assert first == {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    (scans / "ct").rename(scans / "moved")
    write_slice(scans / "moved" / "0.dcm", 0, patient=PATIENT + " ")
    path = scans / "moved" / "0.dcm"
    path.write_bytes(path.read_bytes() + b"\0\0")
    _, two = build(scans, tmp_path)
    assert one.table["row_key"].to_pylist() == two.table["row_key"].to_pylist()
    assert one.digest != two.digest


def test_broken_files_are_problems_and_the_others_are_rows(scans, tmp_path):
    whole = (scans / "ct" / "0.dcm").read_bytes()
    broken = scans / "broken"
    broken.mkdir()
    (broken / "truncated.dcm").write_bytes(whole[:300])
    (broken / "empty.dcm").write_bytes(b"")
    (broken / "text.dcm").write_text("no image")
    (broken / "head.nii.gz").write_bytes((scans / "sub-01" / "T1w.nii.gz").read_bytes()[:30])
    (broken / "noise.nii").write_bytes(os.urandom(500))
    (broken / "raw.mat").write_bytes(b"MATLAB 5.0")
    (broken / "out").symlink_to("/etc/hostname")
    (broken / "loop").symlink_to(broken / "loop")
    (broken / "folder").symlink_to(scans / "ct")
    os.mkfifo(broken / "pipe.dcm")
    write_nifti(broken / "four.nii", (2, 2, 2, 3))
    write_nifti(scans / "sub-01" / "T1w.nii")
    summary, cohort = build(scans, tmp_path)
    assert summary.n_rows == 3
    told = {problem["path"]: problem["problem"] for problem in cohort.problems.to_pylist()}
    assert set(told) == {"gap/0", "sub-01/T1w.nii.gz"} | {
        f"broken/{name}"
        for name in ("truncated.dcm", "empty.dcm", "text.dcm", "head.nii.gz", "noise.nii", "raw.mat", "four.nii")
    } | {f"broken/{name}" for name in ("out", "loop", "folder", "pipe.dcm")}
    assert "data card" in told["broken/raw.mat"]
    assert "second row" in told["sub-01/T1w.nii.gz"]
    assert "leads out" in told["broken/out"]
    assert not any(str(tmp_path) in problem for problem in told.values())
    assert set(cohort.problems["error_class"].to_pylist()) == {"InputError"}


def test_a_fault_of_a_reader_is_a_problem_not_a_crash(scans, tmp_path, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError(NAME)

    monkeypatch.setattr("scanmill.io.nifti.nifti_geometry", broken)
    _, cohort = build(scans, tmp_path)
    assert "unreadable (ZeroDivisionError)" in cohort.problems["problem"].to_pylist()


def test_headers_may_be_read_in_processes(scans, tmp_path, monkeypatch):
    _, one = build(scans, tmp_path)
    monkeypatch.setattr(dicom_rows, "MANY", 2)
    _, two = build(scans, tmp_path, workers=2)
    assert one.digest == two.digest


def test_folders_and_files_may_be_given(scans, tmp_path):
    out = tmp_path / "c.parquet"
    build_cohort([scans / "ct", scans / "sub-01" / "T1w.nii.gz"], out=out)
    cohort = Cohort.open(out)
    assert sorted(cohort.roots) == ["data1", "data2"]
    assert cohort.row("T1w")["n_files"] == 1
    assert check_cohort(cohort).in_order
    for paths in ([scans, scans / "ct"], [scans / "absent"]):
        with pytest.raises(SpecError):
            build_cohort(paths, out=out)
    (tmp_path / "nothing").mkdir()
    assert build_cohort([tmp_path / "nothing"], out=out).n_rows == 0
    assert len(Cohort.open(out)) == 0


def test_a_card_describes_raw_arrays(tmp_path):
    root = tmp_path / "raw"
    root.mkdir()
    for name in ("a1", "a2"):
        np.save(root / f"{name}.npy", np.ones((6, 8), np.float32))
    (root / "a3.npy").write_bytes(b"\x93NUMPY broken")
    (root / "other.npy").write_bytes(b"")
    card = tmp_path / "card.yaml"
    card.write_text(
        """
name: small
rows: {files: "a{n}.npy", key: "scan-{n}"}
columns: {Modality: CT}
roles:
  scan:
    kind: projections
    axes: [view, column]
    quantity: line_integral
    beam: parallel
    length_unit: mm
    column_spacing: 1.0
    angles: {values: {start: 0, step: 30}, unit: deg}
"""
    )
    summary, cohort = build(root, tmp_path, card=card)
    assert cohort.table["row_key"].to_pylist() == ["lung/scan-1", "lung/scan-2", "lung/scan-3"]
    row = cohort.row("lung/scan-1")
    assert (row["n_views"], row["n_columns"], row["beam"], row["Modality"]) == (6, 8, "parallel", "CT")
    assert '"name":"small"' in row["card"]
    assert cohort.row("lung/scan-3")["n_views"] is None
    assert [problem["path"] for problem in cohort.problems.to_pylist()] == ["a3.npy"]
    assert summary.skipped == {".npy": 1}
    with pytest.raises(SpecError, match="no data card"):
        build(root, tmp_path, card="absent")


def test_htc2022_with_its_card(data_folder, tmp_path):
    summary, cohort = build(data_folder / "ct_sino_htc2022_ab", tmp_path, card="htc2022")
    assert summary.n_problems == 0
    assert cohort.row("lung/tb-subsample_90")["n_views"] == 181
    assert {file["role"] for file in cohort.files_of("lung/tb-subsample_90")} == {"scan", "truth"}
    assert set(cohort.table["n_columns"].to_pylist()) == {560}


def test_measured_dicom_and_nifti(data_folder, tmp_path):
    mr = tmp_path / "mr"
    for name in ("t1", "t2"):
        with tarfile.open(data_folder / "mr_t1_t2_same_subject" / f"{name}.tar.xz") as archive:
            archive.extractall(mr / name, filter="data")
    out = tmp_path / "c.parquet"
    summary = build_cohort(
        [mr, data_folder / "mni152_atlas", data_folder / "ct_syntaxes_cornerstone"], out=out, project="p"
    )
    cohort = Cohort.open(out)
    assert summary.n_rows == 6
    series = cohort.select("Modality = 'MR'")
    assert len(series) == 2
    assert len(set(series.table["patient_key"].to_pylist())) == 1
    assert series.table["missing_slices"].to_pylist() == [1, 1]
    told = cohort.problems["problem"].to_pylist()
    assert sum("missing" in problem for problem in told) == 2
    assert sum("duplicate" in problem for problem in told) == 1
    atlas = cohort.row("p/mni_icbm152_t1_tal_nlin_sym_09a_converted")
    assert (atlas["size_z"], atlas["size_y"], atlas["size_x"]) == (189, 233, 197)
    assert len(cohort.select("spacing_x = 1 and contains_identity is null")) == 3


def test_t1_and_t2_of_one_session_are_a_pair(data_folder, tmp_path):
    for name in ("t1", "t2"):
        with tarfile.open(data_folder / "mr_t1_t2_same_subject" / f"{name}.tar.xz") as archive:
            archive.extractall(tmp_path / "mr" / name, filter="data")
    build_cohort([tmp_path / "mr"], out=tmp_path / "c.parquet")
    summary = pair_cohort(
        tmp_path / "c.parquet", out=tmp_path / "p.parquet", fixed="EchoTime < 9", moving="EchoTime > 9"
    )
    assert (summary.n_pairs, summary.n_unknown_frames) == (1, 0)
    (row,) = Cohort.open(tmp_path / "p.parquet").table.to_pylist()
    assert (row["size_z"], row["fixed.missing_slices"], row["moving.missing_slices"]) == (176, 1, 1)
    assert row["patient_key"]


def test_the_segmentation_beside_an_image_goes_with_it(tmp_path):
    for name in ("imagesTr/a", "labelsTr/a", "imagesTr/b", "labelsTs/b"):
        (tmp_path / "scans" / name).parent.mkdir(parents=True, exist_ok=True)
        nibabel.save(
            nibabel.Nifti1Image(np.ones((2, 3, 4), np.uint8), np.eye(4)), tmp_path / "scans" / f"{name}.nii.gz"
        )
    summary, cohort = build(tmp_path / "scans", tmp_path)
    assert (summary.n_rows, summary.n_files) == (3, 4)
    roles = {key: {file["role"] for file in cohort.files_of(key)} for key in cohort.table["row_key"].to_pylist()}
    assert roles == {"lung/imagesTr/a": {"image", "labels"}, "lung/imagesTr/b": {"image"}, "lung/labelsTs/b": {"image"}}
