"""`embed` and what learns for it: what is not in the steps' common contract."""

from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from scanmill.algorithms.features import CanonicalGrid, CohortMoments, Embedding, Part, lda
from scanmill.algorithms.features.named import embedding_from_text, embedding_text
from scanmill.data import Labels, Volume
from scanmill.errors import InputError, SpecError
from scanmill.geometry import VolumeGeometry
from scanmill.io.npz import read_npz
from scanmill.steps.contract import Context, InputFile, Row
from scanmill.steps.table import find_step

GRID = VolumeGeometry((5, 24, 32), (1.0, 1.0, 2.0))
EMBED, MOMENTS, FIT = find_step("embed"), find_step("embedding.moments"), find_step("embedding.fit")
SMALL = Embedding(CanonicalGrid((16, 16)), (Part("profile"), Part("statistics")))


def image(seed=0, kind=0):
    noise = np.random.default_rng(seed).gamma(1.0 + 3 * kind, size=GRID.shape)
    return Volume(noise.astype(np.float32), GRID)


def context(tmp_path, **columns):
    return Context((Row("a", columns),), tmp_path)


def test_labels_and_a_column_of_boxes_become_regions(tmp_path):
    mask = np.zeros(GRID.shape, np.uint8)
    mask[1:3, 4:12, 5:20] = 2
    params = EMBED.params(boxes="lesions", every=2)
    inputs = {"image": image(), "labels": (Labels(mask, GRID, {2: "liver"}),)}
    output = EMBED.run(inputs, params, context(tmp_path, lesions="spot=1,2,3,8,8,1; 0,0,0,9,9,2"))
    names = (
        "series",
        "slice 1",
        "slice 3",
        "region liver 5,4,1,15,8,2",
        "region spot 1,2,3,8,8,1",
        "region 0,0,0,9,9,2",
    )
    assert output.values["entries"].regions == names
    assert output.metrics == {"n_entries": 6}
    with pytest.raises(InputError, match="outside the image"):
        EMBED.run(inputs, params, context(tmp_path, lesions="30,2,3,8,8,1"))
    with pytest.raises(InputError, match="the row has no such column"):
        EMBED.run(inputs, params, context(tmp_path))
    assert EMBED.run(inputs, params, context(tmp_path, lesions=None)).metrics == {"n_entries": 4}
    assert EMBED.run(inputs, EMBED.params(regions=False, slices=False), context(tmp_path)).metrics == {"n_entries": 1}


def test_a_region_too_small_for_the_grid_is_left_out_with_a_warning(tmp_path):
    tall = replace(GRID, shape=(5, 24, 2400))
    mask = np.zeros(tall.shape, np.uint8)
    mask[0, 3, [0, 2399]] = 1
    wide = Volume(np.random.default_rng(0).uniform(size=tall.shape).astype(np.float32), tall)
    params = EMBED.params(embedding=SMALL.to_dict())
    output = EMBED.run({"image": wide, "labels": (Labels(mask, tall),)}, params, context(tmp_path))
    assert [kind for kind in output.values["entries"].kinds if kind == "region"] == []
    assert "region 1 is left out: the region vanishes" in " ".join(output.warnings)


def test_an_embedding_is_named_described_or_in_a_file_with_its_digest(tmp_path):
    path = tmp_path / "small.json"
    path.write_text(embedding_text(SMALL))
    told = EMBED.params(embedding=str(path), digest=SMALL.digest[:16])
    described = EMBED.params(embedding=SMALL.to_dict())
    one, other = (EMBED.run({"image": image()}, p, context(tmp_path)).values["entries"] for p in (told, described))
    np.testing.assert_array_equal(one.vectors, other.vectors)
    assert one.embedding == SMALL.digest
    for wrong in ({"embedding": "best"}, {"embedding": str(path)}, {"embedding": {"grid": 1}}, {"digest": "0" * 12}):
        with pytest.raises(ValidationError):
            EMBED.params(**wrong)
    with pytest.raises(SpecError, match="another embedding"):
        EMBED.run({"image": image()}, EMBED.params(embedding=str(path), digest="0" * 12), context(tmp_path))


def test_what_a_cohort_teaches_is_what_is_learned_from_all_vectors_at_once(tmp_path):
    params = MOMENTS.params(embedding=SMALL.to_dict(), label="kind", every=2)
    images = [(image(seed, kind), f"k{kind}") for seed, kind in enumerate([0, 1, 0, 1, 0, 1])]
    lifted = [
        FIT.reduction.lift(MOMENTS.run({"image": one}, params, context(tmp_path, kind=kind)).values, FIT.params())
        for one, kind in images
    ]
    combine = FIT.reduction.combine
    whole = combine([combine(lifted[:2]), combine(lifted[2:])])
    output = FIT.reduction.finish(whole, FIT.params(method="lda", shrinkage=0.2))
    vectors = np.stack([SMALL.features(one.array[z], spacing=(1.0, 1.0)) for one, _ in images for z in (1, 3)])
    words = [kind for _, kind in images for _ in (1, 3)]
    at_once = lda(CohortMoments.of(vectors, words, source=SMALL.features_digest), shrinkage=0.2)
    np.testing.assert_allclose(output.values["embedding"].projection.matrix, at_once.matrix, rtol=1e-6, atol=1e-9)
    assert output.metrics == {"n_vectors": 12, "n_classes": 2, "dimension": 1}
    with pytest.raises(InputError, match="no class"):
        MOMENTS.run({"image": image()}, params, context(tmp_path, kind=None))


@pytest.mark.parametrize("method", ["pca", "whiten", "pca-whiten"])
def test_a_saved_embedding_is_read_by_a_later_stage_and_goes_before_the_parameter(tmp_path, method):
    params = MOMENTS.params(embedding=SMALL.to_dict())
    moments = tuple(MOMENTS.run({"image": image(s)}, params, context(tmp_path)).values["moments"] for s in range(9))
    learned = FIT.run({"moments": moments}, FIT.params(method=method), context(tmp_path)).values["embedding"]
    save = find_step("save")
    (file,) = save.run({"image": learned}, save.params(output="embedding"), context(tmp_path)).files
    assert (file.kind, file.voxel_digest) == ("embedding", learned.digest)
    extra = (InputFile("embedding", file.path, file.path.name, reader="embedding"),)
    read = find_step("read").run({}, find_step("read").params(), Context((Row("a", {}),), tmp_path, extra=extra))
    inputs = {"image": image(), **read.values}
    entries = EMBED.run(inputs, EMBED.params(), context(tmp_path)).values["entries"]
    assert entries.embedding == learned.digest == embedding_from_text(file.path.read_text()).digest
    (saved,) = save.run({"image": entries}, save.params(output="entries"), context(tmp_path)).files
    assert saved.kind == "entries"
    np.testing.assert_array_equal(read_npz(saved.path).vectors, entries.vectors)
