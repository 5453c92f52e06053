"""The transcriber, by notes that were put there."""

import numpy as np
import pytest

from ada.evaluation import transcription
from ada.evaluation.note_agreement import f1_of_frames, f1_of_notes
from ada.evaluation.transcription import transcribe
from ada.utils.errors import UserError

RATE = 16000
installed = pytest.mark.skipif(
    not transcription.is_installed(), reason="the weights are a package of their own"
)


@installed
@pytest.mark.parametrize(("name", "secs"), [("melody", 6.4), ("chords", 4.4)])
def test_transcriber_finds_played_notes(request, play, name, secs):
    notes = request.getfixturevalue(name)
    found = transcribe(play(notes, secs), RATE)
    assert set(found.notes.pitches) == set(notes.pitches)
    assert f1_of_notes(notes, found.notes) >= 0.9
    # To the last window: onsets do not drift.
    assert abs(found.notes.onsets[-1] - notes.onsets[-1]) < 0.03
    assert found.activations.shape == (len(found.times), 88)
    assert found.duration_secs == pytest.approx(secs, rel=0.02)


@installed
def test_sample_rate_does_not_change_notes(play, melody):
    slow, fast = (transcribe(play(melody, 6.4, rate), rate) for rate in (RATE, 44100))
    assert f1_of_notes(slow.notes, fast.notes) == 1.0
    assert f1_of_frames(slow, fast) > 0.9


@installed
def test_windows_leave_no_seam(play, melody):
    """The same audio a little later: the same notes as much later."""
    audio = play(melody, 6.4)
    found = transcribe(audio, RATE).notes
    late = transcribe(np.concatenate([np.zeros(RATE // 2, np.float32), audio]), RATE).notes
    late = late._replace(onsets=late.onsets - 0.5, offsets=late.offsets - 0.5)
    assert f1_of_notes(found, late) == 1.0
    np.testing.assert_allclose(late.onsets, found.onsets, atol=0.025)


@installed
@pytest.mark.parametrize("samples", [0, 1, 100, 3 * RATE])
def test_silence_has_no_notes(samples):
    found = transcribe(np.zeros(samples, np.float32), RATE)
    assert len(found.notes.onsets) == 0
    assert f1_of_notes(found.notes, found.notes) is None


@installed
def test_note_f1_falls_with_wrong_notes(play, melody):
    audio, other = play(melody, 6.4), play(melody._replace(pitches=melody.pitches + 1), 6.4)
    half = np.where(np.arange(len(audio)) < len(audio) // 2, audio, other)
    original, wrong, half_wrong = (transcribe(clip, RATE).notes for clip in (audio, other, half))
    assert f1_of_notes(original, original) == 1.0
    assert f1_of_notes(original, wrong) < 0.2
    assert f1_of_notes(original, half_wrong) == pytest.approx(0.5, abs=0.15)


@pytest.mark.parametrize("missing", ["basic_pitch", "onnxruntime", "mir_eval"])
def test_missing_package_is_one_clear_line(monkeypatch, missing):
    find = transcription.find_spec
    monkeypatch.setattr(
        transcription, "find_spec", lambda name: None if name == missing else find(name)
    )
    transcription._network.cache_clear()
    with pytest.raises(UserError, match="pip install --no-deps basic-pitch==0.4.0") as raised:
        transcribe(np.zeros(RATE, np.float32), RATE)
    assert "\n" not in str(raised.value)
