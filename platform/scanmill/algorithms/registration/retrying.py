"""The ladder of linear registrations."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

from scanmill.algorithms.registration.ladder import Rung, climbed_ladder
from scanmill.algorithms.registration.linear import register_linear
from scanmill.algorithms.registration.measures import LinearMetric
from scanmill.algorithms.registration.motions import Model
from scanmill.algorithms.registration.registration import Registration
from scanmill.algorithms.registration.starts import Starts
from scanmill.data import Volume


def register(
    fixed: Volume,
    moving: Volume,
    *,
    model: Model = "rigid",
    metric: Literal["auto"] | LinearMetric = "auto",
    starts: Starts = "auto",
    **options: Any,
) -> Registration:
    """`register_linear`, there and back, and again from a grid of starts and by mutual information where it is doubted.

    ``options`` are those of `register_linear`. The first try that can be trusted is the result; if none can, the least
    doubted, with ``converged`` False. ``note`` of its quality tells of the others. One seed gives one result, bit by
    bit, whatever the number of threads.

    Raises InputError for images that cannot be compared, SpecError for what no try can do.
    """
    options = {"both_ways": True, **options, "model": model}
    tries: list[tuple[LinearMetric | Literal["auto"], Starts]] = [(metric, starts), (metric, "grid"), ("mi", "grid")]
    if options.get("start") is not None:
        tries = [(metric, starts), ("mi", starts)]
    rungs = [
        Rung(f"{how} from {where}", partial(register_linear, fixed, moving, metric=how, starts=where, **options))
        for how, where in dict.fromkeys(tries)
    ]
    return climbed_ladder(rungs)
