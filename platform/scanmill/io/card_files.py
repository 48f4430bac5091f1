"""The files of one role of one row: which is its own, which ones its dark, flat or angles stand in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from scanmill.arrays import HostArray
from scanmill.errors import InputError
from scanmill.io import cfl
from scanmill.io.array_info import MAX_BYTES, ArrayInfo
from scanmill.io.arrays import describe_array, read_array
from scanmill.io.card_parts import ByField, CardPart, Number, Place
from scanmill.io.card_patterns import fill, match
from scanmill.io.card_roles import Role

if TYPE_CHECKING:
    from scanmill.io.card import Card

Fields = Mapping[str, str | int]


def natural_order(name: str) -> list[tuple[int, int | str]]:
    """A sort key by which ``p9.tif`` stands before ``p10.tif``."""
    return [(0, int(part)) if part.isdigit() else (1, part) for part in re.split(r"(\d+)", name) if part]


def places_of(part: CardPart) -> Iterator[Place]:
    """Every place of a role that stands in a file of its own."""
    for _, value in part:
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(one, Place):
                yield from (one,) if one.file is not None else ()
            elif isinstance(one, CardPart):
                yield from places_of(one)


def cfl_header(path: str) -> str:
    """The name of the header of a ``.cfl``; no file's name for any other.

    >>> cfl_header("a/ksp.cfl"), cfl_header("a/ksp.npy")
    ('a/ksp.hdr', '')
    """
    return f"{path[:-4]}.hdr" if path.lower().endswith(".cfl") else ""


@dataclass(frozen=True)
class RoleFiles:
    """Reads places of a role: ``own`` are the files of its array, ``others`` the rest, by relative path; ``headers``
    are those of BART's ``.cfl`` files, which may lie elsewhere than beside them."""

    own: tuple[Path, ...]
    others: Mapping[str, Path]
    fields: Fields
    headers: Mapping[Path, Path]

    @classmethod
    def sort_out(cls, card: Card, role: Role, files: Mapping[str, Path]) -> RoleFiles:
        """Tell a role's own files from the others by the card's patterns."""
        rule = card.rows_from
        pattern = f"**/{role.file}" if role.file else rule.files
        asides = [f"**/{place.file}" for place in places_of(role)]
        own: dict[str, Fields] = {}
        for path in files:
            found = match(pattern, path, rule.fields)
            if found is not None and not any(match(aside, path, rule.fields) is not None for aside in asides):
                own[path] = found
        if not own:
            raise InputError("none of the files fits the card", expected=pattern, got=len(files))
        order = sorted(own, key=natural_order)
        others = {path: place for path, place in files.items() if path not in own}
        headers = {files[path]: files[cfl_header(path)] for path in files if cfl_header(path) in files}
        return cls(tuple(files[path] for path in order), others, own[order[0]], headers)

    @property
    def where(self) -> str:
        """The name of the first file, for messages."""
        return self.own[0].name

    def path_of(self, place: Place) -> Path:
        """The file that a place stands in."""
        if place.file is None:
            return self.own[0]
        wanted = fill(place.file, self.fields)
        for relative, path in self.others.items():
            if match(f"**/{wanted}", relative, {}) is not None:
                return path
        raise InputError("a file that the card names is missing", where=self.where, expected=wanted)

    def array(self, place: Place) -> HostArray:
        """The array at a place."""
        return self._read(self.path_of(place), place)

    def _read(self, path: Path, place: Place) -> HostArray:
        if path in self.headers:
            return cfl.read(path, "", header=self.headers[path])
        return read_array(path, self._at(place))

    def stacked(self, place: Place, *, stack: bool) -> HostArray:
        """The role's array: one file, or the pages of many in natural order along a new first axis."""
        info = self.describe(place, stack=stack)
        if not stack:
            return self.array(place)
        pages = np.empty(info.shape, info.dtype)
        for page, path in zip(pages, self.own, strict=True):
            image = self._read(path, place).squeeze()
            if image.shape != page.shape:
                raise InputError("the pages differ in size", where=path.name, expected=page.shape, got=image.shape)
            page[...] = image
        return pages

    def describe(self, place: Place, *, stack: bool) -> ArrayInfo:
        """Shape and dtype of that array, from headers."""
        path = self.path_of(place)
        in_pair = path in self.headers
        info = cfl.describe(path, "", self.headers[path]) if in_pair else describe_array(path, self._at(place))
        if not stack:
            return info
        page = tuple(n for n in info.shape if n != 1)
        info = ArrayInfo((len(self.own), *page), info.dtype)
        if info.n_bytes > MAX_BYTES:
            raise InputError("the stack is too large", where=self.where, expected=f"at most {MAX_BYTES} bytes")
        return info

    def number(self, value: Number, name: str) -> float:
        """A number of the card, the one that stands at a place, or the one of the row's field."""
        if isinstance(value, ByField):
            return self._by_field(value)
        if not isinstance(value, Place):
            return float(value)
        array = self.array(value)
        if array.size != 1 or array.dtype.kind not in "iuf" or not np.isfinite(array).all():
            raise InputError(f"{name} must be one finite number", where=self.where, got=f"array {array.shape}")
        return float(array.reshape(-1)[0])

    def _by_field(self, value: ByField) -> float:
        field = self.fields.get(value.by)
        if not isinstance(field, int):
            raise InputError("a number goes by a field that the row has not, or that is no int", where=self.where,
                             expected=value.by, got=", ".join(self.fields))  # fmt: skip
        return next((number for first, last, number in value.ranges if first <= field <= last), value.otherwise)

    def word(self, text: str) -> str:
        """A text of the card with the row's fields put in."""
        return fill(text, self.fields)

    def _at(self, place: Place) -> str:
        return fill(place.at, self.fields)


def ordered(array: HostArray, axes: Sequence[str], target: Sequence[str], where: str) -> HostArray:
    """``array``, stored with ``axes``, as (``target``): reversed axes turned, missing ones of length 1.

    >>> ordered(np.zeros((4, 3)), ("-column", "view"), ("view", "row", "column"), "a.npy").shape
    (3, 1, 4)
    """
    if array.ndim > len(axes):
        array = array.squeeze()
    if array.ndim != len(axes):
        raise InputError("the card's axes do not fit the array", where=where, expected=list(axes), got=array.shape)
    array = array[tuple(slice(None, None, -1 if axis.startswith("-") else None) for axis in axes)]
    plain = [axis.removeprefix("-") for axis in axes]
    array = array.transpose([plain.index(axis) for axis in target if axis in plain])
    for position, axis in enumerate(target):
        if axis not in plain:
            array = np.expand_dims(array, position)
    return array
