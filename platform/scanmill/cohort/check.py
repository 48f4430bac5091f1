"""Is a cohort still what it says: files there and unchanged, and every row as the rules ask."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pyarrow as pa
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from scanmill.cohort import parquet, schema
from scanmill.cohort.hashing import Progress, in_parallel
from scanmill.cohort.manifest import Cohort
from scanmill.errors import InputError, ScanmillError, SpecError
from scanmill.storage import Store, open_store

MAX_RULES_BYTES = 256 * 2**10
DEVIATIONS = pa.schema(
    {"row_key": pa.string(), "rule": pa.string(), "severity": pa.string(), "path": pa.string(), "what": pa.string()}
)
FILE_RULE = "files"
"""The rule that every file is there with its size and digest; always on."""


class Rule(BaseModel):
    """A condition that every row must meet; a row for which it is false or unknown (null) deviates."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(pattern=r"^[\w.-]{1,64}$")]
    sql: Annotated[str, Field(max_length=10_000)]
    severity: Literal["error", "warning"] = "error"


class _Rules(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    rules: Annotated[tuple[Rule, ...], Field(max_length=1_000)]


@dataclass(frozen=True)
class CheckReport:
    """What was looked at, and every deviation: row_key, rule, severity, path, what."""

    n_rows: int
    n_files: int
    n_bytes: int
    n_rules: int
    deviations: pa.Table

    @property
    def in_order(self) -> bool:
        """Whether nothing deviates."""
        return not len(self.deviations)

    def write(self, path: Path | str) -> None:
        """The deviations as Parquet."""
        parquet.write(Path(path), schema.stamped(self.deviations))


def check_cohort(
    cohort: Cohort,
    *,
    rules: Path | str | Sequence[Rule] = (),
    digests: bool = True,
    workers: int | None = None,
    progress: Progress | None = None,
) -> CheckReport:
    """Look for every file (its size, and with ``digests`` its SHA-256) and hold every row against the rules.

    ``rules`` is a YAML file ``rules: [{name, sql, severity}]`` or the rules themselves. Raises SpecError for a rule
    that is no condition over the cohort's columns, ResourceError when a store is away.
    """
    read = load_rules(rules) if isinstance(rules, str | Path) else tuple(rules)
    found = [*_rule_deviations(cohort.table, read)]
    n_bytes = 0
    look = partial(_look, {name: open_store(uri) for name, uri in cohort.roots.items()}, digests=digests)
    files = cohort.files.to_pylist()
    for number, (file, fault) in enumerate(zip(files, in_parallel(look, files, workers), strict=True), start=1):
        if fault:
            found.append(_deviation(file["row_key"], FILE_RULE, "error", file["path"], fault))
        n_bytes += file["bytes"]
        if progress:
            progress(number, len(files), n_bytes)
    deviations = pa.Table.from_pylist(found, schema=DEVIATIONS)
    deviations = deviations.sort_by([(name, "ascending") for name in ("row_key", "rule", "path")])
    return CheckReport(len(cohort), len(files), n_bytes, len(read), deviations)


def load_rules(path: Path | str) -> tuple[Rule, ...]:
    """The rules of a YAML file; SpecError names what is wrong."""
    path = Path(path)
    try:
        if path.stat().st_size > MAX_RULES_BYTES:
            raise SpecError("the rules are too long", where=path.name, expected=f"at most {MAX_RULES_BYTES} bytes")
        rules = _Rules.model_validate(yaml.safe_load(path.read_text(encoding="utf-8"))).rules
    except OSError as error:
        raise SpecError("the rules cannot be read", where=path.name, got=error.strerror) from error
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()[:5]]
        raise SpecError("the rules are wrong", where=path.name, do="; ".join(faults)) from error
    except (yaml.YAMLError, UnicodeError, RecursionError) as error:
        raise SpecError("the rules are not YAML", where=path.name) from error
    names = [rule.name for rule in rules]
    twice = sorted({name for name in names if names.count(name) > 1} | ({FILE_RULE} & set(names)))
    if twice:
        raise SpecError("a rule's name is taken", where=path.name, got=twice[0])
    return rules


def _rule_deviations(table: pa.Table, rules: Sequence[Rule]) -> Iterator[dict[str, Any]]:
    from scanmill.cohort.select import matching_rows

    keys = np.asarray(table["row_key"].to_pylist(), dtype=object)
    for rule in rules:
        fine = np.zeros(len(keys), dtype=bool)
        fine[matching_rows(table, rule.sql)] = True
        for key in keys[~fine]:
            yield _deviation(str(key), rule.name, rule.severity, None, f"not: {rule.sql.strip()}")


def _deviation(row_key: str, rule: str, severity: str, path: str | None, what: str) -> dict[str, Any]:
    return {"row_key": row_key, "rule": rule, "severity": severity, "path": path, "what": what}


def _look(stores: Mapping[str, Store], file: Mapping[str, Any], *, digests: bool) -> str:
    """What is wrong with a file; empty if nothing is. A store that is away is not the file's fault."""
    store = stores.get(file["root"])
    if store is None:
        return "its root is not known"
    try:
        size = store.size(file["path"])
        if size != file["bytes"]:
            return f"{size} bytes instead of {file['bytes']}"
        changed = digests and store.sha256(file["path"]) != file["sha256"]
        return "the content has changed" if changed else ""
    except InputError as error:
        return error.what
    except ScanmillError as error:
        return f"{type(error).__name__}: {error.what}"
