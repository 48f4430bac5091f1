"""The operators of MR, and others on complex images: the second part of the list in `laws`."""

from collections.abc import Callable

import numpy as np

from laws import noise
from scanmill.algorithms.calibration.polynomial_coils import PolynomialCoilsOp, legendre_basis
from scanmill.operators.blocks import BlocksOp
from scanmill.operators.coils import CoilsOp
from scanmill.operators.convolution import ConvolutionOp
from scanmill.operators.difference import GradientOp
from scanmill.operators.fourier import FourierOp
from scanmill.operators.gridding import gridding_parts
from scanmill.operators.linear import LinearOperator
from scanmill.operators.nufft import NufftOp
from scanmill.operators.off_resonance import OffResonanceOp
from scanmill.operators.roll import RollOp
from scanmill.operators.sampling import SamplingOp
from scanmill.operators.second_order import SecondOrderOp
from scanmill.operators.sense import sense_op
from scanmill.operators.subspace import SubspaceOp
from scanmill.operators.temporal import TemporalDifferenceOp, temporal_fourier_op
from scanmill.operators.toeplitz import ToeplitzOp
from scanmill.operators.undecimated_wavelet import UndecimatedWaveletOp
from scanmill.operators.wavelet import WaveletOp

EPS = {"complex64": 1e-6, "complex128": 1e-14}
"""The finest accuracy of a NUFFT; the adjoint law must hold for a coarse one too."""
PLANE, VOLUME = (1, 9, 12), (7, 6, 10)
"""Images (z, y, x), with odd and even sizes."""
RNG = np.random.default_rng(11)
IN_PLANE = RNG.uniform(-6, 6, (5, 11, 2))
IN_SPACE = RNG.uniform(-5, 5, (6, 9, 3))
PLANES = RNG.uniform(-4, 4, (2, 5, 11, 2))
"""Points (shot, sample, d), beyond the edge of k-space of the shorter axes; and one set for each of two items."""
WEIGHTS = RNG.uniform(0.1, 2.0, (5, 11))
MASK = RNG.random((2, *PLANE)) < 0.5
LINES = np.broadcast_to(RNG.random((1, 7, 6, 1)) < 0.5, (1, *VOLUME))


def maps(image: tuple[int, ...], dtype: type, *, items: int = 1, sets: int = 1, coils: int = 3) -> np.ndarray:
    """Coil sensitivities of noise."""
    return noise((items, sets, coils, *image), dtype, 9)


def spectrum(*shape: int) -> np.ndarray:
    return np.random.default_rng(3).random(shape)


def eps(dtype: type) -> float:
    return EPS[np.dtype(dtype).name]


COMPLEX_OPERATORS: dict[str, Callable[..., LinearOperator]] = {
    "Fourier": lambda dtype: FourierOp((2, 3, 4, 6), dtype=dtype),
    "Fourier, odd sizes": lambda dtype: FourierOp((2, *VOLUME), (-1, 1), dtype=dtype),
    "Fourier along frames": lambda dtype: temporal_fourier_op((5, 2, 3), dtype=dtype),
    "sampling": lambda dtype: SamplingOp(MASK[:, None], (2, 3, *PLANE), dtype=dtype),
    "weights of samples": lambda dtype: SamplingOp(WEIGHTS, (2, 3, 5, 11), dtype=dtype),
    "coils": lambda dtype: CoilsOp(maps(VOLUME, dtype), dtype=dtype),
    "coils, two sets": lambda dtype: CoilsOp(maps(PLANE, dtype, items=2, sets=2), dtype=dtype),
    "coils, the same for a batch": lambda dtype: CoilsOp(maps(PLANE, dtype), 3, dtype=dtype),
    "coils that are polynomials": lambda dtype: PolynomialCoilsOp(
        noise((2, 1, *VOLUME), dtype, 5), legendre_basis(VOLUME, 3), 3, dtype=dtype
    ),
    "NUFFT of planes": lambda dtype: NufftOp(IN_PLANE, (2, 3, *PLANE), dtype=dtype),
    "NUFFT of planes, coarse": lambda dtype: NufftOp(IN_PLANE, (2, 3, *PLANE), eps=1e-2, dtype=dtype),
    "NUFFT, a trajectory for each item": lambda dtype: NufftOp(PLANES, (2, 3, *PLANE), dtype=dtype),
    "NUFFT of volumes": lambda dtype: NufftOp(IN_SPACE, (1, 2, *VOLUME), dtype=dtype),
    "convolution, circular": lambda dtype: ConvolutionOp(WEIGHTS[None, None], (2, 3, 1, 5, 11), dtype=dtype),
    "convolution, padded": lambda dtype: ConvolutionOp(spectrum(2, 1, 18, 25), (2, 3, *PLANE), dtype=dtype),
    "convolution along y and z": lambda dtype: ConvolutionOp(spectrum(1, 15, 6, 1), (1, 2, *VOLUME), dtype=dtype),
    "convolution of rows": lambda dtype: ConvolutionOp(spectrum(1, 1, 1, 24), (1, 2, *VOLUME), dtype=dtype),
    "Toeplitz of planes": lambda dtype: ToeplitzOp(PLANES, (2, 3, *PLANE), weights=WEIGHTS, dtype=dtype),
    "Toeplitz of volumes": lambda dtype: ToeplitzOp(IN_SPACE, (1, 2, *VOLUME), dtype=dtype),
    "SENSE, Cartesian": lambda dtype: sense_op(maps(PLANE, dtype, sets=2), sampling_mask=MASK, dtype=dtype),
    "SENSE, Cartesian lines": lambda dtype: sense_op(maps(VOLUME, dtype), sampling_mask=LINES, dtype=dtype),
    "SENSE, Toeplitz": lambda dtype: sense_op(
        maps(PLANE, dtype, items=2), points=IN_PLANE, weights=WEIGHTS, eps=eps(dtype), normal="toeplitz", dtype=dtype
    ),
    "SENSE, Toeplitz of volumes": lambda dtype: sense_op(
        maps(VOLUME, dtype, sets=2), points=IN_SPACE, eps=eps(dtype), normal="toeplitz", dtype=dtype
    ),
    "SENSE, direct": lambda dtype: sense_op(maps(PLANE, dtype), points=PLANES, normal="direct", dtype=dtype),
    "normal SENSE": lambda dtype: sense_op(maps(PLANE, dtype, sets=2), sampling_mask=MASK, dtype=dtype).gram,
    "normal SENSE of volumes": lambda dtype: sense_op(maps(VOLUME, dtype), sampling_mask=LINES, dtype=dtype).gram,
    "gridding, gathered": lambda dtype: gridding_parts(IN_PLANE, PLANE, images=(2, 1), dtype=dtype)[0],
    "gridding, scattered": lambda dtype: gridding_parts(
        IN_SPACE, VOLUME, images=(1, 2), strategy="scatter", dtype=dtype
    )[0],
    "Fourier onto a finer grid": lambda dtype: gridding_parts(IN_PLANE, PLANE, images=(2, 1), dtype=dtype)[1],
    "off-resonance": lambda dtype: OffResonanceOp(
        NufftOp(IN_PLANE, (2, 2, *PLANE), dtype=dtype), 40 * noise((2, *PLANE), np.float64), np.linspace(0, 0.02, 11)
    ),
    "undecimated wavelet": lambda dtype: UndecimatedWaveletOp((3, 9, 14), "db2", dtype=dtype),
    "undecimated wavelet of a batch": lambda dtype: UndecimatedWaveletOp(
        (2, *PLANE), "haar", n_levels=2, axes=(-3, -2, -1), dtype=dtype
    ),
    "wavelet": lambda dtype: WaveletOp((5, 17, 14), "db2", dtype=dtype),
    "wavelet of a batch": lambda dtype: WaveletOp((2, 3, 1, 31, 16), "db4", axes=(-3, -2, -1), dtype=dtype),
    "gradient": lambda dtype: GradientOp((3, 7, 5), spacing=(1.0, 2.0, 0.5), dtype=dtype),
    "second-order differences": lambda dtype: SecondOrderOp((2, 4, 7, 5), (-3, -2, -1), dtype=dtype),
    "rolled": lambda dtype: RollOp((3, 7, 5), {-1: 2, 0: -1}, dtype=dtype),
    "differences of frames": lambda dtype: TemporalDifferenceOp((4, 3, 5), dtype=dtype),
    "differences of cyclic frames": lambda dtype: TemporalDifferenceOp((4, 3, 5), is_cyclic=True, dtype=dtype),
    "subspace": lambda dtype: SubspaceOp(noise((6, 2), dtype), (2, 3, 5), dtype=dtype),
    "blocks side by side": lambda dtype: BlocksOp((4, 2, *VOLUME), (4, 4, 4), dtype=dtype),
    "overlapping blocks": lambda dtype: BlocksOp((4, *PLANE), (8, 4, 4), stride=(1, 2, 3), dtype=dtype),
}
"""Every operator on complex images, by name: ``COMPLEX_OPERATORS[name](dtype)``."""
