"""Folders of raw MR data become rows; the step `read` makes k-space of each, or fails that row alone."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from ismrmrd import xsd

from ismrmrd_files import Writer, encoding
from scanmill.cohort import Cohort
from scanmill.cohort.build import build_cohort
from scanmill.cohort.identity import patient_key
from scanmill.cohort.protected import read_protected
from scanmill.data import KSpace, Volume
from scanmill.errors import InputError
from scanmill.steps.contract import Context, InputFile, Row
from scanmill.steps.table import find_step

SECRET = "a secret of the test site"
NAME, PATIENT = "Doe^Jane", "MRN-4711"


@pytest.fixture(autouse=True)
def _secret(monkeypatch):
    monkeypatch.setenv("SCANMILL_SITE_SECRET", SECRET)


def write_ismrmrd(path, *, n_encodings=1, measurements=("dataset",), **subject):
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = Writer([encoding((16, 12, 1), (160.0, 120.0, 5.0), (8, 12, 1), (80.0, 120.0, 5.0))] * n_encodings)
    if subject:
        writer.extra = {"subjectInformation": xsd.subjectInformationType(**subject)}
    for number in range(n_encodings):
        for step in range(0, 12, 2):
            for slice_number in range(3):
                writer.add(np.ones((2, 16)), kspace_encode_step_1=step, slice=slice_number,
                           position=(0, 0, 6 * slice_number), encoding=number)  # fmt: skip
    for measurement in measurements:
        writer.write(path, measurement)


def write_fastmri(path, **attributes):
    path.parent.mkdir(parents=True, exist_ok=True)
    header = xsd.ismrmrdHeader(
        experimentalConditions=xsd.experimentalConditionsType(H1resonanceFrequency_Hz=123_000_000),
        encoding=[encoding((16, 12, 1), (160.0, 120.0, 5.0), (8, 8, 1), (80.0, 80.0, 5.0))],
    )
    with h5py.File(path, "w") as file:
        file["kspace"] = np.ones((3, 2, 16, 12), np.complex64)
        file["ismrmrd_header"] = xsd.ToXML(header).encode()
        file["reconstruction_rss"] = np.ones((3, 8, 8), np.float32)
        for name, value in attributes.items():
            file.attrs[name] = value


def write_cfl(path, n=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".hdr").write_text("# Dimensions\n6 4 1 2\n")
    np.ones(48, np.complex64)[:n].tofile(path)


@pytest.fixture
def scans(tmp_path):
    root = tmp_path / "scans"
    write_ismrmrd(root / "a" / "brain.h5", patientName=NAME, patientID=PATIENT)
    write_ismrmrd(root / "many.h5", n_encodings=2, measurements=("first", "scan.2"))
    write_fastmri(root / "file1.h5", patient_id=PATIENT, acquisition="AXT2")
    write_cfl(root / "ksp.cfl")
    write_cfl(root / "short.cfl", n=40)
    write_ismrmrd(root / "cut.h5")
    (root / "cut.h5").write_bytes((root / "cut.h5").read_bytes()[:4000])
    with h5py.File(root / "headless.h5", "w") as file:
        file["kspace"] = np.ones((3, 2, 16, 12), np.complex64)
    with h5py.File(root / "else.h5", "w") as file:
        file["entry/counts"] = np.ones(3)
    (root / "meas.dat").write_bytes((0).to_bytes(4, "little") + (1).to_bytes(4, "little") + bytes(100))
    (root / "lonely.cfl").write_bytes(bytes(8))
    return root


def built(folder, tmp_path):
    build_cohort([folder], project="p", out=tmp_path / "cohort.parquet", workers=2)
    return Cohort.open(tmp_path / "cohort.parquet")


def rows_of(cohort):
    return {row["row_key"]: row for row in cohort.table.to_pylist()}


def read(cohort, row_key, **params):
    """The values of a row, and the warnings."""
    root = Path(cohort.roots["data"])
    files = tuple(
        InputFile(file["role"], root / file["path"], file["path"], reader=file["reader"])
        for file in cohort.files_of(row_key)
    )
    step = find_step("read")
    output = step.run({}, step.params(**params), Context((Row(row_key, rows_of(cohort)[row_key], files),), None))
    return output.values, output.warnings


def test_every_scan_is_a_row_and_every_other_file_a_problem(scans, tmp_path):
    cohort = built(scans, tmp_path)
    rows = rows_of(cohort)
    assert set(rows) == {
        "p/a/brain", "p/cut", "p/file1", "p/headless", "p/ksp", "p/short",
        *(f"p/many/{name}/encoding-{number}" for name in ("first", "scan.2") for number in (0, 1)),
    }  # fmt: skip
    problems = {problem["path"]: problem["problem"] for problem in cohort.problems.to_pylist()}
    assert set(problems) == {"cut.h5", "else.h5", "headless.h5", "lonely.cfl", "meas.dat", "short.cfl"}
    assert "siemens_to_ismrmrd" in problems["meas.dat"]
    assert "no header" in problems["headless.h5"]
    assert "not a readable HDF5 file" in problems["cut.h5"]
    assert "data card" in problems["else.h5"]
    assert "truncated" in problems["short.cfl"]


def test_columns(scans, tmp_path):
    rows = rows_of(built(scans, tmp_path))
    common = {"Modality": "MR", "n_slices": 3, "n_coils": 2, "n_frames": 1, "matrix_y": 12, "trajectory": "cartesian"}
    assert {**common, "matrix_x": 8, "size_x": 8, "size_y": 12, "spacing_z": 6.0, "acceleration": 2.0,
            "ImagingFrequency": 63.87}.items() <= rows["p/a/brain"].items()  # fmt: skip
    assert {"matrix_x": 12, "matrix_y": 8, "size_x": 8, "acceleration": 1.0, "acquisition": "AXT2",
            "Modality": "MR"}.items() <= rows["p/file1"].items()  # fmt: skip
    assert {"measurement": "scan.2", "encoding": 1}.items() <= rows["p/many/scan.2/encoding-1"].items()
    assert {"n_coils": 2, "matrix_x": 6, "matrix_y": 4}.items() <= rows["p/ksp"].items()


def test_identity_goes_to_the_protected_table_and_nowhere_else(scans, tmp_path):
    cohort = built(scans, tmp_path)
    rows = rows_of(cohort)
    key = patient_key(SECRET.encode(), PATIENT)
    assert rows["p/a/brain"]["patient_key"] == rows["p/file1"]["patient_key"] == key
    assert (rows["p/a/brain"]["contains_identity"], rows["p/many/first/encoding-0"]["contains_identity"]) == (
        True,
        False,
    )
    for table in (cohort.table, cohort.files, cohort.problems):
        assert NAME not in str(table.to_pylist())
        assert PATIENT not in str(table.to_pylist())
    protected = {row["row_key"]: row for row in read_protected(tmp_path / "cohort.parquet").to_pylist()}
    assert protected["p/a/brain"]["PatientName"] == NAME
    assert protected["p/file1"]["PatientID"] == PATIENT


def test_rows_are_read_as_k_space(scans, tmp_path):
    cohort = built(scans, tmp_path)
    values, warnings = read(cohort, "p/a/brain")
    assert isinstance(values["scan"], KSpace)
    assert values["scan"].array.shape == (1, 3, 2, 1, 12, 8)
    assert warnings == ()
    values, _ = read(cohort, "p/file1")
    assert values["scan"].array.shape == (1, 3, 2, 1, 8, 12)
    assert isinstance(values["reference"], Volume)
    values, warnings = read(cohort, "p/ksp")
    assert values["scan"].n_coils == 2
    assert "1 mm and a grid are assumed" in warnings[0]


def test_a_file_with_several_is_read_by_the_row_s_choice_or_by_the_parameters(scans, tmp_path):
    cohort = built(scans, tmp_path)
    values, _ = read(cohort, "p/many/scan.2/encoding-1")
    assert values["scan"].n_slices == 3
    with pytest.raises(InputError, match="no such encoding"):
        read(cohort, "p/many/scan.2/encoding-1", encoding=5)
    with pytest.raises(InputError, match="no such measurement"):
        read(cohort, "p/many/scan.2/encoding-1", measurement="third")


@pytest.mark.parametrize(
    ("row", "words"), [("p/headless", "no header"), ("p/short", "truncated"), ("p/cut", "not a readable HDF5 file")]
)
def test_a_broken_row_fails_alone(scans, tmp_path, row, words):
    cohort = built(scans, tmp_path)
    with pytest.raises(InputError, match=words):
        read(cohort, row)


def test_real_files(data_folder, tmp_path):
    cohort = built(data_folder / "mr_kspace_brain8", tmp_path)
    rows = rows_of(cohort)
    assert set(rows) == {"p/cartesian_ksp_ismrmrd", "p/ksp"}
    for row in rows.values():
        assert (row["n_coils"], row["trajectory"]) == (8, "cartesian")
    values, warnings = read(cohort, "p/cartesian_ksp_ismrmrd")
    assert values["scan"].matrix == (1, 230, 180)
    assert "no directions" in warnings[0]
