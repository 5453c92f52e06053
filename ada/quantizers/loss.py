"""The loss of an autoregressive discrete autoencoder (the slides' VQ-VAE and AMAE)."""

import tensorflow as tf


def ada_loss(
    nll: tf.Tensor,
    q: tf.Tensor,
    e: tf.Tensor,
    weights: tf.Tensor,
    alpha: float = 0.0,
    beta: float = 0.0,
    nu: float = 0.0,
    mean_q: tf.Tensor | None = None,
    global_mean_q: tf.Tensor | None = None,
    uniform: float = 0.0,
) -> dict[str, tf.Tensor]:
    """The terms of the loss L; L is their sum. [ ] is `tf.stop_gradient`.

        L = -log p(x | q')  +  alpha (e - [q])^2  +  beta ([e] - q)^2  +  nu (E_t[q] - C^-1)^2
            reconstruction     codebook loss         commitment loss      diversity loss

    A VQ-VAE has nu = 0. In an AMAE, e is the constant one-hot vector, so that alpha = 0. NSynth has
    the first term alone.

    ( )^2 is the squared length: summed over the D dimensions, and averaged over batch and time.
    Implementations that average over dimensions as well (sonnet's `VectorQuantizer`) have D times
    smaller losses: their beta is D times ours. At D = 64, our 0.25 is their 16.

    Args:
      nll: -log p(x | q'), the mean over batch and time, in nats.
      q: queries, `[batch, steps, D]`; of an AMAE, normalised.
      e: what replaces them, `[batch, steps, D]`: codebook vectors or one-hot vectors. Not the
        straight-through q', with which no gradient would reach codebook or query.
      weights: share of each step in the means, `[batch, steps]`; they sum to one over the global
        batch.
      alpha: weight of the codebook loss.
      beta: weight of the commitment loss.
      nu: weight of the diversity loss.
      mean_q: E_t[q] over this part of the global batch, `[C]`, where nu > 0.
      global_mean_q: E_t[q] over the global batch; None if this is all of it.
      uniform: C^-1.
    """
    terms = {"nll": nll, "commitment": beta * mean_square(tf.stop_gradient(e) - q, weights)}
    if alpha:
        terms["codebook"] = alpha * mean_square(e - tf.stop_gradient(q), weights)
    if nu:
        share = tf.reduce_sum(weights)
        terms["diversity"] = nu * diversity(mean_q, global_mean_q, uniform, share)
    return terms


def mean_square(difference: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """Mean squared length of differences `[batch, steps, D]`, each step with its weight."""
    return tf.reduce_sum(weights * tf.reduce_sum(difference**2, axis=-1))


def diversity(
    mean_q: tf.Tensor, global_mean_q: tf.Tensor | None, uniform: float, share: tf.Tensor
) -> tf.Tensor:
    """(E_t[q] - C^-1)^2 of the global batch, summed over C.

    The square of a sum is not the sum of the squares. So each replica gives the tangent of the
    global square at its own part: values and gradients add up to those of the global batch.

    Args:
      mean_q: this replica's part of E_t[q], `[C]`.
      global_mean_q: E_t[q], `[C]`; None if this replica has the whole batch.
      uniform: C^-1.
      share: the replica's share of all weights.
    """
    if global_mean_q is None:
        return tf.reduce_sum((mean_q - uniform) ** 2)
    gap = tf.stop_gradient(global_mean_q) - uniform
    tangent = 2.0 * tf.reduce_sum(gap * (mean_q - tf.stop_gradient(mean_q)))
    return share * tf.reduce_sum(gap**2) + tangent
