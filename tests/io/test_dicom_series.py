import contextlib
import tarfile
import zlib
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.data import get_testdata_file
from pydicom.uid import RLELossless

from dicom_builder import (
    CT,
    ENHANCED_CT,
    ENHANCED_MR,
    MR,
    NAME,
    classic_series,
    decimals,
    enhanced_file,
    oblique,
    stored_values,
)
from scanmill.errors import InputError, ResourceError
from scanmill.geometry import VolumeGeometry
from scanmill.io.dicom_series import open_series, read_series, scan_series

FEW = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="session")
def unpacked(data_folder, tmp_path_factory):
    """The real series: a name to its sorted files."""
    top = tmp_path_factory.mktemp("dicom")

    def unpack(name):
        if not (folder := top / name).exists():
            (archive,) = data_folder.glob(f"*/{name}.tar.xz")
            with tarfile.open(archive) as packed:
                packed.extractall(folder, filter="data")
        return sorted(folder.rglob("*.dcm"))

    return unpack


def simpleitk_series(paths):
    """What ITK makes of the files, in GDCM's order along the normal."""
    names = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(paths[0].parent))
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(names)
    return geometry_and_voxels(reader.Execute())


def geometry_and_voxels(image):
    direction = np.reshape(image.GetDirection(), (3, 3))
    grid = VolumeGeometry(image.GetSize()[::-1], image.GetSpacing(), image.GetOrigin(), tuple(map(tuple, direction)))
    return grid, sitk.GetArrayFromImage(image)


def test_a_real_chest_ct_is_what_simpleitk_reads(unpacked):
    volume = read_series(unpacked("series"))
    grid, voxels = simpleitk_series(unpacked("series"))
    assert volume.geometry.is_close(grid, 1e-3)
    assert volume.geometry.spacing[2] == pytest.approx(4.0)  # SliceThickness says 1.0
    assert (volume.unit, volume.array.dtype) == ("HU", np.float32)
    np.testing.assert_array_equal(volume.array, voxels)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("t1", r"missing slices: .*every 1 mm.* 1 missing of 176: 2 mm after"),
        ("t2", r"2\.5 mm.* 1 missing of 56: 5 mm"),
    ],
)
def test_the_slice_that_is_missing_in_each_real_mr_is_named(unpacked, name, words):
    with pytest.raises(InputError, match=words):
        read_series(unpacked(name))


@pytest.mark.parametrize(("name", "shape"), [("t1", (176, 192, 192)), ("t2", (56, 512, 384))])
def test_the_missing_slice_of_each_real_mr_can_be_filled_and_every_other_stays_in_its_place(unpacked, name, shape):
    series = open_series(unpacked(name))
    (plane,) = series.missing
    volume = series.volume(missing="interpolate")
    assert volume.geometry.shape == shape
    np.testing.assert_allclose(volume.array[plane], (volume.array[plane - 1] + volume.array[plane + 1]) / 2)
    assert series.measured().array[:, 0, 0].tolist() == [int(z != plane) for z in range(shape[0])]
    for path in series.paths[:: len(series.paths) // 5]:
        dataset = pydicom.dcmread(path)
        z = volume.geometry.to_indices([float(v) for v in dataset.ImagePositionPatient])[2]
        assert z == pytest.approx(round(z), abs=1e-2)
        np.testing.assert_array_equal(volume.array[round(z)], dataset.pixel_array)


def test_a_real_oblique_mr_without_the_gap_is_what_simpleitk_reads(unpacked, tmp_path):
    for path in unpacked("t2"):
        position = pydicom.dcmread(path, stop_before_pixels=True).ImagePositionPatient
        if float(position[2]) > 60:  # one side of the gap
            (tmp_path / path.name).symlink_to(path)
    paths = sorted(tmp_path.iterdir())
    volume, (grid, voxels) = read_series(paths), simpleitk_series(paths)
    assert volume.geometry.is_close(grid, 1e-2)
    assert volume.unit == ""
    np.testing.assert_array_equal(volume.array, voxels)


LOSSLESS = {
    "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.80",
    "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.5",
}  # fmt: skip
LOSSY = {"1.2.840.10008.1.2.4.91": 5, "1.2.840.10008.1.2.4.81": 1}
UNDECODABLE = {"1.2.840.10008.1.2.4.53": "Process 6 and 8", "1.2.840.10008.1.2.4.55": "Process 10 and 12"}


def test_transfer_syntaxes_give_one_image(data_folder):
    folder = data_folder / "ct_syntaxes_cornerstone"
    truth = read_series([folder / "CTImage.dcm"])
    seen = {path.name.rpartition("_")[2].removesuffix(".dcm"): path for path in folder.glob("CTImage.dcm_*.dcm")}
    assert set(seen) >= LOSSLESS | set(LOSSY) | set(UNDECODABLE)
    for syntax in LOSSLESS | set(LOSSY):
        volume = read_series([seen[syntax]])
        assert np.abs(volume.array - truth.array).max() <= LOSSY.get(syntax, 0), syntax
        assert volume.geometry == truth.geometry
    for syntax, name in UNDECODABLE.items():
        with pytest.raises(InputError, match=rf"cannot be decoded.*{name}.*{syntax}"):
            read_series([seen[syntax]])


@given(seed=st.integers(0, 2**31), sop_class=st.sampled_from([CT, MR]))
@FEW
def test_any_oblique_series_in_any_file_order(tmp_path_factory, seed, sop_class):
    folder, grid = tmp_path_factory.mktemp("series"), oblique(seed=seed)
    values = stored_values(grid.shape, seed)
    paths = classic_series(folder, grid, values, sop_class=sop_class, slope=None if sop_class == MR else 1)
    volume = read_series(np.random.default_rng(seed).permutation(paths).tolist())
    assert volume.geometry.is_close(grid, 1e-4)
    np.testing.assert_array_equal(volume.array, values - (1024 if sop_class == CT else 0))
    theirs, voxels = simpleitk_series(paths)
    assert theirs.is_close(grid, 1e-3)
    np.testing.assert_array_equal(volume.array, voxels)


def test_each_slice_has_its_own_rescale(tmp_path):
    grid = oblique()
    values = stored_values(grid.shape)

    def edit(dataset, plane):
        dataset.RescaleSlope = 0.5 * (plane + 1)

    volume = read_series(classic_series(tmp_path, grid, values, edit=edit))
    slopes = 0.5 * np.arange(1, len(values) + 1)
    np.testing.assert_allclose(volume.array, values * slopes[:, None, None] - 1024)


@pytest.mark.parametrize("sop_class", [ENHANCED_CT, ENHANCED_MR])
@pytest.mark.parametrize("shared", [True, False])
def test_an_enhanced_multi_frame_is_what_simpleitk_reads(tmp_path, sop_class, shared):
    grid = oblique()
    values = stored_values(grid.shape)
    path = enhanced_file(tmp_path / "a.dcm", grid, values, sop_class=sop_class, shared=shared)
    volume, (theirs, voxels) = read_series([path]), geometry_and_voxels(sitk.ReadImage(str(path)))
    assert volume.geometry.is_close(grid, 1e-4)
    assert theirs.is_close(grid, 1e-3)
    assert volume.unit == "HU"
    np.testing.assert_array_equal(volume.array, values - 1024)
    np.testing.assert_array_equal(volume.array, voxels)


def test_frames_in_any_order_with_their_own_slopes(tmp_path):
    grid = oblique()
    values, slopes = stored_values(grid.shape), [1, 2, 3, 4, 5, 6]
    path = enhanced_file(tmp_path / "a.dcm", grid, values, slopes=slopes, order=[3, 0, 5, 1, 4, 2])
    volume = read_series([path])
    assert volume.geometry.is_close(grid, 1e-4)
    np.testing.assert_array_equal(volume.array, values * np.reshape(slopes, (6, 1, 1)) - 1024)


def test_a_volume_over_two_multi_frames_and_a_compressed_one(tmp_path):
    grid = oblique()
    values = stored_values(grid.shape)
    paths = [enhanced_file(tmp_path / f"{half}.dcm", grid, values, order=range(half, 6, 2)) for half in (0, 1)]
    compressed = pydicom.dcmread(paths[0])
    compressed.compress(RLELossless)
    compressed.save_as(paths[0])
    np.testing.assert_array_equal(read_series(paths).array, values - 1024)


def test_a_single_slice(tmp_path):
    grid = oblique((1, 5, 4))
    (path,) = classic_series(tmp_path, grid, stored_values(grid.shape))
    assert read_series([path]).geometry.spacing == pytest.approx((0.7, 1.25, 1.0))


def moved(grid, plane, by_mm):
    return decimals(grid.to_points([0, 0, plane]) + by_mm)


GRID = oblique((8, 5, 4), spacing=(0.7, 1.25, 3.0))
ALONG, ACROSS = (np.asarray(GRID.direction)[:, axis] for axis in (2, 1))


def duplicate(dataset, plane):
    if plane == 4:
        dataset.ImagePositionPatient = moved(GRID, 3, 0 * ALONG)


def twice_each(dataset, plane):
    dataset.ImagePositionPatient = moved(GRID, plane // 2, 0 * ALONG)


def gap(dataset, plane):
    if plane >= 4:
        dataset.ImagePositionPatient = moved(GRID, plane + 2, 0 * ALONG)


def uneven(dataset, plane):
    if plane == 4:
        dataset.ImagePositionPatient = moved(GRID, plane, 0.4 * ALONG)


def tilt(dataset, plane):
    dataset.ImagePositionPatient = moved(GRID, plane, ACROSS * plane * 3.0 * np.tan(np.deg2rad(12.5)))


def stray(dataset, plane):
    if plane == 4:
        dataset.ImagePositionPatient = moved(GRID, plane, 2.0 * ACROSS)


def turned(dataset, plane):
    if plane == 4:
        dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]


def smaller(dataset, plane):
    if plane == 4:
        dataset.Rows, dataset.PixelData = 3, dataset.PixelData[: 3 * 4 * 2]


def finer(dataset, plane):
    if plane == 4:
        dataset.PixelSpacing = [0.5, 0.5]


def two_series(dataset, plane):
    if plane == 4:
        dataset.SeriesInstanceUID = "1.2.3"


def not_unit(dataset, plane):
    dataset.ImageOrientationPatient = [2, 0, 0, 0, 1, 0]


def no_position(dataset, plane):
    del dataset.ImagePositionPatient


def colour(dataset, plane):
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.PlanarConfiguration = 3, "RGB", 0
    dataset.PixelData = dataset.PixelData * 3


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (duplicate, r"duplicate slices: .*2 at -?\d+\.\d\d mm"),
        (twice_each, "2 images at each of 4 positions; split the series"),
        (gap, r"missing slices: expected one every 3 mm, got 2 missing of 10: 9 mm after"),
        (uneven, r"irregular slice spacing: expected 3 mm.*3\.4 mm after .* 2\.6 mm after"),
        (tilt, r"gantry tilt: .*12\.50 degrees, 4\.65\d mm"),
        (stray, "do not lie on one line"),
        (turned, "slices of different orientation: got 7 of"),
        (smaller, r"different sizes .*7 of \(5, 4\), 1 of \(3, 4\)"),
        (finer, r"different PixelSpacing: got 7 of \(1\.25, 0\.7\), 1 of \(0\.5, 0\.5\)"),
        (two_series, "several series: expected 1, got 2"),
        (not_unit, "two unit vectors at right angles"),
        (no_position, r"ImagePositionPatient is missing.*\(file 1 of 8\)"),
        (colour, "colour image"),
    ],
)
def test_each_irregularity_is_named_with_its_numbers(tmp_path, edit, words):
    paths = classic_series(tmp_path, GRID, stored_values(GRID.shape), edit=edit)
    with pytest.raises(InputError, match=words) as caught:
        read_series(paths)
    assert "Doe" not in str(caught.value)


def test_a_tilted_series_that_is_only_rotated_is_fine(tmp_path):
    def edit(dataset, _):
        dataset.GantryDetectorTilt = 12.5

    paths = classic_series(tmp_path, GRID, stored_values(GRID.shape), edit=edit)
    assert read_series(paths).geometry.is_close(GRID, 1e-4)


def test_several_missing_slices_are_filled_linearly_and_too_many_refused(tmp_path):
    grid = oblique((40, 5, 4))
    ramp = np.broadcast_to(np.arange(40)[:, None, None] * 10, grid.shape)
    paths = classic_series(tmp_path, grid, ramp, intercept=0, shuffle=False)
    kept = [path for plane, path in enumerate(paths) if plane not in (7, 8, 30)]
    volume = read_series(kept, missing="interpolate")
    assert volume.geometry.is_close(grid, 1e-4)
    np.testing.assert_allclose(volume.array, ramp, rtol=1e-6)
    with pytest.raises(InputError, match="3 missing of 40"):
        read_series(kept)
    with pytest.raises(InputError, match=r"too many slices are missing.*at most 10%, got 5 of 40"):
        read_series(paths[:10] + paths[15:], missing="interpolate")


@pytest.mark.parametrize("part", [0.0, 0.02, 0.3, 0.6, 0.99])
def test_a_truncated_file_is_named(tmp_path, part):
    grid = oblique((3, 32, 32))
    paths = classic_series(tmp_path, grid, stored_values(grid.shape))
    whole = paths[1].read_bytes()
    paths[1].write_bytes(whole[: int(len(whole) * part)])
    with pytest.raises(InputError, match=r"file 2 of 3") as caught:
        read_series(paths)
    assert "Doe" not in str(caught.value)


@pytest.mark.parametrize("name", ["MR_truncated.dcm", "rtplan.dcm", "test-SR.dcm", "rtdose.dcm", "no_meta.dcm"])
def test_files_that_are_no_slices(name):
    path = get_testdata_file(name, download=False)
    with pytest.raises(InputError, match="file 1 of 1"):
        read_series([Path(path)])


def test_nothing_and_no_dicom(tmp_path):
    (tmp_path / f"{NAME}.txt").write_text("hello")
    with pytest.raises(InputError, match=r"not a readable DICOM file \(file 1 of 1\)"):
        read_series([tmp_path / f"{NAME}.txt"])
    with pytest.raises(InputError, match="no such file"):
        read_series([tmp_path / "none.dcm"])
    with pytest.raises(InputError, match="needs files"):
        read_series([])


def test_a_header_that_claims_a_huge_image(tmp_path):
    def edit(dataset, _):
        dataset.Rows = dataset.Columns = 65535

    grid = oblique((1, 5, 4))
    (path,) = classic_series(tmp_path, grid, stored_values(grid.shape), edit=edit)
    with pytest.raises(InputError, match="8589672450 bytes of pixels, got"):
        read_series([path])
    dataset = pydicom.dcmread(path)
    dataset.Rows, dataset.Columns = 5, 4
    dataset.compress(RLELossless)
    dataset.Rows = dataset.Columns = 65535
    dataset.save_as(path)
    with pytest.raises(InputError, match="17179344900 bytes"):
        read_series([path], max_bytes=2**33)


def test_a_deflated_bomb_is_not_inflated(tmp_path, data_folder, monkeypatch):
    (source,) = (data_folder / "ct_syntaxes_cornerstone").glob("*1.2.840.10008.1.2.1.99.dcm")
    raw = source.read_bytes()
    start = 144 + int.from_bytes(raw[140:144], "little")
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    bomb = raw[:start] + packer.compress(bytes(2**25)) + packer.flush()
    (tmp_path / "bomb.dcm").write_bytes(bomb)
    monkeypatch.setattr("scanmill.io.dicom_file.MAX_BYTES", 2**22)
    with pytest.raises(InputError, match=r"inflates to too much.*4194304"):
        read_series([tmp_path / "bomb.dcm"])
    assert read_series([source]).array.shape == (1, 512, 512)


@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_damaged_file_is_read_or_refused(tmp_path, data):
    grid = oblique((2, 3, 4))
    paths = classic_series(tmp_path, grid, stored_values(grid.shape))
    paths.append(enhanced_file(tmp_path / "multi.dcm", grid, stored_values(grid.shape)))
    path = data.draw(st.sampled_from(paths))
    raw = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(128, len(raw) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(raw)
    for read in (read_series, scan_series):
        with contextlib.suppress(InputError, ResourceError):
            read([path])
