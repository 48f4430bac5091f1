"""MRI beside BART, SigPy and plain finufft: errors first, then wall and CPU seconds; modules, a cohort, memory.

    python benchmarks/bench_mri.py [--quick] [--repeats 3] [--threads 2] [--out benchmarks/results]

The k-space is exact, of the head of Shepp and Logan under loops, with noise; all tools get the true sensitivities. The
tools take turns and get the same number of threads. Our seconds are of one scan alone: plans and kernels are made anew
in every run. BART's are those of its process with its files; what these take is told apart. Needs the extra [bench],
and `apt install bart`.
"""

import argparse
import datetime as dt
import os
import platform
import time
from functools import partial
from pathlib import Path

import mri_scenes
import numpy as np
from mri_peers import Bart, finufft_pair, sigpy_app
from mri_scenes import complex_relative, fitted, less_alike
from mri_tables import cohort, forget, memory, modules
from side_by_side import BAND, Operation, Tool, section

from scanmill.algorithms.calibration import espirit, radial_density_compensation
from scanmill.algorithms.reconstruction.mr import cg_sense
from scanmill.algorithms.reconstruction.mr.l1_wavelet import l1_wavelet
from scanmill.kernels import launch
from scanmill.operators.nufft import ACCURACY, NufftOp
from scanmill.operators.sense import sense_op
from scanmill.operators.toeplitz import ToeplitzOp

RIDGE, SPARSE = 1e-3, 2e-3
"""The weights of ‖x‖² and of the wavelets, the same for all tools."""
SPARSE_WEIGHTED = 2e-2
"""That of the wavelets where the samples have the weights of their density: another problem, met in fewer steps."""
REACHES = (1 / 3, 1 / 15), (1 / 3, 1 / 20)
"""What our seconds over BART's and SigPy's are to be along spokes: by CG-SENSE, by l1-wavelet."""
EXACT = 1e-12


Image = partial(Operation, error=fitted, difference=fitted)


def transforms(scene, threads):
    """The NUFFT and the normal operator, plans ready."""
    n, n_coils = scene.scan.matrix[-1], scene.scan.n_coils
    shape = (1, n_coils, 1, n, n)
    x = (scene.sensitivities[:, 0] * scene.truth[0]).astype(np.complex64)
    op, eps = NufftOp(scene.points, shape), ACCURACY["complex64"]
    there, back = finufft_pair(scene.points, n, n_coils, eps, threads)
    exact, exact_back = finufft_pair(scene.points, n, n_coils, EXACT, threads, "complex128")
    y, toeplitz = op(x), ToeplitzOp(scene.points, shape)
    ours, theirs, what = partial(Tool, "Scanmill"), partial(Tool, "finufft"), "error against double precision"
    truth = exact(x.astype(np.complex128))
    same = partial(Operation, what=what, error=complex_relative, difference=complex_relative)
    return [
        same("NUFFT", truth, [ours(lambda: op(x)), theirs(lambda: there(x))]),
        same("adjoint", exact_back(y.astype(np.complex128)), [ours(lambda: op.H(y)), theirs(lambda: back(y))]),
        same(
            "normal operator",
            exact_back(truth),
            [Tool("Scanmill, Toeplitz", lambda: toeplitz(x)), theirs(lambda: back(there(x)))],
        ),
    ]


def parallel_imaging(scene, bart, middle=0, n_iterations=(30, 50), reaches=((None, None), (None, None))):
    """CG-SENSE and l1-wavelet SENSE, to ``reaches`` against BART and SigPy; of a stack these do the ``middle``."""
    mask = scene.scan.sampling_mask
    sampling = {"points": scene.points} if mask is None else {"sampling_mask": mask[0]}
    parts, truth = len(scene.y), scene.truth[middle : middle + 1]
    whole = "" if parts == 1 else f", one slice × {parts}"
    bart.write_scene(scene, middle)

    def ours(method, **knobs):
        def run():
            forget()
            op = sense_op(scene.sensitivities, normal="toeplitz", **sampling)
            return method(op, scene.y, **knobs)[middle : middle + 1]

        return Tool("Scanmill", run)

    def weighted():
        forget()
        w = radial_density_compensation(scene.points)
        op = sense_op(scene.sensitivities, normal="toeplitz", weights=w, **sampling)
        return l1_wavelet(op, scene.y * np.sqrt(w, dtype=np.float32), weight=SPARSE_WEIGHTED, n_iterations=more)

    def theirs(reach, *words):
        run = partial(bart.pics, scene, *words)
        return Tool(f"BART{whole}", run, own=bart, once=parts > 1, parts=parts, reach=(reach, None))

    def sigpy(reach, app, **knobs):
        run = sigpy_app(app, scene, middle, **knobs)
        return Tool(f"SigPy{whole}", run, once=True, parts=parts, reach=(reach, None))

    few, more = n_iterations
    better = [Tool("Scanmill, density weights", weighted)] if mask is None else []
    return [
        Image(
            f"CG-SENSE, {few} iterations",
            truth,
            [
                ours(cg_sense, weight=RIDGE, n_iterations=few, gradient_tolerance=0.0),
                theirs(reaches[0][0], f"-i{few}", "-l2", f"-r{RIDGE}"),
                sigpy(reaches[0][1], "SenseRecon", lamda=RIDGE, max_iter=few),
            ],
        ),
        Image(
            f"l1-wavelet, {more} iterations",
            truth,
            [
                ours(l1_wavelet, weight=SPARSE, n_iterations=more),
                theirs(reaches[1][0], "-e", f"-i{more}", f"-RW:3:0:{SPARSE}"),
                sigpy(reaches[1][1], "L1WaveletRecon", lamda=SPARSE, wave_name="db2", max_iter=more),
                *better,
            ],
        ),
    ]


def calibration(scene, bart, width=24):
    """ESPIRiT maps, and how far they are from the true coils; BART's threshold is of σ²."""
    n, shape = scene.scan.matrix[-1], scene.sensitivities.shape[2:]
    middle = slice(n // 2 - width // 2, n // 2 + width // 2)
    block = np.ascontiguousarray(scene.y[..., middle, middle])
    bart.write(k=scene.y[0])

    def ecalib():
        bart.run("ecalib", f"-r{width}", "-m1", "k", "ecalib")
        return bart.read("ecalib", shape)

    def ours():
        return espirit(block, scene.scan.matrix, threshold=0.001**0.5).coil_sensitivities[0, 0]

    seen = np.where(abs(scene.truth[0]) > 0, scene.sensitivities[0, 0], 0)
    return [
        Operation(
            "ESPIRiT",
            seen,
            [Tool("Scanmill", ours), Tool("BART", ecalib, own=bart, reach=(1.0, None))],
            what="1 - cosine to the true coils in the head",
            error=less_alike,
            difference=less_alike,
        )
    ]


def bart_alone(scene, bart):
    """What BART's process and its files take without a reconstruction."""
    bart.write_scene(scene)
    cases = {
        "process (`version`)": [("version",)],
        "process and files (`copy` of samples, trajectory, maps)": [("copy", f, "out") for f in ("k", "traj", "maps")],
        "process, files, plan and kernel (`pics -i0`)": [("pics", "-w1", "-i0", "-t", "traj", "k", "maps", "out")],
    }
    rows = []
    for name, commands in cases.items():
        total = np.zeros(2)
        for words in commands:
            bart.run(*words)
            total += bart.seconds
        rows.append(f"| {name} | {total[0]:.3f} | {total[1]:.3f} |")
    return [f"## BART's process and files: {scene.title}", "", "| | wall s | CPU s |", "|---|---|---|", *rows, ""]


def body_of(quick, repeats, threads):
    """All sections."""
    bart, n_iterations = Bart(threads), (3, 4) if quick else (30, 50)
    scene = mri_scenes.radial(quick)
    yield section(f"Transforms: {scene.title}", transforms(scene, threads), repeats)
    yield section(scene.title, parallel_imaging(scene, bart, n_iterations=n_iterations, reaches=REACHES), repeats)
    yield bart_alone(scene, bart)
    stack = mri_scenes.cartesian(quick)
    operations = parallel_imaging(stack, bart, len(stack.y) // 2, n_iterations)
    yield section(stack.title, operations, 1 if quick else min(repeats, 2))
    middle = mri_scenes.full(quick)
    yield section(f"Calibration: {middle.title}", calibration(middle, bart), repeats)
    yield cohort(scene, 5 if quick else 100)
    yield memory(scene, stack)
    yield modules(mri_scenes.radial_3d(quick), 2 if quick else 5)


def main():
    """Write the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="tiny sizes: does it run at all? Nothing is written")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count()))
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args()
    started, body = time.perf_counter(), []
    with launch.threads(options.threads):
        for lines in body_of(options.quick, options.repeats, options.threads):
            body += lines
    today, machine = dt.datetime.now(tz=dt.UTC).date(), platform.node() or "machine"
    facts = [
        f"{platform.processor() or platform.machine()}, {options.threads} threads for every tool, complex64, "
        f"{time.perf_counter() - started:.0f} s in all. `make bench-mri`",
        "",
        f"Errors are ‖a x - r‖ / ‖r‖ with the best number a; ratios are our seconds over theirs, below 1 is faster; "
        f"ratios within {BAND:.0%} count as the same. SigPy's NUFFT uses one thread.",
    ]
    text = "\n".join([f"# MRI, {today}, {machine}", "", *facts, "", *body])
    print(text)
    if not options.quick:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / f"mri-{today}-{machine}.md").write_text(text)


if __name__ == "__main__":
    main()
