"""A data card: a small YAML text by which raw arrays of any scanner become rows of a cohort, without code.

A card is an upload: it is data only, bounded in size, and names nothing outside the folder it is used on.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from scanmill.data import KSpace, Labels, Projections, Volume
from scanmill.errors import InputError, SpecError
from scanmill.io.card_geometry import UNKNOWN
from scanmill.io.card_parts import CardPart, Text
from scanmill.io.card_patterns import Field_, Pattern, fields_of
from scanmill.io.card_roles import LabelsRole, Role, VolumeRole

MAX_CARD_BYTES = 256 * 2**10
MAX_DEPTH = 20
RESERVED = frozenset(
    ("row_key", "patient_key", "content_digest", "bytes", "n_files", "card", "contains_identity", "n_views", "n_rows",
     "n_columns", "beam", "angle_start_deg", "angle_range_deg", "size_z", "size_y", "size_x", "spacing_x", "spacing_y",
     "spacing_z", "n_frames", "n_slices", "n_coils", "matrix_z", "matrix_y", "matrix_x", "n_shots", "n_samples",
     "trajectory", "acceleration", "measurement", "encoding", "acquisition")
)  # fmt: skip
"""Columns that the cohort or the headers give; a card may not set them."""

Name = Annotated[str, Field(pattern=r"^[A-Za-z_]\w{0,63}$")]


class CardRow(CardPart):
    """One row that a card found: ``files`` maps each role to paths relative to the root.

    ``problem`` says why the files could not be described; such a row keeps its key and files, so that it is
    accounted for when it is run.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)
    row_key: str
    files: Mapping[str, tuple[str, ...]]
    columns: Mapping[str, Any]
    problem: str = ""


class RowRule(CardPart):
    """Which files form a row: every file that fits ``files`` starts one, or joins the one of the same ``key``."""

    files: Pattern
    key: Text
    fields: dict[Name, Field_] = Field(default_factory=dict, max_length=20)
    exclude: tuple[Pattern, ...] = Field(default=(), max_length=20)

    @model_validator(mode="after")
    def _key_from_fields(self) -> RowRule:
        unknown = set(fields_of(self.key)) - set(fields_of(self.files))
        if unknown:
            raise ValueError(f"key uses fields that `files` does not have: {', '.join(sorted(unknown))}")
        return self


class Card(BaseModel):
    """What a set of raw files is. See docs/data-cards.md; ``load_card`` reads one.

    ``rows(root)`` lists the rows under a folder, ``read(role, files)`` turns a row's files into a value.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: Name
    description: Annotated[str, Field(max_length=4000)] = ""
    source: Text = ""
    licence: Text = ""
    rows_from: RowRule = Field(alias="rows")
    columns: dict[Name, str | int | float | bool] = Field(
        default_factory=dict, max_length=50, description="further columns; a text may use {field}s"
    )
    roles: dict[Name, Role] = Field(min_length=1, max_length=20)

    @model_validator(mode="after")
    def _columns_are_free(self) -> Card:
        taken = RESERVED & {*self.columns, *fields_of(self.rows_from.files)} - {"beam"}
        if taken:
            raise ValueError(f"not a card's to set: {', '.join(sorted(taken))}")
        return self

    def find_rows(self, root: Path | str) -> Iterator[CardRow]:
        """The rows under ``root`` by the names of their files only, sorted by key; nothing is opened."""
        from scanmill.io.card_rows import find_rows

        return find_rows(self, Path(root))

    def describe(self, row: CardRow, root: Path | str) -> CardRow:
        """The row with the columns that its headers give: n_views, n_rows, n_columns, beam, angle_start_deg,
        angle_range_deg, or size_* and spacing_*, or those of k-space (docs/cohort.md); where they cannot be read,
        with its ``problem``."""
        from scanmill.io.card_rows import describe_row

        return describe_row(self, row, Path(root))

    def rows(self, root: Path | str) -> list[CardRow]:
        """Every row under ``root``, described."""
        return [self.describe(row, root) for row in self.find_rows(root)]

    def read(self, role: str, files: Mapping[str, Path]) -> Projections | Volume | Labels | KSpace:
        """The value of a role: ``files`` maps the role's relative paths to where they can be opened now."""
        from scanmill.io.card_read import read_role

        if role not in self.roles:
            raise InputError("the card has no such role", expected=", ".join(self.roles), got=role)
        return read_role(self, role, files)

    def warning(self, role: str) -> str:
        """What reading that role assumes without knowing it; empty where all is known."""
        spec = self.roles.get(role)
        if not isinstance(spec, VolumeRole | LabelsRole) or spec.spacing != UNKNOWN:
            return ""
        return f"{role}: the card does not know the size of voxels, 1 mm is assumed"

    def to_json(self) -> str:
        """The canonical text: sorted keys, defaults left out; equal cards give equal bytes."""
        fields = self.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        for name, role in self.roles.items():
            fields["roles"][name]["kind"] = role.kind
        return json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Card:
        """The inverse of :meth:`to_json`."""
        _check_size(text, "card")
        try:
            return _validated(json.loads(text), "card")
        except (json.JSONDecodeError, RecursionError) as error:
            raise SpecError("the card is not JSON") from error


def load_card(source: Path | str) -> Card:
    """The card in a YAML file, or the one of that name in the catalogue (``"htc2022"``).

    A SpecError names the field that is wrong.
    """
    path = Path(source)
    if path.suffix not in (".yaml", ".yml"):
        path = _catalogue() / f"{path.name}.yaml"
        if not path.is_file():
            names = ", ".join(sorted(p.stem for p in _catalogue().glob("*.yaml")))
            raise SpecError(f"no data card {str(source)!r}", do=f"give a .yaml file or one of: {names}")
    try:
        if path.stat().st_size > MAX_CARD_BYTES:
            raise SpecError("the card is too large", where=path.name, expected=f"at most {MAX_CARD_BYTES} bytes")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise SpecError("the card cannot be read", where=path.name) from error
    return parse_card(text, path.name)


def parse_card(text: str, where: str = "card") -> Card:
    """The card in a YAML text; anchors and aliases are refused, they can make a small text a huge value."""
    _check_size(text, where)
    try:
        _check_structure(text, where)
        fields = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise SpecError(f"not YAML: {error.problem} in line {line}", where=where) from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise SpecError("not YAML", where=where) from error
    return _validated(fields, where)


def _check_structure(text: str, where: str) -> None:
    """Read the events one by one, so that nothing is built of a text that nests or repeats itself without end."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent) or depth > MAX_DEPTH:
            raise SpecError("a card has no YAML aliases and does not nest deeply", where=where)


def _validated(fields: Any, where: str) -> Card:
    try:
        return Card.model_validate(fields)
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, fault['loc'])) or 'card'}: {fault['msg']}" for fault in error.errors()[:5]]
        raise SpecError("the card is wrong", where=where, do="; ".join(faults)) from error
    except RecursionError as error:
        raise SpecError("the card is nested too deeply", where=where) from error


def _check_size(text: str, where: str) -> None:
    if len(text.encode()) > MAX_CARD_BYTES:
        raise SpecError("the card is too large", where=where, expected=f"at most {MAX_CARD_BYTES} bytes")


def _catalogue() -> Path:
    package = Path(__file__).parents[1]
    inside = package / "catalogs"
    return inside if inside.is_dir() else package.parents[1] / "catalogs"
