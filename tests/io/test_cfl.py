"""BART's files, written by BART and by hand."""

import numpy as np
import pytest

from bart_tool import Bart
from scanmill.errors import InputError
from scanmill.io.arrays import describe_array, read_array
from scanmill.io.cfl_kspace import open_cfl
from scanmill.io.readout import to_image


def pair(folder, sizes, *, name="ksp", n=None):
    """A pair of files of these sizes; gives the array in Fortran's order."""
    array = np.arange(np.prod(sizes), dtype=np.float32).astype(np.complex64) + 1j
    array = array.reshape(sizes, order="F")
    (folder / f"{name}.hdr").write_text("# Dimensions\n" + " ".join(map(str, sizes)) + " \n# Command\nx\n# Files\n")
    array.ravel(order="F")[:n].tofile(folder / f"{name}.cfl")
    return array, folder / f"{name}.cfl"


def test_an_array_has_its_sixteen_dimensions_and_is_not_copied(tmp_path):
    array, path = pair(tmp_path, (3, 4, 2))
    read = read_array(path)
    assert describe_array(path).shape == read.shape == (3, 4, 2, *(1,) * 13)
    np.testing.assert_array_equal(read.squeeze(), array)
    assert not read.flags.owndata
    assert not read.flags.writeable


def test_the_dimensions_are_those_of_bart(tmp_path):
    """(x, y, z, coil, TE, TIME, slice) in BART's places."""
    array, path = pair(tmp_path, (6, 5, 1, 3, 1, 2, 1, 1, 1, 1, 4, 1, 1, 2))
    k = open_cfl(path).kspace()
    assert k.array.shape == (8, 2, 3, 1, 5, 6)
    assert k.frame_names[:3] == ("TIME 0, TE 0", "TIME 0, TE 1", "TIME 1, TE 0")
    assert k.array[5, 1, 2, 0, 3, 4] == array[4, 3, 0, 2, 0, 1, 0, 0, 0, 0, 2, 0, 0, 1]
    assert not k.array.flags.owndata


def test_a_plane_of_a_volume_is_an_image(tmp_path):
    array, path = pair(tmp_path, (1, 6, 5, 3))
    k = open_cfl(path).kspace()
    assert k.array.shape == (1, 1, 3, 1, 5, 6)
    assert k.array[0, 0, 1, 0, 4, 2] == array[0, 2, 4, 1]


@pytest.mark.parametrize("size", [32, 33])
def test_k_space_of_bart_gives_bart_s_image(tmp_path, size):
    """Its unitary transform is ours: same sign, same centre, of even and odd sizes."""
    bart = Bart(tmp_path)
    bart("phantom", "-s", 3, "-x", size, "-k", "ksp")
    bart("fft", "-u", "-i", 7, "ksp", "img")
    k = open_cfl(tmp_path / "ksp.cfl").kspace()
    image = to_image(to_image(k.array, -1), -2)[0, 0, :, 0]
    np.testing.assert_allclose(image, bart.read("img").reshape(3, size, size), atol=1e-5 * np.abs(image).max())


def test_trajectories_of_bart_are_cycles_per_field_of_view(tmp_path):
    bart = Bart(tmp_path)
    bart("traj", "-r", "-x", 16, "-y", 5, "t")
    points = read_array(tmp_path / "t.cfl").squeeze()
    assert points.shape == (3, 16, 5)
    assert np.abs(points).max() == pytest.approx(7.5)


def test_real_files(data_folder):
    full = open_cfl(data_folder / "mr_kspace_brain8_full" / "full.cfl")
    k = full.kspace()
    stored = np.fromfile(data_folder / "mr_kspace_brain8_full" / "full.cfl", np.complex64)
    np.testing.assert_array_equal(k.array[0, 0, :, 0], stored.reshape(8, 180, 230))
    assert full.facts.columns["acceleration"] == 1
    under = open_cfl(data_folder / "mr_kspace_brain8_full" / "und2x2.cfl")
    assert 2 < under.facts.columns["acceleration"] < 4
    with pytest.raises(InputError, match="expected MAPS of 1"):
        open_cfl(data_folder / "mr_kspace_brain8" / "img.cfl")


FAULTS = {
    "truncated": ((4, 4), 15, "# Dimensions\n4 4\n", "truncated"),
    "too long": ((4, 4), None, "# Dimensions\n4 3\n", "does not fit"),
    "words": ((4, 4), None, "# Dimensions\n4 four\n", "not a header"),
    "a size of 0": ((4, 4), None, "# Dimensions\n0 4\n", "not a header"),
    "a huge size": ((4, 4), None, "# Dimensions\n" + "9" * 15, "not a header"),
    "nothing": ((4, 4), None, "", "not a header"),
    "maps": ((4, 4, 1, 2, 2), None, "# Dimensions\n4 4 1 2 2", "expected MAPS of 1"),
    "slabs": ((2, 2, 2, *(1,) * 10, 2), None, "# Dimensions\n2 2 2 1 1 1 1 1 1 1 1 1 1 2", "several slabs"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults(tmp_path, fault):
    sizes, n, header, words = FAULTS[fault]
    pair(tmp_path, sizes, n=n)
    (tmp_path / "ksp.hdr").write_text(header)
    with pytest.raises(InputError, match=words):
        open_cfl(tmp_path / "ksp.cfl").kspace()


def test_a_missing_header(tmp_path):
    pair(tmp_path, (4, 4))
    (tmp_path / "ksp.hdr").unlink()
    with pytest.raises(InputError, match="without its header"):
        open_cfl(tmp_path / "ksp.cfl")


def test_not_a_number(tmp_path):
    _, path = pair(tmp_path, (4, 4))
    stored = np.fromfile(path, np.complex64)
    stored[7] = np.nan
    stored.tofile(path)
    with pytest.raises(InputError, match="samples must be finite"):
        open_cfl(path).kspace()
