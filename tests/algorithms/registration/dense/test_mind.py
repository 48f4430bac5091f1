"""MIND-SSC beside its definition, written out voxel by voxel in float64."""

import numpy as np
import pytest

from scanmill.algorithms.registration.dense.mind import descriptors, pairs

SHAPE = (5, 6, 7)


def literal(image, half):
    """Heinrich et al. (2013), equations 1 to 3, for one voxel after another; indices are kept at the edges."""
    image = image.astype(np.float64)
    faces = [np.array(f) for f in ((-1, 0, 0), (1, 0, 0), (0, -1, 0), (0, 1, 0), (0, 0, -1), (0, 0, 1))]
    both = [(a, b) for i, a in enumerate(faces) for b in faces[i + 1 :] if not np.array_equal(a, -b)]
    last = np.array(image.shape) - 1

    def at(place):
        return image[tuple(np.clip(place, 0, last))]

    apart = np.zeros((len(both), *image.shape))
    patch = [np.array(p) - half for p in np.ndindex(*[2 * half + 1] * 3)]
    for voxel in np.ndindex(*image.shape):
        for c, (a, b) in enumerate(both):
            centres = [np.clip(np.array(voxel) + p, 0, last) for p in patch]
            apart[(c, *voxel)] = np.mean([(at(x + a) - at(x + b)) ** 2 for x in centres])
    apart -= apart.min(axis=0)
    spread = apart.mean(axis=0)
    return np.exp(-apart / np.clip(spread, 1e-3 * spread.mean(), 1e3 * spread.mean()))


@pytest.mark.parametrize("half", [1, 2])
def test_descriptors_beside_the_definition(half):
    image = np.random.default_rng(0).standard_normal(SHAPE).astype(np.float32)
    np.testing.assert_allclose(descriptors(image, half), literal(image, half), atol=2e-5)


def test_a_line_of_intensities_changes_nothing():
    image = np.random.default_rng(1).standard_normal(SHAPE).astype(np.float32)
    np.testing.assert_allclose(descriptors(image), descriptors(5 - 3 * image), atol=1e-4)


def test_pairs_touch_at_an_edge():
    assert len(pairs(SHAPE)) == 12
    assert len(pairs((1, 6, 7))) == 4
