"""DICOM SEG and RTSTRUCT, written by hand after PS3.3, on turned grids."""

import numpy as np
import pytest
from matplotlib.path import Path as Outline
from pydicom import Dataset, Sequence
from pydicom.pixels import pack_bits

from dicom_builder import decimals, header, item, oblique, save
from scanmill.errors import InputError
from scanmill.io.dicom_segments import SEGMENTATIONS, read_segments
from scanmill.io.polygon import inside_polygon
from scanmill.io.rtstruct import RTSTRUCT, read_structures

GRID = oblique((6, 8, 10), seed=3)
LUNG, LESION = np.zeros(GRID.shape, bool), np.zeros(GRID.shape, bool)
LUNG[1:5, 2:7, 1:9] = True
LESION[2:4, 3:5, 4:7] = True


def segmentation(path, masks, *, kind="BINARY", grid=GRID, flip=False, edit=None):
    """The planes that are not empty, of one segment after the other; ``flip`` runs the rows the other way."""
    dataset = header(SEGMENTATIONS[0], grid.shape[1:])
    dataset.Modality, dataset.SegmentationType = "SEG", kind
    dataset.SegmentSequence = Sequence(
        [item(SegmentNumber=n, SegmentLabel=word) for n, word in enumerate(masks, start=1)]
    )
    axes = np.asarray(grid.direction)
    down = -axes[:, 1] if flip else axes[:, 1]
    orientation = item(ImageOrientationPatient=decimals([*axes[:, 0], *down]))
    measures = item(PixelSpacing=decimals([grid.spacing[1], grid.spacing[0]]), SliceThickness=str(grid.spacing[2]))
    dataset.SharedFunctionalGroupsSequence = Sequence(
        [item(PlaneOrientationSequence=Sequence([orientation]), PixelMeasuresSequence=Sequence([measures]))]
    )
    groups, frames = [], []
    for number, mask in enumerate(masks.values(), start=1):
        for plane in np.flatnonzero(mask.any(axis=(1, 2))):
            corner = (0, grid.shape[1] - 1, plane) if flip else (0, 0, plane)
            groups.append(
                item(
                    PlanePositionSequence=Sequence([item(ImagePositionPatient=decimals(grid.to_points(corner)))]),
                    SegmentIdentificationSequence=Sequence([item(ReferencedSegmentNumber=number)]),
                )
            )
            frames.append(mask[plane, ::-1] if flip else mask[plane])
    dataset.PerFrameFunctionalGroupsSequence, dataset.NumberOfFrames = Sequence(groups), len(frames)
    pixels = np.array(frames)
    if kind == "BINARY":
        dataset.BitsAllocated = dataset.BitsStored = 1
        dataset.HighBit, dataset.PixelRepresentation = 0, 0
        dataset.PixelData = pack_bits(pixels.astype(np.uint8).ravel(), pad=True)
    else:
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 8, 8, 7, 0
        dataset.MaximumFractionalValue = 200
        dataset.PixelData = (pixels * np.uint8(150) + np.uint8(40) * ~pixels).astype(np.uint8).tobytes()
    if edit is not None:
        edit(dataset)
    return save(dataset, path)


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL"])
@pytest.mark.parametrize("flip", [False, True])
def test_each_segment_becomes_a_mask_on_the_images_grid(tmp_path, kind, flip):
    path = segmentation(tmp_path / "seg.dcm", {"lung": LUNG, "lesion": LESION}, kind=kind, flip=flip)
    found = list(read_segments(path, GRID))
    assert [dict(labels.names) for labels in found] == [{1: "lung"}, {1: "lesion"}]
    for labels, mask in zip(found, (LUNG, LESION), strict=True):
        np.testing.assert_array_equal(labels.array, mask)


def test_a_label_map_holds_all_segments_in_its_pixels(tmp_path):
    values = np.where(LESION, 2, LUNG).astype(np.uint8)

    def edit(dataset):
        dataset.SOPClassUID, dataset.SegmentationType = SEGMENTATIONS[1], "LABELMAP"
        dataset.PixelData = values[1:5].tobytes()
        for group in dataset.PerFrameFunctionalGroupsSequence:
            del group.SegmentIdentificationSequence
        dataset.SegmentSequence = Sequence([item(SegmentNumber=1, SegmentLabel="a"), item(SegmentNumber=2)])

    path = segmentation(tmp_path / "seg.dcm", {"any": LUNG}, kind="LABELMAP", edit=edit)
    lung, lesion = read_segments(path, GRID)
    np.testing.assert_array_equal(lung.array, LUNG & ~LESION)
    np.testing.assert_array_equal(lesion.array, LESION)
    assert lesion.names == {1: "2"}


def test_a_segmentation_of_another_grid_or_of_nothing_is_refused(tmp_path):
    path = segmentation(tmp_path / "seg.dcm", {"lung": LUNG})
    elsewhere = GRID.crop(slice(0, 3), slice(None), slice(None))
    with pytest.raises(InputError, match="outside the image"):
        list(read_segments(path, elsewhere))
    with pytest.raises(InputError, match="another grid"):
        list(read_segments(path, oblique((60, 80, 100), seed=3, spacing=(0.4, 0.6, 1.0))))
    none = segmentation(tmp_path / "none.dcm", {"lung": LUNG}, kind="FRACTIONAL",
                        edit=lambda dataset: setattr(dataset, "MaximumFractionalValue", 1000))  # fmt: skip
    with pytest.raises(InputError, match="nothing is marked"):
        list(read_segments(none, GRID))
    with pytest.raises(InputError, match="no DICOM segmentation"):
        list(read_segments(segmentation(tmp_path / "ct.dcm", {"a": LUNG}, edit=as_ct), GRID))
    with pytest.raises(InputError, match="segments are not readable"):
        list(read_segments(segmentation(tmp_path / "a.dcm", {"a": LUNG}, edit=without_segments), GRID))


def as_ct(dataset):
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2.1"


def without_segments(dataset):
    del dataset.SegmentSequence


SQUARE = np.array([[1.5, 1.5], [6.5, 1.5], [6.5, 5.5], [1.5, 5.5]])
HOLE = np.array([[2.5, 2.5], [4.5, 2.5], [4.5, 4.5], [2.5, 4.5]])


def structures(path, regions, edit=None):
    """``regions``: name to a list of (plane, polygon)."""
    dataset = Dataset()
    dataset.SOPClassUID, dataset.Modality, dataset.PatientName = RTSTRUCT, "RTSTRUCT", "Doe^Jane"
    names = list(regions)
    dataset.StructureSetROISequence = Sequence([item(ROINumber=n, ROIName=word) for n, word in enumerate(names, 5)])
    dataset.ROIContourSequence = Sequence(
        [
            item(
                ReferencedROINumber=n,
                ContourSequence=Sequence([contour(plane, polygon) for plane, polygon in regions[word]]),
            )
            for n, word in enumerate(names, 5)
        ]
    )
    if edit is not None:
        edit(dataset)
    return save(dataset, path)


def contour(plane, polygon, kind="CLOSED_PLANAR"):
    indices = np.column_stack([polygon, np.broadcast_to(plane, len(polygon))])
    points = GRID.to_points(indices).ravel()
    return item(ContourGeometricType=kind, NumberOfContourPoints=len(polygon), ContourData=decimals(points))


def test_contours_fill_planes_and_an_inner_one_cuts_a_hole(tmp_path):
    path = structures(tmp_path / "rt.dcm", {"GTV": [(2, SQUARE), (2, HOLE), (3, SQUARE)], "empty": []})
    (labels,) = read_structures(path, GRID)
    expected = np.zeros(GRID.shape, np.uint8)
    expected[2:4, 2:6, 2:7] = 1
    expected[2, 3:5, 3:5] = 0
    np.testing.assert_array_equal(labels.array, expected)
    assert labels.names == {1: "GTV"}


def test_contours_that_do_not_fit_are_refused(tmp_path):
    tilted = np.linspace(0, 3, len(SQUARE))
    cases = {
        "tilted": {"a": [(tilted, SQUARE)]},
        "outside the image": {"a": [(9, SQUARE)]},
        "region 5": {"a": [(2, SQUARE + 8)]},
        "no closed contour": {"a": []},
    }
    for told, regions in cases.items():
        with pytest.raises(InputError, match=told):
            list(read_structures(structures(tmp_path / "rt.dcm", regions), GRID))
    with pytest.raises(InputError, match="no RT Structure Set"):
        list(read_structures(segmentation(tmp_path / "seg.dcm", {"a": LUNG}), GRID))
    broken = structures(tmp_path / "rt.dcm", {"a": [(2, SQUARE)]}, edit=without_numbers)
    with pytest.raises(InputError, match="contours are not readable") as told:
        list(read_structures(broken, GRID))
    assert "Doe" not in str(told.value)


def without_numbers(dataset):
    dataset.ROIContourSequence[0].ContourSequence[0].ContourData = ["1", "2"]


def test_polygons_are_filled_as_matplotlib_does():
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:30, :40]
    centres = np.column_stack([x.ravel(), y.ravel()])
    for n in (3, 5, 17):
        angles = np.sort(rng.uniform(0, 2 * np.pi, n))
        star = np.column_stack([20 + 25 * np.cos(angles), 15 + 12 * np.sin(2 * angles)])
        np.testing.assert_array_equal(inside_polygon(star, (30, 40)).ravel(), Outline(star).contains_points(centres))


def test_neighbouring_polygons_share_no_pixel():
    left = np.array([[0, 0], [4, 0], [4, 4], [0, 4]])
    total = inside_polygon(left, (9, 9)).astype(int) + inside_polygon(left + np.array([4, 0]), (9, 9))
    assert (total.max(), total.sum()) == (1, 32)
