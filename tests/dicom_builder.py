"""Small DICOM series made by hand, with whatever fault a test asks for."""

import numpy as np
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid
from scipy.spatial.transform import Rotation

from scanmill.geometry import VolumeGeometry

CT, MR = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4"
ENHANCED_CT, ENHANCED_MR = "1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.4.1"
NAME = "Doe^Jane"


def oblique(shape=(6, 8, 7), seed=0, spacing=(0.7, 1.25, 3.0)):
    turn = Rotation.random(rng=np.random.default_rng(seed)).as_matrix()
    return VolumeGeometry(shape, spacing, (-10.5, 20.25, 30.0), tuple(map(tuple, turn)))


def stored_values(shape, seed=1):
    return np.random.default_rng(seed).integers(0, 4000, shape).astype(np.int16)


def uid(*words):
    return generate_uid(entropy_srcs=[str(word) for word in words])


def header(sop_class, shape, series="series"):
    dataset = Dataset()
    dataset.SOPClassUID = sop_class
    dataset.Modality = "CT" if sop_class in (CT, ENHANCED_CT) else "MR"
    dataset.PatientName, dataset.PatientID, dataset.PatientBirthDate = NAME, "MRN-4711", "19500312"
    dataset.SeriesDescription = "Thorax Frau Doe"
    dataset.PatientAge, dataset.PatientSex = "093Y", "F"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = uid("study"), uid(series)
    dataset.FrameOfReferenceUID = uid("frame of reference")
    dataset.Rows, dataset.Columns = shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 16, 15, 1
    return dataset


def save(dataset, path, syntax=ExplicitVRLittleEndian):
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = uid(path.name)
    dataset.save_as(path, enforce_file_format=True)
    return path


def decimals(values):
    return [f"{value:.10g}"[:16] for value in values]


def classic_series(folder, grid, values, *, sop_class=CT, edit=None, slope=1, intercept=-1024, shuffle=True):
    """One file per plane, named in random order; ``edit(dataset, plane)`` spoils them."""
    names = np.random.default_rng(5).permutation(len(values)) if shuffle else range(len(values))
    axes, paths = np.asarray(grid.direction), []
    folder.mkdir(exist_ok=True)
    for plane, name in enumerate(names):
        dataset = header(sop_class, grid.shape[1:])
        dataset.ImageOrientationPatient = decimals([*axes[:, 0], *axes[:, 1]])
        dataset.ImagePositionPatient = decimals(grid.to_points([0, 0, plane]))
        dataset.PixelSpacing = decimals([grid.spacing[1], grid.spacing[0]])
        dataset.SliceThickness = "1.0"
        dataset.InstanceNumber = int(name) + 1
        if slope is not None:
            dataset.RescaleSlope, dataset.RescaleIntercept = slope, intercept
        dataset.PixelData = values[plane].astype("<i2").tobytes()
        if edit is not None:
            edit(dataset, plane)
        paths.append(save(dataset, folder / f"IM{name:04d}.dcm"))
    return sorted(paths)


def item(**values):
    dataset = Dataset()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


def enhanced_file(path, grid, values, *, sop_class=ENHANCED_CT, slopes=None, order=None, shared=True, edit=None):
    """One multi-frame file; ``order`` shuffles the frames, ``slopes`` gives each frame its own."""
    dataset = header(sop_class, grid.shape[1:])
    order = list(range(len(values))) if order is None else list(order)
    axes = np.asarray(grid.direction)
    measures = item(PixelSpacing=decimals([grid.spacing[1], grid.spacing[0]]), SliceThickness="1.0")
    orientation = item(ImageOrientationPatient=decimals([*axes[:, 0], *axes[:, 1]]))
    common = {"PixelMeasuresSequence": [measures], "PlaneOrientationSequence": [orientation]}
    dataset.NumberOfFrames = len(order)
    dataset.SharedFunctionalGroupsSequence = [item(**common if shared else {})]
    dataset.PerFrameFunctionalGroupsSequence = [
        item(
            FrameContentSequence=[item(StackID="1", InStackPositionNumber=plane + 1)],
            PlanePositionSequence=[item(ImagePositionPatient=decimals(grid.to_points([0, 0, plane])))],
            PixelValueTransformationSequence=[
                item(RescaleSlope=slopes[plane] if slopes else 1, RescaleIntercept=-1024, RescaleType="HU")
            ],
            **({} if shared else common),
        )
        for plane in order
    ]
    dataset.PixelData = values[order].astype("<i2").tobytes()
    if edit is not None:
        edit(dataset)
    return save(dataset, path)
