"""The measured 8-coil heads of mr_kspace_brain8_full and mr_kspace_brain8, and how images of them are judged."""

from pathlib import Path
from typing import Literal

import numpy as np
from skimage.metrics import structural_similarity

from scanmill.algorithms.calibration import calibration_region, espirit
from scanmill.algorithms.reconstruction.mr import combine_coils, zero_filled

SHAPE = (1, 230, 180)
"""(z, y, x) of the image."""
MIDDLE = (slice(0, 1), slice(91, 139), slice(66, 114))
"""What the maps of the fully sampled data are made of."""

Pattern = Literal["2x2", "poisson"]


def full_kspace(data_folder: Path) -> np.ndarray:
    """K-space (1, 8, 1, 230, 180), zero frequency at n // 2."""
    k = np.fromfile(data_folder / "mr_kspace_brain8_full" / "full.cfl", np.complex64)
    return np.ascontiguousarray(k.reshape((230, 180, 8), order="F").transpose(2, 0, 1))[None, :, None]


def undersampled_kspace(data_folder: Path) -> np.ndarray:
    """The other head, of which an eighth was measured, scaled to a norm of 100: (1, 8, 1, 230, 180)."""
    k = np.fromfile(data_folder / "mr_kspace_brain8" / "ksp.cfl", np.complex64)
    return normed(np.ascontiguousarray(k.reshape((180, 230, 8), order="F").transpose(2, 1, 0))[None, :, None])


def published_image(data_folder: Path) -> np.ndarray:
    """What BART once made of it: the magnitude of both map sets together, (1, 1, 1, 230, 180)."""
    sets = np.fromfile(data_folder / "mr_kspace_brain8" / "img.cfl", np.complex64)
    return root_of_sets(sets.reshape((180, 230, 2), order="F").T[None, :, None])


def root_of_sets(images: np.ndarray) -> np.ndarray:
    """The magnitude of all map sets of images (batch, set, z, y, x) together."""
    return np.sqrt((abs(images) ** 2).sum(axis=1, keepdims=True))


def normed(kspace: np.ndarray) -> np.ndarray:
    """K-space of norm 100, so that weights mean the same for all."""
    return kspace * np.float32(100 / np.linalg.norm(kspace))


def mask_2x2() -> np.ndarray:
    """Every second line of both axes and 24 x 24 in the middle, bool (1, 230, 180)."""
    mask = np.zeros(SHAPE, bool)
    mask[:, 1::2, ::2] = True
    mask[:, 103:127, 78:102] = True
    return mask


def sampling_mask(pattern: Pattern, data_folder: Path) -> np.ndarray:
    """Of every second line, or of the Poisson disc of the other head (an eighth): bool (1, 230, 180)."""
    return mask_2x2() if pattern == "2x2" else (undersampled_kspace(data_folder) != 0).any(axis=1)[0]


def maps_of(kspace: np.ndarray, mask: np.ndarray, n_sets: int = 1) -> np.ndarray:
    """Sensitivities from the fully sampled middle."""
    return espirit(kspace[(..., *calibration_region(mask))], SHAPE, n_sets=n_sets).coil_sensitivities


def truth_of(full: np.ndarray) -> np.ndarray:
    """The coils of the full data combined by maps of the full data."""
    maps = espirit(full[(..., *MIDDLE)], SHAPE).coil_sensitivities
    return combine_coils(zero_filled(full), maps)


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


def ssim(image: np.ndarray, reference: np.ndarray) -> float:
    """Mean structural similarity inside the head, of magnitudes after a fit by one number; by scikit-image."""
    pair = (x[0, 0, 0] for x in (fitted(image, reference), abs(reference)))
    _, local = structural_similarity(*pair, data_range=abs(reference).max(), full=True)
    return float(local[head(reference)[0, 0, 0]].mean())


def nrmse(image: np.ndarray, reference: np.ndarray) -> float:
    """‖a |x| - |r|‖ / ‖r‖ over all voxels, a by least squares."""
    x, r = abs(image).ravel().astype(float), abs(reference).ravel().astype(float)
    return float(np.linalg.norm(x * (x @ r) / (x @ x) - r) / np.linalg.norm(r))
