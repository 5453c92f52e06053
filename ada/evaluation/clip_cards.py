"""Audio files as cards of a page: player, spectrogram, and piano roll where notes were written."""

from collections.abc import Mapping
from pathlib import Path

from ada.audio import read_audio
from ada.evaluation.note_files import read_notes
from ada.evaluation.notes import notes_of
from ada.evaluation.piano_roll import pitch_range, roll_block
from ada.pages import page


def clip_cards(
    paths: Mapping[str, str | Path], sample_rate: int, notes: Path | None = None
) -> list[page.Clip]:
    """Cards of audio files, titled as they are named here.

    Args:
      paths: audio files by name.
      sample_rate: at which they are read, Hz.
      notes: file of their notes by the same names (`ada.evaluation.note_files`). If it is there,
        the cards have piano rolls, all of one range of pitches.
    """
    audio = {name: read_audio(str(path), sample_rate) for name, path in paths.items()}
    rolls = {}
    if notes is not None and notes.exists():
        rolls = _rolls(notes, {name: len(clip) / sample_rate for name, clip in audio.items()})
    return [
        page.Clip(name.replace("_", " "), clip, sample_rate, roll=rolls.get(name, ""))
        for name, clip in audio.items()
    ]


def _rolls(path: Path, secs: Mapping[str, float]) -> dict[str, str]:
    """Piano rolls of clips by name."""
    written = read_notes(path)
    notes = {name: written.get(name, notes_of([])) for name in secs}
    pitches = pitch_range(notes.values())
    return {
        name: roll_block(name.replace("_", " "), found, secs[name], pitches)
        for name, found in notes.items()
    }
