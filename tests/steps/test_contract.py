"""Every step of the table keeps the contract of `scanmill.testing`."""

import ast
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from registration_blobs import DEFORMED, FIXED, MOVED
from scanmill.data import CoilSensitivities, Projections
from scanmill.geometry import ScanGeometry, Trajectory, VolumeGeometry
from scanmill.io.npz import write_npz
from scanmill.phantoms import Ellipsoid, Phantom
from scanmill.phantoms.coils import CoilArray
from scanmill.phantoms.kspace import acquire_kspace
from scanmill.steps.contract import InputFile, Row
from scanmill.steps.mr_check import NEEDS_MAPS
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


class TestPrepareCorrects(TestPrepare):
    """Every correction at once; the tiny detector is too small for the starved and the cut off."""

    def inputs(self):
        return {"scan": replace(super().inputs()["scan"], photons=1000.0)}

    def params(self):
        scatter = {"amplitude": 1e-5, "sigma_mm": 5.0}
        hardening = {"coefficients": (1.0, 0.02), "water": 0.02}
        return self.step.params(
            bad_pixels=True, rings=3, starvation=30, truncation=0.5, scatter=scatter, beam_hardening=hardening
        )

    def bad_inputs(self):
        scan = self.inputs()["scan"]
        return [
            *StepContract.bad_inputs(self),
            {"scan": replace(scan, photons=None)},
            {"scan": replace(scan, photons=-1.0)},
        ]


class TestPrepareTransmissions(TestPrepare):
    def params(self):
        return self.step.params(logarithm=False)


class TestCalibrate(StepContract):
    step = find_step("ct.calibrate")

    def inputs(self):
        angles = np.arange(10) * 2 * np.pi / 10
        scan = ScanGeometry.cone(
            angles, 48, 2.0, n_rows=40, row_spacing=2.0, source_to_isocenter=400.0, source_to_detector=600.0
        )
        places = [(12.0, 3.0, -14.0), (-10.0, 9.0, 0.0), (4.0, -13.0, 15.0)]
        balls = Phantom(tuple(Ellipsoid(place, (3.0, 3.0, 3.0), 0.5) for place in places))
        return {"scan": balls.projections(scan), "balls": balls.projections(scan)}


class TestMetal(StepContract):
    step = find_step("ct.metal")

    def inputs(self):
        return {"scan": replace(tiny_scan(), water_attenuation=0.004), "image": tiny_value("volume")}

    def bad_inputs(self):
        good = self.inputs()
        return [*super().bad_inputs(), {**good, "scan": tiny_scan()}]


class TestInsertMetal(StepContract):
    step = find_step("ct.insert_metal")


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


class TestMrPrepare(StepContract):
    step = find_step("mr.prepare")


class TestMrPrepareCoils(TestMrPrepare):
    def params(self):
        return self.step.params(n_coils=3, whiten="always", combine="average")

    def inputs(self):
        rng = np.random.default_rng(2)
        noise = (rng.standard_normal((200, 4, 2)) @ [1, 1j]).astype(np.complex64)
        return {"scan": replace(tiny_value("kspace"), noise=noise)}

    def bad_inputs(self):
        good = self.inputs()["scan"]
        dead = good.noise.copy()
        dead[:, 1] = 0
        return [*super().bad_inputs(), {"scan": replace(good, noise=None)}, {"scan": replace(good, noise=dead)}]


@pytest.mark.parametrize("method", ["espirit", "walsh", "joint"])
class TestMrCalibrate(StepContract):
    step = find_step("mr.calibrate")

    @pytest.fixture(autouse=True)
    def _chosen(self, method):
        self.method = method

    def params(self):
        return self.step.params(method=self.method, kernel_width=4, n_iterations=2, degree=2)


MR_METHODS = get_args(find_step("mr.reconstruct").params.model_fields["method"].annotation)
DYNAMIC = ("llr", "l+s", "grasp")


@pytest.mark.parametrize("method", [name for name in MR_METHODS if name != "radial-3d"])
class TestMrReconstruct(StepContract):
    step = find_step("mr.reconstruct")

    @pytest.fixture(autouse=True)
    def _chosen(self, method):
        self.method = method

    def params(self):
        return self.step.params(method=self.method, n_iterations=3, kernel=(1, 3, 3), scale=10.0)

    def inputs(self):
        scan, maps = tiny_value("kspace"), tiny_value("sensitivities")
        if self.method in DYNAMIC:
            scan = replace(scan, array=np.concatenate([scan.array, 1.5 * scan.array, 0.5 * scan.array]))
        return {"scan": scan, "sensitivities": maps}

    def bad_inputs(self):
        good = self.inputs()
        fewer = CoilSensitivities(good["sensitivities"].array[:, :, :2], good["sensitivities"].geometry)
        elsewhere = replace(good["sensitivities"], geometry=replace(good["sensitivities"].geometry, origin=(9, 9, 9)))
        bad = [{}, {"scan": 1}, {**good, "sensitivities": "maps"}, {**good, "sensitivities": fewer},
               {**good, "sensitivities": elsewhere}, {**good, "scan": with_nan(good["scan"])}]  # fmt: skip
        return bad + ([{"scan": good["scan"]}] if self.method in NEEDS_MAPS else [])


class TestMrReconstructRadial3d(StepContract):
    step = find_step("mr.reconstruct")

    def params(self):
        return self.step.params(method="radial-3d", n_iterations=2)

    def inputs(self):
        return tiny_ball()

    def bad_inputs(self):
        return [*super().bad_inputs(), {**tiny_ball(), "scan": tiny_value("kspace")}]


def with_nan(scan):
    array = scan.array.copy()
    array.reshape(-1)[array.size // 2] = np.nan
    return replace(scan, array=array)


def tiny_ball():
    """Two coils along 40 spokes through a volume of 8³."""
    grid = VolumeGeometry.centered((8, 8, 8))
    trajectory = Trajectory.radial_3d(40, 16, matrix=8)
    coils = CoilArray(np.zeros((1, 3)), np.array([[0.8], [0.6j]]))
    ball = Phantom((Ellipsoid((0.0, 0.0, 0.0), (3.0, 2.5, 2.0), 1.0),))
    maps = np.broadcast_to(np.array([0.8, 0.6j], np.complex64).reshape(1, 1, 2, 1, 1, 1), (1, 1, 2, 8, 8, 8))
    scan = acquire_kspace(ball, grid, coils, trajectory=trajectory, noise_covariance=np.eye(2) * 1e-6, seed=1)
    return {"scan": scan, "sensitivities": CoilSensitivities(maps, grid)}


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


def two_images():
    image = tiny_value("volume")
    return {"fixed": image, "moving": image.with_array(np.roll(image.array, 3, axis=2) ** 2, "")}


def bad_images(good):
    """Of a fusion: missing, of another kind, elsewhere, a volume beside a slice, broken, of one value."""
    image = good["moving"]
    elsewhere = replace(image, geometry=replace(image.geometry, spacing=(2.0, 1.0, 1.0)))
    thick = replace(image, array=np.tile(image.array, (2, 1, 1)), geometry=replace(image.geometry, shape=(2, 16, 16)))
    flat, fixed = image.with_array(np.ones_like(image.array)), good["fixed"]
    bad = [{"moving": one} for one in ("no image", elsewhere, thick, with_nan(image), flat)]
    return [{}, {**good, "fixed": ()}, {"fixed": fixed}, *({**good, **one} for one in bad)]


FUSION_METHODS = get_args(find_step("fuse").params.model_fields["method"].annotation)


@pytest.mark.parametrize("method", FUSION_METHODS)
class TestFuse(StepContract):
    step = find_step("fuse")

    @pytest.fixture(autouse=True)
    def _chosen(self, method):
        self.method = method

    def params(self):
        return self.step.params(method=self.method)

    def inputs(self):
        return two_images()

    def bad_inputs(self):
        return bad_images(two_images())


class TestFuseQuality(StepContract):
    step = find_step("fuse.quality")

    def inputs(self):
        return {"image": two_images()["fixed"], **two_images()}

    def bad_inputs(self):
        good = self.inputs()
        return [*bad_images(good), {**good, "image": with_nan(good["image"])}, two_images()]


class TestMean(StepContract):
    step = find_step("cohort.mean")

    def bad_inputs(self):
        image = tiny_value("volume")
        other = replace(image, geometry=replace(image.geometry, spacing=(2.0, 1.0, 1.0)))
        return [*super().bad_inputs(), {"image": (image, other)}]


class TestEmbed(StepContract):
    step = find_step("embed")

    def params(self):
        return self.step.params(embedding={"grid": {"shape": [16, 16]}, "parts": [{"feature": "profile"}]})

    def inputs(self):
        return {"image": tiny_value("volume"), "labels": tiny_value("labels")}

    def bad_inputs(self):
        good = self.inputs()
        elsewhere = replace(good["labels"], geometry=replace(good["labels"].geometry, spacing=(2.0, 1.0, 1.0)))
        image = good["image"]
        return [{}, {"image": 1}, {"image": with_nan(image)}, {**good, "labels": elsewhere},
                {**good, "embedding": "no embedding"}]  # fmt: skip


class TestEmbeddingMoments(StepContract):
    step = find_step("embedding.moments")

    def params(self):
        return self.step.params(embedding={"grid": {"shape": [16, 16]}, "parts": [{"feature": "profile"}]})


class TestEmbeddingFit(StepContract):
    step = find_step("embedding.fit")

    def inputs(self):
        moments = find_step("embedding.moments")
        params = TestEmbeddingMoments().params()
        values = []
        for factor in (1.0, 2.0, 3.0):
            ramp = factor * np.linspace(0, 1, 256).reshape(1, 16, 16) ** factor
            image = tiny_value("volume").with_array(ramp.astype(np.float32))
            values.append(moments.run({"image": image}, params, None).values["moments"])
        return {"moments": tuple(values)}

    def bad_inputs(self):
        one = self.inputs()["moments"][0]
        return [{}, {"moments": "none"}, {"moments": (one,)}, {"moments": ({"embedding": one["embedding"]},)}]


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


class TestCheck(StepContract):
    step = find_step("ct.check")

    def params(self):
        return self.step.params(regions=[{"name": "disc", "center": (1, -2, 0), "radius": 3}], water_attenuation=0.02)


class TestRegisterLinear(StepContract):
    step = find_step("register.linear")

    def inputs(self):
        return {"fixed": FIXED, "moving": MOVED}


class TestRegisterDeformable(StepContract):
    step = find_step("register.deformable")

    def inputs(self):
        return {"fixed": FIXED, "moving": DEFORMED}


class TestRegisterApply(StepContract):
    step = find_step("register.apply")

    def inputs(self):
        return {"moving": tiny_value("volume"), "fixed": tiny_value("volume")}


class TestTemplateBuild(StepContract):
    step = find_step("template.build")


class TestTemplateOfRegisteredImages(StepContract):
    step = find_step("template.build")

    def inputs(self):
        kinds = {"image": "volume", "transform": "transform", "labels": "labels"}
        return {port: (tiny_value(kind),) * 2 for port, kind in kinds.items()}

    def bad_inputs(self):
        good = self.inputs()
        return [*({**good, port: "no value"} for port in good), {**good, "transform": good["transform"][:1]}]


class TestOverlay(StepContract):
    step = find_step("overlay")


def test_every_step_of_the_table_is_here():
    tree = ast.parse(Path(__file__).read_text())
    called = {
        node.args[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "find_step"
    }
    assert called == set(STEPS)
