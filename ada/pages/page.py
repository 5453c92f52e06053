"""Building blocks of a self-contained HTML page: nothing on it is fetched from anywhere.

A block is a string of HTML; `page` sets blocks into sections. All text is escaped.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np

from ada.audio import wav_bytes
from ada.audio.spectrogram import spectrogram_png
from ada.pages.charts import Curve, curves_block, usage_block
from ada.utils.files import write_bytes_atomically

__all__ = [
    "Clip",
    "Curve",
    "clips_block",
    "curves_block",
    "numbers_block",
    "page",
    "table_block",
    "text_block",
    "usage_block",
    "write_page",
]


@dataclass(frozen=True)
class Clip:
    """A clip to listen to: audio `[samples]` in [-1, 1], and HTML of its piano roll if it has one
    (`ada.evaluation.piano_roll`).
    """

    title: str
    audio: np.ndarray
    sample_rate: int
    caption: str = ""
    roll: str = ""


def clips_block(clips: Sequence[Clip]) -> str:
    """Cards with a spectrogram, a player and a caption, side by side where there is room."""
    if not clips:
        return text_block("There are no clips.")
    return f'<div class="clips">{"".join(_card(clip) for clip in clips)}</div>'


def _card(clip: Clip) -> str:
    sound = _data_uri("audio/wav", wav_bytes(clip.audio, clip.sample_rate))
    picture = _data_uri("image/png", spectrogram_png(clip.audio))
    title = escape(clip.title)
    top = f"{clip.sample_rate / 2000:g} kHz"
    caption = f'<p class="caption">{escape(clip.caption)}</p>' if clip.caption else ""
    return (
        f'<article class="card clip"><header><h3>{title}</h3>'
        f"<span>{len(clip.audio) / clip.sample_rate:.1f} s</span></header>"
        f'<div class="spectrogram"><img src="{picture}" alt="Spectrogram of {title}, 0 to {top}">'
        f'<span aria-hidden="true">{top}</span></div>{clip.roll}'
        f'<audio controls preload="metadata" aria-label="{title}" src="{sound}"></audio>'
        f"{caption}</article>"
    )


def _data_uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def numbers_block(rows: Sequence[tuple[str, str, str]]) -> str:
    """A list of (name, value, what it means)."""
    lines = (
        f'<div><dt>{escape(name)}</dt><dd class="value">{escape(value)}</dd>'
        f'<dd class="meaning">{escape(meaning)}</dd></div>'
        for name, value, meaning in rows
    )
    return f'<dl class="card numbers">{"".join(lines)}</dl>'


def table_block(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table whose rows are named by their first cell; columns of numbers are right-aligned.

    Raises:
      ValueError: a row has not as many cells as the header.
    """
    for row in rows:
        if len(row) != len(header):
            raise ValueError(f"table_block: a row has {len(row)} cells, the header {len(header)}.")
    numeric = [bool(rows) and all(_is_number(row[k]) for row in rows) for k in range(len(header))]
    kinds = [' class="number"' if is_number else "" for is_number in numeric]

    def line(cells: Sequence[object], tags: Sequence[str]) -> str:
        parts = zip(cells, tags, kinds, strict=True)
        cells = (
            f"<{tag}{kind}>{escape(str(cell))}</{tag.split()[0]}>" for cell, tag, kind in parts
        )
        return f"<tr>{''.join(cells)}</tr>"

    head = line(header, ['th scope="col"'] * len(header))
    names = ['th scope="row"', *["td"] * (len(header) - 1)]
    body = "".join(line(row, names) for row in rows)
    label = escape("Table: " + ", ".join(header))
    # Wide tables scroll by themselves; what scrolls must be reachable by keyboard.
    return (
        f'<div class="card table" role="region" tabindex="0" aria-label="{label}">'
        f"<table><thead>{head}</thead><tbody>{body}</tbody></table></div>"
    )


def _is_number(cell: object) -> bool:
    try:
        float(str(cell).rstrip("%×"))
    except ValueError:
        return False
    return True


def text_block(text: str) -> str:
    """Paragraphs, divided by blank lines."""
    paragraphs = (part.strip() for part in text.split("\n\n"))
    return f'<div class="text">{"".join(f"<p>{escape(p)}</p>" for p in paragraphs if p)}</div>'


def page(
    title: str, subtitle: str, sections: Sequence[tuple[str, Sequence[str]]], footer: str = ""
) -> str:
    """The whole document.

    Args:
      title: of the page.
      subtitle: one sentence below it.
      sections: of (heading, blocks), in the order of reading. Charts that follow each other stand
        side by side where there is room.
      footer: a last line.
    """
    links, parts = [], []
    for number, (heading, blocks) in enumerate(sections, start=1):
        heading = escape(heading)
        links.append(f'<li><a href="#section-{number}">{heading}</a></li>')
        parts.append(
            f'<section id="section-{number}"><h2>{heading}</h2>{"".join(blocks)}</section>'
        )
    contents = f'<nav aria-label="Contents"><ul>{"".join(links)}</ul></nav>'
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>"
        f'<header class="top"><h1>{escape(title)}</h1><p>{escape(subtitle)}</p>'
        f"{contents if len(links) > 2 else ''}</header>"
        f"<main>{''.join(parts)}</main>"
        f"{f'<footer><p>{escape(footer)}</p></footer>' if footer else ''}"
        f"<script>{SCRIPT}</script></body></html>\n"
    )


def write_page(path: str | Path, html: str) -> None:
    """Writes a document, whole or not at all. Parent directories are made."""
    write_bytes_atomically(path, html.encode("utf-8"))


# The browser itself sees to it that nothing is fetched.
POLICY = (
    "default-src 'none'; img-src data:; media-src data:; "
    "style-src 'unsafe-inline'; script-src 'unsafe-inline'"
)

# --soft on --paper and on --card has a contrast of at least 5:1 in both schemes, lines of charts
# at least 3:1. The light colours of curves are those that charts.py falls back to.
STYLE = """
:root { color-scheme: light dark; --ink: #1b1e22; --soft: #5a6068; --paper: #f6f6f4;
  --card: #ffffff; --line: #dcdedf; --accent: #1a5f9c; }
@media (prefers-color-scheme: dark) { :root { --ink: #e9eaec; --soft: #a4abb5; --paper: #121417;
  --card: #1b1e22; --line: #32363c; --accent: #7db8ee; --curve-1: #6aaeea; --curve-2: #f0924c;
  --curve-3: #63c08b; --curve-4: #c590e6; } }
*, ::before, ::after { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-behavior: smooth; }
body { margin: 0 auto; max-width: 70rem; padding: 3rem 1.5rem 4rem; background: var(--paper);
  color: var(--ink); font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
  overflow-wrap: anywhere; }
h1 { margin: 0; font-size: clamp(1.9rem, 5vw, 2.7rem); line-height: 1.1; letter-spacing: -.02em; }
h2 { margin: 0 0 .2rem; font-size: 1.35rem; line-height: 1.25; letter-spacing: -.01em; }
h3 { margin: 0; font-size: 1rem; line-height: 1.4; font-weight: 600; }
p { margin: 0; }
.top > p { margin-top: .6rem; max-width: 52rem; font-size: 1.1rem; color: var(--soft); }
nav ul { display: flex; flex-wrap: wrap; gap: .3rem 1.4rem; margin: 1.2rem 0 0; padding: 0;
  list-style: none; }
nav a { display: inline-block; padding: .25rem 0; color: var(--accent);
  text-underline-offset: .25em; text-decoration-thickness: 1px; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
section { display: grid; gap: 1rem; margin-top: 3rem; scroll-margin-top: 1rem;
  grid-template-columns: repeat(auto-fill, minmax(min(20rem, 100%), 1fr)); }
section > * { grid-column: 1 / -1; min-width: 0; }
section > .chart { grid-column: auto; }
section > .chart:only-of-type { grid-column: 1 / -1; }
.text { max-width: 44rem; }
.text p + p { margin-top: .8rem; }
.caption { color: var(--soft); font-size: .92rem; }
.card { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: 12px; }
.clips { display: grid; gap: 0 1rem; margin-bottom: -1rem;
  grid-template-columns: repeat(auto-fill, minmax(min(24rem, 100%), 1fr)); }
.clip { display: grid; grid-row: span 5; grid-template-rows: subgrid; margin-bottom: 1rem;
  overflow: hidden; }
.clip header { display: flex; justify-content: space-between; align-items: baseline; gap: 1rem;
  padding: .75rem 1rem; }
.clip header span { color: var(--soft); font-size: .9rem; white-space: nowrap; }
.spectrogram, .roll { position: relative; overflow: hidden; cursor: pointer; }
.spectrogram { height: 9rem; background: #000004; }
.spectrogram img { display: block; width: 100%; height: 100%; object-fit: fill; }
.spectrogram span { position: absolute; top: .35rem; left: .5rem; padding: 0 .4rem;
  border-radius: 4px; background: #000a; color: #fff; font-size: .75rem; }
.spectrogram::after, .roll::after { content: ""; position: absolute; top: 0; bottom: 0;
  width: 2px; left: calc(var(--played, -1) * 100%); background: #fff; box-shadow: 0 0 3px #000; }
.roll { height: 8.4rem; padding-top: 1.6rem; border-bottom: 1px solid var(--line); }
.roll::after { background: var(--ink); box-shadow: none; }
.roll svg { display: block; width: 100%; height: 100%; fill: var(--curve-1, #1f6fb4); }
.roll .octaves { fill: none; stroke: var(--line); vector-effect: non-scaling-stroke; }
.roll span { position: absolute; top: .3rem; left: .5rem; padding: 0 .4rem; border-radius: 4px;
  background: var(--card); color: var(--soft); font-size: .75rem; }
.clip audio { display: block; width: calc(100% - 1.5rem); margin: .75rem; }
.clip .caption { padding: 0 1rem .9rem; }
.numbers { padding: .4rem 1.1rem; }
.numbers div { display: grid; grid-template-columns: 11rem 7rem 1fr; gap: 0 1.5rem;
  align-items: baseline; padding: .6rem 0; }
.numbers div + div, tbody tr { border-top: 1px solid var(--line); }
.numbers dd { margin: 0; }
.value, .number { text-align: right; font-variant-numeric: tabular-nums; }
.value { font-weight: 650; white-space: nowrap; }
.meaning { color: var(--soft); }
.table { overflow-x: auto; overflow-wrap: normal; padding: .3rem 1.1rem; }
table { border-collapse: collapse; width: 100%; }
td, th { padding: .6rem 1.5rem .6rem 0; text-align: left; vertical-align: baseline; }
td:last-child, th:last-child { padding-right: 0; }
th.number { text-align: right; }
thead th { color: var(--soft); font-size: .9rem; font-weight: 500; white-space: nowrap; }
tbody th { font-weight: 500; }
.chart { display: flex; flex-wrap: wrap; align-items: center; align-content: flex-start;
  gap: .6rem 2rem; padding: .9rem 1rem 1rem; }
.chart figcaption { flex: 1 0 100%; }
.chart svg { flex: 1 1 18rem; min-width: 0; width: 100%; max-width: 27rem; height: auto; }
.chart ul { display: flex; flex: 1 1 10rem; flex-wrap: wrap; gap: .2rem 1.4rem; margin: 0;
  padding: 0; list-style: none; color: var(--soft); font-size: .92rem; }
.chart li i { display: inline-block; width: 1.6em; margin-right: .5em; vertical-align: .25em; }
.chart strong { color: var(--ink); font-variant-numeric: tabular-nums; }
footer { margin-top: 3.5rem; padding-top: 1rem; border-top: 1px solid var(--line);
  color: var(--soft); font-size: .92rem; }
@media (max-width: 44rem) {
  body { padding: 1.6rem 1rem 3rem; }
  section { margin-top: 2.2rem; }
  .numbers div { grid-template-columns: 1fr auto; }
  .meaning { grid-column: 1 / -1; font-size: .92rem; }
}
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
@media print { .card { break-inside: avoid; } audio, nav { display: none !important; } }
"""

# One player at a time; a line runs over spectrogram and piano roll, and a click plays from there.
SCRIPT = """
for (const clip of document.querySelectorAll(".clip")) {
  const audio = clip.querySelector("audio");
  const show = () => clip.style.setProperty("--played", audio.currentTime / audio.duration || 0);
  const follow = () => { show(); if (!audio.paused) requestAnimationFrame(follow); };
  audio.addEventListener("seeked", show);
  audio.addEventListener("play", () => {
    for (const other of document.querySelectorAll("audio")) if (other !== audio) other.pause();
    follow();
  });
  for (const view of clip.querySelectorAll(".spectrogram, .roll")) {
    view.addEventListener("click", (event) => {
      const box = view.getBoundingClientRect();
      audio.currentTime = (event.clientX - box.left) / box.width * (audio.duration || 0);
      audio.play();
    });
  }
}
"""
