"""Reads the notes, fermatas and texts of a MusicXML score with music21."""

import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ada.rendering.scores import MUSICXML

if TYPE_CHECKING:
    from music21.stream import Score

_LICENCE = re.compile(r"©|\(c\)|copyright|licen[cs]e|permission|creative commons", re.IGNORECASE)


@dataclass(frozen=True)
class ScoreNote:
    """A note as written.

    Attributes:
      onset: from the start of the score, in quarters.
      end: in quarters.
      pitch: MIDI number at sounding pitch.
    """

    onset: float
    end: float
    pitch: int


@dataclass(frozen=True)
class Notation:
    """A score as written.

    Attributes:
      notes: sorted by onset and pitch; one for each onset and pitch.
      fermatas: where notes with a fermata end, in quarters, sorted.
      quarters_per_minute: the score's first metronome mark; None without one.
      title: empty if unknown.
      licence: what the score says about copyright, in one line; empty if nothing.
    """

    notes: tuple[ScoreNote, ...]
    fermatas: tuple[float, ...] = ()
    quarters_per_minute: float | None = None
    title: str = ""
    licence: str = ""


def read_notation(path: Path) -> Notation:
    """Reads a MusicXML file, or another that music21 knows.

    Repeats are played once. Grace notes, chord symbols, unpitched percussion, dynamics and
    changes of tempo are ignored. Parts of transposing instruments are read at sounding pitch.

    Args:
      path: the file.

    Raises:
      ValueError: the score has no notes.
      Exception: whatever music21 raises for a broken file.
    """
    from music21 import converter, tempo

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # A few chorales of music21 are in formats that it has to recognise itself.
        kind = "musicxml" if path.suffix.lower() in MUSICXML else None
        # forceSource: not an earlier parse from a cache on disk.
        score = converter.parse(path, format=kind, forceSource=True, storePickle=False)
        score = score.toSoundingPitch()
        ends, fermatas = _notes(score)
        marks = [m.getQuarterBPM() for m in score.recurse().getElementsByClass(tempo.MetronomeMark)]
    if not ends:
        raise ValueError("no notes")
    notes = tuple(ScoreNote(onset, end, pitch) for (onset, pitch), end in sorted(ends.items()))
    title, licence = _texts(score, path)
    return Notation(
        notes=notes,
        fermatas=tuple(sorted(fermatas)),
        quarters_per_minute=next(filter(None, marks), None),
        title=title,
        licence=licence,
    )


def _notes(score: "Score") -> tuple[dict[tuple[float, int], float], set[float]]:
    """Ends of notes by onset and pitch, and ends of notes with a fermata; all in quarters."""
    from music21 import expressions, harmony

    ends: dict[tuple[float, int], float] = {}
    fermatas = set()
    for part in score.parts:
        for note in part.stripTies().flatten().notes:
            if isinstance(note, harmony.Harmony) or not note.duration.quarterLength:
                continue
            end = float(note.offset + note.duration.quarterLength)
            # Voices in unison press one key.
            for pitch in getattr(note, "pitches", ()):
                key = (float(note.offset), round(pitch.ps))
                ends[key] = max(end, ends.get(key, end))
            if any(isinstance(sign, expressions.Fermata) for sign in note.expressions):
                fermatas.add(end)
    return ends, fermatas


def _texts(score: "Score", path: Path) -> tuple[str, str]:
    """Title and copyright: from the metadata and the texts on the first page."""
    from music21 import text

    printed = [box.content for box in score.getElementsByClass(text.TextBox)]
    licences = [entry for entry in printed if _LICENCE.search(entry)]
    titles = [entry for entry in printed if not _LICENCE.search(entry)]
    if score.metadata:
        # Without a title, music21 takes the file's name.
        if score.metadata.bestTitle not in (None, path.name):
            titles.insert(0, score.metadata.bestTitle)
        if score.metadata.copyright:
            licences.insert(0, str(score.metadata.copyright))
    return _one_line(titles[0] if titles else ""), _one_line("; ".join(dict.fromkeys(licences)))


def _one_line(content: str) -> str:
    return " ".join(content.split())
