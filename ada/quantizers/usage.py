"""How codes are used: shares, perplexity, and when a codebook has collapsed."""

import tensorflow as tf

# A perplexity of 20 of 256 codes (our choice).
COLLAPSED_SHARE = 20 / 256


def equal_weights(steps: tf.Tensor) -> tf.Tensor:
    """Equal weights `[batch, time]` that sum to one, for steps `[batch, time, ...]`."""
    shape = tf.shape(steps)[:2]
    return tf.ones(shape) / tf.cast(tf.reduce_prod(shape), tf.float32)


def code_usage(codes: tf.Tensor, weights: tf.Tensor, num_codes: int) -> tf.Tensor:
    """The share of each code `[num_codes]`, from codes and weights `[batch, steps]`."""
    return tf.math.unsorted_segment_sum(
        tf.reshape(weights, [-1]), tf.reshape(codes, [-1]), num_codes
    )


def perplexity(usage: tf.Tensor) -> tf.Tensor:
    """Exp of the entropy of a usage vector `[..., num_codes]`; between 1 and num_codes."""
    share = usage / tf.maximum(tf.reduce_sum(usage, axis=-1, keepdims=True), 1e-30)
    return tf.exp(-tf.reduce_sum(tf.math.xlogy(share, share), axis=-1))


def usage_metrics(usage: tf.Tensor) -> dict[str, tf.Tensor]:
    """The metrics of a batch that every quantiser with codes reports."""
    return {
        "usage": usage,
        "perplexity": perplexity(usage),
        "used_codes": tf.math.count_nonzero(usage, dtype=tf.int32),
    }


def least_perplexity(num_codes: int) -> float:
    """The perplexity below which a codebook of `num_codes` codes has collapsed."""
    return max(1.5, COLLAPSED_SHARE * num_codes)


def collapsed(perplexity: float, num_codes: int) -> bool:
    """Whether the perplexity over many codes, or NaN, means that a codebook has collapsed."""
    return not perplexity >= least_perplexity(num_codes)
