"""Displacement fields as NIfTI, written and read by SimpleITK and by us."""

import contextlib

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import some_transforms as some
from scanmill.data.transforms import DisplacementField
from scanmill.errors import InputError, ResourceError
from scanmill.io.displacement_nifti import read_displacement_field, write_displacement_field


def a_field(seed=0, mirrored=False):
    grid = some.askew((4, 5, 6), seed, mirrored=mirrored)
    return DisplacementField(some.smooth_vectors(grid, 2.0, seed).astype(np.float32), grid)


@given(seed=st.integers(0, 2**31), mirrored=st.booleans())
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_simpleitk_writes_moves_points_alike(tmp_path, seed, mirrored):
    field = a_field(seed, mirrored)
    path = str(tmp_path / "theirs.nii.gz")
    sitk.WriteImage(some.image_of(field.array, field.geometry), path)
    theirs = sitk.DisplacementFieldTransform(sitk.ReadImage(path, sitk.sitkVectorFloat64))
    points = some.points_around(field.geometry, n=40, seed=seed, margin=0.3)
    ours = read_displacement_field(tmp_path / "theirs.nii.gz")
    np.testing.assert_array_equal(ours.array, field.array)
    np.testing.assert_allclose(ours.map(points), some.mapped_by(theirs, points), atol=1e-4)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("mirrored", [False, True])
def test_simpleitk_moves_points_with_what_is_written(tmp_path, suffix, mirrored):
    field = a_field(3, mirrored)
    for name in ("a", "b"):
        write_displacement_field(tmp_path / f"{name}{suffix}", field)
    theirs = sitk.DisplacementFieldTransform(sitk.ReadImage(str(tmp_path / f"a{suffix}"), sitk.sitkVectorFloat64))
    points = some.points_around(field.geometry, margin=0.3)
    np.testing.assert_allclose(some.mapped_by(theirs, points), field.map(points), atol=1e-4)
    back = read_displacement_field(tmp_path / f"a{suffix}")
    assert back.geometry.is_close(field.geometry, 1e-5)
    np.testing.assert_array_equal(back.array, field.array)
    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


def test_the_file_is_what_ants_writes(tmp_path):
    write_displacement_field(tmp_path / "a.nii.gz", a_field())
    image = nibabel.load(tmp_path / "a.nii.gz")
    assert image.shape == (6, 5, 4, 1, 3)
    assert (int(image.header["intent_code"]), image.get_data_dtype()) == (1007, np.float32)


def again(path, other, *, intent=1007, array=None, unit="mm"):
    """The file again with something else in it."""
    image = nibabel.load(path)
    new = nibabel.Nifti1Image(image.get_fdata().astype(np.float32) if array is None else array, image.affine)
    new.header.set_intent(intent)
    new.header.set_xyzt_units(unit)
    nibabel.save(new, other)
    return other


def test_displacement_vectors_of_the_standard_are_ras_as_in_simpleitk(tmp_path):
    write_displacement_field(tmp_path / "a.nii", a_field())
    path = again(tmp_path / "a.nii", tmp_path / "ras.nii", intent=1006)
    theirs = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
    np.testing.assert_array_equal(read_displacement_field(path).array, theirs)
    np.testing.assert_array_equal(theirs, a_field().array * [-1, -1, 1])


def test_a_file_that_does_not_say_needs_a_word(tmp_path):
    write_displacement_field(tmp_path / "a.nii", a_field())
    path = again(tmp_path / "a.nii", tmp_path / "none.nii", intent=0)
    with pytest.raises(InputError, match=r"does not say what its vectors are.*got 0; say components"):
        read_displacement_field(path)
    np.testing.assert_array_equal(read_displacement_field(path, components="lps").array, a_field().array)
    np.testing.assert_array_equal(read_displacement_field(path, components="ras").array, a_field().array * [-1, -1, 1])


def test_vectors_along_the_fourth_axis(tmp_path):
    write_displacement_field(tmp_path / "a.nii", a_field())
    flat = nibabel.load(tmp_path / "a.nii").get_fdata().astype(np.float32)[:, :, :, 0]
    path = again(tmp_path / "a.nii", tmp_path / "flat.nii", array=flat)
    np.testing.assert_array_equal(read_displacement_field(path).array, a_field().array)


FAULTS = {
    "an image": ({"array": np.zeros((4, 3, 2), np.float32)}, r"not a displacement field.*\(4, 3, 2\)"),
    "two components": ({"array": np.zeros((4, 3, 2, 1, 2), np.float32)}, "not a displacement field"),
    "five frames": ({"array": np.zeros((4, 3, 2, 5, 3), np.float32)}, "not a displacement field"),
    "micrometres": ({"unit": "micron"}, "must be in mm"),
    "complex": ({"array": np.zeros((4, 3, 2, 1, 3), np.complex64)}, "must be real numbers"),
    "nan": ({"array": np.full((4, 3, 2, 1, 3), np.nan, np.float32)}, r"not finite \(bad.nii\): got 24 of 24"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults(tmp_path, fault):
    what, words = FAULTS[fault]
    write_displacement_field(tmp_path / "a.nii", a_field())
    with pytest.raises(InputError, match=words):
        read_displacement_field(again(tmp_path / "a.nii", tmp_path / "bad.nii", **what))


def test_a_bomb_is_refused_with_its_number(tmp_path):
    write_displacement_field(tmp_path / "a.nii", a_field())
    with pytest.raises(InputError, match=f"{4 * 5 * 6 * 12} bytes"):
        read_displacement_field(tmp_path / "a.nii", max_bytes=4 * 5 * 6 * 12 - 1)


@given(position=st.integers(0, 400), byte=st.integers(0, 255), keep=st.integers(0, 3000))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_damaged_file_is_read_or_refused(tmp_path, position, byte, keep):
    path = tmp_path / "a.nii"
    write_displacement_field(path, a_field())
    content = bytearray(path.read_bytes())
    content[position] = byte
    path.write_bytes(content[:keep])
    with contextlib.suppress(InputError, ResourceError):
        assert read_displacement_field(path).array.dtype == np.float32
