"""Scans that the writer made are read as they were measured: by exact line integrals of the geometry that is read."""

import numpy as np
import pytest

from ctpd.writer import write_scan
from scanmill.algorithms.preparation.redundant_lines import pixels_of
from scanmill.io.ctpd_scan import open_ctpd
from scanmill.phantoms.random_phantom import random_phantom

GE = "GE MEDICAL SYSTEMS"
QUANTUM = 1e-4
"""Two steps of 16 bits over line integrals up to about 6."""
SMALL = {"n_rows": 6, "n_columns": 20, "views_per_turn": 24, "turns": 1.5, "central_offset": (1.25, 0.5)}


@pytest.fixture(scope="module")
def phantom():
    return random_phantom(3, radius_mm=120.0)


@pytest.mark.parametrize("ffs", ["FFSNONE", "FFSZ", "FFSXY", "FFSXYZ"])
@pytest.mark.parametrize("vendor", ["SIEMENS", GE])
@pytest.mark.parametrize("position", ["HFS", "FFS"])
def test_the_geometry_that_is_read_is_the_one_that_was_measured(tmp_path, phantom, vendor, ffs, position):
    turned = 1 if position == "HFS" else -1
    write_scan(
        tmp_path, phantom, vendor=vendor, ffs=ffs, patient_position=position, rotation=turned, table=-turned, **SMALL
    )
    scan = open_ctpd(sorted(tmp_path.iterdir()))
    seen = scan.projections()
    truth = phantom.line_integrals(seen.geometry)
    assert truth.max() > 1
    np.testing.assert_allclose(seen.array, truth, rtol=0, atol=QUANTUM)
    assert seen.geometry.is_cylindrical
    assert (seen.quantity, seen.water_attenuation) == ("line_integral", 0.02)


@pytest.mark.parametrize(
    "how",
    [
        {"detector_shape": "FLAT", "ffs": "FFSZ"},
        {"explicit": True},
        {"swapped": False},
        {"pitch": 0.0},
        {"spot_offset": 0.003},
        {"ordered_names": True},
    ],
    ids=str,
)
def test_other_forms_of_the_format(tmp_path, phantom, how):
    write_scan(tmp_path, phantom, **SMALL, **how)
    seen = open_ctpd(sorted(tmp_path.iterdir())).projections()
    np.testing.assert_allclose(seen.array, phantom.line_integrals(seen.geometry), rtol=0, atol=QUANTUM)


def test_a_head_first_scan_stands_in_patient_space_as_the_manual_says(tmp_path, phantom):
    """phi = 0 is 12 o'clock, above a supine patient; it grows counter-clockwise seen from the table (the feet)."""
    write_scan(tmp_path, phantom, start_deg=0.0, rotation=1, table=-1, **SMALL)
    scan = open_ctpd(sorted(tmp_path.iterdir())).geometry
    np.testing.assert_allclose(scan.source[0, :2], [0, -595], atol=1e-3)
    np.testing.assert_allclose(scan.source[6, :2], [-595, 0], atol=1e-3)  # a quarter turn later: the patient's right
    assert (np.diff(scan.source[:, 2]) < 0).all()
    assert scan.row_step[0, 2] > 0


@pytest.mark.parametrize(
    ("vendor", "n_columns", "tag", "zero_based"),
    [("SIEMENS", 736, 369.625, 368.625), (GE, 888, 444.75, 442.25)],
)
@pytest.mark.parametrize("position", ["HFS", "FFS"])
def test_the_central_columns_of_the_public_collection(tmp_path, phantom, vendor, n_columns, tag, zero_based, position):
    """Their detectors stand 1.125 and 1.25 columns off their middles (367.5, 443.5): others found that, not we."""

    def literal(tags, instance):
        tags[0x7031, 0x1033] = ("FL", np.array([tag, 1.5], "<f4").tobytes())

    write_scan(
        tmp_path, phantom, vendor=vendor, n_rows=2, n_columns=n_columns, views_per_turn=8, turns=1.0, edit=literal,
        patient_position=position,
    )  # fmt: skip
    scan = open_ctpd(sorted(tmp_path.iterdir())).geometry
    to_axis = -scan.source * (1, 1, 0)
    column = pixels_of(scan, np.arange(scan.n_views), to_axis)[:, 1]
    np.testing.assert_allclose(column, zero_based if position == "HFS" else n_columns - 1 - zero_based, atol=1e-3)


def test_photons_come_per_column_and_turn_with_the_columns(tmp_path, phantom):
    def tilted(tags, instance):
        tags[0x7033, 0x1065] = ("FL", (np.arange(1, 21, dtype="<f4") * instance).tobytes())

    for position in ("HFS", "FFS"):
        folder = tmp_path / position
        write_scan(folder, phantom, patient_position=position, edit=tilted, **SMALL)
        photons = open_ctpd(sorted(folder.iterdir())).projections().photons
        columns = np.arange(1, 21) if position == "HFS" else np.arange(20, 0, -1)
        np.testing.assert_array_equal(photons[:, 0], np.arange(1, 37)[:, None] * columns)
        assert photons.shape == (36, 1, 20)


def test_noise_has_the_variance_that_the_photon_statistics_say(tmp_path, phantom):
    write_scan(tmp_path, phantom, photons=2e4, seed=5, **SMALL)
    seen = open_ctpd(sorted(tmp_path.iterdir())).projections()
    truth = phantom.line_integrals(seen.geometry)
    normal = (seen.array - truth) * np.sqrt(seen.photons * np.exp(-truth))
    assert abs(normal.mean()) < 0.06
    assert 0.94 < normal.std() < 1.06


def test_a_range_of_views_is_read_alone(tmp_path, phantom):
    paths = write_scan(tmp_path, phantom, ffs="FFSXYZ", **SMALL)
    scan = open_ctpd(paths)
    whole, part = scan.projections(), scan.projections(slice(7, 12))
    np.testing.assert_array_equal(part.array, whole.array[7:12])
    np.testing.assert_array_equal(part.photons, whole.photons[7:12])
    assert part.geometry.is_close(whole.geometry.views(slice(7, 12)), 1e-9)
    for path in paths[12:]:
        path.unlink()
    np.testing.assert_array_equal(scan.projections(slice(7, 12)).array, part.array)


def test_a_scan_feet_first_says_what_it_rests_on(tmp_path, phantom):
    write_scan(tmp_path, phantom, patient_position="FFS", **SMALL)
    assert "feet first" in open_ctpd(sorted(tmp_path.iterdir())).warnings[0]
