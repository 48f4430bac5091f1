"""Every kernel: no double on the GPU, in bounds, the same in plain Python, the same for any number of threads."""

import importlib.util
import subprocess
import sys
import time

import numba
import numpy as np
import pytest

import laws
from scanmill.algorithms.features import cooccurrence as cooccurrence_counts
from scanmill.algorithms.features import cooccurrence_matrices
from scanmill.algorithms.reconstruction.helical import wfbp
from scanmill.algorithms.registration.deformable import register_deformable
from scanmill.algorithms.registration.measures import measure_of
from scanmill.algorithms.registration.resample import resample
from scanmill.algorithms.registration.samples import Samples
from scanmill.data import Labels, Projections, Volume
from scanmill.geometry import ScanGeometry, VolumeGeometry
from scanmill.kernels import (
    banded,
    columns,
    cooccurrence,
    forces,
    gradient_votes,
    helix,
    launch,
    patterns,
    planar,
    rays,
    resampling,
    similarity,
    smoothing,
    voxel_runs,
    voxels,
    warping,
    wavelet,
    windows,
)
from scanmill.operators.backprojection import BackprojectionOp
from scanmill.operators.projection import ProjectionOp
from scanmill.operators.wavelet import WaveletOp

MODULES = {
    module.__name__.rpartition(".")[2]: module
    for module in (
        banded,
        columns,
        cooccurrence,
        forces,
        gradient_votes,
        helix,
        patterns,
        planar,
        rays,
        resampling,
        similarity,
        smoothing,
        voxel_runs,
        voxels,
        warping,
        wavelet,
        windows,
    )
}


def operators(dtype):
    """Operators that between them call every kernel, and every branch of the resampling."""
    grid, small = laws.GRID, laws.wide(laws.GRID)
    for scan in (laws.parallel(grid, 0.5), laws.fan(grid, 1.0)):
        for ownership in ("slices", "columns", "rays"):
            yield ProjectionOp(grid, scan, dtype=dtype, ownership=ownership)
    for row_spacing in (0.4, 0.6, 0.9, 2.5):
        yield ProjectionOp(small, laws.cone(1.0, row_spacing=row_spacing), dtype=dtype)
    yield ProjectionOp(grid, laws.tilted(laws.cone(1.0)), dtype=dtype)
    yield ProjectionOp(grid, laws.spiral(), dtype=dtype)
    yield ProjectionOp(grid, laws.arc("fan", 1.0), dtype=dtype, ownership="rays")
    yield ProjectionOp(grid, laws.leaning(laws.spiral()), dtype=dtype)
    for scan, ownership in ((laws.fan(grid, 1.0), "rows"), (laws.arc("fan", 1.0), "rows"), (laws.cone(1.0), "columns")):
        yield BackprojectionOp(grid, scan, dtype=dtype, ownership=ownership)
        yield BackprojectionOp(grid, scan, dtype=dtype, ownership="voxels")
    yield BackprojectionOp(grid, laws.arc("cone", 1.0), dtype=dtype)
    yield BackprojectionOp(grid, laws.arc("cone", 1.0), dtype=dtype, ownership="voxels")
    for wavelet_dtype in (dtype, np.result_type(dtype, np.complex64)):
        yield WaveletOp((3, 9, 13), "db2", n_levels=2, dtype=wavelet_dtype)
    yield laws.resampled(grid, laws.BENT, None, dtype)
    yield laws.resampled(grid, laws.BENT, laws.bend(), dtype)


def reconstruct_helices(dtype):
    """Helical backprojection with one focal spot, and with one that flies along z."""
    angles, z = np.arange(40) * 0.25, np.linspace(-4, 4, 40)
    scan = ScanGeometry.helical(
        angles, z, 12, 2.0, n_rows=5, row_spacing=2.0, source_to_isocenter=60.0, source_to_detector=110.0
    )
    flying = scan.with_focal_spot(axial=np.where(np.arange(40) % 2, 0.4, -0.4))
    for one in (scan, flying):
        data = Projections(laws.noise(one.shape, dtype, 3), one)
        wfbp(data, VolumeGeometry.centered((5, 6, 7), (1.0, 1.2, 1.0)))


def resample_images(dtype):
    """Every interpolation of an image and of labels, through a linear transform and another one."""
    image = Volume(laws.noise(laws.GRID.shape, dtype, 4), laws.GRID)
    labels = Labels((image.array > 0).astype(np.uint8) + (image.array > 1), laws.GRID)
    for transform in (None, laws.bend()):
        resample(image, laws.BENT, transform, interpolation="cubic", outside=-1.0)
        resample(labels, laws.BENT, transform)
        resample(labels, laws.BENT, transform, interpolation="nearest")


def register_images():
    """One look at two levels with every measure; registration computes in float32 only."""
    grid = VolumeGeometry((9, 18, 17))
    fixed, moving = (Volume(laws.noise(grid.shape, np.float32, seed), grid) for seed in (5, 6))
    for method, metric in (("greedy", "ssd"), ("ffd", "squared_lncc")):
        register_deformable(fixed, moving, method=method, metric=metric, factors=(2, 1), max_iterations=(1, 1))


def compare_images(dtype):
    """Both families of similarity and their slopes, with samples that lie outside."""
    rng = np.random.default_rng(5)
    points, values = rng.uniform(-3, 3, (3, 600)).astype(dtype), rng.uniform(0, 31, 600).astype(dtype)
    image = rng.uniform(0, 31, (4, 5, 6)).astype(dtype)
    matrix = np.column_stack([np.eye(3), (2.5, 2.0, 1.5)])
    for metric in ("nmi", "ncc"):
        measure = measure_of(metric, Samples(points, values, np.zeros(3), 256), image)
        measure.value(matrix)
        measure.slopes()
        measure.information()


def count_textures(dtype):
    """Levels in several bands, some outside; patterns of two planes, each row in two runs."""
    levels = np.random.default_rng(7).integers(0, 6, (7, 18, 17))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cooccurrence_counts, "_run", lambda levels, n_counters: 500)
        cooccurrence_matrices(levels[0], 5)
        cooccurrence_matrices(levels, 5, distance=2)
    image = laws.noise((2, 9 + 4, 11 + 4), dtype, 8)
    corners, parts = np.array([[2, 3], [1, 2], [2, 0], [3, 2]]), np.array([[0, 0.5], [0.2, 0.7], [0.9, 0.1], [0, 0]])
    out = np.zeros((2, 9, 11), np.int32)
    patterns.PATTERNS(2 * 9 * 2, image, corners, parts.astype(dtype), 2, dtype(1e-6), 6, out)


def count_gradients(dtype):
    """Cells in several runs, the last of them short, with pixels left over on both sides."""
    ends, image, votes = laws.noise((2, 5), dtype, 9), laws.noise((11, 14), dtype, 10), np.zeros((3, 4, 5), dtype)
    gradient_votes.PLANE(3, image, ends, 3, 5, votes)
    faces, volume = laws.noise((3, 7), dtype, 11) + dtype(1), laws.noise((5, 7, 9), dtype, 12)
    for signed in (0, 1):
        gradient_votes.SPACE(5, volume, faces, signed, 2, 5, np.zeros((2, 3, 4, 7), dtype))


def calls_of(dtype):
    """Every kernel call of those operators: (kernel, number of owners, arguments before the call, after it)."""
    calls = []
    run = launch.Kernel.__call__

    def record(kernel, n_owners, *args):
        before = copies(args)
        run(kernel, n_owners, *args)
        calls.append((kernel, n_owners, before, copies(args)))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(launch.Kernel, "__call__", record)
        patch.setattr(np, "empty", np.zeros)  # scratch that is never written must not hold NaN
        launch.warm_up()
        for op in operators(dtype):
            y = op(laws.noise(op.in_shape, dtype, 1))
            if op.matched:
                op.H(laws.noise(y.shape, dtype, 2))
        reconstruct_helices(dtype)
        resample_images(dtype)
        register_images()
        compare_images(dtype)
        count_textures(dtype)
        count_gradients(dtype)
    return calls


def copies(args):
    return tuple(arg.copy() if isinstance(arg, np.ndarray) else arg for arg in args)


@pytest.fixture(scope="module")
def calls():
    return calls_of(np.float32)


def test_the_calls_below_hold_every_kernel(calls):
    here = {name for name in launch.KERNELS if name.partition(".")[0] in {*MODULES, "golden_sum"}}
    assert {kernel.name for kernel, *_ in calls} == here


def test_ptx_without_a_driver_holds_no_double(calls, monkeypatch):
    cuda = pytest.importorskip("numba.cuda", reason="numba-cuda is not installed")
    dispatcher = importlib.import_module("numba.cuda.dispatcher")
    for capability in ((8, 0), (9, 0)):
        device = type("Device", (), {"compute_capability": capability})()
        monkeypatch.setattr(dispatcher, "get_current_device", lambda device=device: device)
        for name, (kernel, _, args, _) in {call[0].name: call for call in calls}.items():
            types = numba.types.Tuple([numba.typeof(arg) for arg in args])
            ptx, _ = cuda.compile_ptx(kernel.cuda_function, (numba.types.int64, types), cc=capability)
            assert f".target sm_{capability[0]}{capability[1]}" in ptx
            doubles = [line for line in ptx.splitlines() if ".f64" in line]
            assert not doubles, f"{name}: {doubles[:5]}"


@pytest.fixture(scope="module")
def checked_bodies():
    """The bodies again, every helper with them, compiled to raise IndexError at an index out of bounds."""
    bodies = {}
    with pytest.MonkeyPatch.context() as patch:
        for register in ("compiled", "driver"):
            patch.setattr(launch, register, numba.njit(boundscheck=True, fastmath=launch.FAST))
        patch.setattr(launch, "KERNELS", {})
        for module in MODULES.values():
            spec = importlib.util.spec_from_file_location(f"checked_{module.__name__}", module.__file__)
            spec.loader.exec_module(importlib.util.module_from_spec(spec))
        bodies.update({name: kernel.body for name, kernel in launch.KERNELS.items()})
    return bodies


def test_serial_with_bounds_checked(calls, checked_bodies):
    for kernel, n_owners, before, after in calls:
        if kernel.name not in checked_bodies:
            continue
        args = copies(before)
        for owner in range(n_owners):
            checked_bodies[kernel.name](owner, *args)
        scratch = len(args) - 1 if kernel.name.startswith("voxel_runs") else 0  # an index may round to either side
        for arg, expected in zip(args[scratch:], after[scratch:], strict=True):
            if isinstance(arg, np.ndarray):
                assert np.abs(arg - expected).max(initial=0) <= 1e-5 * np.abs(expected).max(initial=1), kernel


def test_a_bounds_check_can_fail():
    @numba.njit(boundscheck=True)
    def beyond(x):
        return x[len(x)]

    with pytest.raises(IndexError):
        beyond(np.zeros(3))


def test_plain_python_gives_the_same(calls):
    for name, (kernel, n_owners, before, after) in {call[0].name: call for call in calls}.items():
        args, owner = copies(before), n_owners // 2
        kernel.body.py_func(owner, *args)
        scratch = len(args) - 1 if name.startswith("voxel_runs") else 0
        for arg, start, expected in zip(args[scratch:], before[scratch:], after[scratch:], strict=True):
            if isinstance(arg, np.ndarray):
                touched = arg != start
                np.testing.assert_allclose(arg[touched], expected[touched], rtol=1e-4, atol=1e-4, err_msg=name)


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="needs two cores")
def test_one_thread_and_two_agree_bit_for_bit(calls):
    for kernel, n_owners, before, _ in calls:
        results = []
        for n_threads in (1, 2):
            args = copies(before)
            with launch.threads(n_threads):
                kernel(n_owners, *args)
            results.append(args)
        for one, two in zip(*results, strict=True):
            np.testing.assert_array_equal(one, two, err_msg=kernel.name)


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="needs two cores")
def test_threads_without_work_sleep(calls):
    """Whatever other threads burn while this one waits, they take from those that have work."""
    kernel, n_owners, before, _ = calls[0]
    args = copies(before)
    with launch.threads(2):
        kernel(n_owners, *args)
        begun = time.process_time() - time.thread_time()
        for _ in range(50):
            kernel(n_owners, *args)
            time.sleep(0.005)
    others = time.process_time() - time.thread_time() - begun
    assert others < 0.05  # spinning, they take 0.25 s: all of the time


LAYER = """
import threading
from scanmill.kernels import launch
ends = [threading.Thread(target=launch.warm_up) for _ in range(4)]
[thread.start() for thread in ends], [thread.join() for thread in ends]
import numba
print(numba.threading_layer())
"""


def test_the_thread_layer_survives_several_threads():
    done = subprocess.run([sys.executable, "-c", LAYER], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() in ("omp", "tbb")


def test_operators_do_not_import_numba_until_used():
    program = "import sys, scanmill.operators, scanmill.operators.projection; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=60).returncode == 0
