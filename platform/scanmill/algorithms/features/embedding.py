"""An embedding by description: which features, how combined, and which learned projection; one vector an image."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from scanmill.algorithms.features.box import Box, Region
from scanmill.algorithms.features.canonical import CanonicalGrid, canonical_image
from scanmill.algorithms.features.feature_table import FEATURES, View
from scanmill.algorithms.features.projection import Projection
from scanmill.arrays import Array, HostArray, to_host
from scanmill.errors import InputError, SpecError

VERSION = 1
"""Part of every digest: a change of any number that a description leads to raises it."""


@dataclass(frozen=True)
class Part:
    """One feature of the table with its parameters; ``power`` below 1 evens a histogram out (1/2: Hellinger).

    The feature's vector x becomes sign(x) |x|^power, then has length ``weight`` (R. Arandjelović, A. Zisserman, CVPR
    2012); a vector of zeros stays as it is. Parameters that are not given have the table's defaults.

    >>> Part("hog", {"cell": 8}).params
    {'n_orientations': 9, 'cell': 8, 'block': 2}
    """

    feature: str
    params: Mapping[str, Any] = field(default_factory=dict)
    weight: float = 1.0
    power: float = 1.0

    def __post_init__(self) -> None:
        if self.feature not in FEATURES:
            raise SpecError("unknown feature", expected=", ".join(FEATURES), got=self.feature)
        defaults = FEATURES[self.feature].params
        unknown = sorted(set(self.params) - set(defaults))
        if unknown:
            raise SpecError("unknown parameter", where=self.feature, expected=sorted(defaults), got=unknown)
        for name, value in self.params.items():
            if not _like(value, defaults[name]):
                raise SpecError("a parameter of another kind", where=f"{self.feature}.{name}", got=value)
        if not (0 < self.weight < np.inf and 0 < self.power <= 1):
            raise SpecError("weight is positive, power in (0, 1]", where=self.feature, got=(self.weight, self.power))
        given = {name: type(defaults[name])(value) for name, value in self.params.items()}
        object.__setattr__(self, "params", {**defaults, **given})
        object.__setattr__(self, "weight", float(self.weight))
        object.__setattr__(self, "power", float(self.power))

    def size(self, shape: tuple[int, ...]) -> int:
        """The length of the feature's vector on a grid of ``shape``."""
        return FEATURES[self.feature].size(shape, **self.params)

    def measure(self, view: View) -> HostArray:
        """The feature's vector, float64, of length ``weight``."""
        x = to_host(FEATURES[self.feature].measure(view, **self.params)).astype(np.float64)
        if self.power < 1:
            x = np.sign(x) * abs(x) ** self.power
        return self.weight * _unit(x)


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
            if len(self.grid.shape) not in FEATURES[part.feature].n_axes:
                raise SpecError("this feature is not for grids of that kind", where=part.feature, got=self.grid.shape)
        if self.projection is not None and self.projection.source != self.features_digest:
            raise SpecError(
                "a projection of another embedding", expected=self.features_digest[:12], got=self.projection.source[:12]
            )
        if self.projection is not None and len(self.projection.mean) != self.features_dimension:
            raise SpecError("a projection of another length", expected=self.features_dimension)

    @property
    def features_dimension(self) -> int:
        """The length of the vector before the projection."""
        try:
            return sum(part.size(self.grid.shape) for part in self.parts)
        except InputError as error:
            raise SpecError("the grid is too small for its features", got=self.grid.shape, do=str(error)) from error

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
        vector = _unit(vector if self.projection is None else self.projection(vector)).astype(np.float32)
        if not vector.any():
            raise InputError("the image shows nothing that these features see", got=tuple(image.shape))
        return vector

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON and YAML; of the projection only its digest."""
        digest = None if self.projection is None else self.projection.digest
        return {"version": VERSION, **_grid_and_parts(self.grid, self.parts), "projection": digest}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any], projection: Projection | None = None) -> Embedding:
        """The inverse of :meth:`to_dict`; SpecError for another version or projection than it was written with."""
        if fields.get("version", VERSION) != VERSION:
            raise SpecError("an embedding of another version", expected=VERSION, got=fields["version"])
        if fields.get("projection") != (None if projection is None else projection.digest):
            raise SpecError("an embedding needs the projection that it was written with", expected=fields["projection"])
        try:
            grid = {name: tuple(v) if isinstance(v, list) else v for name, v in fields["grid"].items()}
            parts = tuple(Part(**part) for part in fields["parts"])
            return cls(CanonicalGrid(**grid), parts, projection)  # type: ignore[arg-type]
        except (TypeError, KeyError, AttributeError) as error:
            raise SpecError("this is no description of an embedding", do="see Embedding.to_dict") from error


def _grid_and_parts(grid: CanonicalGrid, parts: Sequence[Part]) -> dict[str, Any]:
    fields = {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(grid).items()}
    return {"grid": fields, "parts": [asdict(part) for part in parts]}


def _digest(values: Any) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True, allow_nan=False).encode()).hexdigest()


def _unit(x: HostArray) -> HostArray:
    norm = float(np.sqrt((x * x).sum()))
    return x / norm if norm > 0 else x


def _like(value: Any, default: Any) -> bool:
    """Whether a parameter is of its default's kind; whole numbers are fine where fractions are."""
    kinds = (int, float) if isinstance(default, float) else (type(default),)
    return isinstance(value, kinds) and (isinstance(default, bool) or not isinstance(value, bool))
