"""Charts as inline SVG, legible on light and dark pages."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# Mid-tones that keep their contrast on white and on near-black.
COLOURS = ("#2f7ed8", "#d9822b", "#3a9d5d", "#a855b8")
INK = "#808792"


@dataclass(frozen=True)
class Curve:
    """One line of a chart: y over x."""

    name: str
    x: Sequence[float]
    y: Sequence[float]


def curves_svg(curves: Sequence[Curve], x_label: str, y_label: str) -> str:
    """Lines over a common x axis; a curve of few points shows them as dots too."""
    figure, axes = _axes()
    for curve, colour in zip(curves, COLOURS * len(curves), strict=False):
        marker = "o" if len(curve.x) < 12 else None
        axes.plot(curve.x, curve.y, color=colour, label=curve.name, marker=marker, linewidth=1.8)
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    if curves:
        axes.legend(frameon=False, labelcolor=INK)
    return _svg(figure)


def usage_svg(usage: np.ndarray) -> str:
    """Code use in falling order as a share of equal use, `[num_codes]`."""
    figure, axes = _axes()
    share = np.sort(np.asarray(usage, float))[::-1]
    share = share * len(share) / max(share.sum(), 1e-30)
    axes.bar(np.arange(1, len(share) + 1), share, width=1.0, color=COLOURS[0])
    axes.axhline(1.0, color=COLOURS[1], linewidth=1.2, linestyle="--", label="equal use")
    axes.set_xlabel("codes, most used first")
    axes.set_ylabel("share of equal use")
    if share.max() > 0:
        axes.set_yscale("log")
    axes.set_xlim(0.5, len(share) + 0.5)
    axes.legend(frameon=False, labelcolor=INK)
    return _svg(figure)


def _axes() -> tuple:
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.6, 3.0), layout="constrained")
    FigureCanvasSVG(figure)
    axes = figure.add_subplot()
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("bottom", "left"):
        axes.spines[side].set_color(INK)
    axes.tick_params(colors=INK)
    axes.xaxis.label.set_color(INK)
    axes.yaxis.label.set_color(INK)
    axes.grid(axis="y", color=INK, alpha=0.2)
    return figure, axes


def _svg(figure) -> str:  # noqa: ANN001 - a matplotlib Figure
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    text = buffer.getvalue()
    # The XML prologue has no place within HTML.
    return text[text.index("<svg") :]
