"""The figure: layers and training memory over the receptive field, one line a kind of system."""

from collections.abc import Sequence
from typing import Any

from ada.pages.charts import CURVE_COLOURS, GRID, TEXT

MARKERS = "osD^"
PAPERS_SECS = 24.576  # the slides' longest receptive field
NAMES = {
    "WaveNet": "plain WaveNet",
    "hop 8": "hop-8 ADA + WaveNet",
    "hop 64": "hop-64 ADA + WaveNet",
    "hops 8 x 8": "two hop-8 ADAs + WaveNet",
}


def draw(rows: Sequence[dict[str, Any]], title: str, path: str) -> None:
    """Writes a PNG with two panels.

    Args:
      rows: of the table; those without a measurement are drawn by their estimate alone.
      title: above both.
      path: of the file.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4.2), layout="constrained")
    figure.suptitle(title, fontsize=11, color=TEXT)
    layers, memory = figure.subplots(1, 2)
    for number, (name, label) in enumerate(NAMES.items()):
        points = [row for row in rows if row["system"] == name]
        if not points:
            continue
        secs = [row["receptive_field_secs"] for row in points]
        style = {"color": CURVE_COLOURS[number], "marker": MARKERS[number], "markersize": 5}
        layers.plot(secs, [row["layers"] for row in points], label=label, **style)
        estimates = [row["estimated_mib"] for row in points]
        memory.plot(secs, estimates, color=style["color"], linestyle="dotted", linewidth=1.2)
        measured = [row for row in points if row["measured_mib"] is not None]
        memory.plot(
            [row["receptive_field_secs"] for row in measured],
            [row["measured_mib"] for row in measured],
            **style,
        )
    layers.set_title("layers, of all levels", loc="left", fontsize=11, color=TEXT)
    layers.set_ylim(bottom=0)
    memory.set_title("training memory of one crop, MiB", loc="left", fontsize=11, color=TEXT)
    memory.set_yscale("log")
    memory.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    memory.plot([], [], color=TEXT, marker="o", markersize=5, label="measured, largest level")
    memory.plot([], [], color=TEXT, linestyle="dotted", label="estimated")
    for axes in (layers, memory):
        axes.set_xscale("log")
        axes.set_xlabel("receptive field of the system, seconds", fontsize=11, color=TEXT)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.axvline(PAPERS_SECS, color=TEXT, linewidth=0.8, linestyle="dashed")
        axes.grid(color=GRID, linewidth=0.8)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(which="both", labelsize=11, labelcolor=TEXT)
        axes.legend(frameon=False, fontsize=10, labelcolor=TEXT)
    figure.savefig(path, dpi=150)
