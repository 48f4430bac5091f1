"""Show 2: lesions found by their region, beside the same search by the whole series or slice."""

from dataclasses import dataclass, replace

import numpy as np
import SimpleITK

from scanmill.algorithms.features import Box, CanonicalGrid, Embedding, Part
from scanmill.algorithms.features.default import DEFAULTS
from scanmill.algorithms.retrieval import evaluate_likeness
from scanmill.geometry import VolumeGeometry
from scanmill.phantoms import KINDS, WATER_PER_MM, chest, lesion

N_PATIENTS, STEP, SHAPE, NOISE = 60, 2.5, (40, 92, 144), 0.06
"""Chests; mm; voxels (z, y, x); noise in waters."""
NODULES = np.array([(-90, -20, 0), (-60, 30, 10), (-105, 15, -5), (-85, 40, 5)])
ORGANS = {"heart": ((64, -30, -10), (28, 30, 40)), "spine": ((0, 62, 0), (18, 15, 50))}
"""Center and half size in mm of two boxes that every series has beside its lesion's."""
GRID = VolumeGeometry(SHAPE, (STEP,) * 3, tuple(-STEP * (n - 1) / 2 for n in SHAPE[::-1]))
COMMON = {
    "statistics": (Part("statistics"),),
    "profile": (Part("profile", power=0.5),),
    "texture": (Part("texture"),),
    "patterns": (Part("patterns", power=0.5),),
    "profile + texture": (Part("profile", power=0.5), Part("texture")),
}
HOGS = {2: Part("hog", {"cell": 8}, power=0.5), 3: Part("hog_3d", {"block": 1}, power=0.5)}


def candidates(n_axes):
    grid, hog = CanonicalGrid((32,) * n_axes), HOGS[n_axes]
    parts = {**COMMON, "hog": (hog,), "hog + statistics": (hog, *COMMON["statistics"])}
    return {name: Embedding(grid, chosen) for name, chosen in parts.items()}


def planted(number):
    """(voxels in waters, boxes of its lesion, heart and spine): a chest of its own size and place with one lesion."""
    rng = np.random.default_rng([7, number])
    size, shift, radius = rng.uniform(0.92, 1.08), rng.uniform(-8, 8, 3), rng.uniform(9, 15)
    center = size * place(rng, radius) + shift
    body = chest().scaled(size=size).moved(tuple(shift))
    seen = body + lesion(list(KINDS)[number % len(KINDS)], tuple(center), radius, seed=number)
    voxels = seen.voxels(GRID, supersampling=2).array / WATER_PER_MM
    boxes = [drawn(center, np.full(3, radius), rng)]
    boxes += [drawn(size * np.array(middle) + shift, size * np.array(half), rng) for middle, half in ORGANS.values()]
    return (voxels + rng.normal(0, NOISE, SHAPE)).astype(np.float32), boxes


def place(rng, radius):
    """A point in the right lung that is clear of the nodules that every chest has."""
    while True:
        u = rng.uniform(-1, 1, 3)
        point = np.array([-75, -5, 0]) + u * (34, 55, 25)
        if (u * u).sum() <= 1 and np.linalg.norm(NODULES - point, axis=1).min() > radius + 16:
            return point


def drawn(center, half, rng):
    """A box around (x, y, z) mm as a hand draws it: each side off by up to two voxels."""
    middle = (center[::-1] - np.array(GRID.origin[::-1])) / STEP
    start = np.round(middle - half[::-1] / STEP - rng.uniform(-1, 2, 3)).astype(int).clip(0)
    end = np.minimum(np.round(middle + half[::-1] / STEP + rng.uniform(-1, 2, 3)).astype(int) + 1, SHAPE)
    return Box(tuple(start.tolist()), tuple((end - start).tolist()))


def planted_table():
    """Lines of (search, features, P@1, P@5, mAP), both searches with the features that won on the first half."""
    cases = [planted(number) for number in range(N_PATIENTS)]
    kinds = np.array([list(KINDS)[number % len(KINDS)] for number in range(N_PATIENTS)])
    first = np.arange(N_PATIENTS) // len(KINDS) % 2 == 0
    tried = {"whole series": {}, "region": {}}
    for name, embed in candidates(3).items():
        whole = np.stack([embed(voxels, spacing=GRID.spacing) for voxels, _ in cases])
        parts = np.stack([[embed(voxels, box, spacing=GRID.spacing) for box in boxes] for voxels, boxes in cases])
        tried["whole series"][name] = whole @ whole.T
        tried["region"][name] = (parts[:, 0] @ parts.reshape(-1, parts.shape[-1]).T).reshape(N_PATIENTS, -1, 3).max(2)
    lines = [["chance", "", *cells(of_half(tried["region"]["texture"], kinds, ~first), chance=True)]]
    for search, by_name in tried.items():
        chosen = max(by_name, key=lambda name: mean_ap(of_half(by_name[name], kinds, first)))
        lines.append([search, chosen, *cells(of_half(by_name[chosen], kinds, ~first))])
    return lines


def of_half(likeness, kinds, half):
    numbers = np.arange(half.sum())
    return evaluate_likeness(likeness[np.ix_(half, half)], kinds[half], numbers, kinds[half], numbers)


def mean_ap(evaluation):
    return evaluation.means()["average_precision"]


def cells(evaluation, *, chance=False):
    values = evaluation.by_chance if chance else None
    return [evaluation.interval(m, values) for m in ("precision_at_1", "precision_at_5", "average_precision")]


LESIONS = {"brain1": "brain", "brain2": "brain", "breast1": "breast", "prostate_phantom_subvolume": "prostate"}
"""The image and the organ of each lesion of seg_radiomics_nrrd."""


@dataclass(frozen=True, eq=False)
class Plane:
    """A slice with two boxes: the lesion's (of the nearest marked slice where it has none) and its mirror image.

    ``shown`` is the patient with "lesion" or without.
    """

    patient: str
    shown: str
    image: np.ndarray
    spacing: tuple[float, float]
    boxes: tuple[Box, Box]

    @property
    def has_lesion(self):
        return self.shown.endswith("lesion")


def measured_planes(data):
    for patient in LESIONS:
        word = "-label" if "phantom" in patient else "_label"
        stem = patient if "phantom" in patient else f"{patient}_image"
        image = SimpleITK.ReadImage(data / "seg_radiomics_nrrd" / f"{stem}.nrrd")
        mask = (
            SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(data / "seg_radiomics_nrrd" / f"{patient}{word}.nrrd")) != 0
        )
        marked = np.flatnonzero(mask.any(axis=(1, 2)))
        for z, plane in enumerate(SimpleITK.GetArrayFromImage(image)):
            box = Box.around(mask[marked[abs(marked - z).argmin()]])
            mirrored = Box((box.start[0], plane.shape[1] - box.start[1] - box.size[1]), box.size)
            shown = f"{patient}, lesion" if mask[z].any() else patient
            if np.ptp(plane[box.slices]) and np.ptp(plane[mirrored.slices]):
                yield Plane(patient, shown, plane, image.GetSpacing()[:2], (box, mirrored))


def seen_again(plane, number):
    """The same slice in a field of view of 0.6 of its sides that holds the lesion, with noise of 5 % of its range."""
    rng, box, shape = np.random.default_rng([5, number]), plane.boxes[0], plane.image.shape
    sizes = [max(size, round(0.6 * n)) for size, n in zip(box.size, shape, strict=True)]
    starts = [
        int(rng.integers(max(0, first + size - field), min(first, n - field) + 1))
        for first, size, field, n in zip(box.start, box.size, sizes, shape, strict=True)
    ]
    cut = plane.image[Box(tuple(starts), tuple(sizes)).slices]
    lower, upper = np.percentile(plane.image, [1, 99])
    moved = Box(tuple(f - s for f, s in zip(box.start, starts, strict=True)), box.size)
    return replace(plane, image=cut + rng.normal(0, 0.05 * (upper - lower), cut.shape), boxes=(moved, moved))


def likeness(asking, answering, embed, *, by_region):
    """(query, slice): of whole slices, or of the query's lesion to the more alike of the slice's two boxes."""
    boxes = [[None], [None, None]] if not by_region else [[0], [0, 1]]

    def vectors(planes, places):
        rows = [[embed(p.image, b if b is None else p.boxes[b], spacing=p.spacing) for b in places] for p in planes]
        return np.array(rows)

    asked, answers = vectors(asking, boxes[0])[:, 0], vectors(answering, boxes[1])
    return np.einsum("qd,nbd->qnb", asked, answers).max(axis=2)


def measured_tables(data):
    """Two tables of lines: the same lesion in another field of view, and the other patient's brain tumour."""
    planes = list(measured_planes(data))
    shown, patients = np.array([p.shown for p in planes]), np.array([p.patient for p in planes])
    organs = np.array([f"{LESIONS[p.patient]} {p.has_lesion}" for p in planes])
    marked = np.flatnonzero([p.has_lesion for p in planes])
    brains = marked[np.isin(patients[marked], ["brain1", "brain2"])]
    again = [seen_again(planes[number], number) for number in marked]
    tables = [], []
    for search, embed, by_region in (
        ("whole slice", DEFAULTS["slice"], False),
        ("whole slice, the region's features", DEFAULTS["slice region"], False),
        ("region", DEFAULTS["slice region"], True),
    ):
        like = likeness(again, planes, embed, by_region=by_region)
        found = evaluate_likeness(like, shown[marked], marked, shown, np.arange(len(planes)))
        found = replace(found, patients=patients[found.patients])
        like = likeness([planes[n] for n in brains], planes, embed, by_region=by_region)
        other = evaluate_likeness(like, organs[brains], patients[brains], organs, patients)
        for table, result in zip(tables, (found, other), strict=True):
            if not table:
                table.append(["chance", "", *cells(result, chance=True)])
            table.append([search, " + ".join(part.feature for part in embed.parts), *cells(result)])
    return *tables, len(planes), len(marked)
