import gzip

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from scipy.spatial.transform import Rotation

from scanmill.errors import InputError
from scanmill.geometry import VolumeGeometry
from scanmill.io.nrrd import read_nrrd, read_nrrd_labels


def theirs(path, array, grid, *, compress):
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(grid.spacing)
    image.SetOrigin(grid.origin)
    image.SetDirection(np.ravel(grid.direction).tolist())
    sitk.WriteImage(image, str(path), useCompression=compress)


def header(path, *lines, data=b"", magic="NRRD0004"):
    path.write_bytes("\n".join([magic, *lines, "", ""]).encode() + data)
    return path


PLAIN = ("type: short", "dimension: 3", "sizes: 2 3 4", "endian: little", "encoding: raw")
VALUES = np.arange(24, dtype="<i2")


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.float32, np.float64])
@pytest.mark.parametrize("seed", [0, 1])
def test_what_simpleitk_writes_is_read_at_the_same_points(tmp_path, compress, dtype, seed):
    turn = Rotation.random(rng=np.random.default_rng(seed)).as_matrix()
    grid = VolumeGeometry((4, 5, 6), (0.7, 1.1, 2.5), (-10.5, 20.25, 30.0), tuple(map(tuple, turn)))
    array = np.random.default_rng(seed).integers(0, 200, grid.shape).astype(dtype)
    theirs(tmp_path / "a.nrrd", array, grid, compress=compress)
    ours = read_nrrd(tmp_path / "a.nrrd")
    assert ours.geometry.is_close(grid, 1e-6)
    np.testing.assert_array_equal(ours.array, array)


def test_a_space_of_ras_is_turned(tmp_path):
    lines = ("space: right-anterior-superior", "space directions: (2,0,0) (0,3,0) (0,0,4)", "space origin: (1,2,3)")
    path = header(tmp_path / "a.nrrd", *PLAIN, *lines, "# a comment: of nothing", data=VALUES.tobytes())
    grid = read_nrrd(path).geometry
    assert (grid.shape, grid.spacing, grid.origin) == ((4, 3, 2), (2.0, 3.0, 4.0), (-1.0, -2.0, 3.0))
    np.testing.assert_allclose(np.diag(grid.direction), [-1, -1, 1])
    mirrored = sitk.ReadImage(str(path))
    np.testing.assert_allclose(mirrored.TransformIndexToPhysicalPoint((1, 2, 3)), grid.to_points([1, 2, 3]))


def test_big_endian_without_a_space_and_names_of_segments(tmp_path):
    names = ("spacings: 0.5 1 nan", "Segment0_LabelValue:=3", "Segment0_Name:=liver: left", "Segment1_Name:=nothing")
    lines = [line.replace("little", "big").replace("raw", "gzip") for line in PLAIN]
    path = header(tmp_path / "a.seg.nrrd", *lines, *names, data=gzip.compress(VALUES.astype(">i2").tobytes()))
    labels = read_nrrd_labels(path)
    assert (labels.geometry.spacing, labels.names) == ((0.5, 1.0, 1.0), {3: "liver: left"})
    np.testing.assert_array_equal(labels.array.ravel(), VALUES)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"encoding": "bzip2"}, "attached data"),
        ({"data file": "../other.raw"}, "attached data"),
        ({"line skip": "1"}, "attached data"),
        ({"type": "block"}, "real numbers"),
        ({"sizes": "2 3 5"}, "truncated"),
        ({"sizes": "200000 300000 400000"}, "claims too large"),
        ({"sizes": "2 3 -4"}, "two or three axes"),
        ({"sizes": "2 3"}, "two or three axes"),
        ({"sizes": "a b c"}, "not a readable NRRD"),
        ({"space": "scanner-xyz", "space directions": "(1,0,0) (0,1,0) (0,0,1)"}, "not one of the patient"),
        ({"space": "LPS", "space directions": "none (0,1,0) (0,0,1)"}, "two or three axes"),
        ({"space": "LPS", "space directions": "(1,0,0) (1,1,0) (0,0,1)"}, "sheared"),
        ({"space": "LPS", "space directions": "(1,0) (1,1) (0,1)"}, "not a readable NRRD"),
    ],
)
def test_what_is_not_read_is_said(tmp_path, change, told):
    fields = dict(line.split(": ") for line in PLAIN) | change
    path = header(tmp_path / "a.nrrd", *(f"{k}: {v}" for k, v in fields.items()), data=VALUES.tobytes())
    with pytest.raises(InputError, match=told):
        read_nrrd(path)


def test_no_nrrd_an_endless_header_and_half_a_stream(tmp_path):
    path = tmp_path / "a.nrrd"
    whole = header(path, *(line.replace("raw", "gzip") for line in PLAIN), data=gzip.compress(VALUES.tobytes()))
    content = whole.read_bytes()
    for broken in (b"", b"PNG", content[:-12], content.replace(b"\n\n", b"\n")[:40], b"NRRD0004\n" + b"a:b\n" * 2**19):
        path.write_bytes(broken)
        with pytest.raises(InputError):
            read_nrrd(path)
    header(path, *(line.replace("short", "float") for line in PLAIN), data=VALUES.astype("<f4").tobytes())
    with pytest.raises(InputError, match="integers"):
        read_nrrd_labels(path)


def test_real_segmentations_are_what_simpleitk_reads(data_folder):
    folder = data_folder / "seg_radiomics_nrrd"
    if not folder.is_dir():
        pytest.skip("the set seg_radiomics_nrrd is absent")
    for name in ("brain1_label.nrrd", "breast1_label.nrrd", "prostate_phantom_subvolume-label.nrrd"):
        ours, image = read_nrrd_labels(folder / name), sitk.ReadImage(str(folder / name))
        np.testing.assert_array_equal(ours.array, sitk.GetArrayFromImage(image))
        last = [n - 1 for n in image.GetSize()]
        np.testing.assert_allclose(ours.geometry.to_points(last), image.TransformIndexToPhysicalPoint(last), atol=1e-4)
