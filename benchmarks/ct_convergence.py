"""Every reconstruction algorithm against the analytic truth, per iteration and per second: docs/ct-algorithms.md.

    python benchmarks/ct_convergence.py [--quick]

Four scans of the head of Shepp and Logan, simulated by exact line integrals (no projector of ours): all views, few
views, few photons, and a cone. The error is ‖x - truth‖ / ‖truth‖, the truth being the phantom's mean in every voxel.
A new method is one line in METHODS; seconds are the algorithm's own, without the time that judging takes.
"""

import argparse
import os
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from scanmill.algorithms import reconstruction as ct
from scanmill.data import Projections
from scanmill.geometry import ScanGeometry, VolumeGeometry
from scanmill.operators.projection import ProjectionOp
from scanmill.operators.stack import StackOp
from scanmill.phantoms import shepp_logan_2d, shepp_logan_3d

DOCS = Path(__file__).parents[1] / "docs"
HALF_TURN = np.arange(180) * np.pi / 180


@dataclass(frozen=True)
class Case:
    """A scan with its noise, its projector and the truth; ``tv`` and the others are weights that suit it."""

    title: str
    lines: Projections
    op: ProjectionOp
    truth: np.ndarray
    photons: float
    tv: float
    wavelet: float
    nuclear: float
    pwls: float
    exact: np.ndarray
    emission: np.ndarray
    quick: bool

    def n(self, n_iterations):
        return max(2, n_iterations // 10) if self.quick else n_iterations

    @property
    def grid(self):
        return self.op.volume_geometry

    @property
    def y(self):
        return self.lines.array

    @property
    def noise(self):
        """‖y - exact‖ / ‖y‖, as a user knows it from the photons: the sum of the variances of the line integrals."""
        return float(np.sqrt(np.sum(1 / ct.photon_weights(self.lines))) / np.linalg.norm(self.y))


def case(title, phantom, scan, grid, *, photons=1e6, tv, wavelet, nuclear, pwls, quick):
    rng = np.random.default_rng(0)
    exact = phantom.line_integrals(scan, supersampling=4)
    counts = np.maximum(rng.poisson(photons * np.exp(-exact)), 0.5)
    lines = Projections(-np.log(counts / photons).astype(np.float32), scan, photons=photons)
    emission = (rng.poisson(photons / 100 * np.maximum(exact, 0)) / (photons / 100)).astype(np.float32)
    truth = phantom.voxels(grid, supersampling=5).array
    return Case(
        title, lines, ProjectionOp(grid, scan), truth, photons, tv, wavelet, nuclear, pwls, exact, emission, quick
    )


def cases(quick):
    grid = VolumeGeometry.centered((1, 128, 128), (1.6, 1.6, 1.6))
    cube = VolumeGeometry.centered((40, 40, 40), (5.0, 5.0, 5.0))
    full = ScanGeometry.parallel(HALF_TURN, 192, 1.2, row_spacing=1.6)
    cone = ScanGeometry.cone(
        np.arange(48) * np.pi / 24, 80, 5.6, n_rows=80, row_spacing=5.6, source_to_isocenter=500.0,
        source_to_detector=1000.0,
    )  # fmt: skip
    head, ball = shepp_logan_2d(), shepp_logan_3d()
    yield case("180 views, 10⁶ photons", head, full, grid, tv=3.0, wavelet=1.5, nuclear=300.0, pwls=2e8, quick=quick)
    yield case(
        "20 views, 10⁶ photons",
        head,
        full.views(slice(0, None, 9)),
        grid,
        tv=0.2,
        wavelet=0.1,
        nuclear=30.0,
        pwls=3e7,
        quick=quick,
    )
    yield case(
        "180 views, 2000 photons",
        head,
        full,
        grid,
        photons=2e3,
        tv=2.0,
        wavelet=4.0,
        nuclear=1000.0,
        pwls=5e5,
        quick=quick,
    )
    yield case(
        "cone, 48 views, 10⁶ photons", ball, cone, cube, tv=10.0, wavelet=6.0, nuclear=4000.0, pwls=1e9, quick=quick
    )


def filtered(c):
    return (ct.fdk if c.grid.shape[0] > 1 else ct.fbp)(c.lines, c.grid, window="hann").array


def few(c, at_least=1):
    """Ten subsets, or as many as the views allow."""
    return min(10, len(c.y) // at_least)


def low_rank(c, see):
    """Four energies of one object, each with its own noise and a quarter of the photons; judged is their mean."""
    rng, shares = np.random.default_rng(1), np.array([1.0, 0.9, 0.8, 0.7], np.float32)
    counts = rng.poisson(c.photons / len(shares) * np.exp(-shares[:, None, None, None] * c.exact))
    y = -np.log(np.maximum(counts, 0.5) / (c.photons / len(shares))).astype(np.float32)
    op = StackOp([c.op] * len(shares))

    def judged(status):
        mean = np.tensordot(shares, status.image, 1) / (shares @ shares)
        return see(replace(status, image=mean))

    return ct.fista_nuclear(op, y, weight=c.nuclear, n_iterations=c.n(100), callback=judged)


METHODS = {
    "FBP, FDK (Hann)": (lambda c, see: filtered(c), "black"),
    "SIRT": (lambda c, see: ct.sirt(c.op, c.y, n_iterations=c.n(100), callback=see), "#1f77b4"),
    "SART": (lambda c, see: ct.sart(c.op, c.y, n_iterations=c.n(6), callback=see), "#17becf"),
    "OS-SART": (lambda c, see: ct.os_sart(c.op, c.y, n_iterations=c.n(40), n_subsets=few(c), callback=see), "#9edae5"),
    "CGLS": (lambda c, see: ct.cgls(c.op, c.y, n_iterations=c.n(40), callback=see), "#2ca02c"),
    "LSQR": (lambda c, see: ct.lsqr(c.op, c.y, n_iterations=c.n(40), callback=see), "#98df8a"),
    "TV (PDHG)": (lambda c, see: ct.pdhg_tv(c.op, c.y, weight=c.tv, n_iterations=c.n(200), callback=see), "#d62728"),
    "TV (FISTA)": (
        lambda c, see: ct.fista_tv(c.op, c.y, weight=c.tv, n_iterations=c.n(100), n_inner=10, callback=see),
        "#ff9896",
    ),
    "ASD-POCS": (
        lambda c, see: ct.asd_pocs(
            c.op, c.y, n_iterations=c.n(60), n_subsets=few(c), residual_tolerance=c.noise, callback=see
        ),
        "#ff7f0e",
    ),
    "wavelets (FISTA)": (
        lambda c, see: ct.fista_wavelet(c.op, c.y, weight=c.wavelet, n_iterations=c.n(100), callback=see),
        "#bcbd22",
    ),
    "low rank (4 energies)": (low_rank, "#e377c2"),
    "PWLS (Huber)": (
        lambda c, see: ct.pwls(
            c.op, c.y, ct.photon_weights(c.lines), weight=c.pwls, delta=1e-3, n_subsets=few(c, 10),
            n_iterations=c.n(40), callback=see,
        ),
        "#9467bd",
    ),
    "PWLS (TV)": (
        lambda c, see: ct.pwls(
            c.op, c.y, ct.photon_weights(c.lines), weight=c.pwls * 1e-3, delta=2e-4, penalty="tv",
            n_subsets=few(c, 10), n_iterations=c.n(40), callback=see,
        ),
        "#c5b0d5",
    ),
    "ML-TR": (
        lambda c, see: ct.ml_tr(
            c.op, c.photons * np.exp(-c.y), c.photons, n_subsets=few(c, 10), n_iterations=c.n(40), callback=see
        ),
        "#8c564b",
    ),
    "MLEM (emission)": (lambda c, see: ct.mlem(c.op, c.emission, n_iterations=c.n(100), callback=see), "#7f7f7f"),
    "OSEM (emission)": (
        lambda c, see: ct.osem(c.op, c.emission, n_subsets=few(c), n_iterations=c.n(20), callback=see), "#c7c7c7",
    ),
}  # fmt: skip
"""Name -> (how it runs on a case, with a callback; its colour)."""


class Judge:
    """The callback: the error of every image, and the seconds without those spent here."""

    def __init__(self, truth):
        self.truth, self.errors, self.seconds = truth, [], []
        self._started, self._away = time.perf_counter(), 0.0

    def __call__(self, status):
        self.add(status.image)

    def add(self, image):
        now = time.perf_counter()
        self.errors.append(float(np.linalg.norm(image - self.truth) / np.linalg.norm(self.truth)))
        self.seconds.append(now - self._started - self._away)
        self._away += time.perf_counter() - now


def judged(method, c):
    method(replace(c, quick=True), lambda status: "stop")  # compiled and warm
    judge = Judge(c.truth)
    image = method(c, judge)
    if not judge.errors:
        judge.add(image)
    return judge


def picture(path, results):
    figure = Figure(figsize=(13, 6.4), dpi=120, layout="constrained")
    for i, (title, judges) in enumerate(results.items()):
        for row, unit in enumerate(("iterations", "seconds")):
            axes = figure.add_subplot(2, len(results), row * len(results) + i + 1)
            for name, judge in judges.items():
                x = judge.seconds if row else np.arange(1, len(judge.errors) + 1)
                style = {"color": METHODS[name][1], "lw": 1.4}
                if len(judge.errors) == 1:
                    axes.plot(x, judge.errors, "*", ms=9, label=name, **style)
                else:
                    axes.plot(x, judge.errors, label=name, **style)
            axes.set(xscale="log", yscale="log", xlabel=unit, ylim=(0.02, 1.2))
            axes.set_yticks([0.02, 0.05, 0.1, 0.2, 0.5, 1], ["0.02", "0.05", "0.1", "0.2", "0.5", "1"])
            axes.minorticks_off() if row else None
            axes.grid(alpha=0.25, lw=0.5)
            axes.spines[["top", "right"]].set_visible(False)
            if row == 0:
                axes.set_title(title, fontsize=10)
            if i == 0:
                axes.set_ylabel("error against the truth")
    handles, names = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=8, frameon=False, fontsize=8)
    figure.savefig(path)


def table(results):
    head = "| method | " + " | ".join(results) + " |"
    lines = [head, "|---|" + "---|" * len(results)]
    for name in METHODS:
        cells = []
        for judges in results.values():
            errors, seconds = judges[name].errors, judges[name].seconds
            best = int(np.argmin(errors))
            ending = f" ({errors[-1]:.3f} at {len(errors)})" if errors[-1] > 1.05 * errors[best] else ""
            turn = f" in {best + 1}," if len(errors) > 1 else ","
            cells.append(f"**{errors[best]:.3f}**{turn} {seconds[best]:.2f} s{ending}")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the iterations, for a look at the script")
    parser.add_argument("--docs", type=Path, default=DOCS)
    chosen = parser.parse_args()
    started, results = time.perf_counter(), {}
    for c in cases(chosen.quick):
        results[c.title] = {}
        for name, (method, _) in METHODS.items():
            judge = results[c.title][name] = judged(method, c)
            print(f"{c.title:30} {name:18} {min(judge.errors):.4f} {judge.seconds[-1]:8.2f} s", flush=True)
    (chosen.docs / "images").mkdir(parents=True, exist_ok=True)
    picture(chosen.docs / "images/ct-convergence.png", results)
    template = (Path(__file__).parent / "ct_algorithms.md").read_text()
    text = template.replace("{table}", table(results)).replace("{n_cores}", str(os.cpu_count()))
    (chosen.docs / "ct-algorithms.md").write_text(text)
    print(f"{time.perf_counter() - started:.0f} s in all")


if __name__ == "__main__":
    main()
