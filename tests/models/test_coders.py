"""Encoder and modulator: exactly what their outputs see."""

import numpy as np
import pytest

from ada.layers import Field
from ada.models import Encoder, Modulator


@pytest.mark.parametrize(
    ("hop", "downsampling", "dilations", "field"),
    [
        (2, "strided", (1, 2), Field(1 + 2 * 3, 1 + 2 * 3, 2)),
        (6, "strided", (1,), Field(4 + 6, 5 + 6, 6)),
        (8, "strided", (1,), Field(6 + 8, 6 + 8, 8)),
        (64, "strided", (1,), Field(42 + 64, 42 + 64, 64)),
        (6, "average", (1, 2), Field(3, 3, 6)),
        (4, "average", (), Field(0, 0, 4)),
    ],
)
def test_encoder_field_is_exactly_what_a_query_sees(
    hop, downsampling, dilations, field, randomize, id_influences
):
    encoder = Encoder(
        hop, 7, 8, dilations, input_channels=8, downsampling=downsampling, ordinal_classes=False
    )
    encoder.build()
    randomize(encoder)
    assert encoder.field == field
    query = -(-field.past // hop)
    steps = (2 * query + 2) * hop
    seen = id_influences(encoder, steps, trials=3 if hop == 64 else 8)[query]
    first = query * hop - field.past
    expected = np.isin(np.arange(steps), np.arange(first, first + field.size))
    np.testing.assert_array_equal(seen, expected)


@pytest.mark.parametrize("kernel_size", [3, 5])
@pytest.mark.parametrize("upsample_by", [1, 3])
def test_modulator_field_is_exactly_what_a_step_sees(
    upsample_by, kernel_size, randomize, influences
):
    modulator = Modulator(6, (1, 2), kernel_size, upsample_by)
    modulator.build((None, None, 3))
    randomize(modulator)
    reach = (kernel_size - 1) // 2 * 3
    assert modulator.field == Field(past=reach, future=reach)
    steps = 2 * reach + 5
    vectors, others = np.random.default_rng(1).normal(size=(2, 4, steps, 3)).astype(np.float32)
    seen = influences(modulator, vectors, others)
    t = np.arange(steps)
    expected = np.abs(t[:, None] - t) <= reach
    np.testing.assert_array_equal(seen, np.repeat(expected, upsample_by, axis=0))
