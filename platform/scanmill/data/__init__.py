"""An array with its geometry, frozen: what steps read and write."""

from scanmill.data.colour import ColourVolume
from scanmill.data.entries import Entries
from scanmill.data.frames import Frames
from scanmill.data.kspace import KSpace
from scanmill.data.labels import Labels
from scanmill.data.projections import Projections
from scanmill.data.sensitivities import CoilSensitivities
from scanmill.data.volume import Volume

__all__ = [
    "CoilSensitivities",
    "ColourVolume",
    "Entries",
    "Frames",
    "KSpace",
    "Labels",
    "Projections",
    "Volume",
]
