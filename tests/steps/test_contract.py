"""Every step of the table keeps the contract of `scanmill.testing`."""

import ast
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scanmill.data import Projections
from scanmill.io.npz import write_npz
from scanmill.steps.contract import InputFile, Row
from scanmill.steps.table import STEPS, find_step
from scanmill.testing import COLUMNS, StepContract, tiny_scan, tiny_value


class TestRead(StepContract):
    step = find_step("read")

    def rows(self, folder):
        files = []
        for role, kind in (("scan", "projections"), ("image", "volume"), ("truth", "labels")):
            path = folder / f"{role}.npz"
            write_npz(path, tiny_value(kind))
            files.append(InputFile(role, path, path.name, reader="npz"))
        return (Row("tiny", COLUMNS, tuple(files)),)


class TestMerge(StepContract):
    step = find_step("ct.merge")

    def inputs(self):
        scan = tiny_scan()
        return {"scan": (scan.views(slice(0, 14)), scan.views(slice(10, 24)))}

    def bad_inputs(self):
        other = replace(tiny_scan(), quantity="transmission")
        return [{}, {"scan": ()}, {"scan": ("no scan",)}, {"scan": (tiny_scan(), other)}]


class TestPrepare(StepContract):
    step = find_step("ct.prepare")

    def inputs(self):
        scan = tiny_scan()
        flat = np.full((1, 16), 1000, np.float32)
        counts = 1000 * np.exp(-scan.array) + 10
        return {"scan": Projections(counts, scan.geometry, "counts", dark=flat * 0 + 10, flat=flat + 10)}

    def bad_inputs(self):
        scan = self.inputs()["scan"]
        no_flat, swapped = replace(scan, flat=None), replace(scan, flat=scan.dark, dark=scan.flat)
        return [*super().bad_inputs(), {"scan": no_flat}, {"scan": swapped}]


class TestPrepareFindsTheAxis(TestPrepare):
    def params(self):
        return self.step.params(center="find", center_method="search", search_columns=2)


@pytest.mark.parametrize("method", ["fbp", "sirt", "os-sart", "cgls", "tv"])
class TestReconstruct(StepContract):
    step = find_step("ct.reconstruct")

    @pytest.fixture(autouse=True)
    def _chosen(self, method):
        self.method = method

    def params(self):
        return self.step.params(method=self.method, n_iterations=None if self.method == "fbp" else 3)

    def bad_inputs(self):
        counts = replace(tiny_scan(), quantity="counts")
        return [*super().bad_inputs(), {"scan": counts}]


class TestThreshold(StepContract):
    step = find_step("segment.threshold")

    def bad_inputs(self):
        image = tiny_value("volume")
        return [*super().bad_inputs(), {"image": image.with_array(np.zeros_like(image.array))}]


class TestQuality(StepContract):
    step = find_step("image.quality")

    def inputs(self):
        image = tiny_value("volume")
        labels = tiny_value("labels")
        noisy = image.with_array(image.array + np.random.default_rng(1).normal(0, 1e-3, image.array.shape).astype("f4"))
        return {"image": noisy, "reference": (image, image), "labels": labels, "truth": (labels,)}

    def bad_inputs(self):
        good = self.inputs()
        image = good["image"]
        elsewhere = replace(image, geometry=replace(image.geometry, spacing=(2.0, 1.0, 1.0)))
        smaller = replace(image, array=image.array[:, 1:], geometry=replace(image.geometry, shape=(1, 15, 16)))
        broken = image.with_array(np.full_like(image.array, np.nan))
        return [
            {}, {"image": "no image"}, {"image": broken}, {**good, "reference": (elsewhere,)},
            {**good, "reference": (smaller,)}, {**good, "truth": (image,)},
            {**good, "reference": (image, good["reference"][0])},
        ]  # fmt: skip


class TestMean(StepContract):
    step = find_step("cohort.mean")

    def bad_inputs(self):
        image = tiny_value("volume")
        other = replace(image, geometry=replace(image.geometry, spacing=(2.0, 1.0, 1.0)))
        return [*super().bad_inputs(), {"image": (image, other)}]


@pytest.mark.parametrize("form", ["nifti", "npz", "dicom"])
class TestSave(StepContract):
    step = find_step("save")

    @pytest.fixture(autouse=True)
    def _chosen(self, form):
        self.form = form

    def params(self):
        return self.step.params(format=self.form)

    def inputs(self):
        return {"image": tiny_value("volume")}

    def bad_inputs(self):
        wrong = {"nifti": tiny_scan(), "dicom": tiny_value("labels"), "npz": None}
        return [{}, {"image": "nothing"}, {"image": wrong[self.form]}]


def test_every_step_of_the_table_is_here():
    tree = ast.parse(Path(__file__).read_text())
    called = {
        node.args[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "find_step"
    }
    assert called == set(STEPS)
