"""What a piano plays of MIDI files."""

import io

import mido
import pytest

from ada.rendering.midi import (
    Event,
    events_of,
    last_note_secs,
    midi_bytes,
    num_notes,
    read_midi,
    transpose,
)
from ada.rendering.performance import PlayedNote

NOTE = [(0, 480, 60, 90)]


def control(number, value, channel=0):
    return mido.Message("control_change", control=number, value=value, channel=channel)


def test_times_follow_the_tempo_and_velocities_are_kept(tmp_path, write_midi):
    notes = [(0, 480, 60, 90), (960, 1440, 62, 31)]
    faster = [(480, mido.MetaMessage("set_tempo", tempo=250_000))]
    events = read_midi(write_midi(tmp_path / "x.mid", notes, tempo=1_000_000, more=faster))
    assert [event.secs for event in events] == pytest.approx([0, 1.0, 1.25, 1.5])
    strengths = [e.message.velocity for e in events if e.message.type == "note_on"]
    assert strengths == [90, 31]


def test_pedals_are_kept_and_all_else_is_dropped(tmp_path, write_midi):
    dropped = [
        mido.Message("program_change", program=40),
        mido.Message("pitchwheel", pitch=1000),
        control(7, 1),
        mido.Message("note_on", channel=9, note=35, velocity=100),
        control(64, 127, channel=9),
        mido.Message("sysex", data=(1, 2)),
    ]
    kept = [control(64, 127), control(66, 5), control(67, 6)]
    more = [(100, message) for message in dropped + kept]
    events = read_midi(write_midi(tmp_path / "x.mid", NOTE, more=more))
    assert [e.message for e in events if e.message.type == "control_change"] == kept
    assert len(events) == len(kept) + 2 and num_notes(events) == 1


def test_tracks_are_merged(tmp_path):
    file = mido.MidiFile(type=1, ticks_per_beat=480)
    for pitch, ticks in ((60, 0), (64, 240)):
        on = mido.Message("note_on", note=pitch, time=ticks)
        file.tracks.append(mido.MidiTrack([on, mido.Message("note_off", note=pitch, time=960)]))
    file.save(tmp_path / "x.mid")
    events = read_midi(tmp_path / "x.mid")
    assert [(e.secs, e.message.note) for e in events[:2]] == [(0, 60), (0.25, 64)]


def test_file_without_notes_is_refused(tmp_path, write_midi):
    silent = [(0, mido.Message("note_on", note=60, velocity=0))]
    with pytest.raises(ValueError, match="no notes"):
        read_midi(write_midi(tmp_path / "x.mid", [], more=silent))
    with pytest.raises(ValueError, match="no notes"):
        read_midi(write_midi(tmp_path / "x.mid", NOTE, channel=9))


def test_transposition_moves_notes_and_nothing_else(tmp_path, write_midi):
    events = read_midi(write_midi(tmp_path / "x.mid", NOTE, more=[(1, control(64, 99))]))
    moved = transpose(events, -7)
    assert [e.message.note for e in moved if e.message.type != "control_change"] == [53, 53]
    assert transpose(moved, 7) == events


def test_notes_beyond_the_keyboard_are_dropped():
    notes = [PlayedNote(0.0, 1.0, 21, 60), PlayedNote(0.0, 1.0, 108, 60)]
    events = events_of(notes, 0.0)
    assert num_notes(events) == 2
    assert {e.message.note for e in transpose(events, 1)} == {22}
    assert {e.message.note for e in transpose(events, -1)} == {107}


def test_written_file_reads_back_and_lasts_as_long_as_asked():
    notes = [PlayedNote(0.1, 0.5, 60, 60), PlayedNote(0.5, 1.25, 60, 70)]
    events = events_of(notes, lead_secs=0.2)
    written = mido.MidiFile(file=io.BytesIO(midi_bytes(events, 3.5)))
    assert written.length == pytest.approx(3.5, abs=1e-3)
    secs, read = 0.0, []
    for message in written:
        secs += message.time
        if message.type in ("note_on", "note_off"):
            read.append(Event(secs, message.copy(time=0)))
    assert [e.message for e in read] == [e.message for e in events]
    assert [e.secs for e in read] == pytest.approx([e.secs for e in events], abs=1e-3)
    # The key is released before it is pressed again at the same time.
    assert [e.message.type for e in read] == ["note_on", "note_off", "note_on", "note_off"]


def test_pedal_after_the_end_is_dropped():
    events = [*events_of([PlayedNote(0.0, 1.0, 60, 60)], 0.0), Event(9.0, control(64, 0))]
    assert last_note_secs(events) == 1.0
    assert mido.MidiFile(file=io.BytesIO(midi_bytes(events, 4.0))).length == pytest.approx(4.0)
