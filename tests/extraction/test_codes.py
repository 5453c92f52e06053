"""Encoding in pieces equals encoding whole sources; codes name the encoder they came from."""

import numpy as np
import pytest
import tensorflow as tf

from ada.extraction.job import SourceEncoder
from ada.models import AutoregressiveDiscreteAutoencoder, Encoder, Modulator, WaveNet
from ada.quantizers import ArgmaxQuantizer, VectorQuantizer

QUANTIZERS = {"vq": lambda: VectorQuantizer(16, 8), "amae": lambda: ArgmaxQuantizer(16)}


@pytest.fixture(scope="module", params=QUANTIZERS)
def model(request, randomize):
    model = AutoregressiveDiscreteAutoencoder(
        Encoder(8, 7, 8, (1, 2, 4), input_channels=8, ordinal_classes=False),
        QUANTIZERS[request.param](),
        Modulator(4, (1,)),
        WaveNet(7, 1, 2, 2, 4, 4, 4),
    )
    model.build()
    return randomize(model)


@pytest.mark.parametrize("num_steps", [2048, 2045, 333, 8, 3])
@pytest.mark.parametrize("piece_steps", [8, 100, 640, 10000])
def test_pieces_equal_the_whole(num_steps, piece_steps, model):
    ids = np.random.default_rng(num_steps).integers(0, 7, num_steps).astype(np.int32)
    encoder = SourceEncoder(model, piece_steps)
    pieces = list(encoder.blocks(lambda start, length: ids[start : start + length], num_steps))
    whole = model.encode(tf.constant(ids)[tf.newaxis])[0].numpy()
    np.testing.assert_array_equal(np.concatenate(pieces), whole)
    assert len(whole) == -(-num_steps // 8)
    if num_steps > 1000:
        assert len(np.unique(whole)) > 4


def test_without_context_pieces_differ(model):
    """What the test above would show if pieces were read alone."""
    ids = np.random.default_rng(0).integers(0, 7, (1, 2048)).astype(np.int32)
    whole = model.encode(ids).numpy()
    alone = np.concatenate(
        [model.encode(ids[:, start : start + 256]).numpy() for start in range(0, 2048, 256)], axis=1
    )
    assert (whole != alone).any()
