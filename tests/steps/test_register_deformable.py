"""`register.deformable` finds an imposed deformation, says how good it is, and fails with a picture where it is not."""

import numpy as np
import pytest

from scanmill.algorithms.registration.resample import resample
from scanmill.data import Labels, Volume
from scanmill.data.transforms import Affine, DisplacementField, Translation
from scanmill.errors import ConvergenceError, InputError
from scanmill.geometry import VolumeGeometry
from scanmill.steps.contract import Context, Row
from scanmill.steps.register_deformable import STEP
from scanmill.testing import StepContract

GRID = VolumeGeometry.centered((24, 28, 32), (1.5, 1.25, 1.0))


def blobs(seed=0, grid=GRID):
    """A smooth object of many blobs in the middle half of the grid."""
    rng = np.random.default_rng(seed)
    points, extent = grid.voxel_points(), np.array(grid.extent)
    array = np.zeros(grid.shape)
    for place, size in zip(rng.uniform(-0.25, 0.25, (12, 3)) * extent, rng.uniform(2, 4, 12), strict=True):
        array += np.exp(-((points - place) ** 2).sum(axis=-1) / (2 * size**2))
    return Volume((100 * array).astype(np.float32), grid)


def bump(size_mm=2.0, grid=GRID):
    """A smooth displacement that fades towards the edges."""
    waves = np.cos(np.pi * grid.voxel_points() / np.array(grid.extent)).clip(0) ** 2
    vectors = size_mm * waves.prod(axis=-1)[..., None] * np.array([1.0, -0.5, 0.5])
    return DisplacementField(vectors, grid)


FIXED, TRUTH = blobs(), bump()
MOVING = resample(FIXED, GRID, TRUTH.inverse())


def register(fixed, moving, **inputs):
    given = {"fixed": fixed, "moving": moving, **inputs}
    return STEP.run(given, STEP.params(), Context((Row("r", {}),), None))


class TestRegisterDeformable(StepContract):
    step = STEP

    def inputs(self):
        return {"fixed": FIXED, "moving": MOVING}


def test_an_imposed_deformation_is_found_and_its_quality_told():
    output = register(FIXED, MOVING)
    points = GRID.voxel_points()[FIXED.array > 30]
    errors = np.linalg.norm(output.values["transform"].map(points) - TRUTH.map(points), axis=-1)
    ways = np.linalg.norm(TRUTH.map(points) - points, axis=-1)
    assert np.sqrt((errors**2).mean()) < 0.25 * np.sqrt((ways**2).mean())
    metrics = output.metrics
    assert metrics["deformable_similarity"] > metrics["deformable_similarity_start"]
    assert metrics["deformable_folded"] == 0 < metrics["deformable_jacobian_min"]
    assert metrics["deformable_overlap"] == pytest.approx(1, abs=0.02)
    for name in ("deformable_checkerboard", "deformable_overlay"):
        assert output.pictures[name].shape[2] == 3
    assert output.failure is None


def test_a_start_is_part_of_the_transform():
    x, y, z = GRID.origin
    far = Volume(MOVING.array, VolumeGeometry(GRID.shape, GRID.spacing, (x + 300, y, z)))
    start = Translation(np.array([300.0, 0.0, 0.0]))
    output = register(FIXED, far, start=start)
    near = register(FIXED, MOVING).values["transform"]
    points = GRID.voxel_points()[FIXED.array > 30]
    np.testing.assert_allclose(output.values["transform"].map(points) - [300, 0, 0], near.map(points), atol=0.05)
    assert output.metrics["deformable_moved_mm"] > 290


def test_one_that_converges_to_nothing_fails_with_its_pictures(monkeypatch):
    """Whatever the algorithm calls unfit never becomes a value that a later step could warp by."""
    import scanmill.algorithms.registration.deformable as deformable
    from scanmill.algorithms.registration.quality import Quality
    from scanmill.algorithms.registration.registration import Registration

    unfit = Registration(Affine(np.eye(3)), Quality("lncc", 0.5, 0.4, 1.0, converged=False, reason="no more alike"))
    monkeypatch.setattr(deformable, "register_deformable", lambda *images, **options: unfit)
    output = register(FIXED, MOVING)
    assert isinstance(output.failure, ConvergenceError)
    assert "no more alike" in str(output.failure)
    assert set(output.pictures) == {"deformable_checkerboard", "deformable_overlay"}
    assert output.metrics["deformable_similarity"] == 0.4


def test_one_that_diverges_fails_with_pictures_of_where_it_began(monkeypatch):
    import scanmill.algorithms.registration.deformable as deformable

    def diverge(*images, **options):
        raise ConvergenceError("the similarity is lost")

    monkeypatch.setattr(deformable, "register_deformable", diverge)
    output = register(FIXED, MOVING)
    assert str(output.failure) == "the similarity is lost"
    assert set(output.pictures) == {"deformable_checkerboard", "deformable_overlay"}


@pytest.mark.parametrize("method", ["demons", "svf", "syn"])
def test_every_method_makes_them_more_alike(method):
    output = STEP.run({"fixed": FIXED, "moving": MOVING}, STEP.params(method=method), Context((Row("r", {}),), None))
    assert output.failure is None
    assert output.metrics["deformable_similarity"] > output.metrics["deformable_similarity_start"]
    points = GRID.voxel_points()[FIXED.array > 30]
    off = np.linalg.norm(output.values["transform"].map(points) - TRUTH.map(points), axis=-1)
    assert np.sqrt((off**2).mean()) < 0.6 * np.sqrt((np.linalg.norm(TRUTH.map(points) - points, axis=-1) ** 2).mean())
    assert output.metrics["deformable_folded"] == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"moving": Volume(np.full(GRID.shape, 7.0, np.float32), GRID)}, "constant"),
        ({"moving": Volume(MOVING.array, VolumeGeometry(GRID.shape, origin=(900.0, 0.0, 0.0)))}, "overlap"),
        ({"moving": Volume(MOVING.array[:1], VolumeGeometry((1, 28, 32)))}, "plane|2D"),
        ({"fixed_mask": Labels(np.ones((2, 2, 2), np.uint8), VolumeGeometry((2, 2, 2)))}, "mask"),
        ({"start": "here"}, r"another kind \(start\)"),
    ],
)
def test_bad_input_is_named(change, words):
    with pytest.raises(InputError, match=words):
        register(**{"fixed": FIXED, "moving": MOVING, **change})
