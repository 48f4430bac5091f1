from decimal import Decimal

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dicom_builder import classic_series, oblique, stored_values
from scanmill.data import Volume
from scanmill.errors import InputError, ResourceError, SpecError
from scanmill.geometry import VolumeGeometry
from scanmill.io.dicom_rescale import Rescale
from scanmill.io.dicom_series import read_series, scan_series
from scanmill.io.dicom_write import derived_uid, write_series

ABOUT = {"description": "SIRT 40", "uid_seed": "run/unit/image"}


def a_volume(unit="HU", low=-1000.0, high=2500.0, grid=None):
    grid = grid or oblique()
    return Volume(np.random.default_rng(3).uniform(low, high, grid.shape).astype(np.float32), grid, unit)


def simpleitk_series(folder):
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder)))
    image = reader.Execute()
    direction = np.reshape(image.GetDirection(), (3, 3))
    grid = VolumeGeometry(image.GetSize()[::-1], image.GetSpacing(), image.GetOrigin(), tuple(map(tuple, direction)))
    return grid, sitk.GetArrayFromImage(image)


@pytest.mark.parametrize(
    ("unit", "low", "high"), [("HU", -1000, 2500), ("1/mm", 0, 0.05), ("", 0, 3e6), ("", -1, 1e-9)]
)
def test_round_trip_within_half_a_slope(tmp_path, unit, low, high):
    volume = a_volume(unit, low, high)
    back = read_series(write_series(tmp_path, volume, **ABOUT))
    assert back.geometry.is_close(volume.geometry, 1e-4)
    assert back.unit == unit
    step = float(pydicom.dcmread(tmp_path / "0001.dcm").RescaleSlope)
    assert step <= 2.6 * (high - low) / 65535
    np.testing.assert_allclose(back.array, volume.array, atol=0.51 * step, rtol=1e-6)


def test_simpleitk_sees_the_same_image(tmp_path):
    volume = a_volume()
    write_series(tmp_path, volume, **ABOUT)
    grid, voxels = simpleitk_series(tmp_path)
    assert grid.is_close(volume.geometry, 1e-3)
    np.testing.assert_allclose(voxels, volume.array, atol=0.06)


def test_simpleitk_sees_integers_as_they_are_in_mr(tmp_path):
    grid = oblique()
    volume = Volume(stored_values(grid.shape), grid)
    paths = write_series(tmp_path, volume, **ABOUT)
    assert pydicom.dcmread(paths[0]).Modality == "MR"
    np.testing.assert_array_equal(simpleitk_series(tmp_path)[1], volume.array)
    np.testing.assert_array_equal(read_series(paths).array, volume.array)


def test_a_left_handed_grid_keeps_its_points(tmp_path):
    grid = oblique((3, 4, 5))
    mirror = np.asarray(grid.direction) @ np.diag([1, 1, -1])
    volume = a_volume(grid=VolumeGeometry(grid.shape, grid.spacing, grid.origin, tuple(map(tuple, mirror))))
    back = read_series(write_series(tmp_path, volume, **ABOUT))
    there = back.geometry.to_indices(volume.geometry.voxel_points())
    x, y, z = np.moveaxis(np.rint(there).astype(int), -1, 0)
    np.testing.assert_allclose(there, np.rint(there), atol=1e-3)
    np.testing.assert_allclose(back.array[z, y, x], volume.array, atol=0.06)


def test_the_same_input_gives_the_same_bytes(tmp_path):
    one, two = (write_series(tmp_path / name, a_volume(), **ABOUT) for name in ("one", "two"))
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]
    other = write_series(tmp_path / "three", a_volume(), description="SIRT 40", uid_seed="another")
    first, third = (pydicom.dcmread(paths[0]) for paths in (one, other))
    assert first.SeriesInstanceUID != third.SeriesInstanceUID
    assert first.SOPInstanceUID != third.SOPInstanceUID


def test_uids_are_valid_and_unique(tmp_path):
    headers = [pydicom.dcmread(path) for path in write_series(tmp_path, a_volume(), **ABOUT)]
    instances = {header.SOPInstanceUID for header in headers}
    assert len(instances) == len(headers)
    assert len({header.SeriesInstanceUID for header in headers}) == 1
    for uid in instances | {headers[0].StudyInstanceUID, headers[0].FrameOfReferenceUID}:
        assert pydicom.uid.UID(uid).is_valid
        assert uid.startswith("2.25.")
    assert headers[0].file_meta.MediaStorageSOPInstanceUID == headers[0].SOPInstanceUID
    assert derived_uid("a", "bc") != derived_uid("ab", "c")


def test_nothing_of_the_source_s_identity_is_copied(tmp_path):
    grid = oblique()

    def edit(dataset, _):
        dataset.BodyPartExamined, dataset.KVP = "CHEST", 120

    (source,) = scan_series(classic_series(tmp_path / "in", grid, stored_values(grid.shape), edit=edit))
    paths = write_series(tmp_path / "out", a_volume(), like=source, patient_key="3f2a", study_key="77aa", **ABOUT)
    header = pydicom.dcmread(paths[0])
    assert (header.PatientID, str(header.PatientName), header.BodyPartExamined) == ("3f2a", "", "CHEST")
    assert (header.ImageType[:2], header.PatientIdentityRemoved) == (["DERIVED", "SECONDARY"], "YES")
    content = paths[0].read_bytes()
    assert not [value for value in source.protected.values() if value.encode() in content]
    (facts,) = scan_series(paths)
    assert not facts.has_identity
    second = write_series(tmp_path / "2", a_volume(), study_key="77aa", description="mask", uid_seed="other")
    assert pydicom.dcmread(second[0]).StudyInstanceUID == header.StudyInstanceUID


def test_what_cannot_be_written_is_refused(tmp_path):
    volume = a_volume()
    with pytest.raises(InputError, match="not finite"):
        write_series(tmp_path, volume.with_array(np.full_like(volume.array, np.nan)), **ABOUT)
    for description in ("x" * 65, "a\\b", "a\nb"):
        with pytest.raises(SpecError, match="description"):
            write_series(tmp_path, volume, description=description, uid_seed="a")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_the_machines_fault(tmp_path):
    (tmp_path / "0001.dcm").symlink_to("/dev/full")
    with pytest.raises(ResourceError, match="disk is full"):
        write_series(tmp_path, a_volume(), **ABOUT)


@given(arrays(np.float32, (5,), elements=st.floats(-(2.0**100), 2.0**100, width=32)))
def test_every_value_comes_back_within_half_a_slope(values):
    rescale = Rescale.of(values)
    stored = rescale.store(values).astype(np.float64)
    back = stored * float(rescale.slope) + float(rescale.intercept)
    assert np.abs(back - values).max() <= 0.5001 * float(rescale.slope)


@given(arrays(np.int32, (4,), elements=st.integers(-32768, 32767)), st.integers(-(10**6), 10**6))
def test_integers_that_fit_are_exact(values, offset):
    values = values + offset
    rescale = Rescale.of(values)
    assert rescale.slope == 1
    np.testing.assert_array_equal(rescale.store(values).astype(np.int64) + int(rescale.intercept), values)


@given(st.floats(-(2.0**100), 2.0**100, width=32), st.floats(-(2.0**100), 2.0**100, width=32))
def test_slope_and_intercept_fit_a_decimal_string(low, high):
    from scanmill.io.dicom_write import _decimal

    rescale = Rescale.of(np.array([low, high], np.float32))
    for value in (rescale.slope, rescale.intercept):
        assert len(_decimal(value)) <= 16
        assert Decimal(_decimal(value)) == value
