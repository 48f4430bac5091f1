"""`register.apply` puts images and labels on another grid through a transform, with one interpolation."""

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from scanmill.data import Labels, Volume
from scanmill.data.transforms import DisplacementField, Rigid, Translation
from scanmill.errors import InputError
from scanmill.geometry import VolumeGeometry
from scanmill.steps.contract import Context, Row
from scanmill.steps.register_apply import STEP
from scanmill.testing import tiny_image
from some_transforms import askew, image_of, smooth_vectors

FIXED, MOVING = askew((7, 8, 9)), askew((9, 8, 7), seed=1, origin=(-6.0, 1.0, -2.0))
TRANSFORM = Rigid.from_euler((0.05, -0.1, 0.2), (1.0, 0.5, -0.5))


def apply(moving, fixed, transform=None, **params):
    inputs = {"moving": moving, "fixed": fixed} | ({} if transform is None else {"transform": transform})
    return STEP.run(inputs, STEP.params(**params), Context((Row("r", {}),), None))


def a_volume(grid, seed=0):
    return Volume(np.random.default_rng(seed).normal(10, 3, grid.shape).astype(np.float32), grid, "HU")


def test_it_is_what_simpleitk_resamples():
    moving = a_volume(MOVING)
    warped = apply(moving, a_volume(FIXED), TRANSFORM, outside=-1.0).values["warped"]
    theirs = sitk.VersorRigid3DTransform()
    theirs.SetMatrix(TRANSFORM.matrix.ravel().tolist())
    theirs.SetTranslation(TRANSFORM.translation.tolist())
    reference = image_of(np.zeros(FIXED.shape, np.float32), FIXED)
    found = sitk.Resample(image_of(moving.array, MOVING), reference, theirs, sitk.sitkLinear, -1.0)
    np.testing.assert_allclose(warped.array, sitk.GetArrayFromImage(found), atol=2e-4)
    assert (warped.unit, warped.geometry) == ("HU", FIXED)


def test_a_chain_is_one_interpolation_and_the_inverse_goes_back():
    fine = VolumeGeometry.centered((40, 40, 40), (0.5, 0.5, 0.5))
    blob = Volume(np.exp(-(fine.voxel_points() ** 2).sum(axis=-1) / 20).astype(np.float32), fine)
    chain = Translation((1.0, 2.0, -1.0)) @ DisplacementField(smooth_vectors(fine, 0.5), fine)
    there = apply(blob, blob, chain).values["warped"]
    back = apply(there, blob, chain, inverse=True).values["warped"]
    inner = (slice(10, 30),) * 3
    np.testing.assert_allclose(back.array[inner], blob.array[inner], atol=0.02)
    assert np.abs(there.array - blob.array)[inner].max() > 0.2


def test_labels_stay_labels_and_what_lies_beyond_is_said():
    grid = VolumeGeometry.centered((4, 4, 10))
    labels = Labels(np.repeat(np.arange(10, dtype=np.uint16)[None, None] * 100, 4, 0).repeat(4, 1), grid, {100: "one"})
    output = apply(labels, labels, Translation((2.0, 0.0, 0.0)))
    warped = output.values["warped"]
    assert isinstance(warped, Labels)
    assert warped.array[0, 0].tolist() == [200, 300, 400, 500, 600, 700, 800, 900, 0, 0]
    assert warped.names == {100: "one"}
    assert output.metrics == {"outside_share": pytest.approx(0.2)}


def test_without_a_transform_the_middles_can_be_laid_on_each_other():
    one = Volume(tiny_image(), VolumeGeometry.centered((1, 16, 16)))
    far = Volume(tiny_image(), VolumeGeometry((1, 16, 16), origin=(100.0, 100.0, 50.0)))
    np.testing.assert_allclose(apply(far, one, placement="centres").values["warped"].array, one.array, atol=1e-7)
    assert apply(far, one).metrics["outside_share"] == 1.0


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"transform": "no transform"}, r"another kind \(transform\).*expected a transform, got str"),
        ({"fixed": None}, r"wanted \(fixed\): got nothing"),
    ],
)
def test_bad_input_is_named(inputs, words):
    good = {"moving": a_volume(MOVING), "fixed": a_volume(FIXED)}
    with pytest.raises(InputError, match=words):
        STEP.run({**good, **inputs}, STEP.params(), Context((Row("r", {}),), None))
