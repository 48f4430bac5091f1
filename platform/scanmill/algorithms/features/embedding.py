"""An embedding by description: which features, how combined, and which learned projection; one vector an image."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from scanmill.algorithms.features.box import Box, Region
from scanmill.algorithms.features.canonical import CanonicalGrid, canonical_image
from scanmill.algorithms.features.feature_table import View
from scanmill.algorithms.features.onnx_model import OnnxModel
from scanmill.algorithms.features.part import Part, unit
from scanmill.algorithms.features.projection import Projection
from scanmill.arrays import Array, HostArray
from scanmill.errors import InputError, SpecError

VERSION = 2
"""Part of every digest: a change of any number that a description leads to raises it."""


@dataclass(frozen=True)
class Embedding:
    """A description that turns an image, or a region of one, into one float32 vector of length 1.

    The image goes to the canonical grid, the parts are measured there and put one after another, the projection
    (where there is one) follows, then the L2 norm. The same values give the same bytes on one kind of machine,
    whatever their dtype; ``digest`` names the description with its projection, and no image.

    >>> pictures = np.random.default_rng(0).uniform(size=(2, 40, 60))
    >>> embed = Embedding(CanonicalGrid((32, 32)), (Part("hog", {"cell": 8}), Part("patterns", power=0.5)))
    >>> embed.dimension, embed(pictures[0]).dtype, float(round(np.linalg.norm(embed(pictures[1])), 6))
    (334, dtype('float32'), 1.0)
    """

    grid: CanonicalGrid
    parts: tuple[Part, ...]
    projection: Projection | None = None

    def __post_init__(self) -> None:
        if not self.parts:
            raise SpecError("an embedding needs a feature or more")
        for part in self.parts:
            if len(self.grid.shape) not in part.kind.n_axes:
                raise SpecError("this feature is not for grids of that kind", where=part.feature, got=self.grid.shape)
        length, learned = self.features_dimension, self.projection
        if learned is not None and (learned.source, len(learned.mean)) != (self.features_digest, length):
            expected, got = (self.features_digest[:12], length), (learned.source[:12], len(learned.mean))
            raise SpecError("a projection that was learned on another embedding", expected=expected, got=got)

    @property
    def features_dimension(self) -> int:
        """The length of the vector before the projection."""
        try:
            return sum(part.size(self.grid.shape) for part in self.parts)
        except InputError as error:
            raise SpecError("the grid does not fit its features", got=self.grid.shape, do=str(error)) from error

    @property
    def dimension(self) -> int:
        """The length of the vector."""
        return self.features_dimension if self.projection is None else self.projection.dimension

    @property
    def features_digest(self) -> str:
        """The digest of the description without a projection: what a projection is learned on."""
        return _digest([VERSION, _grid_and_parts(self.grid, self.parts)])

    @property
    def digest(self) -> str:
        """The SHA-256 of the description and of its projection."""
        return _digest([self.features_digest, None if self.projection is None else self.projection.digest])

    def with_projection(self, projection: Projection) -> Embedding:
        """The same features seen through a projection that was learned on them."""
        return replace(self, projection=projection)

    def features(self, image: Array, region: Region = None, *, spacing: Sequence[float] | None = None) -> HostArray:
        """The combined features before any projection, float64: what moments are gathered of.

        ``spacing`` (x, y, z) in mm. Raises InputError for an image or a region that cannot be described.
        """
        view = View(
            *canonical_image(image, self.grid, region, spacing=spacing),
            None if region is None or isinstance(region, Box) else region,
            None if spacing is None else tuple(float(s) for s in spacing),
        )
        return np.concatenate([part.measure(view) for part in self.parts])

    def __call__(self, image: Array, region: Region = None, *, spacing: Sequence[float] | None = None) -> HostArray:
        """The vector (dimension,), float32; InputError where there is nothing to describe."""
        vector = self.features(image, region, spacing=spacing)
        vector = unit(vector if self.projection is None else self.projection(vector)).astype(np.float32)
        if not vector.any():
            what = "image" if region is None else "region"
            raise InputError(f"the {what} shows nothing that these features see", got=tuple(image.shape))
        return vector

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON and YAML; of the projection only its digest."""
        digest = None if self.projection is None else self.projection.digest
        return {"version": VERSION, **_grid_and_parts(self.grid, self.parts), "projection": digest}

    @classmethod
    def from_dict(
        cls, fields: Mapping[str, Any], projection: Projection | None = None, models: Sequence[OnnxModel] = ()
    ) -> Embedding:
        """The inverse of :meth:`to_dict`; ``models`` are the networks of its parts, in any order.

        SpecError for another version, projection or network than it was written with.
        """
        written, given = fields.get("projection"), None if projection is None else projection.digest
        if fields.get("version", VERSION) != VERSION:
            raise SpecError("an embedding of another version", expected=VERSION, got=fields["version"])
        if written != given:
            raise SpecError("an embedding needs the projection that it was written with", expected=written, got=given)
        try:
            grid = {name: tuple(v) if isinstance(v, list) else v for name, v in fields["grid"].items()}
            parts = tuple(_part(part, {model.digest: model for model in models}) for part in fields["parts"])
            return cls(CanonicalGrid(**grid), parts, projection)  # type: ignore[arg-type]
        except (TypeError, KeyError, AttributeError, ValueError) as error:
            raise SpecError("this is no description of an embedding", do="see Embedding.to_dict") from error


def _grid_and_parts(grid: CanonicalGrid, parts: Sequence[Part]) -> dict[str, Any]:
    fields = {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(grid).items()}
    return {"grid": fields, "parts": [part.to_dict() for part in parts]}


def _part(fields: Mapping[str, Any], models: Mapping[str, OnnxModel]) -> Part:
    digest = fields.get("model")
    if digest is not None and digest not in models:
        raise SpecError("an embedding needs the network that it was written with", expected=digest, got=list(models))
    return Part(**{**fields, "model": None if digest is None else models[digest]})


def _digest(values: Any) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True, allow_nan=False).encode()).hexdigest()
