"""The literal table of steps: a name, and where its `Step` is found. Nothing is imported before it is asked for."""

from __future__ import annotations

from difflib import get_close_matches
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points

from scanmill.errors import SpecError
from scanmill.steps.contract import Step

STEPS = {
    "read": "scanmill.steps.read:STEP",
    "ct.merge": "scanmill.steps.ct_merge:STEP",
    "ct.prepare": "scanmill.steps.ct_prepare:STEP",
    "ct.calibrate": "scanmill.steps.ct_calibrate:STEP",
    "ct.metal": "scanmill.steps.ct_metal:STEP",
    "ct.insert_metal": "scanmill.steps.ct_metal:INSERT",
    "ct.reconstruct": "scanmill.steps.ct_reconstruct:STEP",
    "ct.check": "scanmill.steps.ct_check:STEP",
    "mr.prepare": "scanmill.steps.mr_prepare:STEP",
    "mr.calibrate": "scanmill.steps.mr_calibrate:STEP",
    "mr.reconstruct": "scanmill.steps.mr_reconstruct:STEP",
    "segment.threshold": "scanmill.steps.segment_threshold:STEP",
    "image.quality": "scanmill.steps.image_quality:STEP",
    "register.linear": "scanmill.steps.register_linear:STEP",
    "register.deformable": "scanmill.steps.register_deformable:STEP",
    "overlay": "scanmill.steps.overlay:STEP",
    "fuse": "scanmill.steps.fuse:STEP",
    "fuse.quality": "scanmill.steps.fuse_quality:STEP",
    "register.apply": "scanmill.steps.register_apply:STEP",
    "template.build": "scanmill.steps.template_build:STEP",
    "embed": "scanmill.steps.embed:STEP",
    "embedding.moments": "scanmill.steps.embedding_fit:MOMENTS",
    "embedding.fit": "scanmill.steps.embedding_fit:STEP",
    "cohort.mean": "scanmill.steps.cohort_mean:STEP",
    "save": "scanmill.steps.save:STEP",
}


@cache
def step_paths() -> dict[str, str]:
    """Every step's name and ``module:attribute``: ours, then those of installed plug-ins (``scanmill.steps``)."""
    return {**{point.name: point.value for point in entry_points(group="scanmill.steps")}, **STEPS}


@cache
def find_step(name: str) -> Step:
    """The step of that name; a SpecError names its nearest neighbours where there is none."""
    paths = step_paths()
    if name not in paths:
        near = get_close_matches(name, paths, n=3) or sorted(paths)
        raise SpecError(f"unknown step {name!r}", do=f"did you mean {', '.join(near)}? `scanmill steps` lists all")
    module, _, attribute = paths[name].partition(":")
    step = getattr(import_module(module), attribute)
    if not isinstance(step, Step):
        raise SpecError(f"{paths[name]} is not a Step", got=type(step).__name__)
    return step
