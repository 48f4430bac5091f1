"""FDK: filtered backprojection of a cone beam on a circle."""

from __future__ import annotations

from scanmill.algorithms.filtering import Window
from scanmill.algorithms.reconstruction.filtered_backprojection import filtered_backprojection
from scanmill.algorithms.reconstruction.filtered_projections import filtered_projections
from scanmill.algorithms.reconstruction.redundancy import Redundancy
from scanmill.data import Projections, Volume
from scanmill.errors import InputError
from scanmill.geometry import VolumeGeometry


def fdk(
    projections: Projections,
    grid: VolumeGeometry,
    *,
    window: Window = "ram-lak",
    cutoff: float = 1.0,
    redundancy: Redundancy = "auto",
    max_gap_deg: float | None = None,
    views_at_once: int | None = None,
    device: str | None = None,
) -> Volume:
    """Feldkamp's reconstruction of line integrals from a circular cone scan, full or short, in 1/mm.

    f(x) = Σ_β U(x, β)⁻² (h * (w D / √(D² + t² + z²) · p))(β, t(x, β), z(x, β)) (Feldkamp, Davis & Kress, J. Opt. Soc.
    Am. A 1 (1984) 612), the fan's FBP with the rays' slope added; on a cylindrical detector with the equiangular fan's
    filter and U, and cos γ · D / √(D² + z²) for the cosine. Each ray's share w is that of its column in the
    midplane (`ray_weights`; Parker's for a short scan), which holds exactly there: away from the midplane values
    fall off with the cone angle. Knobs and errors as in `fbp`.
    """
    if projections.geometry.beam != "cone":
        raise InputError("fdk is for a cone beam", expected="cone", got=projections.geometry.beam, do="use fbp")
    parts = filtered_projections(
        projections,
        window=window,
        cutoff=cutoff,
        redundancy=redundancy,
        max_gap_deg=max_gap_deg,
        views_at_once=views_at_once,
        device=device,
    )
    return filtered_backprojection(parts, grid)
