"""One level of a chain: samples the ids of one WaveNet, compiled once for all sequences."""

import copy
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from ada.generation.arguments import check_temperature
from ada.generation.backends import make_sampler
from ada.generation.choice import as_int64, uniforms
from ada.generation.conditioning import Conditioning
from ada.generation.rounding import ComparedSampler
from ada.generation.sampler import Array
from ada.runs.sampling_defaults import SamplingValues

# Ids per block, rounded up to whole codes. Changing it changes the clips of a seed: random numbers
# are drawn per block.
BLOCK_STEPS = 512
# Incremented whenever the same seed gives other clips than before.
DRAWING_VERSION = 3


class SamplingConfig(NamedTuple):
    """How ids are sampled.

    Attributes:
      seed: random seed.
      temperature: logits are divided by it.
      top_k: keep the k likeliest ids; 0 keeps all.
      top_p: keep the likeliest ids up to this probability; 1 keeps all.
    """

    seed: int = 0
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0

    @classmethod
    def from_values(cls, values: SamplingValues, seed: int = 0) -> "SamplingConfig":
        """The values of a run's `sampling.json` with a seed."""
        return cls(seed, values.temperature, values.top_k, values.top_p)


class Level:
    """Samples the ids of one level, for any number of batches; compiled once.

    Args:
      model: a built WaveNet or autoencoder; an autoencoder samples given its codes.
      config: how ids are sampled.
      index: of the level in its chain, 0 at the bottom; random numbers depend on it.
      batch_size: number of items computed side by side.
      backend: of the sampling loop (`ada.generation.backends`).
      weights: precision in which matrices are stored (`ada.generation.backends`).

    Raises:
      ValueError: for numbers out of range.
    """

    def __init__(
        self,
        model: keras.Model,
        config: SamplingConfig,
        *,
        index: int = 0,
        batch_size: int = 1,
        backend: str = "auto",
        weights: str = "float32",
    ) -> None:
        check_temperature(config.temperature)
        self.config, self.index = config, index
        has_codes_above = model.quantizer is not None
        self.hop_length = model.hop_length if has_codes_above else 1
        whole = model.alignment if has_codes_above else 1
        self.block_codes = -(-BLOCK_STEPS // whole) * whole // self.hop_length
        self.block_steps = self.block_codes * self.hop_length
        self.conditioning = Conditioning(model, self.block_codes) if has_codes_above else None
        self.receptive_field = model.receptive_field
        self.num_classes = model.num_classes
        given = (
            model.local_model,
            batch_size,
            self.block_steps,
            config.top_k,
            config.top_p,
            backend,
        )
        self.sampler = make_sampler(*given, weights)
        if weights != "float32":
            self.sampler = ComparedSampler(self.sampler, make_sampler(*given))
        self._ready = False
        # Compiled once, and shared by the signatures of an export.
        self._uniforms = tf.function(self._all_uniforms, autograph=False)

    def uniforms(self, seed: tf.Tensor | int, items: Array, block: tf.Tensor | int) -> tf.Tensor:
        """The random numbers of a block, float32 `[items, block_steps]`.

        Args:
          seed: see `ada.generation.uniforms`.
          items: indices of the clips.
          block: index of the block.
        """
        return self._uniforms(*map(as_int64, (seed, items, block)))

    def _all_uniforms(self, seed: tf.Tensor, items: tf.Tensor, block: tf.Tensor) -> tf.Tensor:
        return tf.stack(
            [
                uniforms(seed, item, self.index, block, self.block_steps)
                for item in tf.unstack(items)
            ]
        )

    @property
    def rounding_bits(self) -> float | None:
        """The cost of bfloat16 weights in bits per id (`ComparedSampler`); None with float32."""
        return getattr(self.sampler, "rounding_bits", None)

    def with_config(self, config: SamplingConfig) -> "Level":
        """The same compiled level with another seed and temperature.

        Raises:
          ValueError: if top-k or top-p differ, which are compiled, or for an invalid temperature.
        """
        check_temperature(config.temperature)
        if (config.top_k, config.top_p) != (self.config.top_k, self.config.top_p):
            raise ValueError(f"Level: {config} has another top-k or top-p than {self.config}.")
        level = copy.copy(self)
        level.config = config
        return level

    def compile(self) -> None:
        """Compiles sampler and modulator, without generating anything."""
        if self._ready:
            return
        sampler, h = self.sampler, None
        if self.conditioning is not None:
            self.conditioning.compile()
            steps = self.block_codes * self.conditioning.rate
            h = np.zeros(
                [sampler.batch_size, steps, sampler.model.conditioning_channels], np.float32
            )
        noise = np.zeros([sampler.batch_size, self.block_steps], np.float32)
        sampler(sampler.initial_state(), noise, conditioning=h, num_steps=0)
        self._ready = True
