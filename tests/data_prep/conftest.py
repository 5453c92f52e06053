"""Small scores, and the FluidSynth that renders them."""

import shutil
from pathlib import Path

import pytest

mido = pytest.importorskip("mido", reason="mido is an extra")
pytest.importorskip("music21", reason="music21 is an extra")

_PART = """<part id="{name}"><measure number="1"><attributes><divisions>2</divisions>
<time><beats>4</beats><beat-type>4</beat-type></time>{attributes}</attributes>{notes}</measure></part>"""


def _xml_note(step, octave, eighths, inside="", before=""):
    """A MusicXML note; `before` its pitch stands <chord/>, `inside` its notations."""
    return (
        f"<note>{before}<pitch><step>{step}</step><octave>{octave}</octave></pitch>"
        f"<duration>{eighths}</duration>{inside}</note>"
    )


def _musicxml(path, parts, head=""):
    """Writes a score of one measure.

    Args:
      path: of the file.
      parts: its notes, or its notes and its attributes.
      head: what stands before the parts.
    """
    parts = [part if isinstance(part, tuple) else (part, "") for part in parts]
    names = [f"P{i}" for i in range(len(parts))]
    listed = "".join(f'<score-part id="{n}"><part-name>{n}</part-name></score-part>' for n in names)
    written = "".join(
        _PART.format(name=name, notes=notes, attributes=attributes)
        for name, (notes, attributes) in zip(names, parts, strict=True)
    )
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f'<?xml version="1.0" encoding="UTF-8"?><score-partwise version="3.1">{head}'
        f"<part-list>{listed}</part-list>{written}</score-partwise>",
        "utf-8",
    )
    return path


def _midi(path, notes, *, channel=0, tempo=500_000, more=()):
    """Writes a MIDI file of 480 ticks per quarter.

    Args:
      path: of the file.
      notes: (onset in ticks, end in ticks, pitch, velocity).
      channel: of the notes, from 0.
      tempo: in microseconds per quarter.
      more: (ticks, message) of all other messages.
    """
    events = [(0, mido.MetaMessage("set_tempo", tempo=tempo)), *more]
    for onset, end, pitch, velocity in notes:
        kinds = (("note_on", onset, velocity), ("note_off", end, 0))
        for kind, ticks, strength in kinds:
            message = mido.Message(kind, note=pitch, velocity=strength, channel=channel)
            events.append((ticks, message))
    track, last = mido.MidiTrack(), 0
    for ticks, message in sorted(events, key=lambda event: event[0]):
        track.append(message.copy(time=ticks - last))
        last = ticks
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    mido.MidiFile(type=0, ticks_per_beat=480, tracks=[track]).save(path)
    return path


@pytest.fixture(scope="session")
def xml_note():
    """Makes a MusicXML note."""
    return _xml_note


@pytest.fixture(scope="session")
def write_musicxml():
    """Writes a MusicXML file."""
    return _musicxml


@pytest.fixture(scope="session")
def write_midi():
    """Writes a MIDI file."""
    return _midi


@pytest.fixture(scope="session")
def soundfont():
    """Any soundfont, where FluidSynth is installed."""
    from ada.rendering.requirements import find_soundfont

    if shutil.which("fluidsynth") is None:
        pytest.skip("no FluidSynth: apt-get install fluidsynth")
    return find_soundfont()
