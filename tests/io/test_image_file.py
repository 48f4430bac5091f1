"""A picture that somebody holds in their hand: grey in whatever way a viewer has saved it, or refused."""

import numpy as np
import pytest
from PIL import Image

from scanmill.errors import InputError
from scanmill.io.image_file import read_image

SHADES = np.random.default_rng(0).integers(0, 256, (12, 17)).astype(np.uint8)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P"])
def test_a_grey_picture_is_read_however_it_was_saved(tmp_path, mode):
    Image.fromarray(SHADES).convert(mode).save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png")
    assert image.geometry.shape == (1, 12, 17)
    np.testing.assert_array_equal(image.array[0], SHADES)


def test_a_palette_is_read_by_its_shades_and_not_by_its_numbers(tmp_path):
    picture = Image.fromarray((SHADES % 4).astype(np.uint8), mode="L").convert("P")
    picture.putpalette([shade for shade in (200, 10, 90, 30) for _ in "rgb"])
    picture.save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png").array[0], np.array([200, 10, 90, 30])[SHADES % 4])


def test_sixteen_bits_stay(tmp_path):
    Image.fromarray(SHADES.astype(np.uint16) * 257).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png").array[0], SHADES.astype(np.float32) * 257)


def test_colours_and_see_through_parts_are_refused(tmp_path):
    red = np.stack([SHADES, SHADES // 2, SHADES // 3], axis=-1)
    Image.fromarray(red).save(tmp_path / "a.png")
    with pytest.raises(InputError, match="has colours"):
        read_image(tmp_path / "a.png")
    Image.fromarray(np.stack([SHADES, SHADES // 2], axis=-1), mode="LA").save(tmp_path / "a.png")
    with pytest.raises(InputError, match="see-through"):
        read_image(tmp_path / "a.png")
