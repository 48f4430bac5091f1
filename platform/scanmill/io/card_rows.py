"""From a folder to rows, by a card: names first, headers second."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np

from scanmill.errors import InputError
from scanmill.io.card_files import Fields, RoleFiles, cfl_header, natural_order, ordered, places_of
from scanmill.io.card_geometry import UNKNOWN, volume_geometry
from scanmill.io.card_kspace import kspace_facts
from scanmill.io.card_kspace_role import KSpaceRole
from scanmill.io.card_patterns import fill, match
from scanmill.io.card_read import GRID_AXES, SCAN_AXES, kept_angles_deg, scan_geometry
from scanmill.io.card_roles import ProjectionsRole, Role

if TYPE_CHECKING:
    from scanmill.io.card import Card, CardRow

Found = list[tuple[str, Fields]]


def find_rows(card: Card, root: Path) -> Iterator[CardRow]:
    """The rows under ``root``, sorted by key."""
    if not root.is_dir():
        raise InputError("no such folder", got=root.name)
    groups: dict[str, Found] = {}
    rule = card.rows_from
    for path in walk(root, None if "**" in rule.files.split("/") else rule.files.count("/") + 1):
        fields = match(rule.files, path, rule.fields)
        if fields is not None and not any(match(out, path, rule.fields) is not None for out in rule.exclude):
            groups.setdefault(fill(rule.key, fields), []).append((path, fields))
    for key in sorted(groups):
        yield _row(card, root, key, groups[key])


def walk(root: Path, depth: int | None = None) -> Iterator[str]:
    """Every regular file under ``root`` as a relative POSIX path; links to folders are not followed."""
    for folder, folders, names in os.walk(root, followlinks=False):
        here = PurePosixPath(Path(folder).relative_to(root).as_posix())
        folders.sort()
        if depth is not None and len(here.parts) + 1 >= depth:
            folders.clear()
        yield from (str(here / name) for name in sorted(names))


def _row(card: Card, root: Path, key: str, found: Found) -> CardRow:
    from scanmill.io.card import CardRow

    main = sorted((path for path, _ in found), key=natural_order)
    fields = found[0][1]
    columns: dict[str, Any] = dict(fields)
    columns |= {name: fill(v, fields) if isinstance(v, str) else v for name, v in card.columns.items()}
    files: dict[str, tuple[str, ...]] = {}
    try:
        for name, role in card.roles.items():
            paths = _files_of(root, name, role, main, fields)
            if paths:
                files[name] = paths
        return CardRow(row_key=key, files=files, columns=columns)
    except InputError as error:
        return CardRow(row_key=key, files=files, columns=columns, problem=str(error))


def _files_of(root: Path, name: str, role: Role, main: list[str], fields: Fields) -> tuple[str, ...]:
    folder = PurePosixPath(main[0]).parent
    own = _listed(root, folder, fill(role.file, fields)) if role.file else main
    if not own and role.optional:
        return ()
    if not own:
        raise InputError(f"no file for role {name!r}", where=main[0], expected=fill(role.file or "", fields))
    if len(own) > 1 and not role.stack:
        raise InputError(f"several files for role {name!r}", where=own[0], expected=1, got=len(own))
    others = []
    for place in places_of(role):
        there = _listed(root, folder, fill(place.file or "", fields))
        if len(there) != 1:
            raise InputError(f"a file of role {name!r}", where=main[0], expected=f"one {place.file}", got=len(there))
        others += there
    headers = [cfl_header(path) for path in (*own, *others) if cfl_header(path) and (root / cfl_header(path)).is_file()]
    paths = tuple(dict.fromkeys([*own, *others, *headers]))
    for path in paths:
        if not (root / path).resolve().is_relative_to(root.resolve()):
            raise InputError("a link leads out of the folder", where=path)
    return paths


def _listed(root: Path, folder: PurePosixPath, pattern: str) -> list[str]:
    """The files that fit a pattern whose last part may have wildcards."""
    where = folder / PurePosixPath(pattern).parent
    last = PurePosixPath(pattern).name
    if not any(sign in last for sign in "*?{"):
        return [str(where / last)] if (root / where / last).is_file() else []
    if not (root / where).is_dir():
        return []
    names = (entry.name for entry in os.scandir(root / where) if entry.is_file())
    return [str(where / name) for name in sorted(names, key=natural_order) if match(last, name, {}) is not None]


def describe_row(card: Card, row: CardRow, root: Path) -> CardRow:
    """``row`` with the columns that the headers of its first role give, or with its problem."""
    if row.problem:
        return row
    described: list[Mapping[str, Any]] = []
    try:
        for name, role in card.roles.items():
            if name in row.files:
                source = RoleFiles.sort_out(card, role, {path: root / path for path in row.files[name]})
                described.append(_columns(role, source))
    except InputError as error:
        return row.model_copy(update={"problem": str(error)})
    except OSError as error:
        return row.model_copy(update={"problem": f"cannot be read: {error.strerror}"})
    return row.model_copy(update={"columns": {**described[0], **row.columns}})


def _columns(role: Role, source: RoleFiles) -> Mapping[str, Any]:
    if isinstance(role, KSpaceRole):
        return kspace_facts(role, source).columns
    info = source.describe(role.array, stack=role.stack)
    target = SCAN_AXES if isinstance(role, ProjectionsRole) else GRID_AXES
    one_number = np.broadcast_to(np.int8(0), info.shape)  # has the shape, not the memory
    shape = ordered(one_number, role.axes, target, source.where).shape
    if isinstance(role, ProjectionsRole):
        scan = scan_geometry(role, source, shape)
        angles = kept_angles_deg(role, source, shape[0])
        return {
            "n_views": scan.n_views,
            "n_rows": scan.n_rows,
            "n_columns": scan.n_columns,
            "beam": scan.beam,
            "angle_start_deg": float(angles[0]),
            "angle_range_deg": float(np.ptp(angles)),
        }
    grid = volume_geometry(role, source, shape)
    sizes = dict(zip(("size_z", "size_y", "size_x"), grid.shape, strict=True))
    if role.spacing == UNKNOWN:
        return sizes
    return {**sizes, **dict(zip(("spacing_x", "spacing_y", "spacing_z"), grid.spacing, strict=True))}
