"""Tiny steps for the engine's tests and benchmark: a plug-in, found through its entry points as anybody's would be."""

import hashlib
import os
import signal
import time
from pathlib import Path

import numpy as np

from scanmill.errors import ConvergenceError, InputError, ResourceError
from scanmill.steps.contract import Output, Params, Port, Prediction, Reduction, SavedFile, Step


def array_digest(array):
    return hashlib.sha256(f"{array.dtype.str}{array.shape}".encode() + array.tobytes()).hexdigest()


# --- reading: every role of a row is one .npy file --------------------------------------------------------------------


def _load(path):
    try:
        return np.load(path, allow_pickle=False)
    except ValueError as error:
        raise InputError("not an array", where=path.name) from error


def _read(inputs, params, ctx):
    per_row = [{file.role: _load(file.path) for file in row.files if file.path.suffix == ".npy"} for row in ctx.rows]
    roles = sorted({role for found in per_row for role in found})
    values = {role: tuple(found[role] for found in per_row if role in found) for role in roles}
    values |= {file.role: _load(file.path) for file in ctx.extra}
    if len(ctx.rows) == 1:
        values = {role: value[0] if isinstance(value, tuple) else value for role, value in values.items()}
    return Output(values)


READ = Step("t.read", "Read .npy files.", _read, phase="read")


# --- computing --------------------------------------------------------------------------------------------------------


class ScaleParams(Params):
    factor: float = 2.0
    noise: float = 0.0


def _scale(inputs, params, ctx):
    array = inputs["image"] * params.factor
    if params.noise:
        array = array + params.noise * np.random.default_rng(ctx.seed).standard_normal(array.shape)
    ctx.progress(0.5, "half way")
    picture = np.zeros((4, 4), np.uint8)
    return Output({"image": array}, {"mean": float(array.mean())}, {"thumb": picture}, warnings=("scaled",))


SCALE = Step(
    "t.scale",
    "Multiply.",
    _scale,
    ScaleParams,
    reads={"image": Port("any")},
    writes={"image": Port("any")},
    predict=lambda columns, params, device: Prediction(0.01, 100, 1000),
)

SUM = Step(
    "t.sum",
    "Add the arrays of a group.",
    lambda inputs, params, ctx: Output({"image": np.sum(inputs["image"], axis=0)}, {"n": len(inputs["image"])}),
    reads={"image": Port("any", many=True)},
    writes={"image": Port("any")},
)

COMPARE = Step(
    "t.compare",
    "The difference from a template.",
    lambda inputs, params, ctx: Output(
        {"image": inputs["image"] - inputs["template"]},
        {"gap": float(np.abs(inputs["image"] - inputs["template"]).max())},
    ),
    reads={"image": Port("any"), "template": Port("any")},
    writes={"image": Port("any")},
)

MEAN = Step(
    "t.mean",
    "The mean over the cohort.",
    lambda inputs, params, ctx: Output(),
    reads={"image": Port("any")},
    writes={"image": Port("any")},
    reduction=Reduction(
        lift=lambda inputs, params: {"sum": inputs["image"].astype(np.float64), "n": np.array(1)},
        combine=lambda parts: {name: np.sum([part[name] for part in parts], axis=0) for name in ("sum", "n")},
        finish=lambda part, params: Output({"image": part["sum"] / part["n"]}, {"n": float(part["n"])}),
    ),
)


# --- going wrong ------------------------------------------------------------------------------------------------------


class OutOfMemoryError(Exception):
    """Named like CuPy's."""


class FaultParams(Params):
    seconds: float = 0.0
    bad_device: str = "none"


def _fault(inputs, params, ctx):
    """What goes wrong stands in the row's column ``fault``."""
    time.sleep(params.seconds)
    columns = ctx.rows[0].columns
    if os.environ.get("SCANMILL_DEVICE", "-").endswith(params.bad_device):
        raise RuntimeError("this device computes nothing")
    fault = columns.get("fault") or ""
    unfit = FAULTS[fault](ctx) if fault else None
    if isinstance(unfit, Output):
        return unfit
    return Output({"image": inputs["image"]}) if "image" in inputs else Output()


def _raise(error):
    def fault(ctx):
        raise error

    return fault


def _smaller(ctx):
    if ctx.tile > 0.5:
        raise OutOfMemoryError("out of memory allocating 8,589,934,592 bytes")


def _broken_output(ctx):
    (ctx.scratch / "image.npy").mkdir()


FAULTS = {
    "raise": _raise(ValueError("cannot convert 'DOE^JOHN' of /home/doe/scan.dcm")),
    "input": _raise(InputError("the scan is irregular", where="/home/doe/scan.dcm", expected=3, got=4)),
    "diverge": _raise(ConvergenceError("diverged at iteration 3")),
    "unfit": lambda ctx: Output(
        metrics={"gain": -1.0},
        pictures={"why": np.ones((4, 4), np.uint8)},
        failure=ConvergenceError("no better than at the start"),
    ),
    "resource": _raise(ResourceError("the storage is away")),
    "full": _raise(OSError(28, "No space left on device", "/home/doe/x")),
    "memory": _raise(MemoryError()),
    "sysexit": lambda ctx: exit(3),
    "exit": lambda ctx: os._exit(7),
    "kill": lambda ctx: os.kill(os.getpid(), signal.SIGKILL),
    "hang": lambda ctx: time.sleep(3600),
    "oom": _smaller,
    "no_output": _broken_output,
}
FAULT = Step("t.fault", "Go wrong as the row says.", _fault, FaultParams, reads={"image": Port("any", optional=True)})


# --- writing ----------------------------------------------------------------------------------------------------------


class SaveParams(Params):
    name: str = "image"


def _save(inputs, params, ctx):
    path = Path(ctx.scratch) / f"{params.name}.npy"
    np.save(path, inputs["image"], allow_pickle=False)
    return Output(files=(SavedFile(params.name, path, "npy", array_digest(inputs["image"])),))


SAVE = Step("t.save", "Write a .npy file.", _save, SaveParams, reads={"image": Port("any")}, phase="write")


# --- nothing, slowly --------------------------------------------------------------------------------------------------

NOTHING_READ = Step(
    "t.nothing_read",
    "Read nothing.",
    lambda inputs, params, ctx: Output(),
    predict=lambda columns, params, device: Prediction(0.001),
    phase="read",
)
NOTHING = Step(
    "t.nothing",
    "Do nothing.",
    lambda inputs, params, ctx: Output(),
    predict=lambda columns, params, device: Prediction(0.001),
)


class SleepParams(Params):
    seconds: float = 0.1


def _sleep(inputs, params, ctx):
    time.sleep(params.seconds)
    return Output()


SLEEP_READ = Step("t.sleep_read", "Sleep while reading.", _sleep, SleepParams, phase="read")
SLEEP = Step("t.sleep", "Sleep while computing.", _sleep, SleepParams)
SLEEP_WRITE = Step("t.sleep_write", "Sleep while writing.", _sleep, SleepParams, phase="write")
