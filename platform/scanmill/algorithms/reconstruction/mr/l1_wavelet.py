"""Compressed sensing with wavelets: l1-wavelet SENSE."""

from __future__ import annotations

from scanmill.algorithms.reconstruction.cycle_spinning import CycleSpun
from scanmill.algorithms.reconstruction.fista import fista
from scanmill.algorithms.reconstruction.fista_wavelet import Details
from scanmill.algorithms.reconstruction.items import PerItem
from scanmill.algorithms.reconstruction.iteration import FREE, Callback
from scanmill.algorithms.reconstruction.mr.images import IMAGE_AXES, ITEM_AXIS, SET_AXIS, check_images, used_axes
from scanmill.algorithms.reconstruction.sparsity import Sparsity
from scanmill.arrays import Array
from scanmill.operators import LinearOperator
from scanmill.operators.wavelet import LEVELS, Wavelet, WaveletOp


def l1_wavelet(
    op: LinearOperator,
    y: Array,
    *,
    weight: PerItem,
    wavelet: Wavelet = "db2",
    n_levels: int | None = None,
    cycle_spinning: bool = True,
    coarsest: bool = False,
    joint_sets: bool = False,
    n_iterations: int = 50,
    norm: PerItem | None = None,
    seed: int = 0,
    x0: Array | None = None,
    residual_tolerance: float = 0.0,
    change_tolerance: float = 0.0,
    callback: Callback | None = None,
) -> Array:
    """argmin ½ ‖A x - y‖² + α Σ |W x| for images x (batch, set, z, y, x), α = ``weight``, by `fista`.

    Lustig, Donoho & Pauly, Magn. Reson. Med. 58 (2007) 1182; with coil sensitivities Murphy et al., IEEE Trans. Med.
    Imaging 31 (2012) 1250. W is the orthonormal `WaveletOp` along z, y and x; Σ is over the magnitudes of the details,
    with ``coarsest`` also of the coarsest image, with ``joint_sets`` over the common length of the sets. Every item
    of the batch is solved by itself, with its own weight where ``weight`` is (batch,).

    ``cycle_spinning`` shifts the transform in every iteration (`CycleSpun`, seeded), which keeps the wavelets' grid out
    of the image; then the objective need not fall. The step comes from a power iteration unless the ``norm`` of A is
    known, for instance from another row of the same kind; each iteration takes one ``op.gram`` and two transforms.
    Knobs and errors as in `fista`. What weight to take: `regularisation_weight`.
    """
    check_images(op)
    transform = WaveletOp(op.in_shape, wavelet, n_levels=n_levels, axes=IMAGE_AXES, dtype=op.dtype)
    joint_axis = SET_AXIS if joint_sets else None
    sparsity: Sparsity = Details(transform, coarsest=coarsest, joint_axis=joint_axis, item_axis=ITEM_AXIS)
    if cycle_spinning:
        period = 2 ** (LEVELS if n_levels is None else n_levels)
        sparsity = CycleSpun(sparsity, {axis: min(period, op.in_shape[axis]) for axis in used_axes(op)}, seed=seed)
    return fista(
        op,
        y,
        sparsity,
        weight=weight,
        n_iterations=n_iterations,
        bounds=FREE,
        by_gram=True,
        norm=norm,
        seed=seed,
        x0=x0,
        residual_tolerance=residual_tolerance,
        change_tolerance=change_tolerance,
        callback=callback,
    )
