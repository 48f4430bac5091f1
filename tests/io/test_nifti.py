import contextlib
import gzip
import struct

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from scanmill.data import Labels, Volume
from scanmill.errors import InputError, ResourceError
from scanmill.geometry import VolumeGeometry
from scanmill.io.nifti import read_labels, read_nifti, write_nifti

ATLAS = "mni152_atlas/mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz"


def oblique(shape=(4, 5, 6), seed=0, mirrored=False):
    turn = Rotation.random(rng=np.random.default_rng(seed)).as_matrix() @ np.diag([1, 1, -1 if mirrored else 1])
    return VolumeGeometry(shape, (0.7, 1.1, 2.5), (-10.5, 20.25, 30.0), tuple(map(tuple, turn)))


def a_volume(geometry, dtype=np.float32, seed=1):
    values = np.random.default_rng(seed).integers(-1000, 3000, geometry.shape)
    return Volume(values.astype(dtype), geometry, "HU")


def simpleitk_geometry(image):
    direction = np.reshape(image.GetDirection(), (3, 3))
    return VolumeGeometry(image.GetSize()[::-1], image.GetSpacing(), image.GetOrigin(), tuple(map(tuple, direction)))


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("dtype", [np.float32, np.int16, np.uint8, np.uint16])
@pytest.mark.parametrize("mirrored", [False, True])
def test_round_trip_and_simpleitk_sees_the_same_points(tmp_path, suffix, dtype, mirrored):
    path, volume = tmp_path / f"a{suffix}", a_volume(oblique(mirrored=mirrored), dtype)
    write_nifti(path, volume)
    back, theirs = read_nifti(path), sitk.ReadImage(str(path))
    assert back.geometry.is_close(volume.geometry, 1e-5)
    assert simpleitk_geometry(theirs).is_close(volume.geometry, 1e-4)
    assert (back.array.dtype, back.unit) == (np.float32, "HU")
    np.testing.assert_array_equal(back.array, volume.array.astype(np.float32))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(theirs), volume.array)
    assert nibabel.load(path).get_data_dtype() == dtype


@given(seed=st.integers(0, 2**31), mirrored=st.booleans())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_simpleitk_writes_is_read_at_the_same_points(tmp_path, seed, mirrored):
    geometry = oblique((3, 4, 5), seed, mirrored)
    values = np.random.default_rng(seed).normal(size=geometry.shape).astype(np.float32)
    image = sitk.GetImageFromArray(values)
    image.SetSpacing(geometry.spacing)
    image.SetOrigin(geometry.origin)
    image.SetDirection(np.ravel(geometry.direction).tolist())
    sitk.WriteImage(image, str(tmp_path / "theirs.nii.gz"))
    ours = read_nifti(tmp_path / "theirs.nii.gz")
    assert ours.geometry.is_close(geometry, 1e-4)
    np.testing.assert_array_equal(ours.array, values)


def test_the_atlas_as_simpleitk_reads_it(data_folder, tmp_path):
    ours, theirs = read_nifti(data_folder / ATLAS), sitk.ReadImage(str(data_folder / ATLAS))
    assert ours.geometry.is_close(simpleitk_geometry(theirs), 1e-3)
    np.testing.assert_array_equal(ours.array, sitk.GetArrayFromImage(theirs).astype(np.float32))
    middle = np.rint(ours.geometry.to_indices([0.0, 0.0, 0.0])).astype(int)
    assert ours.array[tuple(middle[::-1])] > 0  # MNI's origin lies in the brain
    write_nifti(tmp_path / "again.nii.gz", ours)
    np.testing.assert_array_equal(read_nifti(tmp_path / "again.nii.gz").array, ours.array)


def test_the_same_image_gives_the_same_bytes(tmp_path):
    for name in ("a.nii.gz", "another-name.nii.gz"):
        write_nifti(tmp_path / name, a_volume(oblique()))
    first, second = ((tmp_path / name).read_bytes() for name in ("a.nii.gz", "another-name.nii.gz"))
    assert first == second
    assert first[:8] == b"\x1f\x8b\x08\x00" + bytes(4)  # no name, no time


def stored(path, shape, dtype=np.int16, *, affine=None, **fields):
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) if affine is None else affine
    image = nibabel.Nifti1Image(np.arange(np.prod(shape)).reshape(shape).astype(dtype), affine)
    for name, value in fields.items():
        image.header[name] = value
    nibabel.save(image, path)
    return path


def patched(path, offset, layout, *values):
    raw = bytearray(path.read_bytes())
    struct.pack_into(layout, raw, offset, *values)
    path.write_bytes(raw)
    return path


def test_slope_and_intercept(tmp_path):
    path = patched(stored(tmp_path / "a.nii", (2, 3, 4)), 112, "<ff", 0.5, -1000.0)
    np.testing.assert_array_equal(read_nifti(path).array.T, np.arange(24).reshape(2, 3, 4) * 0.5 - 1000)


def test_a_picture_and_one_frame_are_volumes(tmp_path):
    assert read_nifti(stored(tmp_path / "flat.nii", (4, 3))).array.shape == (1, 3, 4)
    assert read_nifti(stored(tmp_path / "one.nii", (4, 3, 2, 1, 1))).array.shape == (2, 3, 4)
    with pytest.raises(InputError, match=r"several frames.*\(4, 3, 2, 5\)"):
        read_nifti(stored(tmp_path / "many.nii", (4, 3, 2, 5)))


@pytest.mark.parametrize(("code", "mm"), [(0, 1.0), (1, 1000.0), (2, 1.0), (3, 0.001)])
def test_units_become_mm(tmp_path, code, mm):
    path = stored(tmp_path / "a.nii", (4, 3, 2), affine=np.diag([2.0, 3.0, 4.0, 1.0]), xyzt_units=code)
    np.testing.assert_allclose(read_nifti(path).geometry.spacing, np.array([2, 3, 4]) * mm)


def test_the_qform_counts_where_the_sform_is_silent(tmp_path):
    volume = a_volume(oblique())
    write_nifti(tmp_path / "a.nii", volume)
    image = nibabel.load(tmp_path / "a.nii")
    image.set_sform(np.eye(4), code=0)
    nibabel.save(image, tmp_path / "q.nii")
    assert read_nifti(tmp_path / "q.nii").geometry.is_close(volume.geometry, 1e-4)


def test_a_sheared_affine_is_named(tmp_path):
    affine = np.eye(4)
    affine[0, 2] = np.tan(np.deg2rad(10))
    with pytest.raises(InputError, match=r"sheared.*10\.000 degrees"):
        read_nifti(stored(tmp_path / "a.nii", (4, 3, 2), affine=affine))


def test_a_flat_affine_is_named(tmp_path):
    path = patched(stored(tmp_path / "a.nii", (4, 3, 2)), 280, "<8f", *[0.0] * 8)
    with pytest.raises(InputError, match="not invertible"):
        read_nifti(path)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("part", [0.0, 0.1, 0.5, 0.99])
def test_a_truncated_file(tmp_path, suffix, part):
    path = tmp_path / f"a{suffix}"
    write_nifti(path, a_volume(oblique((20, 20, 20))))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * part)])
    with pytest.raises(InputError, match=r"not a readable NIfTI file \(a"):
        read_nifti(path)


@given(position=st.integers(0, 400), byte=st.integers(0, 255))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_damaged_header_is_read_or_refused(tmp_path, position, byte):
    path = tmp_path / "a.nii"
    write_nifti(path, a_volume(oblique((2, 3, 4))))
    patched(path, position, "B", byte)
    with contextlib.suppress(InputError, ResourceError):
        assert read_nifti(path).array.dtype == np.float32


def test_garbage_and_nothing(tmp_path):
    (tmp_path / "a.nii").write_bytes(bytes(range(256)) * 10)
    with pytest.raises(InputError, match="not a readable NIfTI"):
        read_nifti(tmp_path / "a.nii")
    with pytest.raises(InputError, match="no such file"):
        read_nifti(tmp_path / "b.nii")


def test_complex_voxels_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"real numbers.*complex64"):
        read_nifti(stored(tmp_path / "a.nii", (4, 3, 2), np.complex64))


def test_a_bomb_is_refused_with_its_number(tmp_path):
    path = stored(tmp_path / "a.nii", (4, 3, 2))
    with pytest.raises(InputError, match="96 bytes"):
        read_nifti(path, max_bytes=95)
    raw = patched(path, 42, "<3h", 32767, 32767, 32767).read_bytes()
    (tmp_path / "bomb.nii.gz").write_bytes(gzip.compress(raw))
    with pytest.raises(InputError, match="140724603846652"):
        read_nifti(tmp_path / "bomb.nii.gz")


@pytest.mark.parametrize(("top", "dtype"), [(255, np.uint8), (256, np.uint16), (65535, np.uint16)])
def test_labels(tmp_path, top, dtype):
    values = np.zeros((3, 4, 5), np.int64)
    values[1, 2, 3] = top
    write_nifti(tmp_path / "a.nii.gz", Labels(values, oblique((3, 4, 5))))
    back = read_labels(tmp_path / "a.nii.gz", names={top: "object"})
    assert (back.array.dtype, back.names[top]) == (dtype, "object")
    np.testing.assert_array_equal(back.array, values)


def test_labels_must_be_whole_and_in_range(tmp_path):
    with pytest.raises(InputError, match="65536"):
        write_nifti(tmp_path / "a.nii", Labels(np.full((1, 2, 2), 65536), oblique((1, 2, 2))))
    write_nifti(tmp_path / "a.nii", Volume(np.full((1, 2, 2), 0.5), oblique((1, 2, 2))))
    with pytest.raises(InputError, match="whole numbers"):
        read_labels(tmp_path / "a.nii")


def test_a_full_disk_is_the_machines_fault(tmp_path):
    (tmp_path / "a.nii").symlink_to("/dev/full")
    with pytest.raises(ResourceError, match="disk is full"):
        write_nifti(tmp_path / "a.nii", a_volume(oblique((8, 64, 64))))
