"""The manifest of scans: what a job runs over, and what its results are again."""

from scanmill.cohort.manifest import Cohort

__all__ = ["Cohort"]
