"""A cohort of pairs for registration and fusion: one row a pair, the files of both under roles of their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from scanmill.cohort import schema
from scanmill.cohort.manifest import Cohort, side_path
from scanmill.cohort.pair_atlas import with_atlas
from scanmill.cohort.pair_table import pair_files, pair_table
from scanmill.cohort.pairing import Pairing, partners
from scanmill.cohort.protected import read_protected
from scanmill.cohort.select import matching_rows
from scanmill.errors import SpecError

NAMED = 5
"""Rows that a message names; the others are counted."""


@dataclass(frozen=True)
class PairSummary:
    """What pairing gave. ``left_out`` says of each row why it is in no pair; ``n_unknown_frames`` counts pairs of which
    nobody can tell whether they share a frame of reference."""

    path: Path
    n_pairs: int
    left_out: tuple[tuple[str, str], ...]
    n_other_frames: int
    n_unknown_frames: int


def pair_cohort(
    cohort_path: Path | str,
    *,
    out: Path | str,
    moving: str,
    fixed: str | None = None,
    atlas: Path | str | None = None,
    by: Sequence[str] = ("patient_key",),
    each: bool = False,
    allow: bool = False,
    leave_out: bool = False,
    roots: Mapping[str, str] | None = None,
) -> PairSummary:
    """Write ``out``: pairs of the rows for which the SQL conditions ``fixed`` and ``moving`` are true.

    Partners agree in the columns ``by``. Instead of ``fixed``, an ``atlas`` (a NIfTI image) is the fixed image of every
    pair. A pair's roles are ``fixed`` and ``moving`` for both rows' ``image``, ``fixed_<role>`` and ``moving_<role>``
    for others; its columns are what both rows agree in, the fixed one's size and spacing, and each row's own under
    ``fixed.`` and ``moving.``.

    Raises SpecError, by name, for rows without a partner or with several (unless ``each`` makes a pair of every
    combination; with ``leave_out`` they go to the problems table instead), and for pairs of different frames of
    reference, as told by the protected table, unless ``allow``: their coordinates mean nothing to each other.
    """
    cohort = Cohort.open(cohort_path, roots=roots)
    if (fixed is None) == (atlas is None):
        raise SpecError("what is fixed?", expected="an SQL condition or an atlas", got="both" if fixed else "neither")
    chosen = _chosen(cohort.table, moving, "moving")
    if atlas is not None:
        cohort, place = with_atlas(cohort, Path(atlas))
        pairing, known = Pairing(tuple((place, row) for row in chosen), ()), {}
    else:
        schema.check_columns(cohort.table, dict.fromkeys(by, pa.string()), Path(cohort_path).name)
        pairing = partners(cohort.table, _chosen(cohort.table, str(fixed), "fixed"), chosen, by, each=each)
        known = _frames(Path(cohort_path))
    keys = cohort.table["row_key"].to_pylist()
    left_out = tuple((keys[place], why) for place, why in pairing.alone)
    if left_out and not leave_out:
        raise _refused(left_out)
    if not pairing.pairs:
        raise SpecError("no pair was found", expected=f"rows that agree in {', '.join(by)}")
    others = [(a, b) for a, b in pairing.pairs if _differ(known.get(keys[a]), known.get(keys[b]))]
    if others and not allow:
        raise _other_frames([f"{keys[a]} and {keys[b]}" for a, b in others])
    _write(cohort, pairing, left_out, Path(out))
    unknown = sum(not (known.get(keys[a]) and known.get(keys[b])) for a, b in pairing.pairs) if atlas is None else 0
    return PairSummary(Path(out), len(pairing.pairs), left_out, len(others), unknown)


def _chosen(table: pa.Table, where: str, side: str) -> list[int]:
    found: list[int] = np.asarray(matching_rows(table, where)).tolist()
    if not found:
        raise SpecError(f"no row is {side}", expected=where[:120], do="`scanmill cohort show --where` shows what fits")
    return found


def _write(cohort: Cohort, pairing: Pairing, left_out: Iterable[tuple[str, str]], out: Path) -> None:
    sides = [[pair[side] for pair in pairing.pairs] for side in (0, 1)]
    table = pair_table(cohort.table.take(pa.array(sides[0])), cohort.table.take(pa.array(sides[1])))
    problems = [
        {"root": "", "path": key, "error_class": "SpecError", "problem": f"in no pair: {why}"} for key, why in left_out
    ]
    replace(
        cohort,
        table=schema.stamped(table),
        files=schema.stamped(pair_files(table, cohort.files)),
        problems=pa.Table.from_pylist(problems, schema=schema.PROBLEMS),
    ).write(out)


def _frames(path: Path) -> dict[str, str]:
    """The frame of reference of each row that has one; nothing where there is no protected table."""
    if not side_path(path, "protected").is_file():
        return {}
    table = read_protected(path)
    table = table.filter(pc.is_valid(table["FrameOfReferenceUID"]))
    return dict(zip(table["row_key"].to_pylist(), table["FrameOfReferenceUID"].to_pylist(), strict=True))


def _differ(one: str | None, other: str | None) -> bool:
    return bool(one and other and one != other)


def _refused(left_out: Sequence[tuple[str, str]]) -> SpecError:
    return SpecError(
        "rows have no partner of their own",
        expected="one each",
        got=_named([f"{key}: {why}" for key, why in left_out]),
        do="narrow the conditions, or --each for every combination, or --leave-out to go on without them",
    )


def _other_frames(pairs: Sequence[str]) -> SpecError:
    return SpecError(
        "pairs have different frames of reference",
        got=_named(pairs),
        do="--allow pairs them nevertheless: where their coordinates start from says nothing then",
    )


def _named(what: Sequence[str]) -> str:
    return "; ".join(what[:NAMED]) + (f" and {len(what) - NAMED} more" if len(what) > NAMED else "")
