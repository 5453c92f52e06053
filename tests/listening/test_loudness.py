"""Loudness as the standard has it, on what is served."""

import io
import json
import math

import numpy as np
import pyloudnorm
import pytest
import soundfile
from listening_support import Rater, Server

from ada.audio import loudness, write_wav


def sine(secs, rate, amplitude=1.0, frequency=997.0):
    return amplitude * np.sin(2 * np.pi * frequency * np.arange(round(secs * rate)) / rate)


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000])
@pytest.mark.parametrize("secs", [0.1, 0.39, 0.4, 3.0])
def test_a_full_sine_of_997_hz_has_the_loudness_that_the_standard_says(rate, secs):
    level = loudness.measure(sine(secs, rate), rate)
    assert level.lufs == pytest.approx(-3.01, abs=0.15)
    # Between samples, an end in the middle of a wave overshoots.
    assert -0.1 < level.peak_dbfs < 1.1


def test_silence_stays_silence():
    level = loudness.measure(np.zeros(800), 16000)
    assert level == (-math.inf, -math.inf)
    assert loudness.gain_db(level, -20.0) == 0.0
    assert loudness.common_target([level]) == loudness.TARGET_LUFS


def test_the_peakiest_clip_lowers_all():
    levels = [loudness.Level(-30.0, -10.0), loudness.Level(-25.0, -1.0)]
    assert loudness.common_target(levels) == -25.0
    assert loudness.common_target(levels[:1]) == -21.0
    assert loudness.common_target([loudness.Level(-12.0, -0.5)]) == -20.0


def test_a_click_in_silence_does_not_quieten_the_others():
    level, click = loudness.Level(-30.0, -10.0), loudness.Level(-40.0, -2.0)
    target = loudness.common_target([level, click])
    assert target == loudness.LOWEST_LUFS
    assert loudness.gain_db(level, target) == target + 30.0
    assert loudness.gain_db(click, target) == 1.0  # to a peak of -1 dBFS


def test_clips_are_served_at_one_loudness_without_clipping(tmp_path):
    rng = np.random.default_rng(0)
    noise = rng.standard_normal(32000)
    clicks = sine(2, 16000, 0.1)
    clicks[::4000] = 0.9  # loud peaks in something quiet
    made = {
        "short": sine(0.2, 16000, 0.9, 440),
        "quiet": 0.002 * noise,
        "loud": np.clip(0.5 * noise, -1, 1),
        "peaky": clicks,
        "fading": sine(3, 16000, 0.5, 300) * np.linspace(1, 0, 48000),
        "slow": sine(2, 8000, 0.3, 200),
        "silent": np.zeros(16000),
    }
    for name, audio in made.items():
        rate = 8000 if name == "slow" else 16000
        write_wav(tmp_path / "samples" / name / "a.wav", audio.astype(np.float32), rate)
    with Server(tmp_path / "samples", tmp_path / "r.sqlite") as server:
        found = []
        rater = Rater(server).begin()
        for heard in rater.session():
            _, headers, content = rater.clip(heard["clip"])
            audio, rate = soundfile.read(io.BytesIO(content))
            assert headers["Content-Type"] == "audio/wav"
            assert np.abs(audio).max() <= 10 ** (-1 / 20) + 1 / 32768
            if not audio.any():
                continue
            if len(audio) < 0.4 * rate:
                audio = np.tile(audio, 2)
            found.append(pyloudnorm.Meter(rate).integrated_loudness(audio))
        assert len(found) == len(made) - 1
        assert max(found) - min(found) < 0.5, json.dumps(found)
