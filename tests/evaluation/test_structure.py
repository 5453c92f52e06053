"""Consistency against lag, by constructions whose answer is known."""

import numpy as np
import pytest

from ada.evaluation.structure import LAG_BANDS, chroma, onset, self_similarity

RATE = 16000


def one_hot(places):
    return np.eye(12)[np.asarray(places)]


def test_clips_that_stay_where_they_are():
    """Each clip in a key of its own: likeness 1 at all lags, 0 between clips."""
    found = self_similarity([one_hot([k] * 80) for k in range(3)])
    assert found == {f"{a:g}-{b:g}": pytest.approx(1.0) for a, b in LAG_BANDS}


def test_clips_that_are_all_the_same_hold_together_by_chance_alone():
    found = self_similarity([one_hot([5] * 80)] * 3)
    assert all(value == pytest.approx(0.0) for value in found.values())


def test_a_period_is_seen_at_its_lag():
    """Two chords in turn, two frames (1 s) each: frames an odd number of seconds apart differ."""
    clips = [one_hot(np.repeat([k, k + 1] * 20, 2)) for k in (0, 2, 4)]
    found = self_similarity(clips)
    # Of lags 1 and 1.5 s: all differ at the one, half at the other.
    assert found["0.5-1"] == pytest.approx(0.5, abs=0.02)
    assert found["1-2"] == pytest.approx(0.25, abs=0.02)
    assert found["4-8"] == pytest.approx(0.5, abs=0.05)


def test_lags_beyond_the_clips_have_no_value():
    found = self_similarity([one_hot([k] * 10) for k in range(2)])
    assert found["4-8"] == pytest.approx(1.0)
    assert found["8-16"] is None
    with pytest.raises(ValueError, match="two or more"):
        self_similarity([one_hot([1] * 10)])


def test_random_frames_resemble_each_other_by_chance():
    rng = np.random.default_rng(0)
    found = self_similarity([one_hot(rng.integers(0, 12, 2000)) for _ in range(4)])
    assert all(abs(value) < 0.01 for value in found.values())


def test_chroma_tells_the_pitch_class():
    t = np.arange(RATE * 3) / RATE
    for frequency, place in ((440.0, 9), (880.0, 9), (261.63, 0)):
        rows = chroma(np.sin(2 * np.pi * frequency * t).astype(np.float32), RATE)
        assert rows.shape == (6, 12)
        assert np.linalg.norm(rows, axis=1) == pytest.approx(1.0)
        assert (rows.argmax(1) == place).all()


def test_onsets_tell_the_tempo():
    """A click every 0.4 s: the rhythm resembles itself, and a click every 0.55 s less."""

    def clicks(period):
        audio = np.zeros(RATE * 12, np.float32)
        audio[:: round(period * RATE)] = 1.0
        rows = onset(audio, RATE)
        return rows[6:-6]  # away from the ends, where there is less to see

    fast, slow = clicks(0.4), clicks(0.55)
    own, other = (fast[0] @ fast[-1], fast[0] @ slow[-1])
    assert own > 0.95
    assert other < own - 0.1


def test_silence_resembles_nothing():
    silence = np.zeros(RATE * 4, np.float32)
    assert not chroma(silence, RATE).any()
    assert not onset(silence, RATE).any()
