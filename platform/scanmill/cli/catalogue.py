"""The job files that come with Scanmill, found by name."""

from __future__ import annotations

from pathlib import Path

from scanmill.errors import SpecError

PACKAGE = Path(__file__).parents[1]
PLACES = (PACKAGE / "jobs", PACKAGE.parents[1] / "jobs")
"""Inside the wheel; beside the sources."""


def find_job(name: Path) -> Path:
    """A job file: the path itself, or a name of the catalogue (``ct_parallel_counts``)."""
    if name.is_file():
        return name
    found = [place / f"{name.stem}.yaml" for place in PLACES if (place / f"{name.stem}.yaml").is_file()]
    if found and name.parent in {Path(), Path("jobs")}:
        return found[0]
    known = sorted({path.stem for place in PLACES for path in place.glob("*.yaml")})
    raise SpecError(f"there is no job file {name}", do=f"known by name: {', '.join(known)}")
