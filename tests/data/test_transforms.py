"""Transforms: the points that SimpleITK finds, the laws of composition and inverse, flows and Jacobians."""

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

import some_transforms as some
from scanmill.data.transforms import (
    Affine,
    BSpline,
    Chain,
    DisplacementField,
    Rigid,
    Similarity,
    Translation,
    VelocityField,
    displacement,
    jacobian_determinant,
)
from scanmill.errors import InputError
from scanmill.geometry import VolumeGeometry

seeds = st.integers(0, 2**31)
quick = settings(max_examples=25, deadline=None)
KINDS = tuple(some.all_pairs())


@given(seed=seeds)
@quick
def test_every_kind_maps_points_as_simpleitk_does(seed):
    points = some.points_around(some.askew(seed=seed), n=40, seed=seed)
    for kind, (ours, theirs) in some.all_pairs(seed).items():
        np.testing.assert_allclose(ours.map(points), some.mapped_by(theirs, points), atol=1e-9, err_msg=kind)


@given(seed=seeds)
@quick
def test_a_chain_is_its_links_one_after_the_other(seed):
    a, b, c = (some.all_pairs(seed)[kind][0] for kind in np.random.default_rng(seed).choice(KINDS, 3))
    points = some.points_around(some.askew(seed=seed), n=40)
    expected = a.map(b.map(c.map(points)))
    np.testing.assert_allclose(((a @ b) @ c).map(points), expected, atol=1e-9)
    np.testing.assert_allclose((a @ (b @ c)).map(points), expected, atol=1e-9)
    assert len(((a @ b) @ (b @ c)).parts) == 4


@given(seed=seeds)
@quick
def test_linear_inverses_are_exact_and_of_the_same_kind(seed):
    points = np.random.default_rng(seed).uniform(-100, 100, (20, 3))
    pairs = [ours for ours, _ in some.linear_pairs(seed).values()]
    for ours in [*pairs, pairs[0] @ pairs[1] @ pairs[-1]]:
        back = ours.inverse()
        assert type(back) is type(ours)
        np.testing.assert_allclose(back.map(ours.map(points)), points, atol=1e-8)
        np.testing.assert_allclose(back.affine @ ours.affine, np.eye(4), atol=1e-8)


def test_the_affine_of_a_chain_is_there_only_if_all_links_are_linear():
    pairs = some.all_pairs()
    chain = pairs["euler"][0] @ pairs["affine"][0]
    points = some.points_around(some.askew())
    homogeneous = np.concatenate([points, np.ones((len(points), 1))], axis=1)
    np.testing.assert_allclose((homogeneous @ chain.affine.T)[:, :3], chain.map(points), atol=1e-9)
    assert (chain @ pairs["field"][0]).affine is None


@pytest.mark.parametrize("shape", [(3,), (5, 3), (2, 4, 3), (0, 3)])
@pytest.mark.parametrize("kind", KINDS)
def test_points_come_in_any_shape(kind, shape):
    ours = some.all_pairs()[kind][0]
    points = np.zeros(shape)
    assert ours.map(points).shape == shape
    assert ours.inverse().map(points).shape == shape
    assert not points.any()


def test_a_point_that_is_no_number_stays_none():
    for kind, (ours, _) in some.all_pairs().items():
        assert np.isnan(ours.map([np.nan, 0.0, 0.0])[0]), kind


def test_the_domain_of_a_free_form_ends_where_itk_s_does():
    grid = some.askew()
    ours, theirs = some.bspline_pair(grid)
    sizes = np.array(ours.lattice.shape[::-1])
    places = np.array(
        [[1.001, 1.001, 1.001], [0.999, 2, 2], *np.eye(3) * (sizes - 1.999), *np.eye(3) * (sizes - 2.001)]
    )
    points = ours.lattice.to_points(np.maximum(places, 1.001) - (places == 0.999) * 0.002)
    np.testing.assert_allclose(ours.map(points), some.mapped_by(theirs, points), atol=1e-9)
    moved = np.abs(ours.map(points) - points).max(axis=1) > 1e-6
    assert moved[0]
    assert not moved[1]
    edges = grid.to_points([[-0.5, -0.5, -0.5], np.array(grid.shape[::-1]) - 0.5])
    assert (np.abs(ours.map(edges) - edges).max(axis=1) > 1e-6).all()


@given(seed=seeds)
@quick
def test_a_fixed_point_inverse_keeps_what_it_states(seed):
    grid = some.askew(seed=seed)
    field, _ = some.field_pair(grid, seed, size_mm=0.6)
    inner = some.points_around(grid, n=50, seed=seed, margin=-2.0)
    back = field.inverse()
    points, residual = back.solve(field.map(inner))
    assert residual.max() <= back.tolerance_mm
    np.testing.assert_allclose(points, inner, atol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(field.map(points) - field.map(inner), axis=-1), residual, atol=1e-12)
    assert back.inverse() is field


def test_a_point_without_a_pre_image_is_told_by_its_residual():
    grid = VolumeGeometry.centered((9, 9, 9))
    field = DisplacementField(np.full((*grid.shape, 3), 2.0), grid)
    points, residual = field.inverse().solve([[2.0, 2.0, 2.0], [-4.0, -4.0, -4.0]])
    np.testing.assert_allclose(points[0], 0.0, atol=1e-9)
    assert residual[0] < 1e-9
    assert residual[1] == pytest.approx(
        np.sqrt(3) / 2
    )  # the field's image begins at -2.5, what lies before it ends at -4.5
    _, on_grid = DisplacementField.inverted(field, grid)
    assert (on_grid > 0.5).any()
    assert (on_grid[4:, 4:, 4:] < 1e-3).all()


def test_halved_steps_reach_where_plain_ones_do_not():
    """A stretch by 2.5 has a displacement of slope 1.5: plain iteration runs away."""
    stretch = Affine(np.diag([2.5, 2.5, 2.5]))
    grid = VolumeGeometry.centered((21, 21, 21), (4.0, 4.0, 4.0))
    field = DisplacementField.sampled(stretch, grid, np.float64)
    points = np.random.default_rng(0).uniform(-20, 20, (30, 3))
    found, residual = field.inverse().solve(points)
    assert residual.max() < 1e-3
    np.testing.assert_allclose(found, points / 2.5, atol=1e-3)


def test_chains_are_inverted_link_by_link():
    pairs = some.all_pairs(3)
    field = DisplacementField(0.3 * pairs["field"][0].array, pairs["field"][0].geometry)
    chain = pairs["euler"][0] @ field
    points = some.points_around(field.geometry, margin=-2.0)
    np.testing.assert_allclose(chain.inverse().map(chain.map(points)), points, atol=1e-3)


def swirl(grid):
    """A smooth velocity that fades towards the edges of a grid around the isocentre, as a function and on the grid."""

    def velocity(points):
        x, y, z = np.moveaxis(points, -1, 0)
        fade = np.exp(-(x**2 + y**2 + 2 * z**2) / 60)
        return fade[..., None] * np.stack([-0.8 * y + 1, 0.8 * x, 0.5 * z + 0.3 * x], axis=-1)

    return velocity, VelocityField(velocity(grid.voxel_points()), grid)


def flow_error(spacing, sign):
    """The largest error in mm of a flow, against an integration of its differential equation."""
    n = round(30 / spacing)
    velocity, field = swirl(VolumeGeometry.centered((n * 3 // 4, n, n), (spacing,) * 3))
    starts = np.random.default_rng(0).uniform(-5, 5, (40, 3))
    flow = solve_ivp(lambda _, p: sign * velocity(p.reshape(-1, 3)).ravel(), (0, 1), starts.ravel(), rtol=1e-9)
    ends = flow.y[:, -1].reshape(-1, 3)
    assert np.abs(ends - starts).max() > 2
    return np.abs((field if sign > 0 else field.inverse()).map(starts) - ends).max()


@pytest.mark.parametrize("sign", [1, -1])
def test_the_exponential_of_a_velocity_is_its_flow(sign):
    coarse, fine = flow_error(1.0, sign), flow_error(0.5, sign)
    assert fine < 0.05
    assert coarse / fine > 2.7  # second order in the spacing, times one squaring more


def test_a_flow_and_its_inverse_undo_each_other():
    grid = VolumeGeometry.centered((45, 61, 61), (0.5, 0.5, 0.5))
    _, field = swirl(grid)
    points = np.random.default_rng(0).uniform(-5, 5, (500, 3))
    both = field.inverse() @ field
    assert np.abs(both.map(points) - points).max() < 0.03
    assert jacobian_determinant(field, grid).array.min() > 0


@given(seed=seeds)
@quick
def test_the_jacobian_of_a_linear_map_is_its_determinant(seed):
    grid = some.askew((3, 4, 1 + seed % 3), seed, mirrored=bool(seed % 2))
    for ours, _ in some.linear_pairs(seed).values():
        found = jacobian_determinant(ours, grid)
        assert found.geometry is grid
        np.testing.assert_allclose(found.array, np.linalg.det(ours.matrix), rtol=1e-5)


def test_the_jacobian_of_a_field_is_simpleitk_s(monkeypatch):
    grid = VolumeGeometry((8, 9, 10), (1.1, 0.8, 2.0), (3.0, 4.0, 5.0))  # SimpleITK's takes no notice of directions
    field, _ = some.field_pair(grid)
    theirs = sitk.GetArrayFromImage(sitk.DisplacementFieldJacobianDeterminant(some.image_of(field.array, grid)))
    inner = (slice(1, -1),) * 3
    monkeypatch.setattr(displacement, "SLAB_VOXELS", 200)
    ours = jacobian_determinant(field, grid).array
    np.testing.assert_allclose(ours[inner], theirs[inner], atol=1e-5)


@pytest.mark.parametrize("mirrored", [False, True])
def test_the_jacobian_does_not_depend_on_how_the_patient_lies(mirrored):
    """The same field seen in turned (and mirrored) coordinates."""
    straight = VolumeGeometry((6, 7, 8), (1.1, 0.8, 2.0))
    turned = some.askew((6, 7, 8), origin=(0.0, 0.0, 0.0), mirrored=mirrored)
    vectors = some.smooth_vectors(straight, 0.7)
    there = jacobian_determinant(DisplacementField(vectors, straight), straight)
    here = jacobian_determinant(DisplacementField(vectors @ np.asarray(turned.direction).T, turned), turned)
    np.testing.assert_allclose(here.array, there.array, atol=1e-5)


def test_a_fold_has_a_negative_jacobian():
    grid = VolumeGeometry.centered((5, 5, 9))
    vectors = np.zeros((*grid.shape, 3))
    vectors[..., 0] = -1.5 * grid.voxel_points()[..., 0]
    np.testing.assert_allclose(jacobian_determinant(DisplacementField(vectors, grid), grid).array, -0.5, atol=1e-6)


def test_a_sampled_transform_is_the_transform_at_its_points(monkeypatch):
    grid = some.askew()
    free_form, _ = some.bspline_pair(grid)
    monkeypatch.setattr(displacement, "SLAB_VOXELS", 100)
    field = DisplacementField.sampled(free_form, grid)
    points = grid.voxel_points()
    assert field.array.dtype == np.float32
    np.testing.assert_allclose(field.map(points), free_form.map(points), atol=1e-5)


def test_a_rotation_matrix_becomes_a_rigid_transform():
    rigid = some.linear_pairs()["euler"][0]
    again = Rigid.from_matrix(rigid.matrix, rigid.translation, rigid.center)
    np.testing.assert_allclose(again.affine, rigid.affine, atol=1e-12)


FAULTS = {
    "points": (lambda: Translation((0, 0, 0)).map(np.zeros((4, 2))), r"three coordinates.*\(4, 2\)"),
    "short": (lambda: Translation((0, 0)), "translation of a transform is wrong"),
    "nan": (lambda: Affine(np.eye(3), (0, np.nan, 0)), "translation of a transform is wrong"),
    "singular": (lambda: Affine(np.diag([1, 1, 0])), "cannot be inverted"),
    "versor": (lambda: Rigid((1, 1, 0), (0, 0, 0)), "versor is at most 1 long"),
    "scale": (lambda: Similarity((0, 0, 0), (0, 0, 0), -1.0), "scale of a similarity must be positive"),
    "rigid scale": (lambda: Rigid((0, 0, 0), (0, 0, 0), 2.0), "does not scale"),
    "no rotation": (lambda: Rigid.from_matrix(np.diag([1, 1, -1])), "no rotation"),
    "last row": (lambda: Affine.from_affine(np.full((4, 4), 1.0)), "last row"),
    "lattice": (lambda: BSpline(np.zeros((3, 4, 4, 3)), VolumeGeometry((3, 4, 4))), "4 points along each axis"),
    "mesh": (lambda: BSpline.over(VolumeGeometry((4, 4, 4)), (1, 0, 1)), "mesh needs"),
    "field": (lambda: DisplacementField(np.zeros((2, 2, 2)), VolumeGeometry((2, 2, 2))), "do not fit their grid"),
    "undefined": (
        lambda: DisplacementField(np.full((2, 2, 2, 3), np.nan), VolumeGeometry((2, 2, 2))),
        "not finite: got 8 of 8",
    ),
    "nothing": (lambda: Chain(()), "needs a link"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_cannot_be_is_refused(fault):
    make, words = FAULTS[fault]
    with pytest.raises(InputError, match=words):
        make()
