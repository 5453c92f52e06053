"""Choosing one id from logits: temperature, top-k, top-p, and inverse-transform sampling."""

import numpy as np
import tensorflow as tf


def restrict(logits: tf.Tensor, top_k: int = 0, top_p: float = 1.0) -> tf.Tensor:
    """Sets the logits of unlikely ids to minus infinity.

    Of equally likely ids the first ones are kept, so that the number of kept ids is exact.

    Args:
      logits: `[batch, num_classes]`.
      top_k: keep the k likeliest; 0 keeps all.
      top_p: keep the smallest set of likeliest ids whose probability reaches p (Holtzman et al.
        2020); 1 keeps all.
    """
    if not top_k and top_p >= 1.0:
        return logits
    ordered = tf.sort(logits, axis=-1, direction="DESCENDING")
    num_classes = ordered.shape[-1]
    kept = tf.fill([tf.shape(logits)[0], 1], min(top_k or num_classes, num_classes))
    if top_p < 1.0:
        # An id is kept if the sum of the probabilities before it is below p; the first always is.
        before = tf.cumsum(tf.nn.softmax(ordered), axis=-1, exclusive=True)
        likely = tf.reduce_sum(tf.cast(before < top_p, tf.int32), axis=-1, keepdims=True)
        kept = tf.minimum(kept, tf.maximum(likely, 1))
    threshold = tf.gather(ordered, kept - 1, batch_dims=1)
    above, ties = logits > threshold, tf.cast(logits == threshold, tf.int32)
    missing = kept - tf.reduce_sum(tf.cast(above, tf.int32), axis=-1, keepdims=True)
    first_ties = (ties > 0) & (tf.cumsum(ties, axis=-1) <= missing)
    return tf.where(above | first_ties, logits, float("-inf"))


def choose(
    logits: tf.Tensor,
    uniform: tf.Tensor,
    temperature: tf.Tensor,
    top_k: int = 0,
    top_p: float = 1.0,
) -> tf.Tensor:
    """Samples an id by inverting the cumulative distribution.

    Args:
      logits: float32 `[batch, num_classes]`.
      uniform: float32 `[batch]` in [0, 1): the only randomness.
      temperature: float32 scalar; logits are divided by it. Near 0 the likeliest id is chosen.
      top_k: see `restrict`.
      top_p: see `restrict`.

    Returns:
      int32 `[batch]`.
    """
    scaled = restrict(logits / tf.maximum(temperature, 1e-6), top_k, top_p)
    probabilities = tf.nn.softmax(scaled)
    # The cumulative sum of XLA may change, even decrease, by rounding where probabilities are 0: so
    # impossible ids are masked, and the largest sum is taken as the total.
    cumulative = tf.where(probabilities > 0.0, tf.cumsum(probabilities, axis=-1), 0.0)
    total = tf.reduce_max(cumulative, axis=-1, keepdims=True)
    reached = cumulative > uniform[:, tf.newaxis] * total
    num_classes = logits.shape[-1]
    return tf.reduce_min(tf.where(reached, tf.range(num_classes), num_classes - 1), axis=-1)


def uniforms(
    seed: tf.Tensor | int, item: tf.Tensor | int, level: int, block: tf.Tensor | int, steps: int
) -> tf.Tensor:
    """The random numbers of one block: a pure function of its arguments, float32 `[steps]`.

    They are TensorFlow's Philox, equal in eager mode and in graphs, but different in XLA: functions
    that XLA compiles take them as inputs.

    Args:
      seed: random seed; the lowest 64 bits of a Python int are used.
      item: index of the clip; its random numbers do not depend on the other clips.
      level: index of the level in its chain, 0 for the bottom.
      block: index of the block in the clip.
      steps: length of the block.
    """
    seed, item, block = map(as_int64, (seed, item, block))
    key = tf.random.fold_in(tf.stack([seed, item]), level * 2**56 + block, alg="philox")
    return tf.random.stateless_uniform([steps], key, alg="philox")


def as_int64(numbers: tf.Tensor | np.ndarray | int) -> tf.Tensor:
    """Whole numbers as int64; the lowest 64 bits of a Python int."""
    if isinstance(numbers, int):
        numbers = (numbers + 2**63) % 2**64 - 2**63
    return tf.cast(numbers, tf.int64)
