"""Sheets of grey pictures, a pixel a voxel, for the pages on MRI."""

import numpy as np
from matplotlib.figure import Figure

DPI, TITLE, GAP = 100, 20, 4
"""Dots per inch; the height of a line of titles and the space between pictures, in pixels."""
BRIGHTER = 5
"""How much brighter than images their differences are shown."""


def plane(image):
    """The magnitude of the only plane of an image."""
    return abs(image).reshape(image.shape[-2:])


def white_of(image):
    """Brighter than almost all of what is not background."""
    voxels = plane(image)
    return float(np.quantile(voxels[voxels > 0.1 * voxels.max()], 0.995))


def differences(reference, shown):
    """(title, image) of what differs from the reference in other (title, image), titles as far as their comma."""
    return [(f"difference, {title.split(':')[0]}", BRIGHTER * abs(image - reference)) for title, image in shown]


def sheet(path, lines, white):
    """Lines of (title, image) side by side on black; images of one size, shown from 0 to ``white``."""
    n_columns, (height, width) = max(map(len, lines)), lines[0][0][1].shape
    wide, high = n_columns * (width + GAP) - GAP, len(lines) * (height + TITLE)
    figure = Figure(figsize=(wide / DPI, high / DPI), dpi=DPI, facecolor="black")
    for row, line in enumerate(lines):
        for column, (title, image) in enumerate(line):
            left, bottom = column * (width + GAP), high - (row + 1) * (height + TITLE)
            ax = figure.add_axes((left / wide, bottom / high, width / wide, height / high))
            ax.set_axis_off()
            ax.imshow(image, cmap="gray", vmin=0, vmax=white, interpolation="nearest", aspect="auto")
            middle, top = (left + width / 2) / wide, (bottom + height + TITLE / 2) / high
            figure.text(middle, top, title, color="white", size=8, ha="center", va="center")
    figure.savefig(path, facecolor="black")
