"""An empty figure of matplotlib, which is imported when it is asked for."""

from __future__ import annotations

from typing import Any


def new_figure(columns: int = 1) -> tuple[Any, Any]:
    """A figure with axes side by side: one, or an array of several.

    Raises:
        ImportError: matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("pictures need matplotlib: pip install 'seprank[tn]'") from error
    size = (9, 4.4) if columns > 1 else (6, 4)
    figure = Figure(figsize=size, layout="constrained")  # not pyplot, which keeps every figure
    FigureCanvasAgg(figure)
    return figure, figure.subplots(1, columns)
