"""`overlay` shows two images in one, in colours, each in its own window."""

import numpy as np
import pytest

from scanmill.data import Volume
from scanmill.errors import InputError
from scanmill.geometry import VolumeGeometry
from scanmill.steps.contract import Context, Row
from scanmill.steps.overlay import STEP

GRID = VolumeGeometry((2, 4, 4))


def colours(fixed, moving, **params):
    windows = {"fixed_window": (0, 1), "moving_window": (0, 1)}
    inputs = {"fixed": Volume(fixed, GRID), "moving": Volume(moving, GRID)}
    output = STEP.run(inputs, STEP.params(**windows, **params), Context((Row("r", {}),), None))
    return output.values["colour"].array


def test_each_kind_shows_what_it_says():
    zeros, ones = np.zeros(GRID.shape), np.ones(GRID.shape)
    assert colours(zeros, ones, alpha=1.0, colours="red")[0, 0, 0].tolist() == [255, 0, 0]
    assert colours(ones, zeros, alpha=1.0, colours="red")[0, 0, 0].tolist() == [255, 255, 255]
    assert colours(zeros, ones, kind="checkerboard", field=2)[1, :3:2, 0, 0].tolist() == [0, 255]
    assert colours(ones, zeros, kind="red-green")[0, 0, 0].tolist() == [255, 0, 0]


def test_another_grid_is_refused():
    one, other = (Volume(np.zeros(shape), VolumeGeometry(shape)) for shape in ((2, 4, 4), (2, 4, 5)))
    with pytest.raises(InputError, match=r"another grid \(moving\).*register.apply"):
        STEP.run({"fixed": one, "moving": other}, STEP.params(), Context((Row("r", {}),), None))
