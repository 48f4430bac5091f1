"""What moves a voxel: the normal equations of a Gauss-Newton step, from a residual and a gradient at every voxel.

Equations (9, z, y, x) are b = w r g as (x, y, z), then w g g' as xx, xy, xz, yy, yz, zz, in voxels: the step d that
solves (w g g') d = b takes the residual r away. The gradient g is half the moving image's and half the fixed one's, the
symmetric forces of Vercauteren et al. (NeuroImage 45 (2009) S61); it counts only where all neighbours lie inside.
Every run adds its similarity, its weight and its trace to a row of ``sums``.
"""

from __future__ import annotations

from typing import Any

from scanmill.kernels.launch import Kernel, compiled, driver, prange


@compiled
def run_of(owner: int, run: int, shape: Any) -> tuple[int, int, int, int]:
    """The plane, the row, the first voxel and the end of an owner's run."""
    ny, nx = shape[-2], shape[-1]
    n_runs = (nx + run - 1) // run
    first, rest = owner % n_runs * run, owner // n_runs
    return rest // ny, rest % ny, first, min(first + run, nx)


@compiled
def halved(at: int, n: int, one: Any) -> Any:
    """``one`` over the distance of the two neighbours of an index, two or at the ends one."""
    return one / type(one)(2) if 0 < at < n - 1 else one


@compiled
def gradient(a: Any, b: Any, gain: Any, i: int, j: int, k: int) -> tuple[Any, Any, Any]:
    """Half the slopes of ``a`` and ``gain`` times half those of ``b``, along x, y and z."""
    nz, ny, nx = a.shape
    one = a.dtype.type(1)
    half = one / a.dtype.type(2)
    i0, i1 = max(i - 1, 0), min(i + 1, nx - 1)
    j0, j1 = max(j - 1, 0), min(j + 1, ny - 1)
    k0, k1 = max(k - 1, 0), min(k + 1, nz - 1)
    x = (a[k, j, i1] - a[k, j, i0] + gain * (b[k, j, i1] - b[k, j, i0])) * halved(i, nx, half)
    y = (a[k, j1, i] - a[k, j0, i] + gain * (b[k, j1, i] - b[k, j0, i])) * halved(j, ny, half)
    z = (a[k1, j, i] - a[k0, j, i] + gain * (b[k1, j, i] - b[k0, j, i])) * halved(k, nz, half)
    return x, y, z


@compiled
def around(inside: Any, i: int, j: int, k: int) -> Any:
    """1 where a voxel and its six neighbours lie inside, else 0."""
    nz, ny, nx = inside.shape
    along = inside[k, j, max(i - 1, 0)] * inside[k, j, i] * inside[k, j, min(i + 1, nx - 1)]
    across = inside[k, max(j - 1, 0), i] * inside[k, min(j + 1, ny - 1), i]
    return along * across * inside[max(k - 1, 0), j, i] * inside[min(k + 1, nz - 1), j, i]


@compiled
def write(weight: Any, residual: Any, x: Any, y: Any, z: Any, i: int, j: int, k: int, out: Any) -> Any:
    """The equations of one voxel, and their trace."""
    wx, wy, wz = weight * x, weight * y, weight * z
    out[0, k, j, i], out[1, k, j, i], out[2, k, j, i] = wx * residual, wy * residual, wz * residual
    out[3, k, j, i], out[4, k, j, i], out[5, k, j, i] = wx * x, wx * y, wx * z
    out[6, k, j, i], out[7, k, j, i], out[8, k, j, i] = wy * y, wy * z, wz * z
    return wx * x + wy * y + wz * z


@compiled
def correlation(
    owner: int,
    moments: Any,
    fixed: Any,
    moving: Any,
    inside: Any,
    weight: Any,
    floors: Any,
    signed: int,
    run: int,
    out: Any,
    sums: Any,
) -> None:
    """A run of the equations of the squared local correlation c^2 of two images with these window ``moments``.

    The residual is what the window's straight line from fixed to moving leaves, weighted by c^2 over the window's
    variance. A variance counts from its floor on, ``floors`` (2). If ``signed`` is 1, c < 0 counts nothing.
    """
    zero, one = moments.dtype.type(0), moments.dtype.type(1)
    k, j, first, end = run_of(owner, run, fixed.shape)
    value, total, traces = zero, zero, zero
    for i in range(first, end):
        share = one / max(moments[0, k, j, i], one)
        fixed_variance = max(moments[3, k, j, i] * share, zero) + floors[0]
        moving_variance = max(moments[4, k, j, i] * share, zero) + floors[1]
        covariance = moments[5, k, j, i] * share
        gain = covariance / fixed_variance
        similar = min(gain * covariance / moving_variance, one)
        if signed == 1 and covariance < zero:
            similar = zero
        residual = gain * (fixed[k, j, i] - moments[1, k, j, i]) - (moving[k, j, i] - moments[2, k, j, i])
        x, y, z = gradient(moving, fixed, gain, i, j, k)
        counts = weight[k, j, i] * inside[k, j, i]
        trust = weight[k, j, i] * around(inside, i, j, k) * similar / moving_variance
        traces += write(trust, residual, x, y, z, i, j, k, out)
        value += counts * similar
        total += counts
    sums[owner, 0], sums[owner, 1], sums[owner, 2] = value, total, traces


@driver
def _correlation(
    n: int,
    moments: Any,
    fixed: Any,
    moving: Any,
    inside: Any,
    weight: Any,
    floors: Any,
    signed: int,
    run: int,
    out: Any,
    sums: Any,
) -> None:
    for owner in prange(n):
        correlation(owner, moments, fixed, moving, inside, weight, floors, signed, run, out, sums)


@compiled
def difference(owner: int, fixed: Any, moving: Any, inside: Any, weight: Any, run: int, out: Any, sums: Any) -> None:
    """A run of the equations of the squared difference; its similarity is minus the square."""
    zero, one = fixed.dtype.type(0), fixed.dtype.type(1)
    k, j, first, end = run_of(owner, run, fixed.shape)
    value, total, traces = zero, zero, zero
    for i in range(first, end):
        residual = fixed[k, j, i] - moving[k, j, i]
        x, y, z = gradient(moving, fixed, one, i, j, k)
        traces += write(weight[k, j, i] * around(inside, i, j, k), residual, x, y, z, i, j, k, out)
        counts = weight[k, j, i] * inside[k, j, i]
        value -= counts * residual * residual
        total += counts
    sums[owner, 0], sums[owner, 1], sums[owner, 2] = value, total, traces


@driver
def _difference(n: int, fixed: Any, moving: Any, inside: Any, weight: Any, run: int, out: Any, sums: Any) -> None:
    for owner in prange(n):
        difference(owner, fixed, moving, inside, weight, run, out, sums)


@compiled
def solve(owner: int, equations: Any, damping: Any, run: int, out: Any, largest: Any) -> None:
    """A run of the steps d of (A + ``damping``) d = b, and the longest one of it, squared."""
    longest = equations.dtype.type(0)
    k, j, first, end = run_of(owner, run, out.shape)
    for i in range(first, end):
        bx, by, bz = equations[0, k, j, i], equations[1, k, j, i], equations[2, k, j, i]
        xx, xy, xz = equations[3, k, j, i] + damping, equations[4, k, j, i], equations[5, k, j, i]
        yy, yz, zz = equations[6, k, j, i] + damping, equations[7, k, j, i], equations[8, k, j, i] + damping
        cxx, cxy, cxz = yy * zz - yz * yz, xz * yz - xy * zz, xy * yz - xz * yy
        share = equations.dtype.type(1) / (xx * cxx + xy * cxy + xz * cxz)
        x = (cxx * bx + cxy * by + cxz * bz) * share
        y = (cxy * bx + (xx * zz - xz * xz) * by + (xy * xz - xx * yz) * bz) * share
        z = (cxz * bx + (xy * xz - xx * yz) * by + (xx * yy - xy * xy) * bz) * share
        out[0, k, j, i], out[1, k, j, i], out[2, k, j, i] = x, y, z
        longest = max(longest, x * x + y * y + z * z)
    largest[owner] = longest


@driver
def _solve(n: int, equations: Any, damping: Any, run: int, out: Any, largest: Any) -> None:
    for owner in prange(n):
        solve(owner, equations, damping, run, out, largest)


@compiled
def multiply(owner: int, equations: Any, field: Any, run: int, out: Any) -> None:
    """A run of A times a field (3, z, y, x)."""
    k, j, first, end = run_of(owner, run, out.shape)
    for i in range(first, end):
        x, y, z = field[0, k, j, i], field[1, k, j, i], field[2, k, j, i]
        xy, xz, yz = equations[4, k, j, i], equations[5, k, j, i], equations[7, k, j, i]
        out[0, k, j, i] = equations[3, k, j, i] * x + xy * y + xz * z
        out[1, k, j, i] = xy * x + equations[6, k, j, i] * y + yz * z
        out[2, k, j, i] = xz * x + yz * y + equations[8, k, j, i] * z


@driver
def _multiply(n: int, equations: Any, field: Any, run: int, out: Any) -> None:
    for owner in prange(n):
        multiply(owner, equations, field, run, out)


CORRELATION = Kernel("forces.correlation", correlation, _correlation)
DIFFERENCE = Kernel("forces.difference", difference, _difference)
SOLVE = Kernel("forces.solve", solve, _solve)
MULTIPLY = Kernel("forces.multiply", multiply, _multiply)
