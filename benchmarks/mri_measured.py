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
from matplotlib.figure import Figure

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
PAGE = (Path(__file__).parent / "mri.md").read_text()
JOB = Path(__file__).parent / "mri_head.yaml"
SCANMILL = str(Path(sys.executable).parent / "scanmill")
BRIGHTER = 5
"""How much brighter than images their differences are shown."""
WEIGHT = 0.003
"""Of the head of which an eighth was measured."""
GRID = (1, 194, 192)
"""What BART makes of the spokes: the delays push one axis beyond 192."""


def table(head, lines):
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in rows)


def plane(image):
    return abs(image).reshape(image.shape[-2:])


def top(image, quantile=0.995):
    """White of a picture: almost all of what is not background is darker."""
    return float(np.quantile(plane(image)[plane(image) > 0.1 * plane(image).max()], quantile))


def sheet(path, lines, white):
    """Lines of (title, image) on black; images are shown from 0 to ``white``."""
    columns, (height, width) = max(map(len, lines)), lines[0][0][1].shape
    size = (1.9 * columns, len(lines) * (1.9 * height / width + 0.25))
    figure = Figure(figsize=size, dpi=120, facecolor="black", layout="constrained")
    figure.get_layout_engine().set(w_pad=0.01, h_pad=0.02, hspace=0, wspace=0)
    axes = np.atleast_2d(figure.subplots(len(lines), columns, squeeze=False))
    for line, row in zip(lines, axes, strict=True):
        for ax in row:
            ax.set_axis_off()
        for ax, (title, image) in zip(row, line, strict=False):
            ax.imshow(image, cmap="gray", vmin=0, vmax=white, interpolation="nearest")
            ax.set_title(title, color="white", fontsize=8)
    figure.savefig(path, facecolor="black")


class Scores:
    """What reconstructions of one pattern are worth, and their pictures."""

    def __init__(self, truth):
        self.truth, self.lines, self.pictures = truth, [], []

    def of(self, image):
        return brain8.psnr(image, self.truth), brain8.ssim(image, self.truth)

    def best(self, images):
        """(weight, image) with the best PSNR of images by weight."""
        return max(images.items(), key=lambda pair: brain8.psnr(pair[1], self.truth))

    def add(self, pattern, method, ours, peer="", theirs=None, *, shown=True):
        """A line of the table and one of the pictures; ``ours`` and ``theirs`` are (weight, image)."""
        cells = [pattern, method]
        for name, one in (("", ours), (peer, theirs)):
            weight, image = one or ("", None)
            cells += [name] if one is theirs else []
            cells += [weight, *(f"{x:.{n}f}" for x, n in zip(self.of(image), (2, 4), strict=True))] if one else [""] * 3
        self.lines.append(cells)
        if shown:
            self.pictures.append(self._line(method, ours[1], peer, theirs and theirs[1]))

    def _line(self, method, ours, peer, theirs):
        truth = plane(self.truth)
        both = [(f"{method}, ours", ours), (f"{method}, {peer}", theirs)]
        shown = [(name, plane(brain8.fitted(image, self.truth)), self.of(image)[0]) for name, image in both]
        images = [(f"{name}: {psnr:.2f} dB", image) for name, image, psnr in shown]
        differences = [(f"difference, {name.split(', ')[1]}", BRIGHTER * abs(i - truth)) for name, i, _ in shown]
        return [("truth", truth), *images, *differences]


def undersampled(data, bart):
    """The table of the fully sampled head, what was kept of k-space in percent, and the white of the pictures."""
    full = brain8.full_kspace(data)
    truth, kept, lines = brain8.truth_of(full), {}, []
    for pattern, name in (("2x2", "2 x 2"), ("poisson", "Poisson, an eighth")):
        mask = brain8.sampling_mask(pattern, data)
        k, scores = brain8.normed(full * mask), Scores(truth)
        maps = brain8.maps_of(k, mask)
        kept[pattern] = 100 * mask.mean()
        scores.add(name, "zero-filled", ("", combine_coils(zero_filled(k), maps)), shown=False)
        by_weights(name, k, mask, maps, bart, scores)
        if pattern == "2x2":
            by_kernels(name, k, mask, maps, scores)
        sheet(DOCS / f"images/mri-{pattern}.png", scores.pictures, top(truth))
        lines += scores.lines
    head = ["kept", "method", "our weight", "PSNR, dB", "SSIM", "peer", "its weight", "PSNR, dB", "SSIM"]
    return table(head, lines), kept, top(truth) / abs(truth).max()


def by_weights(name, k, mask, maps, bart, scores):
    op = sense_op(maps, sampling_mask=mask[None])
    bart.write(k=k[0], maps=maps[0])
    for method, weights in mr_peers.WEIGHTS.items():
        ours = scores.best({w: mr_peers.ours(method, op, k, w) for w in weights})
        theirs = scores.best({w: mr_peers.of_bart(bart, method, w, op.in_shape) for w in weights})
        scores.add(name, method, ours, "BART", theirs)


def by_kernels(name, k, mask, maps, scores):
    def combined(kspace):
        return "", combine_coils(zero_filled(kspace), maps)

    peer = combined(mr_peers.grappa_of_pygrappa(k))
    scores.add(name, "GRAPPA", combined(grappa(k, mask)), "pygrappa", peer)
    scores.add(name, "GRAPPA 5 x 5", combined(grappa(k, mask, kernel_shape=(1, 5, 5))), "pygrappa", peer, shown=False)
    scores.add(name, "SPIRiT", combined(spirit(k, mask, n_iterations=15)), shown=False)


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


def published(data, bart, work):
    """The table of the second head and the white of its pictures."""
    k, reference = brain8.undersampled_kspace(data), brain8.published_image(data)
    mask = (k != 0).any(axis=1)
    op = sense_op(brain8.maps_of(k, mask[0], n_sets=2), sampling_mask=mask)
    ours = brain8.root_of_sets(l1_wavelet(op, k, weight=WEIGHT))
    job, found = by_job(data, work)
    bart.write(k=k[0])
    bart("ecalib", "-m2", "k", "maps")
    op = sense_op(bart.read("maps").reshape(op.in_shape[0], 2, 8, *brain8.SHAPE), sampling_mask=mask)
    theirs = brain8.root_of_sets(mr_peers.of_bart_without_shifts(bart, WEIGHT, op.in_shape))
    same = brain8.root_of_sets(mr_peers.in_the_basis_of_bart(op, k, WEIGHT))
    error = {name: brain8.nrmse(x, reference) for name, x in (("ours", ours), ("job", job), ("BART", theirs))}
    lines = [
        ["ours, our maps, wavelets shifted", "the published image", WEIGHT, f"**{error['ours']:.2%}**", "7 %"],
        ["the job above, weight found", "the published image", f"{found:.4f}", f"{error['job']:.2%}", "7 %"],
        ["BART, its maps", "the published image", WEIGHT, f"{error['BART']:.2%}", ""],
        ["ours, BART's maps and basis", "BART, the same maps", WEIGHT, f"**{brain8.nrmse(same, theirs):.2%}**", "2 %"],
    ]
    shown = [("published", plane(reference))]
    shown += [
        (f"{name}: {error[name]:.2%}", plane(fit(x, reference))) for name, x in (("ours", ours), ("BART", theirs))
    ]
    shown += [(f"difference, {t.split(':')[0]}", BRIGHTER * abs(x - shown[0][1])) for t, x in shown[1:]]
    white = top(reference)
    sheet(DOCS / "images/mri-eighth.png", [shown], white)
    return table(["image", "beside", "weight", "NRMSE", "bound"], lines), white / abs(reference).max()


def fit(image, reference):
    """The magnitude of an image times the number that brings it nearest to the reference."""
    x, r = (abs(i).astype(np.float64) for i in (image, reference))
    return x * ((x * r).sum() / (x * x).sum())


def spokes(data, bart):
    """NRMSE of NLINV to that of BART, the table of the delays, and the white of the pictures."""
    k, given = radial_spokes.spokes(data), radial_spokes.DELAYS
    bart.write(k=k[0][..., None], points=in_space(radial_spokes.points(given) / 2))
    bart("nlinv", "-i", 10, "-t", "points", "k", "image")
    theirs, ours = bart.read("image"), radial_spokes.reconstructed(k, given, grid=GRID)[0]
    white, kinds = top(theirs), all_delays(k, bart)
    images = {name: radial_spokes.reconstructed(k, kinds[name])[0] for name in ("none", "sign flipped")}
    shown = [("BART", plane(theirs)), ("ours", plane(fit(plane(ours), plane(theirs))))]
    shown.append(("difference", BRIGHTER * abs(shown[1][1] - shown[0][1])))
    titles = {"none": "ours, without delays", "sign flipped": "ours, sign flipped"}
    shown += [(titles[name], plane(image) * shown[1][1].max() / abs(ours).max()) for name, image in images.items()]
    sheet(DOCS / "images/mri-spokes.png", [shown], white)
    return brain8.nrmse(plane(ours), plane(theirs)), delay_table(k, kinds), white / float(abs(theirs).max())


def in_space(points):
    """Points with a third coordinate, as BART wants them."""
    return np.pad(points, [(0, 0), (0, 0), (0, 1)])


def all_delays(k, bart):
    """Matrices of delays by name."""
    bart.write(samples=k[0][..., None], meant=in_space(radial_spokes.points()))
    xx, yy, xy = map(float, bart("estdelay", "meant", "samples").strip().split(":"))
    given = radial_spokes.DELAYS
    return {
        "given": given,
        "RING": gradient_delays(k[0], radial_spokes.points()),
        "BART": np.array([[xx, xy], [xy, yy]]),
        "none": radial_spokes.NONE,
        "sign flipped": -given,
    }


def delay_table(k, kinds):
    lines = []
    for name, delays in kinds.items():
        found = [radial_spokes.unforeseen(k, delays, fold) for fold in range(radial_spokes.N_FOLDS)]
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
        published=second, nlinv=nlinv, delays=delays, n_spokes=radial_spokes.N_SPOKES,
        n_samples=radial_spokes.N_SAMPLES, window={"head": head, "eighth": eighth, "spokes": bricks},
    )  # fmt: skip
    (DOCS / "mri.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
