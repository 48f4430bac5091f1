"""The tags of a DICOM-CT-PD file that are read, by the DICOM-CT-PD User Manual, version 3 (2020)."""

from __future__ import annotations

Value = float | int | str | None
Tag = tuple[int, int]

PER_VIEW: dict[str, tuple[Tag, str]] = {
    "InstanceNumber": ((0x0020, 0x0013), "IS"),
    "RescaleIntercept": ((0x0028, 0x1052), "DS"),
    "RescaleSlope": ((0x0028, 0x1053), "DS"),
    "DetectorFocalCenterAngularPosition": ((0x7031, 0x1001), "FL"),
    "DetectorFocalCenterAxialPosition": ((0x7031, 0x1002), "FL"),
    "SourceAngularPositionShift": ((0x7033, 0x100B), "FL"),
    "SourceAxialPositionShift": ((0x7033, 0x100C), "FL"),
    "SourceRadialDistanceShift": ((0x7033, 0x100D), "FL"),
}
"""What differs from view to view: the name, the tag, and how the bytes are to be read."""
PER_SCAN: dict[str, tuple[Tag, str]] = {
    "Manufacturer": ((0x0008, 0x0070), "LO"),
    "PatientPosition": ((0x0018, 0x5100), "CS"),
    "Rows": ((0x0028, 0x0010), "US"),
    "Columns": ((0x0028, 0x0011), "US"),
    "BitsAllocated": ((0x0028, 0x0100), "US"),
    "DetectorElementTransverseSpacing": ((0x7029, 0x1002), "FL"),
    "DetectorElementAxialSpacing": ((0x7029, 0x1006), "FL"),
    "DetectorShape": ((0x7029, 0x100B), "CS"),
    "NumberofDetectorRows": ((0x7029, 0x1010), "US"),
    "NumberofDetectorColumns": ((0x7029, 0x1011), "US"),
    "DetectorFocalCenterRadialDistance": ((0x7031, 0x1003), "FL"),
    "ConstantRadialDistance": ((0x7031, 0x1031), "FL"),
    "DetectorCentralElementColumn": ((0x7031, 0x1033), "FL"),
    "DetectorCentralElementRow": ((0x7031, 0x1033), "FL2"),
    "FlyingFocalSpotMode": ((0x7033, 0x100E), "CS"),
    "NumberofSourceAngularSteps": ((0x7033, 0x1013), "US"),
    "LogFlag": ((0x7039, 0x1009), "CS"),
}
"""What is the same in all views of a scan."""
OPTIONAL: dict[str, tuple[Tag, str]] = {
    "HUCalibrationFactor": ((0x0018, 0x0061), "DS"),
    "PixelRepresentation": ((0x0028, 0x0103), "US"),
    "SpiralPitchFactor": ((0x0018, 0x9311), "FD"),
    "TypeofProjectionData": ((0x7037, 0x1009), "CS"),
    "TypeofProjectionGeometry": ((0x7037, 0x100A), "CS"),
    "BeamHardeningCorrectionFlag": ((0x7039, 0x1003), "CS"),
    "GainCorrectionFlag": ((0x7039, 0x1004), "CS"),
    "DarkFieldCorrectionFlag": ((0x7039, 0x1005), "CS"),
    "FlatFieldCorrectionFlag": ((0x7039, 0x1006), "CS"),
    "BadPixelCorrectionFlag": ((0x7039, 0x1007), "CS"),
    "ScatterCorrectionFlag": ((0x7039, 0x1008), "CS"),
    "WaterAttenuationCoefficient": ((0x7041, 0x1001), "DS"),
    "SourceIndex": ((0x7033, 0x105D), "US"),
    "SpectrumIndex": ((0x7033, 0x1063), "US"),
}
"""The same in all views too, and not in every file; HUCalibrationFactor is what files of version 1 have instead of
WaterAttenuationCoefficient."""
SHARED = {**PER_SCAN, **OPTIONAL}
FIELDS = {**PER_VIEW, **SHARED}
PHOTON_STATISTICS = (0x7033, 0x1065)
