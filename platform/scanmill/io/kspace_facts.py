"""What a cohort tells of k-space, whatever file it stands in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from scanmill.geometry import VolumeGeometry


@dataclass(frozen=True)
class KSpaceFacts:
    """Sizes and kind of one k-space. ``geometry`` is the encoded image, ``recon`` the part to give out where that is
    smaller; ``acceleration`` is None where only the samples could tell; shots and samples are None of Cartesian ones.

    >>> facts = KSpaceFacts(VolumeGeometry((2, 8, 8)), None, 1, 4, "cartesian")
    >>> facts.columns["n_slices"], facts.columns["matrix_z"], facts.columns["size_z"]
    (2, 1, 2)
    """

    geometry: VolumeGeometry
    recon: VolumeGeometry | None
    n_frames: int
    n_coils: int
    trajectory: str
    is_3d: bool = False
    acceleration: float | None = None
    n_shots: int | None = None
    n_samples: int | None = None

    @property
    def columns(self) -> dict[str, Any]:
        """The columns of its row; sizes and spacings are those of the image to give out."""
        nz, ny, nx = self.geometry.shape
        image = self.recon or self.geometry
        return {
            "Modality": "MR",
            "n_frames": self.n_frames,
            "n_slices": 1 if self.is_3d else nz,
            "n_coils": self.n_coils,
            **dict(zip(("matrix_z", "matrix_y", "matrix_x"), (nz if self.is_3d else 1, ny, nx), strict=True)),
            "n_shots": self.n_shots,
            "n_samples": self.n_samples,
            "trajectory": self.trajectory,
            "acceleration": self.acceleration,
            **dict(zip(("size_z", "size_y", "size_x"), image.shape, strict=True)),
            **dict(zip(("spacing_x", "spacing_y", "spacing_z"), image.spacing, strict=True)),
        }
