"""What a step is: the one definition from which validation, help, forms, planning and execution all come."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from scanmill.arrays import HostArray
from scanmill.errors import ScanmillError

Phase = Literal["read", "compute", "write"]
"""Which clock a step runs under, and with what it overlaps: the next unit is read and the last one written while
one computes. Only ``compute`` may use the device."""


COLUMN: dict[str, Any] = {"column_of_cohort": True}
"""For the ``json_schema_extra`` of a knob that names a column: a job is refused where its cohort has none such."""


class Params(BaseModel):
    """The knobs of a step: frozen, and a name that is not a knob is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def columns(self) -> list[str]:
        """The columns of the cohort that these knobs name."""
        fields = type(self).model_fields.items()
        return [
            getattr(self, name) for name, field in fields if field.json_schema_extra == COLUMN and getattr(self, name)
        ]


@dataclass(frozen=True)
class Port:
    """A value that a step reads or writes: ``projections``, ``kspace``, ``volume``, ``labels``, ``colour``,
    ``transform``, ``entries``, ``embedding``, ``table``, ``file`` or ``any``.

    ``many`` reads a tuple of values, one per row of a group, in the order of the row keys."""

    kind: str
    optional: bool = False
    many: bool = False


@dataclass(frozen=True)
class Prediction:
    """What one unit will cost."""

    seconds: float = 1.0
    device_bytes: int = 0
    output_bytes: int = 0

    def __add__(self, other: Prediction) -> Prediction:
        """Steps run one after another: seconds and outputs add up, the device holds the larger."""
        return Prediction(
            self.seconds + other.seconds,
            max(self.device_bytes, other.device_bytes),
            self.output_bytes + other.output_bytes,
        )


@dataclass(frozen=True)
class InputFile:
    """A file of a row, staged where this process can open it.

    ``role`` is the name under which its value goes (``scan``, ``image``, ``truth``); ``reader`` says how it is read:
    ``card`` (a data card, in the row's ``card`` column as JSON), ``ctpd`` and ``ctpd-store`` (DICOM-CT-PD, as files
    or converted), ``dicom``, ``nifti``, ``npz``, ``itk`` and ``displacement`` (transforms), ``ismrmrd``, ``fastmri``
    (its k-space) and ``fastmri-image`` (its reconstruction), ``cfl`` (BART's pair), or what this platform makes:
    ``entries``, ``embedding``. The files of one role and reader make one value.
    """

    role: str
    path: Path
    relative_path: str
    sha256: str = ""
    reader: str = ""


@dataclass(frozen=True)
class Row:
    """A row of the cohort as a step sees it: its key, its other columns, its files."""

    row_key: str
    columns: Mapping[str, Any]
    files: tuple[InputFile, ...] = ()


@dataclass(frozen=True)
class Context:
    """What a step may know besides its inputs.

    ``scratch`` is an empty folder of this attempt; ``tile`` shrinks below 1 after an attempt ran out of device
    memory; ``progress(fraction, note)`` may be called at any time; ``extra`` holds the files of other stages that
    the job names under ``with:``.
    """

    rows: tuple[Row, ...]
    scratch: Path
    seed: int = 0
    device: str = "cpu"
    tile: float = 1.0
    progress: Callable[[float, str], None] = lambda fraction, note: None
    extra: tuple[InputFile, ...] = ()


@dataclass(frozen=True)
class SavedFile:
    """A file that a write step left in ``scratch``: ``output`` is its name in the results (``image``)."""

    output: str
    path: Path
    kind: str
    voxel_digest: str = ""


@dataclass(frozen=True)
class Output:
    """What a step gives back: values by port, numbers for the results, RGB or grey uint8 pictures, saved files.

    ``failure`` is the error of a step that found its own result unfit (an iteration that converged to nothing): the row
    fails with it, no later step sees the values, and the numbers and pictures stay, so that one can see why.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    pictures: Mapping[str, HostArray] = field(default_factory=dict)
    files: tuple[SavedFile, ...] = ()
    warnings: tuple[str, ...] = ()
    failure: ScanmillError | None = None


@dataclass(frozen=True)
class Reduction:
    """An associative combination over the cohort (``kind: reduce``).

    ``lift`` turns the values of one row into a partial, ``combine`` joins partials in any grouping, ``finish`` turns
    the last one into the step's outputs. A partial is a dict of NumPy arrays, so that it can be kept as a file.
    """

    lift: Callable[[Mapping[str, Any], Any], dict[str, HostArray]]
    combine: Callable[[Sequence[Mapping[str, HostArray]]], dict[str, HostArray]]
    finish: Callable[[Mapping[str, HostArray], Any], Output]


Run = Callable[[Mapping[str, Any], Any, Context], Output]
Predict = Callable[[Mapping[str, Any], Any, str], Prediction]


def _predict_little(columns: Mapping[str, Any], params: Any, device: str) -> Prediction:
    return Prediction(0.1)


@dataclass(frozen=True)
class Step:
    """A step: ``run(inputs, params, ctx) -> Output`` with everything that must be known before it runs.

    ``predict(columns, params, device)`` gets the row's columns. ``phase`` says under which clock it runs.
    """

    name: str
    summary: str
    run: Run
    params: type[Params] = Params
    reads: Mapping[str, Port] = field(default_factory=dict)
    writes: Mapping[str, Port] = field(default_factory=dict)
    predict: Predict = _predict_little
    phase: Phase = "compute"
    reduction: Reduction | None = None
