"""ITK's transform files, written and read by SimpleITK and by us, and broken ones."""

import contextlib
import struct

import h5py
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import some_transforms as some
from scanmill.data.transforms import Affine, Chain, DisplacementField, Translation, VelocityField
from scanmill.errors import InputError, ResourceError, SpecError
from scanmill.io.itk_transform import read_itk_transform, write_itk_transform

PAIRS = some.all_pairs()
LINEAR = tuple(some.linear_pairs())
GRID = some.askew()
POINTS = some.points_around(GRID)
COMPOSITE = "#Insight Transform File V1.0\n#Transform 0\nTransform: CompositeTransform_double_3_3\n"


def chain_pair():
    names = ("euler", "b-spline", "field", "affine")
    return Chain(tuple(PAIRS[n][0] for n in names)), sitk.CompositeTransform([PAIRS[n][1] for n in names])


def cases():
    many = {**PAIRS, "chain": chain_pair()}
    return [(kind, suffix) for kind in many for suffix in (".tfm", ".txt", ".h5")] + [(k, ".mat") for k in LINEAR]


def pair_of(kind):
    return chain_pair() if kind == "chain" else PAIRS[kind]


@pytest.mark.parametrize(("kind", "suffix"), cases())
def test_what_simpleitk_writes_is_read(tmp_path, kind, suffix):
    ours, theirs = pair_of(kind)
    sitk.WriteTransform(theirs, str(tmp_path / f"theirs{suffix}"))
    back = read_itk_transform(tmp_path / f"theirs{suffix}")
    assert type(back) is type(ours)
    np.testing.assert_allclose(back.map(POINTS), some.mapped_by(theirs, POINTS), atol=1e-9)


@pytest.mark.parametrize(("kind", "suffix"), cases())
def test_simpleitk_reads_what_is_written(tmp_path, kind, suffix):
    ours, _ = pair_of(kind)
    for name in ("a", "b"):
        write_itk_transform(tmp_path / f"{name}{suffix}", ours)
    theirs = sitk.ReadTransform(str(tmp_path / f"a{suffix}"))
    np.testing.assert_allclose(some.mapped_by(theirs, POINTS), ours.map(POINTS), atol=1e-9)
    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


@given(seed=st.integers(0, 2**31))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_round_trip_is_exact(tmp_path, seed):
    for kind, (ours, _) in some.linear_pairs(seed).items():
        for suffix in (".tfm", ".h5", ".mat"):
            write_itk_transform(tmp_path / f"a{suffix}", ours)
            back = read_itk_transform(tmp_path / f"a{suffix}")
            np.testing.assert_array_equal(back.affine, ours.affine, err_msg=kind)


def test_coordinate_images_warped_by_both(tmp_path):
    """A file of ours in SimpleITK's resampler: three images of coordinates show where every voxel went."""
    ours, _ = chain_pair()
    write_itk_transform(tmp_path / "a.h5", ours)
    theirs = sitk.ReadTransform(str(tmp_path / "a.h5"))
    field = sitk.TransformToDisplacementField(theirs, sitk.sitkVectorFloat64, GRID.shape[::-1], GRID.origin,
                                              GRID.spacing, np.ravel(GRID.direction).tolist())  # fmt: skip
    points = GRID.voxel_points()
    np.testing.assert_allclose(sitk.GetArrayFromImage(field), ours.map(points) - points, atol=1e-9)


def test_kinds_of_the_field_that_have_no_name_here(tmp_path):
    """ANTs' name for an affine transform; float parameters; a scale that is added; the identity."""
    theirs = sitk.ScaleVersor3DTransform((1.1, 0.9, 1.3), (0.1, 0.2, 0.3, np.sqrt(0.86)), (1, 2, 3), (4, 5, 6))
    sitk.WriteTransform(theirs, str(tmp_path / "scale.tfm"))
    np.testing.assert_allclose(
        read_itk_transform(tmp_path / "scale.tfm").map(POINTS), some.mapped_by(theirs, POINTS), atol=1e-9
    )
    ours = PAIRS["affine"][0]
    write_itk_transform(tmp_path / "a.txt", ours)
    text = (tmp_path / "a.txt").read_text().replace("AffineTransform_double", "MatrixOffsetTransformBase_float")
    (tmp_path / "a.txt").write_text(text)
    np.testing.assert_array_equal(read_itk_transform(tmp_path / "a.txt").affine, ours.affine)
    sitk.WriteTransform(sitk.Transform(3, sitk.sitkIdentity), str(tmp_path / "id.tfm"))
    np.testing.assert_array_equal(read_itk_transform(tmp_path / "id.tfm").affine, np.eye(4))


def test_old_hdf5_files_have_a_misspelt_name(tmp_path):
    path = tmp_path / "a.h5"
    write_itk_transform(path, PAIRS["euler"][0])
    with h5py.File(path, "a") as file:
        group = file["TransformGroup/0"]
        group.move("TransformParameters", "TranformParameters")
        group.move("TransformFixedParameters", "TranformFixedParameters")
    np.testing.assert_array_equal(read_itk_transform(path).affine, PAIRS["euler"][0].affine)


def test_a_velocity_is_written_as_its_flow(tmp_path):
    velocity = VelocityField(PAIRS["field"][0].array, GRID)
    write_itk_transform(tmp_path / "a.h5", velocity)
    back = read_itk_transform(tmp_path / "a.h5")
    assert isinstance(back, DisplacementField)
    np.testing.assert_allclose(back.map(POINTS), velocity.map(POINTS), atol=1e-12)


def test_what_cannot_be_written_is_refused(tmp_path):
    with pytest.raises(SpecError, match=r"no form.*FixedPointInverse; sample it"):
        write_itk_transform(tmp_path / "a.h5", PAIRS["field"][0].inverse())
    with pytest.raises(SpecError, match="one linear transform"):
        write_itk_transform(tmp_path / "a.mat", chain_pair()[0])
    with pytest.raises(SpecError, match=r"unknown suffix.*a\.xfm"):
        write_itk_transform(tmp_path / "a.xfm", Translation((0, 0, 0)))


def entry(kind, parameters, fixed=""):
    return f"#Insight Transform File V1.0\nTransform: {kind}\nParameters: {parameters}\nFixedParameters: {fixed}\n"


ROW = "1 0 0 0 1 0 0 0 1"
TEXTS = {
    "empty": ("", "not a transform file of ITK"),
    "something else": ("x: 1\n", "not a transform file of ITK"),
    "only the first line": ("#Insight Transform File V1.0\n", "holds no transform"),
    "words": (entry("AffineTransform_double_3_3", "a b c"), "not numbers"),
    "another line": (entry("AffineTransform_double_3_3", f"{ROW} 0 0 0") + "Foo: 1\n", "not a line.*Foo"),
    "too few": (entry("AffineTransform_double_3_3", ROW), "expected 12, got 9"),
    "nan": (entry("AffineTransform_double_3_3", f"{ROW} 0 0 nan"), "not finite"),
    "singular": (entry("AffineTransform_double_3_3", f"{ROW[:-1]}0 0 0 0"), r"inverted \(a.tfm, AffineTransform\)"),
    "2D": (entry("Euler2DTransform_double_2_2", "0 0 0"), "3D space.*Euler2DTransform_double_2_2"),
    "unknown": (entry("ThinPlateSpline_double_3_3", "0"), "unknown kind.*got ThinPlateSpline"),
    "long versor": (entry("VersorRigid3DTransform_double_3_3", "1 1 1 0 0 0"), "versor is at most"),
    "huge lattice": (
        entry("BSplineTransform_double_3_3", "0 0 0", f"999999 999999 999999 0 0 0 1 1 1 {ROW}"),
        "expected 2999991000008999997, got 3",
    ),
    "half a size": (entry("BSplineTransform_double_3_3", "0", f"4.5 4 4 0 0 0 1 1 1 {ROW}"), "sizes of a grid"),
    "small lattice": (entry("BSplineTransform_double_3_3", "0 " * 81, f"3 3 3 0 0 0 1 1 1 {ROW}"), "4 points along"),
    "no spacing": (
        entry("DisplacementFieldTransform_double_3_3", "0 0 0", f"1 1 1 0 0 0 1 0 1 {ROW}"),
        "spacing must be positive",
    ),
    "an empty composite": (COMPOSITE, "not one composite"),
    "a composite in one": (COMPOSITE + COMPOSITE.splitlines()[-1], "not one composite"),
    "two of them": (
        entry("TranslationTransform_double_3_3", "1 2 3") + "Transform: TranslationTransform_double_3_3\n",
        "not one composite.*got TranslationTransform, TranslationTransform",
    ),
    "far too many": (COMPOSITE + "Transform: TranslationTransform_double_3_3\n" * 1001, "too many"),
}


@pytest.mark.parametrize("fault", TEXTS)
def test_broken_text(tmp_path, fault):
    text, words = TEXTS[fault]
    (tmp_path / "a.tfm").write_text(text)
    with pytest.raises(InputError, match=words) as caught:
        read_itk_transform(tmp_path / "a.tfm")
    assert caught.value.where.startswith("a.tfm")


def test_text_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("scanmill.io.itk_text.MAX_TEXT_BYTES", 100)
    write_itk_transform(tmp_path / "a.tfm", PAIRS["affine"][0])
    with pytest.raises(InputError, match="at most 100 bytes"):
        read_itk_transform(tmp_path / "a.tfm")


@pytest.mark.parametrize("suffix", [".tfm", ".h5", ".mat"])
def test_a_file_that_is_not_there(tmp_path, suffix):
    with pytest.raises(InputError, match="no such file"):
        read_itk_transform(tmp_path / f"a{suffix}")


@pytest.mark.parametrize("suffix", [".h5", ".mat", ".tfm"])
@given(position=st.floats(0, 0.999), byte=st.integers(0, 255), keep=st.floats(0, 1))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_damaged_file_is_read_or_refused(tmp_path, suffix, position, byte, keep):
    path = tmp_path / f"a{suffix}"
    write_itk_transform(path, PAIRS["similarity"][0])
    content = bytearray(path.read_bytes())
    content[int(position * len(content))] = byte
    path.write_bytes(content[: max(1, int(keep * 1.5 * len(content)))])
    with contextlib.suppress(InputError, ResourceError):
        assert read_itk_transform(path).map(POINTS).shape == POINTS.shape


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (struct.pack("<5i", 0, 2**30, 2**30, 0, 6) + b"fixed\0", "MATLAB 4"),
        (struct.pack("<5i", 0, -1, -8, 0, 6) + b"fixed\0" + bytes(64), "MATLAB 4"),
        (struct.pack("<5i", 0, 1, 1, 0, 6) + b"fixed\0" + bytes(8), "in pairs"),
        (bytes(2**20 + 1), "too large"),
        (b"", "no transform"),
    ],
    ids=["huge", "negative", "alone", "long", "empty"],
)
def test_broken_matlab_files(tmp_path, content, words):
    (tmp_path / "a.mat").write_bytes(content)
    with pytest.raises(InputError, match=words):
        read_itk_transform(tmp_path / "a.mat")


def spoil_hdf5(file, fault):
    group = file["TransformGroup/0"]
    if fault == "a gap":
        file.move("TransformGroup/0", "TransformGroup/1")
    elif fault == "no type":
        del group["TransformType"]
    elif fault == "a number as type":
        del group["TransformType"]
        group["TransformType"] = [1.0]
    elif fault == "a link outside":
        del group["TransformParameters"]
        group["TransformParameters"] = h5py.ExternalLink("/etc/passwd", "/x")
    elif fault == "a table":
        del group["TransformParameters"]
        group["TransformParameters"] = np.zeros((3, 4))
    elif fault == "no group":
        del file["TransformGroup"]


@pytest.mark.parametrize(
    ("fault", "words"),
    [("a gap", "/TransformGroup/0"), ("no type", "there is no"), ("a number as type", "type of a transform"),
     ("a link outside", "links out of an HDF5 file"), ("a table", "not a list"), ("no group", "/TransformGroup/0")],
)  # fmt: skip
def test_broken_hdf5_files(tmp_path, fault, words):
    write_itk_transform(tmp_path / "a.h5", Affine(np.eye(3)))
    with h5py.File(tmp_path / "a.h5", "a") as file:
        spoil_hdf5(file, fault)
    with pytest.raises(InputError, match=words):
        read_itk_transform(tmp_path / "a.h5")


@pytest.mark.parametrize("suffix", [".tfm", ".h5", ".mat"])
def test_a_full_disk_is_the_machines_fault(tmp_path, suffix):
    (tmp_path / f"a{suffix}").symlink_to("/dev/full")
    with pytest.raises(ResourceError):
        write_itk_transform(tmp_path / f"a{suffix}", Translation((1, 2, 3)))
