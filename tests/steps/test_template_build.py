"""`template.build`: sums do not depend on their order, and the mean shape lies in the middle of all shapes."""

from itertools import permutations

import numpy as np
import pytest

from scanmill.algorithms.registration.resample import resample
from scanmill.data import Labels, Volume
from scanmill.data.transforms import Affine, DisplacementField
from scanmill.errors import InputError
from scanmill.geometry import VolumeGeometry
from scanmill.steps.contract import Context, Row
from scanmill.steps.template_build import STEP, combine, finish, lift

GRID = VolumeGeometry.centered((32, 32, 32))
AS_STORED = {"intensity": "as-stored"}


def ball(radius, grid=GRID):
    """A soft ball in the middle."""
    distance = np.linalg.norm(grid.voxel_points(), axis=-1)
    return Volume((1 / (1 + np.exp(2 * (distance - radius)))).astype(np.float32), grid)


def radius_of(image):
    """Of the ball with that volume."""
    return (3 * float(image.array.sum(dtype=np.float64)) * image.geometry.voxel_volume / (4 * np.pi)) ** (1 / 3)


def build(rows, **params):
    params = STEP.params(**params)
    return finish(combine([lift(row, params) for row in rows]), params)


def test_any_order_and_grouping_gives_the_same_bits():
    rng = np.random.default_rng(0)
    rows = [
        {
            "image": Volume(rng.normal(0, 10.0**k, (3, 4, 5)).astype(np.float32), VolumeGeometry((3, 4, 5))),
            "labels": Labels(rng.integers(0, 3 + k, (3, 4, 5)).astype(np.uint8), VolumeGeometry((3, 4, 5))),
            "transform": DisplacementField(rng.normal(0, 0.1, (3, 4, 5, 3)), VolumeGeometry((3, 4, 5))),
        }
        for k in range(4)
    ]
    params = STEP.params(**AS_STORED)
    parts = [lift(row, params) for row in rows]
    found = set()
    for order in permutations(parts):
        for tree in (combine(order), combine([combine(order[:2]), combine(order[2:])])):
            output = finish(tree, params)
            found.add(output.values["image"].array.tobytes() + output.values["labels"].array.tobytes())
    assert len(found) == 1


def test_the_first_template_lays_images_of_any_grid_middle_on_middle():
    here = ball(6.0)
    far = VolumeGeometry((40, 36, 30), origin=(500.0, 500.0, 500.0))
    there = Volume(ball(6.0, VolumeGeometry.centered(far.shape)).array, far)
    output = build([{"image": here}, {"image": there}], size=(20, 22, 24), **AS_STORED)
    image = output.values["image"]
    assert image.geometry.is_close(VolumeGeometry.centered((24, 22, 20)))
    np.testing.assert_allclose(image.array, ball(6.0, image.geometry).array, atol=2e-2)
    assert output.metrics == {"n_images": 2, "shape_mm": 0.0}


def test_the_mean_shape_lies_between_all_shapes_wherever_the_last_template_stood():
    """Balls of 6 and 10 mm registered to one of 6 mm: the mean of the ways from the template is zero at 8 mm."""
    fixed, wide = ball(6.0), ball(10.0)
    grow = Affine(np.diag([10 / 6] * 3))
    rows = [
        {"image": fixed, "transform": Affine(np.eye(3))},
        {"image": resample(wide, GRID, grow), "transform": grow},
    ]
    assert radius_of(build(rows, mean_shape=False, **AS_STORED).values["image"]) == pytest.approx(6.1, abs=0.1)
    output = build(rows, **AS_STORED)
    assert radius_of(output.values["image"]) == pytest.approx(8.0, abs=0.25)
    assert output.metrics["shape_mm"] > 1


def test_where_images_lie_is_no_part_of_their_shape():
    shift = Affine(np.eye(3), np.array([40.0, 0.0, 0.0]))
    output = build([{"image": ball(6.0), "transform": shift}] * 2, **AS_STORED)
    np.testing.assert_allclose(output.values["image"].array, ball(6.0).array, atol=1e-5)
    assert output.metrics["shape_mm"] == pytest.approx(0, abs=1e-6)


def test_gains_and_offsets_do_not_count_and_labels_are_elected():
    rows = []
    for k, radius in enumerate((5, 6, 7)):
        image = ball(6.0)
        mask = (ball(radius).array > 0.5).astype(np.uint8)
        rows.append({"image": image.with_array(image.array * 10**k + 3 * k), "labels": Labels(2 * mask, GRID)})
    output = build(rows)
    alike = build([{"image": ball(6.0)}] * 3)
    np.testing.assert_allclose(output.values["image"].array, alike.values["image"].array, atol=1e-4)
    np.testing.assert_array_equal(output.values["labels"].array, 2 * (ball(6).array > 0.5))


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([{"image": ball(5)}, {"image": ball(5, VolumeGeometry.centered((8, 8, 8)))}], r"different grids.*a size"),
        ([{"image": ball(5)}, {"image": ball(5), "transform": Affine(np.eye(3))}], "some images have a transform"),
        ([{"image": ball(5).with_array(np.full(GRID.shape, 3.0))}], "without contrast"),
        ([{"image": ball(5).with_array(np.full(GRID.shape, np.nan))}], "finite"),
        ([{"image": ball(5), "labels": Labels(np.ones((2, 2, 2), int), VolumeGeometry((2, 2, 2)))}], "labels lie on"),
    ],
)
def test_bad_input_is_named(rows, words):
    with pytest.raises(InputError, match=words):
        build(rows)


def test_values_too_large_to_add_up_exactly_are_refused():
    with pytest.raises(InputError, match="too large to be summed exactly"):
        build([{"image": ball(5).with_array(np.full(GRID.shape, 1e12))}], **AS_STORED)


def test_a_group_is_the_same_as_a_reduction():
    images = tuple(ball(r) for r in (5, 6, 7))
    one = STEP.run({"image": images}, STEP.params(), Context((Row("r", {}),), None))
    many = build([{"image": image} for image in images])
    assert one.values["image"].array.tobytes() == many.values["image"].array.tobytes()
