"""Broken and hostile ISMRMRD files: each an InputError with the field's words, and no name of a person anywhere."""

import subprocess
import sys

import h5py
import ismrmrd
import numpy as np
import pytest
from ismrmrd import xsd

from ismrmrd_files import Writer, encoding
from scanmill.errors import InputError
from scanmill.io.ismrmrd import looks_like_ismrmrd, open_ismrmrd
from scanmill.io.ismrmrd_header import parse_header

MATRIX, FOV = (16, 12, 1), (160.0, 120.0, 5.0)


def written(tmp_path, change=lambda writer: None, **header):
    """A small scan of two coils; ``change`` may spoil it before it is written."""
    writer = Writer([encoding(MATRIX, FOV, **header)])
    for step in range(12):
        writer.add(np.ones((2, 16)), kspace_encode_step_1=step)
    change(writer)
    return writer.write(tmp_path / "scan.h5")


def refused(path, **choice):
    with pytest.raises(InputError) as caught:
        open_ismrmrd(path, **choice).kspace()
    return str(caught.value)


def test_the_sound_one_is_read(tmp_path):
    assert open_ismrmrd(written(tmp_path)).kspace().n_coils == 2


def test_a_truncated_file(tmp_path):
    path = written(tmp_path)
    path.write_bytes(path.read_bytes()[:3000])
    assert "not a readable HDF5 file" in refused(path)


def test_headers_that_claim_more_than_the_file_holds(tmp_path):
    path = written(tmp_path)
    with h5py.File(path, "r+") as file:
        table = file["dataset/data"]
        row = table[0]
        row["head"]["number_of_samples"] = 65535
        row["head"]["active_channels"] = 65535
        table[0] = row
    assert "truncated" in refused(path)


def test_a_line_shorter_than_its_header_says(tmp_path):
    path = written(tmp_path)
    with h5py.File(path, "r+") as file:
        row = file["dataset/data"][3]
        row["data"] = row["data"][:10]
        file["dataset/data"][3] = row
    assert "acquisition 3 does not hold what its header says" in refused(path)


def test_a_missing_header(tmp_path):
    writer = Writer([encoding(MATRIX, FOV)])
    writer.add(np.ones((2, 16)))
    path = writer.write(tmp_path / "scan.h5", with_header=False)
    assert looks_like_ismrmrd(path)
    assert "has no header" in refused(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"<ismrmrdHeader><encoding>", "not XML"),
        (b"\xff\xfe<", "not XML"),
        (b"<html/>", "expected ismrmrdHeader"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><ismrmrdHeader>&b;</ismrmrdHeader>', "document type"),
        (b"<ismrmrdHeader><encoding/></ismrmrdHeader>", "encodedSpace/matrixSize/x"),
    ],
)
def test_headers_that_are_none(text, words):
    with pytest.raises(InputError, match=words):
        parse_header(text, "scan.h5")


@pytest.mark.parametrize("value", ["nan", "-5", "0", "1e400", "many"])
def test_sizes_that_are_none(value):
    space = (
        "<matrixSize><x>{0}</x><y>4</y><z>1</z></matrixSize><fieldOfView_mm><x>4</x><y>4</y><z>1</z></fieldOfView_mm>"
    )
    text = f"<ismrmrdHeader><encoding><encodedSpace>{space.format(value)}</encodedSpace></encoding></ismrmrdHeader>"
    with pytest.raises(InputError, match="matrixSize/x"):
        parse_header(text, "scan.h5")


def test_not_a_number_among_the_samples(tmp_path):
    def spoil(writer):
        writer.acquisitions[7].data[1, 3] = np.nan

    assert "some in acquisition 7" in refused(written(tmp_path, spoil))


def test_coils_that_disagree(tmp_path):
    path = written(tmp_path, lambda writer: writer.add(np.ones((3, 16)), kspace_encode_step_1=0))
    assert "disagree in their number of coils" in refused(path)


def test_noise_of_other_coils(tmp_path):
    noise = [ismrmrd.ACQ_IS_NOISE_MEASUREMENT]
    path = written(tmp_path, lambda writer: writer.add(np.ones((3, 16)), flags=noise))
    assert "coils of noise disagree" in refused(path)


def test_a_readout_that_does_not_fit_the_matrix(tmp_path):
    path = written(tmp_path, lambda writer: writer.add(np.ones((2, 20)), kspace_encode_step_1=0))
    assert "does not fit the encoded matrix of the header" in refused(path)


def test_lines_that_do_not_fit_the_matrix(tmp_path):
    path = written(tmp_path, lambda writer: writer.add(np.ones((2, 16)), kspace_encode_step_1=12))
    assert "expected 12 lines around the center, got kspace_encode_step_1 from 0 to 12" in refused(path)


def test_samples_that_are_all_zero_leave_the_mask_empty(tmp_path):
    def spoil(writer):
        for acquisition in writer.acquisitions:
            acquisition.data[:] = 0

    assert "mask is empty" in refused(written(tmp_path, spoil))


def test_only_noise_in_the_file(tmp_path):
    def spoil(writer):
        for acquisition in writer.acquisitions:
            acquisition.set_flag(ismrmrd.ACQ_IS_NOISE_MEASUREMENT)

    assert "no image data" in refused(written(tmp_path, spoil))


def test_simultaneous_slices_are_refused_by_name(tmp_path):
    assert "simultaneous multi-slice is not read" in refused(written(tmp_path, multiband=3))


def test_an_encoding_that_the_header_lacks(tmp_path):
    def spoil(writer):
        for acquisition in writer.acquisitions:
            acquisition.encoding_space_ref = 1

    assert "the header lacks an encoding" in refused(written(tmp_path, spoil))


def test_several_measurements_or_encodings_fail_by_name(tmp_path):
    def second(writer):
        writer.encodings.append(encoding(MATRIX, FOV))
        writer.add(np.ones((2, 16)), encoding=1)

    path = written(tmp_path, second)
    assert "several encodings (scan.h5): got (0, 1)" in refused(path)
    assert "no such encoding" in refused(path, encoding=2)
    with h5py.File(path, "r+") as file:
        file.copy("dataset", "other")
    assert "one of: dataset, other" in refused(path)
    assert "no such measurement" in refused(path, measurement="third")


def slices(tmp_path, positions, directions=None):
    writer = Writer([encoding(MATRIX, FOV)])
    for number, position in enumerate(positions):
        writer.axes = np.eye(3) if directions is None else directions[number]
        for step in range(12):
            writer.add(np.ones((2, 16)), kspace_encode_step_1=step, slice=number, position=position)
    return writer.write(tmp_path / "scan.h5")


def test_slices_that_form_no_stack(tmp_path):
    assert "regular stack" in refused(slices(tmp_path, [(0, 0, 0), (0, 0, 5), (0, 0, 11)]))


def test_slices_of_different_orientations(tmp_path):
    turned = np.eye(3)[:, [0, 2, 1]] * [1, 1, -1]
    path = slices(tmp_path, [(0, 0, 0), (0, 0, 5)], [np.eye(3), turned])
    assert "different orientations" in refused(path)


def test_slices_that_lie_side_by_side(tmp_path):
    assert "regular stack" in refused(slices(tmp_path, [(0, 0, 0), (3, 0, 5)]))


def test_directions_that_are_skew(tmp_path):
    path = slices(tmp_path, [(0, 0, 0)], [np.array([[1, 0.5, 0], [0, 1, 0], [0, 0, 1]])])
    assert "not at right angles" in refused(path)


def spokes(tmp_path, factor, n=(8, 8)):
    writer = Writer([encoding((16, 16, 1), (160.0, 160.0, 5.0), trajectory="radial")])
    for frame, count in enumerate(n):
        for spoke in range(count):
            angle = np.pi * spoke / count
            k = (np.arange(16)[:, None] - 8) * np.array([np.cos(angle), np.sin(angle)]) * factor
            writer.add(np.ones((2, 16)), trajectory=k if factor else None, repetition=frame)
    return writer.write(tmp_path / "scan.h5")


def test_a_trajectory_outside_its_unit(tmp_path):
    path = spokes(tmp_path, 1.3)
    assert "cannot be told from its size" in refused(path)
    with pytest.raises(InputError, match="leaves k-space"):
        open_ismrmrd(path).kspace(trajectory_unit="cycles_per_fov")


def test_a_radial_scan_without_its_trajectory(tmp_path):
    assert "a radial scan without its trajectory" in refused(spokes(tmp_path, 0))


def test_frames_with_different_numbers_of_spokes(tmp_path):
    assert "differ in their number of shots" in refused(spokes(tmp_path, 1 / 16, (8, 7)))


def test_nothing_outside_the_file_is_read(tmp_path):
    path = written(tmp_path)
    outside = tmp_path / "linked.h5"
    with h5py.File(outside, "w") as file:
        file["dataset"] = h5py.ExternalLink(path.name, "dataset")
    assert not looks_like_ismrmrd(outside)
    assert "a group with xml and data" in refused(outside)
    with h5py.File(path) as file:
        layout = h5py.VirtualLayout(shape=file["dataset/data"].shape, dtype=file["dataset/data"].dtype)
        layout[:] = h5py.VirtualSource(file["dataset/data"])
    with h5py.File(outside, "w") as file:
        file.create_virtual_dataset("dataset/data", layout)
        file["dataset/xml"] = "<ismrmrdHeader/>"
    assert "in other files is refused" in refused(outside)


def test_identity_stays_apart(tmp_path):
    writer = Writer([encoding(MATRIX, FOV)])
    writer.extra = {
        "subjectInformation": xsd.subjectInformationType(patientName="Doe^Jane", patientID="4711", patientGender="F"),
        "acquisitionSystemInformation": xsd.acquisitionSystemInformationType(
            systemVendor="Acme", systemFieldStrength_T=1.5, institutionName="St. Elsewhere"
        ),
    }
    for step in range(12):
        writer.add(np.ones((2, 16)), kspace_encode_step_1=step)
    scan = open_ismrmrd(writer.write(tmp_path / "scan.h5"))
    assert scan.header.public == {
        "Manufacturer": "Acme", "MagneticFieldStrength": "1.5", "PatientSex": "F", "ImagingFrequency": "63.87"
    }  # fmt: skip
    assert scan.header.protected == {"PatientID": "4711", "PatientName": "Doe^Jane", "InstitutionName": "St. Elsewhere"}
    for secret in ("Doe", "4711", "Elsewhere"):
        assert secret not in repr(scan)
        assert secret not in repr(scan.kspace())


def test_fields_that_overlap_are_refused_before_hdf5_writes_beyond_its_memory(tmp_path):
    """An exponent's bias that no float32 has makes h5py take eight bytes for a field of four (found at random)."""
    path = written(tmp_path)
    content = bytearray(path.read_bytes())
    bias = content.index((127).to_bytes(4, "little"), content.index(b"phase_dir"))
    content[bias] = 33
    path.write_bytes(content)
    assert "fields of a compound type overlap" in refused(path)


MANY_READERS = """
import sys
from pathlib import Path
from threading import Thread
from scanmill.io.ismrmrd import open_ismrmrd
def read():
    for _ in range(40):
        open_ismrmrd(Path(sys.argv[1])).kspace()
threads = [Thread(target=read) for _ in range(3)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print("alive")
"""


def test_one_file_read_by_many_threads_does_not_kill_the_process(tmp_path):
    """As HDF5 2.0 does where handles of one file come and go (h5py issue 2920)."""
    command = [sys.executable, "-c", MANY_READERS, str(written(tmp_path))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "alive\n"), done.stderr
