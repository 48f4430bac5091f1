"""Each wrong rule raises the residual of lines that were measured twice; mirror images cannot, and are so called."""

import math
from functools import partial

import numpy as np
import pytest

from ctpd.writer import write_scan
from scanmill.algorithms.preparation.consistency import consistency
from scanmill.algorithms.preparation.redundant_lines import line_pairs, pixels_of
from scanmill.data import Projections
from scanmill.errors import InputError
from scanmill.geometry import ScanGeometry
from scanmill.io.ctpd_scan import CtpdScan, open_ctpd
from scanmill.phantoms.anatomy import chest
from scanmill.steps.ctpd_audit import audit as full_audit

GE = "GE MEDICAL SYSTEMS"
SIZES = {"n_rows": 16, "n_columns": 112, "views_per_turn": 144, "turns": 2.0, "central_offset": (0.375, 0.0)}
audit = partial(full_audit, n_views=100)
DISTANCES = {"source_to_isocenter": 595.0, "source_to_detector": 1085.6}
ALWAYS = {
    "order of columns": 10.0,
    "direction of phi": 10.0,
    "order of rows": 1.5,
    "direction of z": 1.5,
}
"""The least rise of the residual, in parts of the rules' own, that these scans of a chest show."""
CENTRAL = {
    "SIEMENS": {
        "central column counted from 0": 3.0,
        "central column counted back from 1": 3.0,
        "central column counted back from 0": 4.0,
    },
    GE: {
        "central column counted from 0": 3.0,
        "central column counted back from 1": 3.0,
        "central column counted from 1": 4.0,
    },
}
SHIFTS = {
    "FFSNONE": {},
    "FFSZ": {"sign of drho": 1.5, "sign of dz": 0.02, "focal spot's shifts ignored": 0.6},
    "FFSXY": {"sign of dphi": 2.0, "focal spot's shifts ignored": 0.8},
    "FFSXYZ": {
        "sign of dphi": 1.5,
        "sign of drho": 1.5,
        "sign of dz": 0.02,
        "focal spot's shifts ignored": 1.0,
    },
}


@pytest.mark.parametrize("ffs", list(SHIFTS))
@pytest.mark.parametrize("vendor", list(CENTRAL))
def test_each_testable_flip_raises_the_residual(tmp_path, vendor, ffs):
    write_scan(tmp_path, chest(), vendor=vendor, ffs=ffs, photons=1e5, seed=2, **SIZES)
    judged = audit(open_ctpd(sorted(tmp_path.iterdir())))
    flips = {flip.rule: flip for flip in judged.flips}
    least = {**ALWAYS, **CENTRAL[vendor], **SHIFTS[ffs]}
    seen = {rule for rule, flip in flips.items() if flip.verdict == "testable"}
    assert seen == set(least)
    for rule, rise in least.items():
        assert flips[rule].rise > rise, flips[rule]
    assert judged.is_consistent
    assert judged.residual < 0.025
    assert judged.n_lines > 2000
    assert {rule for rule, flip in flips.items() if flip.verdict == "symmetry"} == {
        "direction of phi and order of columns",
        "direction of z and order of rows",
    }
    idle = {rule for rule, flip in flips.items() if flip.verdict == "nothing to turn"}
    assert idle == {"sign of dphi", "sign of dz", "sign of drho", "focal spot's shifts ignored"} - set(SHIFTS[ffs])
    assert flips["central row counted from 0"].verdict == "too small to see"


def test_a_file_against_its_vendors_rule_is_found(tmp_path):
    """A GE scan whose tag was written as the manual says: the audit names the rule that fits."""

    def as_siemens(tags, instance):
        tags[0x8, 0x70] = ("LO", b"SIEMENS ")

    write_scan(tmp_path, chest(), vendor=GE, edit=as_siemens, **SIZES)
    judged = audit(open_ctpd(sorted(tmp_path.iterdir())))
    assert not judged.is_consistent
    doubtful = {flip.rule for flip in judged.flips if flip.verdict == "doubtful"}
    assert "central column counted back from 0" in doubtful


def test_a_shift_too_small_for_the_noise_is_said_to_be_so(tmp_path):
    write_scan(tmp_path, chest(), photons=300.0, spot_offset=3e-5, **SIZES)
    flips = {flip.rule: flip for flip in audit(open_ctpd(sorted(tmp_path.iterdir()))).flips}
    assert flips["sign of dphi"].verdict == "too small to see"
    assert flips["order of columns"].verdict == "testable"


def test_large_scans_are_judged_in_windows(tmp_path, monkeypatch):
    write_scan(tmp_path, chest(), ffs="FFSXY", **SIZES)
    scan = open_ctpd(sorted(tmp_path.iterdir()))
    whole = audit(scan)
    monkeypatch.setattr("scanmill.steps.ctpd_audit.SMALL_BYTES", 0)
    part = audit(scan)
    assert part.n_lines < whole.n_lines
    assert [flip.verdict for flip in part.flips if flip.rule == "sign of dphi"] == ["testable"]


def test_less_than_half_a_turn_cannot_be_judged(tmp_path):
    write_scan(tmp_path, chest(), **{**SIZES, "turns": 0.2})
    with pytest.raises(InputError, match="no line is measured twice"):
        audit(open_ctpd(sorted(tmp_path.iterdir())))


@pytest.mark.parametrize("shape", ["flat", "cylindrical"])
def test_a_pixel_is_found_where_its_ray_goes(shape):
    angles = np.linspace(0, 7, 9)
    scan = ScanGeometry.helical(
        angles, 5 * angles, 24, 30.0, n_rows=6, row_spacing=11.0, axis_column=10.3, axis_row=2.2, detector_shape=shape,
        **DISTANCES,
    )  # fmt: skip
    scan = scan.with_focal_spot(angular=0.004 * (-1.0) ** np.arange(9), axial=1.5, radial=-4.0)
    for view in (0, 5):
        _, along = scan.rays(view)
        rows, columns = np.meshgrid(np.arange(6), np.arange(24), indexing="ij")
        found = pixels_of(scan, np.full(rows.size, view), along.reshape(-1, 3))
        np.testing.assert_allclose(found, np.stack([rows.ravel(), columns.ravel()], axis=1), atol=1e-8)


def test_both_ends_of_a_line_see_the_same():
    """Without interpolation: rays through the very places where the line meets the two detectors."""
    angles = np.linspace(0, 8, 50)
    scan = ScanGeometry.helical(angles, 4 * angles, 40, 25.0, n_rows=16, row_spacing=5.0, **DISTANCES)
    pairs = line_pairs(scan, n_views=10)
    assert len(pairs.first_view) > 50
    for view, pixel, other in zip(pairs.first_view, pairs.first_pixel, pairs.second_view, strict=True):
        (row, column), (middle_row, middle_column) = pixel, (7.5, 19.5)
        arm = scan.detector[view] - scan.arc_center[view]
        gamma = (column - middle_column) * 25.0 / 1085.6
        across = scan.column_step[view] / 25.0 * 1085.6
        place = scan.arc_center[view] + math.cos(gamma) * arm + math.sin(gamma) * across
        place = place + (row - middle_row) * scan.row_step[view]
        a, b = place - scan.source[view], scan.source[other] - scan.source[view]
        assert np.linalg.norm(np.cross(a, b)) < 1e-6 * np.linalg.norm(a) * np.linalg.norm(b)


def test_only_cone_beams_of_line_integrals_are_judged():
    fan = ScanGeometry.fan([0.0, 3.0], 5, 1.0, **DISTANCES)
    with pytest.raises(InputError, match="need a cone beam: got fan"):
        consistency(Projections(np.ones((2, 1, 5)), fan))
    cone = ScanGeometry.cone(np.linspace(0, 6, 30), 5, 90.0, n_rows=1, row_spacing=1.0, **DISTANCES)
    with pytest.raises(InputError, match="only line integrals"):
        consistency(Projections(np.ones((30, 1, 5)), cone, "transmission"))
    with pytest.raises(InputError, match="all empty"):
        consistency(Projections(np.zeros((30, 1, 5)), cone))


def test_the_scan_of_a_flipped_rule_is_never_what_projections_gives(tmp_path):
    """The audit turns rules for itself alone."""
    write_scan(tmp_path, chest(), **{**SIZES, "views_per_turn": 40})
    scan = open_ctpd(sorted(tmp_path.iterdir()))
    before = scan.projections()
    audit(scan)
    after = CtpdScan(scan.table, scan.raw).projections()
    np.testing.assert_array_equal(before.array, after.array)
    assert before.geometry.is_close(after.geometry)
