"""Building blocks of a self-contained HTML page: nothing on it is fetched from anywhere.

A block is a string of HTML; `page` sets blocks into sections. The HTML is in `templates/`.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import ada
from ada.audio import encoded_bytes
from ada.audio.spectrogram import spectrogram_png
from ada.pages import jinja
from ada.pages.charts import Curve, curves_block, usage_block
from ada.utils.files import write_bytes_atomically

__all__ = [
    "Clip",
    "Curve",
    "clips_block",
    "command_block",
    "curves_block",
    "details_block",
    "numbers_block",
    "page",
    "table_block",
    "text_block",
    "usage_block",
    "warning_block",
    "write_page",
]


@dataclass(frozen=True)
class Clip:
    """A clip to listen to.

    Attributes:
      title: of its card.
      audio: `[samples]` in [-1, 1].
      sample_rate: in Hz.
      caption: what is said below it.
      roll: HTML of its piano roll (`ada.evaluation.piano_roll`).
      file: where its sound is, relative to the page; by default it is inside of the page.
    """

    title: str
    audio: np.ndarray
    sample_rate: int
    caption: str = ""
    roll: str = ""
    file: str = ""


def clips_block(clips: Sequence[Clip], compressed: bool = False) -> str:
    """Cards with a spectrogram, a player and a caption, side by side where there is room.

    Args:
      clips: to listen to.
      compressed: MP3 instead of WAV, about a quarter of the bytes.
    """
    if not clips:
        return text_block("There are no clips.")
    return jinja.block("clips", [_card(clip, compressed) for clip in clips])


def _card(clip: Clip, compressed: bool) -> dict[str, object]:
    form, kind = ("mp3", "audio/mpeg") if compressed else ("wav", "audio/wav")
    sound = clip.file or _data_uri(kind, encoded_bytes(clip.audio, clip.sample_rate, form))
    return {
        "title": clip.title,
        "secs": len(clip.audio) / clip.sample_rate,
        "picture": _data_uri("image/png", spectrogram_png(clip.audio)),
        "top": f"{clip.sample_rate / 2000:g} kHz",
        "roll": clip.roll,
        "sound": sound,
        "caption": clip.caption,
    }


def _data_uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def numbers_block(rows: Sequence[tuple[str, str, str]]) -> str:
    """A list of (name, value, what it means)."""
    return jinja.block("numbers", rows)


def table_block(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table whose rows are named by their first cell; columns of numbers are right-aligned.

    Raises:
      ValueError: a row has not as many cells as the header.
    """
    for row in rows:
        if len(row) != len(header):
            raise ValueError(f"table_block: a row has {len(row)} cells, the header {len(header)}.")
    numeric = [bool(rows) and all(_is_number(row[k]) for row in rows) for k in range(len(header))]
    return jinja.block("table", header, rows, numeric)


def _is_number(cell: object) -> bool:
    try:
        float(str(cell).rstrip("%×"))
    except ValueError:
        return False
    return True


def command_block(text: str) -> str:
    """A command to copy."""
    return jinja.block("command", text)


def text_block(text: str) -> str:
    """Paragraphs, divided by blank lines."""
    return jinja.block("text", _paragraphs(text))


def details_block(summary: str, text: str) -> str:
    """Paragraphs that are shown on request."""
    return jinja.block("details", summary, _paragraphs(text))


def warning_block(lines: Sequence[str]) -> str:
    """Warnings, to stand above what they concern; nothing if there are none."""
    return jinja.block("warning", lines) if lines else ""


def _paragraphs(text: str) -> list[str]:
    return [part.strip() for part in text.split("\n\n") if part.strip()]


def page(
    title: str,
    subtitle: str,
    sections: Sequence[tuple[str, Sequence[str]]],
    footer: str = f"Made by ada {ada.__version__}.",
    has_files: bool = False,
) -> str:
    """The whole document.

    Args:
      title: of the page.
      subtitle: one sentence below it.
      sections: of (heading, blocks), in the order of reading. Charts that follow each other stand
        side by side where there is room.
      footer: the last line.
      has_files: whether clips are files beside the page.
    """
    sources = "'self' file:" if has_files else "data:"
    return jinja.document(
        title=title, subtitle=subtitle, sections=sections, footer=footer, sound_sources=sources
    )


def write_page(path: str | Path, html: str) -> None:
    """Writes a document, whole or not at all. Parent directories are made."""
    write_bytes_atomically(path, html.encode("utf-8"))
