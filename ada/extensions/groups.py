"""Groups of G consecutive steps that share one vector (ours)."""

import tensorflow as tf


def check_group_length(name: str, num_codes: int, group_length: int) -> None:
    """Raises ValueError, with the name of a quantiser, if G does not divide its codes."""
    if group_length < 1 or num_codes % group_length or num_codes < 2 * group_length:
        raise ValueError(
            f"{name}: num_codes {num_codes} must be a multiple of group_length {group_length}, "
            "with at least 2 codes for each place in a group."
        )


def group_means(steps: tf.Tensor, group_length: int) -> tf.Tensor:
    """Means of groups, at each of their steps.

    Args:
      steps: `[batch, steps, dim]`; an incomplete last group is padded with its last step.
      group_length: G.

    Returns:
      `[batch, steps, dim]`, steps padded to whole groups.
    """
    number = steps.shape[1]
    if number is None or number % group_length:
        missing = -tf.shape(steps)[1] % group_length
        steps = tf.concat([steps, tf.repeat(steps[:, -1:], missing, axis=1)], axis=1)
    means = tf.reduce_mean(in_groups(steps, group_length), axis=2)
    return tf.repeat(means, group_length, axis=1)


def group_sums(steps: tf.Tensor, group_length: int) -> tf.Tensor:
    """Sums of groups, at each of their steps, `[batch, steps, dim]` as given.

    Steps that the last group lacks count as zero.
    """
    number = tf.shape(steps)[1]
    whole = tf.pad(steps, [[0, 0], [0, -number % group_length], [0, 0]])
    sums = tf.reduce_sum(in_groups(whole, group_length), axis=2)
    return tf.repeat(sums, group_length, axis=1)[:, :number]


def in_groups(steps: tf.Tensor, group_length: int) -> tf.Tensor:
    """`[batch, groups * G, dim]` as `[batch, groups, G, dim]`."""
    return tf.reshape(steps, [tf.shape(steps)[0], -1, group_length, steps.shape[-1]])
