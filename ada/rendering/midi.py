"""Reads what a piano plays of a MIDI file, and writes MIDI files for FluidSynth."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import mido

from ada.rendering.performance import PlayedNote

# Channel 10, counted from 0.
DRUM_CHANNEL = 9
# Sustain, sostenuto and soft pedal.
PEDALS = (64, 66, 67)
PIANO_KEYS = range(21, 109)
# A tick is half a millisecond: at 120 quarters per minute, 1000 ticks per quarter.
TICKS_PER_QUARTER = 1000
MICROSECS_PER_QUARTER = 500_000
TICKS_PER_SEC = TICKS_PER_QUARTER * 1_000_000 // MICROSECS_PER_QUARTER


class Event(NamedTuple):
    """A message for the piano, in seconds from the start."""

    secs: float
    message: mido.Message


def read_midi(path: Path) -> list[Event]:
    """Reads the notes and pedals of all tracks and channels but the drums.

    Times and velocities are those of the file. Programs, volumes, pitch bends and other
    controllers are dropped: all is played by the same piano.

    Raises:
      ValueError: the file has no notes.
      Exception: whatever mido raises for a broken file.
    """
    secs = 0.0
    events = []
    for message in mido.MidiFile(path):
        secs += message.time
        if getattr(message, "channel", DRUM_CHANNEL) == DRUM_CHANNEL:
            continue
        if is_note(message) or (message.type == "control_change" and message.control in PEDALS):
            events.append(Event(secs, message.copy(time=0)))
    if not num_notes(events):
        raise ValueError("no notes")
    return events


def events_of(notes: Sequence[PlayedNote], lead_secs: float) -> list[Event]:
    """Messages of a performance.

    Args:
      notes: what is played.
      lead_secs: silence before the performance.
    """
    events = []
    for note in notes:
        on = mido.Message("note_on", note=note.pitch, velocity=note.velocity)
        off = mido.Message("note_off", note=note.pitch)
        events += [Event(lead_secs + note.onset, on), Event(lead_secs + note.end, off)]
    return sorted(events, key=lambda event: (event.secs, event.message.type == "note_on"))


def transpose(events: Sequence[Event], semitones: int) -> list[Event]:
    """Moves all notes by some semitones; notes outside a piano's 88 keys are dropped."""
    moved = []
    for secs, message in events:
        if is_note(message):
            if message.note + semitones not in PIANO_KEYS:
                continue
            message = message.copy(note=message.note + semitones)
        moved.append(Event(secs, message))
    return moved


def is_note(message: mido.Message) -> bool:
    """Whether a message presses or releases a key."""
    return message.type in ("note_on", "note_off")


def num_notes(events: Sequence[Event]) -> int:
    """Number of keys pressed; a note_on of velocity 0 releases one."""
    return sum(e.message.type == "note_on" and e.message.velocity > 0 for e in events)


def last_note_secs(events: Sequence[Event]) -> float:
    """Seconds at which the last key is pressed or released; 0 without notes."""
    return max((event.secs for event in events if is_note(event.message)), default=0.0)


def midi_bytes(events: Sequence[Event], duration_secs: float) -> bytes:
    """Writes a MIDI file for piano.

    Args:
      events: sorted by time.
      duration_secs: of the file; later events are dropped.
    """
    track = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=MICROSECS_PER_QUARTER)])
    track += [mido.Message("program_change", channel=c, program=0) for c in range(16)]
    last_tick = 0
    for secs, message in events:
        if secs < duration_secs:
            tick = round(secs * TICKS_PER_SEC)
            track.append(message.copy(time=tick - last_tick))
            last_tick = tick
    # FluidSynth stops at the last event, so one stands at the end: the volume it has by default.
    rest = round(duration_secs * TICKS_PER_SEC) - last_tick
    track.append(mido.Message("control_change", control=7, value=100, time=rest))
    buffer = io.BytesIO()
    file = mido.MidiFile(type=0, ticks_per_beat=TICKS_PER_QUARTER, tracks=[track])
    file.save(file=buffer)
    return buffer.getvalue()
