"""The defaults: what the benchmark chose, and the thumbnail against scikit-image."""

import numpy as np
import pytest
from skimage.measure import block_reduce

from scanmill.algorithms.features import CanonicalGrid, Embedding, Part, default_embedding
from scanmill.algorithms.features.default import DEFAULTS
from scanmill.errors import SpecError

RNG = np.random.default_rng(4)


@pytest.mark.parametrize("of", DEFAULTS)
def test_a_default_embeds_what_it_says(of):
    image = RNG.normal(size=(20, 30, 40)[-2 - of.startswith("volume") :])
    embed = default_embedding(of)
    assert embed(image, image > -1).shape == (embed.dimension,)


def test_lengths_that_a_million_can_afford():
    assert {of: embed.dimension for of, embed in DEFAULTS.items()} == {
        "slice": 918, "volume": 658, "slice region": 25, "volume region": 25,
    }  # fmt: skip
    with pytest.raises(SpecError, match="no default"):
        default_embedding("film")


@pytest.mark.parametrize(("shape", "cell"), [((96, 96), 6), ((24, 24, 24), 8)])
def test_a_thumbnail_is_scikit_images_reduced_blocks(shape, cell):
    image = RNG.uniform(size=shape)
    embed = Embedding(CanonicalGrid(shape, (0.0, 1.0)), (Part("thumbnail", {"cell": cell}),))
    small = block_reduce(image, (cell,) * len(shape), np.mean)
    expected = (small - small.mean()).ravel()
    np.testing.assert_allclose(embed(image), expected / np.linalg.norm(expected), atol=1e-6)
