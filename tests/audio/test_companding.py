import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import ada
from ada.audio import (
    COMPANDINGS,
    get_companding,
    mu_law_decode,
    mu_law_encode,
    uniform_decode,
    uniform_encode,
)

EVERY = [(name, n) for name in COMPANDINGS for n in (2, 16, 255, 256, 1024, 65536)]


def amplitudes():
    """Random ones, and those where the cells of uniform companding meet."""
    rng = np.random.default_rng(0)
    return np.concatenate([rng.uniform(-1.1, 1.1, 100_000), np.arange(-1024, 1025) / 1024]).astype(
        np.float32
    )


def test_mu_law_of_known_amplitudes():
    np.testing.assert_array_equal(mu_law_encode([-1.0, 0.0, 1.0, -7.0, 7.0]), [0, 128, 255, 0, 255])
    # f(x) = ln(1 + 255 / 51) / ln(256) = 0.32312; (0.32312 + 1) / 2 * 256 = 169.4
    assert mu_law_encode(1 / 51) == 169
    assert mu_law_encode(-1 / 51) == 86
    # The centre of the outermost cell: f = 255 / 256.
    assert mu_law_decode(255) == pytest.approx((256 ** (255 / 256) - 1) / 255)
    assert mu_law_decode(128) == pytest.approx((256 ** (1 / 256) - 1) / 255)


def test_uniform_of_known_amplitudes():
    np.testing.assert_array_equal(
        uniform_encode([-1.0, 0.0, 0.5, 1.0, 2.0], 16), [0, 8, 12, 15, 15]
    )
    np.testing.assert_allclose(uniform_decode([0, 8, 15], 16), [-15 / 16, 1 / 16, 15 / 16])


@pytest.mark.parametrize(("name", "num_classes"), EVERY)
def test_decoding_then_encoding_gives_every_class_back(name, num_classes):
    encode, decode = get_companding(name)
    ids = np.arange(num_classes, dtype=np.int32)
    audio = decode(ids, num_classes)
    assert audio.dtype == np.float32
    assert (np.diff(audio) > 0).all()
    np.testing.assert_allclose(audio, -audio[::-1], atol=1e-9)
    np.testing.assert_array_equal(encode(audio, num_classes), ids)


@pytest.mark.parametrize("name", COMPANDINGS)
def test_encoding_then_decoding_stays_within_the_cell(name):
    encode, decode = get_companding(name)
    audio = np.clip(amplitudes(), -1, 1)
    ids = encode(audio)
    assert ids.dtype == np.int32
    edges = np.concatenate([[-1], (decode(np.arange(255)) + decode(np.arange(1, 256))) / 2, [1]])
    width = np.diff(edges)[ids]
    assert (np.abs(decode(ids) - audio) <= width).all()
    half_a_cell = decode(128) - decode(127)
    assert abs(decode(encode(0.0))) <= half_a_cell


@pytest.mark.parametrize(("name", "num_classes"), EVERY)
def test_tensors_give_what_arrays_give(name, num_classes):
    encode, decode = get_companding(name)
    audio = amplitudes()
    ids = encode(audio, num_classes)
    for compiled in (False, True):
        tf_encode = tf.function(encode, jit_compile=compiled)
        tf_decode = tf.function(decode, jit_compile=compiled)
        tf_ids = tf_encode(tf.constant(audio), num_classes)
        tf_audio = tf_decode(tf_ids, num_classes)
        assert (tf_ids.dtype, tf_audio.dtype) == (tf.int32, tf.float32)
        np.testing.assert_array_equal(tf_ids.numpy(), ids)
        np.testing.assert_allclose(tf_audio.numpy(), decode(ids, num_classes), rtol=2e-7, atol=1e-9)


def test_shape_is_kept_in_a_dataset():
    dataset = tf.data.Dataset.from_tensors(tf.zeros([2, 3])).map(mu_law_encode)
    assert dataset.element_spec == tf.TensorSpec([2, 3], tf.int32)
    assert mu_law_decode(np.zeros([2, 0, 3], int)).shape == (2, 0, 3)


def test_mistakes_are_named():
    with pytest.raises(ValueError, match=r"\['mu_law', 'uniform'\].*'a_law'"):
        get_companding("a_law")
    with pytest.raises(ValueError, match="at least 2, got 1"):
        mu_law_encode(0.0, 1)
    with pytest.raises(TypeError, match="from_pcm16"):
        mu_law_encode(np.zeros(3, np.int16))


def test_importing_audio_does_not_import_tensorflow():
    code = (
        "import sys, ada.audio; ada.audio.mu_law_encode([0.5]);"
        "sys.exit(any(name.startswith('tensorflow') for name in sys.modules))"
    )
    root = Path(ada.__file__).parents[1]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root)
