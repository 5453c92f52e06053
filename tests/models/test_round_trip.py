"""Every layer, quantiser and model is rebuilt from JSON text alone, with all of its arguments."""

import inspect
import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from ada import extensions, layers, models, quantizers
from ada.models.embedding import IdEmbedding

IDS = np.random.default_rng(0).integers(0, 5, (2, 12)).astype(np.int32)
VECTORS = np.random.default_rng(1).normal(size=(2, 12, 3)).astype(np.float32)


# Every argument of every class, with a value that is not the default; what it is called on.
CASES = {
    layers.CausalConv1D: (
        {"filters": 4, "kernel_size": 3, "dilation_rate": 2, "use_bias": False},
        VECTORS,
    ),
    layers.GatedResidualBlock: (
        {
            "residual_channels": 3,
            "kernel_size": 2,
            "dilation_rate": 4,
            "residual_output": False,
        },
        VECTORS,
    ),
    layers.ResidualBlock: ({"channels": 3, "kernel_size": 5, "dilation_rate": 2}, VECTORS),
    layers.Downsample: ({"channels": 4, "hop_length": 6, "method": "average"}, VECTORS),
    layers.Upsample: ({"channels": 4, "hop_length": 3}, VECTORS),
    quantizers.VectorQuantizer: (
        {
            "num_codes": 5,
            "code_dim": 3,
            "codebook_weight": 0.7,
            "commitment_weight": 0.6,
        },
        VECTORS,
    ),
    quantizers.ArgmaxQuantizer: (
        {
            "num_codes": 3,
            "commitment_weight": 0.6,
            "diversity_weight": 8.0,
            "normalization": "softmax",
            "epsilon": 1e-3,
        },
        VECTORS,
    ),
    quantizers.IdentityQuantizer: ({"code_dim": 3}, VECTORS),
    IdEmbedding: ({"num_classes": 5, "channels": 4, "ordinal": False}, IDS),
    models.Encoder: (
        {
            "hop_length": 3,
            "num_classes": 5,
            "channels": 4,
            "dilation_rates": [2],
            "kernel_size": 5,
            "input_channels": 6,
            "downsampling": "average",
            "ordinal_classes": False,
            "front_end": lambda: extensions.FilterbankFrontEnd(
                3, 4, num_filters=5, lowest_hz=900.0, num_taps=6, num_classes=5
            ),
        },
        IDS,
    ),
    extensions.FilterbankFrontEnd: (
        {
            "hop_length": 3,
            "channels": 4,
            "num_filters": 5,
            "filters_per_octave": 2,
            "lowest_hz": 900.0,
            "num_taps": 6,
            "sample_rate": 8000,
            "companding": "uniform",
            "num_classes": 5,
        },
        IDS,
    ),
    extensions.SpectralLoss: (
        {
            "hop_length": 1,
            "weight": 2.0,
            "num_bands": 3,
            "lowest_hz": 900.0,
            "num_taps": 6,
            "sample_rate": 8000,
            "companding": "uniform",
            "num_classes": 5,
        },
        (VECTORS, VECTORS[..., 0], np.full((2, 12), 1 / 24, np.float32)),
    ),
    extensions.WaveformLoss: (
        {"hop_length": 1, "weight": 2.0, "companding": "uniform", "num_classes": 5},
        (VECTORS, VECTORS[..., 0], np.full((2, 12), 1 / 24, np.float32)),
    ),
    extensions.CodeFrontEnd: (
        {
            "hop_length": 3,
            "channels": 4,
            "quantizer": lambda: quantizers.VectorQuantizer(5, 3),
            "modulator": lambda: models.Modulator(4, [1], 3),
            "waveform": lambda: extensions.WaveformLoss(2),
            "num_filters": 5,
            "filters_per_octave": 2,
            "lowest_hz": 900.0,
            "num_taps": 12,
            "sample_rate": 8000,
            "skipped_copies": 2,
        },
        IDS,
    ),
    extensions.UnitLengthVectorQuantizer: (
        {"num_codes": 5, "code_dim": 3, "codebook_weight": 0.7, "commitment_weight": 0.6},
        VECTORS,
    ),
    extensions.GroupedArgmaxQuantizer: (
        {
            "num_codes": 3,
            "group_length": 1,
            "commitment_weight": 0.6,
            "diversity_weight": 8.0,
            "normalization": "softmax",
            "epsilon": 1e-3,
        },
        VECTORS,
    ),
    extensions.GroupedVectorQuantizer: (
        {
            "num_codes": 6,
            "code_dim": 3,
            "group_length": 3,
            "codebook_weight": 0.7,
            "commitment_weight": 0.6,
        },
        VECTORS,
    ),
    models.Modulator: (
        {"channels": 4, "dilation_rates": [3], "kernel_size": 5, "upsample_by": 3},
        VECTORS,
    ),
    models.WaveNet: (
        {
            "num_classes": 5,
            "num_stacks": 2,
            "layers_per_stack": 2,
            "kernel_size": 2,
            "residual_channels": 4,
            "skip_channels": 6,
            "conditioning_channels": 3,
            "ordinal_classes": False,
        },
        (IDS, VECTORS),
    ),
    models.AutoregressiveDiscreteAutoencoder: (
        {
            "encoder": lambda: models.Encoder(3, 5, 4, [2], 5, 6, "average", False),
            "quantizer": lambda: quantizers.VectorQuantizer(5, 2),
            "modulator": lambda: models.Modulator(4, [3], 5, upsample_by=3),
            "local_model": lambda: models.WaveNet(5, 1, 2, 2, 4, 6, 4, False),
            "auxiliary": lambda: extensions.SpectralLoss(3, num_taps=6, num_classes=5),
        },
        IDS,
    ),
}


def rebuilt(original):
    """Through JSON text, as in a run directory."""
    text = json.dumps(keras.saving.serialize_keras_object(original))
    return keras.saving.deserialize_keras_object(json.loads(text), safe_mode=True)


def apply(network, inputs):
    inputs = inputs if isinstance(inputs, tuple) else (inputs,)
    return tf.nest.flatten(network(*inputs))


def arguments_of(cls):
    parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
    return {p.name: p.default for p in parameters if p.kind != p.VAR_KEYWORD}


def test_no_class_is_forgotten():
    public = {
        value
        for package in (extensions, layers, quantizers, models)
        for value in vars(package).values()
        if inspect.isclass(value)
        and issubclass(value, keras.layers.Layer)
        and not inspect.isabstract(value)
    }
    assert public <= set(CASES)


@pytest.mark.parametrize("cls", CASES, ids=lambda cls: cls.__name__)
def test_every_argument_is_tried_with_a_value_of_its_own(cls):
    arguments, defaults = CASES[cls][0], arguments_of(cls)
    assert set(arguments) == set(defaults)
    for name, value in arguments.items():
        assert value != defaults[name], name


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("cls", CASES, ids=lambda cls: cls.__name__)
def test_round_trip(cls, dtype):
    arguments, inputs = CASES[cls]
    arguments = {name: v() if callable(v) else v for name, v in arguments.items()}
    original = cls(**arguments, name="its_name", dtype=dtype)
    # Before it is built: a run directory is written and read by unbuilt models too.
    assert rebuilt(original).get_config() == original.get_config()

    outputs = apply(original, inputs)
    clone = rebuilt(original)
    assert type(clone) is cls
    assert clone.name == "its_name"
    assert clone.dtype_policy == original.dtype_policy
    for name, value in arguments.items():
        kept = getattr(clone, name)
        if isinstance(value, keras.layers.Layer):
            assert kept.get_config() == value.get_config()
            assert type(kept) is type(value)
        else:
            assert kept == value, name

    apply(clone, inputs)
    for new, old in zip(clone.weights, original.weights, strict=True):
        assert new.name == old.name
        assert new.trainable == old.trainable
        new.assign(old)
    for found, expected in zip(apply(clone, inputs), outputs, strict=True):
        np.testing.assert_array_equal(found, expected)
