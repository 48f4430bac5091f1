"""Overlays, checkerboards and colour maps, against matplotlib's and counts by hand."""

import matplotlib as mpl
import numpy as np
import pytest

from scanmill.algorithms.rendering import checkerboard, coloured, overlay, red_green, windowed
from scanmill.errors import InputError, SpecError


def two_images(shape=(2, 12, 10)):
    rng = np.random.default_rng(0)
    return rng.normal(size=shape).astype(np.float32), rng.uniform(size=shape).astype(np.float32)


@pytest.mark.parametrize(("ours", "theirs"), [("hot", "hot"), ("grey", "gray")])
def test_the_maps_are_matplotlibs_within_a_few_steps(ours, theirs):
    ramp = np.linspace(0, 1, 256)
    peer = np.rint(mpl.colormaps[theirs](ramp)[:, :3] * 255)
    assert abs(coloured(ramp, ours) - peer).max() <= 11  # its hot begins at 0.04 of red


def test_an_overlay_is_the_blend_of_both():
    base, top = two_images()
    share = (top - top.min()) / (top.max() - top.min())
    red = np.clip(share / 0.375, 0, 1)
    grey = (base - base.min()) / (base.max() - base.min())
    picture = overlay(base, top, alpha=0.4, by_value=False)
    assert picture.shape == (2, 12, 10, 3)
    assert picture.dtype == np.uint8
    assert abs(picture[..., 0] - 255 * (0.6 * grey + 0.4 * red)).max() <= 0.51


def test_where_the_top_is_dark_the_base_stays():
    base, _ = two_images()
    top = np.zeros_like(base)
    top[:, :3] = 2.0
    picture = overlay(base, top, alpha=1.0)
    np.testing.assert_array_equal(picture[:, 3:], coloured(base)[:, 3:])
    assert (picture[:, :3] == 255).all()


def test_a_checkerboard_takes_turns():
    first, second = two_images((1, 9, 9))
    picture = checkerboard(first, second, field=3)
    a, b = coloured(first), coloured(second)
    np.testing.assert_array_equal(picture[0, :3, :3], a[0, :3, :3])
    np.testing.assert_array_equal(picture[0, :3, 3:6], b[0, :3, 3:6])
    np.testing.assert_array_equal(picture[0, 3:6, 3:6], a[0, 3:6, 3:6])


def test_red_and_green_make_yellow_of_equal_images():
    first, _ = two_images()
    picture = red_green(first, first)
    np.testing.assert_array_equal(picture[..., 0], picture[..., 1])
    assert not picture[..., 2].any()


def test_a_constant_image_is_black():
    assert not windowed(np.full((3, 3), 7.0)).any()


@pytest.mark.parametrize("draw", [overlay, checkerboard, red_green])
def test_bad_images_are_refused(draw):
    first, second = two_images()
    broken = second.copy()
    broken[0, 0, 0] = np.nan
    for other in (second[:1], second[0], broken):
        with pytest.raises(InputError):
            draw(first, other)


def test_bad_wishes_are_refused():
    first, second = two_images()
    for wish in (
        lambda: overlay(first, second, alpha=1.5),
        lambda: overlay(first, second, colours="mauve"),
        lambda: checkerboard(first, second, field=0),
        lambda: windowed(first, (1.0, 1.0)),
    ):
        with pytest.raises(SpecError):
            wish()
