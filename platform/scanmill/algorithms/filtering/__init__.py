"""Filters along the detector: the ramp of filtered backprojection and its windows."""

from scanmill.algorithms.filtering.ramp import Window, ramp_filter, ramp_response

__all__ = ["Window", "ramp_filter", "ramp_response"]
