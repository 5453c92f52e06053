"""Consistency against lag, by constructions whose answer is known."""

import warnings

import numpy as np
import pytest

from ada.audio import mu_law_decode
from ada.evaluation.structure import LAG_BANDS, chroma, consistency, onset, self_similarity

RATE = 16000


def one_hot(places):
    return np.eye(12)[np.asarray(places)]


def test_clips_that_stay_where_they_are():
    """Each clip in a key of its own: likeness 1 at all lags, 0 between clips."""
    found = self_similarity([one_hot([k] * 80) for k in range(3)])
    exactly = {"mean": pytest.approx(1.0), "error": pytest.approx(0.0)}
    assert found == {f"{a:g}-{b:g}": exactly for a, b in LAG_BANDS}


def test_clips_that_are_all_the_same_hold_together_by_chance_alone():
    found = self_similarity([one_hot([5] * 80)] * 3)
    assert all(value["mean"] == pytest.approx(0.0) for value in found.values())


def test_a_period_is_seen_at_its_lag():
    """Two chords in turn, two frames (1 s) each: frames an odd number of seconds apart differ."""
    clips = [one_hot(np.repeat([k, k + 1] * 20, 2)) for k in (0, 2, 4)]
    found = self_similarity(clips)
    # Of lags 1 and 1.5 s: all differ at the one, half at the other.
    assert found["0.5-1"]["mean"] == pytest.approx(0.5, abs=0.02)
    assert found["1-2"]["mean"] == pytest.approx(0.25, abs=0.02)
    assert found["4-8"]["mean"] == pytest.approx(0.5, abs=0.05)


def test_lags_beyond_the_clips_have_no_value():
    found = self_similarity([one_hot([k] * 20) for k in range(2)])
    assert found["4-8"]["mean"] == pytest.approx(1.0)
    assert found["8-16"] is None
    with pytest.raises(ValueError, match="two or more"):
        self_similarity([one_hot([1] * 10)])


def test_random_frames_resemble_each_other_by_chance():
    rng = np.random.default_rng(0)
    found = self_similarity([one_hot(rng.integers(0, 12, 2000)) for _ in range(4)])
    assert all(abs(value["mean"]) < 0.01 for value in found.values())


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


def test_silence_counts_nowhere():
    """What mu-law makes of silence, too: a constant, or steps of one id."""
    rng = np.random.default_rng(0)
    for ids in (np.full(RATE * 4, 128), rng.integers(127, 129, RATE * 4)):
        silence = mu_law_decode(ids).astype(np.float32)
        assert not chroma(silence, RATE).any()
        assert not onset(silence, RATE).any()
    assert not chroma(np.zeros(RATE * 4, np.float32), RATE).any()
    # Clips without memory gain nothing by falling silent, by half or altogether.
    clips = [one_hot(rng.integers(0, 12, 2000)) for _ in range(4)]
    clips[0][:1000] = 0.0
    clips[1][::2] = 0.0
    clips[2][:] = 0.0
    assert all(abs(value["mean"]) < 0.02 for value in self_similarity(clips).values())


def test_the_length_of_clips_does_not_decide():
    """A slow random walk: the same likeness at a lag from clips of 40 frames as of 400."""
    rng = np.random.default_rng(1)

    def walk(frames):
        steps = np.cumsum(rng.random(frames) < 0.02) + rng.integers(12)
        return one_hot(steps * 5 % 12)

    short, long = ([walk(n) for _ in range(m)] for n, m in ((40, 600), (400, 60)))
    few, many = self_similarity(short), self_similarity(long)
    for band in ("4-8", "8-16"):
        assert few[band]["mean"] == pytest.approx(many[band]["mean"], abs=0.02)
    assert few["16-32"] is None


def test_clips_of_one_piece_are_not_chance():
    """Two pieces, each in its key, cut into three: likeness 1; taken as six pieces, less."""
    clips = [one_hot([k] * 20) for k in (0, 0, 0, 7, 7, 7)]
    assert self_similarity(clips, [0, 0, 0, 1, 1, 1])["1-2"] == {"mean": 1.0, "error": None}
    assert self_similarity(clips)["1-2"]["mean"] == pytest.approx(1 - 2 / 5)
    with pytest.raises(ValueError, match="two or more"):
        self_similarity(clips, [3] * 6)


def test_the_error_is_what_draws_scatter_by():
    rng = np.random.default_rng(2)

    def found():
        clips = [one_hot(np.repeat(rng.integers(0, 12, 20), 4)) for _ in range(8)]
        value = self_similarity(clips)["0.5-1"]
        return value["mean"], value["error"]

    means, errors = np.array([found() for _ in range(200)]).T
    assert np.mean(errors) == pytest.approx(np.std(means), rel=0.3)


def test_rhythm_has_no_value_where_windows_overlap():
    clicks = np.zeros(RATE * 10, np.float32)
    clicks[:: RATE // 2] = 1.0
    found = consistency([clicks, clicks], RATE)["onset"]
    assert [band for band, value in found.items() if value] == ["4-8"]


@pytest.mark.parametrize("samples", [100, 2000, 4000])
def test_clips_shorter_than_the_window_give_no_warning(samples):
    clip = np.random.default_rng(0).normal(size=samples).astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert chroma(clip, RATE).shape == (0, 12)
        onset(clip, RATE)
