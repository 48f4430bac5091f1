"""What fusion is judged by: small cases by hand, literal formulas voxel by voxel, and laws."""

import math

import numpy as np
import pytest
from scipy import ndimage
from scipy.signal import convolve2d

from scanmill.algorithms.quality import (
    average_gradient,
    edge_transfer,
    spatial_frequency,
    sum_of_difference_correlations,
    visual_information_fidelity,
)
from scanmill.errors import InputError


def images(shape=(1, 14, 12), n=3):
    rng = np.random.default_rng(3)
    return [ndimage.gaussian_filter(rng.normal(size=shape), [0, 1, 1]) for _ in range(n)]


def test_spatial_frequency_of_a_ramp_is_its_slope():
    ramp = 3.0 * np.arange(10)
    assert spatial_frequency(np.tile(ramp, (4, 1))) == pytest.approx(3)
    assert spatial_frequency(np.tile(ramp, (5, 4, 1)) + np.arange(4)[:, None] * 4) == pytest.approx(5)
    assert spatial_frequency(np.ones((1, 5, 5))) == 0


def test_a_slice_as_a_volume_of_one_plane_gives_the_same():
    [image] = images(n=1)
    assert spatial_frequency(image) == spatial_frequency(image[0])
    assert average_gradient(image) == average_gradient(image[0])


def test_average_gradient_of_a_tilted_plane():
    z, y, x = np.mgrid[:4, :5, :6]
    assert average_gradient((3.0 * x + 4 * y)[:1]) == pytest.approx(math.sqrt((9 + 16) / 2))
    assert average_gradient(1.0 * x + 2 * y + 2 * z) == pytest.approx(math.sqrt(9 / 3))


def test_a_single_voxel_has_no_neighbours():
    for measure in (spatial_frequency, average_gradient):
        with pytest.raises(InputError):
            measure(np.ones((1, 1, 1)))


def literal_edge_transfer(fused, a, b):
    """Xydeas and Petrović's equations with arctangents, one pixel after another (2D, as their paper has it)."""
    kernel = np.array([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]])

    def edges(image):
        padded = np.pad(image, 1, mode="edge")
        sx = convolve2d(padded, kernel[::-1, ::-1], mode="valid")
        sy = convolve2d(padded, kernel.T[::-1, ::-1], mode="valid")
        return np.hypot(sx, sy), np.arctan(sy / sx)

    (g_f, t_f), (g_a, t_a), (g_b, t_b) = edges(fused), edges(a), edges(b)
    kept = lost = new = total = 0.0
    for place in np.ndindex(fused.shape):
        for g, t in ((g_a, t_a), (g_b, t_b)):
            strength = g_f[place] / g[place] if g[place] > g_f[place] else g[place] / g_f[place]
            alignment = abs(abs(t[place] - t_f[place]) - np.pi / 2) / (np.pi / 2)
            q_g = 0.9994 / (1 + np.exp(-15 * (strength - 0.5)))
            q_a = 0.9879 / (1 + np.exp(-22 * (alignment - 0.8)))
            kept += q_g * q_a * g[place]
            missing = (1 - q_g * q_a) * g[place]
            if g_f[place] > g_a[place] and g_f[place] > g_b[place]:
                new += missing
            else:
                lost += missing
            total += g[place]
    return kept / total, lost / total, new / total


def test_edge_transfer_is_the_papers_formula():
    a, b, extra = images()
    fused = 0.6 * a + 0.7 * b + 0.1 * extra
    ours = edge_transfer(fused, [a, b])
    expected = literal_edge_transfer(fused[0], a[0], b[0])
    np.testing.assert_allclose([ours.kept, ours.lost, ours.made_up], expected, rtol=1e-9)
    assert min(expected) > 0.01


@pytest.mark.parametrize("shape", [(1, 14, 12), (9, 10, 8)])
def test_the_three_shares_add_up_to_one(shape):
    a, b, fused = images(shape)
    ours = edge_transfer(fused, [a, b])
    assert ours.kept + ours.lost + ours.made_up == pytest.approx(1)


def test_an_image_kept_whole_is_the_product_of_the_sigmoids_at_one():
    [image] = images((6, 9, 8), n=1)
    best = 0.9994 / (1 + math.exp(-7.5)) * 0.9879 / (1 + math.exp(-4.4))
    assert edge_transfer(image, [image, image]).kept == pytest.approx(best, rel=1e-6)
    flipped = edge_transfer(-image, [image, image])
    assert flipped.kept == pytest.approx(best, rel=1e-6)  # lines, not arrows


def test_a_flat_fusion_loses_and_a_noisy_one_makes_up():
    a, b, noise = images()
    assert edge_transfer(0 * a, [a, b]).lost > 0.999
    assert edge_transfer(50 * noise, [a, b]).made_up > 0.9


def test_a_volume_turned_keeps_its_score():
    a, b, fused = images((9, 10, 8))
    there = edge_transfer(fused, [a, b]).kept
    turned = edge_transfer(*(np.moveaxis(fused, 0, 2), [np.moveaxis(v, 0, 2) for v in (a, b)])).kept
    assert turned == pytest.approx(there)


def literal_vifp(reference, image):
    """vifp_mscale.m line by line, for images of 0 to 255."""
    numerator = denominator = 0.0
    for scale in range(1, 5):
        n = 2 ** (4 - scale + 1) + 1
        at = np.arange(n) - n // 2
        window = np.exp(-(at[:, None] ** 2 + at[None] ** 2) / (2 * (n / 5) ** 2))
        window /= window.sum()

        def blur(v, window=window):
            return convolve2d(v, window, mode="valid")

        if scale > 1:
            reference, image = blur(reference)[::2, ::2], blur(image)[::2, ::2]
        mu1, mu2 = blur(reference), blur(image)
        s1 = np.maximum(blur(reference**2) - mu1**2, 0)
        s2 = np.maximum(blur(image**2) - mu2**2, 0)
        s12 = blur(reference * image) - mu1 * mu2
        g = s12 / (s1 + 1e-10)
        sv = s2 - g * s12
        g[s1 < 1e-10], sv[s1 < 1e-10], s1[s1 < 1e-10] = 0, s2[s1 < 1e-10], 0
        g[s2 < 1e-10], sv[s2 < 1e-10] = 0, 0
        sv[g < 0], g[g < 0] = s2[g < 0], 0
        sv[sv <= 1e-10] = 1e-10
        numerator += np.log10(1 + g**2 * s1 / (sv + 2)).sum()
        denominator += np.log10(1 + s1 / 2).sum()
    return numerator / denominator


def test_vif_is_the_authors_code():
    rng = np.random.default_rng(4)
    reference = 128 + 200 * ndimage.gaussian_filter(rng.normal(size=(60, 52)), 2)
    reference[:25] = 30.0
    image = 0.8 * reference + rng.normal(0, 5, reference.shape)
    image[:, -20:] = 200 - image[:, -20:]
    ours = visual_information_fidelity(image, reference, data_range=255)
    assert ours == pytest.approx(literal_vifp(reference, image), rel=1e-6)
    assert 0.1 < ours < 0.9


def test_vif_of_more_contrast_is_above_one_also_in_space():
    volume = 50 * ndimage.gaussian_filter(np.random.default_rng(5).normal(size=(42, 44, 41)), 2)
    assert visual_information_fidelity(volume, volume) == pytest.approx(1)
    assert visual_information_fidelity(1.5 * volume, volume) > 1.02


def test_vif_wants_room_for_its_windows():
    with pytest.raises(InputError):
        visual_information_fidelity(np.eye(40), np.eye(40))
    assert visual_information_fidelity(np.eye(41), np.eye(41)) == pytest.approx(1)
    with pytest.raises(InputError):
        visual_information_fidelity(np.eye(41), np.ones((41, 41)))


def test_scd_by_hand():
    a, b = np.array([0.0, 2.0, 1.0, 0.0]), np.array([1.0, 0.0, 0.0, 3.0])
    fused = np.array([1.0, 1.0, 0.0, 2.0])
    by_hand = np.corrcoef(fused - b, a)[0, 1] + np.corrcoef(fused - a, b)[0, 1]
    assert sum_of_difference_correlations(fused, [a, b]) == pytest.approx(by_hand)
    assert sum_of_difference_correlations(a + b, [a, b]) == pytest.approx(2)
    assert sum_of_difference_correlations(a, [a, b]) == pytest.approx(np.corrcoef(a - b, a)[0, 1])


def test_scd_of_three_images_takes_the_mean_of_the_others():
    a, b, c = images()
    fused = a + b
    parts = [np.corrcoef((fused - (x + y) / 2).ravel(), own.ravel())[0, 1]
             for own, x, y in ((a, b, c), (b, a, c), (c, a, b))]  # fmt: skip
    assert sum_of_difference_correlations(fused, [a, b, c]) == pytest.approx(sum(parts))


def test_bad_images_are_refused():
    a, b, _ = images()
    for wish in (
        lambda: edge_transfer(a, [a, b[:, 1:]]),
        lambda: edge_transfer(a, []),
        lambda: edge_transfer(a, [0 * a, 0 * a]),
        lambda: sum_of_difference_correlations(a, [a]),
        lambda: sum_of_difference_correlations(a[0], [a, b]),
        lambda: visual_information_fidelity(a, a[0]),
    ):
        with pytest.raises(InputError):
            wish()
