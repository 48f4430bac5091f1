"""`ct.calibrate`: what the balls tell is put into the other scan's geometry."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scanmill.algorithms.preparation.calibration import Misalignment, misaligned
from scanmill.data import Projections
from scanmill.errors import InputError
from scanmill.geometry import ScanGeometry
from scanmill.phantoms import Ellipsoid, Phantom
from scanmill.steps.contract import Context, Row
from scanmill.steps.table import find_step

STEP = find_step("ct.calibrate")


def cone(n_views=24, **changes):
    fields = {"source_to_isocenter": 500.0, "source_to_detector": 800.0, **changes}
    return ScanGeometry.cone(np.arange(n_views) * 2 * np.pi / n_views, 128, 1.0, n_rows=96, row_spacing=1.0, **fields)


PLACES = [(25.0 * np.cos(2 * i), 25.0 * np.sin(2 * i), z) for i, z in enumerate((-20.0, -6.0, 7.0, 20.0))]
BALLS = Phantom(tuple(Ellipsoid(place, (2.0, 2.0, 2.0), 0.5) for place in PLACES))


def run(scan, balls, **params):
    return STEP.run({"scan": scan, "balls": balls}, STEP.params(**params), Context((Row("r", {}),), Path()))


def test_the_detector_of_another_scan_is_put_right():
    wrong = Misalignment(columns=2.5, rows=-1.5, in_plane=0.01)
    balls = Projections(BALLS.line_integrals(misaligned(cone(), wrong)).astype(np.float32), cone())
    scan = Projections(np.zeros(cone(9).shape, np.float32), cone(9))
    output = run(scan, balls, rectify=False)
    assert output.metrics["columns_mm"] == pytest.approx(2.5, abs=0.05)
    assert output.metrics["in_plane_deg"] == pytest.approx(np.rad2deg(0.01), abs=0.02)
    assert (output.metrics["n_balls"], output.metrics["views_share"]) == (4, 1)
    assert output.values["scan"].geometry.is_close(misaligned(cone(9), wrong), tolerance_mm=0.1)
    assert not output.warnings


def test_balls_that_are_lost_are_told_and_another_scanner_is_refused():
    geometry = replace(cone(), n_columns=90)
    balls = Projections(BALLS.line_integrals(geometry).astype(np.float32), geometry)
    scan = Projections(np.zeros(geometry.shape, np.float32), geometry)
    output = run(scan, balls, n_balls=4)
    assert any("of the views show all 4 balls" in warning for warning in output.warnings)
    other = cone(source_to_detector=900.0)
    with pytest.raises(InputError, match="another scanner"):
        run(Projections(np.zeros(other.shape, np.float32), other), balls)


def test_fdk_takes_the_level_scan():
    wrong = Misalignment(columns=2.5, rows=-1.5, in_plane=0.01)
    balls = Projections(BALLS.line_integrals(misaligned(cone(), wrong)).astype(np.float32), cone())
    ball = Phantom((Ellipsoid((6.0, -4.0, 3.0), (20.0, 16.0, 12.0), 0.02),))
    scan = Projections(ball.line_integrals(misaligned(cone(), wrong)).astype(np.float32), cone())
    output = run(scan, balls)
    level = output.values["scan"]
    exact = ball.line_integrals(cone())
    before, after = (np.sqrt(np.mean((p - exact) ** 2)) for p in (scan.array, level.array))
    assert after < 0.1 * before
    assert level.geometry.is_close(cone())
    assert 0 < output.metrics["outside_share"] < 0.1
    fdk = find_step("ct.reconstruct")
    image = fdk.run({"scan": level}, fdk.params(), Context((Row("r", {}),), Path())).values["image"]
    assert image.array.max() == pytest.approx(0.02, rel=0.3)
    with pytest.raises(InputError, match=r"ct\.prepare"):
        run(replace(scan, quantity="transmission"), balls)
