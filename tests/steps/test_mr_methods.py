"""Every method of `mr.calibrate` and `mr.reconstruct` on made k-space, one scale for all, and what they refuse."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from scanmill.data import CoilSensitivities
from scanmill.errors import InputError
from scanmill.geometry import Trajectory, VolumeGeometry
from scanmill.phantoms import Ellipsoid, Phantom
from scanmill.phantoms.coils import CoilArray
from scanmill.phantoms.kspace import acquire_kspace
from scanmill.phantoms.sampling_masks import partial_fourier, regular
from scanmill.steps.contract import Context, Row
from scanmill.steps.table import find_step

N = 48
COILS = CoilArray.loops(6, body_mm=70.0)
BODY = Phantom((
    Ellipsoid((2.0, 1.0, 0.0), (52.0, 44.0, 50.0), 0.6), Ellipsoid((-18.0, 8.0, 0.0), (15.0, 12.0, 40.0), 0.4),
    Ellipsoid((20.0, -12.0, 0.0), (10.0, 14.0, 40.0), -0.3),
))  # fmt: skip
SIGMA = 5e-4
RECONSTRUCT = find_step("mr.reconstruct")
METHODS = get_args(RECONSTRUCT.params.model_fields["method"].annotation)
SCAN_OF = {
    **dict.fromkeys(("zero-filled", "adaptive"), "full"), **dict.fromkeys(("homodyne", "pocs"), "partial"),
    **dict.fromkeys(("llr", "l+s", "grasp"), "dynamic"), "radial-3d": "ball",
}  # fmt: skip
KNOBS = {"spirit": {"n_iterations": 60}, "radial-3d": {"weight": 0.01}}


def run(step, inputs, **params):
    found = find_step(step)
    return found.run(inputs, found.params(**params), Context((Row("r", {}),), Path(), seed=3))


def lines(mask):
    return mask[None, None, None, :, None]


def random_lines(seed):
    chosen = np.random.default_rng(seed).random(N) < 0.4
    chosen[N // 2 - 8 : N // 2 + 8] = True
    return chosen


HOW = {
    "full": {},
    "parallel": {"sampling_mask": lines(regular(N, 2, n_calibration=20))},
    "partial": {"sampling_mask": lines(partial_fourier(N, 0.7))},
    "radial": {"trajectory": Trajectory.golden_angle(40, 2 * N, matrix=N)},
    "spiral": {"trajectory": Trajectory.spiral(8, 400, matrix=N)},
    "dynamic": {"sampling_mask": np.stack([lines(random_lines(frame))[0] for frame in range(3)])},
    "ball": {"trajectory": Trajectory.radial_3d(700, 48, matrix=24)},
}


def grid(name):
    return VolumeGeometry.centered((24,) * 3, (5.5,) * 3) if name == "ball" else VolumeGeometry.centered(
        (1, N, N), (2.8, 2.8, 5.0)
    )  # fmt: skip


@cache
def scan(name):
    """The body, scanned in one of the ways of `HOW`, and prepared."""
    covariance = SIGMA**2 * np.eye(COILS.n_coils)
    raw = acquire_kspace(
        BODY, grid(name), COILS, noise_covariance=covariance, n_noise_samples=2000, seed=1, **HOW[name]
    )
    return run("mr.prepare", {"scan": raw}).values["scan"]


@cache
def maps(name, method="espirit"):
    return run("mr.calibrate", {"scan": scan(name)}, method=method).values["sensitivities"]


def image_of(name, method, **params):
    inputs = {"scan": scan(name), "sensitivities": maps(name, "walsh" if name == "ball" else "espirit")}
    return run("mr.reconstruct", inputs, method=method, **KNOBS.get(method, {}), **params)


def seen(geometry):
    """Σ |c|² of the true coils, its root: what images of unit sensitivities are shaded by."""
    return np.sqrt((abs(COILS.values(geometry.voxel_points())) ** 2).sum(axis=0))


def error(image):
    """Against the analytic object as the coils together see it; of the voxel edges Gibbs' ringing is left."""
    truth = BODY.voxels(image.geometry, supersampling=4).array * seen(image.geometry)
    return np.linalg.norm(image.array - truth) / np.linalg.norm(truth)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_finds_the_body(method):
    name = SCAN_OF.get(method, "parallel")
    output = image_of(name, method)
    image = output.values["image"]
    assert error(image) < 0.1
    truth = BODY.voxels(image.geometry, supersampling=4).array * seen(image.geometry)
    middle = truth > 0.8 * truth.max()
    assert np.mean(image.array[middle] / truth[middle]) == pytest.approx(1, abs=0.07)  # no scale of its own
    assert output.warnings == ()
    assert (output.metrics["scale"], output.metrics["n_frames"]) == (1.0, 3.0 if name == "dynamic" else 1.0)


@pytest.mark.parametrize("name", ["radial", "spiral"])
@pytest.mark.parametrize("method", ["adaptive", "cg-sense", "l1-wavelet", "tv"])
def test_along_trajectories_too(method, name):
    image = image_of(name, method).values["image"]
    assert error(image) < (0.15 if method == "adaptive" else 0.1)


@pytest.mark.parametrize("method", ["grappa", "spirit", "cg-sense", "l1-wavelet", "tv", "tgv", "nlinv"])
def test_parallel_imaging_unfolds_what_zeros_leave_folded(method):
    folded = error(image_of("parallel", "zero-filled").values["image"])
    assert error(image_of("parallel", method).values["image"]) < 0.8 * folded


def test_the_missing_side_is_sharper_with_the_phase_than_with_zeros():
    blurred = error(image_of("partial", "zero-filled").values["image"])
    for method in ("homodyne", "pocs"):
        assert error(image_of("partial", method).values["image"]) < 0.95 * blurred


@pytest.mark.parametrize("name", ["parallel", "radial"])
@pytest.mark.parametrize("method", ["espirit", "walsh", "joint"])
def test_sensitivities_are_those_of_the_coils_up_to_a_phase(method, name):
    found = maps(name, method)
    assert found.geometry == scan(name).geometry
    true = COILS.values(found.geometry.voxel_points()) / seen(found.geometry)
    inside = BODY.voxels(found.geometry).array > 0.5
    agreement = abs((found.array[0, 0][:, 0] * true[:, 0].conj()).sum(axis=0))[inside[0]]
    assert np.median(agreement) > 0.99
    assert np.percentile(agreement, 5) > 0.95


def test_one_scale_for_all_and_none_of_the_image_s_own():
    inputs = {"scan": scan("full"), "sensitivities": maps("full")}
    plain, thousand = (run("mr.reconstruct", inputs, method="adaptive", scale=s) for s in (1.0, 1000.0))
    assert (plain.values["image"].unit, thousand.values["image"].unit) == ("MR x1", "MR x1000")
    assert thousand.metrics["scale"] == 1000.0
    np.testing.assert_allclose(thousand.values["image"].array, 1000 * plain.values["image"].array, rtol=1e-5)
    stronger = {**inputs, "scan": replace(scan("full"), array=3 * scan("full").array)}
    again = run("mr.reconstruct", stronger, method="adaptive").values["image"].array
    np.testing.assert_allclose(again, 3 * plain.values["image"].array, rtol=1e-5, atol=1e-6)


def test_whitening_leaves_intensities_as_they_were_however_strong_the_noise():
    signal = scan("full").array
    for sigma in (1e-4, 1e-2):
        noise = sigma * np.random.default_rng(1).standard_normal((5000, 2 * COILS.n_coils)).view(complex)
        white = run("mr.prepare", {"scan": replace(scan("full"), noise=noise, is_whitened=False)}).values["scan"]
        assert np.linalg.norm(white.array) == pytest.approx(np.linalg.norm(signal), rel=0.03)


def test_frames_by_name_by_number_and_of_complex_numbers():
    named = replace(scan("dynamic"), frame_names=("echo 1", "echo 2", "echo 3"))
    inputs = {"scan": named, "sensitivities": maps("dynamic")}
    output = run("mr.reconstruct", inputs, method="cg-sense", frame="echo 2", output="complex")
    frames, image = output.values["frames"], output.values["image"]
    assert frames.names == named.frame_names
    assert image.array.dtype.kind == "c"
    np.testing.assert_array_equal(image.array, frames.array[1])
    average = run("mr.prepare", {"scan": named}, combine="average").values["scan"]
    assert average.n_frames == 1
    assert average.acceleration() < named.acceleration()
    chosen = run("mr.prepare", {"scan": named}, frames=["echo 3"]).values["scan"]
    np.testing.assert_array_equal(chosen.array, named.array[2:])


def test_spokes_become_frames_in_time_and_one_again():
    split = run("mr.prepare", {"scan": scan("radial")}, shots_per_frame=13).values["scan"]
    assert (split.n_frames, split.array.shape[3], split.frame_names[2]) == (3, 13, "shots 2")
    np.testing.assert_array_equal(split.trajectory.points[1, 0], scan("radial").trajectory.points[0, 0, 13:26])
    joined = run("mr.prepare", {"scan": split}, combine="join").values["scan"]
    np.testing.assert_array_equal(joined.array, scan("radial").array[:, :, :, :39])


def test_late_gradients_are_found_and_corrected():
    late = np.array([[0.4, 0.1], [0.1, -0.3]])
    planned = Trajectory.golden_angle(60, 2 * N, matrix=N)
    raw = acquire_kspace(BODY, grid("radial"), COILS, trajectory=planned, true_trajectory=planned.delayed(late))
    found = run("mr.prepare", {"scan": raw}, delays="ring")
    given = run("mr.prepare", {"scan": raw}, delays=(0.4, -0.3, 0.1))
    told = [found.metrics[f"delay_{name}"] for name in ("x", "y", "xy")]
    assert told == pytest.approx([0.4, -0.3, 0.1], abs=0.1)
    errors = []
    for one in (run("mr.prepare", {"scan": raw}), found, given):
        prepared = one.values["scan"]
        inputs = {"scan": prepared, **run("mr.calibrate", {"scan": prepared}).values}
        errors.append(error(run("mr.reconstruct", inputs, method="cg-sense").values["image"]))
    assert errors[1] < 0.9 * errors[0]
    assert errors[1] == pytest.approx(errors[2], rel=0.05)


def spoilt(name, **changes):
    return replace(scan(name), **changes)


def nan_in(array):
    array = np.array(array)
    array.reshape(-1)[array.size // 2] = np.nan
    return array


def fewer_coils():
    return CoilSensitivities(maps("parallel").array[:, :, :4], maps("parallel").geometry)


def maps_elsewhere():
    return replace(maps("parallel"), geometry=replace(maps("parallel").geometry, spacing=(2.0, 2.0, 5.0)))


def no_middle():
    """Odd lines only: the zero frequency is not among them."""
    mask = lines(np.arange(N) % 2 == 1)
    return spoilt("full", array=scan("full").array * mask[:, :, None], sampling_mask=mask)


GIVEN = {"method": "cg-sense"}
REFUSED = {
    "NaN samples": ("mr.reconstruct", lambda: {"scan": spoilt("parallel", array=nan_in(scan("parallel").array))}, {},
                    "the samples must be finite"),
    "NaN noise": ("mr.prepare", lambda: {"scan": spoilt("full", noise=nan_in(scan("full").noise))}, {},
                  "the noise must be finite"),
    "NaN reference lines": ("mr.calibrate", lambda: {"scan": spoilt("full", calibration=nan_in(scan("full").array))},
                            {}, "the reference lines must be finite"),
    "NaN maps": ("mr.reconstruct", lambda: {"scan": scan("parallel"), "sensitivities": replace(
        maps("parallel"), array=nan_in(maps("parallel").array))}, GIVEN, "finite"),
    "no samples": ("mr.prepare", lambda: {"scan": spoilt("full", array=0 * scan("full").array)}, {},
                   "the sampling mask is empty"),
    "no maps": ("mr.reconstruct", lambda: {"scan": scan("parallel")}, GIVEN, "cg-sense needs coil sensitivities"),
    "other coils": ("mr.reconstruct", lambda: {"scan": scan("parallel"), "sensitivities": fewer_coils()}, GIVEN,
                    "they are of other coils than k-space.*expected 6, got 4"),
    "another grid": ("mr.reconstruct", lambda: {"scan": scan("parallel"), "sensitivities": maps_elsewhere()}, GIVEN,
                     "they lie on another grid than k-space"),
    "no middle": ("mr.calibrate", lambda: {"scan": no_middle()}, {}, "no calibration region"),
    "no middle for grappa": ("mr.reconstruct", lambda: {"scan": no_middle()}, {"method": "grappa"}, "calibration"),
    "unknown frame": ("mr.reconstruct", lambda: {"scan": scan("full")}, {"frame": "echo 9"},
                      "there is no such frame.*frame 0.*got echo 9"),
    "unknown frames": ("mr.prepare", lambda: {"scan": scan("full")}, {"frames": ["x"]}, "there is no such frame"),
    "one frame": ("mr.reconstruct", lambda: {"scan": scan("full"), "sensitivities": maps("full")}, {"method": "llr"},
                  "needs several frames.*shots_per_frame"),
    "a trajectory": ("mr.reconstruct", lambda: {"scan": scan("radial")}, {"method": "grappa"}, "samples on a grid"),
    "a plane": ("mr.reconstruct", lambda: {"scan": scan("radial"), "sensitivities": maps("radial")},
                {"method": "radial-3d"}, "three dimensions"),
    "a phase of squares": ("mr.reconstruct", lambda: {"scan": scan("full")}, {"output": "complex"}, "has no phase"),
    "no noise scan": ("mr.prepare", lambda: {"scan": spoilt("full", noise=None, is_whitened=False)},
                      {"whiten": "always"}, "noise"),
    "delays of a grid": ("mr.prepare", lambda: {"scan": scan("full")}, {"delays": "ring"}, "of a trajectory"),
    "joined grids": ("mr.prepare", lambda: {"scan": scan("dynamic")}, {"combine": "join"}, "along a trajectory"),
    "too few shots": ("mr.prepare", lambda: {"scan": scan("radial")}, {"shots_per_frame": 41}, "shots enough"),
}  # fmt: skip


@pytest.mark.parametrize("fault", REFUSED)
def test_what_is_refused(fault):
    step, inputs, params, words = REFUSED[fault]
    with pytest.raises(InputError, match=words):
        run(step, inputs(), **params)


def test_what_is_warned_of():
    mask = lines(regular(N, 3))
    few = spoilt("full", array=scan("full").array * mask[:, :, None], sampling_mask=mask)
    assert any("does not unfold" in word for word in run("mr.reconstruct", {"scan": few}).warnings)
    mask = lines(regular(N, 3, n_calibration=7))
    narrow = spoilt("full", array=scan("full").array * mask[:, :, None], sampling_mask=mask)
    assert any("only 7 lines" in word for word in run("mr.calibrate", {"scan": narrow}, method="walsh").warnings)
    half = run("mr.prepare", {"scan": scan("partial")})
    assert any("of an axis of k-space was measured" in word for word in half.warnings)


def test_a_full_scan_is_thinned_by_the_seed_around_its_middle():
    few = {"undersample": {"acceleration": 3, "axis": "x", "n_calibration": 8}}
    thinned, again = (run("mr.prepare", {"scan": scan("full")}, **few).values["scan"] for _ in range(2))
    columns = thinned.sampled()[0, 0, 0].all(axis=0)
    assert (columns.sum(), columns[N // 2 - 4 : N // 2 + 4].all()) == (16, True)
    np.testing.assert_array_equal(thinned.array, np.where(columns, scan("full").array, 0))
    np.testing.assert_array_equal(thinned.array, again.array)
    with pytest.raises(InputError, match=r"too few lines.*expected 24 or more, got 16 of 48"):
        run("mr.prepare", {"scan": scan("full")}, undersample={"acceleration": 3})
    with pytest.raises(InputError, match="samples on a grid"):
        run("mr.prepare", {"scan": scan("radial")}, undersample={"acceleration": 2})
