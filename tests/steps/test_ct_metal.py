"""`ct.metal`, `ct.insert_metal`: a job's way from the first image to the last."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scanmill.errors import InputError
from scanmill.geometry import ScanGeometry
from scanmill.phantoms import Ellipsoid, Phantom
from scanmill.steps.contract import Context, Row
from scanmill.steps.table import find_step

SCAN = ScanGeometry.parallel(np.arange(90) * np.pi / 90, 64, 3.0)
WATER = 0.02
BODY = Ellipsoid((0.0, 0.0, 0.0), (80.0, 60.0, np.inf), WATER)
PIN = Ellipsoid((25.0, 10.0, 0.0), (5.0, 5.0, np.inf), 9 * WATER)


def run(name, inputs, **params):
    step = find_step(name)
    return step.run(inputs, step.params(**params), Context((Row("r", {}),), Path()))


def scanned(*ellipsoids):
    return replace(Phantom(ellipsoids).projections(SCAN, supersampling=3), water_attenuation=WATER)


@pytest.mark.parametrize("unit", ["HU", "1/mm"])
def test_a_pin_leaves_the_body_and_comes_back(unit):
    scan = scanned(BODY, PIN)
    scan = replace(scan, array=scan.array - 0.03 * scan.array**1.5)  # metal shows too little: streaks
    first = run("ct.reconstruct", {"scan": scan}, unit=unit).values["image"]
    assert first.unit == unit
    output = run("ct.metal", {"scan": scan, "image": first})
    metal = output.values["metal"]
    assert output.metrics["metal_mm3"] / 3.0 == pytest.approx(np.pi * 25, rel=0.6)
    image = run("ct.reconstruct", {"scan": output.values["scan"]}, unit="HU").values["image"]
    shown = run("ct.insert_metal", {"image": image, "first": run("ct.reconstruct", {"scan": scan}).values["image"],
                                    "metal": metal}).values["image"]  # fmt: skip
    assert shown.array[metal.array > 0].min() > 2400
    assert np.abs(image.array[metal.array > 0]).max() < 700
    assert not output.warnings


def test_no_metal_is_told():
    scan = scanned(BODY)
    first = run("ct.reconstruct", {"scan": scan}).values["image"]
    output = run("ct.metal", {"scan": scan, "image": first})
    np.testing.assert_array_equal(output.values["scan"].array, scan.array)
    assert "no metal above 2500 HU" in output.warnings[0]
    assert output.metrics == {"metal_mm3": 0.0, "shadow_share": 0.0}


def test_water_must_be_known():
    scan = replace(scanned(BODY), water_attenuation=None)
    first = run("ct.reconstruct", {"scan": scan}).values["image"]
    assert first.unit == "1/mm"
    for name, inputs, params in (
        ("ct.metal", {"scan": scan, "image": first}, {}),
        ("ct.reconstruct", {"scan": scan}, {"unit": "HU"}),
    ):
        with pytest.raises(InputError, match="attenuation of water"):
            run(name, inputs, **params)


def test_hounsfield_units_start_iterations_too():
    scan = scanned(BODY)
    ten, twenty = (
        run("ct.reconstruct", {"scan": scan}, method="sirt", n_iterations=n).values["image"] for n in (10, 20)
    )
    assert ten.unit == "HU"
    again = run("ct.reconstruct", {"scan": scan, "start": ten}, method="sirt", n_iterations=10).values["image"]
    np.testing.assert_allclose(again.array, twenty.array, atol=0.05)
    with pytest.raises(InputError, match="unit"):
        run("image.quality", {"image": ten, "reference": replace(ten, unit="1/mm")})
    with pytest.raises(InputError, match="units"):
        run("cohort.mean", {"image": (ten, replace(ten, unit="1/mm"))})
