"""Tables of the MRI benchmark that are ours alone: modules of the 3D radial scan, a cohort of like scans, memory."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from bench_ct import no_gpu, peak_bytes
from bench_projection import since, wall_and_cpu
from mri_scenes import SIGMA, fitted

from scanmill.algorithms.calibration import radial_density_compensation
from scanmill.algorithms.reconstruction.mr.radial_3d import radial_3d
from scanmill.operators.nufft_plans import PLANS
from scanmill.operators.toeplitz import SPECTRA
from scanmill.steps import mr_density
from scanmill.steps.contract import Context, Row
from scanmill.steps.mr_memory import bytes_of
from scanmill.steps.mr_reconstruct import STEP

SPARSE_3D = 1e-3
STRATEGIES = "gather", "scatter"


def forget():
    """As in a new process: no plan, no kernel, no density compensation is there."""
    for cache in (PLANS, SPECTRA, mr_density._KEPT):
        cache.clear()


def reconstructed(scene, scan=None, **params):
    """The step `mr.reconstruct` on a scan."""
    inputs = {"scan": scene.scan if scan is None else scan, "sensitivities": scene.maps}
    return STEP.run(inputs, STEP.params(**params), Context((Row("row", {}),), Path()))


def cohort(scene, n_scans):
    """The first scan of its kind and the ones after it, other noise on the same trajectory."""
    cases = {
        "CG-SENSE, 30 iterations": {"method": "cg-sense", "n_iterations": 30},
        "CG-SENSE, 10 iterations, Pipe-Menon weights": {
            "method": "cg-sense", "n_iterations": 10, "density": "pipe-menon",
        },
    }  # fmt: skip
    rows = []
    for name, params in cases.items():
        reconstructed(scene, **params)  # compiled and warm
        forget()
        each = [_one(scene, number, params) for number in range(n_scans)]
        for clock, kind in enumerate(("wall", "CPU")):
            seconds = [one[clock] for one in each]
            total, alone = sum(seconds), seconds[0]
            rows.append(
                f"| {name} | {kind} | {alone:.3f} | {np.median(seconds[1:]):.3f} | {total:.1f} | {total / alone:.1f} |"
            )
    head = (
        f"| `mr.reconstruct` | clock | first scan s | next scan s (median) | {n_scans} scans s | as many first scans |"
    )
    note = (
        f"Scans of the same trajectory with other data in one process: plans, Toeplitz kernel and density weights are "
        f"made once. The last column is what {n_scans} scans take in first scans."
    )
    return [f"## A cohort of {n_scans} like scans: {scene.title}", "", note, "", head, "|---" * 6 + "|", *rows, ""]


def _one(scene, number, params):
    rng, shape = np.random.default_rng(number), scene.scan.array.shape
    noise = rng.standard_normal((*shape, 2), dtype=np.float32).view(np.complex64)[..., 0]
    scan = replace(scene.scan, array=scene.scan.array + np.float32(SIGMA) * noise)
    start = wall_and_cpu()
    reconstructed(scene, scan, **params)
    return since(start)


def memory(*scenes):
    """The greatest sum of NumPy's arrays while the step runs, beside what it foretells of a block of slices."""
    rows = []
    for scene in scenes:
        for method in ("cg-sense", "l1-wavelet"):
            params = STEP.params(method=method, n_iterations=2, weight=1e-3)
            predicted = bytes_of(scene.scan, scene.maps, params, scene.scan.n_slices)
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
    for strategy in STRATEGIES:
        radial_3d(y[:, :64], k[:64], maps, w[:64], strategy=strategy, **{**knobs, "n_iterations": 1})  # compiled
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
