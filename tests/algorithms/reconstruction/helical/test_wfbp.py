"""WFBP against analytic phantoms: HU of inserts, slice profiles, edges, and scans that it must refuse."""

from dataclasses import replace

import numpy as np
import pytest

import helices
from scanmill.algorithms.quality import edge_width
from scanmill.algorithms.reconstruction import fdk
from scanmill.algorithms.reconstruction.helical import helix_of, is_helical, pitch, seen_z, wfbp, wfbp_and_unseen
from scanmill.data import Projections
from scanmill.errors import InputError, SpecError
from scanmill.geometry import ScanGeometry, VolumeGeometry
from scanmill.phantoms import Detector, Ellipsoid, Phantom, acquire

CASES = {
    "16 rows, pitch 1": {},
    "16 rows, pitch 0.6": {"pitch": 0.6},
    "16 rows, pitch 1.4": {"pitch": 1.4},
    "64 rows, pitch 1.4": {"n_rows": 64, "pitch": 1.4},
    "64 rows, pitch 0.6": {"n_rows": 64, "pitch": 0.6},
    "flat detector": {"shape": "flat"},
    "turning back": {"back": True},
    "focus flying in the plane": {"spot": "x", "n_views": 480},
    "focus flying along z": {"spot": "z", "n_views": 480},
    "focus flying both ways": {"spot": "xz", "n_views": 960},
}


@pytest.mark.parametrize("case", CASES)
def test_inserts_are_within_two_hu(case):
    data = helices.inserts().projections(helices.helix(**CASES[case]))
    image, unseen = wfbp_and_unseen(data, helices.GRID)
    errors = helices.hu_errors(image.array)
    assert unseen == 0
    assert image.unit == "1/mm"
    assert max(abs(e) for e in errors.values()) < 2, errors


def test_a_mean_over_noise_is_the_noiseless_image():
    """The filters are linear in the line integrals, and log-Poisson at 1e5 photons is unbiased within 1 HU."""
    scan = helices.helix()
    errors = []
    for seed in range(3):
        counts = acquire(helices.inserts(), scan, Detector(photons=1e5), seed=seed)
        noisy = Projections(-np.log(counts.array / counts.flat), scan)
        errors.append(list(helices.hu_errors(wfbp(noisy, helices.GRID, window="hann").array).values()))
    assert np.abs(np.mean(errors, axis=0)).max() < 4
    assert np.std(errors, axis=0).max() > 0


def slice_profile_width(scan, step=0.1):
    """Full width at half maximum in mm of the image of a thin disc at z = 0."""
    disc = Phantom((Ellipsoid((0, 0, 0), (30, 30, 0.15), 0.02),))
    grid = VolumeGeometry.centered((81, 1, 1), (1.0, 1.0, step))
    profile = wfbp(disc.projections(scan), grid).array[:, 0, 0]
    return step * np.count_nonzero(profile > profile.max() / 2)


def test_the_slice_profile_is_a_row_wide_and_the_flying_focus_halves_it():
    row = helices.ROW_MM * helices.FOCUS / helices.DETECTOR
    still = slice_profile_width(helices.helix(half_length=3.0))
    flying = slice_profile_width(helices.helix(half_length=3.0, spot="z", n_views=480))
    assert 0.8 * row < still < 1.4 * row
    assert flying < 0.75 * still


def test_the_focus_flying_in_the_plane_sharpens_edges():
    widths = []
    grid = VolumeGeometry.centered((1, 120, 120), (0.6, 0.6, 1.0))
    rod = Phantom((Ellipsoid((0, 0, 0), (25, 25, np.inf), 0.02),))
    for knobs in ({}, {"spot": "x", "n_views": 480}):
        image = wfbp(rod.projections(helices.helix(half_length=1.0, **knobs)), grid)
        widths.append(edge_width(image.array, spacing_mm=0.6))
    assert widths[0] < 2.2 * helices.COLUMN_MM / 2
    assert widths[1] < 0.75 * widths[0]


def test_on_a_circle_it_agrees_with_fdk():
    angles = np.arange(270) * 2 * np.pi / 240
    knobs = {"n_rows": 9, "row_spacing": 2.4, "source_to_isocenter": 500.0, "source_to_detector": 1000.0}
    scan = ScanGeometry.cone(angles, 128, 3.0, **knobs)
    data = helices.inserts().projections(scan)
    grid = VolumeGeometry.centered((1, 72, 72), (1.7, 1.7, 1.5))
    ours = wfbp(data, grid).array
    theirs = fdk(data.views(slice(240)), grid).array
    centers = np.linalg.norm(grid.voxel_points()[..., :2], axis=-1) < 25
    assert abs(ours[centers].mean() - theirs[centers].mean()) < 1e-3 * helices.WATER


def test_rows_and_slices_may_count_downwards():
    scan, grid = helices.helix(half_length=2.0), helices.GRID.crop(slice(3, 6), slice(None), slice(None))
    data = helices.inserts().projections(scan)
    down = replace(scan, row_step=-scan.row_step)
    flipped = wfbp(Projections(data.array[:, ::-1].copy(), down), grid)
    image = wfbp(data, grid)
    np.testing.assert_allclose(flipped.array, image.array, atol=2e-7)


def test_a_part_of_the_grid_is_the_same():
    """Few rows far apart, so that whole voxels hang on the edge of the detector."""
    turn, rows = np.linspace(0, 14, 60), {"n_rows": 8, "row_spacing": 16.0}
    steep = ScanGeometry.helical(
        turn, 90 / 7 * (turn - 7), 32, 16.0, source_to_isocenter=500.0, source_to_detector=1000.0, **rows
    )
    coarse = VolumeGeometry.centered((6, 32, 32), (7.4, 7.4, 8.0))
    for scan, grid in ((helices.helix(), helices.GRID), (steep, coarse)):
        data = helices.inserts().projections(scan, dtype=np.float64)
        whole = wfbp(data, grid).array
        for z in range(0, grid.shape[0], 3):
            part = grid.crop(slice(z, z + 3), slice(10, 30), slice(None))
            np.testing.assert_allclose(wfbp(data, part).array, whole[z : z + 3, 10:30], rtol=0, atol=1e-12)


def test_what_is_unseen_is_counted_and_zero():
    data = helices.inserts().projections(helices.helix(half_length=2.0))
    long = VolumeGeometry.centered((41, 24, 24), (5.0, 5.0, 3.0))
    image, unseen = wfbp_and_unseen(data, long)
    assert 0.2 < unseen < 0.9
    assert not image.array[[0, -1]].any()
    assert image.array[20].any()
    steep = helices.helix(pitch=2.0, half_length=16.0)
    _, unseen = wfbp_and_unseen(Projections(np.zeros(steep.shape, np.float32), steep), helices.GRID)
    assert 0.1 < unseen < 0.9


def test_what_it_refuses():
    scan = helices.helix(half_length=2.0)
    empty = np.zeros(scan.shape, np.float32)
    good = Projections(empty, scan)
    with pytest.raises(InputError, match="sees no voxel"):
        wfbp(good, VolumeGeometry((3, 8, 8), (1.0, 1.0, 1.0), (0.0, 0.0, 500.0)))
    with pytest.raises(InputError, match="quantity"):
        wfbp(replace(good, quantity="counts"), helices.GRID)
    with pytest.raises(InputError, match="too few views"):
        wfbp(good.views(slice(0, 125)), helices.GRID)
    with pytest.raises(InputError, match="steadily"):
        wfbp(good.views(np.r_[0:200, 220 : scan.n_views]), helices.GRID)
    wandering = scan.with_focal_spot(axial=np.linspace(-3, 3, scan.n_views))
    with pytest.raises(InputError, match="wanders"):
        wfbp(Projections(empty, wandering), helices.GRID)
    leaning = replace(helices.GRID, direction=((1.0, 0.0, 0.0), (0.0, 0.0, -1.0), (0.0, 1.0, 0.0)))
    with pytest.raises(InputError, match="planes of constant z"):
        wfbp(good, leaning)
    flat = ScanGeometry.parallel([0.0, 1.0], 4, 1.0)
    with pytest.raises(InputError, match="cone"):
        wfbp(Projections(np.zeros(flat.shape), flat), helices.GRID)
    with pytest.raises(SpecError, match="taper"):
        wfbp(good, helices.GRID, taper=0.0)


def test_the_grid_of_parallel_rays():
    helix = helix_of(helices.helix(spot="x", n_views=480))
    assert (len(helix.groups), len(helix.groups[0]), helix.n_half) == (1, 2, 120)
    assert helix.t_step == pytest.approx(helices.COLUMN_MM / 4)
    assert helix.field_radius == pytest.approx(helices.FOCUS * np.sin(111 / 2 * helices.COLUMN_MM / 1000), rel=0.01)


@pytest.mark.parametrize("back", [False, True])
def test_the_slices_that_are_seen(back):
    scan = helices.helix(half_length=5.0, back=back)
    helix = helix_of(scan)
    low, high = seen_z(helix, 50.0)
    assert is_helical(scan)
    assert pitch(helix) == pytest.approx(-1.0 if back else 1.0, rel=1e-3)
    empty = Projections(np.zeros(scan.shape, np.float32), scan)

    def unseen(z, length):
        grid = VolumeGeometry((4, 20, 20), (3.5, 3.5, length / 3), (-33.25, -33.25, z))
        return wfbp_and_unseen(empty, grid)[1]

    assert high - low > 10
    assert unseen(low, high - low) == 0
    beyond = helices.ROW_MM * 4
    assert 0 < unseen(low - beyond, beyond) < 1
    assert 0 < unseen(high, beyond) < 1
    steep = helix_of(helices.helix(pitch=2.4, back=back).views(slice(0, 140)))
    with pytest.raises(InputError, match="too short"):
        seen_z(steep, 50.0)
