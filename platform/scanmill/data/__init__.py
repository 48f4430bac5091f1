"""An array with its geometry, frozen: what steps read and write."""

from scanmill.data.labels import Labels
from scanmill.data.projections import Projections
from scanmill.data.volume import Volume

__all__ = ["Labels", "Projections", "Volume"]
