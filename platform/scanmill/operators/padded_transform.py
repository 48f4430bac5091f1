"""Convolution on a padded grid without the transforms of lines that hold only zeros or are not asked for.

Along z the image's own lines are transformed, then every plane by itself along y (only the columns of the image) and
along x. So a line is worked on where it lies in the cache, and in 3D the padded grid is never there as a whole. Along
an axis in which the spectrum has length 1 it is constant, and nothing is transformed. Scaling is left to the spectrum.
"""

from __future__ import annotations

from scanmill.arrays import HostArray
from scanmill.operators.fourier import transform_in_place
from scanmill.operators.lender import Lender

CHUNK_BYTES = 2**18
"""How much is transformed at once: what stays in a core's second cache, with its spectrum."""


def convolve_plane(grid: HostArray, spectrum: HostArray, ny: int, nx: int) -> None:
    """Convolve in place the image that lies in ``grid[:ny, :nx]`` (Y, X); the rest of the grid is scratch.

    ``spectrum`` is (Y or 1, X or 1).
    """
    columns, is_along_y = grid[:, :nx], len(spectrum) > 1
    if is_along_y:
        columns[ny:] = 0
        transform_in_place(columns, 0)
    step = max(CHUNK_BYTES // grid[0].nbytes, 1)
    for start in range(0, len(grid), step):
        chunk = slice(start, start + step)
        _convolve_rows(grid[chunk], spectrum[chunk] if is_along_y else spectrum, nx)
    if is_along_y:
        transform_in_place(columns, 0, is_inverse=True)


def _convolve_rows(rows: HostArray, spectrum: HostArray, nx: int) -> None:
    is_along_x = spectrum.shape[1] > 1
    if is_along_x:
        rows[:, nx:] = 0
        transform_in_place(rows, 1)
    rows *= spectrum
    if is_along_x:
        transform_in_place(rows, 1, is_inverse=True)


def convolve_volume(volume: HostArray, spectrum: HostArray, nz: int, grids: Lender[HostArray]) -> None:
    """Convolve in place the image that lies in ``volume[:nz]`` (Z, y, x), on all cores; ``grids`` lends planes (Y, X).

    ``spectrum`` is (Z or 1, Y or 1, X or 1).
    """
    from scanmill.kernels.pieces import share_out

    _, ny, nx = volume.shape
    step = max(CHUNK_BYTES // volume[:, 0].nbytes, 1)
    n_chunks = -(-ny // step) if len(spectrum) > 1 else 0

    def along_z(chunk: int, is_inverse: bool = False) -> None:
        lines = volume[:, chunk * step : (chunk + 1) * step]
        if not is_inverse:
            lines[nz:] = 0
        transform_in_place(lines, 0, is_inverse=is_inverse)

    def plane(k: int) -> None:
        with grids.lease() as grid:
            grid[:ny, :nx] = volume[k]
            convolve_plane(grid, spectrum[k if len(spectrum) > 1 else 0], ny, nx)
            volume[k] = grid[:ny, :nx]

    share_out(along_z, n_chunks)
    share_out(plane, len(volume))
    share_out(lambda chunk: along_z(chunk, is_inverse=True), n_chunks)
