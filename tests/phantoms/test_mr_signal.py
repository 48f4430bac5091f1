"""What coils receive, against fine sums over the object: sensitivities, motion, off-resonance."""

import numpy as np
import pytest

from mr_scans import turned
from scanmill.errors import InputError
from scanmill.phantoms import Ellipsoid, Phantom, shepp_logan_3d
from scanmill.phantoms.coils import CoilArray
from scanmill.phantoms.fourier_transform import EncodedSpace
from scanmill.phantoms.mr_signal import LinearField, mr_signal

COILS = CoilArray.loops(4, n_rings=2, body_mm=60.0)
PHANTOM = shepp_logan_3d(40.0)
PLANE = EncodedSpace(turned(25.0, -35.0, 50.0)[:, :2], np.array([2.0, 1.0, -6.0]))
K = np.array([[0.0, 0.0], [0.02, -0.03], [-0.05, 0.04], [0.011, 0.0]])


def fine_sum(phantom, extra=1.0, k=K, shift=(0.0, 0.0, 0.0)):
    """∫ c phantom(r − shift) extra(r) exp(−2πi k·s) ds over the plane, by a midpoint sum."""
    step = 0.12
    axis = np.arange(-50, 50, step)
    s = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    points = PLANE.origin + s @ PLANE.axes.T
    values = phantom.values(points - shift)
    keep = values != 0
    weights = COILS.values(points[keep]) * values[keep] * (extra(points[keep]) if callable(extra) else extra)
    return step**2 * weights @ np.exp(-2j * np.pi * s[keep] @ k.T)


def assert_near(found, expected):
    np.testing.assert_allclose(found, expected, atol=2e-3 * abs(expected).max())


def test_coils_of_an_oblique_plane_off_centre():
    assert_near(mr_signal(PHANTOM, COILS, K, PLANE), fine_sum(PHANTOM))


def test_coils_of_a_volume():
    ball = Phantom((Ellipsoid((5.0, 2.0, -7.0), (9.0, 12.0, 10.0), 1.0),))
    space = EncodedSpace(turned(10.0, 20.0, 30.0), np.array([1.0, 2.0, 3.0]))
    step = 0.3
    axis = np.arange(-13, 13, step)
    offsets = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    points = offsets[ball.values(offsets + ball.ellipsoids[0].center) > 0] + ball.ellipsoids[0].center
    s = (points - space.origin) @ space.axes
    k = np.array([[0.0, 0.0, 0.0], [0.02, -0.03, 0.05]])
    expected = step**3 * COILS.values(points) @ np.exp(-2j * np.pi * s @ k.T)
    assert_near(mr_signal(ball, COILS, k, space), expected)


def test_the_object_moves_while_the_coils_stay():
    shift = PLANE.axes @ np.array([4.0, -7.0])
    assert_near(mr_signal(PHANTOM, COILS, K, PLANE, shift_mm=shift), fine_sum(PHANTOM, shift=shift))
    by_sample = np.stack([0 * shift, shift, 2 * shift, shift])
    found = mr_signal(PHANTOM, COILS, K, PLANE, shift_mm=by_sample)
    np.testing.assert_allclose(found[:, 2], mr_signal(PHANTOM, COILS, K[2:3], PLANE, shift_mm=2 * shift)[:, 0])
    np.testing.assert_allclose(found[:, 0], mr_signal(PHANTOM, COILS, K[:1], PLANE)[:, 0])


def test_a_motion_in_space_is_the_moved_object():
    space, k = EncodedSpace(np.eye(3), np.zeros(3)), np.array([[0.01, 0.02, -0.03]])
    found = mr_signal(PHANTOM, COILS, k, space, shift_mm=(0.0, 0.0, 6.0))
    np.testing.assert_allclose(found, mr_signal(PHANTOM.moved((0.0, 0.0, 6.0)), COILS, k, space), rtol=1e-9)


def test_off_resonance_turns_by_minus_f_t():
    field = LinearField(hz=30.0, gradient_hz_per_mm=(0.5, -0.8, 0.3))
    time = np.full(len(K), 0.011)

    def turn(points):
        return np.exp(-2j * np.pi * (field.hz + points @ field.gradient_hz_per_mm) * 0.011)

    assert_near(mr_signal(PHANTOM, COILS, K, PLANE, field=field, time_s=time), fine_sum(PHANTOM, turn))


def test_what_cannot_be_is_refused():
    with pytest.raises(InputError, match="through it"):
        mr_signal(PHANTOM, COILS, K, PLANE, shift_mm=(0.0, 0.0, 1.0))
    with pytest.raises(InputError, match="field and times"):
        mr_signal(PHANTOM, COILS, K, PLANE, field=LinearField(1.0))
