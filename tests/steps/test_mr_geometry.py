"""Images of k-space lie where the object lay: slices in every direction, in NIfTI and DICOM, by other tools' eyes."""

from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813

from mr_scans import ORIENTATIONS, SPOTS, grid, scan_of, write_ismrmrd
from scanmill.phantoms.coils import CoilArray
from scanmill.steps.contract import Context, InputFile, Row
from scanmill.steps.table import find_step

EVEN = {"coils": CoilArray.uniform()}  # no shading, which would pull the centroids
TO_LPS = np.array([-1.0, -1.0, 1.0])


def saved(scan, folder, form):
    """The files of the image by RSS."""
    ctx = Context((Row("r", {}),), folder)
    reconstruct, save = find_step("mr.reconstruct"), find_step("save")
    image = reconstruct.run({"scan": scan}, reconstruct.params(scale=1000.0), ctx).values["image"]
    return [file.path for file in save.run({"image": image}, save.params(format=form), ctx).files]


def spot_in(voxels, index_to_mm, name):
    """Where a ball's voxels lie: the centroid of what is brighter than the body within 14 mm of where it should be, in
    mm. ``voxels`` (i, j, k) and the affine are those of the tool that read the image."""
    indices = np.stack(np.meshgrid(*(np.arange(n) for n in voxels.shape), indexing="ij"), axis=-1)
    points = indices @ index_to_mm[:3, :3].T + index_to_mm[:3, 3]
    near = np.linalg.norm(points - SPOTS[name], axis=-1) < 14
    weights = np.where(near, np.clip(voxels - 0.55 * voxels[near].max(), 0, None), 0)
    return (weights[..., None] * points).sum(axis=(0, 1, 2)) / weights.sum()


def by_nibabel(paths):
    image = nibabel.load(paths[0])
    return image.get_fdata(), np.diag([*TO_LPS, 1]) @ image.affine


def by_simpleitk(paths):
    if paths[0].suffix == ".dcm":
        reader = sitk.ImageSeriesReader()
        reader.SetFileNames(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(paths[0].parent)))
        image = reader.Execute()
    else:
        image = sitk.ReadImage(str(paths[0]))
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    return sitk.GetArrayFromImage(image).transpose(2, 1, 0), affine


def by_pydicom(paths):
    """Slices in the order of their names; equation C.7.6.2.1-1 of PS3.3."""
    slices = [pydicom.dcmread(path) for path in paths]
    first, last = slices[0], slices[-1]
    row, column = np.reshape(np.array(first.ImageOrientationPatient, float), (2, 3))
    dy, dx = map(float, first.PixelSpacing)
    step = (np.array(last.ImagePositionPatient, float) - first.ImagePositionPatient) / (len(slices) - 1)
    affine = np.eye(4)
    affine[:3] = np.column_stack([row * dx, column * dy, step, np.array(first.ImagePositionPatient, float)])
    stored = np.stack([one.pixel_array for one in slices]).transpose(2, 1, 0)
    return stored * float(first.RescaleSlope) + float(first.RescaleIntercept), affine


READERS = {"nifti": (by_nibabel, by_simpleitk), "dicom": (by_pydicom, by_simpleitk)}


@pytest.mark.parametrize("form", READERS)
@pytest.mark.parametrize("name", ORIENTATIONS)
def test_the_balls_lie_where_they_lay(name, form, tmp_path):
    geometry = grid(ORIENTATIONS[name])
    paths = saved(scan_of(geometry, **EVEN), tmp_path, form)
    for reader in READERS[form]:
        voxels, affine = reader(paths)
        np.testing.assert_allclose(sorted(np.linalg.norm(affine[:3, :3], axis=0)), sorted(geometry.spacing), rtol=1e-5)
        for ball, place in SPOTS.items():
            np.testing.assert_allclose(spot_in(voxels, affine, ball), place, atol=1.0)


@pytest.mark.parametrize("name", ["oblique", "oblique sagittal"])
def test_so_they_do_from_the_headers_of_a_scanner(name, tmp_path):
    """Through ISMRMRD written by its own library: read, reconstructed and saved."""
    path = write_ismrmrd(tmp_path / "a.h5", scan_of(grid(ORIENTATIONS[name]), **EVEN))
    read, ctx = (
        find_step("read"),
        Context((Row("r", {}, (InputFile("scan", path, path.name, reader="ismrmrd"),)),), Path()),
    )
    scan = read.run({}, read.params(), ctx).values["scan"]
    for form, readers in READERS.items():
        (tmp_path / form).mkdir()
        paths = saved(scan, tmp_path / form, form)
        for reader in readers:
            voxels, affine = reader(paths)
            for ball, place in SPOTS.items():
                np.testing.assert_allclose(spot_in(voxels, affine, ball), place, atol=1.0)


def test_a_volume_lies_there_too(tmp_path):
    geometry = grid(ORIENTATIONS["oblique"], shape=(26, 40, 44), spacing=(3.6, 3.8, 5.0))
    scan = scan_of(geometry, encodes_z=True, **EVEN)
    assert scan.array.shape[1:] == (1, 1, 26, 40, 44)
    voxels, affine = by_nibabel(saved(scan, tmp_path, "nifti"))
    for ball, place in SPOTS.items():
        np.testing.assert_allclose(spot_in(voxels, affine, ball), place, atol=1.0)


def test_the_crop_keeps_the_points(tmp_path):
    geometry = grid(ORIENTATIONS["coronal"])
    recon = geometry.crop(slice(0, 22), slice(3, 40), slice(4, 47))
    voxels, affine = by_nibabel(saved(replace(scan_of(geometry, **EVEN), recon=recon), tmp_path, "nifti"))
    assert voxels.shape == (43, 37, 22)
    for ball, place in SPOTS.items():
        np.testing.assert_allclose(spot_in(voxels, affine, ball), place, atol=1.0)
