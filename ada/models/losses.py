"""The output of `compute_losses`, the same for all models, and the distribution of ids."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

NATS_TO_BITS = 1.0 / np.log(2.0).astype(np.float32)


class ModelOutput(NamedTuple):
    """Losses of a batch.

    All values are sums with weights that sum to one over the *global* batch, so that those of
    replicas and micro-batches add up.

    Attributes:
      losses: weighted scalar terms; their sum is what training minimises. "nll" is in nats per
        step: -log p(ids), or -log p(ids | codes) for an autoencoder.
      metrics: raw values by name (`ada.quantizers.QuantizerOutput.metrics`).
      q: queries as the codes were chosen by (`ada.quantizers.LookUp`); None for a WaveNet.
      codes: int32 `[batch, code_steps]` of an autoencoder with codes, else None.
      row_nll: "nll" of each row, `[batch]`; None where there is no "nll", while the bottleneck is
        trained.
    """

    losses: dict[str, tf.Tensor]
    metrics: dict[str, tf.Tensor]
    q: tf.Tensor | None = None
    codes: tf.Tensor | None = None
    row_nll: tf.Tensor | None = None


def categorical(logits: tf.Tensor) -> tfp.distributions.Categorical:
    """The distribution of one id: the one place for log-probability and entropy."""
    return tfp.distributions.Categorical(logits=tf.cast(logits, tf.float32))


def explained_share(moments: np.ndarray) -> float:
    """Share of a target's variance that a prediction explains; 1 is all, 0 no more than its mean.

    Args:
      moments: means over time of the squared error, of the target and of its square, `[3, bands]`.
    """
    error, mean, square = np.asarray(moments, np.float64)
    return float(1.0 - error.sum() / max((square - mean**2).sum(), 1e-12))
