"""Parallel imaging's encoding against matrices, and its normal operator against the encoding there and back."""

import numpy as np
import pytest

import laws
from scanmill.errors import InputError, SpecError
from scanmill.kernels import launch
from scanmill.operators.coils import CoilsOp
from scanmill.operators.sense import sense_op
from scanmill.operators.sense_normal import SenseNormalOp
from slow_transform import fourier_matrix

RNG = np.random.default_rng(6)
PLANE, VOLUME = (1, 9, 12), (5, 6, 8)


def maps(image, items=1, sets=1, coils=3, dtype=np.complex128):
    return laws.noise((items, sets, coils, *image), dtype, 2)


@pytest.mark.parametrize("image", [PLANE, VOLUME])
@pytest.mark.parametrize("sets", [1, 2])
def test_along_a_trajectory_it_is_its_matrix(image, sets):
    points = RNG.uniform(-4, 4, (4, 7, 2 if image[0] == 1 else 3))
    weights, coils = RNG.uniform(0.1, 2, (4, 7)), maps(image, sets=sets)
    op = sense_op(coils, points=points, weights=weights, eps=1e-13, dtype=np.complex128)
    x = laws.noise(op.in_shape, np.complex128)
    seen = np.einsum("sczyx,szyx->czyx", coils[0], x[0]).reshape(3, -1)
    expected = np.sqrt(weights) * (seen @ fourier_matrix(points, image).T).reshape(3, 4, 7)
    np.testing.assert_allclose(op(x)[0], expected, atol=1e-10)


def test_cartesian_it_is_numpys():
    coils, mask = maps(PLANE, items=2, sets=2), RNG.random((2, *PLANE)) < 0.4
    op = sense_op(coils, sampling_mask=mask, dtype=np.complex128)
    x = laws.noise(op.in_shape, np.complex128)
    seen = np.einsum("bsczyx,bszyx->bczyx", coils, x)
    k = np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(seen, (-2, -1)), norm="ortho"), (-2, -1))
    np.testing.assert_allclose(op(x), mask[:, None] * k, atol=1e-12)


SAMPLINGS = {
    "mask": lambda image: {"sampling_mask": RNG.random((1, *image)) < 0.4},
    "lines along y": lambda image: {
        "sampling_mask": np.broadcast_to(RNG.random((1, 1, image[1], 1)) < 0.5, (1, *image))
    },
    "lines along x": lambda image: {"sampling_mask": np.broadcast_to(RNG.random(image[-1]) < 0.5, (1, *image))},
    "everything": lambda image: {"sampling_mask": np.ones((1, *image), bool)},
    "weighted mask": lambda image: {
        "sampling_mask": RNG.random((1, *image)) < 0.4,
        "weights": RNG.uniform(0.5, 2, (1, *image)),
    },
    "trajectory": lambda image: {
        "points": RNG.uniform(-4, 4, (4, 7, 2 if image[0] == 1 else 3)),
        "weights": RNG.uniform(0.1, 2, (4, 7)),
        "normal": "toeplitz",
        "eps": 1e-14,
    },
}


@pytest.mark.parametrize("name", SAMPLINGS)
@pytest.mark.parametrize("image", [PLANE, VOLUME])
@pytest.mark.parametrize(("batch", "sets"), [(1, 2), (3, 1)])
def test_the_normal_operator_is_there_and_back_whatever_the_threads_and_the_batch(name, image, batch, sets):
    knobs = SAMPLINGS[name](image)
    coils = maps(image, items=batch, sets=sets)
    op = sense_op(coils, dtype=np.complex128, **knobs)
    assert isinstance(op.gram, SenseNormalOp)
    x = laws.noise(op.in_shape, np.complex128)
    there_and_back = op.H(op(x))
    assert laws.norm(op.gram(x) - there_and_back) <= 1e-12 * laws.norm(there_and_back)
    together = op.gram(x)
    with launch.threads(1):
        np.testing.assert_array_equal(op.gram(x), together)
    for i in range(batch):
        alone = sense_op(coils[i : i + 1], dtype=np.complex128, **knobs)
        np.testing.assert_array_equal(alone.gram(x[i : i + 1])[0], together[i])


def test_the_normal_operator_without_a_convolution():
    op = sense_op(maps(PLANE), points=RNG.uniform(-4, 4, (4, 7, 2)), normal="direct", eps=1e-13, dtype=np.complex128)
    assert not isinstance(op.gram, SenseNormalOp)
    x = laws.noise(op.in_shape, np.complex128)
    np.testing.assert_allclose(op.gram(x), op.H(op(x)), atol=1e-12)


@pytest.mark.parametrize("is_faster", [True, False])
def test_the_normal_operator_is_what_was_measured(is_faster, monkeypatch):
    monkeypatch.setattr("scanmill.operators.sense.toeplitz_is_faster", lambda nufft, budget_bytes: is_faster)
    op = sense_op(maps(PLANE), points=RNG.uniform(-4, 4, (4, 7, 2)), dtype=np.complex128)
    assert isinstance(op.gram, SenseNormalOp) is is_faster


def test_a_batch_with_the_same_maps_and_one_with_the_same_trajectory():
    points = RNG.uniform(-4, 4, (2, 4, 7, 2))
    by_samples = sense_op(maps(PLANE), points=points, dtype=np.complex128)
    assert by_samples.in_shape == (2, 1, *PLANE)
    asked = sense_op(maps(PLANE), points=points[0], batch=5, dtype=np.complex128)
    assert asked.out_shape == (5, 3, 4, 7)
    by_maps = sense_op(maps(PLANE, items=4), points=points[0], dtype=np.complex128)
    assert by_maps.in_shape[0] == 4


@pytest.mark.parametrize(
    "knobs",
    [{}, {"sampling_mask": np.ones((1, *PLANE), bool), "points": np.zeros((1, 1, 2))}],
    ids=["no sampling", "two samplings"],
)
def test_one_sampling_is_asked_for(knobs):
    with pytest.raises(SpecError):
        sense_op(maps(PLANE), **knobs)


@pytest.mark.parametrize(
    "knobs",
    [
        {"sampling_mask": np.zeros((1, *PLANE), bool)},
        {"sampling_mask": np.ones((1, 1, 8, 8), bool)},
        {"sampling_mask": np.ones(PLANE, bool)},
        {"sampling_mask": np.ones((3, *PLANE), bool), "batch": 2},
        {"points": np.zeros((4, 7, 3))[None, None]},
        {"points": np.zeros((4, 7, 2)), "weights": np.ones((7, 4))},
    ],
    ids=["empty mask", "mask of another size", "no batch", "another batch", "six axes", "weights of others"],
)
def test_samplings_that_do_not_fit_are_refused(knobs):
    with pytest.raises(InputError):
        sense_op(maps(PLANE), **knobs)


def test_maps_that_do_not_fit_are_refused():
    for shape in ((2, 3, *PLANE), (3, 1, 2, *PLANE)):
        with pytest.raises(InputError):
            CoilsOp(np.zeros(shape, np.complex64), 2)
