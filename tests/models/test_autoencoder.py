"""The autoencoder: what an id's probability depends on, lengths, and errors."""

import numpy as np
import pytest
import tensorflow as tf

from ada.models import AutoregressiveDiscreteAutoencoder, Encoder, Modulator, WaveNet
from ada.quantizers import ArgmaxQuantizer, IdentityQuantizer, VectorQuantizer

HOP = 4


@pytest.fixture(scope="module", params=[False, True], ids=["repeated", "upsampled"])
def either(request, make_autoencoder):
    """The modulator's output is repeated over the hop, or upsampled."""
    return make_autoencoder(upsample=request.param)


@pytest.fixture(scope="module")
def model(make_autoencoder):
    return make_autoencoder()


@pytest.fixture(scope="module")
def ids():
    return np.random.default_rng(1).integers(0, 7, (2, 16)).astype(np.int32)


@pytest.mark.parametrize("upsample", [False, True])
@pytest.mark.parametrize("kernel_size", [2, 3])
def test_with_its_codes_held_only_past_ids_count(
    kernel_size, upsample, make_autoencoder, id_influences
):
    model = make_autoencoder(kernel_size=kernel_size, upsample=upsample)
    steps = model.receptive_field + 7
    codes = np.random.default_rng(2).integers(0, 8, (1, -(-steps // HOP)))

    def logits(rows):
        return model.decode(np.repeat(codes, len(rows), axis=0), rows)

    t = np.arange(steps)
    distance = t[:, None] - t
    expected = (distance >= 1) & (distance <= model.receptive_field)
    np.testing.assert_array_equal(id_influences(logits, steps), expected)


def test_codes_count_as_far_ahead_as_the_modulator_looks(either, influences):
    model = either
    num_codes = 12
    rng = np.random.default_rng(2)
    ids = rng.integers(0, 7, (1, num_codes * HOP))
    codes = rng.integers(0, 8, (6, num_codes))
    others = (codes + rng.integers(1, 8, codes.shape)) % 8
    seen = influences(lambda rows: model.decode(rows, np.repeat(ids, len(rows), 0)), codes, others)

    t, code = np.arange(num_codes * HOP)[:, None], np.arange(num_codes)
    oldest = np.maximum(t - model.local_model.conditioning_field + 1, 0) // HOP
    field = model.modulator.field
    assert field.future == 3
    expected = (code >= oldest - field.past) & (code <= t // HOP + field.future)
    np.testing.assert_array_equal(seen, expected)


@pytest.mark.parametrize("upsample", [False, True])
def test_context_is_exactly_what_a_log_probability_depends_on(
    upsample, make_autoencoder, id_influences
):
    # Without quantisation nothing that the encoder sees is lost.
    model = make_autoencoder(quantizer=IdentityQuantizer(3), upsample=upsample)
    past, future = model.context
    output, changed = np.nonzero(id_influences(model, past + future + 3 * HOP))
    assert (output - changed).max() == past
    assert (changed - output).max() == future


def test_context_is_never_less_than_the_receptive_field(randomize, id_influences):
    model = AutoregressiveDiscreteAutoencoder(
        Encoder(2, 7, 6, (), input_channels=8, downsampling="average"),
        IdentityQuantizer(3),
        Modulator(4, ()),
        WaveNet(7, 1, 2, 3, 6, 16, 4),
    )
    model.build()
    assert model.context == (model.receptive_field, 1)
    output, changed = np.nonzero(id_influences(randomize(model), 12))
    assert (output - changed).max() == model.receptive_field
    assert (changed - output).max() == 1


def test_a_codes_own_ids_reach_it(model, id_influences):
    """The one way in which an id's probability may depend on itself and on later ids."""
    seen = id_influences(lambda rows: model(rows), 16)
    assert seen[np.triu_indices(16)].any()


@pytest.mark.parametrize("steps", [1, 3, 4, 5, 11])
def test_no_length_is_cut(steps, either, ids):
    model, ids = either, ids[:, :steps]
    num_codes = -(-steps // HOP)
    codes = model.encode(ids)
    assert codes.shape == (2, num_codes)
    assert codes.dtype == tf.int32
    padded = np.pad(ids, [(0, 0), (0, num_codes * HOP - steps)], mode="edge")
    np.testing.assert_array_equal(codes, model.encode(padded))
    assert model(ids).shape == (2, steps, 7)
    np.testing.assert_allclose(model(ids), model(padded)[:, :steps], atol=1e-6)
    np.testing.assert_allclose(model.decode(codes, ids), model(ids), atol=1e-5)

    log_prob = model.log_prob(ids)
    expected = tf.nn.log_softmax(model(ids)).numpy()
    expected = np.take_along_axis(expected, ids[..., np.newaxis], -1)[..., 0]
    np.testing.assert_allclose(log_prob, expected, atol=1e-5)
    np.testing.assert_allclose(model.log_prob(ids, codes), log_prob, atol=1e-6)
    # Padding has no weight: the mean is over the ids given.
    output = model.compute_losses(ids)
    np.testing.assert_allclose(output.losses["nll"], -expected.mean(), rtol=1e-5)
    np.testing.assert_allclose(output.metrics["usage"].numpy().sum(), 1.0, rtol=1e-6)
    np.testing.assert_array_equal(output.codes, codes)


def test_a_length_known_only_at_run_time(model, ids):
    signature = [tf.TensorSpec([2, None], tf.int32)]
    encode = tf.function(model.encode, input_signature=signature)
    call = tf.function(lambda rows: model(rows), input_signature=signature)
    for steps in (6, 8):
        np.testing.assert_array_equal(encode(ids[:, :steps]), model.encode(ids[:, :steps]))
        np.testing.assert_allclose(call(ids[:, :steps]), model(ids[:, :steps]), atol=1e-5)


def test_a_code_weighs_what_its_ids_weigh(model, ids):
    ids = ids[:, :7]
    weights = np.random.default_rng(3).uniform(size=ids.shape).astype(np.float32)
    weights /= weights.sum()
    of_codes = np.stack([weights[:, :4].sum(1), weights[:, 4:].sum(1)], axis=1)
    output = model.compute_losses(ids, weights)
    expected = model.quantizer(model.queries(ids), weights=of_codes)
    for term in ("codebook", "commitment"):
        np.testing.assert_allclose(output.losses[term], expected.losses[term], rtol=1e-5)
    log_prob = model.log_prob(ids).numpy()
    np.testing.assert_allclose(output.losses["nll"], -(weights * log_prob).sum(), rtol=1e-5)


def reached(model, ids, term):
    """The parts of the model that a loss term moves."""
    owners = {
        "encoder": [model.encoder, model.to_queries],
        "codebook": [model.quantizer],
        "decoder": [model.modulator, model.local_model],
    }
    with tf.GradientTape() as tape:
        loss = model.compute_losses(ids).losses[term]
    variables = {
        name: [v.value for part in parts for v in part.trainable_variables]
        for name, parts in owners.items()
    }
    gradients = tape.gradient(loss, variables)
    found = set()
    for name, values in gradients.items():
        if any(g is not None and np.any(tf.convert_to_tensor(g)) for g in values):
            found.add(name)
    return found


@pytest.mark.parametrize(
    ("quantizer", "term", "parts"),
    [
        (VectorQuantizer(8, 3), "nll", {"encoder", "decoder"}),
        (VectorQuantizer(8, 3), "codebook", {"codebook"}),
        (VectorQuantizer(8, 3), "commitment", {"encoder"}),
        (ArgmaxQuantizer(8), "nll", {"encoder", "decoder"}),
        (ArgmaxQuantizer(8), "commitment", {"encoder"}),
        (ArgmaxQuantizer(8), "diversity", {"encoder"}),
        (IdentityQuantizer(3), "nll", {"encoder", "decoder"}),
    ],
)
def test_every_loss_term_moves_what_it_should(quantizer, term, parts, make_autoencoder, ids):
    assert reached(make_autoencoder(quantizer=quantizer), ids, term) == parts


def test_sizes(model):
    assert model.hop_length == HOP
    assert model.num_classes == 7
    assert model.num_codes == 8
    assert model.receptive_field == model.local_model.receptive_field == 8


@pytest.mark.parametrize(
    ("modulator", "local_model", "message"),
    [
        (Modulator(4), WaveNet(9, 1, 1, conditioning_channels=4), "reads 7 .* predicts 9"),
        (Modulator(5), WaveNet(7, 1, 1, conditioning_channels=4), "gives 5 .* takes 4"),
        (Modulator(4, upsample_by=3), WaveNet(7, 1, 1, conditioning_channels=4), "4, got 3"),
    ],
)
def test_parts_that_do_not_fit_are_refused(modulator, local_model, message):
    with pytest.raises(ValueError, match=message):
        AutoregressiveDiscreteAutoencoder(
            Encoder(HOP, 7), VectorQuantizer(8, 3), modulator, local_model
        )


@pytest.mark.parametrize("num_codes", [1, 2, 4])
def test_another_number_of_codes_is_refused(num_codes, either, ids):
    """Two codes for 12 ids would otherwise pass for codes of hop 6."""
    model = either
    codes = np.zeros((2, num_codes), np.int32)
    with pytest.raises(ValueError, match=f"codes for {num_codes * HOP} ids .* 11 ids.* 3 codes"):
        model.decode(codes, ids[:, :11])
    with pytest.raises(ValueError, match="3 codes"):
        model.log_prob(ids[:, :11], codes)


def test_without_quantiser_there_are_no_codes(make_autoencoder, ids):
    with pytest.raises(ValueError, match="no codes"):
        make_autoencoder(quantizer=IdentityQuantizer(3)).encode(ids)
