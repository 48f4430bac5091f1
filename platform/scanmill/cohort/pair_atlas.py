"""One image that is the fixed one of every pair."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from scanmill.cohort import schema
from scanmill.cohort.found_row import FoundRow, Root
from scanmill.cohort.hashing import sha256_of
from scanmill.cohort.manifest import Cohort
from scanmill.cohort.nifti_rows import ENDINGS, nifti_row
from scanmill.cohort.records import content_digest
from scanmill.errors import SpecError

ROOT = "atlas"


def with_atlas(cohort: Cohort, path: Path) -> tuple[Cohort, int]:
    """The cohort with the atlas as one more row, and that row's number; SpecError where it cannot be read."""
    if not path.is_file() or not path.name.lower().endswith(ENDINGS):
        raise SpecError("an atlas is a NIfTI image", got=path.name, expected=" or ".join(ENDINGS))
    if ROOT in cohort.roots:
        raise SpecError("the cohort has a root of this name", got=ROOT, do="pair the cohort that it was made of")
    root = Root(ROOT, path.resolve().parent)
    row = nifti_row(root, path.name)
    if not isinstance(row, FoundRow):
        raise SpecError("the atlas cannot be read", where=path.name, got=row.problem)
    if row.row_key in cohort.table["row_key"].to_pylist():
        raise SpecError("a row of the cohort is called like the atlas", got=row.row_key)
    sha256, size = sha256_of(root.folder / path.name)
    facts = {
        **row.columns,
        "row_key": row.row_key,
        "content_digest": content_digest([sha256]),
        "bytes": size,
        "n_files": 1,
        "card": "",
    }
    (file,) = row.files
    files = [dict(vars(file), row_key=row.row_key, root=ROOT, bytes=size, sha256=sha256)]
    line = pa.table({name: schema.typed_column(name, [value]) for name, value in facts.items()})
    table = pa.concat_tables([cohort.table, line], promote_options="default")
    listed = pa.concat_tables([cohort.files, pa.Table.from_pylist(files, schema=schema.FILES)])
    return replace(
        cohort,
        table=schema.stamped(table),
        files=schema.stamped(listed),
        roots={**cohort.roots, ROOT: str(root.folder)},
    ), cohort.table.num_rows
