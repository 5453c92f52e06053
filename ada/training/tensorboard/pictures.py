"""Pictures of a training: spectrograms of clips, codes over time, the health of a codebook."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ada.audio.spectrogram import FLOOR_DB, spectrogram_db

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# TensorBoard shows pictures small: few inches make large text.
WIDTH_INCHES, PANEL_INCHES, DPI = 4.4, 1.7, 200
FONT_POINTS = 8
WINDOW_LENGTH, HOP = 512, 128
USE, DEAD, EQUAL = "#1f6fb4", "#c2570c", "#5a6068"


def spectrograms(clips: Mapping[str, np.ndarray], sample_rate: int) -> np.ndarray:
    """Spectrograms one below the other, in dB below the maximum of all of them.

    Args:
      clips: audio `[samples]` by name.
      sample_rate: Hz.

    Returns:
      uint8 `[height, width, 3]`.
    """
    figure = _figure(len(clips))
    panels = figure.subplots(len(clips), 1, sharex=True, squeeze=False)[:, 0]
    # Computed in one piece, with silence in between, so that all have the same maximum.
    padded = [np.pad(audio, (0, -len(audio) % HOP + WINDOW_LENGTH)) for audio in clips.values()]
    levels = spectrogram_db(np.concatenate(padded), WINDOW_LENGTH, HOP)
    start = 0
    for panel, (name, audio), piece in zip(panels, clips.items(), padded, strict=True):
        level = levels[:, start // HOP : (start + len(audio)) // HOP + 1]
        start += len(piece)
        ends = (0.0, len(audio) / sample_rate, 0.0, sample_rate / 2000)
        shown = {"vmin": FLOOR_DB, "vmax": 0.0, "cmap": "magma", "interpolation": "nearest"}
        drawn = panel.imshow(level, origin="lower", aspect="auto", extent=ends, **shown)
        panel.set_title(name, loc="left", fontsize=FONT_POINTS)
        panel.set_ylabel("kHz")
    panels[-1].set_xlabel("seconds")
    figure.colorbar(drawn, ax=list(panels), label="dB", pad=0.01)
    return _pixels(figure)


def codes_over_time(rows: Mapping[str, np.ndarray], num_codes: Mapping[str, int]) -> np.ndarray:
    """Codes as dots over time, sequences one below the other, all of the same duration.

    Args:
      rows: int codes `[steps]` by name.
      num_codes: by the same names.

    Returns:
      uint8 `[height, width, 3]`.
    """
    figure = _figure(len(rows))
    panels = figure.subplots(len(rows), 1, squeeze=False)[:, 0]
    for panel, (name, codes) in zip(panels, rows.items(), strict=True):
        # A mark as wide as its step, so that few codes are seen as well as many.
        panel.hlines(codes, np.arange(len(codes)), np.arange(len(codes)) + 1, USE, linewidth=1.5)
        panel.set_title(name, loc="left", fontsize=FONT_POINTS)
        panel.set_ylabel("code")
        panel.set_xlim(0, len(codes))
        panel.set_ylim(-0.5, num_codes[name] - 0.5)
        panel.grid(alpha=0.3)
    panels[-1].set_xlabel("step")
    return _pixels(figure)


def codebook_health(share: np.ndarray, ages: np.ndarray, window_steps: int) -> np.ndarray:
    """Use of every code, most used first, and below it the steps since its last use.

    Args:
      share: of each code over the long window, `[num_codes]`, not all zero.
      ages: steps since its last use, `[num_codes]`.
      window_steps: the age from which a code counts as unused.

    Returns:
      uint8 `[height, width, 3]`.
    """
    order = np.lexsort((ages, -share))
    multiples = share[order] / share.sum() * len(share)
    ages, dead = ages[order], ages[order] >= window_steps
    edges = np.arange(len(share) + 1)
    figure = _figure(2)
    use, age = figure.subplots(2, 1, sharex=True)
    # The share of a code that died fades, but never ends: a thousandth of equal use is the floor.
    use.stairs(np.maximum(multiples, 1e-3), edges, baseline=1e-3, fill=True, color=USE)
    use.axhline(1.0, color=EQUAL, linestyle="dashed", label="equal use")
    use.set_yscale("log")
    use.set_ylim(1e-3, max(multiples[0], 1.0) * 1.5)
    use.set_ylabel("times equal use")
    use.legend(loc="upper right", fontsize=FONT_POINTS - 1)
    for mask, colour, name in ((~dead, USE, "in use"), (dead, DEAD, f"unused ({dead.sum()})")):
        age.stairs(
            np.where(mask, np.maximum(ages, 0.7), 0.5), edges, baseline=0.5, fill=True, color=colour
        )
        age.plot([], [], color=colour, linewidth=6, label=name)
    age.axhline(window_steps, color=EQUAL, linestyle="dashed", label=f"{window_steps} steps")
    age.set_yscale("log")
    age.set_ylim(0.5, max(ages.max(), window_steps) * 20.0)  # room for the legend
    age.set_ylabel("steps unused")
    age.set_xlabel("codes, most used first")
    age.legend(loc="upper left", fontsize=FONT_POINTS - 1, ncols=3)
    age.set_xlim(0, len(share))
    return _pixels(figure)


def _figure(panels: int) -> "Figure":
    from matplotlib.figure import Figure

    return Figure((WIDTH_INCHES, PANEL_INCHES * panels), dpi=DPI, layout="constrained")


def _pixels(figure: "Figure") -> np.ndarray:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    for panel in figure.axes:
        panel.tick_params(labelsize=FONT_POINTS - 1)
        for label in (panel.xaxis.label, panel.yaxis.label):
            label.set_fontsize(FONT_POINTS)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
