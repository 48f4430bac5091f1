"""The data-consistency audit of a DICOM-CT-PD scan: each rule by which it was read, turned round and judged.

A wrong sign moves rays; lines that were measured twice then differ more. No image of the scanner is needed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from scanmill.algorithms.preparation.consistency import Consistency, consistency
from scanmill.data import Projections
from scanmill.errors import InputError
from scanmill.io.ctpd_rules import CentralColumn, Rules, oriented, scan_geometry
from scanmill.io.ctpd_scan import CtpdScan

Verdict = Literal["testable", "symmetry", "too small to see", "nothing to turn", "doubtful"]
SURE = 4.0
"""A difference of so many standard errors is seen."""
N_WINDOWS = 4
SMALL_BYTES = 2**29
SAME = 1e-4
"""Residuals closer than this part are those of a mirror image (poses are float32 in the files)."""


@dataclass(frozen=True)
class Flip:
    """A rule turned round: the ``residual`` then, its ``rise`` over the rules' own (1: twice as large), how many
    standard errors that is, and what it means.

    ``symmetry``: a mirror image, which no data can tell. ``too small to see``: within the noise and interpolation of
    this scan. ``nothing to turn``: it changes nothing, as where the tags are zero. ``doubtful``: the turned rule fits
    better.
    """

    rule: str
    residual: float
    rise: float
    standard_errors: float
    verdict: Verdict
    why: str = ""


@dataclass(frozen=True)
class Audit:
    """The residual by the rules as they are, over ``n_lines`` lines, and every rule turned round."""

    residual: float
    n_lines: int
    flips: tuple[Flip, ...]
    warnings: tuple[str, ...] = ()

    @property
    def is_consistent(self) -> bool:
        """Whether no turned rule fits better than the rules."""
        return all(flip.verdict != "doubtful" for flip in self.flips)


MIRRORS = {
    "direction of phi and order of columns": "mirrored left to right, everything agrees again",
    "direction of z and order of rows": "mirrored head to foot, everything agrees again",
}
NEARLY = {"central row counted from 0": "it moves the object along z by a row, and bends hardly anything"}


def turned_rules(rules: Rules) -> dict[str, Rules]:
    """Every rule turned round, by name."""
    others = [how for how in get_args(CentralColumn) if how != rules.central_column]
    return {
        "order of columns": replace(rules, columns=-rules.columns),
        "order of rows": replace(rules, rows=-rules.rows),
        "direction of phi": replace(rules, rotation=-rules.rotation),
        "direction of z": replace(rules, axial=-rules.axial),
        **{f"central column {how}": replace(rules, central_column=how) for how in others},
        "central row counted from 0": replace(rules, central_row=0),
        "sign of dphi": replace(rules, spot_angular=-rules.spot_angular),
        "sign of dz": replace(rules, spot_axial=-rules.spot_axial),
        "sign of drho": replace(rules, spot_radial=-rules.spot_radial),
        "focal spot's shifts ignored": replace(rules, spot_angular=0.0, spot_axial=0.0, spot_radial=0.0),
        "direction of phi and order of columns": replace(rules, rotation=-rules.rotation, columns=-rules.columns),
        "direction of z and order of rows": replace(rules, axial=-rules.axial, rows=-rules.rows),
    }


def audit(scan: CtpdScan, *, n_views: int = 256) -> Audit:
    """Judge the rules of a scan by the lines of ``n_views`` views.

    A small scan is read whole, of a large one ``N_WINDOWS`` windows of about a turn, one at a time. InputError where
    no line is measured twice (less than half a turn, a large pitch).
    """
    variants = {"": scan.rules, **turned_rules(scan.rules)}
    judged: dict[str, list[Consistency]] = {name: [] for name in variants}
    windows = _windows(scan)
    for window in windows:
        seen = scan.projections(window)
        stored = oriented(seen.array, scan.rules)  # turning twice gives the order of the file
        for name, rules in variants.items():
            geometry = scan_geometry(scan.table, rules).views(window)
            turned = Projections(oriented(stored, rules), geometry)
            judged[name].append(consistency(turned, n_views=n_views // len(windows)))
    own = judged.pop("")
    flips = tuple(_flip(name, own, found, variants[name], scan) for name, found in judged.items())
    return Audit(_residual(own), sum(one.n_lines for one in own), flips, scan.warnings)


def _windows(scan: CtpdScan) -> list[slice]:
    table = scan.table
    if table.n_views * table.n_rows * table.n_columns * 4 <= SMALL_BYTES:
        return [slice(0, table.n_views)]
    length = min(table.n_views, math.ceil(1.05 * table.number("NumberofSourceAngularSteps")))
    n_windows = min(N_WINDOWS, max(1, table.n_views // length))
    starts = np.linspace(0, table.n_views - length, n_windows).astype(int)
    return [slice(int(start), int(start) + length) for start in starts]


def _residual(found: list[Consistency]) -> float:
    return float(np.sqrt(np.mean(np.concatenate([one.squares for one in found]))))


def _flip(name: str, own: list[Consistency], found: list[Consistency], rules: Rules, scan: CtpdScan) -> Flip:
    before, after = _residual(own), _residual(found)
    rise = after / before - 1
    errors = _standard_errors(own, found)
    if _is_idle(scan, rules):
        return Flip(name, after, rise, 0.0, "nothing to turn", "it changes nothing in this scan")
    if name in MIRRORS and abs(rise) < SAME:
        return Flip(name, after, rise, 0.0, "symmetry", MIRRORS[name])
    if abs(errors) < SURE:
        return Flip(name, after, rise, errors, "too small to see", NEARLY.get(name, "within noise and interpolation"))
    return Flip(name, after, rise, errors, "testable" if rise > 0 else "doubtful")


def _is_idle(scan: CtpdScan, rules: Rules) -> bool:
    geometry = scan_geometry(scan.table, rules)
    return (rules.rows, rules.columns) == (scan.rules.rows, scan.rules.columns) and geometry.is_close(scan.geometry)


def _standard_errors(own: list[Consistency], found: list[Consistency]) -> float:
    """The mean difference of the views' squares over its standard error."""
    differences = []
    for a, b in zip(own, found, strict=True):
        both = np.intersect1d(a.views, b.views)
        differences.append(b.squares[np.searchsorted(b.views, both)] - a.squares[np.searchsorted(a.views, both)])
    d = np.concatenate(differences)
    if len(d) < 2:
        raise InputError("too few views for an audit", expected="2 or more", got=len(d))
    return float(d.mean() / max(d.std(ddof=1) / math.sqrt(len(d)), 1e-300))
