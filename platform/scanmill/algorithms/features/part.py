"""One feature of an embedding: which, with which parameters, how heavy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from scanmill.algorithms.features.feature_table import FEATURES, Feature, View
from scanmill.algorithms.features.onnx_model import OnnxModel
from scanmill.arrays import HostArray, to_host
from scanmill.errors import SpecError

ONNX = "onnx"


@dataclass(frozen=True)
class Part:
    """One feature of the table with its parameters; ``power`` below 1 evens a histogram out (1/2: Hellinger).

    The feature's vector x becomes sign(x) |x|^power, then has length ``weight`` (R. Arandjelović, A. Zisserman, CVPR
    2012); a vector of zeros stays as it is. Parameters that are not given have the table's defaults. The feature
    "onnx" is a network of one's own, ``model``, without parameters.

    >>> Part("hog", {"cell": 8}).params
    {'n_orientations': 9, 'cell': 8, 'block': 2}
    """

    feature: str
    params: Mapping[str, Any] = field(default_factory=dict)
    weight: float = 1.0
    power: float = 1.0
    model: OnnxModel | None = None

    def __post_init__(self) -> None:
        if self.feature not in {*FEATURES, ONNX}:
            raise SpecError("unknown feature", expected=", ".join([*FEATURES, ONNX]), got=self.feature)
        if (self.feature == ONNX) != (self.model is not None):
            raise SpecError("a network and the feature `onnx` belong together", where=self.feature)
        defaults = self.kind.params
        unknown = sorted(set(self.params) - set(defaults))
        if unknown:
            raise SpecError("unknown parameter", where=self.feature, expected=sorted(defaults), got=unknown)
        for name, value in self.params.items():
            if not _like(value, defaults[name]):
                raise SpecError(
                    "a parameter of another kind or not positive", where=f"{self.feature}.{name}", got=value
                )
        if not (_like(self.weight, 1.0) and _like(self.power, 1.0) and self.weight < np.inf and self.power <= 1):
            raise SpecError("weight is positive, power in (0, 1]", where=self.feature, got=(self.weight, self.power))
        given = {name: type(defaults[name])(value) for name, value in self.params.items()}
        object.__setattr__(self, "params", {**defaults, **given})
        object.__setattr__(self, "weight", float(self.weight))
        object.__setattr__(self, "power", float(self.power))

    @property
    def kind(self) -> Feature:
        """The feature's row in the table, or what stands for the network's."""
        if self.model is None:
            return FEATURES[self.feature]
        model = self.model
        return Feature(lambda view: model(view.image), model.size, {}, (model.n_axes,))

    def size(self, shape: tuple[int, ...]) -> int:
        """The length of the feature's vector on a grid of ``shape``."""
        return self.kind.size(shape, **self.params)

    def measure(self, view: View) -> HostArray:
        """The feature's vector, float64, of length ``weight``."""
        x = to_host(self.kind.measure(view, **self.params)).astype(np.float64)
        if self.power < 1:
            x = np.sign(x) * abs(x) ** self.power
        return self.weight * unit(x)

    def to_dict(self) -> dict[str, Any]:
        """Plain values; of a network only its digest."""
        fields = {"feature": self.feature, "params": dict(self.params), "weight": self.weight, "power": self.power}
        return fields if self.model is None else {**fields, "model": self.model.digest}


def unit(x: HostArray) -> HostArray:
    """``x`` with an L2 norm of 1; zeros stay zeros."""
    norm = float(np.sqrt((x * x).sum()))
    return x / norm if norm > 0 else x


def _like(value: Any, default: Any) -> bool:
    """Whether a value is of its default's kind: true or false, or a positive number, whole where the default is."""
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(default, bool) and isinstance(value, bool)
    return isinstance(value, int if isinstance(default, int) else (int, float)) and value > 0
