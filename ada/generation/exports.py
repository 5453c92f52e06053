"""Names of clips, such as `moonlight-continued-seed7.flac`, and their final files."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ada.audio import encoded_bytes, read_audio
from ada.audio.loudness import normalized
from ada.utils.files import write_bytes_atomically

FORMATS = ("wav", "flac", "mp3")
_MOST_LETTERS = 40  # of the source in the name of a clip
# Names by earlier versions: sample_000.wav.
_NAME = re.compile(rf"(sample_\d+|\w[\w.-]*-seed\d+(-\d+)?)\.({'|'.join(FORMATS)})")


def clip_stem(mode: str, source: str, seed: int, levels: int = 0) -> str:
    """The name of a clip without its ending.

    Args:
      mode: the mode of sampling.
      source: name of the prompt or codes; for a new clip, of the system.
      seed: random seed.
      levels: number of levels of codes that a prompt is encoded to; 0 for given codes.
    """
    translated = f"translated-{levels}" if levels else "decoded"
    words = {"ancestral": "new", "continue": "continued", "primed": "varied"}
    of = re.sub(r"[^\w.-]+", "-", source)[:_MOST_LETTERS].strip(".-")
    return f"{of or 'clip'}-{words.get(mode, translated)}-seed{seed}"


def clip_names(settings: Mapping[str, Any], form: str = "wav") -> list[str]:
    """The names of the files of a generation.

    Args:
      settings: "mode", "given", "run_dirs", "runs", "clips" and "seed" (`clips.settings_of`).
      form: one of `FORMATS`.

    Returns:
      A name per clip, which ends with the clip's index unless clip 0 is the only one.
    """
    prompts = settings["given"].get("prompt_audio")
    sources = [Path(path).stem for path in prompts or ()] or [_source(settings)]
    levels = len(settings["runs"]) if prompts else 0
    alone = list(settings["clips"]) == [0]
    names = []
    for index in settings["clips"]:
        source = sources[index % len(sources)]
        stem = clip_stem(settings["mode"], source, settings["seed"], levels)
        names.append(f"{stem}{'' if alone else f'-{index:03d}'}.{form}")
    return names


def _source(settings: Mapping[str, Any]) -> str:
    """Name of the source of clips without a prompt: codes, an earlier generation, or the system."""
    given = settings["given"]
    if "codes" in given:
        path = Path(given["codes"]).resolve()
        return path.parent.name if path.stem == "codes" else path.stem
    return Path(given.get("from_dir", settings["run_dirs"][0])).resolve().name


def is_clip_name(name: object) -> bool:
    """Whether a value from a report is the name of a clip in the report's own directory."""
    return isinstance(name, str) and _NAME.fullmatch(name) is not None


def growing(name: str) -> str:
    """The WAV file to which a clip is written during generation."""
    return str(Path(name).with_suffix(".wav"))


def export(directory: Path, names: Sequence[str], sample_rate: int, normalize: bool) -> None:
    """Converts the WAV files of finished clips to the requested files.

    Args:
      directory: of both.
      names: of the files to make.
      sample_rate: in Hz.
      normalize: whether to bring each clip to -23 LUFS (EBU R 128).
    """
    for name in names:
        grown = directory / growing(name)
        if not normalize and name == grown.name:
            continue
        audio = read_audio(str(grown), sample_rate)
        audio = normalized(audio, sample_rate) if normalize else audio
        form = Path(name).suffix[1:]
        write_bytes_atomically(directory / name, encoded_bytes(audio, sample_rate, form))
        if name != grown.name:
            grown.unlink()
