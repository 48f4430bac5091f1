"""Small figures for the page, as ``data:`` URIs so that it stays one file."""

from __future__ import annotations

import base64
import io

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from scanmill.arrays import HostArray

BLUE, GREY = "#2f6f9f", "#7a7f87"


def data_uri(png: bytes) -> str:
    """PNG bytes as something an ``<img>`` shows without a file beside it."""
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def histogram(values: HostArray, label: str) -> str:
    """How the numbers of one column are spread."""
    figure = Figure(figsize=(3.0, 1.5), dpi=130, layout="constrained")
    axes = figure.add_subplot()
    axes.hist(values, bins=min(30, max(5, len(values) // 2)), color=BLUE)
    axes.set_xlabel(label, fontsize=8, color=GREY)
    axes.tick_params(labelsize=7, colors=GREY)
    axes.spines[["top", "right"]].set_visible(False)
    out = io.BytesIO()
    FigureCanvasAgg(figure).print_png(out)  # type: ignore[no-untyped-call]
    return data_uri(out.getvalue())
