"""Steps for the tests of jobs and plans; they are never run."""

from typing import Literal

from pydantic import Field

from scanmill.errors import InputError
from scanmill.steps.contract import Output, Params, Port, Prediction, Reduction, Step


def never(inputs, params, ctx):
    return Output()


class Iterations(Params):
    iterations: int = Field(10, ge=1)
    method: Literal["fbp", "sirt"] = "fbp"
    window: tuple[float, float] | None = None


class Name(Params):
    output: str = "image"


def by_size(columns, params, device):
    if columns["size"] is None:
        raise InputError("no size")
    return Prediction(params.iterations * columns["size"], 8 * columns["size"] if device != "cpu" else 0, 100)


def by_branch(columns, params, device):
    return Prediction(columns["large"] if columns["kind"] == "big" else 1.0)


def by_everything(columns, params, device):
    return Prediction(float(len(dict(columns))))


READ = Step("read", "Read", never, phase="read")
MERGE = Step(
    "scan.merge",
    "Merge",
    never,
    reads={"scan": Port("projections", many=True)},
    writes={"scan": Port("projections")},
)
RECONSTRUCT = Step(
    "ct.reconstruct",
    "Reconstruct",
    never,
    Iterations,
    reads={"scan": Port("projections"), "start": Port("volume", optional=True)},
    writes={"image": Port("volume")},
    predict=by_size,
)
BRANCH = Step("branch", "Look at other columns for other rows", never, predict=by_branch)
EVERYTHING = Step("everything", "Look at every column", never, predict=by_everything)
SMOOTH = Step("smooth", "Smooth", never, reads={"image": Port("volume")}, writes={"image": Port("volume")})
MEAN = Step(
    "mean",
    "Mean",
    never,
    reads={"image": Port("volume", many=True)},
    writes={"mean": Port("volume")},
    reduction=Reduction(lambda values, params: {}, lambda parts: {}, lambda part, params: Output()),
)
ALIGN = Step(
    "my.align",
    "Align",
    never,
    reads={"image": Port("volume"), "fixed": Port("volume")},
    writes={"image": Port("volume")},
)
SAVE = Step("save", "Save", never, Name, reads={"image": Port("any")}, phase="write")
EXPORT = Step("export", "Saves what only it knows", never, reads={"image": Port("any")}, phase="write")

ALL = {
    step.name: f"engine.spec_steps:{name}"
    for name, step in list(globals().items())
    if isinstance(step, Step) and name.isupper()
}
