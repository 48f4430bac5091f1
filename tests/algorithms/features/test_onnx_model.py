"""A network of one's own against SciPy's convolution, and the files that are not taken."""

import json

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from scipy.ndimage import correlate

from scanmill.algorithms.features import CanonicalGrid, Embedding, OnnxModel, Part
from scanmill.algorithms.features.named import embedding_from_text, embedding_text
from scanmill.errors import InputError, SpecError

KERNELS = np.random.default_rng(0).normal(size=(4, 3, 3, 3)).astype(np.float32)
IMAGE = np.random.default_rng(1).uniform(size=(24, 24))
GRID = CanonicalGrid((24, 24), (0.0, 1.0))
MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.3, 0.4)


def saved(nodes, weights=(), *, shape=(1, 3, 24, 24), domains=(), functions=()):
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "tiny", [x], [y], list(weights))
    opsets = [helper.make_opsetid("", 17), *(helper.make_opsetid(d, 1) for d in domains)]
    return helper.make_model(graph, opset_imports=opsets, functions=list(functions), ir_version=9)


def convolution(**attributes):
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("GlobalAveragePool", ["r"], ["y"]),
    ]
    return saved(nodes, [numpy_helper.from_array(KERNELS, "w")], **attributes)


def content_of(model):
    return model.SerializeToString()


def test_the_output_is_scipys():
    model = OnnxModel(content_of(convolution()), mean=MEAN, std=STD)
    channels = [(IMAGE - m) / s for m, s in zip(MEAN, STD, strict=True)]
    sums = [sum(correlate(c, k, mode="constant") for c, k in zip(channels, ks, strict=True)) for ks in KERNELS]
    expected = [np.maximum(s, 0).mean() for s in sums]
    np.testing.assert_allclose(model(IMAGE), expected, rtol=1e-5)
    assert model(IMAGE).tobytes() == model(IMAGE).tobytes()


def test_a_network_is_a_part_of_an_embedding():
    model = OnnxModel(content_of(convolution()), mean=MEAN, std=STD)
    embed = Embedding(GRID, (Part("patterns"), Part("onnx", model=model, weight=2.0)))
    assert embed.dimension == 14
    assert np.linalg.norm(embed.features(IMAGE)[10:]) == pytest.approx(2)
    fields = json.loads(json.dumps(embed.to_dict()))
    again = Embedding.from_dict(fields, models=[model])
    assert again.digest == embed.digest
    assert again(IMAGE).tobytes() == embed(IMAGE).tobytes()
    with pytest.raises(SpecError, match="network that it was written with"):
        Embedding.from_dict(fields)
    told = embedding_from_text(embedding_text(embed))
    assert told.digest == embed.digest
    assert told(IMAGE).tobytes() == embed(IMAGE).tobytes()


def test_the_digest_sees_the_weights_and_the_input():
    content = content_of(convolution())
    other = convolution()
    other.graph.initializer[0].CopyFrom(numpy_helper.from_array(KERNELS * 2, "w"))
    models = [
        OnnxModel(content, mean=MEAN, std=STD),
        OnnxModel(content, mean=MEAN, std=(0.2, 0.3, 0.5)),
        OnnxModel(content_of(other), mean=MEAN, std=STD),
    ]
    digests = {Embedding(GRID, (Part("onnx", model=model),)).digest for model in models}
    assert len(digests) == len({model.digest for model in models}) == 3


def test_a_volume_of_any_size():
    shape = (1, 1, "z", "y", "x")
    pool = saved([helper.make_node("GlobalMaxPool", ["x"], ["y"])], shape=shape)
    model = OnnxModel(content_of(pool), n_axes=3)
    assert model.size((4, 5, 6)) == 1
    assert model(np.arange(8.0).reshape(2, 2, 2)).tolist() == [7.0]


def external(model):
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../etc/passwd")
    return model


def hidden(model):
    """Weights in another file, but of a Constant within an If."""
    tensor = external(convolution()).graph.initializer[0]
    inner = helper.make_node("Constant", [], ["k"], value=tensor)
    graph = helper.make_graph([inner], "inner", [], [helper.make_tensor_value_info("k", TensorProto.FLOAT, None)])
    model.graph.node.append(helper.make_node("If", ["y"], ["z"], then_branch=graph, else_branch=graph))
    return model


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (saved([helper.make_node("Secret", ["x"], ["y"], domain="my.own")]), "not taken"),
        (saved([helper.make_node("Gelu", ["x"], ["y"], domain="com.microsoft")]), "not taken"),
        (saved([helper.make_node("RandomNormalLike", ["x"], ["y"])]), "not taken"),
        (saved([]), "without operators"),
        (external(convolution()), "other files"),
        (hidden(convolution()), "other files"),
    ],
)
def test_networks_that_are_not_taken(model, words):
    with pytest.raises(SpecError, match=words):
        OnnxModel(content_of(model), mean=MEAN, std=STD)


def test_a_function_of_standard_operators_is_taken():
    body = [helper.make_node("Relu", ["a"], ["b"])]
    function = helper.make_function("my.own", "Mine", ["a"], ["b"], body, [helper.make_opsetid("", 17)])
    used = saved([helper.make_node("Mine", ["x"], ["y"], domain="my.own")], domains=["my.own"], functions=[function])
    assert OnnxModel(content_of(used), mean=MEAN, std=STD).size((24, 24)) == 3 * 24 * 24


def test_what_is_no_network(monkeypatch):
    content = content_of(convolution())
    for broken in (b"", b"not a network", content[: len(content) // 2]):
        with pytest.raises(SpecError, match="no ONNX file"):
            OnnxModel(broken)
    with pytest.raises(SpecError, match="does not take"):
        OnnxModel(content, mean=MEAN, std=STD).size((20, 20))
    with pytest.raises(SpecError, match="does not take"):
        Embedding(CanonicalGrid((20, 20)), (Part("onnx", model=OnnxModel(content, mean=MEAN, std=STD)),))
    with pytest.raises(SpecError, match="not for grids"):
        Embedding(CanonicalGrid((8, 8, 8)), (Part("onnx", model=OnnxModel(content, mean=MEAN, std=STD)),))
    with pytest.raises(SpecError, match="positive std"):
        OnnxModel(content, mean=MEAN, std=(1.0, 0.0, 1.0))
    with pytest.raises(SpecError, match="belong together"):
        Part("onnx")
    with pytest.raises(SpecError, match="belong together"):
        Part("hog", model=OnnxModel(content, mean=MEAN, std=STD))
    with pytest.raises(InputError, match="not finite"):
        OnnxModel(content_of(saved([helper.make_node("Log", ["x"], ["y"])], shape=(1, 1, 4, 4))))(np.full((4, 4), -1.0))
    monkeypatch.setattr("scanmill.algorithms.features.onnx_model.LARGEST_BYTES", 10)
    with pytest.raises(SpecError, match="too large"):
        OnnxModel(content)
