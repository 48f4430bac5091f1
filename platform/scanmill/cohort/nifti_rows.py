"""Rows of NIfTI images: one file each, known by its path, and the segmentation that goes with it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial
from pathlib import PurePosixPath

from scanmill.cohort.found_row import Found, FoundFile, FoundRow, Problem, Root
from scanmill.cohort.hashing import in_parallel
from scanmill.cohort.row_key import path_row_key

ENDINGS = (".nii", ".nii.gz")
IMAGES, LABELS = "images", "labels"
"""Folders of the Medical Segmentation Decathlon and of nnU-Net: ``imagesTr/x.nii.gz`` and ``labelsTr/x.nii.gz``."""


def find(root: Root, paths: list[str], *, project: str = "", workers: int | None = None) -> list[Found]:
    """The rows of the images among the files; a segmentation that goes with one is no row of its own."""
    labels = labels_beside(set(paths))
    segmentations = set(labels.values())
    images = [path for path in paths if path not in segmentations]
    describe = partial(_row_with, root, labels, project)
    return list(in_parallel(describe, images, workers))


def _row_with(root: Root, labels: Mapping[str, str], project: str, path: str) -> Found:
    return nifti_row(root, path, labels=labels.get(path, ""), project=project)


def nifti_row(root: Root, path: str, *, labels: str = "", project: str = "") -> Found:
    """The row of one image, from its header; ``labels`` is the file of its segmentation."""
    from scanmill.io.nifti import nifti_geometry

    try:
        grid = nifti_geometry(root.folder / path)
        key = path_row_key(path, project=project)
    except Exception as error:  # noqa: BLE001 - whatever a file does to its reader becomes a problem of that file
        return Problem.of(error, root, path)
    columns = {
        **dict(zip(("size_z", "size_y", "size_x"), grid.shape, strict=True)),
        **dict(zip(("spacing_x", "spacing_y", "spacing_z"), grid.spacing, strict=True)),
    }
    files = [FoundFile("image", "nifti", path)] + ([FoundFile("labels", "nifti", labels)] if labels else [])
    return FoundRow(key, root, tuple(files), columns)


def labels_beside(paths: Collection[str]) -> dict[str, str]:
    """The segmentation of each image that has one: the same name in a folder ``labels`` beside ``images``.

    >>> labels_beside(["brain/imagesTr/a.nii.gz", "brain/labelsTr/a.nii.gz", "brain/imagesTr/b.nii.gz"])
    {'brain/imagesTr/a.nii.gz': 'brain/labelsTr/a.nii.gz'}
    """
    found = {}
    for path in paths:
        folder, name = PurePosixPath(path).parent, PurePosixPath(path).name
        if folder.name.startswith(IMAGES):
            beside = str(folder.with_name(LABELS + folder.name.removeprefix(IMAGES)) / name)
            if beside in paths:
                found[path] = beside
    return found
