"""The fully sampled 8-coil head of mr_kspace_brain8_full, and how images of it are judged."""

from pathlib import Path

import numpy as np

SHAPE = (1, 230, 180)
"""(z, y, x) of the image."""


def full_kspace(data_folder: Path) -> np.ndarray:
    """K-space (1, 8, 1, 230, 180), zero frequency at n // 2."""
    k = np.fromfile(data_folder / "mr_kspace_brain8_full" / "full.cfl", np.complex64)
    return np.ascontiguousarray(k.reshape((230, 180, 8), order="F").transpose(2, 0, 1))[None, :, None]


def mask_2x2() -> np.ndarray:
    """Every second line of both axes and 24 x 24 in the middle, bool (1, 230, 180)."""
    mask = np.zeros(SHAPE, bool)
    mask[:, 1::2, ::2] = True
    mask[:, 103:127, 78:102] = True
    return mask


def head(reference: np.ndarray) -> np.ndarray:
    """Where the reference is above a tenth of its greatest value."""
    return abs(reference) > 0.1 * abs(reference).max()


def fitted(image: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """The magnitude of the image, times the number that brings it nearest to the reference inside the head."""
    inside, x, r = head(reference), abs(image), abs(reference)
    return x * ((x * r)[inside].sum() / (x * x)[inside].sum())


def psnr(image: np.ndarray, reference: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB, inside the head, of magnitudes after a fit by one number."""
    inside, r = head(reference), abs(reference)
    error = (fitted(image, reference) - r)[inside]
    return float(20 * np.log10(r[inside].max() / np.sqrt(np.mean(error**2))))


def nrmse(image: np.ndarray, reference: np.ndarray) -> float:
    """‖a |x| - |r|‖ / ‖r‖ over all voxels, a by least squares."""
    x, r = abs(image).ravel().astype(float), abs(reference).ravel().astype(float)
    return float(np.linalg.norm(x * (x @ r) / (x @ x) - r) / np.linalg.norm(r))
