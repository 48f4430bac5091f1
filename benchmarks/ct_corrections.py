"""What each correction of the projections gains on phantoms: docs/ct-corrections.md with its pictures.

    python benchmarks/ct_corrections.py

Every phantom is analytic; scatter comes from a Monte Carlo. Nothing is simulated with the projector.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from scanmill.algorithms.preparation import correction, line_integrals
from scanmill.algorithms.preparation.calibration import Misalignment, calibrate, find_balls, misaligned, rectify
from scanmill.algorithms.reconstruction.fbp import fbp
from scanmill.algorithms.reconstruction.fdk import fdk
from scanmill.data import Projections
from scanmill.geometry import ScanGeometry, VolumeGeometry
from scanmill.operators.projection import ProjectionOp
from scanmill.phantoms import Detector, Ellipsoid, Phantom, PolychromaticPhantom, Spectrum, chest, detect, head
from scanmill.phantoms.compton import scatter_of_cylinder

DOCS = Path(__file__).parents[1] / "docs"
WATER = 0.02
TUBE = Spectrum.tube(120.0)
MU = TUBE.effective("water")
N, MM = 256, 1.0
GRID = VolumeGeometry.centered((1, N, N), (MM, MM, MM))
SCAN = ScanGeometry.parallel(np.arange(360) * np.pi / 360, 384, MM)
Y, X = np.mgrid[:N, :N] * MM - (N - 1) / 2 * MM


def image(projections, grid=GRID, window="hann"):
    return fbp(projections, grid, window=window).array[0]


def hu(array, water=WATER):
    return 1000 * (array - water) / water


def rms(array, mask):
    return float(np.sqrt(np.mean(array[mask] ** 2)))


def disc(radius):
    return radius**2 > X**2 + Y**2


def with_array(projections, array, **changes):
    return replace(projections, array=np.asarray(array, dtype=np.float32), **changes)


def bad_pixels():
    exact = head().projections(SCAN, supersampling=2)
    noisy = exact.array + np.random.default_rng(1).normal(0, 0.01, exact.array.shape)
    broken = noisy.copy()
    broken[:, :, [130, 171, 222, 259]] = [[[0.0, 6.0, 0.5, 3.0]]]
    bad = correction.find_bad_pixels(broken)
    fixed = correction.fill_bad_pixels(broken, bad)
    truth, before, after = (hu(image(with_array(exact, a))) for a in (noisy, broken, fixed))
    return truth, before, after, disc(90), (-100, 150), f"head, 4 bad of 384 columns, {bad.sum()} found"


def rings():
    wide = ScanGeometry.parallel(np.arange(720) * np.pi / 720, 768, MM / 2)
    clean = head().projections(wide, supersampling=2)
    rng = np.random.default_rng(2)
    exact = clean.array + rng.normal(0, 0.005, clean.array.shape)
    striped = exact + rng.normal(0, 0.03, (1, 1, 768)) * (rng.random((1, 1, 768)) < 0.1)
    cleaned = correction.remove_rings(striped)
    truth, before, after = (hu(image(with_array(clean, a))) for a in (exact, striped, cleaned))
    return (
        truth,
        before,
        after,
        disc(90),
        (-100, 150),
        "head, every tenth gain wrong by 3 %, 7 of 768 columns",
    )


def starvation():
    photons = 4000.0
    rows = ScanGeometry.parallel(np.arange(360) * np.pi / 360, 384, MM, n_rows=7, row_spacing=MM)
    body = Ellipsoid((0.0, 0.0, 0.0), (120.0, 70.0, np.inf), WATER)
    bones = [Ellipsoid((x, 0.0, 0.0), (14.0, 14.0, np.inf), 2.2 * WATER) for x in (-85.0, 85.0)]
    exact = Phantom((body, *bones)).projections(rows)
    counts = detect(exact, Detector(photons=photons), seed=3)
    raw = counts.array / photons
    smooth = correction.smooth_starved(raw, photons).transmission
    grid = VolumeGeometry.centered((7, N, N), (MM, MM, MM))

    def middle(array):
        return hu(fbp(with_array(exact, array), grid, window="hann").array[3])

    logs = [line_integrals(t, floor=0.5 / photons).array for t in (raw, smooth)]
    truth, before, after = middle(exact.array), *map(middle, logs)
    mask = (X / 110) ** 2 + (Y / 60) ** 2 < 1
    return truth, before, after, mask, (-300, 300), "shoulders, 4000 photons a pixel, 7 rows, threshold 30"


def truncation():
    narrow = ScanGeometry.parallel(np.arange(360) * np.pi / 360, 200, MM)
    whole = chest().projections(ScanGeometry.parallel(narrow.angles, 400, MM), supersampling=2)
    cut = chest().projections(narrow, supersampling=2)
    extended = correction.extend_truncated(cut, water=WATER)
    truth, before, after = (hu(image(p)) for p in (whole, cut, extended))
    return truth, before, after, disc(95), (-1000, 500), "chest of 350 mm in a field of 200 mm, cylinders of water"


def hardening():
    phantom = PolychromaticPhantom({"water": Phantom((Ellipsoid((0.0, 0.0, 0.0), (110.0, 90.0, np.inf), 1.0),))})
    seen = phantom.projections(SCAN, TUBE, supersampling=2)
    correct = correction.water_polynomial(TUBE.weights, TUBE.attenuation("water"))
    true = phantom.effective(TUBE).projections(SCAN, supersampling=2)
    truth, before, after = (hu(image(with_array(seen, a)), MU) for a in (true.array, seen.array, correct(seen.array)))
    mask = (X / 100) ** 2 + (Y / 80) ** 2 < 1
    return truth, before, after, mask, (-150, 50), "water of 220 mm, tube of 120 kV, polynomial of degree 4"


def scatter():
    row = ScanGeometry.cone(
        [0.0], 48, 8.0, n_rows=24, row_spacing=8.0, source_to_isocenter=600.0, source_to_detector=1000.0
    )
    pixel = (8.0, 8.0)

    def transport(radius, seed):
        return scatter_of_cylinder(row, radius_mm=radius, energy_kev=70.0, n_photons=1_000_000, seed=seed)

    pairs = [transport(radius, seed) for seed, radius in enumerate((40.0, 70.0, 110.0))]
    start = correction.ScatterKernel(1e-6, 1.0, 1.0, 60.0, 0.5, 150.0)
    kernel = correction.fit_scatter_kernel([p.primary for p in pairs], [p.scatter for p in pairs], pixel, start=start)
    found = transport(90.0, 9)
    smooth = found.scatter.mean(axis=0, keepdims=True) + 0 * found.scatter
    total = (found.primary + smooth)[None]
    fixed = correction.remove_scatter(total, kernel, pixel).primary[0]
    fan = ScanGeometry.fan(
        np.arange(360) * 2 * np.pi / 360, 48, 8.0, source_to_isocenter=600.0, source_to_detector=1000.0
    )
    grid = VolumeGeometry.centered((1, 96, 96), (2.0, 2.0, 2.0))
    water = -np.log(found.primary[12].min()) / 180.0
    lines = [-np.log(np.maximum(t[12], 1e-4)) for t in (found.primary, total[0], fixed)]
    images = [hu(image(Projections(np.broadcast_to(p, fan.shape).astype(np.float32), fan), grid), water) for p in lines]
    y, x = np.mgrid[:96, :96] * 2.0 - 95.0
    return *images, x**2 + y**2 < 80**2, (-400, 100), "water of 180 mm, Monte Carlo at 70 keV, kernel of three others"


def metal(method, bony=True):
    body = Ellipsoid((0.0, 0.0, 0.0), (110.0, 80.0, np.inf), 1.0)
    bones = [Ellipsoid((x, -30.0, 0.0), (14.0, 12.0, np.inf), 1.0) for x in (-40.0, 40.0) if bony]
    pins = [Ellipsoid((x, 12.0, 0.0), (6.0, 6.0, np.inf), 1.0) for x in (-50.0, 50.0)]
    holes = tuple(replace(e, value=-1.0) for e in (*bones, *pins))
    parts = {"water": Phantom((body, *holes)), "bone": Phantom(tuple(bones)), "iron": Phantom(tuple(pins))}
    clean = {"water": Phantom((body, *holes[: len(bones)])), "bone": Phantom(tuple(bones))}
    straighten = correction.water_polynomial(TUBE.weights, TUBE.attenuation("water"))
    seen, best = (PolychromaticPhantom(p).projections(SCAN, TUBE, supersampling=2) for p in (parts, clean))
    seen, best = (with_array(p, straighten(p.array)) for p in (seen, best))
    first = fbp(seen, GRID)
    done = correction.reduce_metal(seen, first, ProjectionOp(GRID, SCAN), metal=3.5 * MU, water=MU, method=method)
    truth, before, after = (hu(image(p), MU) for p in (best, seen, done.projections))
    mask = (X / 100) ** 2 + (Y / 70) ** 2 < 1
    for pin in pins:
        mask &= (X - pin.center[0]) ** 2 + (Y - pin.center[1]) ** 2 > 14**2
    return truth, before, after, mask, (-300, 400), f"iron pins of 12 mm in water{' and bone' * bony}, {method}"


def calibration():
    n = np.arange(120) * 2 * np.pi / 120
    believed = ScanGeometry.cone(
        n, 240, 1.6, n_rows=160, row_spacing=1.6, source_to_isocenter=500.0, source_to_detector=800.0
    )
    true = misaligned(believed, Misalignment(columns=4.0, rows=-3.0, in_plane=np.deg2rad(1.0)))
    places = [(45 * np.cos(2.2 * i), 45 * np.sin(2.2 * i), z) for i, z in enumerate((-40, -20, 2, 22, 42))]
    balls = Phantom(tuple(Ellipsoid(place, (2.5, 2.5, 2.5), 0.5) for place in places))
    noise = np.random.default_rng(4).normal(0, 0.02, believed.shape)
    seen = Projections((balls.line_integrals(true) + noise).astype(np.float32), believed)
    found = calibrate(find_balls(seen), believed)
    small = head().scaled(size=0.9)
    scan = small.projections(true)
    half = (N - 1) / 2 * 0.8
    grid = VolumeGeometry((1, N, N), (0.8, 0.8, 0.8), (-half, -half, 10.0))
    level = small.projections(believed)
    corrected = rectify(replace(scan, geometry=found.geometry), believed).projections
    truth, before, after = (
        hu(fdk(p, grid, window="hann").array[0]) for p in (level, replace(scan, geometry=believed), corrected)
    )
    by = found.misalignment
    note = (
        f"head; columns {by.columns / 1.6:.3f} px of 2.500, rows {by.rows / 1.6:.3f} px of -1.875, "
        f"in plane {np.rad2deg(by.in_plane):.4f} degrees of 1"
    )
    return truth, before, after, disc(95), (-100, 150), note


CASES = {
    "bad-pixels": bad_pixels,
    "rings": rings,
    "starvation": starvation,
    "truncation": truncation,
    "beam-hardening": hardening,
    "scatter": scatter,
    "metal-in-water": lambda: metal("interpolated", bony=False),
    "metal-interpolated": lambda: metal("interpolated"),
    "metal-normalised": lambda: metal("normalised"),
    "calibration": calibration,
}


def panel(path, truth, before, after, window):
    figure = Figure(figsize=(7.2, 2.6), dpi=110, facecolor="black", layout="constrained")
    for i, (title, shown) in enumerate((("without the fault", truth), ("with it", before), ("corrected", after))):
        axes = figure.add_subplot(1, 3, i + 1)
        axes.imshow(shown, cmap="gray", vmin=window[0], vmax=window[1])
        axes.set_title(title, color="white", fontsize=8)
        axes.axis("off")
    figure.savefig(path)


def page(rows):
    lines = [
        "# What the corrections gain",
        "",
        "Each line: an analytic phantom is scanned with one fault, reconstructed as it is, and after the correction.",
        "The error is the root mean square, in HU, against the same reconstruction without the fault, inside the",
        "object (for metal: 14 mm away from the pins). Made by `make ct-corrections`; nothing is simulated with the",
        "projector, and the scatter is that of a Monte Carlo which knows no kernel.",
        "",
        "| correction | what was scanned | error with the fault, HU | corrected, HU | ratio |",
        "|---|---|---|---|---|",
    ]
    lines += [f"| {n} | {note} | {b:.1f} | **{a:.1f}** | {b / a:.1f} |" for n, note, b, a in rows]
    for name, _, _, _ in rows:
        lines += ["", f"![{name}](images/correction-{name}.png)"]
    return "\n".join([*lines, "", AFTERWARDS])


AFTERWARDS = """## In a job

All but metal and calibration are parameters of `ct.prepare`, made in the order of the physics whatever the order in
the job; what is not named is not made. Only the photon floor is always there, and its pixels are counted.

```yaml
- use: ct.prepare
  params:
    bad_pixels: true
    scatter: {amplitude: 4.4e-7, alpha: 0.73, beta: 0.5, sigma_mm: 113, wide_share: 1.4, wide_sigma_mm: 650}
    starvation: 30                  # photons
    beam_hardening: {kvp: 120}      # or coefficients: [...] and water: 0.0205 of a fitted polynomial
    rings: 7                        # columns
    truncation: 0.5                 # of the columns, on each side; give ct.reconstruct a size
- {use: ct.reconstruct, out: {image: first}}
- {use: ct.metal, in: {image: first}, out: {metal: metal}}
- {use: ct.reconstruct}
- {use: ct.insert_metal, in: {first: first, metal: metal}}
```

`ct.calibrate` reads a scan and a scan of `balls` by the same scanner. Images are in HU where the scan knows the
attenuation of water (the file says it, or `beam_hardening`, or `water_attenuation`), else in 1/mm.

## What they cannot do

- **Rings**: wide stripes and slow changes of gain stay, and with stripes in every column about half of each. Structure
  that hardly moves over the views is taken for a stripe: 2 to 4 HU in a chest of 256 columns, more with wider medians.
  `ring_method: sorted` takes stripes that depend on the intensity, but rounds what is steep, and can cost more than it
  gains.
- **Truncation**: what lies outside the field is invented, only its effect inside is meant to be right.
- **Beam hardening**: the polynomial straightens water. Bone beside water keeps its dark bands.
- **Scatter**: the kernel is one scanner's, one spectrum's and one range of sizes'; fit it (`fit_scatter_kernel`).
- **Starvation**: lost photons stay lost; the bias goes, and with it resolution along the starved rays.
- **Metal**: the tissue around it is a guess. Plain interpolation loses what else lies in the shadow: in water alone it
  takes the streaks away, but where the shadow crosses bone it makes new ones that are as bad as the old. They are the
  same if a scan that never had metal is interpolated there, so no better threshold helps; a prior does. The normalised
  sinogram is as good as the threshold between soft tissue and bone.
- **Calibration**: the detector's distance and tilt trade off with each other; ask for them (`freedoms`) only with
  many balls far from the axis, and read their `_sigma`.
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=CASES, help="one picture, and no page")
    only = parser.parse_args().only
    rows = []
    for name, case in CASES.items():
        if only in (None, name):
            truth, before, after, mask, window, note = case()
            panel(DOCS / f"images/correction-{name}.png", truth, before, after, window)
            rows.append((name, note, rms(before - truth, mask), rms(after - truth, mask)))
            print(*rows[-1])
    if only is None:
        (DOCS / "ct-corrections.md").write_text(page(rows))


if __name__ == "__main__":
    main()
