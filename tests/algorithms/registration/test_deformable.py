"""Deformable registration finds known maps of analytic images; what cannot be registered is refused."""

import numpy as np
import pytest

from scanmill.algorithms.registration.deformable import register_deformable
from scanmill.data import Labels, Volume
from scanmill.data.transforms import Affine, DisplacementField, Rigid, Translation
from scanmill.errors import InputError, SpecError
from scanmill.geometry import VolumeGeometry
from scanmill.kernels.launch import threads

GRID = VolumeGeometry.centered((26, 32, 30), (2.0, 2.0, 2.5))
FLAT = VolumeGeometry.centered((1, 64, 60), (1.5, 1.5, 3.0))
START = Rigid.from_euler((0.03, -0.02, 0.05), (2.0, -3.0, 1.0))
METHODS = ["greedy", "demons", "svf", "syn", "ffd"]


def brain_like(points):
    """A ball of many waves, known at every point."""
    x, y, z = np.moveaxis(points, -1, 0)
    ball = 1 / (1 + np.exp((np.sqrt(x**2 + y**2 + z**2) - 22) / 1.5))
    waves = np.sin(0.45 * x + 0.1 * y) + np.cos(0.4 * y - 0.15 * z) + np.sin(0.42 * z + 0.12 * x)
    return ball * (3 + waves)


def bend(points, size=3.0):
    """A smooth displacement of up to ``size`` mm and some, in x and y."""
    x, y, z = np.moveaxis(points, -1, 0)
    u = np.sin(0.09 * y + 0.05 * z + 0.4)
    v = np.cos(0.1 * x - 0.06 * z)
    w = np.sin(0.08 * x + 0.07 * y) if np.abs(z).max() > 0 else np.zeros_like(z)
    return points + size * np.stack([u, v, w], axis=-1)


def pair(grid=GRID, contrast=lambda v: v, start=START):
    """fixed(p) = object(bend(p)); moving(q) = contrast of object(start^-1(q)), so start o bend is the truth."""
    points = grid.voxel_points()
    fixed = brain_like(bend(points)).astype(np.float32)
    moving = contrast(brain_like(start.inverse().map(points))).astype(np.float32)
    return Volume(fixed, grid), Volume(moving, grid)


def rms(found, grid=GRID, start=START):
    """The distance from the truth inside the ball."""
    points = grid.voxel_points()
    inside = np.linalg.norm(bend(points), axis=-1) < 20
    off = found.map(points[inside]) - start.map(bend(points[inside]))
    return float(np.sqrt((off**2).sum(axis=-1).mean()))


@pytest.mark.parametrize("method", METHODS)
def test_a_known_bend_is_found(method):
    fixed, moving = pair()
    found = register_deformable(fixed, moving, method=method, start=START)
    quality = found.quality
    assert rms(START) > 3.0
    assert rms(found.transform) < (1.0 if method == "demons" else 0.4)
    assert quality.metric == "lncc"
    assert quality.converged, quality.reason
    assert quality.end > quality.start
    assert quality.jacobian_min > 0.05
    assert quality.folded == 0
    if method in ("svf", "syn"):
        check_way_back(found)


def check_way_back(found):
    points = GRID.voxel_points()
    inside = points[np.linalg.norm(points, axis=-1) < 20]
    back = found.inverse.map(found.transform.map(inside))
    assert np.sqrt(((back - inside) ** 2).sum(axis=-1).mean()) < 0.1
    assert found.quality.inverse_consistency_mm < 0.1


def test_another_contrast_is_noticed():
    fixed, moving = pair(contrast=lambda v: np.where(v > 0.3, 8 - v, 8 * v))
    found = register_deformable(fixed, moving, start=START)
    assert found.quality.metric == "ratio"
    assert rms(found.transform) < 0.8
    with pytest.raises(InputError, match="bright lies on dark"):
        register_deformable(fixed, fixed.with_array(-fixed.array), metric="lncc")


@pytest.mark.parametrize("metric", ["ssd", "squared_lncc", "lncc", "ratio", "mind"])
def test_every_metric_in_a_plane(metric):
    fixed, moving = pair(FLAT, start=Translation((0.0, 0.0, 0.0)))
    found = register_deformable(fixed, moving, metric=metric, factors=(2, 1), max_iterations=(10, 15))
    rest = Translation((0.0, 0.0, 0.0))
    assert rms(rest, FLAT, rest) > 2.5
    assert rms(found.transform, FLAT, rest) < 0.5
    assert found.transform.map(FLAT.voxel_points())[..., 2] == pytest.approx(0)


def test_only_the_mask_counts():
    fixed, moving = pair()
    left = GRID.voxel_points()[..., 0] < 0
    spoilt = fixed.with_array(np.where(left, fixed.array, np.random.default_rng(0).random(GRID.shape, np.float32)))
    points = GRID.voxel_points()
    inside = left & (np.linalg.norm(bend(points), axis=-1) < 20) & (points[..., 0] < -4)

    def error(found):
        return np.linalg.norm(found.map(points[inside]) - START.map(bend(points[inside])), axis=-1).mean()

    masked = register_deformable(spoilt, moving, start=START, metric="lncc", fixed_mask=Labels(left, GRID))
    assert error(masked.transform) < 0.6


def test_a_field_as_a_start():
    fixed, moving = pair()
    points = GRID.voxel_points()
    start = DisplacementField(START.map(bend(points, 2.0)) - points, GRID)
    found = register_deformable(fixed, moving, start=start)
    assert rms(found.transform) < 0.5
    with pytest.raises(SpecError, match="affine"):
        register_deformable(fixed, moving, start=start, method="svf")


@pytest.mark.parametrize("method", METHODS)
def test_the_same_bytes_for_one_thread_and_two(method):
    fixed, moving = pair(contrast=lambda v: -v if method == "greedy" else v)
    fields = []
    for n in (1, 2):
        with threads(n):
            found = register_deformable(
                fixed, moving, method=method, start=START, factors=(2, 1), max_iterations=(1, 2)
            )
        fields.append((found.transform.map(GRID.voxel_points()).tobytes(), found.quality))
    assert fields[0] == fields[1]


def test_the_callback_sees_every_look_and_can_stop():
    fixed, moving = pair()
    seen = []

    def stop(status):
        seen.append(status)
        return len(seen) < 4

    register_deformable(fixed, moving, start=START, callback=stop)
    assert len(seen) == 4
    assert [s.iteration for s in seen] == [0, 1, 2, 3]


def spoilt(image, value):
    array = image.array.copy()
    array[3, 4, 5] = value
    return image.with_array(array)


def bad_pairs():
    fixed, moving = pair()
    plane, _ = pair(FLAT)
    elsewhere = Labels(np.ones(GRID.shape, np.uint8), VolumeGeometry(GRID.shape))
    far = Affine(np.eye(3), (500.0, 0.0, 0.0))
    return {
        "not a number": (fixed, spoilt(moving, np.nan), {}, "not finite"),
        "constant": (fixed.with_array(np.full(GRID.shape, 7.0)), moving, {}, "constant"),
        "2D with 3D": (plane, moving, {}, "plane"),
        "another grid": (fixed, moving, {"fixed_mask": elsewhere}, "another grid"),
        "nothing": (fixed, moving, {"fixed_mask": Labels(np.zeros(GRID.shape, np.uint8), GRID)}, "empty"),
        "far": (fixed, moving, {"start": far}, "overlap"),
        "complex": (fixed, moving.with_array(moving.array + 1j), {}, "real numbers"),
    }


@pytest.mark.parametrize("what", list(bad_pairs()))
def test_what_cannot_be_registered(what):
    fixed, moving, options, message = bad_pairs()[what]
    with pytest.raises(InputError, match=message):
        register_deformable(fixed, moving, **options)


@pytest.mark.parametrize(
    "options",
    [{"method": "magic"}, {"metric": "magic"}, {"factors": (1, 2)}, {"factors": (2, 1), "max_iterations": (5, 0)}],
)
def test_what_is_not_offered(options):
    with pytest.raises(SpecError):
        register_deformable(*pair(), **{"factors": (2, 1), "max_iterations": (5, 5), **options})
