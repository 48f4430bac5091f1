"""Line integrals ray by ray for any pose of source and detector, and the exact adjoint as a gather (Joseph's method).

Every element has one owner in both directions: a ray on the way forward, a voxel on the way back. This is the
natural form on a GPU, the way for tilted detectors, and the oracle of the faster kernels for the CPU.

Coordinates are indices (x, y, z) counted from the middle of the grid. A ray is e + t d with, at column u and row v,
e = e0 + u cu + v rv and d = d0 + q (u cu + v rv); q is 1 for a focal spot and 0 for parallel rays. ``frames``
(view, 1, 13) holds e0, cu, rv, d0 and q; ``maps`` (12, view) the inverse: the voxel x lies in column
(m0 x + m1 y + m2 z + m3) / D and row (m4 ... m7) / D with the depth D = m8 x + m9 y + m10 z + m11.

A cylindrical detector has frames for each of its columns, (view, column, 13) with cu = 0, and maps of the plane that
touches it in its middle. ``arcs`` (view, 5) leads from there to the cylinder, whose radius is 1: the focal spot stands
at (a0, a1) along and across from the arc's centre and in row a3, a column spans the angle a2, and a4 is 1 where rows
diverge. It is (view, 0) for a flat detector.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from scanmill.kernels.launch import Kernel, compiled, driver, prange


@compiled
def ray_at(frame: Any, u: Any, v: Any) -> Any:
    """A point e on the ray and its direction d, and the index of the driving axis: (ex, ey, ez, dx, dy, dz, axis)."""
    q = frame[12]
    sx, sy, sz = u * frame[3] + v * frame[6], u * frame[4] + v * frame[7], u * frame[5] + v * frame[8]
    dx, dy, dz = frame[9] + q * sx, frame[10] + q * sy, frame[11] + q * sz
    axis = 0 if abs(dx) >= abs(dy) else 1
    if abs(dz) > max(abs(dx), abs(dy)):
        axis = 2
    return frame[0] + sx, frame[1] + sy, frame[2] + sz, dx, dy, dz, axis


@compiled
def path_length(dx: Any, dy: Any, dz: Any, spacing: Any) -> Any:
    """The path in mm between two planes of the driving axis."""
    x, y, z = dx * spacing[0], dy * spacing[1], dz * spacing[2]
    return math.sqrt(x * x + y * y + z * z) / max(max(abs(dx), abs(dy)), abs(dz))


@compiled
def bilinear(voxels: Any, at: Any, a: Any, b: Any, shape: Any, strides: Any) -> Any:
    """The value at (a, b) in the plane of a flat volume that begins at ``at``; zero outside."""
    real = voxels.dtype.type
    one, zero = real(1), real(0)
    ja, jb = np.int64(math.floor(a)), np.int64(math.floor(b))
    wa, wb = a - real(ja), b - real(jb)
    low, high = zero, zero
    base = at + ja * strides[0] + jb * strides[1]
    if ja >= 0:
        if jb >= 0:
            low += voxels[base] * (one - wb)
        if jb + 1 < shape[1]:
            low += voxels[base + strides[1]] * wb
    if ja + 1 < shape[0]:
        if jb >= 0:
            high += voxels[base + strides[0]] * (one - wb)
        if jb + 1 < shape[1]:
            high += voxels[base + strides[0] + strides[1]] * wb
    return low * (one - wa) + high * wa


@compiled
def march(voxels: Any, planes: Any, a: Any, b: Any, shape: Any, strides: Any) -> Any:
    """The sum of interpolated values; ``planes`` = (number, stride), ``a`` and ``b`` = (start, slope)."""
    real = voxels.dtype.type
    total, outside = real(0), real(-1)
    end_a, end_b = real(shape[0]), real(shape[1])
    for p in range(planes[0]):
        pa, pb = a[0] + real(p) * a[1], b[0] + real(p) * b[1]
        if pa > outside and pa < end_a and pb > outside and pb < end_b:
            total += bilinear(voxels, np.int64(p) * planes[1], pa, pb, shape, strides)
    return total


@compiled
def project_ray(owner: int, volumes: Any, nz: int, ny: int, nx: int, frames: Any, spacing: Any, out: Any) -> None:
    """One element of ``out`` (batch, view, row, column); ``volumes`` is (batch, z y x)."""
    _, n_views, n_rows, n_columns = out.shape
    u, rest = owner % n_columns, owner // n_columns
    v, rest = rest % n_rows, rest // n_rows
    view, batch = rest % n_views, rest // n_views
    real = out.dtype.type
    half = real(0.5)
    ex, ey, ez, dx, dy, dz, axis = ray_at(frames[view, min(u, frames.shape[1] - 1)], real(u), real(v))
    hx, hy, hz = real(nx - 1) * half, real(ny - 1) * half, real(nz - 1) * half
    line_stride, plane_stride = np.int64(nx), np.int64(ny) * np.int64(nx)
    unit = np.int64(1)
    voxels = volumes[batch]
    if axis == 0:
        gy, gz = dy / dx, dz / dx
        y, z = (ey + hy - (ex + hx) * gy, gy), (ez + hz - (ex + hx) * gz, gz)
        total = march(voxels, (nx, unit), z, y, (nz, ny), (plane_stride, line_stride))
    elif axis == 1:
        gx, gz = dx / dy, dz / dy
        x, z = (ex + hx - (ey + hy) * gx, gx), (ez + hz - (ey + hy) * gz, gz)
        total = march(voxels, (ny, line_stride), z, x, (nz, nx), (plane_stride, unit))
    else:
        gx, gy = dx / dz, dy / dz
        x, y = (ex + hx - (ez + hz) * gx, gx), (ey + hy - (ez + hz) * gy, gy)
        total = march(voxels, (nz, plane_stride), y, x, (ny, nx), (line_stride, unit))
    out[batch, view, v, u] = total * path_length(dx, dy, dz, spacing)


@driver
def _project_rays(n: int, volumes: Any, nz: int, ny: int, nx: int, frames: Any, spacing: Any, out: Any) -> None:
    for owner in prange(n):
        project_ray(owner, volumes, nz, ny, nx, frames, spacing, out)


@compiled
def hat(distance: Any, one: Any) -> Any:
    """The weight of linear interpolation."""
    return max(one - abs(distance), one - one)


@compiled
def weight(frame: Any, u: Any, v: Any, x: Any, y: Any, z: Any, spacing: Any, one: Any) -> Any:
    """What the ray (u, v) takes from the voxel at (x, y, z)."""
    ex, ey, ez, dx, dy, dz, axis = ray_at(frame, u, v)
    if axis == 0:
        t = (x - ex) / dx
        w = hat(ey + t * dy - y, one) * hat(ez + t * dz - z, one)
    elif axis == 1:
        t = (y - ey) / dy
        w = hat(ex + t * dx - x, one) * hat(ez + t * dz - z, one)
    else:
        t = (z - ez) / dz
        w = hat(ex + t * dx - x, one) * hat(ey + t * dy - y, one)
    return w * path_length(dx, dy, dz, spacing)


@compiled
def shadow(maps: Any, view: int, row: int, x: Any, y: Any, z: Any) -> Any:
    """The middle and the half width on the detector of the rays that can touch a voxel; ``row`` is 0 for columns."""
    n0, n1, n2 = maps[row, view], maps[row + 1, view], maps[row + 2, view]
    d0, d1, d2 = maps[8, view], maps[9, view], maps[10, view]
    depth = d0 * x + d1 * y + d2 * z + maps[11, view]
    middle = (n0 * x + n1 * y + n2 * z + maps[row + 3, view]) / depth
    a, b, c = abs(n0 - middle * d0), abs(n1 - middle * d1), abs(n2 - middle * d2)
    nearest = depth - abs(d0) - abs(d1) - abs(d2)
    return middle, (a + b + c - min(min(a, b), c)) / nearest


@compiled
def onto_arc(arc: Any, p: Any, one: Any) -> Any:
    """Where the ray to ``p`` across the tangent plane meets the cylinder: the angle, and the part of the way there."""
    along, across = one - arc[0], p - arc[1]
    a, b = along * along + across * across, arc[0] * along + arc[1] * across
    part = (math.sqrt(b * b + a * (one - arc[0] * arc[0] - arc[1] * arc[1])) - b) / a
    return math.atan2(arc[1] + part * across, arc[0] + part * along), part


@compiled
def bent(arc: Any, u: Any, du: Any, v: Any, dv: Any, middle: Any, slack: Any, one: Any) -> Any:
    """A shadow on the tangent plane, bent onto the cylinder and widened by ``slack`` and by how much an arc sags."""
    step, row, two = arc[2], arc[3], one + one
    first, first_part = onto_arc(arc, (u - du - middle) * step, one)
    last, last_part = onto_arc(arc, (u + du - middle) * step, one)
    first_part, last_part = one + arc[4] * (first_part - one), one + arc[4] * (last_part - one)
    low, high = v - dv - row, v + dv - row
    v_first = min(min(low * first_part, low * last_part), min(high * first_part, high * last_part))
    v_last = max(max(low * first_part, low * last_part), max(high * first_part, high * last_part))
    sag = (two * du * step) ** 2 * (abs(v - row) + dv) * arc[4]
    u, du = (last + first) / (two * step) + middle, (last - first) / (two * step) + slack
    return u, du, row + (v_last + v_first) / two, (v_last - v_first) / two + sag + slack


@compiled
def gather_view(
    view: int, projection: Any, frames: Any, maps: Any, arcs: Any, spacing: Any, x: Any, y: Any, z: Any
) -> Any:
    """What one view, (row, column), gives to the voxel at (x, y, z)."""
    real = projection.dtype.type
    n_rows, n_columns = projection.shape
    u, du = shadow(maps, view, 0, x, y, z)
    v, dv = shadow(maps, view, 4, x, y, z)
    if arcs.shape[1] > 0:
        u, du, v, dv = bent(arcs[view], u, du, v, dv, real(n_columns - 1) * real(0.5), real(0.002), real(1))
    zero, last_frame = real(0), frames.shape[1] - 1
    u_first = np.int32(min(max(math.ceil(u - du), zero), real(n_columns)))
    u_last = np.int32(min(max(math.floor(u + du), real(-1)), real(n_columns - 1)))
    v_first = np.int32(min(max(math.ceil(v - dv), zero), real(n_rows)))
    v_last = np.int32(min(max(math.floor(v + dv), real(-1)), real(n_rows - 1)))
    total = zero
    for row in range(v_first, v_last + 1):
        for column in range(u_first, u_last + 1):
            frame = frames[view, min(column, last_frame)]
            w = weight(frame, real(column), real(row), x, y, z, spacing, real(1))
            total += w * projection[row, column]
    return total


@compiled
def backproject_voxel(
    owner: int, projections: Any, frames: Any, maps: Any, arcs: Any, spacing: Any, nz: int, ny: int, nx: int, out: Any
) -> None:
    """One element of ``out`` (batch, z y x); ``projections`` is (batch, view, row, column)."""
    real = out.dtype.type
    half = real(0.5)
    i, rest = owner % nx, owner // nx
    j, rest = rest % ny, rest // ny
    k, batch = rest % nz, rest // nz
    x, y, z = real(i) - real(nx - 1) * half, real(j) - real(ny - 1) * half, real(k) - real(nz - 1) * half
    total = real(0)
    for view in range(projections.shape[1]):
        total += gather_view(view, projections[batch, view], frames, maps, arcs, spacing, x, y, z)
    out[batch, (k * ny + j) * nx + i] = total


@driver
def _backproject_voxels(
    n: int, projections: Any, frames: Any, maps: Any, arcs: Any, spacing: Any, nz: int, ny: int, nx: int, out: Any
) -> None:
    for owner in prange(n):
        backproject_voxel(owner, projections, frames, maps, arcs, spacing, nz, ny, nx, out)


PROJECT = Kernel("rays.project", project_ray, _project_rays)
BACKPROJECT = Kernel("rays.backproject", backproject_voxel, _backproject_voxels)
