"""Resampling, voxel by voxel beside SimpleITK, and beside SciPy for the splines."""

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

import some_transforms as some
from scanmill.algorithms.registration.resample import resample
from scanmill.data import Labels, Volume
from scanmill.data.transforms import Affine, Rigid, Transform, Translation, VelocityField, displacement
from scanmill.errors import InputError, SpecError
from scanmill.geometry import VolumeGeometry

THEIRS = {"linear": sitk.sitkLinear, "cubic": sitk.sitkBSpline3, "nearest": sitk.sitkNearestNeighbor}
MOVING = some.askew((9, 10, 11), seed=1, origin=(0.0, 0.0, 0.0))
FIXED = some.askew((12, 11, 13), seed=1, spacing=(0.9, 0.85, 1.7), origin=(0.7, -1.3, -1.9))


def noise(grid, dtype=np.float64, seed=0):
    return Volume(np.random.default_rng(seed).standard_normal(grid.shape).astype(dtype), grid)


def seen_by_simpleitk(image, grid, transform, how, outside):
    reference = some.image_of(np.zeros(grid.shape, np.uint8), grid)
    theirs = sitk.Resample(some.image_of(image.array, image.geometry), reference, transform, how, float(outside))
    return sitk.GetArrayFromImage(theirs)


def small_transforms():
    """Pairs that leave most of `FIXED` within `MOVING`."""
    turn = Rigid.from_euler((0.05, -0.08, 0.1), (0.4, -0.3, 0.6), (3.0, 4.0, 5.0))
    turned = sitk.Euler3DTransform((3.0, 4.0, 5.0), 0.05, -0.08, 0.1, (0.4, -0.3, 0.6))
    bent, bending = some.field_pair(FIXED, size_mm=1.2)
    free, freely = some.bspline_pair(FIXED)
    return {
        "nothing": (None, sitk.Transform(3, sitk.sitkIdentity)),
        "a turn": (turn, turned),
        "a field": (bent, bending),
        "a turned field": (turn @ bent, sitk.CompositeTransform([turned, bending])),
        "a chain": (turn @ free @ bent, sitk.CompositeTransform([turned, freely, bending])),
    }


@pytest.mark.parametrize("how", THEIRS)
@pytest.mark.parametrize("kind", small_transforms())
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-10), (np.float32, 3e-5)])
def test_every_voxel_is_simpleitk_s(how, kind, dtype, tolerance, monkeypatch):
    monkeypatch.setattr(displacement, "SLAB_VOXELS", 500)
    ours, theirs = small_transforms()[kind]
    image = noise(MOVING, dtype)
    found = resample(image, FIXED, ours, interpolation=how, outside=-7.0)
    expected = seen_by_simpleitk(image, FIXED, theirs, THEIRS[how], -7.0)
    assert found.array.dtype == dtype
    assert 0.01 < (expected == -7).mean() < 0.9
    wrong = np.abs(found.array - expected) > tolerance * 10
    assert wrong.sum() <= (2 if dtype == np.float32 else 0)  # a place on a border may round to either side of it
    np.testing.assert_allclose(found.array[~wrong], expected[~wrong], atol=tolerance)


@pytest.mark.parametrize("kind", small_transforms())
def test_labels_are_those_of_simpleitk(kind):
    ours, theirs = small_transforms()[kind]
    values = ndimage.gaussian_filter(np.random.default_rng(2).random((4, *MOVING.shape)), (0, 1, 1, 1)).argmax(axis=0)
    labels = Labels((values * 3).astype(np.uint8), MOVING, {3: "a", 6: "b"})
    found = resample(labels, FIXED, ours, outside=9)
    assert (found.array.dtype, found.names) == (np.uint8, labels.names)
    np.testing.assert_array_equal(found.array, seen_by_simpleitk(labels, FIXED, theirs, sitk.sitkLabelLinear, 9))
    near = resample(labels, FIXED, ours, interpolation="nearest", outside=9)
    np.testing.assert_array_equal(near.array, seen_by_simpleitk(labels, FIXED, theirs, sitk.sitkNearestNeighbor, 9))


def test_a_label_is_the_largest_of_its_one_hot_images():
    """The definition: resample every label's own image linearly, take the largest."""
    values = np.random.default_rng(3).integers(0, 5, MOVING.shape)
    turn = small_transforms()["a turn"][0]
    one_hot = [resample(Volume((values == label).astype(np.float64), MOVING), FIXED, turn).array for label in range(5)]
    found = resample(Labels(values.astype(np.int16), MOVING), FIXED, turn).array
    np.testing.assert_array_equal(found, np.argmax(one_hot, axis=0))


@pytest.mark.parametrize(("how", "order"), [("linear", 1), ("cubic", 3)])
def test_inside_every_voxel_is_scipy_s(how, order):
    image = noise(MOVING)
    turn = small_transforms()["a turn"][0]
    places = MOVING.to_indices(turn.map(FIXED.voxel_points()))
    expected = ndimage.map_coordinates(image.array, np.moveaxis(places[..., ::-1], -1, 0), order=order, mode="mirror")
    inside = ((places >= 0) & (places <= np.array(MOVING.shape[::-1]) - 1)).all(axis=-1)
    assert inside.mean() > 0.3
    found = resample(image, FIXED, turn, interpolation=how).array
    np.testing.assert_allclose(found[inside], expected[inside], atol=1e-9)


@pytest.mark.parametrize("how", ["nearest", "label", "linear", "cubic"])
def test_an_image_on_its_own_grid_is_itself(how):
    image = noise(MOVING, np.float32)
    np.testing.assert_allclose(resample(image, MOVING, interpolation=how).array, image.array, atol=1e-5)


def test_a_chain_is_one_interpolation():
    """There and back by half a voxel: two linear interpolations would blur the noise."""
    image = noise(MOVING)
    there = Translation((0.5, 0.4, 0.3))
    once = resample(image, MOVING, there.inverse() @ there)
    np.testing.assert_allclose(once.array, image.array, atol=1e-9)


def test_a_velocity_bends_an_image_as_its_flow_does():
    velocity = VelocityField(some.smooth_vectors(FIXED, 1.0), FIXED)
    image = noise(MOVING)
    expected = resample(image, FIXED, velocity.displacement)
    np.testing.assert_array_equal(resample(image, FIXED, velocity).array, expected.array)


@given(seed=st.integers(0, 2**31))
@settings(max_examples=20, deadline=None)
def test_a_linear_function_is_carried_exactly(seed):
    """Linear interpolation of a linear function of place is that function of the moved places."""
    rng = np.random.default_rng(seed)
    moving = some.askew((6, 7, 8), seed)
    slope, shear = rng.standard_normal(3), Affine(np.eye(3) + rng.uniform(-0.1, 0.1, (3, 3)), rng.uniform(-1, 1, 3))
    image = Volume(moving.voxel_points() @ slope, moving)
    found = resample(image, moving, shear, outside=np.nan).array
    places = moving.to_indices(shear.map(moving.voxel_points()))
    inside = ((places > 1e-9) & (places < np.array(moving.shape[::-1]) - 1 - 1e-9)).all(axis=-1)
    np.testing.assert_allclose(found[inside], (shear.map(moving.voxel_points()) @ slope)[inside], atol=1e-9)
    far = ((places < -0.5 - 1e-9) | (places > np.array(moving.shape[::-1]) - 0.5 + 1e-9)).any(axis=-1)
    assert np.isnan(found[far]).all()


@pytest.mark.parametrize("how", ["nearest", "label", "linear", "cubic"])
@pytest.mark.parametrize("shape", [(1, 5, 6), (2, 5, 6), (1, 1, 2), (1, 1, 1)])
def test_images_of_one_plane_or_two(how, shape):
    grid = VolumeGeometry(shape)
    image = noise(grid)
    for shift, is_inside in ((0.45, True), (0.55, False)):
        z = resample(image, grid, Translation((0.0, 0.0, -shift)), interpolation=how, outside=-7.0).array[0]
        assert (z == -7).all() != is_inside
        if is_inside and how != "cubic":
            np.testing.assert_allclose(z, image.array[0], atol=1e-12)


def test_numbers_become_real_where_they_are_mixed():
    image = Volume(np.arange(24, dtype=np.int16).reshape(2, 3, 4), VolumeGeometry((2, 3, 4)), "HU")
    found = resample(image, image.geometry, Translation((0.5, 0.0, 0.0)), outside=-1024)
    assert (found.array.dtype, found.unit) == (np.float32, "HU")
    np.testing.assert_allclose(found.array[0, 0], [0.5, 1.5, 2.5, -1024])
    kept = resample(image, image.geometry, interpolation="nearest", outside=-1024)
    assert kept.array.dtype == np.int16


@pytest.mark.parametrize("dtype", [np.bool_, np.uint16, np.float16])
@pytest.mark.parametrize("how", ["nearest", "label", "linear", "cubic"])
def test_every_type_of_number(dtype, how):
    grid = VolumeGeometry((2, 3, 4))
    image = Volume((np.arange(24).reshape(grid.shape) % 2).astype(dtype), grid)
    found = resample(image, grid, Translation((0.2, 0.0, 0.0)), interpolation=how)
    if how in ("nearest", "label"):
        np.testing.assert_array_equal(found.array, image.array)
    assert found.array.dtype == (dtype if how in ("nearest", "label") and dtype != np.float16 else np.float32)


def test_places_that_are_no_number_are_outside():
    grid = VolumeGeometry((3, 4, 5))

    class Nowhere(Transform):
        def _map(self, points):
            return np.where(points[..., :1] == 2, np.nan, points)

    image = noise(grid)
    for how in ("nearest", "label", "linear", "cubic"):
        found = resample(image, grid, Nowhere(), interpolation=how, outside=-7.0).array
        assert (found[..., 2] == -7).all()
        np.testing.assert_allclose(np.delete(found, 2, axis=2), np.delete(image.array, 2, axis=2), atol=1e-9)


def test_what_does_not_suit_is_refused():
    grid = VolumeGeometry((2, 3, 4))
    labels = Labels(np.ones(grid.shape, np.uint8), grid)
    with pytest.raises(SpecError, match="expected nearest or label, got linear"):
        resample(labels, grid, interpolation="linear")
    with pytest.raises(SpecError, match=r"outside does not fit.*uint8, got -1"):
        resample(labels, grid, outside=-1)
    with pytest.raises(SpecError, match="real numbers: got complex64"):
        resample(Volume(np.ones(grid.shape, np.complex64), grid), grid)
    with pytest.raises(InputError, match="not finite; interpolate linearly"):
        resample(Volume(np.full(grid.shape, np.nan), grid), grid, interpolation="cubic")
    with pytest.raises(SpecError, match="got sinc"):
        resample(noise(grid), grid, interpolation="sinc")


@pytest.mark.gpu
@pytest.mark.parametrize("how", ["nearest", "label", "linear", "cubic"])
@pytest.mark.parametrize("kind", small_transforms())
def test_the_gpu_agrees_with_the_cpu(how, kind):
    cupy = pytest.importorskip("cupy", reason="no CuPy here: needs a CUDA device")
    if cupy.cuda.runtime.getDeviceCount() == 0:
        pytest.skip("no CUDA device here")
    image, transform = noise(MOVING, np.float32), small_transforms()[kind][0]
    expected = resample(image, FIXED, transform, interpolation=how).array
    there = resample(image.with_array(cupy.asarray(image.array)), FIXED, transform, interpolation=how).array
    assert np.linalg.norm(cupy.asnumpy(there) - expected) <= 1e-4 * np.linalg.norm(expected)
