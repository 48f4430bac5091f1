import h5py
import numpy as np
import pytest
from skimage.transform import iradon

from scanmill.algorithms.reconstruction import fbp
from scanmill.data import Projections
from scanmill.errors import InputError, SpecError
from scanmill.geometry import ScanGeometry, VolumeGeometry
from scanmill.phantoms import Ellipsoid, Phantom

INF = float("inf")
DISCS = Phantom(
    (
        Ellipsoid((0.0, 0.0, 0.0), (40.0, 36.0, INF), 0.02),
        Ellipsoid((18.0, -6.0, 0.0), (9.0, 9.0, INF), 0.01),
        Ellipsoid((-15.0, 12.0, 0.0), (7.0, 7.0, INF), -0.015),
    )
)
"""A large disc and two within it: 0.03 and 0.005 per mm."""
GRID = VolumeGeometry.centered((1, 100, 100), (1.0, 1.0, 1.0))
FAN = {"source_to_isocenter": 200.0, "source_to_detector": 400.0}


def turn(start, stop, step):
    """View angles in rad, in the middle of their steps."""
    return np.deg2rad(np.arange(start + step / 2, stop, step))


def golden(n_views, whole_deg):
    """``n_views`` angles by golden steps, unequal and out of order."""
    return np.deg2rad(np.mod(np.arange(n_views) * whole_deg * (np.sqrt(5) - 1) / 2, whole_deg))


def parallel(angles, **knobs):
    return ScanGeometry.parallel(angles, knobs.pop("n_columns", 181), 0.5, **knobs)


def fan(angles, **knobs):
    return ScanGeometry.fan(angles, knobs.pop("n_columns", 241), 0.8, **FAN, **knobs)


def arc(angles, **knobs):
    """A fan on a cylindrical detector, its columns at equal angles."""
    return fan(angles, detector_shape="cylindrical", **knobs)


ARCS = np.concatenate([turn(235, 340, 0.5), turn(0, 100, 0.5), turn(110, 220, 0.5)])
SCANS = {
    "parallel, half a turn": parallel(turn(0, 180, 1)),
    "parallel, a turn, odd number of views": parallel(turn(0, 360, 360 / 261)),
    "parallel, 200 degrees, the axis off the middle": parallel(turn(-30, 170, 1), n_columns=211, axis_column=97.3),
    "parallel, half a detector": parallel(turn(0, 360, 1), n_columns=111, axis_column=12.0),
    "parallel, golden angles": parallel(golden(300, 180)),
    "parallel, three arcs": parallel(np.concatenate([turn(0, 50, 1), turn(230, 290, 1), turn(110, 185, 1)])),
    "fan, a turn": fan(turn(0, 360, 1)),
    "fan, a short scan": fan(turn(40, 254, 0.5)),
    "fan, 300 degrees": fan(turn(40, 340, 0.5)),
    "fan, three arcs": fan(ARCS),
    "fan, golden angles": fan(golden(500, 360)),
    "fan, half a detector": fan(turn(0, 360, 0.5), n_columns=150, axis_column=22.0),
    "equiangular fan, a turn": arc(turn(0, 360, 1)),
    "equiangular fan, a short scan": arc(turn(40, 254, 0.5)),
    "equiangular fan, three arcs": arc(ARCS),
    "equiangular fan, half a detector": arc(turn(0, 360, 0.5), n_columns=150, axis_column=22.0),
}


def discs(image):
    """The mean values of the middle, the bright and the dark disc, off their edges, and outside."""
    y, x = np.moveaxis(GRID.voxel_points()[0, :, :, :2], -1, 0)[::-1]
    spots = [(0, 0, 5), (18, -6, 6), (-15, 12, 4.5)]
    inside = [image[0][np.hypot(x - a, y - b) < r].mean() for a, b, r in spots]
    return np.array([*inside, image[0][np.abs(np.hypot(x, y) - 42.5) < 1.5].mean()])


@pytest.mark.parametrize("name", SCANS)
def test_the_values_of_discs_within_one_percent(name):
    image = fbp(DISCS.projections(SCANS[name]), GRID)
    assert image.unit == "1/mm"
    np.testing.assert_allclose(discs(image.array), [0.02, 0.03, 0.005, 0.0], rtol=0.01, atol=1e-4)
    seen = np.hypot(*GRID.voxel_points()[0, :, :, :2].T) < 44
    error = (image.array - DISCS.voxels(GRID).array)[0][seen]
    assert np.sqrt(np.mean(error**2)) < 0.1 * 0.03


def test_parker_and_the_smooth_share_agree_on_a_short_scan():
    data = DISCS.projections(SCANS["fan, a short scan"])
    parker, smooth = (fbp(data, GRID, redundancy=r).array for r in ("parker", "smooth"))
    assert 0 < np.abs(parker - smooth).max() < 0.1 * parker.max()
    np.testing.assert_allclose(discs(smooth), discs(parker), rtol=5e-3, atol=5e-5)


def test_every_row_of_a_stack_is_its_own_image():
    scan = fan(turn(0, 360, 3), n_rows=3, row_spacing=2.0)
    data = DISCS.line_integrals(scan, dtype=np.float32) * np.array([1, 0, 3], np.float32)[:, None]
    grid = VolumeGeometry.centered((3, 40, 40), (2.0, 2.0, 2.0))
    image = fbp(Projections(data, scan), grid).array
    np.testing.assert_allclose(image[2], 3 * image[0], rtol=1e-5, atol=1e-6)
    assert np.abs(image[1]).max() == 0


@pytest.mark.parametrize(("window", "within"), [("ram-lak", 2e-5), ("shepp-logan", 2e-3), ("hann", 2e-2)])
def test_it_is_scikit_images_iradon_even_on_noise(window, within):
    """scikit-image samples its hann half a sample off."""
    n, angles = 101, np.arange(0, 180, 3.0)
    sinogram = np.random.default_rng(0).standard_normal((len(angles), n)).astype(np.float32)
    theirs = iradon(sinogram.T, angles, filter_name="ramp" if window == "ram-lak" else window)[::-1]
    scan = ScanGeometry.parallel(np.deg2rad(angles), n, 1.0)
    grid = VolumeGeometry.centered((1, n, n))
    ours = fbp(Projections(sinogram[:, None], scan), grid, window=window).array[0]
    inside = np.hypot(*np.mgrid[-50:51, -50:51]) < 49
    assert np.linalg.norm((ours - theirs)[inside]) < within * np.linalg.norm(theirs[inside])


def test_the_tooth_is_scikit_images_at_the_same_centre(data_folder):
    with h5py.File(data_folder / "ct_sino_tooth" / "tooth.h5") as file:
        data, white, dark = (file[f"exchange/{k}"][:] for k in ("data", "data_white", "data_dark"))
        theta = file["exchange/theta"][:]
    sinogram = -np.log((data[:, 0] - dark.mean(0)[0]) / (white.mean(0) - dark.mean(0))[0])[:, :593].astype(np.float32)
    theirs = iradon(sinogram.T, theta)[::-1]
    scan = ScanGeometry.parallel(np.deg2rad(theta), 593, 1.0, axis_column=296.0)
    ours = fbp(Projections(sinogram[:, None], scan), VolumeGeometry.centered((1, 593, 593))).array[0]
    inside = np.hypot(*np.mgrid[-296:297, -296:297]) < 294
    a, b = ours[inside], theirs[inside]
    correlation, nrmse = np.corrcoef(a, b)[0, 1], np.sqrt(np.mean((a - b) ** 2)) / np.ptp(b)
    assert correlation > 0.99999, (correlation, nrmse)
    assert nrmse < 1e-4, (correlation, nrmse)


def test_float64_stays_float64_and_the_same_bytes_come_twice():
    data = Projections(DISCS.line_integrals(SCANS["fan, a turn"]), SCANS["fan, a turn"])
    first, second = (fbp(data, GRID).array for _ in range(2))
    assert first.dtype == np.float64
    assert first.tobytes() == second.tobytes()


def test_what_it_refuses():
    scan = SCANS["parallel, half a turn"]
    data = DISCS.projections(scan)
    with pytest.raises(InputError, match="quantity"):
        fbp(Projections(data.array, scan, "transmission"), GRID)
    with pytest.raises(SpecError, match="window"):
        fbp(data, GRID, window="boxcar")
    with pytest.raises(SpecError, match="cutoff"):
        fbp(data, GRID, cutoff=0.0)
    cone = ScanGeometry.cone([0.0, 1.0, 2.0], 5, 1.0, n_rows=3, row_spacing=1.0, **FAN)
    with pytest.raises(InputError, match="fdk"):
        fbp(Projections(np.zeros(cone.shape), cone), GRID)
    lifted = scan.source + np.array([0, 0, 0.1])
    tilted = ScanGeometry("parallel", lifted, scan.detector, scan.column_step, scan.row_step, 1, scan.n_columns)
    with pytest.raises(InputError, match="circular"):
        fbp(Projections(data.array, tilted), GRID)
