"""Measures of notes, by hand-written notes and their known answers."""

import numpy as np
import pytest

from ada.evaluation.note_controls import key_controls, murmur, noise
from ada.evaluation.notes import in_key, key_kept, measures, notes_of, thirds

C_MAJOR = [60, 62, 64, 65, 67, 69, 71]
A_HARMONIC_MINOR = [57, 59, 60, 62, 64, 65, 68]


def test_density_polyphony_and_pauses_have_known_answers():
    """Two notes of 2 s that overlap by 1 s, a pause of 2 s, one of 1 s, and 3 s of silence."""
    found = measures(notes_of([(1, 3, 60), (2, 4, 64), (6, 7, 67)]), 10.0)
    assert found["notes_per_sec"] == pytest.approx(0.3)
    assert found["sounding_share"] == pytest.approx(0.4)
    assert found["polyphony"] == pytest.approx(5 / 4)
    assert found["longest_silence_secs"] == pytest.approx(3.0)
    assert found["in_key"] is found["key_kept"] is None


def test_notes_beyond_the_end_count_up_to_it():
    found = measures(notes_of([(0, 12, 60)]), 10.0)
    assert (found["sounding_share"], found["polyphony"]) == (1.0, 1.0)
    assert found["longest_silence_secs"] == 0.0


def test_no_notes_are_one_silence():
    found = measures(notes_of([]), 4.0)
    assert (found["notes_per_sec"], found["sounding_share"]) == (0.0, 0.0)
    assert found["longest_silence_secs"] == 4.0
    assert found["polyphony"] is None


@pytest.mark.parametrize("scale", [C_MAJOR, A_HARMONIC_MINOR])
@pytest.mark.parametrize("transposition", range(12))
def test_every_key_is_known(scale, transposition):
    pitches = np.array(scale * 2) + transposition
    assert in_key(pitches) == 1.0
    assert in_key(np.append(pitches, pitches[0] + 1)) == pytest.approx(14 / 15)


def test_all_twelve_pitch_classes_fit_seven_in_twelve():
    assert in_key(np.arange(60, 84)) == pytest.approx(7 / 12)


def test_few_notes_have_no_key():
    assert in_key(np.array(C_MAJOR)) is None
    assert key_kept(np.array(C_MAJOR), np.array(C_MAJOR[:3])) is None


def test_kept_key_is_that_of_the_first_third():
    c_major, f_sharp_major = np.array(C_MAJOR), np.array(C_MAJOR) + 6
    assert key_kept(c_major, c_major) == 1.0
    # Two of seven pitch classes are common to keys a tritone apart.
    assert key_kept(c_major, f_sharp_major) == pytest.approx(2 / 7)


def test_keys_that_fit_alike_count_alike():
    """Four times one note: 14 of 24 keys have it, and share each other pitch class by chance."""
    same = np.array([60] * 4)
    assert key_kept(same, same) == 1.0
    assert key_kept(same, np.arange(60, 72)) == pytest.approx(7 / 12)


def test_key_kept_over_stretches_of_10_s():
    """C major for 10 s, then a modulation after 5 of the other 10 s: 1 and less, and their mean."""
    scale = [60, 62, 64, 65, 67, 69, 71]
    kept = [(k / 2, k / 2 + 0.4, scale[k % 7]) for k in range(40)]
    moved = [(on, off, pitch + 6 * (on >= 15)) for on, off, pitch in kept]
    last_third = np.array([pitch for on, _, pitch in moved if on >= 10 + 20 / 3])
    expected = (1.0 + key_kept(np.array(scale), last_third)) / 2
    assert measures(notes_of(kept), 20.0)["key_kept_10_secs"] == 1.0
    assert measures(notes_of(moved), 20.0)["key_kept_10_secs"] == pytest.approx(expected)
    assert expected < 0.8
    assert measures(notes_of(kept), 9.0)["key_kept_10_secs"] is None


def test_thirds_are_by_onset():
    first, last = thirds(notes_of([(0, 9, 60), (2.9, 3, 61), (3, 4, 62), (6, 7, 63)]), 9.0)
    assert (list(first), list(last)) == ([60, 61], [63])


def piece(key, seed, notes=120, secs=20.0):
    """Random notes of a major key."""
    rng = np.random.default_rng(seed)
    pitches = rng.choice(C_MAJOR, notes) + key + 12 * rng.integers(-1, 2, notes)
    onsets = np.sort(rng.uniform(0, secs - 0.3, notes))
    return notes_of(zip(onsets, onsets + 0.3, pitches, strict=True))


def test_controls_lose_their_key_and_real_pieces_keep_it():
    pieces = [piece(key, seed) for seed, key in enumerate((0, 6, 1, 7, 2, 8))]
    assert all(measures(one, 20.0)["key_kept"] == 1.0 for one in pieces)
    found = key_controls(pieces, 20.0)
    assert np.mean(found["other_clip"]["key_kept"]) < 0.5
    # Of 1 to 11 semitones, keys share 2 to 6 of 7 pitch classes.
    assert np.mean(found["transposed_third"]["key_kept"]) == pytest.approx(42 / 77, abs=0.1)
    assert np.mean(found["random_pitches"]["key_kept"]) == pytest.approx(7 / 12, abs=0.06)
    assert 0.58 < np.mean(found["random_pitches"]["in_key"]) < 0.72
    assert key_controls(pieces, 20.0) == found


def test_one_clip_has_no_other():
    assert key_controls([piece(0, 0)], 20.0)["other_clip"] == {"key_kept": [None]}
    assert key_controls([notes_of([])], 20.0)["random_pitches"] == {
        "in_key": [None],
        "key_kept": [None],
    }


def test_murmur_has_the_spectrum_and_noise_the_level(play, melody):
    audio = play(melody, 6.4)
    changed = murmur(audio)
    spectra = [np.abs(np.fft.rfft(a))[1:-1] for a in (audio, changed)]
    np.testing.assert_allclose(*spectra, rtol=0.01, atol=0.01)
    assert np.corrcoef(audio, changed)[0, 1] < 0.1
    assert noise(audio).std() == pytest.approx(audio.std(), rel=0.02)
