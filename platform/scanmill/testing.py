"""The contract of steps as tests: subclass `StepContract`, name the step, and inherit them.

    class TestMyStep(StepContract):
        step = STEP

Every step of the table is held to it, and a plug-in's author can hold theirs to it (docs/write-a-step.md).
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pydantic import ValidationError

from scanmill.algorithms.features import Embedding
from scanmill.arrays import HostArray, to_host
from scanmill.data import CoilSensitivities, ColourVolume, Entries, Frames, KSpace, Labels, Projections, Volume
from scanmill.data.transforms import Transform, Translation
from scanmill.errors import InputError
from scanmill.geometry import ScanGeometry, VolumeGeometry
from scanmill.io.voxel_digest import transform_digest
from scanmill.steps.contract import Context, Output, Params, Prediction, Row, Step

SIDE = 16
COLUMNS: Mapping[str, Any] = {
    "n_views": 24, "n_rows": 1, "n_columns": SIDE, "beam": "parallel", "size_z": 1, "size_y": SIDE, "size_x": SIDE,
    "spacing_x": 1.0, "spacing_y": 1.0, "spacing_z": 1.0, "bytes": 4096,
    "n_frames": 1, "n_slices": 1, "n_coils": 4, "matrix_z": 1, "matrix_y": SIDE, "matrix_x": SIDE,
}  # fmt: skip
"""The columns of a tiny row, for predictions."""


def tiny_image() -> HostArray:
    """A disc of 0.02 / mm and radius 5 mm, off the middle, on 1 x 16 x 16 voxels of 1 mm, float32."""
    y, x = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    disc: HostArray = (x - 1) ** 2 + (y + 2) ** 2 < 25
    return (np.float32(0.02) * disc)[None].astype(np.float32)


def tiny_scan() -> Projections:
    """The exact line integrals of that disc: 24 parallel views over half a turn."""
    angles = np.arange(24) * np.pi / 24
    scan = ScanGeometry.parallel(angles, n_columns=SIDE, column_spacing=1.0)
    columns = np.arange(SIDE) - (SIDE - 1) / 2
    t = columns - (np.cos(angles) - 2 * np.sin(angles))[:, None]
    integrals = 0.02 * 2 * np.sqrt(np.clip(25 - t**2, 0, None))
    return Projections(integrals[:, None].astype(np.float32), scan)


def tiny_sensitivities() -> CoilSensitivities:
    """Four coils at the corners of that image, with phases of their own and a unit sum of squares."""
    y, x = np.mgrid[:SIDE, :SIDE] / (SIDE - 1) - 0.5
    corners = [(-0.7, -0.7), (-0.7, 0.7), (0.7, -0.7), (0.7, 0.7)]
    maps = np.stack([np.exp(1j * n - (y - a) ** 2 - (x - b) ** 2) for n, (a, b) in enumerate(corners)])
    maps /= np.sqrt((abs(maps) ** 2).sum(axis=0))
    return CoilSensitivities(maps[None, None, :, None].astype(np.complex64), VolumeGeometry.centered((1, SIDE, SIDE)))


def tiny_kspace() -> KSpace:
    """What those coils measure of the disc, every other line away from the middle left out, with a little noise."""
    coil_images = tiny_sensitivities().array[:, 0] * tiny_image()
    axes = (-2, -1)
    shifted = np.fft.ifftshift(coil_images, axes=axes)
    full = np.fft.fftshift(np.fft.fft2(shifted, axes=axes, norm="ortho"), axes=axes)
    noise = np.random.default_rng(0).normal(0, 1e-4, (*full.shape, 2)) @ [1, 1j]
    mask = (np.arange(SIDE) % 2 == 0) | (abs(np.arange(SIDE) - SIDE // 2) < 5)
    array = np.where(mask[:, None], full + noise, 0)[None].astype(np.complex64)
    return KSpace(array, VolumeGeometry.centered((1, SIDE, SIDE)), sampling_mask=mask[None, None, None, :, None])


def tiny_value(kind: str) -> Any:
    """A tiny value of a port's kind: the scan, image, mask or k-space of the disc, or what its coils see."""
    grid = VolumeGeometry.centered((1, SIDE, SIDE))
    makers = {"projections": tiny_scan, "kspace": tiny_kspace, "sensitivities": tiny_sensitivities}
    if kind in makers:
        return makers[kind]()
    if kind == "entries":
        whole = np.array([[0, 0, 0, 1, SIDE, SIDE]])
        return Entries(np.ones((1, 3), np.float32), ("series",), whole, ("",), "0" * 64)
    if kind == "frames":
        return Frames(np.stack([tiny_image(), 2 * tiny_image()]), grid, ("one", "two"))
    if kind == "transform":
        return Translation(np.array([1.0, -2.0, 0.0]))
    if kind == "colour":
        return ColourVolume(np.repeat(tiny_image()[..., None] > 0.01, 3, axis=-1).astype(np.uint8), grid)
    if kind == "labels":
        return Labels((tiny_image() > 0.01).astype(np.uint8), grid, {1: "disc"})
    return Volume(tiny_image(), grid, "1/mm")


class StepContract:
    """What every step keeps. Override `params`, `inputs`, `rows` or `bad_inputs` where the defaults do not fit."""

    step: ClassVar[Step]

    def params(self) -> Params:
        """The parameters that the tests run with: the defaults."""
        return self.step.params()

    def inputs(self) -> dict[str, Any]:
        """A tiny value for every port that must be there."""
        ports = {name: port for name, port in self.step.reads.items() if not port.optional}
        return {name: (tiny_value(p.kind),) * 2 if p.many else tiny_value(p.kind) for name, p in ports.items()}

    def rows(self, folder: Path) -> tuple[Row, ...]:
        """The rows of the unit; write the files of a read step into ``folder``."""
        return (Row("tiny", COLUMNS),)

    def bad_inputs(self) -> list[dict[str, Any]]:
        """Inputs that must fail with InputError: a value missing, of another kind, and with NaN in it."""
        good = self.inputs()
        worse = [{name: value for name, value in good.items() if name != port} for port in good]
        worse += [{**good, port: "not a value"} for port in good]
        worse += [{**good, port: _with_nan(value)} for port, value in good.items() if _with_nan(value) is not None]
        return worse

    def run(self, inputs: Mapping[str, Any], seed: int = 0) -> tuple[Output, dict[str, bytes]]:
        """One run in a folder of its own; also the bytes of the files that it saved."""
        with tempfile.TemporaryDirectory() as name:
            scratch, source = Path(name) / "scratch", Path(name) / "source"
            scratch.mkdir()
            source.mkdir()
            ctx = Context(rows=self.rows(source), scratch=scratch, seed=seed)
            output = self.step.run(inputs, self.params(), ctx)
            return output, {file.output: file.path.read_bytes() for file in output.files}

    def test_it_runs_on_a_tiny_phantom(self) -> None:
        """Ports, metrics and pictures are what the definition promises."""
        output, files = self.run(self.inputs())
        if self.step.writes:
            assert set(output.values) == set(self.step.writes)
        for name, port in self.step.writes.items():
            assert kind_of(output.values[name]) == port.kind or port.kind == "any"
        assert not any(math.isinf(number) for number in output.metrics.values())
        for picture in output.pictures.values():
            assert picture.dtype == np.uint8
            assert picture.ndim == 2 or picture.shape[2] == 3
        assert all(file.voxel_digest for file in output.files)
        assert all(files.values())

    def test_its_parameters_round_trip(self) -> None:
        """Through JSON and back; a name that is not a parameter is refused, and every one is described."""
        params = self.params()
        model = type(params)
        assert model.model_validate_json(params.model_dump_json()) == params
        assert model.model_validate(params.model_dump()) == params
        assert model.model_config.get("frozen")
        try:
            model.model_validate({"no_such_parameter": 1})
        except ValidationError:
            pass
        else:
            raise AssertionError("an unknown parameter was accepted")
        silent = [name for name, field in model.model_fields.items() if not field.description]
        assert not silent, f"parameters without a description: {silent}"

    def test_the_same_seed_gives_the_same_bytes(self) -> None:
        """Values, metrics, pictures and files are equal bit for bit."""
        (one, files), (two, files_again) = self.run(self.inputs(), seed=7), self.run(self.inputs(), seed=7)
        assert files == files_again
        assert {n: fingerprint(v) for n, v in one.values.items()} == {n: fingerprint(v) for n, v in two.values.items()}
        assert repr(dict(one.metrics)) == repr(dict(two.metrics))
        assert {n: p.tobytes() for n, p in one.pictures.items()} == {n: p.tobytes() for n, p in two.pictures.items()}

    def test_it_leaves_its_inputs_alone(self) -> None:
        """Values are frozen: a step returns new ones."""
        inputs = self.inputs()
        before = {name: fingerprint(value) for name, value in inputs.items()}
        self.run(inputs)
        assert {name: fingerprint(value) for name, value in inputs.items()} == before

    def test_bad_input_fails_with_input_error(self) -> None:
        """Each of `bad_inputs`, and never any other exception."""
        for number, inputs in enumerate(self.bad_inputs()):
            try:
                self.run(inputs)
            except InputError:
                continue
            raise AssertionError(f"bad input {number} was accepted: {inputs}")

    def test_it_predicts_what_it_costs(self) -> None:
        """For full and for empty columns, on both kinds of device."""
        for columns in (COLUMNS, {}):
            for device in ("cpu", "cuda:0"):
                prediction = self.step.predict(columns, self.params(), device)
                assert isinstance(prediction, Prediction)
                assert prediction.seconds > 0
                assert min(prediction.device_bytes, prediction.output_bytes) >= 0


def kind_of(value: object) -> str:
    """The kind of a port that a value fits, ``projections`` or ``volume`` for instance; else ``any``."""
    kinds = {
        Projections: "projections",
        Volume: "volume",
        Labels: "labels",
        KSpace: "kspace",
        CoilSensitivities: "sensitivities",
        Frames: "frames",
        ColourVolume: "colour",
        Entries: "entries",
        Embedding: "embedding",
    }
    return "transform" if isinstance(value, Transform) else kinds.get(type(value), "any")


def fingerprint(value: Any) -> str:
    """Every number of a value and its geometry; a tuple's are joined."""
    if isinstance(value, tuple):
        return "+".join(fingerprint(one) for one in value)
    if isinstance(value, Transform):
        return transform_digest(value)
    if isinstance(value, Entries):
        return repr((value.vectors.tobytes(), value.regions, value.embedding, value.description))
    if isinstance(value, Embedding):
        return value.digest
    if not isinstance(value, Projections | Volume | Labels | KSpace | CoilSensitivities | Frames | ColourVolume):
        return repr(value)
    array = to_host(value.array)
    points = value.trajectory.points.tobytes() if isinstance(value, KSpace) and value.trajectory else b""
    return repr((array.dtype, array.shape, array.tobytes(), points, value.geometry.to_dict()))


def _with_nan(value: Any) -> Any:
    if isinstance(value, tuple):
        broken = _with_nan(value[0])
        return None if broken is None else (broken, *value[1:])
    if not isinstance(value, Projections | Volume | KSpace):
        return None
    array = value.array.copy()
    array.reshape(-1)[array.size // 2] = np.nan
    return replace(value, array=array)
