"""CT beside ASTRA (2D, CPU), scikit-image and RTK (3D): errors first, then wall and CPU seconds, then memory.

    python benchmarks/bench_ct.py [--quick] [--repeats 3] [--threads 2] [--out benchmarks/results]

2D parallel and 3D cone: projection, matched backprojection, filtered backprojection, SIRT; the time to a given error
of four iterative methods; measured peaks beside their predictions; the same on a GPU where there is one. The truth
is the head of Shepp and Logan, the data are its exact line integrals. The tools take turns and get the same number of
threads; copies into the tools' own containers are outside the clocks. Needs the extra [bench].
"""

import argparse
import datetime as dt
import gc
import importlib
import os
import platform
import statistics
import time
import tracemalloc
from functools import partial
from pathlib import Path

import numpy as np
from bench_projection import astra_2d, relative, rtk_3d
from side_by_side import BAND, Operation, Tool, section

from scanmill.algorithms import reconstruction as ct
from scanmill.algorithms.reconstruction.memory import predict_peak
from scanmill.data import Projections
from scanmill.geometry import ScanGeometry, VolumeGeometry
from scanmill.kernels import launch
from scanmill.operators.projection import ProjectionOp
from scanmill.operators.projection_memory import predict_bytes
from scanmill.phantoms import shepp_logan_2d, shepp_logan_3d

TARGETS = 0.20, 0.13, 0.11
"""Errors to reach; the first two are within reach of every method, the last is not."""


def parallel_2d():
    """512², 720 views of 736: the sizes of the issue's reach."""
    n, views, columns, n_iterations = (64, 45, 92, 5) if QUICK else (512, 720, 736, 50)
    phantom = shepp_logan_2d(0.48 * n)
    grid = VolumeGeometry.centered((1, n, n))
    scan = ScanGeometry.parallel(np.linspace(0, np.pi, views, endpoint=False), columns, 1.0)
    truth, lines = phantom.voxels(grid, supersampling=5).array, phantom.projections(scan)
    y, op = lines.array, ProjectionOp(grid, scan)
    name, project, back = astra_2d(grid, scan, THREADS)
    radon, iradon, odd_truth = scikit_image(phantom, n - 1, scan)
    theirs, ours = partial(Tool, name, own=back.run), partial(Tool, "Scanmill")
    return f"2D parallel, {n}², {views} views of {columns}", [
        Operation(
            "forward", y, [ours(lambda: op(truth)), theirs(lambda: project(truth), reach=(0.25, None)), radon],
            "error against the exact line integrals",
        ),
        Operation("matched back", None, [ours(lambda: op.H(y)), theirs(lambda: back(y), reach=(0.25, None))]),
        Operation("FBP", truth, [ours(lambda: ct.fbp(lines, grid).array), theirs(lambda: back(y, "FBP")), iradon]),
        Operation(
            f"SIRT, {n_iterations} iterations", truth,
            [
                ours(lambda: ct.sirt(op, y, n_iterations=n_iterations)),
                theirs(lambda: back(y, "SIRT", n_iterations, MinConstraint=0.0), once=True, reach=(0.2, None)),
            ],
        ),
    ], [f"- FBP, scikit-image: error {odd_truth():.4f} on its own grid of {n - 1}²"]  # fmt: skip


def scikit_image(phantom, n, scan):
    """Its pair on an odd grid, whose axis of rotation stands on a voxel; and the error of its FBP there."""
    from skimage.transform import iradon, radon

    grid = VolumeGeometry.centered((1, n, n))
    odd = ScanGeometry.parallel(scan.angles, scan.n_columns - 1, 1.0)
    truth, sinogram = phantom.voxels(grid, supersampling=5).array, phantom.line_integrals(odd)[:, 0].T
    theta = -np.rad2deg(scan.angles)
    image = partial(iradon, sinogram.astype(np.float32), theta, output_size=n, circle=False)
    return (
        Tool("scikit-image", lambda: radon(truth[0], theta, circle=True).T, once=True),
        Tool("scikit-image", lambda: image()[None], once=True),
        lambda: relative(image()[None], truth),
    )


def cone_3d():
    """128³, 180 views of 192²: RTK's sizes."""
    n, views, size = (24, 12, 36) if QUICK else (128, 180, 192)
    phantom, grid, scan = cone(n, views, size)
    truth, lines = phantom.voxels(grid).array, phantom.projections(scan)
    y, op = lines.array, ProjectionOp(grid, scan)
    name, project, back = rtk_3d(grid, scan, (500.0, 1000.0), THREADS)
    theirs, ours = partial(Tool, own=back.run), partial(Tool, "Scanmill")
    return f"3D cone, {n}³, {views} views of {size}²", [
        Operation(
            "forward", y, [ours(lambda: op(truth)), theirs(name, lambda: project(truth), reach=(0.41, None))],
            "error against the exact line integrals",
        ),
        Operation("matched back", None, [ours(lambda: op.H(y)), theirs(name, lambda: back(y), reach=(0.26, 0.4))]),
        Operation(
            "FDK", truth,
            [
                ours(lambda: ct.fdk(lines, grid).array),
                theirs("RTK FDK", lambda: back(y, back.feldkamp), reach=(0.45, None)),
            ],
        ),
    ], []  # fmt: skip


def cone(n, views, size):
    """A head in a cube of ``n`` mm, and the circle around it."""
    scan = ScanGeometry.cone(
        np.linspace(0, 2 * np.pi, views, endpoint=False), size, 1.6, n_rows=size, row_spacing=1.6,
        source_to_isocenter=500.0, source_to_detector=1000.0,
    )  # fmt: skip
    return shepp_logan_3d(0.47 * n), VolumeGeometry.centered((n, n, n)), scan


def noisy_2d():
    """256², 360 views of 368, 10⁴ photons a pixel: the scan of the race, and its truth."""
    n, views, columns, photons = (64, 90, 92, 1e4) if QUICK else (256, 360, 368, 1e4)
    phantom, grid = shepp_logan_2d(0.47 * n), VolumeGeometry.centered((1, n, n))
    scan = ScanGeometry.parallel(np.linspace(0, np.pi, views, endpoint=False), columns, 1.0)
    counts = np.random.default_rng(0).poisson(photons * np.exp(-phantom.line_integrals(scan, supersampling=2)))
    lines = Projections(-np.log(np.maximum(counts, 0.5) / photons).astype(np.float32), scan, photons=photons)
    return lines, grid, phantom.voxels(grid, supersampling=5).array


def race():
    """Seconds and iterations of each method until the image is near enough to the truth."""
    lines, grid, truth = noisy_2d()
    op, y = ProjectionOp(grid, lines.geometry), lines.array
    weights = ct.photon_weights(lines)
    pwls = partial(ct.pwls, op, y, weights, weight=50 * lines.photons, delta=1e-3)
    methods = {
        "SIRT": (partial(ct.sirt, op, y), 300),
        "OS-SART, 10 subsets": (partial(ct.os_sart, op, y), 40),
        "CGLS": (partial(ct.cgls, op, y), 40),
        "PWLS (Huber), 10 subsets, momentum": (pwls, 40),
        "PWLS (Huber), 10 subsets": (partial(pwls, momentum=False), 60),
    }
    columns = " | ".join(f"error ≤ {target}" for target in TARGETS)
    rows = [f"| method | {columns} | least error | iterations at most |", "|---" * (len(TARGETS) + 3) + "|"]
    for name, (method, most) in methods.items():
        method(n_iterations=1)  # compiled and warm
        most = 3 if QUICK else most
        judge = Judge(truth)
        method(n_iterations=most, callback=judge)
        rows.append(f"| {name} | " + " | ".join(judge.cells()) + f" | {min(judge.errors):.3f} | {most} |")
        print(rows[-1], flush=True)
    title = f"## Time to a given error: {grid.shape[1]}², {len(y)} views of {y.shape[2]}, {lines.photons:.0f} photons"
    note = "Noise of photons on exact line integrals; seconds without the time that judging takes, from zero."
    return [title, "", note, "", *rows, ""]


class Judge:
    """The callback: error and seconds of every image; stops once the last target is met or the error has turned."""

    def __init__(self, truth):
        self.truth, self.errors, self.seconds = truth, [], []
        self.started, self.away = time.perf_counter(), 0.0

    def __call__(self, status):
        now = time.perf_counter()
        self.seconds.append(now - self.started - self.away)
        self.errors.append(relative(status.image, self.truth))
        self.away += time.perf_counter() - now
        return self.errors[-1] > min(TARGETS) and self.errors[-1] < 1.2 * min(self.errors)

    def cells(self):
        for target in TARGETS:
            met = next((i for i, error in enumerate(self.errors) if error <= target), None)
            yield "not reached" if met is None else f"{self.seconds[met]:.2f} s, {met + 1} iterations"


def memory():
    """The greatest sum of NumPy's arrays while each method runs, beside what the geometry foretells."""
    lines, grid, _ = noisy_2d()
    scan, rows = lines.geometry, []
    phantom, cube, circle = cone(*((24, 12, 36) if QUICK else (128, 180, 192)))
    stack = phantom.projections(circle)

    def pair(grid, scan):
        op = ProjectionOp(grid, scan)
        op.H(op(np.ones(op.in_shape, np.float32)))

    def iterate(method, *more, **knobs):
        return lambda: method(ProjectionOp(grid, scan), lines.array, *more, n_iterations=2, **knobs)

    weights = ct.photon_weights(lines)
    cases = {
        "2D pair": (partial(pair, grid, scan), predict_bytes(grid, scan)),
        "2D FBP": (partial(ct.fbp, lines, grid), predict_peak("fbp", grid, scan)),
        "2D SIRT": (iterate(ct.sirt), predict_peak("sirt", grid, scan)),
        "2D OS-SART": (iterate(ct.os_sart), predict_peak("os-sart", grid, scan)),
        "2D CGLS": (iterate(ct.cgls), predict_peak("cgls", grid, scan)),
        "2D PWLS": (iterate(ct.pwls, weights, weight=1.0, delta=1e-3), predict_peak("pwls", grid, scan)),
        "3D cone pair": (partial(pair, cube, circle), predict_bytes(cube, circle)),
        "3D FDK": (partial(ct.fdk, stack, cube), predict_peak("fdk", cube, circle)),
    }
    for name, (run, predicted) in cases.items():
        run()
        peak = peak_bytes(run)
        rows.append(f"| {name} | {peak / 2**20:.1f} | {predicted / 2**20:.1f} | {peak / predicted:.2f} |")
        print(rows[-1], flush=True)
    note = (
        "Peak array bytes (tracemalloc), without the data given; the pairs with theirs. Overheads show at small sizes."
    )
    head = ["| case | measured MiB | predicted MiB | measured / predicted |", "|---|---|---|---|"]
    return ["## Memory beside its prediction", "", note, "", *head, *rows, ""]


def peak_bytes(run):
    gc.collect()
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def no_gpu():
    """Why nothing can run on a GPU here, or None."""
    try:
        n = importlib.import_module("cupy").cuda.runtime.getDeviceCount()
    except ImportError:
        return "CuPy is not installed"
    except Exception as error:  # noqa: BLE001 - the CUDA runtime's errors have no common name without CuPy
        return f"CUDA says: {str(error).splitlines()[0]}"
    return None if n else "no device"


def gpu():
    """The cone pair at 512³: seconds, the bytes that must move, and ASTRA's CUDA pair."""
    reason = no_gpu()
    if reason:
        return ["## GPU", "", f"Skipped: {reason}. The GPU paths are not yet run on a GPU.", ""]
    import cupy

    n, views, size = (64, 30, 96) if QUICK else (512, 360, 768)
    _, grid, scan = cone(n, views, size)
    x, y = cupy.ones(grid.shape, np.float32), cupy.ones(scan.shape, np.float32)
    op = ProjectionOp(grid, scan, device="cuda:0")
    copy = 2 * x.nbytes / on_gpu(lambda: x.copy())
    least = x.nbytes + y.nbytes
    rows = [("Scanmill forward", on_gpu(lambda: op(x))), ("Scanmill matched back", on_gpu(lambda: op.H(y)))]
    rows += astra_cuda(grid, scan)
    table = [f"| {what} | {s:.4f} | {least / 2**30:.2f} | {least / s / copy:.1%} |" for what, s in rows]
    head = ["| operation | s (median) | GiB at least | of the copy bandwidth |", "|---|---|---|---|"]
    note = f"Copying on the device moves {copy / 1e9:.0f} GB/s. At least: the volume and the projections once each."
    name = cupy.cuda.runtime.getDeviceProperties(0)["name"].decode()
    return [f"## GPU: {name}, 3D cone, {n}³, {views} views of {size}²", "", note, "", *head, *table, ""]


def on_gpu(run):
    """Median seconds, the device waited for."""
    import cupy

    seconds = []
    for _ in range(REPEATS + 1):
        cupy.cuda.Device().synchronize()
        start = time.perf_counter()
        run()
        cupy.cuda.Device().synchronize()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[1:])


def astra_cuda(grid, scan):
    """ASTRA's 3D pair, with its copies to and from the device; its CPU build must never be asked (SIGFPE)."""
    import astra

    if not astra.use_cuda():
        return []
    vectors = np.concatenate([scan.source, scan.detector, scan.column_step, scan.row_step], axis=1)
    stack = astra.create_proj_geom("cone_vec", scan.n_rows, scan.n_columns, vectors)
    volume = astra.create_vol_geom(grid.shape[1], grid.shape[2], grid.shape[0])
    x, y = astra.data3d.create("-vol", volume, 1.0), astra.data3d.create("-sino", stack, 1.0)
    rows = []
    for kind, name, key in (("FP3D_CUDA", "forward", "VolumeDataId"), ("BP3D_CUDA", "back", "ReconstructionDataId")):
        number = astra.algorithm.create(astra.astra_dict(kind) | {"ProjectionDataId": y, key: x})
        rows.append((f"ASTRA CUDA {name}", on_gpu(partial(astra.algorithm.run, number))))
        astra.algorithm.delete(number)
    return rows


def main():
    """Write the report."""
    global QUICK, REPEATS, THREADS
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="tiny sizes: does it run at all? Nothing is written")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count()))
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args()
    QUICK, REPEATS, THREADS = options.quick, options.repeats, options.threads
    started, body = time.perf_counter(), []
    with launch.threads(THREADS):
        for case in (parallel_2d, cone_3d):
            title, operations, notes = case()
            made = section(title, operations, REPEATS)
            body += [*made[:2], *notes, *made[2:]]
        body += [*race(), *memory(), *gpu()]
    today, machine = dt.datetime.now(tz=dt.UTC).date(), platform.node() or "machine"
    facts = [
        f"{platform.processor() or platform.machine()}, {THREADS} threads for every tool, float32, "
        f"{time.perf_counter() - started:.0f} s in all. `make bench-ct`",
        "",
        "Errors are ‖x - truth‖ / ‖truth‖; ratios are our seconds over theirs, below 1 is faster; ratios within "
        f"{BAND:.0%} count as the same. ASTRA's CPU code, scikit-image and RTK's Joseph backprojection use one thread.",
    ]
    text = "\n".join([f"# CT, {today}, {machine}", "", *facts, "", *body])
    print(text)
    if not QUICK:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / f"ct-{today}-{machine}.md").write_text(text)


if __name__ == "__main__":
    main()
