"""CT and MRI of 23 brains as one: seconds of a method on all of them, its measures timed apart."""

import os
import statistics
from pathlib import Path

import numpy as np
from bench_projection import since, wall_and_cpu
from PIL import Image

METHODS = "laplacian", "dwt", "pca", "average", "guided", "swt", "shearlet"
REACH = {"laplacian": 1.0, "dwt": 1.0}
"""Wall seconds for all pairs."""
MEASURES = "entropy", "spatial frequency", "average gradient", "MI", "Q_AB/F", "N_AB/F", "SSIM", "VIF", "SCD"
HEAD = "| method | wall s | CPU s | reach | measures, wall s | " + " | ".join(MEASURES) + " |"


def fused():
    """The section: every method on all pairs, PCA beside them."""
    from scanmill.algorithms.fusion import fuse, unit_ranges

    pairs = [unit_ranges(pair) for pair in read_pairs()]
    rows = []
    for method in METHODS:
        fuse(pairs[0], method)  # compiled and warm
        start = wall_and_cpu()
        images = [fuse(pair, method) for pair in pairs]
        seconds, start = since(start), wall_and_cpu()
        measures = [_measures(image, pair) for image, pair in zip(images, pairs, strict=True)]
        apart = since(start)[0]
        reach = f"{REACH[method]:g}, {'reached' if seconds[0] < REACH[method] else 'missed'}" if method in REACH else ""
        cells = [method, f"{seconds[0]:.3f}", f"{seconds[1]:.3f}", reach, f"{apart:.2f}"]
        cells += [f"{statistics.mean(column):.3f}" for column in zip(*measures, strict=True)]
        rows.append("| " + " | ".join(cells) + " |")
        print(rows[-1], flush=True)
    title = f"## Fusion of {len(pairs)} pairs of CT and MRI, 256²"
    return [title, "", "Means over the pairs.", "", HEAD, "|---" * (5 + len(MEASURES)) + "|", *rows, ""]


def read_pairs():
    """CT and MRI (y, x), float32."""
    folder = Path(os.environ.get("SCANMILL_DATA", "shared/data")) / "fusion_pairs_ct_mri"
    numbers = sorted(int(path.stem[2:]) for path in folder.glob("CT*.png"))
    return [[_grey(folder / f"{name}{number}.png") for name in ("CT", "MRI")] for number in numbers]


def _grey(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("L"), np.float32)


def _measures(image, pair):
    from scanmill.algorithms import quality as q

    edges = q.edge_transfer(image, pair)
    return (
        q.entropy(image, limits=(0, 1)),
        q.spatial_frequency(image),
        q.average_gradient(image),
        sum(q.mutual_information(image, one) for one in pair),
        edges.kept,
        edges.made_up,
        statistics.mean(q.ssim(image, one) for one in pair),
        statistics.mean(q.visual_information_fidelity(image, one) for one in pair),
        q.sum_of_difference_correlations(image, pair),
    )
