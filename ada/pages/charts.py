"""Cards with charts as inline SVG: real text, and colours that the page sets for light and dark.

Colours are written as CSS variables, `var(--curve-1)` and so on, so that one picture serves both
schemes and its text takes the font of the page. Importing this module does not import matplotlib.
"""

import hashlib
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ada.pages import jinja

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIZE_INCHES = (4.2, 2.35)  # small, so that text stays readable on a phone
FONT_POINTS = 11
FEW_POINTS = 12  # a curve of fewer points shows each as a dot
MOST_POINTS = 300  # longer curves are drawn as means over segments

# The colour that matplotlib is given, and the variable of the page that takes its place.
CURVE_COLOURS = ("#1f6fb4", "#c2570c", "#2a7f4f", "#8a4bb0")
VARIABLES = {colour: f"--curve-{k}" for k, colour in enumerate(CURVE_COLOURS, start=1)}
INK, TEXT, GRID = "#1b1e22", "#5a6068", "#dcdedf"
VARIABLES |= {INK: "--ink", TEXT: "--soft", GRID: "--line"}
DASHES = ("solid", "dashed", "dotted")  # names that matplotlib and CSS share


@dataclass(frozen=True)
class Curve:
    """One line of a chart: y over x. A y of NaN or None is left out."""

    name: str
    x: Sequence[float]
    y: Sequence[float]

    def points(self) -> tuple[np.ndarray, np.ndarray]:
        """Both as float64 `[points]`, without gaps.

        Raises:
          ValueError: x and y differ in length.
        """
        x, y = np.asarray(self.x, float), np.asarray(self.y, float)
        if x.shape != y.shape:
            raise ValueError(f"curve {self.name!r}: {x.size} values of x, {y.size} of y.")
        finite = np.isfinite(x) & np.isfinite(y)
        return x[finite], y[finite]


class Stroke(NamedTuple):
    """How a line is drawn, here and in the legend of the page."""

    colour: str
    dash: str

    @property
    def css(self) -> str:
        return f"{self.dash} {_css_colour(self.colour)}"


EQUAL_USE = Stroke(INK, "dashed")


def stroke(number: int) -> Stroke:
    """The stroke of a chart's curve, counted from 0: colours first, then dashes."""
    rounds, colour = divmod(number, len(CURVE_COLOURS))
    return Stroke(CURVE_COLOURS[colour], DASHES[rounds % len(DASHES)])


def curves_block(title: str, curves: Sequence[Curve], x_label: str, y_label: str) -> str:
    """A card with a line chart; its legend says where every curve ends.

    Args:
      title: of the card.
      curves: over a common x axis; those without points are left out.
      x_label: what x is, with its unit.
      y_label: what y is, with its unit.

    Raises:
      ValueError: a curve's x and y differ in length.
    """
    drawn = [curve for curve in curves if curve.points()[1].size]
    if not drawn:
        return jinja.block("chart", title, "", "Nothing was recorded.", [])
    facts = [
        (stroke(number), f"{curve.name} ends at", f"{curve.points()[1][-1]:.4g}")
        for number, curve in enumerate(drawn)
    ]
    return jinja.block("chart", title, curves_svg(drawn, x_label, y_label), "", facts)


def usage_block(title: str, usage: np.ndarray) -> str:
    """A card with the histogram of code use, most used first, perplexity and used codes.

    Args:
      title: of the card.
      usage: counts or shares of each code, `[num_codes]`.

    Raises:
      ValueError: usage is not `[num_codes]`, or contains anything but counts.
    """
    usage = np.asarray(usage, float)
    if usage.ndim != 1 or not np.all(np.isfinite(usage)) or np.any(usage < 0):
        raise ValueError(f"usage_block: usage must be counts [num_codes], got {usage}.")
    used = usage[usage > 0]
    if not used.size:
        remark = f"None of the {usage.size} codes was used."
        return jinja.block("chart", title, "", remark, [])
    share = used / used.sum()
    perplexity = np.exp(-np.sum(share * np.log(share)))
    facts = [
        (None, "perplexity", f"{perplexity:.1f} of {usage.size}"),
        (None, "used codes", f"{used.size} of {usage.size}"),
        (EQUAL_USE, "equal use of all codes", ""),
    ]
    return jinja.block("chart", title, usage_svg(usage), "", facts)


def curves_svg(curves: Sequence[Curve], x_label: str, y_label: str) -> str:
    """Lines over a common x axis, in the strokes `stroke(0)`, `stroke(1)` and so on.

    A curve of more than 300 points is drawn by its means over as many stretches of equal length.
    """
    figure, axes = _axes(x_label, y_label)
    for number, curve in enumerate(curves):
        x, y = (_means(values) for values in curve.points())
        colour, dash = stroke(number)
        marker = "o" if len(x) < FEW_POINTS else None
        axes.plot(x, y, color=colour, linestyle=dash, marker=marker, markersize=4, linewidth=1.6)
    names = ", ".join(curve.name for curve in curves)
    return _svg(figure, f"Line chart of {y_label} over {x_label}: {names}")


def usage_svg(usage: np.ndarray) -> str:
    """Code use `[num_codes]` in falling order as multiples of equal use; some must be above 0."""
    shares = np.sort(np.asarray(usage, float))[::-1]
    shares = shares * len(shares) / shares.sum()
    used = shares[shares > 0]
    figure, axes = _axes("codes, most used first", "times equal use")
    bottom = min(used[-1], 1.0) / 1.5  # a logarithmic axis has no zero for bars to stand on
    edges = np.arange(len(used) + 1) + 0.5
    axes.stairs(used, edges, baseline=bottom, fill=True, color=CURVE_COLOURS[0], alpha=0.75)
    axes.axhline(1.0, color=EQUAL_USE.colour, linewidth=1.6, linestyle=EQUAL_USE.dash)
    axes.set_yscale("log")
    axes.set_ylim(bottom, max(used[0], 1.0) * 1.3)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}×")
    axes.yaxis.set_minor_formatter(lambda value, _: "")
    axes.set_xlim(0.5, len(shares) + 0.5)
    axes.xaxis.get_major_locator().set_params(integer=True)
    return _svg(figure, f"Bar chart of the use of {len(shares)} codes, most used first")


def _axes(x_label: str, y_label: str) -> tuple["Figure", "Axes"]:
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=SIZE_INCHES, layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(GRID)
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(which="both", length=0, labelcolor=TEXT, labelsize=FONT_POINTS, pad=5)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]))
        axis.set_major_formatter(lambda value, _: _short(value))
    text = {"color": TEXT, "fontsize": FONT_POINTS, "parse_math": False}
    axes.set_xlabel(x_label, **text)
    # Above the axis rather than turned beside it: easier to read, and the width goes to the lines.
    axes.set_title(y_label, loc="left", **text)
    return figure, axes


def _means(values: np.ndarray) -> np.ndarray:
    stretches = np.array_split(values, min(len(values), MOST_POINTS))
    return np.array([stretch.mean() for stretch in stretches])


def _short(value: float) -> str:
    """1200 as "1200", 20000 as "20k", 3000000 as "3M"."""
    for unit, suffix, least in ((1e6, "M", 1e6), (1e3, "k", 1e4)):
        if abs(value) >= least:
            return f"{value / unit:g}{suffix}"
    return f"{value:g}"


def _css_colour(colour: str) -> str:
    return f"var({VARIABLES[colour]}, {colour})"


def _svg(figure: "Figure", label: str) -> str:
    """The figure as an element for HTML: labelled, themed, and without what leaks to the page."""
    import matplotlib

    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "ada"}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    text = buffer.getvalue()
    # A page has one space of ids: what charts refer to is named after the chart's content.
    own = hashlib.sha256(text.encode()).hexdigest()[:12]
    box = re.search(r'viewBox="[^"]*"', text).group()
    text = text[text.index(">", text.index("<svg")) + 1 :]
    text = re.sub(r"<(metadata|style)\b.*?</\1>", "", text, flags=re.DOTALL)
    text = re.sub(r'<g id="[^"]*"', "<g", text)
    text = re.sub(r'(\bid="|xlink:href="#|url\(#)', rf"\g<1>{own}-", text).replace("xlink:", "")
    text = re.sub(r"'DejaVu Sans'[^;\"]*", "system-ui, sans-serif", text)
    for colour in VARIABLES:
        text = text.replace(f": {colour}", f": {_css_colour(colour)}")
    text = re.sub(r"\s*\n\s*", " ", text)
    return f'<svg {box} role="img" aria-label="{escape(label)}">{text.strip()}'
