"""Ten made CT-PD scans of one phantom, both vendors, every focal-spot mode, two of them damaged; and their truth.

The phantom is an elliptic cylinder of water, 200 x 160 mm, with four rods of 24 mm. A region of interest is the
cylinder of radius 8 mm and height 16 mm in the middle of a rod, or of the water at the isocentre.
"""

import numpy as np

from ctpd.writer import write_scan
from scanmill.phantoms import WATER_PER_MM, Ellipsoid, Phantom

PHOTONS = 2e5
ROI_RADIUS, ROI_HEIGHT = 8.0, 16.0
ROD_RADIUS, LENGTH = 12.0, 400.0
RODS_HU = {"lung": -800.0, "fat": -100.0, "soft": 60.0, "bone": 400.0}
CENTERS = {"lung": (55.0, 0.0), "fat": (0.0, -45.0), "soft": (-55.0, 0.0), "bone": (0.0, 45.0), "water": (0.0, 0.0)}
TRUTH_HU = {**RODS_HU, "water": 0.0}

SIZES = {"n_rows": 16, "n_columns": 256, "views_per_turn": 360, "turns": 4.0, "pitch": 0.8, "collimation": 19.2,
         "fov_radius": 115.0, "supersampling": 3}  # fmt: skip
SIEMENS, GE = "SIEMENS", "GE MEDICAL SYSTEMS"
SOUND = {
    "siemens-none": {"vendor": SIEMENS},
    "siemens-z": {"vendor": SIEMENS, "ffs": "FFSZ"},
    "siemens-xy": {"vendor": SIEMENS, "ffs": "FFSXY"},
    "siemens-xyz": {"vendor": SIEMENS, "ffs": "FFSXYZ"},
    "siemens-feet-first": {"vendor": SIEMENS, "ffs": "FFSZ", "patient_position": "FFS", "rotation": -1},
    "ge-none": {"vendor": GE},
    "ge-table-out": {"vendor": GE, "table": 1, "swapped": False},
    "ge-xy": {"vendor": GE, "ffs": "FFSXY"},
}
DAMAGED = {
    "missing-views": {"vendor": SIEMENS, "missing": range(700, 720)},
    "two-water-values": {"vendor": GE, "edit": lambda tags, instance: _other_water(tags, instance)},
}


def phantom():
    """Water with four rods, exact."""
    body = Ellipsoid((0.0, 0.0, 0.0), (100.0, 80.0, LENGTH), WATER_PER_MM)
    rods = [
        Ellipsoid((*CENTERS[name], 0.0), (ROD_RADIUS, ROD_RADIUS, LENGTH), hu / 1000 * WATER_PER_MM)
        for name, hu in RODS_HU.items()
    ]
    return Phantom((body, *rods))


def write_ten(folder, *, seed, **sizes):
    """Ten folders of files below ``folder``."""
    for number, (name, options) in enumerate({**SOUND, **DAMAGED}.items()):
        write_scan(
            folder / name, phantom(), photons=PHOTONS, seed=1000 * seed + number, water=WATER_PER_MM,
            series=f"{seed}.{number}", patient=f"TEN-{number}", **{**SIZES, **sizes, **options},
        )  # fmt: skip


def errors_hu(volume):
    """The mean of every region of interest minus its truth, in HU."""
    assert volume.unit == "HU"
    x, y, z = np.moveaxis(volume.geometry.voxel_points(), -1, 0)
    found = {}
    for name, (cx, cy) in CENTERS.items():
        inside = (np.hypot(x - cx, y - cy) <= ROI_RADIUS) & (np.abs(z) <= ROI_HEIGHT / 2)
        assert inside.sum() > 200
        found[name] = float(volume.array[inside].mean(dtype=np.float64)) - TRUTH_HU[name]
    return found


def _other_water(tags, instance):
    """The second half of the series says another attenuation of water."""
    if instance > 600:
        tags[(0x7041, 0x1001)] = ("DS", b"0.0195")
