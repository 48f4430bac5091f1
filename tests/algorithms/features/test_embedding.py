"""Embeddings: the same image the same bytes, a description that is what its digest says, and what is refused."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from skimage.data import camera, coins

from scanmill.algorithms.features import (
    Box,
    CanonicalGrid,
    CohortMoments,
    Embedding,
    Part,
    Projection,
    lda,
    pca,
    shape_features,
)
from scanmill.algorithms.features.feature_table import FEATURES
from scanmill.errors import InputError, SpecError

IMAGE = np.random.default_rng(0).integers(0, 200, size=(50, 40))
VOLUME = np.random.default_rng(1).integers(0, 200, size=(20, 24, 28))
EVERYTHING = tuple(Part(name) for name in FEATURES if name not in {"hog", "hog_3d", "shape"})
PLANE = Embedding(CanonicalGrid((48, 48)), (*EVERYTHING, Part("hog", weight=2.0)))
SPACE = Embedding(CanonicalGrid((16, 24, 24), margin=0.25), (*EVERYTHING, Part("hog_3d", {"cell": 4})))


@pytest.mark.parametrize(("embed", "image"), [(PLANE, IMAGE), (SPACE, VOLUME)])
def test_one_vector_of_known_length_and_the_same_bytes(embed, image):
    vector = embed(image)
    assert vector.shape == (embed.dimension,)
    assert vector.dtype == np.float32
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-6)
    for dtype in (np.uint8, np.int16, np.float32, np.float64):
        assert embed(image.astype(dtype)).tobytes() == vector.tobytes()
    assert embed(np.asfortranarray(image)).tobytes() == vector.tobytes()
    locked = image.copy()
    locked.flags.writeable = False
    assert embed(locked).tobytes() == vector.tobytes()


BYTES_OF_A_PICTURE = """
import hashlib
import numpy as np
from scanmill.algorithms.features import CanonicalGrid, Embedding, Part, Projection
from scanmill.algorithms.features.feature_table import FEATURES
rng = np.random.default_rng(0)
volume = rng.normal(size=(40, 48, 48)).cumsum(axis=0)
embed = Embedding(CanonicalGrid((32, 48, 48)), tuple(Part(name) for name in FEATURES if name != "hog"))
d = embed.features_dimension
learned = Projection("pca", rng.normal(size=d), rng.normal(size=(200, d)), np.ones(200), embed.features_digest)
print(hashlib.sha256(embed.with_projection(learned)(volume, volume > 1)).hexdigest())
"""


def test_the_bytes_do_not_depend_on_the_number_of_threads():
    digests = set()
    for n_threads in ("1", "3"):
        threads = {"OPENBLAS_NUM_THREADS": n_threads, "OMP_NUM_THREADS": n_threads, "MKL_NUM_THREADS": n_threads}
        command = [sys.executable, "-c", BYTES_OF_A_PICTURE]
        done = subprocess.run(command, env={**os.environ, **threads}, capture_output=True, text=True, check=True)
        digests.add(done.stdout)
    assert len(digests) == 1
    assert len(digests.pop()) == 65


@pytest.mark.parametrize(
    ("feature", "grid"),
    [
        (name, grid)
        for name, feature in FEATURES.items()
        for grid in ((40, 48), (16, 20, 24), (1, 32, 32))
        if len(grid) in feature.n_axes and not (name in {"hog_3d", "thumbnail"} and grid[0] == 1)
    ],
)
def test_every_feature_has_the_length_that_the_table_says(feature, grid):
    image = np.random.default_rng(2).uniform(size=grid)
    embed = Embedding(CanonicalGrid(grid), (Part(feature),))
    assert embed(image, image > 0.3).shape == (embed.dimension,)


def test_weights_and_powers():
    parts = (Part("profile", power=0.5), Part("hog", weight=3.0))
    features = Embedding(CanonicalGrid((48, 48)), parts).features(IMAGE)
    assert np.linalg.norm(features[:32]) == pytest.approx(1)
    assert np.linalg.norm(features[32:]) == pytest.approx(3)
    plain = Embedding(CanonicalGrid((48, 48)), (Part("profile"),)).features(IMAGE)
    np.testing.assert_allclose(features[:32], np.sqrt(plain / plain.sum()))


@pytest.mark.parametrize("feature", ["hog", "profile", "texture", "statistics"])
def test_unit_and_size_of_an_image_hardly_matter(feature):
    embed = Embedding(CanonicalGrid((48, 48)), (Part(feature),))
    picture, rotated, other = camera()[::4, ::4], camera()[::-4, ::4], coins()[:256:2, :256:2]
    large = camera() * 3.5 - 1000
    assert embed(picture) @ embed(large) > max(embed(picture) @ embed(other), 0.95)
    assert (embed(picture) @ embed(rotated) > 0.99) == (feature != "hog")


def test_a_region_is_found_in_a_larger_image():
    patch = np.random.default_rng(6).uniform(size=(24, 24))
    scene = np.random.default_rng(7).uniform(size=(90, 90))
    scene[30:54, 50:74] = patch
    embed = Embedding(CanonicalGrid((48, 48)), (Part("hog"), Part("texture"), Part("profile")))
    assert embed(scene, Box((30, 50), (24, 24))).tobytes() == embed(patch).tobytes()
    mask = np.zeros(scene.shape, np.uint8)
    mask[30:54, 50:74] = 1
    assert embed(scene, mask).tobytes() == embed(patch).tobytes()


def test_what_is_not_in_the_mask_does_not_count_for_intensities():
    mask = np.zeros(IMAGE.shape, bool)
    mask[5:20, 5:20] = np.tri(15, dtype=bool)
    embed = Embedding(CanonicalGrid((15, 15), (0.0, 200.0)), (Part("statistics"), Part("texture"), Part("profile")))
    assert embed(np.where(mask, IMAGE, 77), mask).tobytes() == embed(IMAGE, mask).tobytes()


def test_shape_is_of_the_mask_in_millimetres():
    embed = Embedding(CanonicalGrid((16, 16, 16)), (Part("shape"),))
    mask = np.zeros(VOLUME.shape, bool)
    mask[4:9, 4:9, 4:9] = True
    small, large = (embed.features(VOLUME, mask, spacing=(s, s, s)) for s in (1.0, 2.0))
    sphericity = shape_features(mask)["sphericity"]
    growth = sphericity * (large / large[0] - small / small[0])
    np.testing.assert_allclose(growth, [0, 0, 0, np.log10(8) / 6, np.log10(2) / 3], atol=1e-12)
    with pytest.raises(InputError, match="needs a mask"):
        embed(VOLUME, Box((0, 0, 0), (4, 4, 4)))


def test_a_description_and_back():
    fields = json.loads(json.dumps(SPACE.to_dict()))
    again = Embedding.from_dict(fields)
    assert again.to_dict() == SPACE.to_dict()
    assert again.digest == SPACE.digest
    assert again(VOLUME).tobytes() == SPACE(VOLUME).tobytes()
    short = {"grid": {"shape": [48, 48]}, "parts": [{"feature": "hog", "params": {"cell": 8}}]}
    assert Embedding.from_dict(short) == Embedding(CanonicalGrid((48, 48)), (Part("hog", {"cell": 8}),))


def test_the_digest_is_of_what_is_meant():
    grid = CanonicalGrid((48, 48), (0.0, 1.0))
    one = Embedding(grid, (Part("patterns"),))
    same = Embedding(CanonicalGrid((48, 48), (0, 1)), (Part("patterns", {"radius": 1, "n_points": 8}, weight=1),))
    assert same.digest == one.digest
    others = [
        Embedding(CanonicalGrid((48, 49), (0.0, 1.0)), one.parts),
        Embedding(CanonicalGrid((48, 48)), one.parts),
        Embedding(grid, (Part("patterns", {"radius": 2.0}),)),
        Embedding(grid, (Part("patterns", weight=2.0),)),
        Embedding(grid, (Part("patterns", power=0.5),)),
        Embedding(grid, (Part("hog"),)),
        Embedding(grid, (*one.parts, *one.parts)),
    ]
    assert len({one.digest, *(other.digest for other in others)}) == 8


def test_a_projection_belongs_to_its_features():
    embed = Embedding(CanonicalGrid((32, 32)), (Part("profile"), Part("patterns")))
    pictures = np.random.default_rng(8).uniform(size=(12, 32, 32)) ** np.repeat([1, 4], 6)[:, None, None]
    vectors = np.stack([embed.features(picture) for picture in pictures])
    moments = CohortMoments.of(vectors, np.repeat(["even", "dark"], 6), source=embed.features_digest)
    seen = embed.with_projection(pca(moments, 3))
    assert (seen.dimension, seen(pictures[0]).shape) == (3, (3,))
    assert seen.digest != embed.digest == Embedding.from_dict(embed.to_dict()).digest
    expected = pca(moments, 3)(vectors[0])
    np.testing.assert_allclose(seen(pictures[0]), expected / np.linalg.norm(expected), rtol=1e-6)
    kept = Projection.from_bytes(seen.projection.to_bytes())
    assert Embedding.from_dict(seen.to_dict(), kept).digest == seen.digest
    sides = np.array([embed.with_projection(lda(moments))(picture)[0] for picture in pictures])
    assert abs(sides[:6].sum()) == abs(sides[6:].sum()) == 6
    other = Embedding(CanonicalGrid((32, 32)), (Part("profile", weight=2.0), Part("patterns")))
    with pytest.raises(SpecError, match="another embedding"):
        other.with_projection(kept)
    with pytest.raises(SpecError, match="written with"):
        Embedding.from_dict(seen.to_dict())
    with pytest.raises(SpecError, match="written with"):
        Embedding.from_dict(seen.to_dict(), lda(moments))


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ({"feature": "sift"}, "unknown feature"),
        ({"feature": "hog", "params": {"cels": 8}}, "unknown parameter"),
        ({"feature": "hog", "params": {"cell": 8.5}}, "another kind"),
        ({"feature": "hog", "params": {"cell": -8}}, "not positive"),
        ({"feature": "hog", "params": {"cell": True}}, "another kind"),
        ({"feature": "hog_3d", "params": {"signed": 1}}, "another kind"),
        ({"feature": "hog", "weight": 0.0}, "weight"),
        ({"feature": "hog", "power": 2.0}, "power"),
        ({"feature": "hog", "params": {"cell": 32}}, "does not fit"),
        ({"feature": "patterns", "params": {"n_points": 2}}, "does not fit"),
        ({"feature": "texture", "params": {"n_levels": 5000}}, "does not fit"),
        ({"feature": "profile", "params": {"n_sections": 90}}, "does not fit"),
        ({"feature": "hog_3d"}, "not for grids"),
        ({"features": "hog"}, "no description"),
    ],
)
def test_a_description_that_cannot_be(part, words):
    with pytest.raises(SpecError, match=words):
        Embedding.from_dict({"grid": {"shape": [48, 48]}, "parts": [part]})


def test_other_descriptions_that_cannot_be():
    with pytest.raises(SpecError, match="a feature or more"):
        Embedding(CanonicalGrid((48, 48)), ())
    with pytest.raises(SpecError, match="another version"):
        Embedding.from_dict({**PLANE.to_dict(), "version": 99})
    for fields in ({}, {"grid": 5, "parts": []}, {"grid": {"shape": ["a", "b"]}, "parts": [{"feature": "hog"}]}):
        with pytest.raises(SpecError, match="no description"):
            Embedding.from_dict(fields)


def test_images_that_show_nothing():
    with pytest.raises(InputError, match="shows nothing"):
        Embedding(CanonicalGrid((48, 48)), (Part("hog"),))(np.ones((20, 20)))
    with pytest.raises(InputError, match="finite"):
        PLANE(np.full((20, 20), np.inf))
    with pytest.raises(InputError, match="outside the image"):
        PLANE(IMAGE, Box((40, 0), (20, 20)))
