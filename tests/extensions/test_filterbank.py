"""The filterbank and the front end made of it, against sines whose pitch and level are known."""

import numpy as np
import pytest
import tensorflow as tf

from ada.audio import mu_law_decode, mu_law_encode
from ada.extensions import Filterbank, FilterbankFrontEnd

HOP = 64
SEMITONES = Filterbank(HOP, 84, 12, 55.0)


def sine(hz, amplitude, samples=8192, rate=16000):
    """Audio `[samples]`."""
    return amplitude * np.sin(2 * np.pi * hz * np.arange(samples) / rate)


def magnitudes(audio):
    """Linear magnitudes in the middle of audio that went through 8 bits, `[filters]`."""
    audio = mu_law_decode(mu_law_encode(audio))[np.newaxis]
    spectrum = SEMITONES.log_spectrum(tf.constant(audio)).numpy()[0]
    return np.expm1(spectrum[len(spectrum) // 2]) / 1000.0


@pytest.mark.parametrize("semitone", [12, 24, 31, 45, 60, 75])
def test_sine_is_loudest_in_its_own_band_at_its_own_level(semitone):
    found = magnitudes(sine(55.0 * 2 ** (semitone / 12), 0.3))
    assert found.argmax() == semitone
    # Mu-law quantises a sample of this level to about 1 %.
    assert found[semitone] == pytest.approx(0.3, rel=0.03)


def test_silence_is_zero_and_louder_is_larger():
    assert magnitudes(np.zeros(8192)).max() < 1e-3
    levels = [magnitudes(sine(440.0, a))[36] for a in (0.01, 0.1, 0.5)]
    np.testing.assert_allclose(levels, [0.01, 0.1, 0.5], rtol=0.05)


def test_two_notes_a_whole_tone_apart_are_two_peaks():
    found = magnitudes(sine(440.0, 0.2) + sine(440.0 * 2 ** (2 / 12), 0.2))
    assert found[36] > 1.5 * found[37] < found[38]


@pytest.mark.parametrize("hop_length", [8, 32, 64])
def test_frames_are_direct_inner_products_of_taps_and_audio(hop_length):
    """Against frames cut out one by one."""
    bank = Filterbank(hop_length, 5, 2, 300.0, num_taps=128)
    audio = np.random.default_rng(0).uniform(-1.0, 1.0, (2, 256)).astype(np.float32)
    padded = np.pad(audio, [(0, 0), (bank.field.past, bank.field.future)])
    starts = range(0, 256, hop_length)
    frames = np.stack([padded[:, s : s + 128] for s in starts], axis=1)
    cosine, sines = np.split(frames @ bank.taps(), 2, axis=-1)
    expected = np.log1p(1000.0 * np.sqrt(cosine**2 + sines**2 + 1e-10))
    np.testing.assert_allclose(bank.log_spectrum(tf.constant(audio)), expected, atol=1e-3)


def test_front_end_depends_on_its_field_and_nothing_else(randomize):
    front_end = FilterbankFrontEnd(8, 6, num_filters=8, lowest_hz=900.0, num_taps=32)
    front_end.build()
    randomize(front_end)
    field = front_end.field
    ids = np.random.default_rng(1).integers(0, 256, (1, 160)).astype(np.int32)
    before = front_end(ids).numpy()
    for place in (0, 40, 77, 159):
        changed = ids.copy()
        changed[0, place] = (changed[0, place] + 128) % 256
        differs = np.abs(front_end(changed).numpy() - before).max((0, 2)) > 1e-6
        steps = np.arange(20)
        within = (steps * 8 - field.past <= place) & (place < (steps + 1) * 8 + field.future)
        assert not differs[~within].any()
        assert differs[within].any()


def test_amplitudes_are_those_of_the_companding():
    front_end = FilterbankFrontEnd(8, 4, num_taps=32, companding="uniform", num_classes=4)
    found = front_end.amplitudes(tf.constant([[0, 1, 2, 3]]))
    np.testing.assert_allclose(found, [[-0.75, -0.25, 0.25, 0.75]])


def test_taps_are_not_trained():
    front_end = FilterbankFrontEnd(64, 16)
    front_end.build()
    assert [w.path.split("/")[-1] for w in front_end.weights] == ["kernel", "bias"]
    assert front_end.weights[0].shape == (120, 16)


def test_taps_of_no_whole_hops_are_refused():
    with pytest.raises(ValueError, match="2048 must be a multiple of the hop length 60"):
        FilterbankFrontEnd(60, 16)
