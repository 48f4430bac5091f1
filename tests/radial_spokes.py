"""29 measured spokes of mr_kspace_radial_head, whose gradients were late, and how well they foretell each other."""

from pathlib import Path

import numpy as np

from bart_tool import Bart
from scanmill.algorithms.reconstruction.mr import nlinv
from scanmill.operators.nufft import NufftOp
from scanmill.operators.toeplitz import ToeplitzOp

N_SPOKES, N_SAMPLES, MATRIX = 29, 384, 192
DELAYS = np.array([[-0.651670, -0.000881], [-0.000881, -0.614225]])
"""What the authors of the data used, in samples, axes in the order (x, y)."""
NONE = np.zeros((2, 2))
N_FOLDS = 7
GRID_OF_BART = (1, 194, 192)
"""What BART makes of these points: the delays push one axis beyond 192."""


def spokes(data_folder: Path) -> np.ndarray:
    """K-space (1, 16, 29, 384)."""
    k = np.fromfile(data_folder / "mr_kspace_radial_head" / "kMB1_top_SP29.cfl", np.complex64)
    return np.ascontiguousarray(k.reshape((N_SAMPLES, N_SPOKES, 16), order="F").transpose(2, 1, 0))[None]


def points(delays: np.ndarray = NONE) -> np.ndarray:
    """(spoke, sample, 2) in samples, two of which are one cycle per field of view; by the notes on the data."""
    phi, r = 2 * np.pi * np.arange(N_SPOKES) / N_SPOKES, np.arange(N_SAMPLES) - 191.5
    direction = np.stack([np.sin(phi), np.cos(phi)], axis=-1)
    return r[:, None] * direction[:, None] + (direction @ delays)[:, None]


def reconstructed(
    k: np.ndarray, delays: np.ndarray, chosen: np.ndarray | slice = slice(None), *, grid=(1, MATRIX, MATRIX)
) -> tuple[np.ndarray, np.ndarray]:
    """NLINV of the chosen spokes, ten iterations: the image and its coils."""
    seen, shape = points(delays)[chosen] / 2, (1, k.shape[1], *grid)
    return nlinv(NufftOp(seen, shape), k[:, :, chosen], gram=ToeplitzOp(seen, shape), n_iterations=10)


def unforeseen(k: np.ndarray, delays: np.ndarray, fold: int) -> float:
    """‖A (ρ c) - y‖ / ‖y‖ on every seventh spoke, of the image of the others."""
    held_out = np.arange(N_SPOKES) % N_FOLDS == fold
    image, coils = reconstructed(k, delays, ~held_out)
    there, truth = points(delays)[held_out] / 2, k[:, :, held_out]
    predicted = NufftOp(there, (1, k.shape[1], 1, MATRIX, MATRIX))((image[:, :, None] * coils)[:, 0])
    return float(np.linalg.norm(predicted - truth) / np.linalg.norm(truth))


def of_bart(bart: Bart, k: np.ndarray) -> np.ndarray:
    """Its image of all spokes with the delays, ten iterations, on its own grid."""
    bart.write(k=k[0][..., None], points=_in_space(points(DELAYS) / 2))
    bart("nlinv", "-i", 10, "-t", "points", "k", "image")
    return bart.read("image").reshape(GRID_OF_BART)


def delays_of_bart(bart: Bart, k: np.ndarray) -> np.ndarray:
    """Its estimate of the delays, axes in the order (x, y)."""
    bart.write(k=k[0][..., None], points=_in_space(points()))
    xx, yy, xy = map(float, bart("estdelay", "points", "k").strip().split(":"))
    return np.array([[xx, xy], [xy, yy]])


def _in_space(points: np.ndarray) -> np.ndarray:
    return np.pad(points, [(0, 0), (0, 0), (0, 1)])
