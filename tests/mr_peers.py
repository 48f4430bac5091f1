"""The same reconstruction by us and by BART or pygrappa, for the tests and for benchmarks/mri_measured.py.

Images are (1, set, z, y, x), k-space (1, coil, z, y, x) of norm 100; of BART, the files ``k`` and ``maps`` lie in its
folder.
"""

import numpy as np

from bart_tool import Bart
from scanmill.algorithms.reconstruction.fista import fista
from scanmill.algorithms.reconstruction.fista_wavelet import Details
from scanmill.algorithms.reconstruction.mr import cg_sense, l1_wavelet
from scanmill.operators import LinearOperator
from scanmill.operators.roll import RollOp
from scanmill.operators.wavelet import WaveletOp

WEIGHTS = {"SENSE": (0.001, 0.003, 0.01, 0.03, 0.1), "l1-ESPIRiT": (0.0003, 0.001, 0.003, 0.01)}
"""Of the squares and of the wavelets."""
WEIGHT = 0.003
"""Of the wavelets, for the head of which an eighth was measured."""
OF_BART = {"SENSE": "-RQ:{}", "l1-ESPIRiT": "-RW:7:0:{}"}
N_ITERATIONS = {"SENSE": 30, "l1-ESPIRiT": 100}


def ours(method: str, op: LinearOperator, k: np.ndarray, weight: float) -> np.ndarray:
    """SENSE or l1-ESPIRiT by us."""
    function = {"SENSE": cg_sense, "l1-ESPIRiT": l1_wavelet}[method]
    return function(op, k, weight=weight, n_iterations=N_ITERATIONS[method])


def of_bart(bart: Bart, method: str, weight: float, shape: tuple[int, ...]) -> np.ndarray:
    """The same by ``pics``, with its own shifts of the wavelets."""
    step = ["-e"] if method == "l1-ESPIRiT" else []
    bart("pics", "-w1", *step, f"-i{N_ITERATIONS[method]}", OF_BART[method].format(weight), "k", "maps", "x")
    return bart.read("x").reshape(shape)


def in_the_basis_of_bart(op: LinearOperator, k: np.ndarray, weight: float) -> np.ndarray:
    """l1-ESPIRiT without shifts. BART's Daubechies basis is ours of the image moved on by -2; it counts the coarsest
    image too."""
    transform = WaveletOp(op.in_shape, "db2", axes=(-3, -2, -1), dtype=op.dtype)
    basis = transform @ RollOp(op.in_shape, {-2: -2, -1: -2}, dtype=op.dtype)
    sparsity = Details(basis, coarsest=True, item_axis=-5)
    return fista(op, k, sparsity, weight=weight, n_iterations=100, bounds=(None, None), by_gram=True)


def of_bart_without_shifts(bart: Bart, weight: float, shape: tuple[int, ...]) -> np.ndarray:
    """The same by ``pics``."""
    bart("pics", "-w1", "-e", "-n", "-i100", f"-RW:3:0:{weight}", "k", "maps", "x")
    return bart.read("x").reshape(shape)


def grappa_of_pygrappa(kspace: np.ndarray) -> np.ndarray:
    """Full k-space by pygrappa's kernel for any pattern."""
    from pygrappa import mdgrappa

    return mdgrappa(kspace[0, :, 0], kernel_size=(5, 5), coil_axis=0)[None, :, None]
