"""A second level hears codes as the audio that the level below reads from them."""

import numpy as np
import pytest
import tensorflow as tf

from ada.extensions import CodeFrontEnd, Filterbank, SpectralLoss, WaveformLoss
from ada.models import AutoregressiveDiscreteAutoencoder, Encoder, Modulator, WaveNet
from ada.quantizers import VectorQuantizer


@pytest.fixture(scope="module")
def below(randomize):
    """A first level of hop 2 with a waveform loss."""
    model = AutoregressiveDiscreteAutoencoder(
        Encoder(2, 7, 6, (1,), ordinal_classes=False),
        VectorQuantizer(5, 3),
        Modulator(4, (1, 2)),
        WaveNet(7, 1, 2, 2, 4, 4, 4),
        WaveformLoss(2, num_classes=7),
    )
    model.build()
    return randomize(model)


def make_front_end(built=True, **kwargs):
    layers = {"modulator": Modulator(4, (1, 2)), "waveform": WaveformLoss(2)} | kwargs
    filters = {"num_filters": 6, "lowest_hz": 900.0, "num_taps": 24}
    front_end = CodeFrontEnd(3, 4, VectorQuantizer(5, 3), **layers, **filters)
    if built:
        front_end.build()
    return front_end


@pytest.fixture(scope="module")
def front_end(below, randomize):
    front_end = make_front_end()
    randomize(front_end)
    front_end.load_below(below)
    return front_end


CODES = np.random.default_rng(0).integers(0, 5, (2, 30)).astype(np.int32)


def test_audio_of_codes_is_what_the_level_below_reads_from_them(front_end, below):
    features = below.modulator.features(below.quantizer.codes_to_quantized(CODES))
    companded = np.clip(below.auxiliary.head(features), -1.0, 1.0)
    expected = np.sign(companded) * (256.0 ** np.abs(companded) - 1.0) / 255.0
    found = front_end.amplitudes(tf.constant(CODES))
    np.testing.assert_allclose(found, expected.reshape(2, 60), rtol=1e-4, atol=1e-6)


def test_output_is_the_filterbank_of_that_audio(front_end):
    audio = front_end.amplitudes(tf.constant(CODES))
    spectrum = Filterbank(6, 6, 16, 900.0, num_taps=24).log_spectrum(audio)
    expected = 0.7 * spectrum @ front_end.mix.kernel + front_end.mix.bias
    np.testing.assert_allclose(front_end(CODES), expected, rtol=1e-4, atol=1e-5)


def test_copied_weights_are_not_trained(front_end):
    assert {w.path.split("/")[-2] for w in front_end.trainable_weights} == {"mix"}
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(front_end(CODES) ** 2)
    assert tape.gradient(total, front_end.mix.kernel.value) is not None


def test_output_depends_on_its_field_and_nothing_else(front_end):
    field, before = front_end.field, front_end(CODES[:1]).numpy()
    for place in (0, 14, 29):
        changed = CODES[:1].copy()
        changed[0, place] = (changed[0, place] + 2) % 5
        differs = np.abs(front_end(changed).numpy() - before).max((0, 2)) > 1e-6
        steps = np.arange(10)
        within = (steps * 3 - field.past <= place) & (place < (steps + 1) * 3 + field.future)
        assert not differs[~within].any()
        assert differs[within].any()


def test_level_below_of_another_kind_is_refused(below, make_autoencoder):
    with pytest.raises(ValueError, match="trained without a WaveformLoss"):
        make_front_end().load_below(make_autoencoder())
    with pytest.raises(ValueError, match="sizes of the level below"):
        make_front_end(modulator=Modulator(6, (1, 2))).load_below(below)


def test_waveform_loss_of_a_perfect_prediction_is_zero():
    loss = WaveformLoss(2, weight=3.0)
    loss.build((None, None, 2))
    loss.head.kernel.assign(np.eye(2))
    companded = np.random.default_rng(1).uniform(-0.9, 0.9, (1, 5, 2)).astype(np.float32)
    audio = np.sign(companded) * (256.0 ** np.abs(companded) - 1.0) / 255.0
    audio = audio.reshape(1, 10).astype(np.float32)
    weights = np.full((1, 5), 0.2, np.float32)
    np.testing.assert_allclose(loss(companded, audio, weights).losses["auxiliary"], 0.0, atol=1e-9)
    np.testing.assert_allclose(loss.audio(companded), audio, rtol=1e-4, atol=1e-6)
    # One off by a half in every sample: weight times a quarter.
    shifted = loss(companded + 0.5, audio, weights).losses["auxiliary"]
    np.testing.assert_allclose(shifted, 0.75, rtol=1e-4)


def test_spectral_loss_of_a_second_level_is_that_of_the_audio_of_its_codes(below, randomize):
    model = AutoregressiveDiscreteAutoencoder(
        Encoder(3, 5, 4, (1,), front_end=make_front_end(built=False)),
        VectorQuantizer(6, 3),
        Modulator(4, (1,)),
        WaveNet(5, 1, 2, 2, 4, 4, 4),
        SpectralLoss(6, num_bands=4, lowest_hz=900.0, num_taps=24),
    )
    model.build()
    randomize(model)
    model.encoder.front_end.load_below(below)
    audio = model.encoder.front_end.amplitudes(tf.constant(CODES))
    features = model.modulator.features(model.quantizer(model.queries(CODES)).quantized)
    weights = np.full((2, 10), 1 / 20, np.float32)
    expected = model.auxiliary(features, audio, weights).losses["auxiliary"]
    found = model.compute_losses(tf.constant(CODES)).losses["auxiliary"]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_checkpoints_hold_all_of_the_level_below(front_end, randomize, tmp_path):
    saved = tf.train.Checkpoint(front_end=front_end).save(str(tmp_path / "ckpt"))
    restored = make_front_end()
    randomize(restored, seed=7)
    tf.train.Checkpoint(front_end=restored).restore(saved).assert_existing_objects_matched()
    for layer, other in zip(front_end._frozen, restored._frozen, strict=True):
        for own, found in zip(layer.weights, other.weights, strict=True):
            np.testing.assert_array_equal(found, own, err_msg=own.path)
    audio = front_end.amplitudes(tf.constant(CODES))
    np.testing.assert_array_equal(restored.amplitudes(tf.constant(CODES)), audio)
