"""Tables of the MRI benchmark that are ours alone: modules of the 3D radial scan, a cohort of like scans, memory."""

import pickle
import sys
import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from bench_ct import no_gpu, peak_bytes
from bench_projection import since, wall_and_cpu
from mri_peers import seconds_of
from mri_scenes import SIGMA, fitted

from scanmill.algorithms.calibration import radial_density_compensation
from scanmill.algorithms.reconstruction.mr.radial_3d import radial_3d
from scanmill.kernels import launch
from scanmill.kernels.pieces import n_threads
from scanmill.operators.nufft_plans import PLANS
from scanmill.operators.toeplitz import SPECTRA
from scanmill.operators.warm import compile_kernels
from scanmill.steps import mr_density
from scanmill.steps.contract import Context, Row
from scanmill.steps.mr_memory import bytes_of, slices_at_once
from scanmill.steps.mr_reconstruct import STEP

SPARSE_3D = 1e-3
STRATEGIES = "gather", "scatter"
CONTEXT = Context((Row("row", {}),), Path())


def forget():
    """As in a new process: no plan, no kernel, no density compensation is there."""
    for cache in (PLANS, SPECTRA, mr_density._KEPT):
        cache.clear()


def reconstructed(scene, scan=None, **params):
    """The step `mr.reconstruct` on a scan."""
    inputs = {"scan": scene.scan if scan is None else scan, "sensitivities": scene.maps}
    return STEP.run(inputs, STEP.params(**params), CONTEXT)


def cohort(scene, n_scans):
    """One scan in a process of its own; many of the same trajectory, with other noise, in one process."""
    cases = {
        "CG-SENSE, 30 iterations": {"method": "cg-sense", "n_iterations": 30},
        "CG-SENSE, 10 iterations, Pipe-Menon weights": {
            "method": "cg-sense",
            "n_iterations": 10,
            "density": "pipe-menon",
        },
    }
    rows = []
    for name, params in cases.items():
        alone = _alone(scene, params)
        forget()
        each = [_one(scene, number, params) for number in range(n_scans)]
        for clock, kind in enumerate(("wall", "CPU")):
            seconds = [one[clock] for one in each]
            numbers = f"{alone[clock]:.3f} | {seconds[0]:.3f} | {np.median(seconds[1:]):.3f} | {sum(seconds):.1f}"
            rows.append(f"| {name} | {kind} | {numbers} | {sum(seconds) / alone[clock]:.1f} |")
    columns = f"alone s | first s | next s (median) | {n_scans} scans s | as many alone"
    note = (
        "`mr.reconstruct` on scans of one trajectory. Alone: in a process of its own, with start and reading of the "
        f"scan; then {n_scans} in one process, which makes plans, Toeplitz kernel and density weights once."
    )
    head = [f"## A cohort of {n_scans} like scans: {scene.title}", "", note, "", f"| method | clock | {columns} |"]
    return [*head, "|---" * 7 + "|", *rows, ""]


def _one(scene, number, params):
    """Seconds of a scan with its own noise."""
    rng, shape = np.random.default_rng(number), scene.scan.array.shape
    noise = rng.standard_normal((*shape, 2), dtype=np.float32).view(np.complex64)[..., 0]
    scan = replace(scene.scan, array=scene.scan.array + np.float32(SIGMA) * noise)
    start = wall_and_cpu()
    reconstructed(scene, scan, **params)
    return since(start)


def _alone(scene, params):
    """Seconds of a process of Python's that runs this file for one scan."""
    with tempfile.NamedTemporaryFile() as file:
        pickle.dump((scene, params, n_threads()), file)
        file.flush()
        return seconds_of([sys.executable, __file__, file.name])


def memory(*scenes):
    """The greatest sum of NumPy's arrays while the step runs, beside what it foretells of a block of slices."""
    rows = []
    for scene in scenes:
        for method in ("cg-sense", "l1-wavelet"):
            params = STEP.params(method=method, n_iterations=2, weight=1e-3)
            at_once = slices_at_once(scene.scan, scene.maps, params, CONTEXT)
            predicted = bytes_of(scene.scan, scene.maps, params, at_once)
            run = partial(reconstructed, scene, **params.model_dump())
            run()
            forget()
            peak = peak_bytes(run)
            cells = f"{peak / 2**20:.0f} | {predicted / 2**20:.0f} | {peak / predicted:.2f}"
            rows.append(f"| {method}, {scene.title} | {cells} |")
    note = "Peak array bytes (tracemalloc), without k-space and sensitivities; with plans and kernels made anew."
    head = ["| case | measured MiB | predicted MiB | measured / predicted |", "|---|---|---|---|"]
    return ["## Memory beside its prediction", "", note, "", *head, *rows, ""]


def modules(scene, n_iterations):
    """Where the seconds of the 3D radial scan go, for both ways to share out gridding, on every kind of device."""
    reason = no_gpu()
    lines = _modules(scene, n_iterations, "cpu")
    if reason is None:
        return lines + _modules(scene, n_iterations, "cuda:0")
    return [*lines, f"On a GPU: not yet run on a GPU ({reason}).", ""]


def _modules(scene, n_iterations, device):
    k, y, maps = scene.points, scene.y[0], scene.sensitivities[0]
    w = radial_density_compensation(k)
    knobs = {"weight": SPARSE_3D, "n_iterations": n_iterations, "device": device}
    errors, reports = [], []
    compile_kernels(device)
    for strategy in STRATEGIES:
        image, report = radial_3d(y, k, maps, w, strategy=strategy, **knobs)
        errors.append(f"- {strategy}: error against the phantom {fitted(image, scene.truth[0]):.4f}")
        reports.append(report)
    head = "| module | " + " | ".join(f"{s} s | {s} %" for s in STRATEGIES) + " |"
    rows = [f"| {name} | {_cells(name, reports)} |" for name in reports[0].seconds]
    rows.append("| total | " + " | ".join(f"{r.total:.2f} | 100" for r in reports) + " |")
    title = f"## Modules on {device}: {scene.title}, {n_iterations} iterations"
    return [title, "", *errors, "", head, "|---" * 5 + "|", *rows, ""]


def _cells(name, reports):
    return " | ".join(f"{r.seconds[name]:.2f} | {100 * r.seconds[name] / r.total:.1f}" for r in reports)


if __name__ == "__main__":
    one_scene, one_params, one_n_threads = pickle.loads(Path(sys.argv[1]).read_bytes())
    with launch.threads(one_n_threads):
        reconstructed(one_scene, **one_params)
