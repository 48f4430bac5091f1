import numpy as np
import pytest

from scanmill.algorithms.features import Box, CanonicalGrid, CohortMoments, Embedding, Part, pca
from scanmill.algorithms.features.default import DEFAULTS
from scanmill.algorithms.features.describe import boxes_of, describe, largest_plane, region_vector, regions_of
from scanmill.algorithms.features.named import (
    embedding_from_text,
    embedding_of,
    embedding_text,
    read_embedding,
)
from scanmill.algorithms.features.upright import flips_of
from scanmill.data import Labels, Volume
from scanmill.errors import InputError, SpecError
from scanmill.geometry import VolumeGeometry

PLANES = Embedding(CanonicalGrid((32, 32)), (Part("hog", {"cell": 8}), Part("profile")))
SPACE = Embedding(CanonicalGrid((8, 16, 16)), (Part("hog_3d", {"cell": 4}), Part("profile")))
GRID = VolumeGeometry((7, 40, 50), (0.8, 1.5, 3.0))


def volume(seed=0):
    return Volume(np.random.default_rng(seed).uniform(size=GRID.shape).astype(np.float32), GRID)


def test_planes_are_described_as_pictures_and_the_series_is_their_mean_direction():
    image = volume()
    entries, left_out = describe(image, PLANES, every=3)
    assert entries.regions == ("series", "slice 1", "slice 4")
    assert left_out == ()
    alone = [PLANES(image.array[z], spacing=GRID.spacing[:2]) for z in (1, 4)]
    np.testing.assert_array_equal(entries.vectors[1:], alone)
    mean = np.mean(alone, axis=0)
    np.testing.assert_allclose(entries.vectors[0], mean / np.linalg.norm(mean), atol=1e-6)


def test_a_picture_is_one_entry_and_space_has_no_slices():
    picture = Volume(volume().array[:1], GRID.crop(slice(0, 1), slice(None), slice(None)))
    assert describe(picture, PLANES)[0].kinds == ("series",)
    whole, _ = describe(volume(), SPACE)
    assert whole.regions == ("series",)
    np.testing.assert_array_equal(whole.vectors[0], SPACE(volume().array, spacing=GRID.spacing))


def test_air_is_left_out_and_said():
    image = volume()
    image.array[[0, 3]] = 5.0
    window = Embedding(CanonicalGrid((32, 32), window=(10.0, 11.0)), (Part("hog", {"cell": 8}),))
    assert describe(image, PLANES)[0].kinds.count("slice") == 7
    entries, left_out = describe(image, Embedding(CanonicalGrid((32, 32)), (Part("hog", {"cell": 8}),)))
    assert entries.regions == ("series", "slice 1", "slice 2", "slice 4", "slice 5", "slice 6")
    assert left_out == ()
    with pytest.raises(InputError, match="nothing that these features see"):
        describe(image, window)


def test_regions_are_their_largest_plane_or_their_box_in_space():
    mask = np.zeros(GRID.shape, np.uint8)
    mask[2:5, 10:20, 5:15] = 1
    mask[3, 8:22, 5:25] = 1
    mask[5, 30:35, 30:40] = 4
    image, labels = volume(), Labels(mask, GRID, {4: "lesion"})
    entries, _ = describe(image, PLANES, slices=False, regions=regions_of(labels))
    assert entries.regions == ("series", "region 1 5,8,2,20,14,3", "region lesion 30,30,5,10,5,1")
    expected = PLANES(image.array[3], mask[3] == 1, spacing=GRID.spacing[:2])
    np.testing.assert_array_equal(entries.vectors[1], expected)
    assert largest_plane(mask == 1, GRID.shape)[0] == 3
    box = Box((2, 8, 5), (3, 14, 20))
    np.testing.assert_array_equal(region_vector(image, SPACE, box), SPACE(image.array, box, spacing=GRID.spacing))


def test_boxes_of_a_text():
    found = boxes_of("a=1,2,3,4,5,1; 0,0,0,50,40,7", GRID.shape)
    assert found == [("a", Box((3, 2, 1), (1, 5, 4))), ("", Box((0, 0, 0), (7, 40, 50)))]
    for wrong, told in {
        "1,2,3": "no box",
        "a,b,c,d,e,f": "no box",
        "1,2,3,4,5,0": "a size w,h,d of 1 or more",
        "1,2,3,-4,5,6": "a size w,h,d of 1 or more",
        "0,0,0,51,1,1": "outside the image: expected x,y,z,w,h,d within 50,40,7 voxels, got 0,0,0,51,1,1",
        "-1,0,0,5,1,1": "outside",
    }.items():
        with pytest.raises(InputError, match=told):
            boxes_of(wrong, GRID.shape)


def test_voxels_that_are_not_finite_are_refused():
    image = volume()
    image.array[0, 0, 0] = np.nan
    with pytest.raises(InputError, match="finite"):
        describe(image, PLANES)


def test_an_embeddings_text_carries_its_projection(tmp_path):
    features = np.stack([PLANES.features(plane) for plane in volume().array])
    learned = PLANES.with_projection(pca(CohortMoments.of(features, source=PLANES.features_digest), 3))
    path = tmp_path / "learned.json"
    path.write_text(embedding_text(learned))
    back = read_embedding(path, learned.digest[:12])
    np.testing.assert_array_equal(back(volume().array[0]), learned(volume().array[0]))
    for name, one in DEFAULTS.items():
        assert embedding_from_text(embedding_text(one)) == one == embedding_of(name) == embedding_of(one.to_dict())
    with pytest.raises(SpecError, match="another embedding"):
        read_embedding(path, "0" * 12)
    changed = embedding_text(learned).replace('"cell": 8', '"cell": 16')
    for text in ("", "[]", "{}", changed, embedding_text(PLANES).replace(PLANES.digest, "0" * 64)):
        path.write_text(text)
        with pytest.raises(SpecError):
            read_embedding(path)
    with pytest.raises(SpecError, match="no default embedding"):
        embedding_of("best")


def turned(image, axes, mask):
    """The same voxels at the same places of the patient, stored from the other end of some axes (x is 0)."""
    matrix, origin = np.array(image.geometry.direction), np.array(image.geometry.origin)
    array, shape = image.array, image.geometry.shape
    for axis in axes:
        origin = origin + matrix[:, axis] * image.geometry.spacing[axis] * (shape[2 - axis] - 1)
        matrix[:, axis] *= -1
        array, mask = np.flip(array, 2 - axis), np.flip(mask, 2 - axis)
    grid = VolumeGeometry(shape, image.geometry.spacing, tuple(origin), tuple(map(tuple, matrix)))
    return Volume(np.ascontiguousarray(array), grid), np.ascontiguousarray(mask)


@pytest.mark.parametrize("axes", [(0,), (1,), (0, 1), (2,), (0, 1, 2)])
@pytest.mark.parametrize("embedding", [PLANES, SPACE], ids=["planes", "space"])
def test_a_body_is_described_the_same_from_whichever_end_its_voxels_are_stored(embedding, axes):
    image, mask = volume(), np.zeros(GRID.shape, np.uint8)
    mask[3, 5:20, 10:40] = 1
    other, other_mask = turned(image, axes, mask)
    one, _ = describe(image, embedding, regions=[("mask", mask), ("box", Box((2, 4, 30), (3, 20, 12)))])
    (z, y, x), (d, h, w) = (2, 4, 30), (3, 20, 12)
    start = [n - first - size if 2 - place in axes else first
             for place, (n, first, size) in enumerate(zip(GRID.shape, (z, y, x), (d, h, w), strict=True))]  # fmt: skip
    two, _ = describe(other, embedding, regions=[("mask", other_mask), ("box", Box(tuple(start), (d, h, w)))])
    planes = [number for number, kind in enumerate(two.kinds) if kind == "slice"]
    order = [*range(len(two.kinds))]
    if 2 in axes:
        order[1 : 1 + len(planes)] = reversed(planes)
    np.testing.assert_allclose(two.vectors[order], one.vectors, atol=1e-6)


@pytest.mark.parametrize(
    ("columns", "flips"),
    [
        (np.eye(3), (False, False, False)),  # axial, as DICOM has it
        (np.diag([-1, -1, 1]), (False, True, True)),  # axial, NIfTI's R, A, S
        ([[0, 0, 1], [1, 0, 0], [0, -1, 0]], (False, False, False)),  # sagittal: to the back, to the feet
        ([[0, 0, 1], [-1, 0, 0], [0, 1, 0]], (False, True, True)),  # sagittal: to the front, to the head
        ([[1, 0, 0], [0, 0, 1], [0, -1, 0]], (False, False, False)),  # coronal: to the left, to the feet
    ],
)
def test_planes_are_seen_as_radiologists_look_at_them(columns, flips):
    direction = tuple(tuple(float(n) for n in row) for row in columns)
    assert flips_of(VolumeGeometry((3, 4, 5), direction=direction)) == flips
