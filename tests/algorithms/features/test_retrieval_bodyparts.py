"""Real slices of six kinds: does the nearest neighbour of another patient show the same?

Two of the six classes have several patients (30 hippocampi, 7 hearts; 90 images); they ask, all 233 images answer, the
asker's own patient left out. Neighbouring slices of one patient would make any feature look perfect.
"""

import numpy as np
import pytest
from skimage.feature import hog as skimage_hog

from scanmill.algorithms.features import CanonicalGrid, CohortMoments, Embedding, Part, lda

GRID = CanonicalGrid((96, 96))
HOG = Part("hog", {"cell": 8, "block": 3})
COMBINED = (Part("hog"), Part("patterns", power=0.5), Part("profile", power=0.5), Part("texture"), Part("statistics"))


@pytest.fixture(scope="module")
def slices(data_folder):
    path = data_folder / "retrieval_bodyparts" / "bodyparts.npz"
    if not path.is_file():
        pytest.skip("the set retrieval_bodyparts is absent")
    with np.load(path, allow_pickle=False) as arrays:
        return arrays["images"], arrays["labels"], arrays["subjects"]


def precision_at_1(vectors, labels, patients):
    """Over the images of classes with several patients, never counting the asker's own."""
    several = [c for c in np.unique(labels) if len(np.unique(patients[labels == c])) > 1]
    likeness = np.where(patients[:, None] == patients, -np.inf, vectors @ vectors.T)
    hits = labels[likeness.argmax(axis=1)] == labels
    return hits[np.isin(labels, several)].mean()


def unit_rows(vectors):
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_plain_hog_reaches_what_scikit_images_does(slices):
    images, labels, patients = slices
    ours = precision_at_1(np.stack([Embedding(GRID, (HOG,))(image) for image in images]), labels, patients)
    theirs = unit_rows(np.stack([skimage_hog(image, 9, (8, 8), (3, 3), "L2-Hys") for image in images]))
    assert ours == pytest.approx(0.87, abs=0.02)
    assert ours == pytest.approx(precision_at_1(theirs, labels, patients), abs=0.02)


def test_the_features_together_do_better_than_hog(slices):
    images, labels, patients = slices
    embed = Embedding(GRID, COMBINED)
    vectors = np.stack([embed(image) for image in images])
    assert precision_at_1(vectors, labels, patients) > 0.95
    assert precision_at_1(np.random.default_rng(0).permutation(vectors), labels, patients) < 0.4


def test_a_projection_learned_on_other_patients_keeps_classes_apart(slices):
    """Fisher's discriminants of six kinds, learned on every second patient, seen on the rest: 5 numbers an image."""
    images, labels, patients = slices
    embed = Embedding(GRID, COMBINED)
    features = np.stack([embed.features(image) for image in images])
    learn = np.isin(patients, np.unique(patients)[::2])
    halves = np.array_split(np.flatnonzero(learn), 2)
    parts = [CohortMoments.of(features[h], labels[h].astype(str), source=embed.features_digest) for h in halves]
    seen = embed.with_projection(lda(parts[0].merged(parts[1]), shrinkage=0.3))
    rest = ~learn
    vectors = unit_rows(seen.projection(features[rest]))
    np.testing.assert_allclose(seen(images[rest][0]), vectors[0], atol=1e-6)
    assert precision_at_1(vectors, labels[rest], patients[rest]) > 0.9
