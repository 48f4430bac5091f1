"""Reconstruct measured k-space by our methods, BART's and pygrappa's, and write docs/mri.md with its pictures.

    python benchmarks/mri_measured.py [DATA]

DATA is the folder of measured data (default: SCANMILL_DATA). The methods and the scores are those of the tests, which
hold the same numbers to their bounds: tests/algorithms/reconstruction/mr/test_brain8.py, test_brain8_published.py and
test_radial_spokes.py.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from mri_pictures import differences, plane, sheet, white_of

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

import brain8  # noqa: E402
import mr_peers  # noqa: E402
import radial_spokes  # noqa: E402
from bart_tool import Bart  # noqa: E402
from scanmill.algorithms.calibration import gradient_delays  # noqa: E402
from scanmill.algorithms.reconstruction.mr import combine_coils, grappa, l1_wavelet, spirit, zero_filled  # noqa: E402
from scanmill.io.nifti import read_nifti  # noqa: E402
from scanmill.operators.sense import sense_op  # noqa: E402

DOCS = ROOT / "docs"
FOLDS = (0, 3, 6)
"""Which spokes of every seven are held out, in turn."""
PAGE = (Path(__file__).parent / "mri.md").read_text()
JOB = Path(__file__).parent / "mri_head.yaml"
SCANMILL = str(Path(sys.executable).parent / "scanmill")


def table(head, lines):
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in rows)


class Scores:
    """What reconstructions of one pattern are worth, and their pictures."""

    def __init__(self, pattern, truth):
        self.pattern, self.truth, self.lines, self.pictures = pattern, truth, [], []

    def best(self, images):
        """(weight, image) with the best PSNR of images by weight."""
        return max(images.items(), key=lambda pair: brain8.psnr(pair[1], self.truth))

    def add(self, method, ours, peer="", theirs=None, *, shown=True):
        """A line of the table, and one of pictures; ``ours`` and ``theirs`` are (weight, image)."""
        self.lines.append([self.pattern, method, *self._cells(ours), peer, *self._cells(theirs)])
        if shown:
            images = {"ours": ours[1], peer: theirs[1]}
            titles = [f"{name}: {method}, {brain8.psnr(image, self.truth):.2f} dB" for name, image in images.items()]
            fitted = [plane(brain8.fitted(image, self.truth)) for image in images.values()]
            pairs, truth = list(zip(titles, fitted, strict=True)), plane(self.truth)
            self.pictures.append([("truth", truth), *pairs, *differences(truth, pairs)])

    def _cells(self, one):
        """Weight, PSNR and SSIM."""
        if one is None:
            return ["", "", ""]
        weight, image = one
        return [weight, f"{brain8.psnr(image, self.truth):.2f}", f"{brain8.ssim(image, self.truth):.4f}"]


def undersampled(data, bart):
    """The table of the fully sampled head, what was kept of k-space in percent, and the white of the pictures."""
    full = brain8.full_kspace(data)
    truth, kept, lines = brain8.truth_of(full), {}, []
    for pattern, name in (("2x2", "2 x 2"), ("poisson", "Poisson disc")):
        mask = brain8.sampling_mask(pattern, data)
        k, scores = brain8.normed(full * mask), Scores(name, truth)
        maps = brain8.maps_of(k, mask)
        kept[pattern] = 100 * mask.mean()
        scores.add("zero-filled", ("", combine_coils(zero_filled(k), maps)), shown=False)
        add_with_weights(scores, k, mask, maps, bart)
        if pattern == "2x2":
            add_with_kernels(scores, k, mask, maps)
        sheet(DOCS / f"images/mri-{pattern}.png", scores.pictures, white_of(truth))
        lines += scores.lines
    head = ["kept", "method", "our weight", "PSNR, dB", "SSIM", "peer", "its weight", "PSNR, dB", "SSIM"]
    return table(head, lines), kept, share(white_of(truth), truth)


def add_with_weights(scores, k, mask, maps, bart):
    op = sense_op(maps, sampling_mask=mask[None])
    bart.write(k=k[0], maps=maps[0])
    for method, weights in mr_peers.WEIGHTS.items():
        ours = scores.best({w: mr_peers.ours(method, op, k, w) for w in weights})
        theirs = scores.best({w: mr_peers.of_bart(bart, method, w, op.in_shape) for w in weights})
        scores.add(method, ours, "BART", theirs)


def add_with_kernels(scores, k, mask, maps):
    def combined(kspace):
        return "", combine_coils(zero_filled(kspace), maps)

    peer = combined(mr_peers.grappa_of_pygrappa(k))
    scores.add("GRAPPA", combined(grappa(k, mask)), "pygrappa", peer)
    scores.add("GRAPPA, 5 x 5", combined(grappa(k, mask, kernel_shape=(1, 5, 5))), "pygrappa", peer, shown=False)
    scores.add("SPIRiT", combined(spirit(k, mask, n_iterations=15)), shown=False)


def share(white, image):
    """White as a part of the greatest magnitude."""
    return white / float(abs(image).max())


def scanmill(*words):
    done = subprocess.run([SCANMILL, *map(str, words), "--json"], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout)


def by_job(data, work):
    """The image of the page's job, and the weight that it found in units of k-space of norm 100."""
    scanmill("cohort", "build", data / "mr_kspace_brain8", "-o", work / "heads.parquet")
    where = ("--where", "row_key = 'ksp'", "--workers", 0)
    run = scanmill("run", JOB, "--cohort", work / "heads.parquet", *where, "--out", work / "runs")
    [row] = pq.read_table(run["results"]).to_pylist()
    image = read_nifti(Path(run["folder"]) / row["output.image"]["uri"]).array
    stored = np.fromfile(data / "mr_kspace_brain8/ksp.cfl", np.complex64)
    return image[None, None], row["metric.weight"] * 100 / float(np.linalg.norm(stored.astype(np.complex128)))


def by_maps_of_bart(bart, k, mask):
    """Magnitudes by name: BART's with our weight and with its best, and both of us in the same basis."""
    bart.write(k=k[0])
    bart("ecalib", "-m2", "k", "maps")
    op = sense_op(bart.read("maps").reshape(1, 2, 8, *brain8.SHAPE), sampling_mask=mask)
    bart("pics", "-l1", "-r0.005", "k", "maps", "x")
    images = {
        "best known": bart.read("x").reshape(op.in_shape),
        "BART": mr_peers.of_bart(bart, "l1-ESPIRiT", mr_peers.WEIGHT, op.in_shape),
        "ours, same": mr_peers.in_the_basis_of_bart(op, k, mr_peers.WEIGHT),
        "BART, same": mr_peers.of_bart_without_shifts(bart, mr_peers.WEIGHT, op.in_shape),
    }
    return {name: brain8.root_of_sets(image) for name, image in images.items()}


def published(data, bart, work):
    """The table of the second head and the white of its pictures."""
    k, reference = brain8.undersampled_kspace(data), brain8.published_image(data)
    mask, weight = (k != 0).any(axis=1), mr_peers.WEIGHT
    op = sense_op(brain8.maps_of(k, mask[0], n_sets=2), sampling_mask=mask)
    images = by_maps_of_bart(bart, k, mask) | {"ours": brain8.root_of_sets(l1_wavelet(op, k, weight=weight))}
    images["job"], found = by_job(data, work)
    error = {name: brain8.nrmse(image, reference) for name, image in images.items()}
    against = brain8.nrmse(images["ours, same"], images["BART, same"])
    lines = [
        ["ours, our maps", "the published image", weight, f"**{error['ours']:.2%}**", "7 %"],
        ["the job above", "the published image", f"{found:.4f}, found", f"**{error['job']:.2%}**", "7 %"],
        ["BART, its maps", "the published image", weight, f"{error['BART']:.2%}", ""],
        ["BART, `pics -l1 -r0.005`", "the published image", "0.005 of its scale", f"{error['best known']:.2%}", ""],
        ["ours, BART's maps and basis", "BART, the same", weight, f"**{against:.2%}**", "2 %"],
    ]
    fitted = {name: plane(images[name]) * factor(images[name], reference) for name in ("ours", "BART")}
    shown = [(f"{name}: {error[name]:.2%}", image) for name, image in fitted.items()]
    line = [("published", plane(reference)), *shown, *differences(plane(reference), shown)]
    sheet(DOCS / "images/mri-eighth.png", [line], white_of(reference))
    return table(["image", "beside", "weight", "NRMSE", "bound"], lines), share(white_of(reference), reference)


def factor(image, reference):
    """What brings the magnitude of an image nearest to that of the reference."""
    x, r = (plane(i).astype(np.float64) for i in (image, reference))
    return (x * r).sum() / (x * x).sum()


def spokes(data, bart):
    """NRMSE of NLINV to that of BART, the table of the delays, and the white of the pictures."""
    k, given = radial_spokes.spokes(data), radial_spokes.DELAYS
    theirs = radial_spokes.of_bart(bart, k)
    ours, _ = radial_spokes.reconstructed(k, given, grid=radial_spokes.GRID_OF_BART)
    scale = factor(ours, theirs)
    near = ("ours", plane(ours) * scale)
    line = [("BART", plane(theirs)), near, *differences(plane(theirs), [near])]
    for title, delays in (("ours, without delays", radial_spokes.NONE), ("ours, sign flipped", -given)):
        image, _ = radial_spokes.reconstructed(k, delays, grid=radial_spokes.GRID_OF_BART)
        line.append((title, plane(image) * scale))
    sheet(DOCS / "images/mri-spokes.png", [line], white_of(theirs))
    return brain8.nrmse(plane(ours), plane(theirs)), delay_table(k, bart), share(white_of(theirs), theirs)


def delay_table(k, bart):
    given = radial_spokes.DELAYS
    kinds = {
        "given": given,
        "RING": gradient_delays(k[0], radial_spokes.points()),
        "BART": radial_spokes.delays_of_bart(bart, k),
        "none": radial_spokes.NONE,
        "sign flipped": -given,
    }
    lines = []
    for name, delays in kinds.items():
        found = [radial_spokes.unforeseen(k, delays, fold) for fold in FOLDS]
        numbers = [f"{delays[i, j] + 0.0:+.3f}" for i, j in ((0, 0), (1, 1), (0, 1))]
        lines.append([name, *numbers, f"{np.mean(found):.3f} ({min(found):.3f} to {max(found):.3f})"])
    return table(["delays", "x, samples", "y", "xy", "residual on held-out spokes"], lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = os.environ.get("SCANMILL_DATA", ROOT.parent / "shared/data")
    parser.add_argument("data", nargs="?", default=default, type=Path)
    chosen = parser.parse_args()
    if shutil.which("bart") is None:
        sys.exit("BART is not installed: apt install bart")
    os.environ.setdefault("SCANMILL_SITE_SECRET", "of measured data that name nobody")
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        bart = Bart(work)
        first, kept, head = undersampled(chosen.data, bart)
        second, eighth = published(chosen.data, bart, work)
        nlinv, delays, bricks = spokes(chosen.data, bart)
        version = bart("version").strip()
    grids = "; ".join(f"{method} {', '.join(map(str, w))}" for method, w in mr_peers.WEIGHTS.items())
    text = PAGE.format(
        bart_version=version, n_cores=os.cpu_count(), job=JOB.read_text(), kept=kept, weights=grids, undersampled=first,
        published=second, nlinv=nlinv, delays=delays, n_spokes=radial_spokes.N_SPOKES, n_folds=len(FOLDS),
        n_samples=radial_spokes.N_SAMPLES, window={"head": head, "eighth": eighth, "spokes": bricks},
    )  # fmt: skip
    (DOCS / "mri.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
