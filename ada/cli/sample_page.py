"""The page of `ada.sample`: clips to listen to, what made them, and the command that does it again.

Everything is inside of the one file.
"""

import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ada.audio import read_audio
from ada.generation.results import PAGE
from ada.pages import page
from ada.pages.share import FILE as SHARED_PAGE
from ada.pages.share import shared

# Heading, and what one hears.
_TITLES = {
    "ancestral": ("New clips", "Music from nothing but what the system has learnt."),
    "primed": (
        "Clips that begin with a prompt",
        "Each begins as the given sound does, then goes its own way.",
    ),
    "continue": ("Continued clips", "The given sound, then what the system makes of its end."),
    "upsample": ("Clips decoded from codes", "What the codes keep, played by the system."),
}
# Clips are inside as WAV while they take at most so long in all; else as MP3, as many as fit.
_WAV_SECS, _MP3_SECS = 200.0, 1200.0


def write_sample_page(
    directory: Path, report: Mapping[str, Any], command: str | None = None
) -> Path:
    """Writes the page of a generation.

    Args:
      directory: of the clips; the page goes there.
      report: what `sample.json` holds.
      command: that makes them again; None for the present one.

    Returns:
      The path of the page.
    """
    most = max(int(_MP3_SECS / report["duration_secs"]), 1)
    compressed = report["duration_secs"] * min(len(report["wavs"]), most) > _WAV_SECS
    words = "On this page the clips are MP3; the files beside it are exact." if compressed else ""
    command = command or _command(sys.argv[1:], report["seed"])
    html = _page(directory, report, report["wavs"][:most], command, words, compressed)
    page.write_page(directory / PAGE, html)
    return directory / PAGE


def write_shared_page(directory: Path, report: Mapping[str, Any]) -> Path:
    """Writes a page of at most 10 MB, with as many clips as that takes, and returns its path.

    No folder of this machine is named in it.
    """
    arguments = [_without_folders(argument) for argument in sys.argv[1:]]
    command = _command([a for a in arguments if a.lstrip("-") != "share"], report["seed"])
    count = len(report["wavs"])
    while True:
        shown = report["wavs"][:count]
        html = shared(_page(directory, report, shown, command, "The clips are MP3."))
        if html is not None or count == 1:
            break
        count //= 2
    path = directory / SHARED_PAGE
    page.write_page(path, html or _page(directory, report, shown, command, "", compressed=True))
    return path


def _page(
    directory: Path,
    report: Mapping[str, Any],
    shown: Sequence[str],
    command: str,
    words: str,
    compressed: bool = False,
) -> str:
    secs, sample_rate = report["duration_secs"], report["sample_rate"]
    paths = [directory / name for name in shown]
    clips = [
        page.Clip(path.stem, read_audio(str(path), sample_rate), sample_rate) for path in paths
    ]
    title, meaning = _TITLES[report["mode"]]
    blocks = [page.text_block(meaning), page.clips_block(clips, compressed)]
    if len(shown) < len(report["wavs"]):
        words += f" {len(report['wavs']) - len(shown)} more are files only."
    if words:
        blocks.append(page.text_block(words))
    sections = [
        ("Listen", blocks),
        ("How they were made", [page.numbers_block(_numbers(report))]),
        ("Make them again", [page.command_block(command)]),
    ]
    count = "1 clip" if len(report["wavs"]) == 1 else f"{len(report['wavs'])} clips"
    subtitle = f"{count} of {secs:g} s, by {', '.join(map(_name, report['run_dirs']))}."
    return page.page(title, subtitle, sections)


def _name(run_dir: str) -> str:
    return Path(run_dir).name or run_dir


def _numbers(report: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Rows of (name, value, what it means)."""
    names = [_name(run["run_dir"]) for run in report["runs"]][-len(report["draws"]) :]
    rows = [("seed", str(report["seed"]), "the same seed gives the same clips")]
    for name, config in zip(names, report["draws"], strict=False):
        rows.append((f"{name}: temperature", f"{config['temperature']:g}", "lower is safer"))
        if config["top_p"] and config["top_p"] < 1:
            meaning = "only the likeliest ids that have this probability together are drawn"
            rows.append((f"{name}: top-p", f"{config['top_p']:g}", meaning))
        if config["top_k"]:
            rows.append((f"{name}: top-k", str(config["top_k"]), "as many likeliest ids are drawn"))
    if report["real_time_factor"] is not None:
        meaning = "seconds of audio in a second, of all clips together; higher is better"
        rows.append(("times real time", f"{report['real_time_factor']:g}", meaning))
    return rows


def _command(arguments: Sequence[str], seed: int) -> str:
    """The command of arguments, with its seed."""
    if not any(argument.lstrip("-").startswith("seed") for argument in arguments):
        arguments = [*arguments, f"--seed={seed}"]
    return f"python -m ada.sample {shlex.join(arguments)}"


def _without_folders(argument: str) -> str:
    """A flag whose paths are the last parts of paths."""
    name, equals, value = argument.rpartition("=")
    parts = (part.rstrip("/").rpartition("/")[2] for part in value.split(","))
    return name + equals + ",".join(parts)
