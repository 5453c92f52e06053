"""Clips made with more and less structure are ranked by it."""

import numpy as np
import pytest
from evaluation.made_cases import RATE, drone, markov, noise, played, real, shuffled

from ada.evaluation.structure import FRAME_SECS, frames, repetition, structure

PIECES = ("joplin_entertainer", "joplin_elite_syncopations", "joplin_easy_winners")
PIECES += ("joplin_peacherine_rag", "joplin_pineapple_rag", "joplin_bethena")


@pytest.fixture(scope="module")
def found():
    """Structure of six clips of 40 s of each kind."""
    music, numbers = [real(piece) for piece in PIECES], range(6)
    kinds = {
        "real": music,
        "bars": [shuffled(clip, 2.0, seed) for seed, clip in enumerate(music)],
        "markov": [markov(seed) for seed in numbers],
        "drone": [drone(seed) for seed in numbers],
        "noise": [noise(seed) for seed in numbers],
    }
    return {kind: structure(clips, RATE) for kind, clips in kinds.items()}


def test_real_music_its_shuffled_bars_a_markov_chain_a_drone_and_noise_are_ranked(found):
    ranked = [found[kind]["structure"] for kind in ("real", "bars", "markov", "drone", "noise")]
    assert [s["mean"] for s in ranked] == sorted([s["mean"] for s in ranked], reverse=True)
    # Far apart: real music from all else, what has pitch from noise.
    real_, bars, chain, held, hiss = ranked
    assert real_["mean"] - bars["mean"] > 3.0 * np.hypot(real_["error"], bars["error"])
    assert chain["mean"] > 1.0 > 0.4 > held["mean"] > 0.05
    assert hiss["mean"] < 0.01


def test_vibrato_and_glides_of_a_held_tone_are_no_change():
    time = np.arange(20 * RATE) / RATE
    kinds = {
        "vibrato": np.sin(2 * np.pi * 300 * time + 2.0 * np.sin(2 * np.pi * 5 * time)),
        "tremolo": np.sin(2 * np.pi * 300 * time) * (0.6 + 0.4 * np.sin(2 * np.pi * 4 * time)),
        "glide": np.sin(2 * np.pi * 300 * 2.0 ** (time / 40) * time),
        "fade": np.sin(2 * np.pi * 300 * time) * np.linspace(1.0, 0.01, len(time)),
    }
    for kind, clip in kinds.items():
        assert structure([0.3 * clip], RATE)["structure"]["mean"] < 0.4, kind
    slow = played([[48 + k * 5 % 12] for k in range(8)], 3.0)
    assert structure([slow], RATE)["changing"]["mean"] > 0.7


def test_pitch_and_repetition_are_distinguished(found):
    assert found["noise"]["pitched"]["mean"] < 0.01
    assert all(found[kind]["pitched"]["mean"] > 0.95 for kind in ("real", "bars", "drone"))
    assert abs(found["noise"]["repetition"]["mean"]) < 0.01
    assert 0.0 <= found["drone"]["repetition"]["mean"] < 0.03


def test_a_clip_that_fades_is_one_that_does_not():
    clip = real(PIECES[0], 30.0)
    fading = clip * np.linspace(1.0, 0.01, len(clip), dtype=np.float32)
    whole, faded = (structure([one], RATE)["repetition"]["mean"] for one in (clip, fading))
    assert faded == pytest.approx(whole, abs=0.02)


def test_a_melody_that_returns_after_others():
    """A phrase of 8 s, another, and the first again; beside the same notes in random order."""
    rng = np.random.default_rng(0)
    first, second = rng.integers(55, 75, [2, 32, 1])
    repeated = played([*first, *second, *first, *second], 0.25)
    random = played(rng.permutation([*first, *second, *first, *second]), 0.25)
    found, expected_less = (repetition(frames(clip, RATE)[0]) for clip in (repeated, random))
    assert found > 0.4 > 0.1 > expected_less


def test_silence_is_left_out():
    clip = real(PIECES[0], 20.0)
    silence = np.zeros(10 * RATE, np.float32)
    rows = frames(np.concatenate([silence, clip, silence]), RATE)[0]
    assert abs(len(rows) - 20.0 / FRAME_SECS) <= 2
    assert frames(silence, RATE)[0].shape == (0, 61)
    assert frames(silence[:100], RATE)[0].shape == (0, 61)
    assert set(structure([silence, clip[: 10 * RATE]], RATE).values()) == {None}


@pytest.mark.parametrize("rate", [16000, 22050, 48000])
def test_any_rate(rate):
    time = np.arange(20 * rate) / rate
    wave = np.sin(2 * np.pi * 440.0 * time).astype(np.float32)
    rows, flatness = frames(wave, rate)
    assert rows.shape == (80, 61)
    assert np.linalg.norm(rows, axis=1) == pytest.approx(1.0)
    # A4 is the 36th semitone above A1.
    assert (rows[2:-2].argmax(1) == 36).all()
    assert (flatness < 0.1).all()
