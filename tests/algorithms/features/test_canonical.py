"""The canonical grid: proportions, windows, and resampling without aliasing."""

import numpy as np
import pytest
from PIL import Image

from scanmill.algorithms.features import Box, CanonicalGrid, canonical_image
from scanmill.algorithms.features.canonical import QUANTILES, _percentile
from scanmill.errors import InputError, SpecError

UNIT = (0.0, 1.0)


@pytest.mark.parametrize("size", [(20, 20), (64, 64), (150, 150), (96, 48)])
def test_resampling_as_pillow(size):
    """Pillow's bilinear filter is the same triangle, in float32."""
    image = np.random.default_rng(0).uniform(size=size).astype(np.float32)
    ours, _ = canonical_image(image, CanonicalGrid((48, 48 * size[1] // size[0]), UNIT))
    theirs = Image.fromarray(image).resize(ours.shape[::-1], Image.Resampling.BILINEAR)
    np.testing.assert_allclose(ours, np.asarray(theirs), atol=2e-6)


def test_fine_stripes_do_not_come_back_as_coarse_ones():
    stripes = np.tile([0.0, 1.0], (64, 64))
    ours, _ = canonical_image(stripes, CanonicalGrid((24, 48), UNIT))
    covered = ours[:, 2:-2]
    assert abs(covered - 0.5).max() < 0.05
    assert stripes[:24, ::3].std() > 0.4  # what picking pixels would have made of them


def test_a_smooth_image_looks_the_same_at_any_size():
    def bump(n):
        y, x = (np.indices((n, n)) + 0.5) / n
        return np.exp(-20 * ((x - 0.4) ** 2 + (y - 0.6) ** 2))

    small, large = (canonical_image(bump(n), CanonicalGrid((32, 32), UNIT))[0] for n in (50, 400))
    assert abs(small - large).max() < 0.02


def test_proportions_in_millimetres():
    image, inside = canonical_image(np.ones((30, 60)), CanonicalGrid((40, 40), (0.0, 2.0)))
    assert inside.sum() == 20 * 40
    np.testing.assert_allclose(image[inside], 0.5)
    assert not image[~inside].any()
    _, tall = canonical_image(np.ones((30, 60)), CanonicalGrid((40, 40), UNIT), spacing=(0.5, 2.0))
    assert tall.sum() == 40 * 20
    np.testing.assert_array_equal(np.flatnonzero(tall.any(axis=0)), np.arange(10, 30))


def test_volumes_and_single_planes():
    volume = np.random.default_rng(0).uniform(size=(10, 20, 20))
    image, inside = canonical_image(volume, CanonicalGrid((16, 16, 16), UNIT), spacing=(1.0, 1.0, 2.0))
    assert image.shape == (16, 16, 16)
    assert inside.all()
    plane, _ = canonical_image(volume[:1], CanonicalGrid((16, 16), UNIT), spacing=(1.0, 1.0, 5.0))
    np.testing.assert_array_equal(plane, canonical_image(volume[0], CanonicalGrid((16, 16), UNIT))[0])


def test_windows():
    ct = np.linspace(-1000, 1000, 256).reshape(16, 16)
    image, _ = canonical_image(ct, CanonicalGrid((16, 16), (-160.0, 240.0)))
    np.testing.assert_allclose(image, np.clip((ct + 160) / 400, 0, 1))
    mr, _ = canonical_image(ct, CanonicalGrid((16, 16)))
    np.testing.assert_allclose(canonical_image(7 * ct + 3, CanonicalGrid((16, 16)))[0], mr, atol=1e-12)
    assert not canonical_image(np.full((8, 8), 5.0), CanonicalGrid((16, 16)))[0].any()


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (9, 13), (101, 1), (40, 41)])
def test_the_window_of_an_image_is_from_its_percentiles(shape, dtype):
    image = np.random.default_rng(1).normal(100, 30, shape).clip(0, 255).astype(dtype)[:, ::-1]
    lower, upper = np.percentile(image.astype(np.float64), QUANTILES)
    found = [_percentile(image, q) for q in QUANTILES]
    np.testing.assert_allclose(found, (lower, upper), rtol=1e-14)
    assert _percentile(image, 0.0) == image.min()
    assert _percentile(image, 100.0) == image.max()


def test_the_image_itself_stays():
    image = np.random.default_rng(1).normal(size=(20, 30))
    before = image.copy()
    canonical_image(image, CanonicalGrid((16, 16)))
    canonical_image(image, CanonicalGrid((20, 30)))
    np.testing.assert_array_equal(image, before)


def test_a_region_is_its_box_with_a_margin():
    image = np.random.default_rng(0).uniform(size=(40, 40))
    box = Box((10, 12), (16, 16))
    ours, inside = canonical_image(image, CanonicalGrid((16, 16), UNIT), box)
    np.testing.assert_array_equal(ours, image[box.slices])
    assert inside.all()
    wide, inside = canonical_image(image, CanonicalGrid((32, 32), UNIT, margin=0.5), box)
    np.testing.assert_array_equal(wide, image[2:34, 4:36])
    assert inside.sum() == 16 * 16


def test_what_does_not_fit():
    grid = CanonicalGrid((16, 16))
    with pytest.raises(InputError, match="axes"):
        canonical_image(np.ones((4, 5, 6)), grid)
    with pytest.raises(InputError, match="spacing"):
        canonical_image(np.ones((4, 5)), grid, spacing=(1.0, 1.0, 1.0))
    with pytest.raises(InputError, match="finite"):
        canonical_image(np.full((4, 5), np.nan), grid)
    speck = np.zeros((200, 200))
    speck[100, 100] = speck[0, 0] = speck[-1, -1] = 1
    with pytest.raises(InputError, match="vanishes"):
        canonical_image(speck, grid, speck)
    for wrong in (
        {"shape": (16,)},
        {"shape": (0, 4)},
        {"shape": (4, 4), "window": (1, 1)},
        {"shape": (4, 4), "margin": -1},
    ):
        with pytest.raises(SpecError):
            CanonicalGrid(**wrong)
