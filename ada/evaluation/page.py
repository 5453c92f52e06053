"""Building blocks of a self-contained HTML page: nothing on it is fetched from anywhere."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np

from ada.audio import wav_bytes
from ada.audio.spectrogram import spectrogram_png
from ada.data.spec import write_text_atomically
from ada.evaluation.charts import Curve, curves_svg, usage_svg

STYLE = """
:root { color-scheme: light dark; --ink: #1d232b; --soft: #5d6672; --page: #f6f7f9;
  --card: #ffffff; --line: #e0e4ea; --accent: #2f7ed8; }
@media (prefers-color-scheme: dark) { :root { --ink: #e7eaee; --soft: #a0a8b4;
  --page: #14171b; --card: #1d2127; --line: #30363f; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 68rem; padding: 2rem 1.1rem 4rem; background: var(--page);
  color: var(--ink); font: 1rem/1.55 system-ui, sans-serif; }
h1 { font-size: 2rem; line-height: 1.15; margin: 0 0 .3rem; }
h2 { font-size: 1.25rem; margin: 2.6rem 0 .9rem; }
h3 { font-size: 1rem; margin: 0 0 .5rem; font-weight: 600; }
p.subtitle, footer, .caption, td.meaning { color: var(--soft); }
p.subtitle { margin: 0; font-size: 1.05rem; }
.grid { display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fill, minmax(min(24rem, 100%), 1fr)); }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .7rem;
  padding: 1rem; min-width: 0; margin: 0; }
.card img { width: 100%; height: 8rem; object-fit: fill; border-radius: .4rem; display: block;
  image-rendering: auto; background: #000; }
.card audio { width: 100%; margin: .7rem 0 0; display: block; }
.card svg { width: 100%; max-width: 36rem; height: auto; display: block; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; background: var(--card); border-radius: .7rem; }
td, th { padding: .5rem .8rem; text-align: left; border-bottom: 1px solid var(--line);
  vertical-align: top; }
tr:last-child td { border-bottom: 0; }
td.value { font-variant-numeric: tabular-nums; font-weight: 650; text-align: right;
  white-space: nowrap; }
footer { margin-top: 3rem; font-size: .9rem; }
@media (max-width: 40rem) { body { padding-top: 1.2rem; } td.meaning { font-size: .88rem; }
  td, th { padding: .45rem .5rem; } }
"""

# One player at a time: starting one pauses the others.
SCRIPT = """
document.addEventListener("play", (event) => {
  for (const other of document.querySelectorAll("audio")) {
    if (other !== event.target) other.pause();
  }
}, true);
"""


@dataclass(frozen=True)
class Clip:
    """A clip to listen to: audio `[samples]` in [-1, 1]."""

    title: str
    audio: np.ndarray
    sample_rate: int
    caption: str = ""


def clips_block(clips: Sequence[Clip]) -> str:
    """Cards with a spectrogram and a player."""
    return f'<div class="grid">{"".join(_card(clip) for clip in clips)}</div>'


def _card(clip: Clip) -> str:
    picture = _data_uri("image/png", spectrogram_png(clip.audio))
    sound = _data_uri("audio/wav", wav_bytes(clip.audio, clip.sample_rate))
    title = escape(clip.title)
    caption = f'<p class="caption">{escape(clip.caption)}</p>' if clip.caption else ""
    return (
        f'<figure class="card"><h3>{title}</h3>'
        f'<img src="{picture}" alt="Spectrogram of {title}">'
        f'<audio controls preload="metadata" aria-label="{title}" src="{sound}"></audio>'
        f"{caption}</figure>"
    )


def _data_uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def numbers_block(rows: Sequence[tuple[str, str, str]]) -> str:
    """A table of (name, value, what it means)."""
    lines = (
        f'<tr><td>{escape(name)}</td><td class="value">{escape(value)}</td>'
        f'<td class="meaning">{escape(meaning)}</td></tr>'
        for name, value, meaning in rows
    )
    return f'<div class="scroll"><table>{"".join(lines)}</table></div>'


def curves_block(title: str, curves: Sequence[Curve], x_label: str, y_label: str) -> str:
    """A card with a line chart."""
    return _chart(title, curves_svg(curves, x_label, y_label))


def usage_block(title: str, usage: np.ndarray) -> str:
    """A card with the histogram of code use, `[num_codes]`, most used first."""
    return _chart(title, usage_svg(usage))


def _chart(title: str, svg: str) -> str:
    label = escape(title)
    return f'<figure class="card" role="img" aria-label="{label}"><h3>{label}</h3>{svg}</figure>'


def page(
    title: str, subtitle: str, sections: Sequence[tuple[str, Sequence[str]]], footer: str = ""
) -> str:
    """The whole document from sections of (heading, blocks)."""
    parts = []
    for heading, blocks in sections:
        body = "".join(blocks)
        if len(blocks) > 1:
            body = f'<div class="grid">{body}</div>'
        parts.append(f"<section><h2>{escape(heading)}</h2>{body}</section>")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>"
        f'<header><h1>{escape(title)}</h1><p class="subtitle">{escape(subtitle)}</p></header>'
        f"<main>{''.join(parts)}</main><footer>{escape(footer)}</footer>"
        f"<script>{SCRIPT}</script></body></html>\n"
    )


def write_page(path: str | Path, html: str) -> None:
    """Writes a document atomically."""
    write_text_atomically(str(path), html)
