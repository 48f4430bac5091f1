"""Reconstruct ten made DICOM-CT-PD scans on Ray, once per noise seed, and write docs/helical-ct.md with its picture.

    python benchmarks/helical_cohort.py [--seeds 2] [--work FOLDER]

The scans and their truth are those of tests/ctpd/ten_scans.py, the job is jobs/ct_helical_chest.yaml with the regions
of the phantom. The errors are held to the bounds of that file, as tests/ctpd/test_ten_scans.py does for three scans.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from ctpd import ten_scans as ten  # noqa: E402
from scanmill.io.nifti import read_nifti  # noqa: E402

DOCS = ROOT / "docs"
WINDOW = {"vmin": -160, "vmax": 240, "cmap": "gray", "interpolation": "nearest"}
SHOWN = ("siemens-none", "siemens-xyz", "ge-xy")

PAGE = (Path(__file__).parent / "helical_ct.md").read_text()


def table(runs):
    names = [name for name in ten.SOUND if name in runs[0]]
    head = ["scan", *(f"{method} {region}" for method in ten.METHODS for region in ten.TRUTH_HU), "noise, HU"]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for name in names:
        means = [ten.mean_error(runs, name, method, region)[0] for method in ten.METHODS for region in ten.TRUTH_HU]
        noise = [np.mean([run[name][f"metric.{method}_noise_water"] for run in runs]) for method in ten.METHODS]
        cells = [name, *(f"{mean:+.1f}" for mean in means), " / ".join(f"{n:.1f}" for n in noise)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def extremes(runs):
    """The largest error of each method, and the largest standard error."""
    found = {m: [ten.mean_error(runs, n, m, r) for n in ten.SOUND for r in ten.TRUTH_HU] for m in ten.METHODS}
    worst = {method: max(abs(mean) for mean, _ in pairs) for method, pairs in found.items()}
    return worst, max(error for pairs in found.values() for _, error in pairs)


def picture(path, folder, rows):
    figure = Figure(figsize=(3.4 * len(SHOWN), 7.0), dpi=110, layout="constrained")
    axes = figure.subplots(len(ten.METHODS), len(SHOWN))
    for line, method in zip(axes, ten.METHODS, strict=True):
        for ax, name in zip(line, SHOWN, strict=True):
            image = read_nifti(folder / rows[name][f"output.{method}"]["uri"])
            ax.imshow(image.array[image.array.shape[0] // 2], **WINDOW)
            ax.set_axis_off()
            ax.set_title(f"{name}, {method}", fontsize=9)
    figure.savefig(path)


def failures(rows):
    return "\n".join(f"- `{name}`: {rows[name]['error']}" for name in ten.DAMAGED)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--work", type=Path)
    args = parser.parse_args()
    work = args.work or Path(tempfile.mkdtemp())
    os.environ.setdefault("SCANMILL_SITE_SECRET", "of a cohort that is made")
    runs = []
    for seed in range(args.seeds):
        folder, rows = ten.run_cohort(work, seed)
        runs.append(rows)
        print(f"seed {seed}: {sum(row['status'] == 'done' for row in rows.values())} done", flush=True)
    worst, worst_error = extremes(runs)
    assert worst_error < 1.0
    assert all(worst[method] < bound for method, bound in ten.BOUND_HU.items()), worst
    text = PAGE.format(
        n_cores=os.cpu_count(), n_seeds=args.seeds, photons=ten.PHOTONS, least=ten.PHOTONS * np.exp(-160 * 0.02),
        worst=worst, worst_error=worst_error, table=table(runs), failures=failures(runs[0]),
    )  # fmt: skip
    (DOCS / "images").mkdir(exist_ok=True)
    picture(DOCS / "images" / "helical-ct.png", folder, runs[-1])
    (DOCS / "helical-ct.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
