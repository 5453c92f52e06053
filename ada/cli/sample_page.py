"""The page of `ada.sample`: clips to listen to, what made them, and the command that does it again.

Everything is inside of the one file, so that it can be mailed.
"""

import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import ada
from ada.audio import read_audio
from ada.audio.writing import MP3_RATES
from ada.generation.results import PAGE
from ada.pages import page

_TITLES = {
    "ancestral": "New clips",
    "primed": "Clips that begin with a prompt",
    "continue": "Continued clips",
    "upsample": "Clips decoded from codes",
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
    secs, sample_rate = report["duration_secs"], report["sample_rate"]
    shown = report["wavs"][: max(int(_MP3_SECS / secs), 1)]
    paths = [directory / name for name in shown]
    clips = [
        page.Clip(path.stem.replace("_", " "), read_audio(str(path), sample_rate), sample_rate)
        for path in paths
    ]
    compressed = secs * len(clips) > _WAV_SECS and sample_rate in MP3_RATES
    blocks = [page.clips_block(clips, compressed)]
    if compressed:
        blocks.append(page.text_block("On this page the clips are MP3; the WAV files are exact."))
    if len(shown) < len(report["wavs"]):
        blocks.append(page.text_block(f"{len(report['wavs']) - len(shown)} more are files only."))
    sections = [
        ("Listen", blocks),
        ("How they were made", [page.numbers_block(_numbers(report))]),
        ("Make them again", [page.command_block(command or _command(report["seed"]))]),
    ]
    count = "1 clip" if len(report["wavs"]) == 1 else f"{len(report['wavs'])} clips"
    subtitle = f"{count} of {secs:g} s, by {', '.join(map(_name, report['run_dirs']))}."
    html = page.page(_TITLES[report["mode"]], subtitle, sections, f"Made by ada {ada.__version__}.")
    page.write_page(directory / PAGE, html)
    return directory / PAGE


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


def _command(seed: int) -> str:
    """The present command, with its seed."""
    arguments: Sequence[str] = sys.argv[1:]
    if not any(argument.lstrip("-").startswith("seed") for argument in arguments):
        arguments = [*arguments, f"--seed={seed}"]
    return f"python -m ada.sample {shlex.join(arguments)}"
