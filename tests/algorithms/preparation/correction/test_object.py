"""Truncation, metal, Hounsfield units: against the whole object."""

from dataclasses import replace

import numpy as np
import pytest

from scanmill.algorithms.preparation import from_hounsfield, to_hounsfield
from scanmill.algorithms.preparation.correction import (
    bridge,
    extend_truncated,
    insert_metal,
    reduce_metal,
    truncated_share,
)
from scanmill.algorithms.reconstruction.fbp import fbp
from scanmill.algorithms.reconstruction.fdk import fdk
from scanmill.data import Projections, Volume
from scanmill.errors import InputError
from scanmill.geometry import ScanGeometry, VolumeGeometry
from scanmill.operators.projection import ProjectionOp
from scanmill.phantoms import Ellipsoid, Phantom, PolychromaticPhantom, Spectrum, chest

ANGLES = np.arange(180) * np.pi / 180
DISTANCES = {"source_to_isocenter": 600.0, "source_to_detector": 1000.0}


def beam(name, n_columns):
    if name == "parallel":
        return ScanGeometry.parallel(ANGLES, n_columns, 2.0)
    return ScanGeometry.fan(2 * ANGLES, n_columns, 2.0 / 0.6, **DISTANCES)


@pytest.mark.parametrize("name", ["parallel", "fan"])
def test_a_cut_off_chest_is_bright_no_more(name):
    scan = beam(name, 110)  # 220 mm of 350
    grid = VolumeGeometry.centered((1, 96, 96), (2.0, 2.0, 2.0))
    cut = chest().projections(scan, supersampling=2)
    extended = extend_truncated(cut, water=0.02)
    assert min(truncated_share(cut)) > 0.9
    assert extended.geometry.n_columns == 220
    np.testing.assert_array_equal(extended.array[..., 55:-55], cut.array)
    y, x = np.mgrid[:96, :96] * 2.0 - 95.0
    inside = x**2 + y**2 < 85**2
    truth = chest().voxels(grid).array[0]
    bias = [np.abs(fbp(p, grid, window="hann").array[0] - truth)[inside].mean() for p in (cut, extended)]
    assert bias[1] < 0.35 * bias[0]


def test_a_water_cylinder_is_continued_exactly():
    water = Phantom((Ellipsoid((15.0, 0.0, 0.0), (100.0, 100.0, np.inf), 0.02),))
    wide, narrow = (ScanGeometry.parallel(ANGLES[::9], n, 2.0) for n in (128, 64))
    extended = extend_truncated(water.projections(narrow, dtype=np.float64), water=0.02)
    whole = water.line_integrals(wide)
    np.testing.assert_allclose(extended.array[..., 16:-16], whole[..., 16:-16], atol=1e-7)


def test_a_whole_object_gets_zeros():
    scan = beam("parallel", 256)
    whole = chest().projections(scan)
    extended = extend_truncated(whole, water=0.02, share=0.1)
    assert truncated_share(whole) == (0, 0)
    assert not extended.array[..., :20].any()


def test_photons_grow_with_the_detector():
    scan = ScanGeometry.parallel([0.0, 1.0], 20, 1.0)
    photons = np.arange(1.0, 21)[None, None]
    wide = extend_truncated(Projections(np.ones(scan.shape), scan, photons=photons), water=0.02)
    assert wide.photons.shape == (1, 1, 40)
    assert (wide.photons[0, 0, 0], wide.photons[0, 0, -1]) == (1, 20)


def test_bad_truncation_is_refused():
    scan = ScanGeometry.parallel([0.0], 12, 1.0)
    p = Projections(np.ones(scan.shape), scan)
    with pytest.raises(InputError, match="too few columns"):
        extend_truncated(p, water=0.02)
    with pytest.raises(InputError, match="positive"):
        extend_truncated(p, water=0.0)
    displaced = ScanGeometry.parallel([0.0], 60, 1.0, axis_column=20.0)
    with pytest.raises(InputError, match="displaced"):
        extend_truncated(Projections(np.ones(displaced.shape), displaced), water=0.02)
    with pytest.raises(InputError, match="logarithm"):
        extend_truncated(replace(p, quantity="transmission"), water=0.02)


TUBE = Spectrum.tube(120.0)
WATER = TUBE.effective("water")
PINS = [(-40.0, 10.0), (40.0, 10.0)]


def hip(z=np.inf, bony=True):
    body = Ellipsoid((0.0, 0.0, 0.0), (90.0, 65.0, z), 1.0)
    bones = [Ellipsoid((x, -25.0, 0.0), (12.0, 10.0, z), 1.0) for x in (-30.0, 30.0) if bony]
    pins = [Ellipsoid((x, y, 0.0), (6.0, 6.0, z), 1.0) for x, y in PINS]
    holes = tuple(replace(e, value=-1.0) for e in (*bones, *pins))
    with_metal = {"water": Phantom((body, *holes)), "bone": Phantom(tuple(bones)), "iron": Phantom(tuple(pins))}
    without = {"water": Phantom((body, *holes[: len(bones)])), "bone": Phantom(tuple(bones))}
    return PolychromaticPhantom(with_metal), PolychromaticPhantom(without)


def far_from_metal(grid, distance=12.0):
    ny, nx = grid.shape[1:]
    x = grid.origin[0] + grid.spacing[0] * np.arange(nx)
    y = (grid.origin[1] + grid.spacing[1] * np.arange(ny))[:, None]
    body = (x / 84) ** 2 + (y / 59) ** 2 < 1
    return body & np.all([(x - px) ** 2 + (y - py) ** 2 > distance**2 for px, py in PINS], axis=0)


@pytest.mark.parametrize("name", ["parallel", "fan", "cone"])
def test_streaks_of_metal_go(name):
    if name == "cone":
        scan = ScanGeometry.cone(2 * ANGLES, 112, 3.2, n_rows=5, row_spacing=3.2, **DISTANCES)
        grid = VolumeGeometry.centered((5, 112, 112), (2.0, 2.0, 2.0))
    else:
        scan, grid = beam(name, 112), VolumeGeometry.centered((1, 112, 112), (2.0, 2.0, 2.0))
    reconstruct = fdk if name == "cone" else fbp
    metal, clean = hip(60.0 if name == "cone" else np.inf)
    seen = metal.projections(scan, TUBE, supersampling=2)
    first = reconstruct(seen, grid)
    best = reconstruct(clean.projections(scan, TUBE, supersampling=2), grid).array[grid.shape[0] // 2]
    op = ProjectionOp(grid, scan)
    body = far_from_metal(grid)
    errors = {}
    for method in ("none", "interpolated", "normalised"):
        image = first
        if method != "none":
            done = reduce_metal(seen, first, op, metal=4 * WATER, water=WATER, method=method)
            assert 0.02 < done.shadow_share < 0.4
            image = reconstruct(done.projections, grid)
        errors[method] = np.sqrt(np.mean((image.array[grid.shape[0] // 2] - best)[body] ** 2)) / WATER
    assert errors["interpolated"] < 0.9 * errors["none"]
    assert errors["normalised"] < 0.5 * errors["interpolated"]
    shown = insert_metal(image, first, done.mask)
    assert shown.array[done.mask].min() > 4 * WATER


def test_interpolation_is_enough_in_water_and_loses_the_bone_that_the_shadow_crosses():
    """With bone, interpolating a scan that never had metal does the same harm: the loss is of data, not of method."""
    scan, grid = beam("parallel", 112), VolumeGeometry.centered((1, 112, 112), (2.0, 2.0, 2.0))
    pins = Phantom(tuple(Ellipsoid((x, y, 0.0), (6.0, 6.0, np.inf), 1.0) for x, y in PINS))
    body, shadow = far_from_metal(grid), pins.line_integrals(scan, supersampling=4) > 0
    for bony in (True, False):
        with_pins, without = (p.projections(scan, TUBE, supersampling=2) for p in hip(bony=bony))
        images = [
            fbp(replace(p, array=bridge(p.array, shadow) if bridged else p.array), grid).array[0]
            for p, bridged in ((without, False), (with_pins, False), (with_pins, True), (without, True))
        ]
        streaks, corrected, harmed = (np.sqrt(np.mean((image - images[0])[body] ** 2)) for image in images[1:])
        assert corrected == pytest.approx(harmed, rel=0.02)
        assert (corrected < 0.1 * streaks) != bony


def test_without_metal_nothing_changes():
    scan, grid = beam("parallel", 64), VolumeGeometry.centered((1, 64, 64), (2.0, 2.0, 2.0))
    p = Projections(np.ones(scan.shape, np.float32), scan)
    image = Volume(np.full(grid.shape, 0.02, np.float32), grid, "1/mm")
    done = reduce_metal(p, image, ProjectionOp(grid, scan), metal=0.1, water=0.02)
    assert done.projections is p
    assert (done.shadow_share, done.mask.any()) == (0.0, False)


def test_bad_metal_is_refused():
    scan, grid = beam("parallel", 64), VolumeGeometry.centered((1, 64, 64), (2.0, 2.0, 2.0))
    p = Projections(np.ones(scan.shape, np.float32), scan)
    op = ProjectionOp(grid, scan)
    image = Volume(np.full(grid.shape, 0.2, np.float32), grid, "1/mm")
    with pytest.raises(InputError, match="whole row"):
        reduce_metal(p, image, op, metal=0.1, water=0.02)
    with pytest.raises(InputError, match="grow"):
        reduce_metal(p, image, op, metal=0.01, water=0.02)
    with pytest.raises(InputError, match="finite"):
        reduce_metal(p, image.with_array(image.array * np.nan), op, metal=0.1, water=0.02)
    small = Volume(image.array[:, :32, :32], VolumeGeometry.centered((1, 32, 32)), "1/mm")
    with pytest.raises(InputError, match="projector"):
        reduce_metal(p, small, op, metal=0.1, water=0.02)
    with pytest.raises(InputError, match="differ"):
        insert_metal(image, small, image.array > 1)


def test_the_bridge_is_numpys():
    rng = np.random.default_rng(8)
    p, shadow = rng.random((4, 3, 30)), rng.random((4, 3, 30)) < 0.7
    shadow[..., 13] = False
    found = bridge(p, shadow)
    for view, row in np.ndindex(4, 3):
        live = (~shadow[view, row]).nonzero()[0]
        np.testing.assert_allclose(found[view, row], np.interp(np.arange(30), live, p[view, row, live]), rtol=1e-12)


def test_hounsfield_units_there_and_back():
    image = Volume(np.float32([[[0.0, 0.0192, 0.0384]]]), VolumeGeometry((1, 1, 3)), "1/mm")
    shown = to_hounsfield(image, 0.0192)
    np.testing.assert_allclose(shown.array.ravel(), [-1000, 0, 1000], atol=1e-3)
    assert (shown.unit, shown.array.dtype) == ("HU", np.float32)
    np.testing.assert_allclose(from_hounsfield(shown, 0.0192).array, image.array, atol=1e-8)
    with pytest.raises(InputError, match="another unit"):
        to_hounsfield(shown, 0.0192)
    with pytest.raises(InputError, match="1/mm"):
        to_hounsfield(image, 19.2)
