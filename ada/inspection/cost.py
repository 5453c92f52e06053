"""The cost of a model: multiplications, and an estimate of the memory of a training step.

The estimate counts values that the backward pass needs, with factors fitted to measurements on a
processor (`python -m tools.benchmark memory`).
"""

import math
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from ada.models import AutoregressiveDiscreteAutoencoder, Encoder, WaveNet
from ada.training import TrainingSettings
from ada.training.distributed.strategies import compiled_by_xla

MIB, GIB = 2**20, 2**30
# Memory of compiled programs and buffers, in MiB and MiB per layer, by whether XLA compiles and
# whether activations are recomputed.
PROGRAM_MIB = {
    (True, False): (180, 3.3),
    (True, True): (105, 7.7),
    (False, False): (105, 2.0),
    (False, True): (105, 2.0),
}
# Copies of the weights: themselves, Adam's two moments, the average, gradients before and after
# clipping, and what Adam makes for a while.
WEIGHT_COPIES = 7


class Memory(NamedTuple):
    """Bytes of a training step on one device.

    Attributes:
      weights: with optimizer, averages and gradients.
      activations: of one micro-batch.
      program: of any number of ids and channels.
    """

    weights: float
    activations: float
    program: float

    @property
    def total(self) -> float:
        """All of it."""
        return sum(self)


def training_memory(model: keras.Model, settings: TrainingSettings) -> Memory:
    """Estimates the memory of a training step on one device of this machine's kind.

    Args:
      model: a built model.
      settings: of its training.
    """
    xla = compiled_by_xla(settings, tf.distribute.get_strategy())
    recompute_layers = settings.recompute_layers
    weights = 4 * WEIGHT_COPIES * sum(int(np.prod(w.shape)) for w in model.weights)
    values, logits = _wavenet_values(model.local_model, xla, recompute_layers)
    layers = len(model.local_model.blocks)
    if isinstance(model, AutoregressiveDiscreteAutoencoder):
        values += _coder_values(model, recompute_layers)
        layers += len(model.encoder.blocks) + len(model.modulator.blocks)
    an_id = values * (4 if settings.precision == "float32" else 2) + logits * 4
    ids = settings.batch_size // settings.accumulation_steps * settings.crop_steps
    base, a_layer = PROGRAM_MIB[xla, recompute_layers > 0]
    return Memory(weights, ids * an_id, (base + a_layer * layers) * MIB)


def _wavenet_values(network: WaveNet, xla: bool, recompute_layers: int) -> tuple[float, float]:
    """Values kept for an id: activations, and what belongs to the logits, always float32."""
    layers, width, skip = len(network.blocks), network.residual_channels, network.skip_channels
    # Of a layer, for each channel: its input, filter and gate, their product, and that once more
    # side by side for the skips. TensorFlow's own kernels reorder some.
    a_layer = 5.0 if xla else 6.3
    kept = 4 * skip + a_layer * width * min(recompute_layers or layers, layers)
    if recompute_layers:
        stretches = math.ceil(layers / recompute_layers)
        # XLA adds up the skips of all stretches at the end.
        kept += (stretches + 2) * width + stretches * skip * (1.0 if xla else 1.7)
    return kept, 3 * network.num_classes


def _coder_values(model: AutoregressiveDiscreteAutoencoder, recompute_layers: int) -> float:
    """Values kept for an id by encoder, quantiser, modulator and conditioning."""
    encoder, hop, network = model.encoder, model.hop_length, model.local_model
    values, rate = 0.0, 1.0
    if encoder.front_end is None:
        values = 2.0 * encoder.embedding.channels
        for stride in encoder.downsample.strides:
            rate /= stride
            values += 3 * rate * encoder.channels
    blocks = len(encoder.blocks)
    a_block = 1 if recompute_layers else 4
    if encoder.front_end is None and encoder.downsampling == "average":
        values += (a_block * blocks + 4) * encoder.channels
    else:
        values += a_block * blocks * encoder.channels / hop
    values += 4 * len(model.modulator.blocks) * model.modulator.channels / hop
    # V h of all layers, its gradient, and that of each layer.
    conditioned = model.modulator.upsample_by / hop
    return values + conditioned * 3 * len(network.blocks) * 2 * network.residual_channels


def macs_an_id(model: keras.Model) -> float:
    """Multiply-accumulates of a forward pass for an id; a training step takes three times as many.

    Every weight of a product is used once at every step of its own rate.
    """
    network = model.local_model
    parts = [*network.blocks, network.skip, network.hidden, network.logits]
    macs = sum(_kernel_sizes(part) for part in parts)
    if not isinstance(model, AutoregressiveDiscreteAutoencoder):
        return macs
    encoder, modulator, hop = model.encoder, model.modulator, model.hop_length
    macs += _encoder_macs(encoder)
    slow = [model.to_queries, modulator.project, *modulator.blocks]
    macs += sum(map(_kernel_sizes, slow)) / hop
    if modulator.upsample is not None:
        macs += _kernel_sizes(modulator.upsample) / hop
    return macs + modulator.upsample_by * _kernel_sizes(network.condition) / hop


def _encoder_macs(encoder: Encoder) -> float:
    hop, blocks = encoder.hop_length, sum(map(_kernel_sizes, encoder.blocks))
    if encoder.front_end is not None:
        # Its filters, which are not weights, and the projection after them.
        filters = 2 * encoder.front_end.num_filters * encoder.front_end.num_taps
        return (filters + _kernel_sizes(encoder.front_end) + blocks) / hop
    convolutions = encoder.downsample.convolutions
    if encoder.downsampling == "average":
        return blocks + sum(map(_kernel_sizes, convolutions)) / hop
    macs, rate = blocks / hop, 1.0
    for stride, convolution in zip(encoder.downsample.strides, convolutions, strict=False):
        rate /= stride
        macs += rate * _kernel_sizes(convolution)
    return macs


def _kernel_sizes(layer: keras.layers.Layer) -> int:
    return sum(int(np.prod(w.shape)) for w in layer.weights if len(w.shape) > 1)
