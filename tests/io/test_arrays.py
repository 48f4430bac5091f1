"""One array out of every raw format, against the libraries that wrote it; and what is refused."""

import contextlib
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from scanmill.errors import InputError, ScanmillError
from scanmill.io.arrays import describe_array, read_array

NUMBERS = np.random.default_rng(5).normal(size=(4, 3, 5)).astype(np.float32)


def matlab_73(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """What MATLAB writes with -v7.3: HDF5 behind a block of 512 bytes, axes reversed."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, array in arrays.items():
            file[name] = array.T
    with path.open("r+b") as stream:
        stream.write(b"MATLAB 7.3 MAT-file, Platform: test".ljust(124) + b"\x00\x02IM")


def write_all(folder: Path) -> list[tuple[Path, str]]:
    np.save(folder / "a.npy", NUMBERS)
    np.savez(folder / "a.npz", scan=NUMBERS, other=NUMBERS[0])
    np.savez_compressed(folder / "b.npz", scan=NUMBERS)
    scipy.io.savemat(folder / "a.mat", {"data": {"deep": {"scan": NUMBERS}}})
    scipy.io.savemat(folder / "b.mat", {"scan": NUMBERS}, do_compression=True)
    matlab_73(folder / "c.mat", {"data/scan": NUMBERS})
    with h5py.File(folder / "a.h5", "w") as file:
        file.create_dataset("exchange/data", data=NUMBERS, chunks=(1, 3, 5), compression="gzip")
        file["soft"] = h5py.SoftLink("/exchange")
    tifffile.imwrite(folder / "a.tif", NUMBERS, photometric="minisblack")
    return [
        (folder / "a.npy", ""),
        (folder / "a.npz", "scan"),
        (folder / "b.npz", ""),
        (folder / "a.mat", "data.deep.scan"),
        (folder / "b.mat", "scan"),
        (folder / "c.mat", "data.scan"),
        (folder / "a.h5", "exchange/data"),
        (folder / "a.h5", "soft/data"),
        (folder / "a.tif", ""),
    ]


def test_every_format_gives_what_was_written(tmp_path):
    for path, inside in write_all(tmp_path):
        array = read_array(path, inside)
        assert array.shape == (4, 3, 5), path.name
        np.testing.assert_array_equal(array, NUMBERS, err_msg=path.name)
        info = describe_array(path, inside)
        assert (info.shape, info.dtype, info.n_bytes) == ((4, 3, 5), np.float32, 240), path.name


def test_a_missing_path_lists_what_there_is(tmp_path):
    for path, _ in write_all(tmp_path):
        if path.suffix in (".npz", ".mat", ".h5"):
            there = {"a.npz": "other, scan", "b.npz": "scan", "a.mat": "data", "b.mat": "scan", "c.mat": "data"}
            with pytest.raises(InputError, match="nowhere") as caught:
                read_array(path, "nowhere")
            assert there.get(path.name, "exchange, soft") in str(caught.value)


def test_a_truncated_file_is_bad_input(tmp_path):
    for path, inside in write_all(tmp_path):
        whole = path.read_bytes()
        for share in (0, 0.3, 0.9):
            path.write_bytes(whole[: int(len(whole) * share)])
            with pytest.raises(InputError):
                read_array(path, inside)
        path.write_bytes(whole)


def test_a_header_that_claims_too_much_is_refused_before_reading(tmp_path):
    for path, inside in write_all(tmp_path):
        with pytest.raises(InputError, match=r"too large|too much"):
            read_array(path, inside, max_bytes=200)
    with h5py.File(tmp_path / "huge.h5", "w") as file:
        file.create_dataset("scan", shape=(2**20, 2**20), dtype="f8", chunks=(64, 64))
    with pytest.raises(InputError, match="too large"):
        read_array(tmp_path / "huge.h5", "scan")
    claim = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1099511627776,), }"
    header = b"\x93NUMPY\x01\x00v\x00" + claim.ljust(118)
    (tmp_path / "huge.npy").write_bytes(header)
    with pytest.raises(InputError):
        read_array(tmp_path / "huge.npy")


def test_a_matlab_file_that_unpacks_to_too_much_is_refused(tmp_path):
    scipy.io.savemat(tmp_path / "bomb.mat", {"scan": np.zeros((2000, 2000))}, do_compression=True)
    assert (tmp_path / "bomb.mat").stat().st_size < 100_000
    with pytest.raises(InputError, match="unpacks"):
        read_array(tmp_path / "bomb.mat", "scan", max_bytes=1_000_000)


def test_pickles_and_objects_are_refused(tmp_path):
    things = np.array([{"a": 1}], dtype=object)
    np.save(tmp_path / "a.npy", things, allow_pickle=True)
    np.savez(tmp_path / "a.npz", things)
    scipy.io.savemat(tmp_path / "a.mat", {"scan": things})
    for name in ("a.npy", "a.npz", "a.mat"):
        with pytest.raises(InputError):
            read_array(tmp_path / name)


def test_hdf5_opens_no_other_file(tmp_path):
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["scan"] = NUMBERS
    NUMBERS.tofile(tmp_path / "secret.raw")
    layout = h5py.VirtualLayout(shape=NUMBERS.shape, dtype="f4")
    layout[:] = h5py.VirtualSource("secret.h5", "scan", shape=NUMBERS.shape)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["external"] = h5py.ExternalLink("secret.h5", "/scan")
        file["soft"] = h5py.SoftLink("/external")
        file["loop"] = h5py.SoftLink("/loop")
        file["elsewhere"] = h5py.SoftLink("/group/../external")
        file.create_group("group")["out"] = h5py.ExternalLink("secret.h5", "/")
        file.create_virtual_dataset("virtual", layout)
        file.create_dataset("raw", NUMBERS.shape, "f4", external=[(str(tmp_path / "secret.raw"), 0, NUMBERS.nbytes)])
    for inside in ("external", "soft", "loop", "elsewhere", "group.out.scan", "virtual", "raw"):
        with pytest.raises(InputError):
            read_array(tmp_path / "a.h5", inside)


def test_png_masks_and_text(tmp_path):
    mask = NUMBERS[0] > 0
    Image.fromarray(mask).save(tmp_path / "bits.png")
    Image.fromarray((mask * 255).astype(np.uint8)).save(tmp_path / "grey.png")
    Image.fromarray((mask * 40000).astype(np.uint16)).save(tmp_path / "deep.png")
    np.testing.assert_array_equal(read_array(tmp_path / "bits.png"), mask)
    np.testing.assert_array_equal(read_array(tmp_path / "grey.png") == 255, mask)
    np.testing.assert_array_equal(read_array(tmp_path / "deep.png") == 40000, mask)
    Image.fromarray(np.zeros((2, 2, 3), np.uint8)).save(tmp_path / "colour.png")
    with pytest.raises(InputError, match="colours"):
        read_array(tmp_path / "colour.png")
    (tmp_path / "angles.csv").write_text("# deg\n0, 0.5\n1, 1.5\n")
    assert read_array(tmp_path / "angles.csv").tolist() == [[0, 0.5], [1, 1.5]]
    (tmp_path / "words.txt").write_text("one\ntwo\n")
    (tmp_path / "empty.txt").write_text("# nothing\n")
    for name in ("words.txt", "empty.txt", "none.txt", "strange.xyz"):
        with pytest.raises(InputError):
            describe_array(tmp_path / name)


def test_an_encrypted_or_foreign_zip_is_bad_input(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("scan.npy", b"not numpy at all")
    with pytest.raises(InputError):
        read_array(tmp_path / "a.npz", "scan")


def test_a_file_that_may_not_be_read_is_not_the_rows_fault(tmp_path, monkeypatch):
    np.save(tmp_path / "a.npy", NUMBERS)

    def denied(*args, **kwargs):
        raise PermissionError(13, "denied")

    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(ScanmillError) as caught:
        read_array(tmp_path / "a.npy")
    assert caught.value.retryable


@pytest.mark.parametrize("name", ["a.npy", "a.npz", "a.mat", "c.mat", "a.h5", "a.tif", "bits.png"])
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
@given(data=st.data())
def test_broken_bytes_never_raise_anything_else(tmp_path, name, data):
    """Any single damage gives the array, another array, or an InputError; nothing else escapes."""
    write_all(tmp_path)
    Image.fromarray(NUMBERS[0] > 0).save(tmp_path / "bits.png")
    inside = {"a.npz": "scan", "a.mat": "data.deep.scan", "c.mat": "data.scan", "a.h5": "exchange/data"}.get(name, "")
    content = bytearray((tmp_path / name).read_bytes())
    start = data.draw(st.integers(0, len(content) - 1))
    patch = data.draw(st.binary(min_size=1, max_size=8))
    content[start : start + len(patch)] = patch
    (tmp_path / name).write_bytes(content)
    with contextlib.suppress(InputError):
        read_array(tmp_path / name, inside, max_bytes=2**20)
