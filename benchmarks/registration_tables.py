"""The registration benchmark's table: agreement first, then seconds and memory, each a median over the seeds."""

import statistics
from dataclasses import dataclass

import numpy as np
from registration_process import PeerError, run
from registration_scenes import errors

from scanmill.data.transforms import Affine, Translation

HEAD = (
    "| tool | n | RMS mm (least to largest) | median | p95 | Dice grey / white / parcels | least det J | folded "
    "| CPU s | wall s | RSS MiB | RMS / greedy's | CPU / greedy's |"
)


@dataclass(frozen=True)
class Case:
    """One kind of pair: the tools by turns, ours first and then the one that the ratios are to.

    Tools in ``once`` run on the first seed alone. ``reach`` is what ours is to stay below.
    """

    title: str
    kind: str
    tools: tuple[str, ...]
    once: tuple[str, ...] = ()
    reach: tuple[tuple[str, float], ...] = ()

    @property
    def ours(self):
        return self.tools[0]

    @property
    def rival(self):
        return self.tools[1]


@dataclass(frozen=True)
class Row:
    """A tool on a scene."""

    rms: float
    median: float
    p95: float
    grey: float
    white: float
    parcels: float
    jacobian_min: float
    folded: float
    cpu_s: float
    wall_s: float
    rss_mib: float


def row(scene, found):
    """The errors and the costs in one line."""
    e = errors(scene, found.coordinates)
    costs = found.cpu_s, found.wall_s, found.rss_mib
    return Row(e.rms, e.median, e.p95, *e.dice, e.jacobian_min, e.folded, *costs)


def lines(case, rows, failures, facts):
    """The case's section; a tool without a row has its failure for one."""
    medians = {tool: Row(*(statistics.median(column) for column in zip(*map(_values, found), strict=True)))
               for tool, found in rows.items() if found}  # fmt: skip
    table = [_line(case, tool, rows.get(tool, []), medians) for tool in case.tools if rows.get(tool)]
    failed = [f"- {tool}: {told}" for tool, told in failures]
    return [
        f"## {case.title}",
        "",
        *facts,
        "",
        *failed,
        *_reached(case, medians),
        "",
        HEAD,
        "|---" * 13 + "|",
        *table,
        "",
    ]


def _values(one):
    return tuple(vars(one).values())


def _line(case, tool, found, medians):
    m, rms = medians[tool], [one.rms for one in found]
    spread = f" ({min(rms):.3f} to {max(rms):.3f})" if len(rms) > 1 else ""
    rival = medians.get(case.rival)
    ratios = ("", "") if rival is None else (f"{m.rms / rival.rms:.2f}", f"{m.cpu_s / rival.cpu_s:.2f}")
    cells = [tool, str(len(found)), f"{m.rms:.3f}{spread}", f"{m.median:.3f}", f"{m.p95:.2f}"]
    cells += [f"{m.grey:.3f} / {m.white:.3f} / {m.parcels:.3f}", f"{m.jacobian_min:.2f}", f"{m.folded:.3%}"]
    cells += [f"{m.cpu_s:.1f}", f"{m.wall_s:.1f}", f"{m.rss_mib:.0f}", *ratios]
    return "| " + " | ".join(cells) + " |"


def _reached(case, medians):
    """Our medians beside what they are to stay below; of Dice, above."""
    if case.ours not in medians:
        return []
    ours = medians[case.ours]
    for name, goal in case.reach:
        value = getattr(ours, name)
        good = value >= goal if name == "parcels" else value <= goal
        yield f"- reach, {name}: {value:.3g} of {goal:g}, {'reached' if good else 'missed'}"


def scene_facts(scenes):
    """How far off the pairs begin, the best affine map, and the Dice that the truth itself gets: medians."""
    found = {"start": Translation((0, 0, 0)), "best affine map": None, "truth": None}
    for name in found:
        maps = {"best affine map": best_affine, "truth": lambda scene: scene.truth}
        judged = [errors(scene, maps[name](scene) if name in maps else found[name]) for scene in scenes]
        dice = " / ".join(f"{statistics.median(e.dice[i] for e in judged):.3f}" for i in range(3))
        yield f"- {name}: RMS {statistics.median(e.rms for e in judged):.3f} mm, Dice {dice}"


def best_affine(scene):
    """The affine map nearest to the truth over the brain."""
    points = scene.fixed.geometry.to_points(np.argwhere(scene.mask.array)[:, ::-1])
    solved = np.linalg.lstsq(np.c_[points, np.ones(len(points))], scene.truth.map(points), rcond=None)[0]
    return Affine(solved[:3].T, solved[3])


def repeated(tools, scene, threads):
    """Whether a second run and one with one thread give the same, over the brain."""
    brain = np.asarray(scene.mask.array, bool)
    for tool in tools:
        try:
            first, again, alone = (run(tool, scene, n).coordinates[brain] for n in (threads, threads, 1))
        except PeerError as told:
            yield f"- {tool}, run again: {told}"
            continue
        told = [
            "the same to the bit"
            if np.array_equal(first, other)
            else f"apart by up to {np.abs(first - other).max():.2g} mm"
            for other in (again, alone)
        ]
        yield f"- {tool}, run again: {told[0]}; with one thread: {told[1]}"
