"""Pictures of images: colour maps, overlays, checkerboards; arrays in, RGB uint8 out."""

from scanmill.algorithms.rendering.checkerboard import checkerboard
from scanmill.algorithms.rendering.colour_maps import ColourMap, coloured
from scanmill.algorithms.rendering.overlay import overlay
from scanmill.algorithms.rendering.red_green import red_green
from scanmill.algorithms.rendering.windowing import Window, full_window, windowed

__all__ = [
    "ColourMap",
    "Window",
    "checkerboard",
    "coloured",
    "full_window",
    "overlay",
    "red_green",
    "windowed",
]
