"""The laws of linear operators, and the list of all operators that must keep them (its second part is `laws_mr`).

Shapes are asserted first: a dot product of flattened arrays does not see a wrong one. Data is signed random noise
that fills the volume and the detector to their edges, since a zero border hides missing edge cells. Sums are taken
in float64.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from scanmill.data.transforms import Affine, DisplacementField, Transform, Translation, displacement
from scanmill.geometry import ScanGeometry, VolumeGeometry
from scanmill.operators.backprojection import BackprojectionOp
from scanmill.operators.difference import GradientOp
from scanmill.operators.linear import LinearOperator
from scanmill.operators.projection import ProjectionOp
from scanmill.operators.projection_memory import predict_bytes
from scanmill.operators.resampling import ResamplingOp
from scanmill.operators.roll import RollOp
from scanmill.operators.second_order import FirstPartOp, SecondOrderOp, SumOp
from scanmill.operators.shearlet import ShearletOp
from scanmill.operators.split_projection import SplitProjectionOp
from scanmill.operators.stack import IdentityOp, StackOp
from scanmill.operators.wavelet import WaveletOp

TOLERANCE = {"float32": 1e-5, "float64": 1e-12, "complex64": 1e-5, "complex128": 1e-12}


def noise(shape, dtype, seed=0):
    """Signed (complex) random numbers."""
    rng = np.random.default_rng(seed)
    values = rng.standard_normal(shape)
    if np.issubdtype(dtype, np.complexfloating):
        values = values + 1j * rng.standard_normal(shape)
    return values.astype(dtype)


def inner(a, b):
    """⟨a, b⟩ in double precision, conjugate in the first place."""
    wide = np.result_type(a.dtype, b.dtype, np.float64)
    return np.vdot(a.astype(wide).ravel(), b.astype(wide).ravel())


def norm(a):
    """The Euclidean norm in double precision."""
    return np.sqrt(inner(a, a).real)


def assert_shapes(op: LinearOperator) -> None:
    """Both ways give the promised shape and type, and refuse another shape."""
    y = op(noise(op.in_shape, op.dtype))
    x = op.H(noise(op.out_shape, op.dtype))
    assert (y.shape, y.dtype) == (op.out_shape, op.dtype)
    assert (x.shape, x.dtype) == (op.in_shape, op.dtype)
    assert (op.H.in_shape, op.H.out_shape) == (op.out_shape, op.in_shape)


def assert_linear(op: LinearOperator) -> None:
    """A (a x + b z) = a A x + b A z, nothing of nothing, and the arguments are left alone."""
    assert_shapes(op)
    x, z = noise(op.in_shape, op.dtype, 1), noise(op.in_shape, op.dtype, 2)
    kept = x.copy()
    a, b = op.dtype.type(1.5), op.dtype.type(-0.75)
    mixed, parts = op(a * x + b * z), a * op(x) + b * op(z)
    assert norm(parts) > 0
    assert norm(mixed - parts) <= 10 * TOLERANCE[op.dtype.name] * norm(parts)
    assert not op(np.zeros_like(x)).any()
    np.testing.assert_array_equal(x, kept)


def assert_adjoint(op: LinearOperator) -> None:
    """|⟨Ax, y⟩ − ⟨x, Aᴴy⟩| <= tolerance · ‖Ax‖‖y‖, and each entry of Aᴴ is the entry of A, at random places.

    The second half sees what a sum over many random numbers drowns.
    """
    assert_shapes(op)
    tolerance = TOLERANCE[op.dtype.name]
    x, y = noise(op.in_shape, op.dtype, 3), noise(op.out_shape, op.dtype, 4)
    Ax, Ahy = op(x), op.H(y)
    assert norm(Ax) > 0
    assert abs(inner(Ax, y) - inner(x, Ahy)) <= tolerance * norm(Ax) * norm(y)
    positive, shadow = op(abs(x)), op.H(abs(y))
    assert abs(inner(positive, abs(y)) - inner(abs(x), shadow)) <= tolerance * norm(positive) * norm(y)
    assert_entries(op, tolerance)


def assert_entries(op: LinearOperator, tolerance: float, n: int = 6) -> None:
    """⟨e_i, A e_j⟩ = ⟨Aᴴ e_i, e_j⟩ for corners, ends and random j, over all i of a few random outputs."""
    rng = np.random.default_rng(5)
    size = int(np.prod(op.in_shape))
    chosen = [0, size - 1, *rng.integers(size, size=n - 2)]
    outputs = noise(op.out_shape, op.dtype, 6)
    back = op.H(outputs).ravel()
    for j in chosen:
        unit = np.zeros(size, op.dtype)
        unit[j] = 1
        column = op(unit.reshape(op.in_shape))
        scale = norm(column) * norm(outputs)
        assert abs(inner(column, outputs) - back[j]) <= tolerance * max(scale, np.finfo(op.dtype).tiny)


def assert_gram(op: LinearOperator) -> None:
    """op.gram is Aᴴ A: hermitian and not negative."""
    x, z = noise(op.in_shape, op.dtype, 7), noise(op.in_shape, op.dtype, 8)
    Gx, Gz = op.gram(x), op.gram(z)
    tolerance = TOLERANCE[op.dtype.name]
    assert Gx.shape == op.in_shape
    np.testing.assert_allclose(Gx, op.H(op(x)), rtol=0, atol=tolerance * abs(Gx).max())
    assert abs(inner(Gx, z) - inner(x, Gz)) <= tolerance * norm(Gx) * norm(z) * 10
    assert inner(x, Gx).real >= 0


# A grid with three different spacings, off the isocentre and turned by 20° around z.
TURN = np.deg2rad(20.0)
TURNED = ((np.cos(TURN), -np.sin(TURN), 0.0), (np.sin(TURN), np.cos(TURN), 0.0), (0.0, 0.0, 1.0))
GRID = VolumeGeometry((3, 13, 17), (1.0, 1.2, 2.0), (-9.0, -8.0, -2.0), TURNED)
TALL = VolumeGeometry((18, 9, 11), (1.0, 1.2, 2.0), (-6.0, -5.0, -17.0), TURNED)
ANGLES = np.linspace(0.05, 2 * np.pi, 9, endpoint=False)
FOCUS = {"source_to_isocenter": 60.0, "source_to_detector": 110.0}


def parallel(grid: VolumeGeometry, pitch: float, n_columns: int = 15) -> ScanGeometry:
    """Parallel rays over all slices of ``grid``; 15 columns of 1 mm cut the object off."""
    return ScanGeometry.parallel(ANGLES, n_columns, pitch, n_rows=grid.shape[0], row_spacing=2.0, axis_column=6.3)


def fan(grid: VolumeGeometry, pitch: float, n_columns: int = 15) -> ScanGeometry:
    """A stack of fans; ``pitch`` is at the isocentre."""
    pitch *= FOCUS["source_to_detector"] / FOCUS["source_to_isocenter"]
    return ScanGeometry.fan(ANGLES, n_columns, pitch, n_rows=grid.shape[0], row_spacing=2.0, axis_column=6.3, **FOCUS)


def cone(pitch: float, n_columns: int = 15, n_rows: int = 7, row_spacing: float | None = None) -> ScanGeometry:
    """A cone beam whose pixels are ``pitch`` mm (and ``row_spacing`` mm) at the isocentre; it cuts the object off."""
    size = FOCUS["source_to_detector"] / FOCUS["source_to_isocenter"]
    row_spacing = pitch if row_spacing is None else row_spacing
    return ScanGeometry.cone(
        ANGLES, n_columns, pitch * size, n_rows=n_rows, row_spacing=row_spacing * size, axis_column=6.3, **FOCUS
    )


def tilted(scan: ScanGeometry) -> ScanGeometry:
    """The same scan with its detector (and parallel rays) turned a little about two axes, another way in each view."""
    fields = scan.to_dict()
    for i in range(scan.n_views):
        a, b = 0.1 * np.sin(i + 1.0), 0.15 * np.cos(2.0 * i)
        x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
        y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
        for name in ("column_step", "row_step"):
            fields[name][i] = (x @ y @ np.array(fields[name][i])).tolist()
        if scan.beam == "parallel":
            along = np.array(fields["detector"][i]) - np.array(fields["source"][i])
            fields["source"][i] = (np.array(fields["detector"][i]) - x @ y @ along).tolist()
    return ScanGeometry.from_dict(fields)


def helix() -> ScanGeometry:
    """Two turns of a helix whose rows count downwards."""
    fields = cone(1.0, n_rows=6).to_dict()
    for name in ("source", "detector"):
        fields[name] = (np.array(fields[name]) + np.outer(np.linspace(-4, 4, len(ANGLES)), [0, 0, 1])).tolist()
    fields["row_step"] = (-np.array(fields["row_step"])).tolist()
    return ScanGeometry.from_dict(fields)


def arc(beam: str, pitch: float, row_spacing: float = 2.0, n_columns: int = 15) -> ScanGeometry:
    """The fan or the cone above with a cylindrical detector; fans have their rows in the slices of `GRID`."""
    size = FOCUS["source_to_detector"] / FOCUS["source_to_isocenter"]
    make, n_rows = (ScanGeometry.fan, 3) if beam == "fan" else (ScanGeometry.cone, 7)
    rows = {"n_rows": n_rows, "row_spacing": row_spacing * (1 if beam == "fan" else size)}
    return make(ANGLES, n_columns, pitch * size, axis_column=6.3, detector_shape="cylindrical", **rows, **FOCUS)


def spiral(shape: str = "cylindrical") -> ScanGeometry:
    """A helix whose focal spot flies to three places and whose first and last views pass the grid by."""
    size = FOCUS["source_to_detector"] / FOCUS["source_to_isocenter"]
    z = np.array([-40.0, -4.0, -3.0, -2.0, 0.0, 1.0, 2.0, 4.0, 40.0])
    scan = ScanGeometry.helical(ANGLES, z, 15, size, n_rows=6, row_spacing=size, detector_shape=shape, **FOCUS)
    return scan.with_focal_spot(angular=np.tile([0.0, 0.02, -0.02], 3), axial=np.tile([0.4, 0.0, -0.4], 3), radial=3.0)


def leaning(scan: ScanGeometry) -> ScanGeometry:
    """The same scan with everything turned a little out of the slices."""
    c, s = np.cos(0.1), np.sin(0.1)
    turn = np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    return replace(scan, **{name: pose @ turn.T for name, pose in scan.poses.items()})


def _projections() -> dict[str, Callable[..., LinearOperator]]:
    ops: dict[str, Callable[..., LinearOperator]] = {}
    for pitch in (0.5, 1.0, 2.0):
        for ownership in ("slices", "columns", "rays"):
            ops[f"parallel {pitch} {ownership}"] = lambda dtype, p=pitch, o=ownership: ProjectionOp(
                GRID, parallel(GRID, p), dtype=dtype, ownership=o
            )
            ops[f"fan {pitch} {ownership}"] = lambda dtype, p=pitch, o=ownership: ProjectionOp(
                GRID, fan(GRID, p), dtype=dtype, ownership=o
            )
        for ownership in ("columns", "rays"):
            ops[f"cone {pitch} {ownership}"] = lambda dtype, p=pitch, o=ownership: ProjectionOp(
                GRID, cone(p), dtype=dtype, ownership=o
            )
    return ops | _arcs()


def _arcs() -> dict[str, Callable[..., LinearOperator]]:
    ways = [("fan", ("slices", "columns", "rays")), ("cone", ("columns", "rays"))]
    ops: dict[str, Callable[..., LinearOperator]] = {
        f"{beam} to an arc, {pitch} {ownership}": lambda dtype, b=beam, p=pitch, o=ownership: ProjectionOp(
            GRID, arc(b, p), dtype=dtype, ownership=o
        )
        for beam, ownerships in ways
        for pitch in (0.5, 2.0)
        for ownership in ownerships
    }
    for shape in ("flat", "cylindrical"):
        for ownership in ("columns", "rays"):
            ops[f"spiral, {shape} {ownership}"] = lambda dtype, s=shape, o=ownership: ProjectionOp(
                GRID, spiral(s), dtype=dtype, ownership=o
            )
    return ops | {
        "cone to an arc, leaning": lambda dtype: ProjectionOp(GRID, leaning(arc("cone", 1.0)), dtype=dtype),
        "cone to an arc, one slice": lambda dtype: ProjectionOp(
            VolumeGeometry.centered((1, 13, 17), (1.0, 1.2, 0.7)), arc("cone", 1.0), dtype=dtype
        ),
        "fan to an arc, some views": lambda dtype: ProjectionOp(GRID, arc("fan", 1.0), dtype=dtype).subset([5, 0, 3]),
        "spiral, every second view": lambda dtype: ProjectionOp(GRID, spiral(), dtype=dtype).subset(slice(1, None, 2)),
    }


def wide(grid: VolumeGeometry) -> VolumeGeometry:
    """The grid with slices as thick as its rows are wide, for taps of every number along z."""
    return VolumeGeometry(grid.shape, (1.0, 1.2, 1.0), grid.origin, grid.direction)


def in_parts(grid: VolumeGeometry, scan: ScanGeometry, dtype: type) -> SplitProjectionOp:
    """The projection in parts of about a third of what the whole needs."""
    op = SplitProjectionOp(grid, scan, budget_bytes=predict_bytes(grid, scan, dtype=dtype) * 2 // 5, dtype=dtype)
    assert op.n_slabs * op.n_chunks > 1
    return op


BENT = VolumeGeometry((4, 9, 8), (1.3, 1.1, 1.9), (-5.0, -6.0, -3.0))
"""A grid that reaches beyond `GRID` on all sides but one."""


def bend() -> Transform:
    """A field that varies within a voxel, after a shear."""
    vectors = noise((*BENT.shape, 3), np.float64, 9)
    shear = np.eye(3) + 0.1 * noise((3, 3), np.float64, 10)
    return Affine(shear, (0.3, -0.2, 0.1)) @ DisplacementField(vectors, BENT)


def resampled(moving: VolumeGeometry, fixed: VolumeGeometry, transform: Transform | None, dtype: type) -> ResamplingOp:
    """With places in slabs of few planes, where the transform is not linear."""
    kept, displacement.SLAB_VOXELS = displacement.SLAB_VOXELS, 150
    try:
        return ResamplingOp(moving, fixed, transform, dtype=dtype)
    finally:
        displacement.SLAB_VOXELS = kept


OPERATORS: dict[str, Callable[..., LinearOperator]] = {
    **_projections(),
    "resampled": lambda dtype: resampled(GRID, BENT, None, dtype),
    "resampled, shifted": lambda dtype: resampled(BENT, GRID, Translation((1.4, -2.2, 0.7)), dtype),
    "resampled, bent": lambda dtype: resampled(GRID, BENT, bend(), dtype),
    "resampled, a slice": lambda dtype: resampled(
        VolumeGeometry((1, 9, 8)), VolumeGeometry((2, 7, 9), (1.0, 1.0, 0.4)), Translation((0.3, 0.6, 0.0)), dtype
    ),
    "in parts, parallel": lambda dtype: in_parts(TALL, parallel(TALL, 1.0), dtype),
    "in parts, fan": lambda dtype: in_parts(TALL, fan(TALL, 1.0), dtype),
    "in parts, cone": lambda dtype: in_parts(TALL, cone(1.0), dtype),
    "in parts, tilted cone": lambda dtype: in_parts(TALL, tilted(cone(1.0)), dtype),
    "in parts, spiral": lambda dtype: in_parts(TALL, spiral(), dtype),
    "in parts, some views": lambda dtype: in_parts(TALL, spiral(), dtype).subset([5, 0, 3]),
    "parallel, many slices": lambda dtype: ProjectionOp(TALL, parallel(TALL, 1.0), dtype=dtype),
    "fan, many slices": lambda dtype: ProjectionOp(TALL, fan(TALL, 1.0), dtype=dtype),
    "parallel, uncut": lambda dtype: ProjectionOp(GRID, parallel(GRID, 1.0, 31), dtype=dtype),
    "parallel, tilted": lambda dtype: ProjectionOp(GRID, tilted(parallel(GRID, 1.0)), dtype=dtype),
    "cone, two and three rows": lambda dtype: ProjectionOp(wide(GRID), cone(1.0, row_spacing=0.9), dtype=dtype),
    "cone, four rows": lambda dtype: ProjectionOp(wide(GRID), cone(1.0, row_spacing=0.6), dtype=dtype),
    "cone, coarse rows": lambda dtype: ProjectionOp(wide(GRID), cone(1.0, row_spacing=2.5), dtype=dtype),
    "cone, tilted": lambda dtype: ProjectionOp(GRID, tilted(cone(1.0)), dtype=dtype),
    "cone, steep": lambda dtype: ProjectionOp(
        VolumeGeometry.centered((9, 6, 7), (1.0, 1.0, 0.2)), cone(1.0, row_spacing=6.0), dtype=dtype
    ),
    "helix, rows downwards": lambda dtype: ProjectionOp(GRID, helix(), dtype=dtype),
    "cone, every second view": lambda dtype: ProjectionOp(GRID, cone(1.0), dtype=dtype).subset(slice(1, None, 2)),
    "fan, some views": lambda dtype: ProjectionOp(GRID, fan(GRID, 1.0), dtype=dtype).subset([5, 0, 3]),
    "backprojection, parallel": lambda dtype: BackprojectionOp(GRID, parallel(GRID, 1.0), dtype=dtype),
    "backprojection, fan": lambda dtype: BackprojectionOp(GRID, fan(GRID, 1.0), dtype=dtype),
    "backprojection, cone": lambda dtype: BackprojectionOp(GRID, cone(1.0), dtype=dtype),
    "backprojection, tilted cone": lambda dtype: BackprojectionOp(GRID, tilted(cone(1.0)), dtype=dtype),
    "backprojection, fan to an arc": lambda dtype: BackprojectionOp(GRID, arc("fan", 1.0), dtype=dtype),
    "backprojection, cone to an arc": lambda dtype: BackprojectionOp(GRID, arc("cone", 1.0), dtype=dtype),
    "gradient": lambda dtype: GradientOp((3, 7, 5), spacing=(1.0, 2.0, 0.5), dtype=dtype),
    "gradient of a slice": lambda dtype: GradientOp((1, 7, 5), dtype=dtype),
    "gradient along chosen axes": lambda dtype: GradientOp((2, 3, 7, 5), axes=(-1, 1), dtype=dtype),
    "second-order differences": lambda dtype: SecondOrderOp((2, 4, 7, 5), (-3, -2, -1), dtype=dtype),
    "second-order differences of a slice": lambda dtype: SecondOrderOp((2, 7, 5), (-2, -1), dtype=dtype),
    "first part": lambda dtype: FirstPartOp((3, 4, 5), dtype=dtype),
    "sum of parts": lambda dtype: SumOp((3, 4, 5), dtype=dtype),
    "rolled": lambda dtype: RollOp((3, 7, 5), {-1: 2, 0: -1}, dtype=dtype),
    "adjoint of a gradient": lambda dtype: GradientOp((3, 7, 5), dtype=dtype).H,
    "shearlets": lambda dtype: ShearletOp((2, 20, 15), (4, 8), dtype=dtype),
    "wavelet, haar": lambda dtype: WaveletOp((3, 7, 5), "haar", dtype=dtype),
    "wavelet, odd sizes": lambda dtype: WaveletOp((5, 17, 14), "db2", dtype=dtype),
    "wavelet of a slice": lambda dtype: WaveletOp((1, 31, 16), "db4", n_levels=2, dtype=dtype),
    "stack of channels": lambda dtype: StackOp(
        [GradientOp((1, 4, 5), dtype=dtype), 2 * GradientOp((1, 4, 5), dtype=dtype)]
    ),
    "identity": lambda dtype: IdentityOp((2, 3), dtype=dtype),
    "scaled sum and composition": lambda dtype: (
        2.5
        * (ProjectionOp(GRID, fan(GRID, 1.0), dtype=dtype) + ProjectionOp(GRID, parallel(GRID, 1.0), dtype=dtype))
        @ GradientOp(GRID.shape, dtype=dtype).H
    ),
}
"""Every operator on real arrays, by name: ``OPERATORS[name](dtype)``; those on complex ones are in `laws_mr`."""
