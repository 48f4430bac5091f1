"""fastMRI's layout, written with h5py as published: k-space, header, mask, reconstruction, attributes."""

import re

import h5py
import numpy as np
import pytest
from ismrmrd import xsd

from ismrmrd_files import encoding
from scanmill.errors import InputError
from scanmill.io.fastmri import looks_like_fastmri, open_fastmri
from scanmill.io.readout import to_image

READOUT, PHASE = 64, 40


def header(matrix=(READOUT, PHASE, 1), **subject):
    made = xsd.ismrmrdHeader(
        experimentalConditions=xsd.experimentalConditionsType(H1resonanceFrequency_Hz=123_000_000),
        acquisitionSystemInformation=xsd.acquisitionSystemInformationType(systemVendor="SIEMENS"),
        encoding=[encoding(matrix, (128.0, 90.0, 4.5), (32, 32, 1), (64.0, 72.0, 4.5))],
    )
    if subject:
        made.subjectInformation = xsd.subjectInformationType(**subject)
    return xsd.ToXML(made).encode()


def write(path, *, n_coils=3, mask=None, image=True, xml=None, **attributes):
    """Two slices of a smooth object; gives the coils' images (slice, coil, readout, phase) too."""
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:READOUT, :PHASE]
    coils = np.exp(-((y - 30) ** 2 + (x - 22) ** 2) / 60) * np.exp(1j * rng.normal(size=(2, n_coils, 1, 1)))
    shifted = np.fft.ifftshift(coils, axes=(-2, -1))
    kspace = np.fft.fftshift(np.fft.fft2(shifted, norm="ortho"), axes=(-2, -1)).astype(np.complex64)
    if mask is not None:
        kspace = kspace * mask.astype(np.float32)
    with h5py.File(path, "w") as file:
        file["kspace"] = kspace if n_coils > 1 else kspace[:, 0]
        file["ismrmrd_header"] = header() if xml is None else xml
        if mask is not None:
            file["mask"] = mask
        if image:
            name = "reconstruction_rss" if n_coils > 1 else "reconstruction_esc"
            file[name] = np.sqrt((np.abs(coils[:, :, 16:48, 4:36]) ** 2).sum(axis=1)).astype(np.float32)
        for name, value in attributes.items():
            file.attrs[name] = value
    return coils


def image_of(k):
    return to_image(to_image(k.array, -1), -2)[0, :, :, 0]


@pytest.mark.parametrize("n_coils", [1, 3])
def test_the_image_of_k_space_is_the_one_that_came_with_it(tmp_path, n_coils):
    path = tmp_path / "file1000001.h5"
    coils = write(path, n_coils=n_coils, acquisition="CORPD_FBK", max="0.5", norm=b"12.25", patient_id="abc")
    scan = open_fastmri(path)
    k = scan.kspace()
    assert k.array.shape == (1, 2, n_coils, 1, 32, PHASE)
    np.testing.assert_allclose(image_of(k), coils[:, :, 16:48], atol=1e-5)
    truth = scan.reconstruction()
    assert truth.geometry.is_close(k.recon)
    np.testing.assert_allclose(np.linalg.norm(image_of(k), axis=1)[:, :, 4:36], truth.array, atol=1e-5)
    assert k.geometry.spacing == (90 / 40, 2.0, 4.5)
    assert (scan.maximum, scan.norm, scan.acquisition) == (0.5, 12.25, "CORPD_FBK")
    assert looks_like_fastmri(path)


def test_a_test_set_has_a_mask_and_neither_image_nor_maximum(tmp_path):
    mask = np.arange(PHASE) % 4 == 0
    mask[18:22] = True
    write(tmp_path / "a.h5", mask=mask, image=False)
    scan = open_fastmri(tmp_path / "a.h5")
    k = scan.kspace()
    np.testing.assert_array_equal(k.sampled()[0, 0, 0, 5], mask)
    assert (scan.maximum, scan.norm, scan.image) == (None, None, "")
    assert scan.acceleration == PHASE / mask.sum()
    with pytest.raises(InputError, match="no reconstruction"):
        scan.reconstruction()


def test_padding_of_partial_fourier_is_not_taken_as_measured(tmp_path):
    write(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        file["kspace"][..., :10] = 0
    scan = open_fastmri(tmp_path / "a.h5")
    assert np.flatnonzero(scan.kspace().sampled()[0, 0, 0, 0])[0] == 10
    assert scan.acceleration == pytest.approx(4 / 3)


def test_identity_stays_apart(tmp_path):
    path = tmp_path / "a.h5"
    write(path, xml=header(patientName="Doe^Jane"), patient_id="patient 4711", acquisition="Doe^Jane")
    scan = open_fastmri(path)
    assert scan.protected == {"PatientName": "Doe^Jane", "PatientID": "patient 4711"}
    assert scan.acquisition == ""
    assert "Doe" not in repr(scan)
    assert "4711" not in repr(scan)


def spoiled(tmp_path, change):
    path = tmp_path / "a.h5"
    write(path)
    with h5py.File(path, "r+") as file:
        change(file)
    with pytest.raises(InputError) as caught:
        open_fastmri(path).kspace()
    return str(caught.value)


def replaced(name, value):
    def change(file):
        del file[name]
        if value is not None:
            file[name] = value

    return change


def one_nan(file):
    file["kspace"][1, 0, 3, 4] = np.nan


FAULTS = {
    "missing header": (replaced("ismrmrd_header", None), "the file has no header"),
    "header of another matrix": (replaced("ismrmrd_header", header((READOUT, 44, 1))), "expected 64 x 44"),
    "header that is none": (replaced("ismrmrd_header", b"<a>"), "not XML"),
    "not a number": (one_nan, "samples of slice 1 must be finite"),
    "real numbers": (replaced("kspace", np.ones((2, 3, 64, 40), np.float32)), "must be complex"),
    "axes": (replaced("kspace", np.ones((3, 64), np.complex64)), "must be complex \\(slice"),
    "empty mask": (lambda file: file.create_dataset("mask", data=np.zeros(PHASE, bool)), "the mask is empty"),
    "mask of another width": (lambda file: file.create_dataset("mask", data=np.ones(7, bool)), "mask does not fit"),
    "no samples": (replaced("kspace", np.zeros((2, 3, 64, 40), np.complex64)), "mask is empty"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults(tmp_path, fault):
    change, words = FAULTS[fault]
    assert re.search(words, spoiled(tmp_path, change))


def test_a_truncated_file(tmp_path):
    write(tmp_path / "a.h5")
    (tmp_path / "a.h5").write_bytes((tmp_path / "a.h5").read_bytes()[:5000])
    with pytest.raises(InputError, match="not a readable HDF5 file"):
        open_fastmri(tmp_path / "a.h5")


def test_a_reconstruction_of_another_size(tmp_path):
    write(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        replaced("reconstruction_rss", np.ones((2, 30, 32), np.float32))(file)
    with pytest.raises(InputError, match="does not fit the header"):
        open_fastmri(tmp_path / "a.h5").reconstruction()


def test_links_out_of_the_file_are_not_followed(tmp_path):
    write(tmp_path / "a.h5")
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["kspace"] = h5py.ExternalLink("a.h5", "kspace")
        file["ismrmrd_header"] = header()
    assert not looks_like_fastmri(tmp_path / "b.h5")
    with pytest.raises(InputError, match="links out of an HDF5 file are refused"):
        open_fastmri(tmp_path / "b.h5")
