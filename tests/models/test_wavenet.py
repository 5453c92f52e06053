"""The WaveNet: exactly what it sees, and what it makes of it."""

import numpy as np
import pytest

from ada.models import WaveNet
from ada.models.losses import categorical


def log_softmax(logits):
    shifted = np.asarray(logits, np.float64)
    shifted = shifted - shifted.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def log_prob_of(logits, ids):
    return np.take_along_axis(log_softmax(logits), ids[..., np.newaxis], -1)[..., 0]


@pytest.mark.parametrize("kernel_size", [1, 2, 3])
@pytest.mark.parametrize("num_stacks", [1, 2])
def test_receptive_field_is_exact(num_stacks, kernel_size, make_wavenet, id_influences):
    model = make_wavenet(num_stacks, 3, kernel_size)
    field = model.receptive_field
    assert field == 1 + num_stacks * (kernel_size - 1) * (1 + 2 + 4)
    assert model.context == (field, 0)
    t = np.arange(field + 4)
    distance = t[:, None] - t
    # Neither the id itself nor anything later, nothing one further than the field.
    expected = (distance >= 1) & (distance <= field)
    np.testing.assert_array_equal(id_influences(model, len(t)), expected)


@pytest.mark.parametrize(
    ("num_stacks", "layers_per_stack", "steps"), [(3, 10, 6139), (6, 10, 12277), (3, 13, 49147)]
)
def test_receptive_fields_of_the_paper(num_stacks, layers_per_stack, steps):
    model = WaveNet(256, num_stacks, layers_per_stack, 3, residual_channels=2, skip_channels=2)
    assert model.receptive_field == steps


def test_the_defaults_are_the_large_wavenet():
    assert WaveNet().receptive_field == 6139


@pytest.mark.parametrize("kernel_size", [1, 2, 3])
@pytest.mark.parametrize("hop", [1, 4])
def test_conditioning_field_is_exactly_what_it_sees(kernel_size, hop, make_wavenet, influences):
    model = make_wavenet(2, 2, kernel_size, channels=3)
    field = model.conditioning_field
    # The first of the four layers reads its inputs, not h, with its convolution.
    assert field == 1 + (kernel_size - 1) * (2 + 1 + 2)
    rng = np.random.default_rng(1)
    steps = -(-(field + 4) // hop) * hop
    ids = rng.integers(0, 7, (1, steps))
    h, others = rng.normal(size=(2, 6, steps // hop, 3)).astype(np.float32)
    seen = influences(lambda h: model(np.repeat(ids, len(h), 0), h), h, others)
    distance = np.arange(steps)[:, None] - np.arange(steps)
    each = (distance >= 0) & (distance < field)
    np.testing.assert_array_equal(seen, each.reshape(steps, -1, hop).any(-1))


def test_inputs_are_seen_in_place_of_ids(make_wavenet):
    model = make_wavenet()
    ids, inputs = np.random.default_rng(1).integers(0, 7, (2, 2, 9))
    np.testing.assert_array_equal(model(ids, inputs=inputs), model(inputs))


@pytest.mark.parametrize("weighted", [False, True])
def test_nll_is_the_mean_in_nats(weighted, make_wavenet):
    model = make_wavenet(channels=3)
    rng = np.random.default_rng(1)
    ids = rng.integers(0, 7, (3, 8))
    h = rng.normal(size=(3, 2, 3)).astype(np.float32)
    weights, shares = None, np.full((3, 8), 1 / 24)
    if weighted:
        shares = rng.uniform(size=(3, 8)) ** 4
        weights = shares = (shares / shares.sum()).astype(np.float32)
    log_prob = log_prob_of(model(ids, h), ids)
    np.testing.assert_allclose(model.log_prob(ids, h), log_prob, rtol=1e-5, atol=1e-6)
    output = model.compute_losses(ids, weights, conditioning=h)
    assert set(output.losses) == {"nll"}
    np.testing.assert_allclose(output.losses["nll"], -(shares * log_prob).sum(), rtol=1e-5)
    assert output.codes is None
    assert output.q is None


def test_probabilities_sum_to_one(make_wavenet):
    ids = np.random.default_rng(1).integers(0, 7, (2, 9))
    probabilities = categorical(make_wavenet()(ids)).probs_parameter()
    np.testing.assert_allclose(probabilities.numpy().sum(-1), np.ones((2, 9)), rtol=1e-5)


def test_audio_classes_start_on_a_line_and_codes_do_not():
    def explained_by_a_line(ordinal):
        model = WaveNet(256, 1, 1, 2, 16, 4, ordinal_classes=ordinal)
        model.build()
        table = model.embedding.table.numpy()
        correlations = np.corrcoef(table.T, np.linspace(-1, 1, 256))[-1, :-1]
        return np.median(correlations**2)

    assert explained_by_a_line(True) > 0.9
    assert explained_by_a_line(False) < 0.1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_classes": 1}, "num_classes=1"),
        ({"num_stacks": 0}, "num_stacks=0"),
        ({"layers_per_stack": 0}, "layers_per_stack=0"),
        ({"kernel_size": 0}, "kernel_size=0"),
    ],
)
def test_impossible_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        WaveNet(**arguments)


@pytest.mark.parametrize(("channels", "given"), [(0, True), (3, False)])
def test_conditioning_must_be_given_exactly_where_it_is_taken(channels, given, make_wavenet):
    model = make_wavenet(channels=channels)
    ids, h = np.zeros((1, 4), np.int32), np.zeros((1, 4, 3), np.float32)
    with pytest.raises(ValueError, match=f"built for {channels} conditioning channels"):
        model(ids, h if given else None)
