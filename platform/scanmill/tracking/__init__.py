"""One MLflow run per job, written from a thread of its own through a spool that a dead server cannot hurt."""

from scanmill.tracking.tracker import Tracker

__all__ = ["Tracker"]
