"""Spatial Registration objects, made with pydicom by the standard's formulas."""

import contextlib
from datetime import datetime

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import Dataset

import dicom_builder as builder
import some_transforms as some
from scanmill.data.transforms import Rigid, Similarity
from scanmill.errors import InputError, ResourceError, SpecError
from scanmill.io.dicom_registration import DEFORMABLE, LINEAR, read_registration
from scanmill.io.dicom_registration_write import write_registration
from scanmill.io.identity import identifying_attributes

FIXED, MOVING = builder.uid("fixed"), builder.uid("moving")
WHEN = datetime(2026, 1, 2, 3, 4, 5)
GRID = some.askew((4, 5, 6))


def homogeneous(seed, rigid=False):
    ours = some.linear_pairs(seed)["euler" if rigid else "affine"][0]
    return ours.affine


def matrix_item(matrix, kind="AFFINE"):
    item = Dataset()
    item.FrameOfReferenceTransformationMatrixType = kind
    item.FrameOfReferenceTransformationMatrix = builder.decimals(np.ravel(matrix))
    return item


def registration(sop_class):
    dataset = Dataset()
    dataset.SOPClassUID, dataset.Modality, dataset.FrameOfReferenceUID = sop_class, "REG", FIXED
    dataset.PatientName = builder.NAME
    return dataset


def linear_object(path, *matrices, kind="AFFINE", edit=None):
    """The source's matrices, applied in their order, take it into the registered frame."""
    dataset, dataset.RegistrationSequence = registration(LINEAR), []
    for uid, inner in ((FIXED, [np.eye(4)]), (MOVING, matrices)):
        item, sequence = Dataset(), Dataset()
        sequence.MatrixSequence = [matrix_item(matrix, kind) for matrix in inner]
        item.FrameOfReferenceUID, item.MatrixRegistrationSequence = uid, [sequence]
        dataset.RegistrationSequence = [*dataset.RegistrationSequence, item]
    if edit:
        edit(dataset)
    return builder.save(dataset, path)


def deformable_object(path, vectors, before=None, after=None, edit=None):
    dataset, item, grid = registration(DEFORMABLE), Dataset(), Dataset()
    item.SourceFrameOfReferenceUID = MOVING
    for name, matrix in (("Pre", before), ("Post", after)):
        if matrix is not None:
            setattr(item, f"{name}DeformationMatrixRegistrationSequence", [matrix_item(matrix)])
    axes = np.asarray(GRID.direction)
    grid.ImageOrientationPatient = builder.decimals([*axes[:, 0], *axes[:, 1]])
    grid.ImagePositionPatient = builder.decimals(GRID.origin)
    grid.GridDimensions, grid.GridResolution = list(GRID.shape[::-1]), list(GRID.spacing)
    grid.VectorGridData = np.asarray(vectors, "<f4").tobytes()
    item.DeformableRegistrationGridSequence = [grid]
    dataset.DeformableRegistrationSequence = [item]
    if edit:
        edit(dataset)
    return builder.save(dataset, path)


def applied(matrix, points):
    return points @ matrix[:3, :3].T + matrix[:3, 3]


@given(seed=st.integers(0, 2**31), n=st.integers(1, 3))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_matrices_take_the_source_into_the_registered_frame(tmp_path, seed, n):
    matrices = [homogeneous(seed + k) for k in range(n)]
    found = read_registration(linear_object(tmp_path / "a.dcm", *matrices))
    moving = np.random.default_rng(seed).uniform(-100, 100, (20, 3))
    fixed = moving
    for matrix in matrices:
        fixed = applied(matrix, fixed)
    assert found.frame_of_reference_uid == FIXED
    np.testing.assert_allclose(found.to(MOVING).map(fixed), moving, atol=1e-5)
    np.testing.assert_allclose(found.to(FIXED).map(fixed), fixed, atol=1e-9)


def test_a_rigid_matrix_is_a_rigid_transform(tmp_path):
    found = read_registration(linear_object(tmp_path / "a.dcm", homogeneous(0, rigid=True), kind="RIGID"))
    assert isinstance(found.to(MOVING), Rigid)
    np.testing.assert_allclose(found.to(MOVING).affine, np.linalg.inv(homogeneous(0, rigid=True)), atol=1e-7)


@given(seed=st.integers(0, 2**31), before=st.booleans(), after=st.booleans())
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_deformation_samples_the_source_by_the_standard_s_formula(tmp_path, seed, before, after):
    """(x, y, z) of the source = M_post (M_pre (the grid's point) + its vector), PS3.3 C.20.3.1.1."""
    vectors = some.smooth_vectors(GRID, 3.0, seed)
    pre, post = (homogeneous(seed) if before else None), (homogeneous(seed + 1) if after else None)
    found = read_registration(deformable_object(tmp_path / "a.dcm", vectors, pre, post)).to(MOVING)
    points = GRID.voxel_points()
    expected = (applied(pre, points) if before else points) + vectors
    expected = applied(post, expected) if after else expected
    np.testing.assert_allclose(found.map(points), expected, atol=1e-4)
    far = np.array([[1e4, 0.0, 0.0]])
    there = applied(pre, far) if before else far
    np.testing.assert_allclose(found.map(far), applied(post, there) if after else there, rtol=1e-6)


def test_only_matrices_and_nothing_at_all(tmp_path):
    def no_grid(dataset):
        del dataset.DeformableRegistrationSequence[0].DeformableRegistrationGridSequence

    pre, post = homogeneous(1), homogeneous(2)
    path = deformable_object(tmp_path / "a.dcm", some.smooth_vectors(GRID), pre, post, edit=no_grid)
    np.testing.assert_allclose(read_registration(path).to(MOVING).affine, post @ pre, atol=1e-7)
    path = deformable_object(tmp_path / "b.dcm", some.smooth_vectors(GRID), edit=no_grid)
    np.testing.assert_array_equal(read_registration(path).to(MOVING).affine, np.eye(4))


def write(path, transform, **other):
    write_registration(
        path, transform, fixed_uid=FIXED, moving_uid=MOVING, uid_seed="run 1, unit 2", created=WHEN, **other
    )
    return path


@pytest.mark.parametrize(("kind", "words"), [("euler", "RIGID"), ("similarity", "AFFINE"), ("affine", "AFFINE")])
def test_what_is_written_is_read_by_pydicom_and_by_us(tmp_path, kind, words):
    ours = some.linear_pairs()[kind][0]
    path = write(tmp_path / "a.dcm", ours, patient_key="4b1f")
    dataset = pydicom.dcmread(path)
    own, other = dataset.RegistrationSequence
    assert (dataset.Modality, dataset.FrameOfReferenceUID, dataset.PatientID) == ("REG", FIXED, "4b1f")
    assert (own.FrameOfReferenceUID, other.FrameOfReferenceUID) == (FIXED, MOVING)
    stored = other.MatrixRegistrationSequence[0].MatrixSequence[0]
    assert stored.FrameOfReferenceTransformationMatrixType == words
    matrix = np.array(stored.FrameOfReferenceTransformationMatrix, float).reshape(4, 4)
    moving = np.random.default_rng(0).uniform(-100, 100, (20, 3))
    np.testing.assert_allclose(ours.map(applied(matrix, moving)), moving, atol=1e-8)
    np.testing.assert_allclose(read_registration(path).to(MOVING).affine, ours.affine, atol=1e-8)
    assert not identifying_attributes(dataset)
    assert path.read_bytes() == write(tmp_path / "b.dcm", ours, patient_key="4b1f").read_bytes()


def test_a_scale_is_not_called_rigid(tmp_path):
    path = write(tmp_path / "a.dcm", Rigid((0, 0, 0), (1, 2, 3)) @ Similarity((0, 0, 0), (0, 0, 0), 2.0))
    item = pydicom.dcmread(path).RegistrationSequence[1].MatrixRegistrationSequence[0].MatrixSequence[0]
    assert item.FrameOfReferenceTransformationMatrixType == "AFFINE"


def test_a_field_is_no_spatial_registration(tmp_path):
    with pytest.raises(SpecError, match="is linear"):
        write(tmp_path / "a.dcm", some.field_pair(GRID)[0])


def first(dataset):
    return dataset.RegistrationSequence[1].MatrixRegistrationSequence[0].MatrixSequence[0]


def spoil_linear(fault):
    def edit(dataset):
        if fault == "an image":
            dataset.SOPClassUID = builder.CT
        elif fault == "no frame":
            del dataset.FrameOfReferenceUID
        elif fault == "no sequence":
            dataset.RegistrationSequence = []
        elif fault == "15 numbers":
            first(dataset).FrameOfReferenceTransformationMatrix = ["1"] * 15
        elif fault == "singular":
            first(dataset).FrameOfReferenceTransformationMatrix = [*["0"] * 15, "1"]
        elif fault == "not rigid":
            first(dataset).FrameOfReferenceTransformationMatrixType = "RIGID"
        elif fault == "only images":
            for item in dataset.RegistrationSequence:
                del item.FrameOfReferenceUID

    return edit


@pytest.mark.parametrize(
    ("fault", "words"),
    [("an image", "not a spatial registration"), ("no frame", "FrameOfReferenceUID is missing"),
     ("no sequence", "RegistrationSequence is missing"), ("15 numbers", "expected 16 numbers, got 15"),
     ("singular", "cannot be inverted"), ("not rigid", "no rotation"), ("only images", "names no frame")],
)  # fmt: skip
def test_broken_matrices(tmp_path, fault, words):
    with pytest.raises(InputError, match=words) as caught:
        read_registration(linear_object(tmp_path / "a.dcm", homogeneous(1), edit=spoil_linear(fault)))
    assert builder.NAME not in str(caught.value)


def spoil_grid(**values):
    def edit(dataset):
        grid = dataset.DeformableRegistrationSequence[0].DeformableRegistrationGridSequence[0]
        for name, value in values.items():
            setattr(grid, name, value)

    return edit


@pytest.mark.parametrize(
    ("values", "words"),
    [({"GridDimensions": [6, 5, 5]}, "does not fit its grid"), ({"GridDimensions": [0, 5, 4]}, "must be positive"),
     ({"GridDimensions": [2**31, 2**31, 2**31]}, "too large"), ({"GridResolution": [1.0, 0.0, 1.0]}, "positive"),
     ({"ImageOrientationPatient": ["1", "0", "0", "1", "0", "0"]}, r"not orthonormal \(a.dcm\)"),
     ({"VectorGridData": np.full(360, np.nan, "<f4").tobytes()}, r"not finite \(a.dcm\): got 120 of 120 vectors")],
    ids=["sizes", "zero", "huge", "no step", "axes", "undefined"],
)  # fmt: skip
def test_broken_grids(tmp_path, values, words):
    path = deformable_object(tmp_path / "a.dcm", some.smooth_vectors(GRID), edit=spoil_grid(**values))
    with pytest.raises(InputError, match=words):
        read_registration(path)


def test_the_wrong_frame_a_large_file_and_none(tmp_path):
    path = linear_object(tmp_path / "a.dcm", homogeneous(1))
    with pytest.raises(InputError, match="does not tell of this frame"):
        read_registration(path).to("1.2.3")
    with pytest.raises(InputError, match="at most 100 bytes"):
        read_registration(path, max_bytes=100)
    with pytest.raises(InputError, match="no such file"):
        read_registration(tmp_path / "b.dcm")


@given(position=st.floats(0, 0.999), byte=st.integers(0, 255), keep=st.floats(0, 1))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_damaged_file_is_read_or_refused(tmp_path, position, byte, keep):
    path = deformable_object(tmp_path / "a.dcm", some.smooth_vectors(GRID), homogeneous(1))
    content = bytearray(path.read_bytes())
    content[int(position * len(content))] = byte
    path.write_bytes(content[: max(1, int(keep * 1.5 * len(content)))])
    with contextlib.suppress(InputError, ResourceError):
        assert read_registration(path).transforms
