"""The folder that `tools.samples` makes: clips of pretrained systems, and pages of them."""

import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import soundfile
from matplotlib.figure import Figure
from PIL import Image

from ada import pretrained
from ada.audio import encoded_bytes, read_audio
from ada.audio.fades import faded
from ada.audio.spectrogram import spectrogram_db
from ada.generation import level_sampling, modes
from ada.generation.clips import make_clips, settings_of
from ada.generation.prompts import read_prompt
from ada.pages import page
from ada.runs.chain import Chain
from ada.utils.files import write_bytes_atomically

PICTURE = "picture.png"
REAL = "real"
TITLES = {
    "upsample": "Through the codes",
    "continue": "Continued",
    "ancestral": "New",
}
WORDS = {
    "upsample": "The music above, as the system's codes keep it.",
    "continue": "It begins with the first half of the music above; the rest is the system's.",
    "ancestral": "Music from nothing.",
}


class Samples(NamedTuple):
    """The clips of a system.

    Attributes:
      name: of the system.
      licence: of its weights, and so of its clips.
      clips: file names in the system's folder, by mode.
    """

    name: str
    licence: str
    clips: dict[str, list[str]]


def write_real(music: Sequence[str], secs: float, folder: Path) -> list[str]:
    """Writes the beginning of each piece; returns the names of the files."""
    rate, names = 16000, []
    for path in music:
        audio = faded(read_audio(path, rate)[: round(secs * rate)], rate)
        names.append(f"{Path(path).stem}.mp3")
        write_bytes_atomically(folder / names[-1], encoded_bytes(audio, rate, "mp3"))
    return names


def sample_system(
    name: str, music: Sequence[str], secs: float, seed: int, folder: Path, work: Path
) -> Samples:
    """Makes the clips of a pretrained system, sampled by its defaults.

    Args:
      name: of the system.
      music: files to reconstruct and to continue.
      secs: length of a clip.
      seed: of the random numbers.
      folder: of the clips.
      work: for what is left over.
    """
    chain = Chain.open(pretrained.run_dirs(name))
    values = level_sampling.resolve(chain.run_dirs, level_sampling.SamplingFlags())
    configs = level_sampling.configs(values, seed)
    folder.mkdir(parents=True)
    clips = {}
    for mode, request, given in _requests(chain, music, secs):
        used = configs[-len(request.chain.runs) :]
        settings = settings_of(request, used, mode=mode, given=given, run_dirs=[name], form="mp3")
        report = make_clips(work / mode, request, used, settings, progress=True)
        for clip in report["wavs"]:
            (work / mode / clip).rename(folder / clip)
        clips[mode] = report["wavs"]
    return Samples(name, _licence(name), clips)


def _requests(
    chain: Chain, music: Sequence[str], secs: float
) -> list[tuple[str, modes.Request, dict[str, Any]]]:
    """Mode, request and what is given, of all clips of a system."""
    info, indices = chain.runs[-1].info, range(len(music))
    whole = {path: read_prompt(path, info, secs) for path in music}
    half = {path: ids[: len(ids) // 2] for path, ids in whole.items()}
    given = {"prompt_audio": dict.fromkeys(music, secs)}
    found = []
    if len(chain.runs) > 1:
        found.append(("upsample", modes.upsampled_audio(chain, whole, indices), given))
    found.append(("continue", modes.continued(chain, half, indices, secs / 2), given))
    found.append(("ancestral", modes.ancestral(chain, indices, secs), {}))
    return found


def _licence(name: str) -> str:
    """The licence of the weights of a pretrained system, as its card has it."""
    card = Path(pretrained.run_dirs(name)[0]).parent / pretrained.CARD
    return re.search(r"weights are given under[^[]*\[([^\]]+)\]", card.read_text("utf-8"))[1]


def write_pages(root: Path, real: Sequence[str], made: Sequence[Samples], command: str) -> None:
    """Writes `index.html`, `README.md` for GitHub, and the picture of the project's README."""
    parts = [("Real music", REAL, "Public domain; no system was trained on it.", {"": real})]
    for system in made:
        words = f"Licence of the weights and of these clips: {system.licence}."
        parts.append((system.name, system.name, words, system.clips))
    sections, lines = [], []
    for title, folder, words, clips in parts:
        blocks = [page.text_block(words)]
        lines += [f"## {title}", "", words, ""]
        for mode, names in clips.items():
            if mode:
                blocks.append(page.text_block(f"{TITLES[mode]}. {WORDS[mode]}"))
            blocks.append(page.clips_block([_clip(root, folder, name) for name in names]))
            links = ", ".join(f"[{Path(name).stem}]({folder}/{name})" for name in names)
            lines.append(f"- {TITLES[mode] if mode else 'Music'}: {links}")
        lines.append("")
        sections.append((title, blocks))
    subtitle = "Every system that comes with ada: small ones, trained on two processor cores."
    footer = f"Made by {command}."
    page.write_page(root / "index.html", page.page("Samples", subtitle, sections, footer, True))
    head = ["# Samples", "", f"{subtitle} [index.html](index.html) is a page with players.", ""]
    text = "\n".join([*head, f"![{ALT}]({PICTURE})", "", *lines, footer, ""])
    write_bytes_atomically(root / "README.md", text.encode())
    write_bytes_atomically(root / PICTURE, picture(root, real[0], made))


ALT = (
    "Spectrograms of real piano music, of the same through the codes of a system, and of new music"
)


def picture(root: Path, real: str, made: Sequence[Samples]) -> bytes:
    """A PNG: spectrograms of real music, through the codes, and new, of the system that holds notes
    or of the first that has codes.
    """
    with_codes = [system for system in made if "upsample" in system.clips]
    system = next((one for one in with_codes if "notes" in one.name), with_codes[0])
    rows = [
        ("Real music", Path(REAL) / real),
        (f"Through the codes of {system.name}", Path(system.name) / system.clips["upsample"][0]),
        (f"New, by {system.name}", Path(system.name) / system.clips["ancestral"][0]),
    ]
    figure = Figure(figsize=(9, 4.2), layout="constrained", facecolor="white")
    for axes, (title, path) in zip(figure.subplots(len(rows), 1, sharex=True), rows, strict=True):
        audio, rate = _read(root / path)
        secs = len(audio) / rate
        level = spectrogram_db(audio)
        axes.imshow(
            level, origin="lower", aspect="auto", cmap="magma", extent=(0, secs, 0, rate / 2000)
        )
        axes.set_title(title, loc="left", fontsize=10)
        axes.set_ylim(0, min(4.0, rate / 2000))
        axes.set_ylabel("kHz")
    axes.set_xlabel("seconds")
    drawn, small = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", dpi=90)
    Image.open(drawn).convert("RGB").quantize(32).save(small, format="png", optimize=True)
    return small.getvalue()


def _clip(root: Path, folder: str, name: str) -> Any:

    audio, rate = _read(root / folder / name)
    return page.Clip(Path(name).stem, audio, rate, file=f"{folder}/{name}")


def _read(path: Path) -> tuple[np.ndarray, int]:
    return soundfile.read(path, dtype="float32")
