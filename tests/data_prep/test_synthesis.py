"""The sound: pitches, times and levels, with whatever soundfont is installed."""

import mido
import numpy as np
import pytest

from ada.rendering import requirements, synthesis
from ada.rendering.midi import Event, events_of, read_midi, transpose
from ada.rendering.performance import PlayedNote
from ada.rendering.synthesis import (
    FADE_SECS,
    PEAK_DBFS,
    TAIL_SECS,
    SynthesisError,
    synthesise,
)
from ada.utils.errors import UserError

RATE = 16000


def frequency(audio, rate=RATE):
    """Of the lowest strong partial, in Hz, to a tenth of a Hz."""
    spectrum = np.abs(np.fft.rfft(audio * np.hanning(len(audio)), 10 * rate))
    rise = np.argmax(spectrum > 0.2 * spectrum.max())
    return (rise + np.argmax(spectrum[rise : rise + 100])) / 10


def cents(hertz, reference):
    return 1200 * np.log2(hertz / reference)


@pytest.mark.parametrize(
    ("semitones", "rate", "hertz"), [(0, 16000, 440.0), (3, 16000, 523.25), (-12, 22050, 220.0)]
)
def test_pitch_of_a_note(soundfont, semitones, rate, hertz):
    events = transpose(events_of([PlayedNote(0.0, 1.0, 69, 80)], 0.0), semitones)
    audio = synthesise(events, soundfont, rate)
    assert audio.dtype == np.float32
    # Pianos are tuned a few cents wide, and soundfonts with them.
    assert abs(cents(frequency(audio[: int(0.9 * rate)], rate), hertz)) < 10


def test_midi_is_played_at_its_times(soundfont, tmp_path, write_midi):
    # At 50 quarters per minute, a tick is 2.5 ms. Short high notes leave silence behind them.
    ticks = [400, 1203, 2410, 4001]
    notes = [(start, start + 40, 96, 100) for start in ticks]
    events = read_midi(write_midi(tmp_path / "x.mid", notes, tempo=1_200_000))
    level = np.abs(synthesise(events, soundfont, RATE))
    for start in ticks:
        begin = round((start * 0.0025 - 0.2) * RATE)
        around = level[begin : begin + round(0.4 * RATE)]
        onset = np.argmax(around > 0.05 * around.max()) / RATE - 0.2
        assert 0 <= onset < 0.01


def test_sustain_pedal_holds_a_note(soundfont):
    note = events_of([PlayedNote(0.0, 0.3, 60, 80)], 0.0)
    last = events_of([PlayedNote(2.0, 2.1, 100, 1)], 0.0)
    pedal = Event(0.1, mido.Message("control_change", control=64, value=127))
    dry = synthesise(note + last, soundfont, RATE)
    held = synthesise([note[0], pedal, note[1], *last], soundfont, RATE)
    after = slice(int(1.2 * RATE), int(1.8 * RATE))
    assert np.abs(held[after]).max() > 10 * np.abs(dry[after]).max()


def test_length_peak_and_fade(soundfont):
    audio = synthesise(events_of([PlayedNote(0.0, 1.0, 40, 90)], 0.25), soundfont, RATE)
    assert len(audio) == int((1.25 + TAIL_SECS) * RATE)
    assert 20 * np.log10(np.abs(audio).max()) == pytest.approx(PEAK_DBFS, abs=0.01)
    assert np.abs(audio[: int(0.24 * RATE)]).max() < 1e-3
    assert audio[-1] == 0 and np.abs(audio[-int(0.1 * FADE_SECS * RATE) :]).max() < 1e-3


def test_silent_or_endless_music_is_refused(soundfont):
    with pytest.raises(SynthesisError, match="silent"):
        synthesise([], soundfont, RATE)
    with pytest.raises(SynthesisError, match=r"1000003 s long, at most 21600 s"):
        synthesise(events_of([PlayedNote(0.0, 1e6, 60, 80)], 0.0), soundfont, RATE)


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("/usr/bin/head -c 70560 /dev/zero", r"stopped after 0\.2 of 4\.0 s"),
        ("echo first >&2; echo second >&2; exit 3", r"exited with 3: first$"),
        ("kill -9 $$", r"exited with -9$"),
    ],
)
def test_failing_fluidsynth_is_an_error(tmp_path, monkeypatch, script, message):
    program = tmp_path / "fluidsynth"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    events = events_of([PlayedNote(0.0, 1.0, 60, 80)], 0.0)
    with pytest.raises(SynthesisError, match=message):
        synthesise(events, tmp_path / "any.sf2", RATE)


def test_blocks_that_cut_frames_change_nothing(soundfont, monkeypatch):
    events = events_of([PlayedNote(0.0, 0.5, 60, 80)], 0.0)
    whole = synthesise(events, soundfont, RATE)
    monkeypatch.setattr(synthesis, "_BLOCK_BYTES", 8 * 1000)
    np.testing.assert_allclose(synthesise(events, soundfont, RATE), whole, atol=1e-5)


def test_missing_program_and_missing_soundfont_say_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="fluidsynth is not installed: apt-get install fluidsynth"):
        requirements.require_programs()
    monkeypatch.setattr(requirements, "USUAL_PLACES", (str(tmp_path / "none.sf2"),))
    with pytest.raises(UserError, match="apt-get install musescore-general-soundfont"):
        requirements.find_soundfont()


def test_first_soundfont_in_the_usual_places_is_used(tmp_path, monkeypatch):
    places = [tmp_path / name for name in ("a.sf2", "b.sf2", "c.sf2")]
    places[1].touch(), places[2].touch()
    monkeypatch.setattr(requirements, "USUAL_PLACES", tuple(map(str, places)))
    assert requirements.find_soundfont() == places[1]


def test_file_that_is_no_soundfont_is_refused(tmp_path):
    file = tmp_path / "x.sf2"
    file.write_bytes(b"RIFF\0\0\0\0WAVE")
    with pytest.raises(UserError, match=r"x\.sf2 is not a soundfont"):
        requirements.find_soundfont(str(file))
    file.write_bytes(b"RIFF\0\0\0\0sfbk")
    assert requirements.find_soundfont(str(file)) == file
