"""`save` and `read` undo each other, in every format; a row's files become values by role."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from scanmill.data import ColourVolume, KSpace, Labels, Projections, Volume
from scanmill.data.transforms import DisplacementField, Rigid, VelocityField
from scanmill.errors import InputError
from scanmill.geometry import Trajectory, VolumeGeometry
from scanmill.io.card import load_card
from scanmill.io.npz import read_npz, write_npz
from scanmill.io.voxel_digest import voxel_digest
from scanmill.phantoms.demo_cohort import CORRUPT, write_demo_scans
from scanmill.steps.contract import Context, InputFile, Row
from scanmill.steps.table import STEPS, find_step
from scanmill.testing import fingerprint, tiny_scan, tiny_value
from some_transforms import smooth_vectors

GRID = VolumeGeometry((3, 4, 5), (1.0, 1.5, 2.0), (-3.0, 7.0, 11.0))
IMAGE = Volume(np.random.default_rng(0).normal(0, 100, GRID.shape).astype("f4"), GRID, "HU")


def save(value, folder, **params):
    step = find_step("save")
    folder.mkdir()
    return step.run({"image": value}, step.params(**params), Context((Row("r", {}),), folder))


def read(*rows, **params):
    step = find_step("read")
    return step.run({}, step.params(**params), Context(rows, None)).values


def as_row(output, role, key="r", columns=None):
    files = (InputFile(role, file.path, file.path.name, reader=file.kind) for file in output.files)
    return Row(key, columns or {}, tuple(files))


@pytest.mark.parametrize("form", ["nifti", "npz", "dicom"])
def test_an_image_comes_back(tmp_path, form):
    output = save(IMAGE, tmp_path / "s", format=form)
    image = read(as_row(output, "image"))["image"]
    np.testing.assert_allclose(image.array, IMAGE.array, atol=0 if form != "dicom" else 0.02)
    assert image.geometry.is_close(GRID)
    assert {file.voxel_digest for file in output.files} == {voxel_digest(IMAGE)}
    assert output.pictures["image_slices"].dtype == np.uint8


TRANSFORMS = {
    "rigid": Rigid.from_euler((0.1, -0.2, 0.3), (5.0, -7.0, 11.0), (1.0, 2.0, 3.0)),
    "field": DisplacementField(smooth_vectors(GRID).astype(np.float32), GRID),
    "velocity": VelocityField(smooth_vectors(GRID, 0.5), GRID),
}
TRANSFORMS["chain"] = TRANSFORMS["rigid"] @ TRANSFORMS["field"]


@pytest.mark.parametrize(
    ("name", "form"),
    [(name, form) for name in TRANSFORMS for form in (None, "tfm")] + [("field", "nifti"), ("velocity", "nifti")],
)
def test_a_transform_comes_back_and_maps_points_alike(tmp_path, name, form):
    transform = TRANSFORMS[name]
    files = [save(transform, tmp_path / folder, format=form, output="transform").files for folder in ("one", "two")]
    assert files[0][0].path.read_bytes() == files[1][0].path.read_bytes()
    output = save(transform, tmp_path / "s", format=form, output="transform")
    again = read(as_row(output, "transform"))["transform"]
    points = GRID.voxel_points()
    np.testing.assert_allclose(again.map(points), transform.map(points), atol=1e-6)
    assert {file.voxel_digest for file in output.files} == {file.voxel_digest for file in files[0]}


def test_what_a_transform_or_an_image_cannot_be_saved_as(tmp_path):
    with pytest.raises(InputError, match=r"NIfTI holds a displacement field.*Rigid.*format: h5"):
        save(TRANSFORMS["rigid"], tmp_path / "a", format="nifti")
    with pytest.raises(InputError, match=r"not saved in this format.*h5, tfm, nifti, got dicom"):
        save(TRANSFORMS["rigid"], tmp_path / "b", format="dicom")
    with pytest.raises(InputError, match="a format of transforms"):
        save(IMAGE, tmp_path / "c", format="h5")


def test_colours_become_nifti_and_dicom_that_others_read(tmp_path):
    colours = np.random.default_rng(1).integers(0, 256, (*GRID.shape, 3)).astype(np.uint8)
    image = ColourVolume(colours, GRID)
    output = save(image, tmp_path / "n", output="fused")
    assert output.pictures["fused_slices"].shape[2] == 3
    read_by_itk = sitk.ReadImage(output.files[0].path)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(read_by_itk), colours)
    np.testing.assert_allclose(read_by_itk.GetOrigin(), GRID.origin)
    output = save(image, tmp_path / "d", output="fused", format="dicom")
    series = sitk.ReadImage([str(file.path) for file in output.files])
    np.testing.assert_array_equal(sitk.GetArrayFromImage(series), colours)
    np.testing.assert_allclose(series.GetSpacing(), GRID.spacing, atol=1e-6)
    np.testing.assert_allclose(series.GetOrigin(), GRID.origin, atol=1e-6)
    assert {file.kind for file in output.files} == {"dicom-colour"}


def test_labels_and_projections_come_back(tmp_path):
    labels = Labels((IMAGE.array > 0).astype(np.uint8), GRID, {1: "bone"})
    for form in ("nifti", "npz"):
        again = read(as_row(save(labels, tmp_path / form, format=form, output="mask"), "mask"))["mask"]
        assert isinstance(again, Labels)
        np.testing.assert_array_equal(again.array, labels.array)
    scan = tiny_scan()
    scan = Projections(scan.array, scan.geometry, "counts", dark=scan.array[0], photons=5.0)
    again = read(as_row(save(scan, tmp_path / "p", format="npz"), "scan"))["scan"]
    assert fingerprint(again) == fingerprint(scan)
    np.testing.assert_array_equal(again.dark, scan.dark)
    assert (again.quantity, again.flat, again.photons) == ("counts", None, 5.0)
    bowtie = replace(scan, photons=np.ones((scan.array.shape[0], 1, scan.array.shape[2])), water_attenuation=0.019)
    again = read(as_row(save(bowtie, tmp_path / "q", format="npz"), "scan"))["scan"]
    assert again.photons.shape == bowtie.photons.shape
    assert (again.water_attenuation, again.views([0]).photons.shape[0]) == (0.019, 1)


@pytest.mark.parametrize("trajectory", [None, Trajectory.radial(6, 10, matrix=8)])
def test_k_space_comes_back_from_npz_and_other_formats_refuse_it(tmp_path, trajectory):
    rng, shape = np.random.default_rng(1), (2, 3, 4, 1, 8, 8) if trajectory is None else (2, 3, 4, 6, 10)
    samples = (rng.standard_normal((*shape, 2)) @ [1, 1j]).astype(np.complex64)
    scan = KSpace(samples, VolumeGeometry((3, 8, 8)), trajectory, frame_names=("a", "b"))
    output = save(scan, tmp_path / "k", format="npz", output="scan")
    again = read(as_row(output, "scan"))["scan"]
    np.testing.assert_array_equal(again.array, scan.array)
    assert (again.frame_names, again.is_cartesian) == (scan.frame_names, trajectory is None)
    assert output.pictures["scan_slices"].shape == shape[-2:]
    for form, words in (("nifti", "NIfTI holds no k-space"), ("dicom", "only images become DICOM")):
        with pytest.raises(InputError, match=words):
            save(scan, tmp_path / form, format=form)


def test_npz_bytes_do_not_know_the_time(tmp_path, monkeypatch):
    write_npz(tmp_path / "a.npz", IMAGE)
    monkeypatch.setattr("time.time", lambda: 2e9)
    write_npz(tmp_path / "b.npz", IMAGE)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    (tmp_path / "c.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:-100])
    np.savez(tmp_path / "d.npz", array=IMAGE.array)
    for name in ("c.npz", "d.npz"):
        with pytest.raises(InputError):
            read_npz(tmp_path / name)


def test_the_digest_knows_numbers_and_geometry_only(tmp_path):
    again = read(as_row(save(IMAGE, tmp_path / "s"), "image"))["image"]
    assert voxel_digest(again) == voxel_digest(IMAGE)
    other = Volume(IMAGE.array, VolumeGeometry(GRID.shape, GRID.spacing), "HU")
    assert voxel_digest(other) != voxel_digest(IMAGE)


def test_a_group_gives_tuples_and_pictures_are_left_alone(tmp_path):
    rows = [as_row(save(tiny_value("volume"), tmp_path / key), "image", key) for key in "abc"]
    picture = InputFile("view", tmp_path / "view.png", "view.png")
    rows[0] = Row("a", {}, (*rows[0].files, picture))
    values = read(*rows)
    assert list(values) == ["image"]
    assert len(values["image"]) == 3


def test_only_the_roles_that_are_asked_for(tmp_path):
    one, two = (as_row(save(IMAGE, tmp_path / role), role) for role in ("image", "other"))
    row = Row("r", {}, (*one.files, *two.files))
    assert set(read(row, roles=["other"])) == {"other"}
    with pytest.raises(InputError, match="no such role"):
        read(row, roles=["third"])


def test_the_demo_scans_are_read_by_their_card(tmp_path):
    paths = write_demo_scans(tmp_path, seed=1)
    card = load_card("phantom")
    rows = card.rows(tmp_path)
    assert [row.row_key for row in rows if row.problem] == [CORRUPT.removesuffix(".npz")]
    assert {row.columns.get("beam") for row in rows if not row.problem} == {"parallel", "fan", "cone"}
    assert len(rows) == len(paths) == 13
    for row in rows:
        files = tuple(InputFile(role, tmp_path / p, p, reader="card") for role, ps in row.files.items() for p in ps)
        if row.problem:
            with pytest.raises(InputError):
                read(Row(row.row_key, {"card": card.to_json()}, files))
            continue
        values = read(Row(row.row_key, {"card": card.to_json()}, files))
        assert values["scan"].quantity == "counts"
        assert values["reference"].array.max() > 0.01


def test_listing_the_steps_is_light():
    heavy = "cupy,ray,mlflow,faiss,torch,numba,h5py,pydicom,nibabel,tifffile,scipy"
    code = (
        "import sys; from scanmill.steps.table import STEPS, find_step; [find_step(name) for name in STEPS];"
        f"print([m for m in '{heavy}'.split(',') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert found.strip() == "[]"
    assert len(STEPS) >= 8
