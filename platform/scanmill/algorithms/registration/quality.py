"""How far a registration can be trusted: facts that every one brings along, and the verdict with its reason."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Quality:
    """What a registration knows about itself.

    ``metric`` names the measure of similarity, ``start`` and ``end`` are its values (larger is better for every one).
    ``overlap`` is the fraction of the fixed image's voxels, or its mask's, that lie in the moving one.
    ``inverse_consistency_mm`` is the RMS distance between points and themselves after the way there and back, where
    the way back was found too. ``jacobian_min`` and ``jacobian_max`` bound the local change of volume, and ``folded``
    is the fraction of voxels where it is at most zero. ``landmark_error_mm`` and ``label_dice`` are there where
    `judged_by` was given landmarks or labels. ``note`` keeps what was chosen on the way and why. A registration that
    cannot be trusted has ``converged`` False and a ``reason``.

    >>> Quality("nmi", 1.02, 1.31, overlap=0.98).gain.__round__(2)
    0.29
    """

    metric: str
    start: float
    end: float
    overlap: float
    inverse_consistency_mm: float | None = None
    jacobian_min: float = 1.0
    jacobian_max: float = 1.0
    folded: float = 0.0
    landmark_error_mm: float | None = None
    label_dice: float | None = None
    converged: bool = True
    reason: str = ""
    note: str = ""

    @property
    def gain(self) -> float:
        """How much the similarity grew."""
        return self.end - self.start
