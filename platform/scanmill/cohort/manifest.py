"""The manifest of a cohort: its rows, their files, and where the files lie."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from scanmill.cohort import parquet, schema
from scanmill.cohort.digest import table_digest
from scanmill.errors import SpecError
from scanmill.storage.confined import confined
from scanmill.storage.roots import VARIABLE

FILES_ORDER = ("row_key", "role", "path", "root")


@dataclass(frozen=True, eq=False)
class Cohort:
    """Rows (one per scan), their files, and the URI of each named root.

    ``table`` has one row per ``row_key``; ``files`` says which files it is made of; ``problems`` what could not be
    read when the cohort was built. Values: ``select`` and the others give new cohorts.
    """

    table: pa.Table
    files: pa.Table
    roots: Mapping[str, str] = field(default_factory=dict)
    problems: pa.Table = field(default_factory=schema.PROBLEMS.empty_table)

    @classmethod
    def open(cls, path: str | Path, where: str | None = None, roots: Mapping[str, str] | None = None) -> Cohort:
        """Read ``cohort.parquet`` and the side tables beside it; ``where`` is one SQL expression over its columns.

        Roots: as given, else ``SCANMILL_ROOT_<NAME>``, else as they were when it was built. Raises SpecError for a
        missing or mistyped column, a newer schema, or a side table of another cohort.
        """
        path = Path(path)
        table, metadata = parquet.read(path)
        schema.check_version(metadata, path.name)
        schema.check_rows(table, path.name)
        files, _ = parquet.read(side_path(path, "files"))
        schema.check_columns(files, schema.FILES, side_path(path, "files").name)
        named = metadata.get(schema.FILES_KEY, b"").decode()
        if named != table_digest(files, order=FILES_ORDER):
            raise SpecError("the table of files beside the cohort is not its own", where=path.name, do="build it anew")
        problems = side_path(path, "problems")
        cohort = cls(
            schema.stamped(table),
            schema.stamped(files),
            _roots(side_path(path, "roots", ".json"), roots or {}),
            parquet.read(problems)[0] if problems.exists() else schema.PROBLEMS.empty_table(),
        )
        return cohort if where is None else cohort.select(where)

    def write(self, path: str | Path) -> None:
        """Write the rows and the side tables, each atomically, the rows last; equal content gives equal bytes.

        The protected table is not part of the value: see ``protected.py``.
        """
        path = Path(path)
        schema.check_rows(self.table, path.name)
        files = self.files.sort_by([(column, "ascending") for column in FILES_ORDER])
        named = table_digest(files, order=FILES_ORDER).encode()
        parquet.write(side_path(path, "files"), schema.stamped(files))
        parquet.write(side_path(path, "problems"), schema.stamped(self.problems))
        roots = json.dumps(dict(self.roots), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        parquet.write_bytes(side_path(path, "roots", ".json"), roots.encode(), mode=0o600)
        parquet.write(path, schema.stamped(self.table, {schema.FILES_KEY: named}))

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the content of rows and files; neither order nor roots count, since roots move."""
        parts = table_digest(self.table) + table_digest(self.files, order=FILES_ORDER)
        return table_digest(pa.table({"row_key": [parts]}))

    def select(self, where: str) -> Cohort:
        """The rows for which the SQL expression is true, and their files."""
        from scanmill.cohort.select import select_rows

        return self.with_table(select_rows(self.table, where))

    def with_table(self, table: pa.Table) -> Cohort:
        """A cohort of these rows, with the files that belong to them."""
        keep = pc.is_in(self.files["row_key"], value_set=table["row_key"].combine_chunks())
        return replace(self, table=table, files=self.files.filter(keep))

    def row(self, row_key: str) -> dict[str, Any]:
        """The columns of one row, by name."""
        try:
            index = self._row_index[row_key]
        except KeyError as error:
            raise SpecError("no such row in the cohort", got=row_key) from error
        row: dict[str, Any] = self.table.slice(index, 1).to_pylist()[0]
        return row

    def files_of(self, row_key: str) -> list[dict[str, Any]]:
        """The files of one row, by role and path; empty for a row without files."""
        table, index = self._file_index
        start, stop = index.get(row_key, (0, 0))
        found: list[dict[str, Any]] = table.slice(start, stop - start).to_pylist()
        return found

    def uri(self, file: Mapping[str, Any]) -> str:
        """Where a file of ``files_of`` lies; a path that leaves its root is refused."""
        path = confined(file["path"])
        if file["root"] not in self.roots:
            raise SpecError(
                f"the cohort names a root {file['root']!r} that is not known",
                do=f"set {root_variable(file['root'])}",
            )
        return f"{self.roots[file['root']].rstrip('/')}/{path}"

    @cached_property
    def _row_index(self) -> dict[str, int]:
        return {key: index for index, key in enumerate(self.table["row_key"].to_pylist())}

    @cached_property
    def _file_index(self) -> tuple[pa.Table, dict[str, tuple[int, int]]]:
        table = self.files.sort_by([(column, "ascending") for column in FILES_ORDER]).combine_chunks()
        if not table.num_rows:
            return table, {}
        runs = pc.run_end_encode(table["row_key"].combine_chunks())
        runs = runs.chunk(0) if isinstance(runs, pa.ChunkedArray) else runs
        ends = np.asarray(runs.run_ends).tolist()
        spans = zip(runs.values.to_pylist(), [0, *ends[:-1]], ends, strict=True)
        return table, {key: (start, stop) for key, start, stop in spans}


def side_path(path: str | Path, name: str, ending: str = ".parquet") -> Path:
    """The side table that belongs to a manifest.

    >>> side_path("a/cohort.parquet", "files").as_posix()
    'a/cohort.files.parquet'
    """
    path = Path(path)
    return path.with_name(f"{path.name.removesuffix('.parquet')}.{name}{ending}")


def root_variable(name: str) -> str:
    """The environment variable that says where a root lies on this machine."""
    return VARIABLE + name.upper().replace("-", "_")


def _roots(path: Path, given: Mapping[str, str]) -> dict[str, str]:
    try:
        kept = json.loads(path.read_text()) if path.exists() else {}
    except (ValueError, OSError) as error:
        raise SpecError("the cohort's roots cannot be read", where=path.name) from error
    if not isinstance(kept, dict) or not all(isinstance(uri, str) for uri in kept.values()):
        raise SpecError("the cohort's roots are not names with URIs", where=path.name)
    roots = {**kept, **given}
    return {name: given.get(name) or os.environ.get(root_variable(name)) or uri for name, uri in roots.items()}
