"""The open sets of Show 1, split by patients into the half that chooses and the half that reports."""

from dataclasses import dataclass

import numpy as np

SEVERAL = ("mr_heart_sax", "mr_hippocampus_crop")
"""The classes of bodyparts with more than one patient; only they can ask."""


@dataclass(frozen=True, eq=False)
class Half:
    """Images, and which of them ask; the patients who ask are in one half only."""

    images: np.ndarray
    labels: np.ndarray
    patients: np.ndarray
    modalities: np.ndarray
    asked: np.ndarray


def bodyparts(data):
    """(choosing, reporting): every second heart and hippocampus patient, with all images of the lone patients."""
    with np.load(data / "retrieval_bodyparts" / "bodyparts.npz", allow_pickle=False) as arrays:
        images, patients = arrays["images"], arrays["subjects"]
        labels = arrays["class_names"][arrays["labels"]]
    can_ask = np.isin(labels, SEVERAL)
    first = np.concatenate([np.unique(patients[labels == label])[::2] for label in SEVERAL])
    modalities = np.array([label.split("_")[0] for label in labels])
    halves = []
    for mine in (np.isin(patients, first), ~np.isin(patients, first)):
        here = ~can_ask | mine
        asked = np.flatnonzero((can_ask & mine)[here])
        halves.append(Half(images[here], labels[here], patients[here], modalities[here], asked))
    return tuple(halves)


def pneumonia(data):
    """(choosing, reporting): every second X-ray; the set names no patients, so each image counts as one."""
    with np.load(data / "retrieval_pneumoniamnist" / "pneumoniamnist.npz", allow_pickle=False) as arrays:
        images, labels = arrays["images"], np.array(["normal", "pneumonia"])[arrays["labels"].ravel()]
    halves = []
    for start in (0, 1):
        n = len(images[start::2])
        numbers = np.arange(n)
        halves.append(Half(images[start::2], labels[start::2], numbers, np.full(n, "xr"), numbers))
    return tuple(halves)
