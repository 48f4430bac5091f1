"""A run folder in, one self-contained page out: counts, timing, quality, pictures, failures."""

from scanmill.report.page import write_report

__all__ = ["write_report"]
