"""Each pixel votes with its gradient's length for the directions of a histogram: one histogram for each cell.

``image`` is (y, x) or (z, y, x), and a gradient is x[i+1] − x[i−1] along every axis, 0 on its first and last plane.
``votes`` (*cells, bin) holds zeros at first; the cells stand side by side from the image's first pixel on and have
``cell`` pixels along each axis. An owner fills ``run`` cells, each pixel by pixel in the order of memory.
"""

from __future__ import annotations

import math
from typing import Any

from scanmill.kernels.launch import Kernel, compiled, driver, prange


@compiled
def step_at(i: int, n: int) -> int:
    """How far the two neighbours are whose difference counts: 1, but 0 on the first and last of ``n``."""
    return 1 if 0 < i < n - 1 else 0


@compiled
def vote_for_sectors(at: int, image: Any, ends: Any, cell: int, votes: Any) -> None:
    """One cell of a plane; the loop over the ends stands here because it takes half the time that a call would."""
    cy, cx = at // votes.shape[1], at % votes.shape[1]
    for y in range(cy * cell, cy * cell + cell):
        step_y = step_at(y, image.shape[0])
        above, row, below = image[y - step_y], image[y], image[y + step_y]
        for x in range(cx * cell, cx * cell + cell):
            step = step_at(x, image.shape[1])
            dy, dx = below[x] - above[x], row[x + step] - row[x - step]
            length, sector = math.sqrt(dx * dx + dy * dy), 0
            if dy < 0:
                dy, dx = -dy, -dx
            for k in range(ends.shape[1]):
                sector += 1 if ends[0, k] * dy >= ends[1, k] * dx else 0
            votes[cy, cx, sector if sector < ends.shape[1] else 0] += length


@compiled
def plane(owner: int, image: Any, ends: Any, cell: int, run: int, votes: Any) -> None:
    """A run of cells of an image (y, x): each gradient votes for the sector of 180° in which it or its opposite lies.

    ``ends`` (2, sector) holds cosine and sine of the angle at which each sector ends, and the next one begins; the
    last end is 0° again.
    """
    n_cells = votes.shape[0] * votes.shape[1]
    for at in range(owner * run, min(owner * run + run, n_cells)):
        vote_for_sectors(at, image, ends, cell, votes)


@driver
def _planes(n: int, image: Any, ends: Any, cell: int, run: int, votes: Any) -> None:
    for owner in prange(n):
        plane(owner, image, ends, cell, run, votes)


@compiled
def share_among(dz: Any, dy: Any, dx: Any, faces: Any, signed: int, mine: Any) -> None:
    """Add a gradient's votes, as a vector as long as the gradient, to the histogram ``mine``."""
    nothing = faces.dtype.type(0)
    length, total = math.sqrt(dz * dz + dy * dy + dx * dx), nothing
    for k in range(faces.shape[1]):
        along = faces[0, k] * dz + faces[1, k] * dy + faces[2, k] * dx
        vote = max((along if signed else abs(along)) - length, nothing)
        total += vote * vote
    if total == 0:
        return
    scale = length / math.sqrt(total)
    for k in range(faces.shape[1]):
        along = faces[0, k] * dz + faces[1, k] * dy + faces[2, k] * dx
        mine[k] += scale * max((along if signed else abs(along)) - length, nothing)


@compiled
def vote_for_faces(at: int, image: Any, faces: Any, signed: int, cell: int, votes: Any) -> None:
    """One cell of a volume."""
    (nz, ny, nx), (_, n_down, n_across, _) = image.shape, votes.shape
    cz, cy, cx = at // (n_down * n_across), at // n_across % n_down, at % n_across
    for z in range(cz * cell, cz * cell + cell):
        step_z = step_at(z, nz)
        for y in range(cy * cell, cy * cell + cell):
            step_y = step_at(y, ny)
            before, behind, row = image[z - step_z, y], image[z + step_z, y], image[z, y]
            above, below = image[z, y - step_y], image[z, y + step_y]
            for x in range(cx * cell, cx * cell + cell):
                step = step_at(x, nx)
                dz, dy, dx = behind[x] - before[x], below[x] - above[x], row[x + step] - row[x - step]
                share_among(dz, dy, dx, faces, signed, votes[cz, cy, cx])


@compiled
def space(owner: int, image: Any, faces: Any, signed: int, cell: int, run: int, votes: Any) -> None:
    """A run of cells of a volume (z, y, x): each gradient votes for the faces that it comes near.

    ``faces`` (zyx, bin) are normals, so long that a face gets by how much the projection onto its normal exceeds the
    gradient; not ``signed`` takes the opposite face as the same. A gradient's votes together are a vector as long as
    it is.
    """
    n_cells = votes.shape[0] * votes.shape[1] * votes.shape[2]
    for at in range(owner * run, min(owner * run + run, n_cells)):
        vote_for_faces(at, image, faces, signed, cell, votes)


@driver
def _spaces(n: int, image: Any, faces: Any, signed: int, cell: int, run: int, votes: Any) -> None:
    for owner in prange(n):
        space(owner, image, faces, signed, cell, run, votes)


PLANE, SPACE = Kernel("gradient_votes.plane", plane, _planes), Kernel("gradient_votes.space", space, _spaces)
