"""FBP: filtered backprojection of parallel rays and of fans."""

from __future__ import annotations

from scanmill.algorithms.filtering import Window
from scanmill.algorithms.reconstruction.filtered_backprojection import filtered_backprojection
from scanmill.algorithms.reconstruction.filtered_projections import filtered_projections
from scanmill.algorithms.reconstruction.redundancy import Redundancy
from scanmill.data import Projections, Volume
from scanmill.errors import InputError
from scanmill.geometry import VolumeGeometry


def fbp(
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
    """Filtered backprojection of line integrals from a circular parallel or fan scan, in 1/mm.

    f(x) = Σ_β U(x, β)⁻² (h * (w cos γ · p))(β, t(x, β)) (Kak & Slaney 1988, ch. 3, eqs. 61 and 133; U = 1 for
    parallel rays; on a cylindrical detector t is an arc, and h and U are those of section 3.4.1), where w holds the
    angular step and each ray's share of its line (`ray_weights`): views in any order, in unequal steps, in several
    arcs, over more or less than a turn, the axis off the detector's middle.
    Below a short scan the lines that nobody measured stay missing.

    ``cutoff`` is a fraction of the Nyquist frequency. An angular gap wider than ``max_gap_deg`` (three median steps
    by default) is a hole, which no view stands for. ``views_at_once`` (by default all) bounds the memory; the work is
    done on ``device``, by default where the data are. Raises InputError where the scan is no circle around z.
    """
    if projections.geometry.beam == "cone":
        raise InputError("a cone beam is for fdk", expected="parallel or fan", got="cone")
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
