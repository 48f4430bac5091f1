"""What is asked of an index: an image, a slice or a region of it, or every row of a cohort."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from scanmill.algorithms.features import Box, Embedding
from scanmill.algorithms.features.box import Region, box_of
from scanmill.algorithms.features.describe import boxes_of, describe, largest_plane, region_vector, regions_of
from scanmill.arrays import HostArray
from scanmill.cli.seen_plane import seen_plane
from scanmill.cohort import Cohort
from scanmill.cohort.identity import SECRET_VARIABLE, patient_key, secret_file, site_secret
from scanmill.data import Labels, Volume
from scanmill.errors import InputError, SpecError
from scanmill.io.image_file import dicom_files, looks_like_dicom, read_image
from scanmill.io.region_file import read_regions

if TYPE_CHECKING:
    from scanmill.engine.inputs import Inputs


ALONE = "query"
"""The name of a query that is no row of a cohort."""


@dataclass(frozen=True, eq=False)
class Query:
    """A vector and what it is of, with the plane (y, x) that shows it and its box (x, y, w, h) in it.

    ``patient`` is the key of the patient whose own images do not answer.
    """

    name: str
    vector: HostArray
    kind: str
    patient: str | None
    plane: HostArray
    box: tuple[int, int, int, int] | None = None

    @property
    def shown(self) -> str:
        """What its picture is called: the row of a cohort, or what part of an image asks."""
        return self.kind if self.name == ALONE else self.name


def query_of(
    path: Path, embedding: Embedding, *, region: str | None = None, mask: Path | None = None,
    label: str | None = None, plane: int | None = None,
) -> Query:  # fmt: skip
    """The query of one image: the whole, one of its planes, a box in voxels, or what a mask marks."""
    if sum(given is not None for given in (region, mask, plane)) > 1:
        raise SpecError("one of --region, --mask and --slice", got="several")
    image, patient = read_image(path), patient_of(path)
    where = _region(image, region, mask, label)
    if where is not None:
        z, _ = largest_plane(where, image.geometry.shape)
        box = box_of(where, image.geometry.shape)
        vector, (seen, framed) = region_vector(image, embedding, where), seen_plane(image, z, box)
        return Query(ALONE, vector, "region", patient, seen, framed)
    if plane is not None:
        image = _one_plane(image, plane)
    return _whole(ALONE, image, embedding, patient)


def queries_of_cohort(cohort: Cohort, embedding: Embedding, refused: dict[str, str]) -> Iterator[Query]:
    """One query of the whole image for each row that has one: its role ``image``, else its first file of a volume.

    Rows that cannot ask go into ``refused`` with the reason, in words that name no file.
    """
    from scanmill.engine.conclude import conclude
    from scanmill.engine.inputs import Inputs
    from scanmill.storage import open_store

    with TemporaryDirectory(prefix="scanmill-ask-") as name:
        scratch = Path(name)
        inputs = Inputs(open_store(scratch), dict(cohort.roots), scratch)
        for key in cohort.table["row_key"].to_pylist():
            staged: dict[str, str] = {}
            try:
                image = _image_of_row(cohort, key, inputs, staged, scratch)
                query = _whole(key, image, embedding, cohort.row(key).get("patient_key"))
            except InputError as error:
                refused[key] = conclude(error, staged).error
            else:
                yield query


def _image_of_row(cohort: Cohort, key: str, inputs: Inputs, staged: dict[str, str], scratch: Path) -> Volume:
    from scanmill.engine.task import FileRef, RowData
    from scanmill.steps.contract import Context
    from scanmill.steps.read import STEP

    files = [FileRef(f["role"], f["root"], f["path"], f["sha256"], f["bytes"], f["reader"])
             for f in cohort.files_of(key) if f["reader"]]  # fmt: skip
    row = inputs.row(RowData(key, cohort.row(key), tuple(files)), staged)
    values = STEP.run({}, STEP.params(), Context(rows=(row,), scratch=scratch)).values
    image = values.get("image") or next((value for value in values.values() if isinstance(value, Volume)), None)
    if not isinstance(image, Volume):
        raise InputError("the row has no image", got=", ".join(values) or "nothing")
    return image


def patient_of(path: Path) -> str | None:
    """The key of the patient of a DICOM image, where this site has a secret and the file a PatientID."""
    if not (path.is_dir() or looks_like_dicom(path)) or not (secret_file().exists() or SECRET_VARIABLE in os.environ):
        return None
    from scanmill.io.dicom_scan import read_file_facts

    told = read_file_facts(dicom_files(path)[0]).protected.get("PatientID")
    return patient_key(site_secret(), told) if told else None


def _whole(name: str, image: Volume, embedding: Embedding, patient: str | None) -> Query:
    entries, _ = describe(image, embedding, slices=False)
    kind = "slice" if len(image.array) == 1 else "series"
    return Query(name, entries.vectors[0], kind, patient, seen_plane(image, len(image.array) // 2)[0])


def _one_plane(image: Volume, plane: int) -> Volume:
    if not 0 <= plane < len(image.array):
        raise InputError("the image has no such slice", expected=f"0 to {len(image.array) - 1}", got=plane)
    planes = slice(plane, plane + 1)
    return Volume(image.array[planes], image.geometry.crop(planes, slice(None), slice(None)), image.unit)


def _region(image: Volume, region: str | None, mask: Path | None, label: str | None) -> Region:
    if region is not None:
        boxes: list[tuple[str, Box]] = boxes_of(region, image.geometry.shape)
        if len(boxes) != 1:
            raise InputError("one box is wanted", where="--region", expected="x,y,z,w,h,d", got=region or "nothing")
        return boxes[0][1]
    return None if mask is None else _marked(read_regions(mask, image.geometry), label)


def _marked(found: Iterator[Labels], label: str | None) -> HostArray:
    """The region that is called ``label``, or the only one."""
    regions = [(word, np.asarray(mask)) for labels in found for word, mask in regions_of(labels)]
    words = ", ".join(word for word, _ in regions)
    if not regions:
        raise InputError("the mask marks nothing", where="--mask")
    chosen = [mask for word, mask in regions if label is None or word == label]
    if not chosen:
        raise InputError("the mask has no region of that name", where="--label", expected=words, got=label)
    if len(chosen) > 1:
        raise InputError("one region is wanted", where="--mask", got=words, do="choose one with --label")
    return chosen[0]
