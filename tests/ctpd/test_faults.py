"""What is wrong with a scan is said in DICOM's words, before a pixel is read; what is doubtful is a warning."""

import struct

import numpy as np
import pytest

from ctpd.writer import write_scan
from scanmill.errors import InputError
from scanmill.io.ctpd_scan import open_ctpd
from scanmill.phantoms.random_phantom import random_phantom

SMALL = {"n_rows": 4, "n_columns": 12, "views_per_turn": 16, "turns": 1.5}
PHANTOM = random_phantom(3, radius_mm=120.0)


def tag(group, element, vr, value, instances=None):
    """An edit that sets a tag, or removes it, in some views."""

    def edit(tags, instance):
        if instances is None or instance in instances:
            if value is None:
                tags.pop((group, element))
            else:
                tags[group, element] = (vr, value)

    return edit


def us(value):
    return struct.pack("<H", value)


def fl(value):
    return struct.pack("<f", value)


REFUSED = {
    "missing views": ({"missing": (5, 9)}, r"views are missing, by InstanceNumber: .* get 5, 9 again"),
    "an instance twice": ({"edit": tag(0x20, 0x13, "IS", b"7 ", (8,))}, "InstanceNumber stands twice.*got 7"),
    "no InstanceNumber": ({"edit": tag(0x20, 0x13, "IS", None, (8,))}, "InstanceNumber .0020,0013. is missing"),
    "truncated": ({"truncated": 24}, r"the file is truncated \(InstanceNumber 24\): expected 96 bytes of pixels"),
    "pixels of another size": (
        {"edit": tag(0x7FE0, 0x10, "OW", bytes(98), (8,))},
        r"the pixels contradict Rows and Columns \(InstanceNumber 8\): expected 96 bytes, got 98",
    ),
    "rebinned": (
        {"edit": tag(0x7037, 0x100A, "CS", b"PARALLEL")},
        "no rules for this TypeofProjectionGeometry: expected FANBEAM, got PARALLEL",
    ),
    "no distance": ({"edit": tag(0x7031, 0x1031, "FL", fl(0.0))}, "ConstantRadialDistance must be positive"),
    "photons in some views": ({"edit": tag(0x7033, 0x1065, "FL", None, (3, 4))}, "missing in some views.* 24, got 22"),
    "unknown vendor": (
        {"edit": tag(0x8, 0x70, "LO", b"PHILIPS ")},
        "no rules for this Manufacturer: expected SIEMENS or GE",
    ),
    "prone": ({"edit": tag(0x18, 0x5100, "CS", b"HFP ")}, "no rules for this PatientPosition: .*got HFP"),
    "spherical": ({"edit": tag(0x7029, 0x100B, "CS", b"SPHERICAL ")}, "no rules for this DetectorShape"),
    "logarithm not taken": ({"edit": tag(0x7039, 0x1009, "CS", b"NO")}, "LogFlag is not YES"),
    "rows against pixels": (
        {"edit": tag(0x7029, 0x1010, "US", us(5))},
        "Rows and Columns contradict NumberofDetectorRows",
    ),
    "square": ({"n_rows": 12}, "a square detector"),
    "steps against angles": ({"edit": tag(0x7033, 0x1013, "US", us(20))}, "contradict NumberofSourceAngularSteps"),
    "angle out of order": (
        {"edit": tag(0x7031, 0x1001, "FL", fl(1.0), (8,))},
        r"the angle does not grow evenly with InstanceNumber: .*\(InstanceNumber 8\)",
    ),
    "z jumps": ({"edit": tag(0x7031, 0x1002, "FL", fl(500.0), range(13, 25))}, "AxialPosition jumps"),
    "two tubes": ({"edit": tag(0x7033, 0x105D, "US", us(2), range(2, 25, 2))}, "SourceIndex differs between views"),
    "two spectra": ({"edit": tag(0x7033, 0x1063, "US", us(2), (3,))}, "SpectrumIndex differs between views"),
    "two positions": ({"edit": tag(0x18, 0x5100, "CS", b"FFS ", (3,))}, "PatientPosition differs.*got FFS, HFS"),
    "two series": (
        {"edit": tag(0x20, 0xE, "UI", b"1.2.3\0", (3, 4))},
        "the files belong to several series: expected 1, got 2",
    ),
    "no angle": ({"edit": tag(0x7031, 0x1001, "FL", b"")}, "DetectorFocalCenterAngularPosition .7031,1001. is missing"),
    "angle of one byte": ({"edit": tag(0x7031, 0x1001, "FL", b"\1\2")}, "AngularPosition .7031,1001. is wrong"),
    "angle not a number": ({"edit": tag(0x7031, 0x1001, "FL", fl(np.nan))}, "AngularPosition .* is wrong"),
    "slope in words": ({"edit": tag(0x28, 0x1053, "DS", b"steep ")}, "RescaleSlope .0028,1053. is wrong"),
    "slope of nothing": ({"edit": tag(0x28, 0x1053, "DS", b"0 ", (4,))}, r"RescaleSlope must be positive \(Inst.* 4\)"),
    "unknown focal spot": ({"edit": tag(0x7033, 0x100E, "CS", b"FFSW")}, "unknown FlyingFocalSpotMode"),
    "photons of fewer columns": ({"edit": tag(0x7033, 0x1065, "FL", fl(1.0))}, "one number per detector column"),
    "photons below nothing": ({"edit": tag(0x7033, 0x1065, "FL", fl(-1.0) * 12)}, "finite and not negative"),
    "8 bits": ({"edit": tag(0x28, 0x100, "US", us(8))}, "pixels must be unsigned 16-bit"),
    "two views": ({"turns": 0.125}, "too few views"),
    "no water": ({"edit": tag(0x7041, 0x1001, "DS", b"0 ")}, "WaterAttenuationCoefficient must be positive"),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_an_impossible_scan_is_refused(tmp_path, fault):
    how, says = REFUSED[fault]
    write_scan(tmp_path, PHANTOM, **{**SMALL, **how})
    with pytest.raises(InputError, match=says) as caught:
        open_ctpd(sorted(tmp_path.iterdir()))
    assert str(tmp_path) not in str(caught.value)


DOUBTFUL = {
    "zero photons": (tag(0x7033, 0x1065, "FL", fl(0.0) * 12, (3, 4)), "PhotonStatistics is zero in 2 of 24 views"),
    "another pitch": (tag(0x18, 0x9311, "FD", struct.pack("<d", 1.4)), "SpiralPitchFactor says 1.4, the axial"),
    "scatter is still there": (tag(0x7039, 0x1008, "CS", b"NO"), "say that these were not corrected: Scatter"),
    "an axial scan that travels": (tag(0x7037, 0x1009, "CS", b"AXIAL "), "TypeofProjectionData says AXIAL, the axial"),
    "a spot that does not fly": (tag(0x7033, 0x100E, "CS", b"FFSZ"), "FlyingFocalSpotMode FFSZ and the source's"),
}


@pytest.mark.parametrize("fault", DOUBTFUL)
def test_a_doubtful_scan_is_read_with_a_warning(tmp_path, fault):
    edit, says = DOUBTFUL[fault]
    write_scan(tmp_path, PHANTOM, edit=edit, **SMALL)
    scan = open_ctpd(sorted(tmp_path.iterdir()))
    (warning,) = scan.warnings
    assert says in warning
    seen = scan.projections()
    assert (seen.photons is None) == (fault == "zero photons")
    np.testing.assert_allclose(seen.array, PHANTOM.line_integrals(seen.geometry), atol=1e-4)


def test_a_file_that_is_no_dicom_is_named_by_its_place(tmp_path):
    paths = write_scan(tmp_path / "DOE^JANE", PHANTOM, **SMALL)
    paths[2].write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"file 3 of 24") as caught:
        open_ctpd(paths)
    assert "DOE" not in str(caught.value)
    with pytest.raises(InputError, match="a scan needs files"):
        open_ctpd([])


@pytest.mark.parametrize("syntax", [b"1.2.840.10008.1.2.5", b"1.2.840.10008.1.2.1.99"])
def test_compressed_projections_are_refused(tmp_path, syntax):
    """RLE, and deflated, which is not inflated to be looked at."""
    paths = write_scan(tmp_path, PHANTOM, explicit=True, **SMALL)
    data = paths[0].read_bytes()
    paths[0].write_bytes(data.replace(b"1.2.840.10008.1.2.1\0", syntax.ljust(20, b"\0")))
    with pytest.raises(InputError, match="projections must be uncompressed"):
        open_ctpd(paths)


def test_files_of_the_first_version_know_their_water_by_another_name(tmp_path):
    """The grand challenge of 2016: HUCalibrationFactor 0.0192."""

    def old(tags, instance):
        tags.pop((0x7041, 0x1001))
        tags[0x18, 0x61] = ("DS", b"0.0192")

    scan = open_ctpd(write_scan(tmp_path, PHANTOM, edit=old, **SMALL))
    assert (scan.projections().water_attenuation, scan.warnings) == (0.0192, ())


def test_a_scan_without_photon_statistics_and_water_is_read_without(tmp_path):
    def bare(tags, instance):
        for one in ((0x7033, 0x1065), (0x7041, 0x1001), (0x18, 0x9311), (0x7033, 0x1063)):
            tags.pop(one)

    scan = open_ctpd(write_scan(tmp_path, PHANTOM, edit=bare, **SMALL))
    seen = scan.projections()
    assert (seen.photons, seen.water_attenuation, scan.warnings) == (None, None, ())
