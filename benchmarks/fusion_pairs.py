"""Fuse the pairs of CT and MRI by the cohort job jobs/ct_mr_fusion.yaml, and write docs/fusion.md with its picture.

    python benchmarks/fusion_pairs.py [DATA]

DATA is the folder of measured data (default: SCANMILL_DATA). Scores are the job's results; seconds are measured here,
in this process, on all pairs, without reading and writing. The number of threads is that of the numeric libraries.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow.parquet as pq
from mri_pictures import sheet

from scanmill.algorithms import quality
from scanmill.algorithms.fusion import fuse
from scanmill.algorithms.rendering import checkerboard, overlay
from scanmill.engine.spec import load_job
from scanmill.io.card import load_card
from scanmill.io.nifti import read_nifti

ROOT = Path(__file__).parents[1]
JOB, DOCS = ROOT / "jobs/ct_mr_fusion.yaml", ROOT / "docs"
PAGE = (Path(__file__).parent / "fusion.md").read_text()
CLI = "import sys; from scanmill.cli import app; app()"
REPEATS = 5
WHITE = 255
SHOWN_PAIRS = (9, 20)
SHOWN = ("pca", "laplacian", "laplacian_bright", "dwt", "shearlet", "guided")
A_LINE = 5
SCORES = {
    "entropy": "EN, bit", "standard_deviation": "SD", "spatial_frequency": "SF", "average_gradient": "AG",
    "mutual_information": "MI, bit", "nmi": "NMI", "q_abf": "Q_AB/F", "n_abf": "N_AB/F", "ssim": "SSIM", "vif": "VIF",
    "scd": "SCD",
}  # fmt: skip
BEST_IS_LEAST = {"n_abf"}


def table(head, lines):
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in rows)


def scanmill(*words):
    done = subprocess.run([sys.executable, "-c", CLI, *map(str, words), "--json"], capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout)


def by_job(data, work):
    """The run folder and the rows of its results, one a pair, by number."""
    scanmill("cohort", "build", data, "--card", "ct_mri_pairs", "-o", work / "pairs.parquet")
    run = scanmill("run", JOB, "--cohort", work / "pairs.parquet", "--workers", 0, "--out", work / "runs")
    rows = pq.read_table(run["results"]).to_pylist()
    return Path(run["folder"]), {row["number"]: row for row in rows if row["status"] == "done"}


def methods():
    """The job's parameters of `fuse` by the name under which the result is saved."""
    [stage] = load_job(JOB).stages
    return {spec.out["image"]: spec.params for spec in stage.steps if spec.use == "fuse"}


def scores(rows, names):
    """The table of means over the pairs, the best of each score in bold."""
    means = {
        name: {s: statistics.mean(row[f"metric.{name}_{s}"] for row in rows.values()) for s in SCORES} for name in names
    }
    best = {s: (min if s in BEST_IS_LEAST else max)(means.values(), key=lambda m, s=s: m[s])[s] for s in SCORES}
    lines = [
        [f"`{name}`", *(f"**{v:.3f}**" if v == best[s] else f"{v:.3f}" for s, v in found.items())]
        for name, found in means.items()
    ]
    return table(["method", *SCORES.values()], lines)


def beside_pca(rows, names):
    """In how many pairs a method's score is better than that of plain PCA."""
    shown = {"spatial_frequency": "SF", "q_abf": "Q_AB/F", "ssim": "SSIM", "vif": "VIF", "scd": "SCD"}
    lines = []
    for name in names:
        if name != "pca":
            wins = [sum(r[f"metric.{name}_{s}"] > r[f"metric.pca_{s}"] for r in rows.values()) for s in shown]
            lines.append([f"`{name}`", *wins])
    return table(["method", *shown.values()], lines)


def clocked(work, pairs):
    """Median CPU and wall seconds of ``work`` on all pairs, once warm."""
    work(*pairs[0])
    clocks = []
    for _ in range(REPEATS):
        start = time.process_time(), time.perf_counter()
        for pair in pairs:
            work(*pair)
        clocks.append((time.process_time() - start[0], time.perf_counter() - start[1]))
    return [f"{statistics.median(c[i] for c in clocks):.2f}" for i in (0, 1)]


def seconds_of_methods(pairs, chosen):
    lines = []
    for name, params in chosen.items():
        knobs = {key: value for key, value in params.items() if key in ("method", "rule", "base")}
        lines.append([f"`{name}`", *clocked(lambda ct, mr, knobs=knobs: fuse([ct, mr], **knobs), pairs)])
    return table(["method", "CPU s", "wall s"], lines)


def seconds_of_measures(pairs):
    bins = {"limits": (0, WHITE), "reference_limits": (0, WHITE)}
    measures = {
        "EN": lambda f, ct, mr: quality.entropy(f, limits=(0, WHITE)),
        "SF": lambda f, ct, mr: quality.spatial_frequency(f),
        "AG": lambda f, ct, mr: quality.average_gradient(f),
        "MI": lambda f, ct, mr: [quality.mutual_information(f, one, **bins) for one in (ct, mr)],
        "Q, L and N_AB/F": lambda f, ct, mr: quality.edge_transfer(f, [ct, mr]),
        "SSIM": lambda f, ct, mr: [quality.ssim(f, one, data_range=WHITE) for one in (ct, mr)],
        "VIF": lambda f, ct, mr: [quality.visual_information_fidelity(f, one, data_range=WHITE) for one in (ct, mr)],
        "SCD": lambda f, ct, mr: quality.sum_of_difference_correlations(f, [ct, mr]),
    }
    fused = [(fuse([ct, mr]), ct, mr) for ct, mr in pairs]
    return table(["measure", "CPU s", "wall s"], [[name, *clocked(work, fused)] for name, work in measures.items()])


def montage(folder, rows, volumes):
    """Of some pairs CT, MRI, the fused images of the job, an overlay and a checkerboard, two lines a pair."""
    lines = []
    for number in SHOWN_PAIRS:
        ct, mr = (image[0] for image in volumes[number])
        fused = [(name, read_nifti(folder / rows[number][f"output.{name}"]["uri"]).array[0]) for name in SHOWN]
        drawn = [("CT hot over MRI", overlay(mr, ct, alpha=0.8)), ("checkerboard", checkerboard(ct, mr))]
        pictures = [(f"CT {number}", ct), (f"MRI {number}", mr), *fused, *drawn]
        lines += [pictures[:A_LINE], pictures[A_LINE:]]
    sheet(DOCS / "images/fusion.png", lines, WHITE)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = os.environ.get("SCANMILL_DATA", ROOT.parent / "shared/data")
    parser.add_argument("data", nargs="?", default=default, type=Path)
    folder = parser.parse_args().data / "fusion_pairs_ct_mri"
    os.environ.setdefault("SCANMILL_SITE_SECRET", "of measured data that name nobody")
    card, chosen = load_card("ct_mri_pairs"), methods()
    volumes = {}
    for row in card.rows(folder):
        read = (card.read(role, {p: folder / p for p in row.files[role]}).array for role in ("fixed", "moving"))
        volumes[row.columns["number"]] = tuple(read)
    pairs = [volumes[number] for number in sorted(volumes)]
    with tempfile.TemporaryDirectory() as work:
        run, rows = by_job(folder, Path(work))
        montage(run, rows, volumes)
    text = PAGE.format(
        n_pairs=len(volumes), n_done=len(rows), n_cores=os.cpu_count(), repeats=REPEATS, scores=scores(rows, chosen),
        wins=beside_pca(rows, chosen), methods=seconds_of_methods(pairs, chosen), measures=seconds_of_measures(pairs),
    )  # fmt: skip
    (DOCS / "fusion.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
