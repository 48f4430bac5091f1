"""What `ct.reconstruct` does for helical scans, and for objects that are longer than the wanted grid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from scanmill.arrays import Array, xp_of
from scanmill.data import Projections
from scanmill.errors import InputError
from scanmill.geometry import ScanGeometry, VolumeGeometry
from scanmill.steps.ct_params import ReconstructParams

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


def refuse_circle_methods(scan: ScanGeometry, params: ReconstructParams) -> None:
    """InputError where a helical scan is given to a method for circles."""
    from scanmill.algorithms.reconstruction.helical import is_helical

    if params.method in ON_A_CIRCLE and is_helical(scan):
        raise InputError("the scan is helical", where="scan", expected="a circle", got=params.method, do="take wfbp")


def reconstruct_helix(
    scan: Projections, grid: VolumeGeometry, params: ReconstructParams
) -> tuple[Array, dict[str, float]]:
    """WFBP; metrics: unseen_share of the voxels in the field of view (they are 0) and, for a helix, its pitch."""
    from scanmill.algorithms.reconstruction.helical import helix_of, is_helical, pitch, wfbp_and_unseen

    image, unseen = wfbp_and_unseen(scan, grid, window=params.window, cutoff=params.cutoff, taper=params.taper)
    metrics = {"unseen_share": unseen}
    if is_helical(scan.geometry):
        metrics["pitch"] = pitch(helix_of(scan.geometry))
    return image.array, metrics


def unseen_warning(metrics: Mapping[str, float]) -> tuple[str, ...]:
    """The warning of voxels that some angle never saw."""
    share = metrics.get("unseen_share", 0.0)
    if share == 0:
        return ()
    pitch = f"a pitch of {abs(metrics['pitch']):.2f}" if "pitch" in metrics else "the scan"
    return (f"{pitch} leaves {share:.1%} of the voxels unseen: they are 0; take a lower pitch or fewer slices",)


def long_object(scan: Projections, grid: VolumeGeometry, params: ReconstructParams, start: Array | None) -> LongObject:
    """The grid that an iterative method needs, longer than the wanted one where the object goes on beyond its ends:
    in every helical scan, and where the outer rows of a cone beam are not empty. Other views than meet it are left out.
    """
    from scanmill.algorithms.reconstruction.extended_grid import extended_grid, extended_image, views_meeting

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
