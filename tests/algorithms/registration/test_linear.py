"""Linear registration: known shifts of measured slices, known maps of analytic bodies, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from scanmill.algorithms.registration.contrast import agreement
from scanmill.algorithms.registration.linear import register_linear
from scanmill.algorithms.registration.retrying import register
from scanmill.data import Labels, Volume
from scanmill.data.transforms import Affine, Rigid, Similarity, Translation, VelocityField
from scanmill.errors import InputError, SpecError
from scanmill.geometry import VolumeGeometry
from scanmill.kernels import launch

FIXED = VolumeGeometry.centered((36, 40, 44), (2.0, 2.1, 2.3))
MOVING = VolumeGeometry((40, 44, 40), (2.1, 2.2, 2.2), (-40.0, -45.0, -38.0))
BLOBS = np.random.default_rng(11)
PLACES, SIZES = BLOBS.uniform(-22, 22, (14, 3)), BLOBS.uniform(5, 9, 14)
RIGID = Rigid.from_euler(np.radians([8.0, -6.0, 10.0]), (6.0, -5.0, 4.0), (1.0, 2.0, 3.0))
TRUTHS = {
    "translation": Translation((6.0, -5.0, 4.0)),
    "rigid": RIGID,
    "similarity": Similarity(RIGID.versor, RIGID.translation, 1.08, RIGID.center),
    "affine": Affine(RIGID.matrix @ (np.diag([1.06, 0.95, 1.03]) + 0.03 * np.eye(3, k=1)), (6.0, -5.0, 4.0)),
}


def body(grid, transform=None):
    """Balls of Gaussian density within a larger one, exact at every point; no image is interpolated."""
    points = grid.voxel_points()
    points = points if transform is None else transform.map(points)
    balls = sum(
        (1 + n % 3) * np.exp(-((points - p) ** 2).sum(-1) / (2 * s**2))
        for n, (p, s) in enumerate(zip(PLACES, SIZES, strict=True))
    )
    whole = 1 / (1 + np.exp((np.linalg.norm(points / [1, 1.1, 0.95], axis=-1) - 30) / 2))
    return Volume((whole * (0.3 + balls)).astype(np.float32), grid)


def rms_mm(found, truth):
    """Within the body."""
    points = FIXED.voxel_points().reshape(-1, 3)
    points = points[np.linalg.norm(points, axis=-1) < 30]
    return np.sqrt(np.mean(np.sum((found.map(points) - truth.map(points)) ** 2, axis=-1)))


@pytest.mark.parametrize("metric", ["ssd", "ncc", "mi", "nmi"])
@pytest.mark.parametrize("model", TRUTHS)
def test_a_known_map_is_found(model, metric):
    truth = TRUTHS[model]
    found = register_linear(body(FIXED), body(MOVING, truth.inverse()), model=model, metric=metric)
    assert found.quality.converged, found.quality.reason
    assert type(found.transform) is type(truth)
    loose = model in ("similarity", "affine") and metric in ("mi", "nmi")  # a body shown larger has more to tell
    assert rms_mm(found.transform, truth) < (0.6 if loose else 0.1)
    assert found.quality.gain > 0
    assert found.quality.jacobian_min == pytest.approx(np.linalg.det(found.transform.matrix))


def test_a_contrast_that_is_not_monotone_needs_information():
    fixed, moving = body(FIXED), body(MOVING, RIGID.inverse())
    moving = moving.with_array(np.where(moving.array > 0.15, np.abs(2.5 - moving.array) + 0.2, moving.array))
    found = register_linear(fixed, moving)
    assert rms_mm(found.transform, RIGID) < 0.5
    assert agreement(fixed, moving, RIGID.affine) < 0
    for metric in ("ssd", "ncc"):
        with pytest.raises(SpecError, match="one contrast"):
            register_linear(fixed, moving, metric=metric)


@pytest.mark.skipif(launch.CONFIG.NUMBA_NUM_THREADS < 2, reason="needs two cores")
def test_threads_do_not_matter():
    found = []
    for n_threads in (1, 2):
        with launch.threads(n_threads):
            found.append(register_linear(body(FIXED), body(MOVING, RIGID.inverse()), max_samples=20_000, seed=3))
    np.testing.assert_array_equal(found[0].transform.affine, found[1].transform.affine)
    assert found[0].quality == found[1].quality


def test_a_start_is_part_of_the_result():
    fixed, moving = body(FIXED), body(MOVING, RIGID.inverse())
    found = register_linear(fixed, moving, start=Affine.from_affine(TRUTHS["rigid"].affine))
    assert rms_mm(found.transform, RIGID) < 0.2
    bent = VelocityField(np.zeros((*FIXED.shape, 3)), FIXED)
    with pytest.raises(SpecError, match="linear start"):
        register_linear(fixed, moving, start=bent)


def test_masks_keep_foreign_bodies_out():
    """A bright bar that only one image has pulls the map; under a mask it does not."""
    fixed, moving = body(FIXED), body(MOVING, RIGID.inverse())
    barred, mask = moving.array.copy(), np.ones(moving.array.shape, np.uint8)
    barred[:, :, 30:], mask[:, :, 30:] = 3.0, 0
    found = register_linear(
        fixed, moving.with_array(barred), moving_mask=Labels(mask, MOVING), metric="ncc", starts="centre"
    )
    assert rms_mm(found.transform, RIGID) < 0.3
    whole = Labels(np.ones(FIXED.shape, np.uint8), FIXED)
    same = [register_linear(fixed, moving, fixed_mask=m, starts="identity").transform.affine for m in (None, whole)]
    np.testing.assert_array_equal(*same)


def test_quality_knows_both_ways():
    found = register(body(FIXED), body(MOVING, RIGID.inverse()))
    assert found.quality.inverse_consistency_mm < 0.2
    assert found.quality.converged
    assert found.quality.note == ""


def test_images_without_a_relation_are_doubted_after_every_try():
    rng = np.random.default_rng(0)
    noise = [Volume(rng.standard_normal((1, 40, 40)).astype(np.float32), VolumeGeometry((1, 40, 40))) for _ in "ab"]
    found = register(*noise, metric="nmi")
    assert not found.quality.converged
    assert found.quality.reason
    assert "nmi from grid" in found.quality.note
    assert "mi from grid" in found.quality.note


def test_a_head_turned_far_needs_the_grid():
    """Half a turn about z: beyond the usual starts, within the grid."""
    far = Rigid.from_euler((0.0, 0.0, np.pi), (3.0, -2.0, 1.0))
    found = register_linear(body(FIXED), body(MOVING, far.inverse()), starts="grid")
    assert rms_mm(found.transform, far) < 0.2


def plane(shape=(1, 32, 32)):
    return Volume(np.random.default_rng(1).random(shape, np.float32), VolumeGeometry(shape))


def test_bad_input_is_named():
    good, solid = plane(), plane((8, 16, 16))
    holed = good.array.copy()
    holed[0, 3, 3] = np.nan
    for moving, words in (
        (good.with_array(holed), "the moving image has values that are not finite"),
        (good.with_array(np.ones_like(good.array)), "the moving image is constant"),
        (solid, "a plane and a volume"),
        (good.with_array(good.array.astype(complex)), "real numbers"),
        (plane((1, 3, 32)), "too small"),
    ):
        with pytest.raises(InputError, match=words):
            register_linear(good, moving)
    other, empty = (Labels(np.full((1, n, n), v, np.uint8), VolumeGeometry((1, n, n))) for n, v in ((31, 1), (32, 0)))
    with pytest.raises(InputError, match="another grid"):
        register_linear(good, good, fixed_mask=other)
    with pytest.raises(InputError, match="mask of the moving image is empty"):
        register_linear(good, good, moving_mask=empty)
    away = replace(good, geometry=replace(good.geometry, origin=(500.0, 0.0, 0.0)))
    with pytest.raises(InputError, match="do not overlap"):
        register_linear(good, away, starts="identity")
    for wrong in ({"metric": "mutual"}, {"model": "elastic"}, {"starts": "anywhere"}):
        with pytest.raises(SpecError, match="unknown"):
            register_linear(good, good, **wrong)


@pytest.fixture(scope="module")
def slices(data_folder):
    def read(name):
        picture = np.asarray(Image.open(data_folder / "mr_reg2d_itk" / f"Brain{name}.png").convert("F"), np.float32)
        return Volume(picture[None], VolumeGeometry((1, *picture.shape)))

    return read


def shift_of(found):
    middle = np.array([110.0, 128.0, 0.0])
    return found.transform.map(middle) - middle


@pytest.mark.parametrize("metric", ["ssd", "ncc", "mi", "nmi"])
def test_the_known_shift_of_measured_slices(slices, metric):
    fixed, moving = slices("ProtonDensitySliceBorder20"), slices("ProtonDensitySliceShifted13x17y")
    for model in ("translation", "rigid"):
        found = register_linear(fixed, moving, model=model, metric=metric)
        np.testing.assert_allclose(shift_of(found), [13, 17, 0], atol=0.01)


def test_measured_slices_of_two_contrasts(slices):
    fixed, moving = slices("T1SliceBorder20"), slices("ProtonDensitySliceShifted13x17y")
    for model in ("translation", "rigid"):
        found = register_linear(fixed, moving, model=model, metric="mi")
        np.testing.assert_allclose(shift_of(found), [13, 17, 0], atol=0.1)


def test_imposed_parts_of_a_pixel(slices):
    """The copies are made by cubic splines; the registration looks at them by linear interpolation."""
    fixed = slices("ProtonDensitySliceBorder20")
    spline = ndimage.spline_filter(fixed.array[0].astype(np.float64), 3)
    y, x = np.mgrid[: fixed.array.shape[1], : fixed.array.shape[2]]
    for shift in np.random.default_rng(3).uniform(-6, 6, (5, 2)):
        copy = ndimage.map_coordinates(spline, [y - shift[1], x - shift[0]], order=3, prefilter=False, mode="nearest")
        for metric in ("ssd", "nmi"):
            moving = fixed.with_array(copy[None].astype(np.float32))
            found = register_linear(fixed, moving, model="translation", metric=metric)
            np.testing.assert_allclose(shift_of(found)[:2], shift, atol=0.05)
