"""Fusion of edges, regions and embeddings, by hand."""

import numpy as np
import pytest
from scipy import ndimage

from scanmill.algorithms.fusion import by_regions, fuse_vectors, joint_edges
from scanmill.errors import InputError, SpecError


def test_joint_edges_of_one_image_twice_are_its_gradient():
    image = np.random.default_rng(0).normal(size=(1, 30, 20))
    expected = ndimage.gaussian_gradient_magnitude(image[0], 1, mode="reflect")[None]
    np.testing.assert_allclose(joint_edges([image, image]), expected, atol=1e-12)
    np.testing.assert_allclose(joint_edges([image, -image]), expected, atol=1e-12)  # contrast may be inverted


def test_edges_across_each_other_do_not_add_up():
    _, y, x = np.mgrid[:5, :20, :20].astype(float)
    inside = np.s_[1:-1, 6:-6, 6:-6]
    assert joint_edges([x, y])[inside] == pytest.approx(np.sqrt(0.5), rel=1e-3)
    assert joint_edges([x, 3 * x])[inside] == pytest.approx(np.sqrt(5), rel=1e-3)


def test_each_region_comes_from_the_image_that_varies_most_in_it():
    rng = np.random.default_rng(1)
    labels = np.repeat([[0, 5, 7]], 8, axis=1).reshape(1, 1, 24) * np.ones((1, 6, 1), int)
    noise = rng.normal(size=(2, 1, 6, 24))
    images = [np.where(labels == 5, 0.1, 1.0) * noise[0], np.where(labels == 5, 1.0, 0.1) * noise[1]]
    fused, source = by_regions(images, labels)
    assert source == {0: 0, 5: 1, 7: 0}
    np.testing.assert_array_equal(fused, np.where(labels == 5, images[1], images[0]))


@pytest.mark.parametrize("labels", [np.zeros((1, 6, 23), int), np.zeros((1, 6, 24))])
def test_regions_lie_on_the_images_grid(labels):
    images = np.random.default_rng(2).normal(size=(2, 1, 6, 24))
    with pytest.raises(InputError):
        by_regions(list(images), labels)


def test_the_inner_product_of_joined_vectors_is_the_weighted_mean_of_cosines():
    rng = np.random.default_rng(3)
    u, v = [rng.normal(size=(4, 8)), rng.normal(size=(4, 3))], [rng.normal(size=(4, 8)), rng.normal(size=(4, 3))]
    one, other = fuse_vectors(u, weights=[2, 1]), fuse_vectors(v, weights=[2, 1])

    def cosine(a, b):
        return (a * b).sum(axis=-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)

    expected = (2 * cosine(u[0], v[0]) + cosine(u[1], v[1])) / 3
    np.testing.assert_allclose((one * other).sum(axis=-1), expected)
    np.testing.assert_allclose(np.linalg.norm(one, axis=-1), 1)


def test_the_average_of_two_directions_lies_between_them():
    np.testing.assert_allclose(
        fuse_vectors([np.array([2.0, 0]), np.array([0, 5.0])], how="average"), np.sqrt([0.5, 0.5])
    )


def test_bad_vectors_are_refused():
    one = np.array([1.0, 0.0])
    for vectors in ([], [one, 0 * one], [one, one * np.nan]):
        with pytest.raises(InputError):
            fuse_vectors(vectors)
    for vectors in ([one, -one], [one, np.ones(3)]):
        with pytest.raises(InputError):
            fuse_vectors(vectors, how="average")
    with pytest.raises(SpecError):
        fuse_vectors([one, one], weights=[1])
