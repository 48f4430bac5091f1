"""FLIRT's matrices, by the formula of FSL's documentation: index times pixdim, x flipped where det(sform) > 0."""

import nibabel
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import some_transforms as some
from scanmill.data import Volume
from scanmill.data.transforms import Affine, Rigid, Translation
from scanmill.errors import InputError, ResourceError, SpecError
from scanmill.geometry import VolumeGeometry
from scanmill.io.flirt import read_flirt, write_flirt
from scanmill.io.nifti import nifti_geometry, write_nifti


def image_file(folder, name, grid):
    write_nifti(folder / name, Volume(np.zeros(grid.shape, np.float32), grid))
    return folder / name


def scaled_by_hand(path, indices):
    """FSL's coordinates of (x, y, z) indices, from what nibabel tells of a file."""
    image = nibabel.load(path)
    sizes, steps = np.array(image.shape), np.array(image.header.get_zooms())
    indices = np.asarray(indices, float).copy()
    if np.linalg.det(image.affine[:3, :3]) > 0:
        indices[..., 0] = sizes[0] - 1 - indices[..., 0]
    return indices * steps


@given(seed=st.integers(0, 2**31), flips=st.tuples(st.booleans(), st.booleans()))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_matrix_takes_indices_of_in_to_indices_of_ref(tmp_path, seed, flips):
    fixed, moving = (
        image_file(tmp_path, f"{name}.nii", some.askew(shape, seed, spacing, mirrored=flip))
        for name, shape, spacing, flip in zip(
            ("ref", "in"), ((4, 5, 6), (7, 3, 5)), ((1.0, 2.0, 3.0), (0.7, 1.1, 0.9)), flips, strict=True
        )
    )
    matrix = np.eye(4)
    matrix[:3] += np.random.default_rng(seed).uniform(-0.3, 0.3, (3, 4))
    np.savetxt(tmp_path / "a.mat", matrix, fmt="%.17g")
    transform = read_flirt(tmp_path / "a.mat", fixed=nifti_geometry(fixed), moving=nifti_geometry(moving))
    moving_indices = np.random.default_rng(seed).uniform(-3, 8, (10, 3))
    scaled = scaled_by_hand(moving, moving_indices) @ matrix[:3, :3].T + matrix[:3, 3]
    ref_affine, in_affine = nibabel.load(fixed).affine, nibabel.load(moving).affine
    ref_indices = np.linalg.solve(
        np.diag(scaled_by_hand(fixed, np.eye(3)).diagonal() - scaled_by_hand(fixed, np.zeros((3, 3))).diagonal()),
        (scaled - scaled_by_hand(fixed, np.zeros(3))).T,
    ).T
    to_lps = np.array([-1.0, -1.0, 1.0])
    fixed_points = (ref_indices @ ref_affine[:3, :3].T + ref_affine[:3, 3]) * to_lps
    moving_points = (moving_indices @ in_affine[:3, :3].T + in_affine[:3, 3]) * to_lps
    np.testing.assert_allclose(transform.map(fixed_points), moving_points, atol=2e-3)


def test_two_identical_images_have_the_identity(tmp_path):
    """FLIRT's matrix of an image with itself is the unit matrix, however the image lies."""
    for mirrored in (False, True):
        grid = some.askew(mirrored=mirrored)
        write_flirt(tmp_path / "a.mat", Translation((0, 0, 0)), fixed=grid, moving=grid)
        np.testing.assert_allclose(np.loadtxt(tmp_path / "a.mat"), np.eye(4), atol=1e-9)


def test_a_shift_of_a_radiological_image_is_known_by_hand(tmp_path):
    """x grows to the patient's left in LPS, and index x too: right-handed, so FSL counts x from the other end."""
    grid = VolumeGeometry((4, 5, 6), (2.0, 2.0, 2.0))
    write_flirt(tmp_path / "a.mat", Translation((3.0, 1.0, 0.0)), fixed=grid, moving=grid)
    expected = np.eye(4)
    expected[:2, 3] = [3.0, -1.0]
    np.testing.assert_allclose(np.loadtxt(tmp_path / "a.mat"), expected, atol=1e-12)


@given(seed=st.integers(0, 2**31))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_round_trip(tmp_path, seed):
    fixed, moving = some.askew(seed=seed), some.askew((3, 4, 5), seed + 1, mirrored=True)
    for kind, (ours, _) in some.linear_pairs(seed).items():
        write_flirt(tmp_path / "a.mat", ours, fixed=fixed, moving=moving)
        back = read_flirt(tmp_path / "a.mat", fixed=fixed, moving=moving)
        np.testing.assert_allclose(back.affine, ours.affine, atol=1e-6, err_msg=kind)


FAULTS = {
    "three rows": ("1 0 0 0\n0 1 0 0\n0 0 1 0\n", r"not a FLIRT matrix.*expected \(4, 4\), got \(3, 4\)"),
    "words": ("a b c d\n" * 4, "not a readable text file"),
    "nothing": ("", "not a FLIRT matrix"),
    "singular": ("1 0 0 0\n" * 3 + "0 0 0 1\n", "cannot be inverted"),
    "last row": ("1 0 0 0\n0 1 0 0\n0 0 1 0\n0 0 1 1\n", "last row"),
    "nan": ("nan 0 0 0\n0 1 0 0\n0 0 1 0\n0 0 0 1\n", "finite numbers"),
    "too long": ("1 0 0 0\n" * 10000, "too large"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults(tmp_path, fault):
    text, words = FAULTS[fault]
    (tmp_path / "a.mat").write_text(text)
    with pytest.raises(InputError, match=words) as caught:
        read_flirt(tmp_path / "a.mat", fixed=some.askew(), moving=some.askew())
    assert caught.value.where == "a.mat"


def test_what_cannot_be(tmp_path):
    grid = some.askew()
    with pytest.raises(InputError, match="no such file"):
        read_flirt(tmp_path / "a.mat", fixed=grid, moving=grid)
    with pytest.raises(SpecError, match="FLIRT matrix is linear: got DisplacementField"):
        write_flirt(tmp_path / "a.mat", some.field_pair(grid)[0], fixed=grid, moving=grid)
    (tmp_path / "full.mat").symlink_to("/dev/full")
    with pytest.raises(ResourceError):
        write_flirt(tmp_path / "full.mat", Affine(np.eye(3)), fixed=grid, moving=grid)
    chain = Rigid((0.1, 0, 0), (1, 2, 3)) @ Translation((1, 0, 0))
    write_flirt(tmp_path / "chain.mat", chain, fixed=grid, moving=grid)
    back = read_flirt(tmp_path / "chain.mat", fixed=grid, moving=grid)
    np.testing.assert_allclose(back.affine, chain.affine, atol=1e-8)
