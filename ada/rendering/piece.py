"""A piece: one score in one transposition, rendered into one FLAC file."""

import io
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from ada.audio import pcm16
from ada.rendering import midi
from ada.rendering.manifest import Row
from ada.rendering.notation import read_notation
from ada.rendering.performance import perform
from ada.rendering.scores import MIDI, Score
from ada.rendering.synthesis import SynthesisError, synthesise
from ada.utils.errors import first_line
from ada.utils.files import write_bytes_atomically

# Silence before a performance; MIDI files have their own.
LEAD_SECS = 0.2


@dataclass(frozen=True)
class RenderOptions:
    """Options that all pieces of an output directory share.

    Attributes:
      soundfont: an .sf2 or .sf3 file.
      sample_rate: in Hz.
      seed: of the performances.
    """

    soundfont: Path
    sample_rate: int = 16000
    seed: int = 0


@dataclass(frozen=True)
class Piece:
    """A score in a transposition.

    Attributes:
      score: the score.
      semitones: how far it is moved up, or down if negative.
    """

    score: Score
    semitones: int = 0

    @property
    def file(self) -> str:
        """Path of its audio, relative to the output directory."""
        suffix = f"_t{self.semitones:+d}" if self.semitones else ""
        return f"{self.score.name}{suffix}.flac"


@dataclass(frozen=True)
class SkippedPiece:
    """A piece that could not be rendered, and the reason in one line."""

    piece: Piece
    reason: str


@dataclass(frozen=True)
class _Music:
    events: list[midi.Event]
    title: str = ""
    licence: str = ""


def render_piece(piece: Piece, output_dir: Path, options: RenderOptions) -> Row | SkippedPiece:
    """Renders a piece into its file, which appears complete or not at all.

    Returns:
      The piece's row of the manifest; `SkippedPiece` if the score is broken.

    Raises:
      OSError: the file cannot be written.
    """
    try:
        music = _read(piece, options.seed)
    except Exception as error:
        return SkippedPiece(piece, first_line(error))
    events = midi.transpose(music.events, piece.semitones)
    if not midi.num_notes(events):
        return SkippedPiece(piece, "no note is on the keyboard")
    try:
        audio = synthesise(events, options.soundfont, options.sample_rate)
    except SynthesisError as error:
        return SkippedPiece(piece, first_line(error))
    flac = io.BytesIO()
    soundfile.write(flac, pcm16(audio), options.sample_rate, format="FLAC", subtype="PCM_16")
    write_bytes_atomically(output_dir / piece.file, flac.getvalue())
    return Row(
        file=piece.file,
        seconds=len(audio) / options.sample_rate,
        notes=midi.num_notes(events),
        source=piece.score.path.name,
        title=music.title,
        licence=music.licence,
    )


def piece_rng(piece: Piece, seed: int) -> np.random.Generator:
    """Randomness of a performance, the same whatever else is rendered and in which order."""
    name = zlib.crc32(piece.score.name.encode("utf-8", "surrogateescape"))
    return np.random.default_rng([seed, name, piece.semitones % 256])


def _read(piece: Piece, seed: int) -> _Music:
    """MIDI as it is; anything else as it is performed."""
    path = piece.score.path
    if path.suffix.lower() in MIDI:
        return _Music(midi.read_midi(path))
    notation = read_notation(path)
    notes = perform(notation, piece_rng(piece, seed))
    return _Music(midi.events_of(notes, LEAD_SECS), notation.title, notation.licence)
