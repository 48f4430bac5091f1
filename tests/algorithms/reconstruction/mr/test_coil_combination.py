import numpy as np
import pytest

import brain8
from scanmill.algorithms.reconstruction.mr import combine_coils, root_sum_of_squares, zero_filled
from scanmill.errors import InputError


def random(*shape, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


def test_it_finds_the_image_behind_the_coils_and_zero_where_they_see_nothing():
    maps, image = random(1, 2, 5, 1, 4, 3), random(2, 2, 1, 4, 3, seed=1)
    maps[:, 1] -= (maps[:, 1] * maps[:, 0].conj()).sum(axis=1) / (abs(maps[:, 0]) ** 2).sum(axis=1) * maps[:, 0]
    maps[..., 0, 0] = 0
    coil_images = (maps * image[:, :, None]).sum(axis=1)
    image[..., 0, 0] = 0
    np.testing.assert_allclose(combine_coils(coil_images, maps), image, atol=1e-12)


def test_it_is_the_least_squares_of_numpy_where_data_are_inconsistent():
    maps, coil_images = random(2, 1, 4, 1, 2, 2), random(2, 4, 1, 2, 2, seed=1)
    combined = combine_coils(coil_images, maps)
    truth = np.linalg.lstsq(maps[1, 0, :, 0, 1, 0][:, None], coil_images[1, :, 0, 1, 0], rcond=None)[0]
    assert combined[1, 0, 0, 1, 0] == pytest.approx(truth[0])


def test_the_root_sum_of_squares_of_a_real_head_is_that_of_bart(brain8_full, bart):
    bart.write(k=brain8_full[0])
    bart("fft", "-iu", 7, "k", "images")
    bart("rss", 8, "images", "rss")
    theirs = bart.read("rss").reshape(1, 1, *brain8.SHAPE)
    ours = root_sum_of_squares(zero_filled(brain8_full))
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, theirs.real, atol=1e-5 * ours.max())


def test_refusals():
    with pytest.raises(InputError, match="another shape"):
        combine_coils(random(1, 4, 1, 2, 2), random(1, 1, 3, 1, 2, 2))
    with pytest.raises(InputError, match="another shape"):
        zero_filled(random(4, 1, 2, 2))
