"""A user's own network as a feature: an ONNX file of standard operators. The home of onnx and onnxruntime."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from scanmill.arrays import Array, HostArray, to_host
from scanmill.errors import InputError, SpecError

LARGEST_BYTES = 256 * 2**20
"""A larger file is not opened."""
DOMAINS = {"", "ai.onnx", "ai.onnx.ml"}
"""Operators of the standard; a custom one is code that nobody here has seen."""
CHANCE = {"Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"}
REFUSED = {"Loop", "Scan"} | CHANCE
"""What may run for ever, or gives other bytes each time."""


@dataclass(frozen=True, eq=False)
class OnnxModel:
    """A network that takes (1, channel, y, x) or (1, channel, z, y, x), float32, and whose first output is the feature.

    The canonical image, 0 to 1, is repeated for each channel and normalised, (x − ``mean``) / ``std``, one number a
    channel; the grid of the embedding is the size that the network gets. ``content`` are the bytes of the file, which
    must hold its weights. It runs on the CPU in one thread. Raises SpecError for a file that is none, is too large,
    keeps weights in other files, or has operators that are not of the standard, loop, or are random.
    """

    content: bytes
    n_axes: int = 2
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        if self.n_axes not in {2, 3} or len(self.mean) != len(self.std) or not self.mean or not min(self.std) > 0:
            raise SpecError("a network has 2 or 3 axes, and a mean and a positive std for each channel")
        if not np.isfinite([*self.mean, *self.std]).all():
            raise SpecError("mean and std of a network are finite", got=(self.mean, self.std))
        object.__setattr__(self, "mean", tuple(float(v) for v in self.mean))
        object.__setattr__(self, "std", tuple(float(v) for v in self.std))
        _check(self.content)

    @property
    def digest(self) -> str:
        """The SHA-256 of the file and of how its input is made."""
        described = repr((self.n_axes, self.mean, self.std)).encode()
        return hashlib.sha256(hashlib.sha256(self.content).digest() + described).hexdigest()

    def size(self, shape: tuple[int, ...]) -> int:
        """The length of the feature for images of ``shape``; SpecError where the network does not take them."""
        if len(shape) != self.n_axes:
            raise SpecError("the network and the grid differ in axes", expected=self.n_axes, got=shape)
        return len(_run(self.content, np.zeros((1, len(self.mean), *shape), np.float32)))

    def __call__(self, image: Array) -> HostArray:
        """The first output for an image (*axes), flattened, float64; InputError where it is not finite."""
        column = (1, -1, *(1,) * self.n_axes)
        mean, std = (np.array(values).reshape(column) for values in (self.mean, self.std))
        values = _run(self.content, ((to_host(image)[None, None] - mean) / std).astype(np.float32))
        if not np.isfinite(values).all():
            raise InputError("the network's output is not finite")
        return values


def _run(content: bytes, x: HostArray) -> HostArray:
    """The first output, flattened; SpecError where the network cannot take ``x``."""
    session = _session(content)
    try:
        first = session.run([session.get_outputs()[0].name], {session.get_inputs()[0].name: x})[0]
        return np.asarray(first, dtype=np.float64).ravel()
    except Exception as error:
        raise SpecError("the network does not take this input", got=x.shape, do=_first_line(error)) from error


@lru_cache(maxsize=4)
def _session(content: bytes) -> Any:
    """The network, ready to run; kept, because making it costs more than running it."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise SpecError("the network cannot be made ready", do=_first_line(error)) from error
    if len(session.get_inputs()) != 1 or session.get_inputs()[0].type != "tensor(float)":
        raise SpecError("a network needs one float32 input", got=[i.type for i in session.get_inputs()])
    return session


def _check(content: bytes) -> None:
    """SpecError for what may not be run; nothing is run here."""
    if len(content) > LARGEST_BYTES:
        raise SpecError("the network is too large", expected=f"at most {LARGEST_BYTES} bytes", got=len(content))
    try:
        import onnx
        import onnxruntime  # noqa: F401 - said now, not in the middle of a job
    except ImportError as error:
        raise SpecError("a network of one's own needs onnxruntime", do="pip install 'scanmill[onnx]'") from error
    try:
        model = onnx.load_model_from_string(content)
    except Exception as error:
        raise SpecError("this is no ONNX file") from error
    graphs = [model.graph, *model.functions]
    if not model.graph.node:
        raise SpecError("this is no ONNX file, or a network without operators")
    for node in (node for graph in graphs for node in _nodes(graph)):
        is_local = (node.domain, node.op_type) in {(f.domain, f.name) for f in model.functions}
        if (node.domain not in DOMAINS and not is_local) or node.op_type in REFUSED:
            got = f"{node.domain or 'ai.onnx'}.{node.op_type}"
            raise SpecError("an operator that is not taken", expected="standard, without loops or chance", got=got)
    if any(tensor.external_data or tensor.data_location for graph in graphs for tensor in _tensors(graph)):
        raise SpecError("the network keeps weights in other files", do="save it as one file")


def _nodes(graph: Any) -> Iterator[Any]:
    """Every node of a graph and of the graphs within it."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                yield from _nodes(inner)


def _tensors(graph: Any) -> Iterator[Any]:
    """Every constant of a graph and of its nodes; a function has none of its own."""
    yield from _weights(graph)
    for node in _nodes(graph):
        for attribute in node.attribute:
            sparse = [attribute.sparse_tensor, *attribute.sparse_tensors]
            yield from (attribute.t, *attribute.tensors, *(t for s in sparse for t in (s.values, s.indices)))
            for inner in (attribute.g, *attribute.graphs):
                yield from _weights(inner)


def _weights(graph: Any) -> Iterator[Any]:
    yield from getattr(graph, "initializer", ())
    for sparse in getattr(graph, "sparse_initializer", ()):
        yield from (sparse.values, sparse.indices)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:200]
