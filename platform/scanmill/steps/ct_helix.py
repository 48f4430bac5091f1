"""What `ct.reconstruct` does for helical scans, and for objects that are longer than the wanted grid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scanmill.arrays import Array, xp_of
from scanmill.data import Projections
from scanmill.errors import InputError
from scanmill.geometry import ScanGeometry, VolumeGeometry
from scanmill.steps.ct_params import ReconstructParams

if TYPE_CHECKING:
    from scanmill.algorithms.reconstruction.helical import Helix

ON_A_CIRCLE = ("fbp", "fdk")
FILTERED = (*ON_A_CIRCLE, "wfbp")
LONG_OBJECT_SHARE = 0.05
"""A detector whose outer rows read more than this part of the largest line integral is too low for the object."""


@dataclass(frozen=True, eq=False)
class LongObject:
    """A scan to be iterated on a grid with more slices than are wanted; ``wanted`` are those to keep."""

    scan: Projections
    grid: VolumeGeometry
    start: Array | None
    wanted: slice


def views_of_a_turn(scan: ScanGeometry) -> int:
    """The views of which a slice of a helix is made; of other scans all."""
    from scanmill.algorithms.reconstruction.helical import is_helical

    turns = np.ptp(np.unwrap(scan.angles)) / (2 * np.pi) if is_helical(scan) else 0.0
    return scan.n_views if turns <= 1 else round((scan.n_views - 1) / turns)


def refuse_circle_methods(scan: ScanGeometry, params: ReconstructParams) -> None:
    """InputError where a helical scan is given to a method for circles."""
    from scanmill.algorithms.reconstruction.helical import is_helical

    if params.method in ON_A_CIRCLE and is_helical(scan):
        raise InputError("the scan is helical", where="scan", expected="a circle", got=params.method, do="take wfbp")


def reconstruct_helix(
    scan: Projections, grid: VolumeGeometry, params: ReconstructParams, device: str
) -> tuple[Array, dict[str, float]]:
    """WFBP; metrics: unseen_share of the voxels in the field of view (they are 0) and, for a helix, its pitch."""
    from scanmill.algorithms.reconstruction.helical import helix_of, is_helical, pitch, wfbp_and_unseen

    image, unseen = wfbp_and_unseen(
        scan, grid, window=params.window, cutoff=params.cutoff, taper=params.taper, device=device
    )
    metrics = {"unseen_share": unseen}
    if is_helical(scan.geometry):
        metrics["pitch"] = pitch(helix_of(scan.geometry))
    return image.array, metrics


def unseen_warning(metrics: Mapping[str, float]) -> tuple[str, ...]:
    """The warning of voxels that some angle never saw; InputError where that is all of them."""
    share = metrics.get("unseen_share", 0.0)
    pitch = f"a pitch of {abs(metrics['pitch']):.2f}" if "pitch" in metrics else "the scan"
    if share > 1 - 1e-9:
        raise InputError("no voxel of the grid is seen over half a turn", where="scan", got=pitch,
                         do="look at the pitch, and at the grid's size and z")  # fmt: skip
    if share == 0:
        return ()
    return (f"{pitch} leaves {share:.1%} of the voxels unseen: they are 0; take a lower pitch or fewer slices",)


def half_seen_warnings(scan: ScanGeometry, grid: VolumeGeometry, params: ReconstructParams) -> list[str]:
    """What an iteration on a helix is not told of: voxels that are seen over less than half a turn.

    A voxel r mm from the axis is seen over half a turn by a pitch of at most 2 (1 - r / source_to_isocenter).
    """
    from scanmill.algorithms.reconstruction.helical import helix_of, is_helical, pitch

    if params.method in FILTERED or not is_helical(scan):
        return []
    try:
        helix = helix_of(scan)
    except InputError as error:
        return [f"how far round the voxels are seen cannot be told: {error.what}"]
    turned = abs(pitch(helix))
    seen = float(np.linalg.norm(scan.source[:, :2], axis=1).min()) * (1 - turned / 2)
    radius = min(helix.field_radius, max(grid.extent[:2]) / 2)
    if seen < radius:
        return [f"a pitch of {turned:.2f} leaves voxels {max(seen, 0):.0f} mm and more from the axis with less than"
                " half a turn: expect artefacts there"]  # fmt: skip
    share = _outside(grid, *_seen_z(helix, radius))
    return [f"{share:.0%} of the slices are in part seen over less than half a turn"] if share else []


def _seen_z(helix: Helix, radius: float) -> tuple[float, float]:
    from scanmill.algorithms.reconstruction.helical import seen_z

    try:
        return seen_z(helix, radius)
    except InputError:  # not one
        return np.inf, -np.inf


def _outside(grid: VolumeGeometry, low: float, high: float) -> float:
    """The share of the slices below or above."""
    z = grid.to_points([[0, 0, k] for k in range(grid.shape[0])])[:, 2]
    return float(((z < low) | (z > high)).mean())


def long_object(scan: Projections, grid: VolumeGeometry, params: ReconstructParams, start: Array | None) -> LongObject:
    """The grid that an iterative method needs, longer than the wanted one where the object goes on beyond its ends:
    in every helical scan, and where the outer rows of a cone beam are not empty. Other views than meet it are left out.
    """
    from scanmill.algorithms.reconstruction.extended_grid import extended_grid, extended_image
    from scanmill.operators.cone_reach import views_meeting

    same = LongObject(scan, grid, start, slice(0, grid.shape[0]))
    if params.method in FILTERED or not _goes_on(scan):
        return same
    longer, wanted = extended_grid(grid, scan.geometry)
    views = views_meeting(longer, scan.geometry)
    near = scan if len(views) == scan.geometry.n_views else scan.views(views)
    return LongObject(near, longer, None if start is None else extended_image(start, longer, wanted), wanted)


def _goes_on(scan: Projections) -> bool:
    from scanmill.algorithms.reconstruction.helical import is_helical

    if scan.geometry.beam != "cone" or scan.quantity != "line_integral":
        return is_helical(scan.geometry)
    outer = xp_of(scan.array).abs(scan.array[:, [0, -1]]).max()
    return is_helical(scan.geometry) or bool(outer > LONG_OBJECT_SHARE * scan.array.max())
