"""What the demonstration found: numbers, a table in text, and a figure."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tools.motifs.optimum import beat_of, likeliest_notes
from tools.motifs.scoring import Scores
from tools.motifs.source import Source
from tools.tables import aligned

COLOURS = ("#1f6fb4", "#c2570c", "#2a7f4f", "#8a4bb0")
INK, SOFT = "#1b1e22", "#8a9098"

COLUMNS = {
    "parameters": ("parameters", "{:,}"),
    "receptive_field": ("sees, samples", "{:,}"),
    "total_bits": ("bits/sample", "{:.3f}"),
    "code_bits": ("of them codes", "{:.3f}"),
    "first_bits": ("first motif", "{:.3f}"),
    "later_bits": ("repetitions", "{:.3f}"),
    "captured": ("captured", "{:.0%}"),
    "used": ("used", "{:.0%}"),
    "repeated": ("notes repeated", "{:.0%}"),
}
LEGEND = """\
sees           samples back that the top model's receptive field reaches
bits/sample    -log2 p(x), of all levels together; for a chain an upper bound
first motif    the same where a motif is new; repetitions: where it returns
captured       0 %: as good as is possible without memory; 100 %: as the source itself
used           drop from first motif to repetitions, as a share of the drop that is possible
notes repeated generated notes that are those of one lag before"""


def split_bits(source: Source, bits: np.ndarray) -> dict[str, float]:
    """Mean bits `[pieces, piece_steps]`: over all, over first motifs, over repetitions."""
    return {
        "total_bits": float(bits.mean()),
        "first_bits": float(bits[:, : source.lag].mean()),
        "later_bits": float(bits[:, source.lag :].mean()),
    }


def measured(
    source: Source, scores: Scores, local: np.ndarray, full: np.ndarray
) -> dict[str, float | list[float]]:
    """A system's bits against what is possible without memory and with it.

    Args:
      source: what made the pieces.
      scores: of the system.
      local: bits of the optimum without memory, `[pieces, piece_steps]`.
      full: bits of the optimum with memory, the same shape.
    """
    result = split_bits(source, scores.total)
    possible = split_bits(source, full)
    gap = local.mean() - full.mean()
    drop = result["first_bits"] - result["later_bits"]
    return result | {
        "code_bits": float(scores.codes.mean()),
        "captured": float((local.mean() - scores.total.mean()) / gap),
        "used": drop / (possible["first_bits"] - possible["later_bits"]),
        "curve": by_note(source, scores.total),
    }


def by_note(source: Source, bits: np.ndarray) -> list[float]:
    """Mean bits a sample in each note of a piece: `[repetitions * motif_notes]`."""
    return bits.mean(0).reshape(-1, source.note_steps).mean(-1).tolist()


def repeated_notes(source: Source, levels: np.ndarray) -> float:
    """The share of notes that are those of one lag before; real pieces: 1, chance: 1 / num_notes.

    Args:
      source: what the levels should sound like.
      levels: int `[clips, steps]`; each clip is read from where its beat is.
    """
    shares = []
    for clip, beat in zip(levels, beat_of(source, levels), strict=True):
        steps = (len(clip) - beat) // source.note_steps * source.note_steps
        notes = likeliest_notes(source, clip[np.newaxis, beat : beat + steps])[0]
        shares.append(np.mean(notes[source.motif_notes :] == notes[: -source.motif_notes]))
    return float(np.mean(shares))


def table(result: dict[str, Any]) -> str:
    """The numbers as lines of text."""
    rows = [["", *(title for title, _ in COLUMNS.values())]]
    for system in [*result["systems"], *result["optima"]]:
        cells = [form.format(system[k]) if k in system else "" for k, (_, form) in COLUMNS.items()]
        rows.append([system["name"], *cells])
    return "\n".join([*aligned(rows, left=1), "", LEGEND])


def draw(result: dict[str, Any], path: Path) -> None:
    """Writes the figure: bits over the piece, and how well notes come back in generated clips."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.5, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(2.6, 1))
    source = Source(**result["source"])
    for system, colour in zip(result["systems"], COLOURS, strict=False):
        left.plot(*_smooth(system["curve"], source), color=colour, label=system["name"])
    for optimum, dash in zip(result["optima"], ("dotted", "dashed"), strict=True):
        left.plot(
            *_smooth(optimum["curve"], source), color=INK, linestyle=dash, label=optimum["name"]
        )
    left.set(xlabel="times the motif was begun", ylabel="bits a sample, all levels")
    left.set_xticks(range(source.repetitions + 1))
    figure.legend(loc="outside upper left", ncols=5, fontsize=8, frameon=False)
    _bars(right, result["systems"], result["real_repeated"], 1 / source.num_notes)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)


def _smooth(curve: Sequence[float], source: Source) -> tuple[np.ndarray, np.ndarray]:
    """Means over sixths of a motif, which never mix two repetitions, at their middles."""
    parts = [
        part.mean()
        for motif in np.reshape(curve, [source.repetitions, -1])
        for part in np.array_split(motif, min(6, source.motif_notes))
    ]
    x = (np.arange(len(parts)) + 0.5) / len(parts) * source.repetitions
    return x, np.array(parts)


def _bars(axes: Any, systems: Sequence[dict[str, Any]], real: float, chance: float) -> None:
    shares = [system["repeated"] for system in systems]
    bars = axes.bar(range(len(systems)), shares, color=COLOURS[: len(systems)])
    axes.bar_label(bars, [f"{share:.0%}" for share in shares], fontsize=8)
    for share, name in ((real, "real pieces"), (chance, "chance")):
        axes.axhline(share, color=SOFT, linestyle="dashed", linewidth=1)
        axes.annotate(
            name,
            (1, share),
            xycoords=("axes fraction", "data"),
            xytext=(3, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
        )
    axes.set_xticks(
        range(len(systems)), [s["name"].replace(" ", "\n") for s in systems], fontsize=8
    )
    axes.set(ylabel="generated notes that return", ylim=(0, 1.1))
