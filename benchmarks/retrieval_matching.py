"""What geometric re-ranking of the first answers does to Show 1, and the picture of why two slices are alike."""

from dataclasses import replace

import numpy as np
import SimpleITK
from matplotlib.figure import Figure
from scipy.ndimage import affine_transform

from scanmill.algorithms.matching import keypoints, match, reranked, why_alike
from scanmill.algorithms.retrieval import evaluate_likeness, ranked

N_FIRST = 10
"""How many first answers are matched point by point."""
TURN_DEG, SCALE = 20.0, 0.9


def before_and_after(half, vectors, n_first=N_FIRST):
    """(evaluation, evaluation): as searched, and with the first answers re-ranked."""
    found = [keypoints(image) for image in half.images]
    likeness = vectors[half.asked] @ vectors.T
    again = likeness.copy()
    for row, query in enumerate(half.asked):
        first = ranked(likeness[row], half.patients != half.patients[query])[:n_first]
        order = reranked(found[query], [found[n] for n in first], likeness[row, first])
        again[row, first[order]] = 2 - np.arange(len(first)) / n_first  # before all others, in the new order
    words = half.labels[half.asked], half.patients[half.asked], half.labels, half.patients
    return evaluate_likeness(likeness, *words), evaluate_likeness(again, *words)


def turned_and_back(half, embed, n_first=50):
    """(evaluation, evaluation): every slice, turned and noisy, looks for itself among all; then re-ranked."""
    rng = np.random.default_rng(6)
    asking = [turned(image) + rng.normal(0, 5, image.shape) for image in half.images]
    vectors, answers = (np.stack([embed(image) for image in images]) for images in (asking, half.images))
    found = [keypoints(image) for image in half.images]
    likeness = vectors @ answers.T
    again = likeness.copy()
    for row, image in enumerate(asking):
        first = ranked(likeness[row], np.ones(len(found), bool))[:n_first]
        order = reranked(keypoints(image), [found[n] for n in first], likeness[row, first])
        again[row, first[order]] = 2 - np.arange(len(first)) / n_first
    numbers = np.arange(len(found))
    words = numbers, -1 - numbers, numbers, numbers
    results = [evaluate_likeness(values, *words) for values in (likeness, again)]
    return tuple(replace(result, patients=half.patients) for result in results)


def picture(path, data):
    """A measured slice, and it turned; the next slice; the other patient's: three answers to why."""
    folder = data / "seg_radiomics_nrrd"
    brains = [SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(folder / f"brain{n}_image.nrrd")) for n in (1, 2)]
    asked = brains[0][12]
    answers = {"turned by 20°, 0.9 times": turned(asked), "next slice": brains[0][13], "other patient": brains[1][11]}
    figure = Figure(figsize=(6.4, 10.2), dpi=100)
    for ax, (title, answer) in zip(figure.subplots(3, 1), answers.items(), strict=True):
        found = match(keypoints(asked), keypoints(answer))
        ax.imshow(why_alike(asked, answer, found))
        numbers = f"{found.n_inliers} of {len(found.matches)} matches agree, score {found.score:.2f}"
        ax.set_title(f"{title}: {numbers}", fontsize=9)
        ax.set_axis_off()
    figure.tight_layout()
    figure.savefig(path)


def turned(image):
    a = np.radians(TURN_DEG)
    back = np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]]) / SCALE
    center = np.array(image.shape) / 2
    return affine_transform(image.astype(float), back, center - back @ center, order=3)
